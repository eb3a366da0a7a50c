package config

import (
	"reflect"
	"strings"
)

// section documents one struct of the config, and key one of its fields: the one source of the JSON Schema's
// descriptions and of docs/configuration.md.
type section struct {
	typ  reflect.Type
	path string // where it stands in the file
	doc  string
	keys []key
}

type key struct {
	name     string
	kind     string // what the value is, for people
	required bool
	fallback any      // the default as YAML has it; nil when there is none
	enum     []string // every accepted value; nil when there are others
	doc      string
}

// sections returns the documentation in reading order.
func sections() []section {
	return []section{
		{
			typ: reflect.TypeFor[Config](),
			doc: "The top level of the file.",
			keys: []key{
				{name: "timezone", kind: "time zone", fallback: "UTC",
					doc: "The reporting time zone, an IANA name such as `America/New_York`: which calendar day an event belongs to, which day a run is for, and when `schedule.cron` fires."},
				{name: "history_start", kind: "date",
					doc: "The first day that is read, as `YYYY-MM-DD`. Without it the first run reads all the history that the sources hold."},
				{name: "lake", kind: "section", required: true, doc: "Where to publish."},
				{name: "schedule", kind: "section", doc: "When `usagereport schedule` runs."},
				{name: "sources", kind: "map of sections", doc: "Databases and buckets to read from, by a name of your choice."},
				{name: "datasets", kind: "map of sections",
					doc: "What is read from where, by the name that the data dictionary gives the dataset. A domain (usage, audit, integration) is produced when all the datasets it needs are bound. Only a file that is for `usagereport serve` alone does without."},
				{name: "api_routes", kind: "list of texts",
					doc: "Templates of API paths such as `/v1/agents/{agent_id}/run`, the first match wins. In the Generation Log each `{…}` becomes `{id}`; paths that match none are anonymised by the look of their segments."},
				{name: "quality", kind: "section", doc: "How much may be wrong with the input."},
				{name: "identity", kind: "section", doc: "Who counts as one user in the usage workbooks."},
				{name: "notify", kind: "section", doc: "Who hears of runs that failed, and of nights that went well."},
				{name: "openlineage", kind: "section", doc: "Where lineage events go."},
				{name: "retry", kind: "section", doc: "How long a run keeps trying what may work a moment later."},
				{name: "retention", kind: "section", doc: "How long things are kept."},
				{name: "admin", kind: "section", doc: "How `usagereport serve` is reached and who may use it."},
			},
		},
		{
			typ: reflect.TypeFor[Lake](), path: "lake",
			doc: "Where everything is published.",
			keys: []key{
				{name: "bucket", kind: "URL", required: true,
					doc: "A Go CDK bucket URL: " + codes(BucketSchemes()) + ". A `file:` path may be relative to the config file."},
				{name: "prefix", kind: "text", fallback: "",
					doc: "Folders below which everything is written, such as `usage/prod`. Slashes at the ends do not matter."},
			},
		},
		{
			typ: reflect.TypeFor[Schedule](), path: "schedule",
			doc: "When the long-running `usagereport schedule` works.",
			keys: []key{
				{name: "cron", kind: "cron expression", fallback: "30 2 * * *",
					doc: "Minute, hour, day of month, month, day of week in the reporting time zone, or a descriptor such as `@daily`. One snapshot is made a day: further times of a day are further chances for one that failed."},
				{name: "catch_up_days", kind: "whole number", fallback: 7,
					doc: "After a gap, at most so many days before the newest one that is due are run afterwards, oldest first. 0 to 365."},
				{name: "jitter", kind: "duration", fallback: "0s",
					doc: "Spreads the load of many installations: every start is later than `cron` says by a part of this time, always the same part for one machine and lake. Up to `12h`."},
				{name: "deadline", kind: "duration", fallback: "12h",
					doc: "How long one run may take. One that takes longer is cancelled, publishes nothing and is tried again. `1m` to `168h`."},
				{name: "grace_period", kind: "duration", fallback: "20s",
					doc: "How long a run that is under way may go on when the program is told to stop (SIGTERM); then it is abandoned, and made again after the next start. Give the supervisor a longer time before it kills. Up to `24h`."},
				{name: "status_file", kind: "file", doc: "A JSON file that always says what ran, what is next and what went wrong. A relative path starts at the config file; its folder must be there."},
				{name: "listen", kind: "address", doc: "Where `/healthz` and `/livez` answer over HTTP, such as `:8081` or `127.0.0.1:8081`. Nothing listens unless it is given."},
			},
		},
		{
			typ: reflect.TypeFor[Source](), path: "sources.<name>",
			doc: "A database or a bucket to read from. Whether it is one or the other follows from the URL.",
			keys: []key{
				{name: "url", kind: "URL", required: true,
					doc: "A database (" + codes(SQLSchemes()) + ") or a bucket (" + codes(BucketSchemes()) + "). May also be a runtimevar URL that holds the URL, see [Secrets](#secrets)."},
				{name: "timezone", kind: "time zone", fallback: "UTC",
					doc: "The zone of timestamps that carry none."},
				{name: "statement_timeout", kind: "duration", fallback: "30m",
					doc: "How long one query may take, such as `90s` or `2h`. Databases only."},
			},
		},
		{
			typ: reflect.TypeFor[Dataset](), path: "datasets.<name>",
			doc: "One dataset of the data dictionary: `query` where the source is a database, `path` where it is a bucket.",
			keys: []key{
				{name: "source", kind: "name", required: true, doc: "One of the names under `sources`."},
				{name: "query", kind: "SQL",
					doc: "A SELECT whose columns have the dataset's field names, or those that `columns` gives. See [Queries](#queries) for `:from`, `:to` and `:changed_since`."},
				{name: "path", kind: "pattern",
					doc: "Keys in the bucket: `*` and `?` within a folder, `**` across folders, and `{date}` or `{yyyy}`, `{mm}`, `{dd}` for delivery partitions. See [Files](#files)."},
				{name: "format", kind: "name", enum: []string{string(CSV), string(JSONL), string(Parquet)},
					doc: "The format of the files. Told from the end of the path (`.csv`, `.jsonl`, `.ndjson`, `.json`, `.parquet`, before `.gz` or `.zst`) unless it is given."},
				{name: "delimiter", kind: "character", fallback: ",", doc: "What separates the fields of a CSV file, such as `;` or `\"\\t\"`."},
				{name: "timezone", kind: "time zone", doc: "The zone of this dataset's timestamps that carry none; the source's unless it is given."},
				{name: "epoch_unit", kind: "name", enum: []string{string(Seconds), string(Milliseconds), string(Microseconds), string(Nanoseconds)},
					doc: "What a bare integer counts where a timestamp is wanted, from 1970-01-01 UTC. Without it such rows are rejected, except in Parquet files whose type says the unit."},
				{name: "lookback_days", kind: "whole number", fallback: 3,
					doc: "How many past days an event query reads again every night, to find late rows. Of no use, and refused, beside `:changed_since`. 0 to 365."},
				{name: "columns", kind: "map of texts", doc: "Renames: the dataset's field, then the column of the source: `user_id: uid`."},
				{name: "mappings", kind: "map of maps of texts",
					doc: "Replaces values: the dataset's field, then the source's value, then the value to use: `plan: { biz: Business }`. Text fields only; values that are not listed stay."},
			},
		},
		{
			typ: reflect.TypeFor[Quality](), path: "quality",
			doc: "How much may be wrong with the input before a run fails and publishes nothing.",
			keys: []key{
				{name: "max_rejected_ratio", kind: "number", fallback: 0.001,
					doc: "The share of a dataset's rows, 0 to 1, that may be unusable. They go to `quarantine/` either way."},
			},
		},
		{
			typ: reflect.TypeFor[Identity](), path: "identity",
			doc: "Tunes who counts as one user in the usage workbooks.",
			keys: []key{
				{name: "overrides", kind: "file", doc: "A YAML file that says who is the same person and who is not, see [Overrides](#overrides). A relative path starts at the config file."},
				{name: "no_proof_local_parts", kind: "list of texts",
					doc: "What stands before the @ of addresses that many people share and that therefore prove nothing, such as `info`, `admin`, `noreply`."},
			},
		},
		{
			typ: reflect.TypeFor[Notify](), path: "notify",
			doc: "Who hears of runs that failed, of the first one after that which did not, and of every night that went well: [telling people](operations.md#telling-people).",
			keys: []key{
				{name: "webhooks", kind: "list of sections", doc: "URLs that messages are posted to as JSON; those of Slack and Mattermost show them as they are."},
				{name: "email", kind: "section", doc: "How messages go out as e-mail."},
				{name: "ping", kind: "secret URL", doc: "A URL that is fetched after every night that was published without an error: a service that misses it raises the alarm, also when this program cannot."},
			},
		},
		{
			typ: reflect.TypeFor[Webhook](), path: "notify.webhooks[]",
			doc: "One URL that messages are posted to.",
			keys: []key{
				{name: "url", kind: "secret URL", required: true, doc: "An `https:` or `http:` URL. It is treated as a secret, since most of them let in whoever knows them."},
				{name: "signing_key", kind: "secret", doc: "A key in base64, with or without `whsec_` before it. Messages are then signed as [Standard Webhooks](https://www.standardwebhooks.com) has it."},
			},
		},
		{
			typ: reflect.TypeFor[Mail](), path: "notify.email",
			doc: "How messages go out as e-mail.",
			keys: []key{
				{name: "server", kind: "URL", required: true,
					doc: "`smtp://user:password@host:587`, which has to offer STARTTLS unless the host is this machine and there is no user, or `smtps://user:password@host:465` for TLS from the start. User and password go together and may be missing; 587 and 465 are the ports if none is given."},
				{name: "from", kind: "address", required: true, doc: "The sender, such as `usagereport@acme.example`."},
				{name: "to", kind: "list of addresses", required: true, doc: "The recipients."},
			},
		},
		{
			typ: reflect.TypeFor[OpenLineage](), path: "openlineage",
			doc: "Where [OpenLineage](https://openlineage.io) events of every run go.",
			keys: []key{
				{name: "url", kind: "secret URL", doc: "Where events are posted, such as `https://lineage.acme.example/api/v1/lineage`. Nothing is sent unless it is given."},
				{name: "api_key", kind: "secret", doc: "Sent as a bearer token."},
				{name: "namespace", kind: "text", fallback: "usagereport", doc: "The namespace of the job, whose name is `nightly`. Installations that share a lineage service have one each."},
			},
		},
		{
			typ: reflect.TypeFor[Retry](), path: "retry",
			doc: "A source or a bucket that does not answer, or breaks off, is tried again after a while, if what it says gives hope: [when something is down](operations.md#when-something-is-down).",
			keys: []key{
				{name: "budget", kind: "duration", fallback: "15m", doc: "How long one run may wait in this way, all its waits together. `0s`, nothing is tried again, to `12h`."},
			},
		},
		{
			typ: reflect.TypeFor[Retention](), path: "retention",
			doc: "How many days before the newest snapshot things are kept: [retention](operations.md#retention). What is older goes after the next night that was published. 0 keeps for ever.",
			keys: []key{
				{name: "snapshots_days", kind: "whole number", fallback: 0, doc: "Manifests, logs and audit logs of a date. More than `schedule.catch_up_days`."},
				{name: "reports_days", kind: "whole number", fallback: 0, doc: "The dated zips. Without it they go with their snapshot; no fewer days than `snapshots_days`."},
				{name: "quarantine_days", kind: "whole number", fallback: 0, doc: "Rows that could not be used."},
				{name: "runs_days", kind: "whole number", fallback: 0, doc: "Records of runs, with their quality reports. 60 or more."},
				{name: "access_days", kind: "whole number", fallback: 0, doc: "Records of who signed in to the admin server and downloaded what."},
			},
		},
		{
			typ: reflect.TypeFor[Admin](), path: "admin",
			doc: "How `usagereport serve` is reached and who may use it: [the admin server](admin.md). The server reads nothing else of this file but `lake`.",
			keys: []key{
				{name: "listen", kind: "address", fallback: "127.0.0.1:8080", doc: "Where the server answers over HTTP, `host:port`. TLS is what a proxy in front of it does."},
				{name: "url", kind: "URL", doc: "The address that people type, such as `https://usage.acme.example`. With https, cookies go by https alone. It is made of `listen` unless it is given."},
				{name: "keys", kind: "URL", doc: "A bucket of their own for API keys, " + codes(BucketSchemes()) + ". Without it they are in the folder `keys/` of the lake, where whoever may write to the lake can add one."},
				{name: "session_secret", kind: "secret", doc: "At least 32 bytes in base64 that sign sessions. Without it sessions end with the process, and only one copy of the server can run."},
				{name: "trusted_proxies", kind: "list of networks", doc: "Proxies in front of the server, such as `10.0.0.0/8`, whose `X-Forwarded-For` says where a request comes from."},
				{name: "oidc", kind: "section", doc: "The identity provider that people sign in with."},
			},
		},
		{
			typ: reflect.TypeFor[OIDC](), path: "admin.oidc",
			doc: "An OpenID Connect provider. The redirect URI to register there is `<admin.url>/signin/oidc/callback`.",
			keys: []key{
				{name: "issuer", kind: "URL", required: true, doc: "The provider, as its discovery document names it. http only on this machine."},
				{name: "client_id", kind: "text", required: true, doc: "What the provider calls this server."},
				{name: "client_secret", kind: "secret", required: true, doc: "What the server proves that with."},
				{name: "name", kind: "text", fallback: "single sign-on", doc: "What the button says after `Sign in with`."},
				{name: "scopes", kind: "list of texts", doc: "What is asked for beside `openid`, `email` and `profile`, such as `groups`."},
				{name: "claim", kind: "text", fallback: "groups", doc: "The claim of the ID token whose values, one or a list, `roles` goes by."},
				{name: "roles", kind: "map of sections", required: true, doc: "A value of the claim, then what people may who have it. Several values add up; without any, nobody gets in."},
			},
		},
		{
			typ: reflect.TypeFor[Grant](), path: "admin.oidc.roles.<value>",
			doc: "What one value of the claim is good for.",
			keys: []key{
				{name: "role", kind: "name", enum: []string{roleAdministrator}, doc: "Together with the permission it opens both zips, the runs, and the usage of all workspaces."},
				{name: "permissions", kind: "list of names", doc: "`" + permissionRead + "`."},
				{name: "workspaces", kind: "list of texts", doc: "Ids of workspaces whose admins they are, `\"*\"` for all: opens their audit log and usage."},
			},
		},
	}
}

// codes joins names for a sentence of the documentation.
func codes(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }
