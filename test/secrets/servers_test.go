package secrets_test

import (
	"database/sql"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the source is written with it
	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/internal/testservice"
)

// TestRealServers has a run read from PostgreSQL and publish to S3, with a password in the URL and a key in the environment, and
// looks through the whole bucket. Then the password and the key are wrong.
func TestRealServers(t *testing.T) {
	t.Parallel()
	database := testservice.Postgres(t)
	bucket := ""
	for _, b := range testservice.Buckets(t) {
		if b.Name == "s3" {
			bucket = b.URL
		}
	}
	if bucket == "" {
		t.Skip("there is no S3 server")
	}
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	h.env = append(h.env, "AWS_ACCESS_KEY_ID="+os.Getenv("AWS_ACCESS_KEY_ID"), "AWS_SECRET_ACCESS_KEY="+os.Getenv("AWS_SECRET_ACCESS_KEY"),
		"AWS_SESSION_TOKEN=", "AWS_REGION="+os.Getenv("AWS_REGION"))
	h.secrets["AWS secret key that is right"] = os.Getenv("AWS_SECRET_ACCESS_KEY")
	_, rest, _ := strings.Cut(database, "://")
	login, _, _ := strings.Cut(rest, "@")
	_, h.secrets["PostgreSQL password that is right"], _ = strings.Cut(login, ":")
	right := strings.NewReplacer("sqlite:app.db", database, "file:lake?create_dir=true", bucket).Replace(h.config(t, strings.ReplaceAll(strings.ReplaceAll(well,
		"at >= :from AND at < :to", "CAST(:from AS timestamptz) < CAST(:to AS timestamptz)"), "'member.added'", "'member.added'::text")))
	config := h.write(t, "right.yaml", right)
	h.expect(t, 0, "published", "run", "--config", config, "--date", "2026-03-11")
	h.expect(t, 0, "2026-03-11", "verify", "--config", config)
	b, err := blob.OpenBucket(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	objects := 0
	for list := b.List(nil); ; objects++ {
		o, err := list.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := b.ReadAll(t.Context(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		if found := search(data, h.secrets); found != nil {
			t.Errorf("%s holds the %s", o.Key, strings.Join(found, ", the "))
		}
	}
	if objects < 5 {
		t.Errorf("%d objects", objects)
	}
	h.expect(t, 2, "password authentication failed", "run", "--config",
		h.write(t, "wrong.yaml", strings.Replace(right, login+"@", "usagereport:"+h.secret("PostgreSQL password that is wrong")+"@", 1)))
	h.env = append(h.env, "AWS_SECRET_ACCESS_KEY="+h.secret("AWS secret key"))
	h.expect(t, 2, "access denied", "verify", "--config", config)
}
