package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	_ "gocloud.dev/runtimevar/constantvar"
)

const canary = "k4n4ry-v4lu3"

// canaryConfigs puts a secret in every place that takes text, in every way that one can get there.
func canaryConfigs() map[string]string {
	ways := map[string]string{
		"env": "${CANARY}", "file": "${file:/run/canary}", "var": "${var:constant://?val=" + canary + "}",
		"inside": "x${CANARY}y",
	}
	places := map[string]string{
		"timezone":       "timezone: \"%s\"\n" + usageYAML(""),
		"history_start":  "history_start: \"%s\"\n" + usageYAML(""),
		"bucket":         strings.Replace(usageYAML(""), "mem://", "%s", 1),
		"bucket_path":    strings.Replace(usageYAML(""), "mem://", "file:%s", 1),
		"prefix":         strings.Replace(usageYAML(""), `"mem://" }`, `"mem://", prefix: "%s" }`, 1),
		"cron":           usageYAML("schedule: { cron: \"%s\" }\n"),
		"catch_up":       usageYAML("schedule: { catch_up_days: \"%s\" }\n"),
		"url":            strings.Replace(usageYAML(""), "postgres://report@db/app", "%s", 1),
		"url_scheme":     strings.Replace(usageYAML(""), "postgres://report@db/app", "%s://db/app", 1),
		"url_user":       strings.Replace(usageYAML(""), "report@", "%s@", 1),
		"url_password":   strings.Replace(usageYAML(""), "report@", "report:%s@", 1),
		"url_host":       strings.Replace(usageYAML(""), "@db/", "@%s/", 1),
		"url_path":       strings.Replace(usageYAML(""), "db/app", "db/%s", 1),
		"url_query":      strings.Replace(usageYAML(""), "db/app", "db/app?application_name=%s", 1),
		"url_bad":        strings.Replace(usageYAML(""), "report@db/app", "report:%s@d b:x/app%%zz", 1),
		"sqlite_host":    strings.Replace(usageYAML(""), "postgres://report@db/app", "sqlite://%s/app.db", 1),
		"source_tz":      strings.Replace(usageYAML(""), `db/app" }`, `db/app", timezone: "%s" }`, 1),
		"timeout":        strings.Replace(usageYAML(""), `db/app" }`, `db/app", statement_timeout: "%s" }`, 1),
		"dataset_source": usageYAML("  grids: { source: \"%s\", query: SELECT 1 }\n"),
		"query":          usageYAML("  grids: { source: app, query: \"SELECT '%s'\" }\n"),
		"event_query":    usageYAML("  sync_events: { source: app, query: \"SELECT :%s\" }\n"),
		"path":           usageYAML("  grids: { source: files, path: \"a/%s.csv\" }\n"),
		"placeholder":    usageYAML("  grids: { source: files, path: \"a/{%s}.csv\" }\n"),
		"bad_path":       usageYAML("  grids: { source: files, path: \"/%s.csv\" }\n"),
		"format":         usageYAML("  grids: { source: files, path: a.csv, format: \"%s\" }\n"),
		"delimiter":      usageYAML("  grids: { source: files, path: a.csv, delimiter: \"%s\" }\n"),
		"dataset_tz":     usageYAML("  grids: { source: app, query: SELECT 1, timezone: \"%s\" }\n"),
		"epoch_unit":     usageYAML("  grids: { source: app, query: SELECT 1, epoch_unit: \"%s\" }\n"),
		"lookback":       usageYAML("  grids: { source: app, query: SELECT 1, lookback_days: \"%s\" }\n"),
		"column":         usageYAML("  grids: { source: app, query: SELECT 1, columns: { grid_id: \"%s\" } }\n"),
		"mapping":        usageYAML("  grids: { source: app, query: SELECT 1, mappings: { grid_name: { a.b: \"%s\" } } }\n"),
		"route":          usageYAML("api_routes: [/a, \"/%s\"]\n"),
		"bad_route":      usageYAML("api_routes: [/a, \"%s?\"]\n"),
		"ratio":          usageYAML("quality: { max_rejected_ratio: \"%s\" }\n"),
		"overrides":      usageYAML("identity: { overrides: \"%s\" }\n"),
		"webhook":        usageYAML("notify: { webhooks: [{ url: \"%s\" }] }\n"),
		"webhook_path":   usageYAML("notify: { webhooks: [{ url: \"https://h/x/%s\" }] }\n"),
		"webhook_host":   usageYAML("notify: { webhooks: [{ url: \"https://u:p@%s/x\" }] }\n"),
		"webhook_bad":    usageYAML("notify: { webhooks: [{ url: \"https://h:%s/x\" }] }\n"),
		"webhook_key":    usageYAML("notify: { webhooks: [{ url: \"https://h/\", signing_key: \"%s\" }] }\n"),
		"webhook_key_ok": usageYAML("notify: { webhooks: [{ url: \"https://h/\", signing_key: \"aHVzaC1odXNoIGh1c2gtaHVzaCBodXNoLWh1c2g=%s\" }] }\n"),
		"mail_password":  usageYAML("notify: { email: { server: \"smtp://u:%s@h\", from: a@b.c, to: [a@b.c] } }\n"),
		"mail_user":      usageYAML("notify: { email: { server: \"smtp://%s:literal@h\", from: a@b.c, to: [a@b.c] } }\n"),
		"mail_bad":       usageYAML("notify: { email: { server: \"smtp://u:p@h/%s\", from: a@b.c, to: [a@b.c] } }\n"),
		"mail_from":      usageYAML("notify: { email: { server: \"smtp://h\", from: \"%s\", to: [a@b.c] } }\n"),
		"mail_from_ok":   usageYAML("notify: { email: { server: \"smtp://h\", from: \"%s@b.c\", to: [\"%[1]s@b.c\"] } }\n"),
		"ping":           usageYAML("notify: { ping: \"%s\" }\n"),
		"ping_path":      usageYAML("notify: { ping: \"https://h/%s\" }\n"),
		"lineage":        usageYAML("openlineage: { url: \"https://h/%s\", api_key: \"%[1]s\", namespace: \"%[1]s\" }\n"),
		"lineage_key":    usageYAML("openlineage: { api_key: \"%s\" }\n"),
		"admin_listen":   usageYAML("admin: { listen: \"%s\" }\n"),
		"admin_url":      usageYAML("admin: { url: \"%s\" }\n"),
		"admin_keys":     usageYAML("admin: { keys: \"s3://b?token=%s\" }\n"),
		"admin_keys_bad": usageYAML("admin: { keys: \"nope://u:%s@b\" }\n"),
		"admin_session":  usageYAML("admin: { session_secret: \"%s\" }\n"),
		"admin_proxy":    usageYAML("admin: { trusted_proxies: [\"%s\"] }\n"),
		"oidc_secret":    usageYAML(strings.Replace(oidcYAML, "${WORD}", "%s", 1)),
		"oidc_issuer":    usageYAML(strings.Replace(oidcYAML, "https://login.example", "http://%s", 1)),
		"oidc_scope":     usageYAML(strings.Replace(oidcYAML, "client_id: x", "client_id: \"%s\", scopes: [\"%[1]s x\"]", 1)),
		"oidc_grant":     usageYAML(strings.Replace(oidcYAML, "\"*\"] }", "\"%s\"], role: \"%[1]s\" }", 1)),
		"retention":      usageYAML("retention: { runs_days: \"%s\" }\n"),
		"retry":          usageYAML("retry: { budget: \"%s\" }\n"),
		"local_part":     usageYAML("identity: { no_proof_local_parts: [a, \"%s\", \"%[1]s@x\"] }\n"),
	}
	all := map[string]string{}
	for place, text := range places {
		for way, ref := range ways {
			all[place+"/"+way] = fmt.Sprintf(text, ref)
		}
	}
	for _, place := range []string{
		"url_password", "url_bad", "webhook", "webhook_path", "webhook_key", "webhook_bad", "mail_password", "mail_bad", "ping", "ping_path", "lineage_key",
		"admin_keys", "admin_keys_bad", "admin_session", "oidc_secret",
	} {
		all[place+"/literal"] = fmt.Sprintf(places[place], canary)
	}
	all["url_beside_reference/literal"] = strings.Replace(usageYAML(""), "report@", "${X}:"+canary+"@", 1)
	all["webhook_beside_reference/literal"] = usageYAML("notify: { webhooks: [{ url: \"https://${X}/" + canary + "\" }] }\n")
	for name, url := range map[string]string{
		"query": "postgres://db/app?password=" + canary, "slash": "postgres://u:x/" + canary + "@db/app",
		"hash": "postgres://u:x#" + canary + "?y@db/app", "dsn": "host=db password=" + canary, "mysql": "u:" + canary + "@tcp(db)/app",
		"scheme": "oracle://u:" + canary + "@db/app", "nested": "s3://b?endpoint=http%3A%2F%2Fu%3A" + canary + "%40h", "var": "constant://?val=" + canary,
	} {
		all["url_"+name+"/literal"] = fmt.Sprintf(places["url"], url)
	}
	return all
}

func TestNothingShowsASecret(t *testing.T) {
	env := Env{
		LookupEnv: func(name string) (string, bool) {
			if name == "X" {
				return "plain", true
			}
			return canary, true
		},
		ReadFile: func(string) ([]byte, error) { return []byte(canary), nil },
		OpenVar:  func(context.Context, string) (string, error) { return canary, nil },
	}
	accepted, refused := 0, 0
	for name, text := range canaryConfigs() {
		c, err := parse(context.Background(), "usagereport.yaml", "/etc", []byte(text), env)
		if err != nil {
			refused++
			for _, shown := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
				if strings.Contains(shown, canary) {
					t.Errorf("%s: the error shows the secret: %s", name, shown)
				}
			}
			continue
		}
		accepted++
		if s := fmt.Sprintf("%v %+[1]v %#[1]v", struct{ hidden *Config }{c}); strings.Contains(s, canary) {
			t.Errorf("%s: a struct that holds the config shows the secret: %s", name, s)
		}
		parts := []any{c, *c, c.Lake, c.Schedule, c.Quality, c.Identity, c.Sources, c.Datasets,
			c.Notify, c.Notify.Webhooks, c.Notify.Email, c.Notify.Email.Server, c.Notify.Ping, c.OpenLineage, c.OpenLineage.APIKey,
			struct{ hidden Secret }{c.Notify.Ping},
			c.Lake.Bucket, c.Sources["app"].URL, struct{ hidden URL }{c.Sources["app"].URL}}
		for _, s := range c.Sources {
			parts = append(parts, s, &s)
		}
		for _, d := range c.Datasets {
			parts = append(parts, d, &d)
		}
		for _, part := range parts {
			var shown bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
				fmt.Fprintf(&shown, verb+"\n", part)
			}
			if b, err := json.Marshal(part); err == nil {
				shown.Write(b)
			} else {
				t.Errorf("%s: %T: %v", name, part, err)
			}
			if b, err := yaml.Marshal(part); err == nil {
				shown.Write(b)
			} else {
				t.Errorf("%s: %T: %v", name, part, err)
			}
			slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "part", part)
			slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "part", part)
			hex := fmt.Sprintf("%x", canary)
			if s := shown.String(); strings.Contains(s, canary) || strings.Contains(s, hex) {
				t.Errorf("%s: %T shows the secret:\n%s", name, part, s)
			}
		}
	}
	if accepted < 20 || refused < 20 {
		t.Errorf("%d configs were accepted and %d refused: the test has lost its reach", accepted, refused)
	}
}

// The error of a secret store often quotes the URL that it was given, or parts of it.
func TestErrorsOfVariablesAreScrubbed(t *testing.T) {
	env := Env{OpenVar: func(_ context.Context, url string) (string, error) {
		return "", fmt.Errorf("open %q\n(%s): bad", url, canary)
	}}
	for _, ref := range []string{"${var:https://u:" + canary + "@h/x}", "${var:constant://?val=" + canary + "}", "constant://?val=" + canary} {
		_, err := parse(context.Background(), "f", "/", []byte(strings.Replace(usageYAML(""), "postgres://report@db/app", ref, 1)), env)
		if err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v", ref, err)
		}
	}
}

func TestASecretCannotChangeTheDocument(t *testing.T) {
	env := Env{LookupEnv: func(string) (string, bool) { return "a\"}\nlake: {bucket: 'x'}\n# ${OTHER}", true }}
	c, err := parse(context.Background(), "f", "/", []byte(usageYAML("  grids: { source: app, query: \"SELECT ${X}\" }\n")), env)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Datasets["grids"].Query, "SELECT a\"}\nlake: {bucket: 'x'}\n# ${OTHER}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"postgres://u@h/db":                  "postgres://u@h/db",
		"postgres://u:p@h/db":                "postgres://u:REDACTED@h/db",
		"postgres://u:p@p/x?@h/db":           "postgres://u:REDACTED@h/db",
		"postgres://u:${PW}@h/db":            "postgres://u:${PW}@h/db",
		"postgres://u:${PW}x@h/db":           "postgres://u:REDACTED@h/db",
		"postgres://h/db?password=x&a=b":     "postgres://h/db?password=REDACTED&a=b",
		"postgres://h/db?PassWord=x":         "postgres://h/db?PassWord=REDACTED",
		"postgres://h/db?p%61ssword=x":       "postgres://h/db?p%61ssword=REDACTED",
		"s3://b?region=eu&secret_key=x":      "s3://b?region=eu&secret_key=REDACTED",
		"azblob://c?sig=${SIG}":              "azblob://c?sig=${SIG}",
		"https://h/x?endpoint=http://u:p@h2": "https://h/x?endpoint=REDACTED",
		"sqlite:a/b.db?_pragma=x":            "sqlite:a/b.db?_pragma=x",
		"file:///x?metadata=skip":            "file:///x?metadata=skip",
		"${DB_URL}":                          "${DB_URL}",
		"password":                           "REDACTED",
		"user:pw@tcp(h)/db":                  "user:pw@tcp(h)/db",
	} {
		got := Redact(in)
		if in == "user:pw@tcp(h)/db" {
			want = "user:REDACTED@tcp(h)/db" // the form of Go's MySQL driver
		}
		if in == "https://h/x?endpoint=http://u:p@h2" {
			if strings.Contains(got, "u:p@") {
				t.Errorf("%s: got %s", in, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
		if again := Redact(got); again != got {
			t.Errorf("%s: not stable: %s", got, again)
		}
	}
}

func TestURL(t *testing.T) {
	u := NewURL("postgres://u:p@h/db")
	if u.Reveal() != "postgres://u:p@h/db" || u.Scheme() != "postgres" || u.String() != "postgres://u:REDACTED@h/db" {
		t.Errorf("got %q %q %q", u.Reveal(), u.Scheme(), u)
	}
	if got := fmt.Sprintf("%#v %q", u, u); got != `"postgres://u:REDACTED@h/db" "postgres://u:REDACTED@h/db"` {
		t.Errorf("got %s", got)
	}
	var none URL
	if none.Reveal() != "" || none.Scheme() != "" || none.String() != "" {
		t.Errorf("got %q", none.Reveal())
	}
}

func TestExpand(t *testing.T) {
	env := testEnv(map[string]string{"A": "1", "B_2": "two", "NL": "x\n", "NEST": "${A}"})
	x := newExpander(context.Background(), env, "/run")
	for in, want := range map[string]string{
		"":                              "",
		"plain $ $1 $$ $x":              "plain $ $1 $$ $x",
		"${A}":                          "1",
		"a${A}${B_2}b":                  "a1twob",
		"$${A}":                         "${A}",
		"$$${A}":                        "$${A}",
		"${NEST}":                       "${A}", // a value is not expanded again
		"${NL}":                         "x\n",
		"${file:/run/secrets/pw}":       "from-file",
		"${file:secrets/pw}":            "from-file",
		"${var:awssecretsmanager://db}": "postgres://app:from-store@db/app",
	} {
		got, _, failure := x.expand(in)
		if failure != nil || got != want {
			t.Errorf("%q: got %q %v, want %q", in, got, failure, want)
		}
	}
	for _, in := range []string{"${", "${}", "${A", "${1A}", "${A B}", "${A:-x}", "${file:}", "${file:none}", "${var:}", "${NONE}"} {
		if got, _, failure := x.expand(in); failure == nil {
			t.Errorf("%q: accepted as %q", in, got)
		}
	}
	none := newExpander(context.Background(), Env{}, "/")
	for _, in := range []string{"${A}", "${file:/x}", "${var:constant://}"} {
		if _, _, failure := none.expand(in); failure == nil {
			t.Errorf("%q: accepted without an environment", in)
		}
	}
}

func TestVariablesAreOpenedOnce(t *testing.T) {
	calls := 0
	env := Env{OpenVar: func(context.Context, string) (string, error) { calls++; return "x", nil }}
	_, err := parse(context.Background(), "f", "/", []byte(usageYAML("api_routes: [\"/${var:a://b}\", \"/y${var:a://b}\"]\n")), env)
	if err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestErrorsIs(t *testing.T) {
	var err error = Errors{{File: "f", Message: "m"}}
	if !errors.Is(err, ErrInvalid) || err.Error() != "f: m" {
		t.Errorf("got %v", err)
	}
	var list Errors
	if !errors.As(fmt.Errorf("load: %w", err), &list) || len(list) != 1 {
		t.Errorf("got %v", list)
	}
}

func TestOpenVar(t *testing.T) {
	ctx := context.Background()
	for url, want := range map[string]string{
		"constant://?val=hello&decoder=string": "hello",
		"constant://?val=hello":                "hello", // bytes
	} {
		if got, err := OpenVar(ctx, url); err != nil || got != want {
			t.Errorf("%s: got %q, %v", url, got, err)
		}
	}
	for _, url := range []string{"constant://?val={}&decoder=jsonmap", "constant://?err=broken", "nothing://x", ":"} {
		if got, err := OpenVar(ctx, url); err == nil {
			t.Errorf("%s: got %q", url, got)
		}
	}
}
