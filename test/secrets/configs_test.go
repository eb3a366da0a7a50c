package secrets_test

import (
	"strings"
	"testing"
)

// well are the sources and datasets of a night that goes well.
const well = `sources:
  app: { url: "sqlite:app.db" }
datasets:
  workspaces: { source: app, query: "SELECT id AS workspace_id, name AS workspace_name, plan FROM workspaces" }
  audit_events: { source: app, query: "SELECT id AS event_id, workspace AS workspace_id, at AS occurred_at, 'member.added' AS action FROM events WHERE at >= :from AND at < :to" }
`

// config is a config with a secret in every place beside the sources and the lake.
func (h *house) config(t *testing.T, rest string) string {
	t.Helper()
	base := h.others.server.URL
	h.write(t, "hook.token", h.secret("webhook file"))
	return "lake: { bucket: \"file:lake?create_dir=true\" }\n" +
		"retry: { budget: 0s }\n" +
		"quality: { max_rejected_ratio: 0.9 }\n" +
		"schedule: { status_file: status.json, listen: \"127.0.0.1:0\", cron: \"0 0 * * *\", jitter: 0s }\n" +
		"notify:\n  webhooks:\n" +
		"    - { url: \"" + base + "/hook/${file:hook.token}?token=" + h.variable("H", h.secret("webhook query")) + "\", signing_key: \"" + h.variable("K", h.key("signing key")) + "\" }\n" +
		"    - { url: \"" + base + "/literal/" + h.secret("webhook literal") + "\" }\n" +
		"  email: { server: \"smtp://user:" + h.variable("M", h.secret("mail password")) + "@" + h.others.mail.Addr().String() + "\", from: a@b.c, to: [d@e.f] }\n" +
		"  ping: \"" + base + "/ping/${var:constant://?val=" + h.secret("ping variable") + "&decoder=string}\"\n" +
		"openlineage: { url: \"" + base + "/lineage/" + h.secret("lineage path") + "\", api_key: \"" + h.variable("L", h.secret("lineage key")) + "\" }\n" +
		"admin:\n  listen: 127.0.0.1:0\n  session_secret: \"" + h.variable("S", h.key("session secret")) + "\"\n" +
		"  oidc: { issuer: \"" + base + "/issuer\", client_id: c, client_secret: \"" + h.variable("O", h.secret("client secret")) +
		"\", roles: { x: { role: Administrator, workspaces: [\"*\"] } } }\n" + rest
}

// broken is a config that fails, and how.
type broken struct {
	text     string
	exit     int
	says     string
	commands string // beside check
}

func (h *house) broken(t *testing.T) map[string]broken {
	t.Helper()
	plain := h.config(t, well)
	with := func(old, other string) string {
		t.Helper()
		text := strings.Replace(plain, old, other, 1)
		if text == plain {
			t.Fatalf("%q is not in the config", old)
		}
		return text
	}
	source := func(url string) string { t.Helper(); return with("sqlite:app.db", url) }
	lake := func(url string) string { t.Helper(); return with("file:lake?create_dir=true", url) }
	keys := func(url string) string { t.Helper(); return with("admin:\n", "admin:\n  keys: \""+url+"\"\n") }
	refusing := strings.Replace(h.others.server.URL, "http://", "", 1) + "/s3"
	return map[string]broken{
		"PostgreSQL that is away": {
			source("postgres://u:" + h.variable("P", h.secret("PostgreSQL password")) + "@127.0.0.1:1/app?connect_timeout=2"), 1, "unreachable", "run"},
		"PostgreSQL with a password in its query": {
			source("postgres://127.0.0.1:1/app?user=u&connect_timeout=2&password=" + h.secret("PostgreSQL parameter")), 1, "unreachable", "run"},
		"PostgreSQL that refuses": {
			source("postgres://u:" + h.secret("PostgreSQL password that is refused") + "@" + h.others.pg.Addr().String() + "/app?sslmode=disable"), 2, "no user", "run"},
		"MySQL that is away": {source("mysql://u:" + h.secret("MySQL password") + "@127.0.0.1:1/app"), 1, "unreachable", "run"},
		"a URL from a variable": {
			source("constant://?val=postgres://u:" + h.secret("runtime variable") + "@127.0.0.1:1/app&decoder=string"), 1, "unreachable", "run"},
		"a bucket that is away": {
			lake("s3://b?endpoint=http://u:" + h.secret("endpoint password") + "@127.0.0.1:1&use_path_style=true&region=x"), 1, "unreachable", "run verify runs key-list"},
		"a bucket that refuses": {
			lake("s3://b?endpoint=http://u:" + h.secret("endpoint password") + "@" + refusing + "&use_path_style=true&region=x"), 2, "access denied", "run verify runs key-list"},
		"keys that are away": {
			keys("s3://b?endpoint=http://u:" + h.secret("keys password") + "@127.0.0.1:1&use_path_style=true&region=x"), 1, "keys", "key-list"},
		"data that is wrong":           {with("AS event_id", "AS event_id_x"), 3, "event_id", "run"},
		"a query that fails":           {with("FROM events", "FROM nowhere"), 2, "nowhere", "run"},
		"an unknown key":               {with("retry:", "retyr:"), 2, "retyr", "run verify serve schedule runs key-list"},
		"a scheme that is not":         {source("postgress://u:" + h.secret("odd scheme") + "@h/app"), 2, "sources.app.url", "run"},
		"a URL that is none":           {source("postgres://u:" + h.secret("odd URL") + "@h b:x/%zz"), 2, "sources.app.url", "run"},
		"a variable that is not there": {source("postgres://u:" + h.secret("beside a variable") + "${NOT_SET}@h/app"), 2, "NOT_SET", "run"},
	}
}
