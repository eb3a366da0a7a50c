package config

import (
	"strings"
	"testing"
)

func TestScrub(t *testing.T) {
	c := mustLoad(t, strings.NewReplacer(
		"postgres://report@db/app", "postgres://report:p%40ssw0rd@db/app?sslpassword=t0ps3cret&application_name=usage",
		"mem://", "s3://lake?secret_key=buck3tk3y&region=eu-west-1",
	).Replace(usageYAML(`notify:
  webhooks: [{ url: "https://hooks.example/services/T0001/B0001/abcdefgh", signing_key: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }]
  email: { server: "smtp://report:m4ilpw@mail.example", from: a@b.example, to: [a@b.example] }
  ping: "https://ping.example/0b7c1cf6-5a10-4b0f-a8a1-9d8a5a7e6b11?create=k3y"
openlineage: { url: "https://u:l1neage@lineage.example/api", api_key: "b34r3r" }
admin:
  keys: "s3://keys?secret_key=k3ysk3y"
  session_secret: "c2Vzc2lvbi1zZWNyZXQtb2YtdGhpcnR5LXR3by1ieXRlcyE="
  oidc: { issuer: "https://login.example", client_id: usagereport, client_secret: "0idcs3cret", roles: { a: { role: Administrator } } }
`)))
	for in, want := range map[string]string{
		"nothing here": "nothing here",
		"db user report, usage of eu-west-1 by hooks.example": "db user report, usage of eu-west-1 by hooks.example",
		"pw p@ssw0rd":         "pw REDACTED",
		"pw p%40ssw0rd":       "pw REDACTED",
		"t0ps3cret buck3tk3y": "REDACTED REDACTED",
		"Post \"https://hooks.example/services/T0001/B0001/abcdefgh\": EOF":                         "Post \"REDACTED\": EOF",
		"/services/T0001/B0001/abcdefgh":                                                            "/REDACTED",
		"535 m4ilpw is wrong":                                                                       "535 REDACTED is wrong",
		"0b7c1cf6-5a10-4b0f-a8a1-9d8a5a7e6b11 create=k3y":                                           "REDACTED REDACTED",
		"Bearer b34r3r, l1neage, MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":                                  "Bearer REDACTED, REDACTED, REDACTED",
		"keys k3ysk3y, c2Vzc2lvbi1zZWNyZXQtb2YtdGhpcnR5LXR3by1ieXRlcyE=, 0idcs3cret of usagereport": "keys REDACTED, REDACTED, REDACTED of usagereport",
		"api stays, for it is a word":                                                               "api stays, for it is a word",
	} {
		if got := c.Scrub(in); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func TestMailOnThisMachine(t *testing.T) {
	for server, want := range map[string]bool{
		"smtp://localhost": true, "smtp://127.0.0.1:25": true, "smtp://[::1]:25": true, "smtp://127.9.9.9": true,
		"smtp://mail.example": false, "smtp://10.0.0.1": false, "smtp://localhost.example": false, "": false,
	} {
		if got := (Mail{Server: NewURL(server)}).OnThisMachine(); got != want {
			t.Errorf("%q: got %v", server, got)
		}
	}
}
