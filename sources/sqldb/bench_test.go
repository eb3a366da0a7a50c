package sqldb_test

import (
	"context"
	"database/sql"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	cloudmysql "gocloud.dev/mysql"
	cloudpostgres "gocloud.dev/postgres"

	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sources/sqldb"
)

const benchRows = 1_000_000

const benchQuery = `SELECT event_id, workspace_id, user_id, created_at, generation_type, generation_feature, canvas_id, agent_id, api_path, used_iq, content_generations FROM generations`

// generatePostgres fills a table like one of generations: 11 columns, three of them with many values.
const generatePostgres = `CREATE UNLOGGED TABLE generations AS SELECT
	md5(i::text)::uuid AS event_id, 'ws-' || i %% 6 AS workspace_id, 'user-' || i %% 400 AS user_id,
	timestamptz '2026-01-01' + i * interval '20 seconds' AS created_at,
	(ARRAY['Text','Image','Chat'])[1 + i %% 3] AS generation_type, (ARRAY['Canvas','Grid','API','Other'])[1 + i %% 4] AS generation_feature,
	CASE WHEN i %% 4 = 0 THEN md5((i %% 50000)::text) END AS canvas_id, CASE WHEN i %% 3 = 0 THEN 'agent-' || i %% 90 END AS agent_id,
	CASE WHEN i %% 4 = 2 THEN '/v1/agents/' || i %% 1000 || '/run' END AS api_path, i %% 5 = 0 AS used_iq, 1 + i %% 3 AS content_generations
	FROM generate_series(1, %d) AS i`

// BenchmarkPostgres reads a million rows into Arrow and copies the same query to /dev/null with psql, in turn: only
// ratios of one session count. One iteration is a round of each, connecting included, so `go test -run ^$ -bench
// Postgres$ -benchtime 9x` makes nine rounds. The ratio is that of rows per second, ours to psql's.
func BenchmarkPostgres(b *testing.B) {
	url := testservice.Postgres(b)
	generate(b, cloudpostgres.Open, url, fmt.Sprintf(generatePostgres, benchRows), "VACUUM ANALYZE generations")
	psql := findPsql(b)
	ways := [2]func(){
		func() {
			if out, err := exec.Command(psql, url, "-qc", `\copy (`+benchQuery+`) to /dev/null (format binary)`).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		},
		func() { readOnce(b, sqldb.Open, url) },
	}
	var ratios, seconds []float64
	for round := 0; b.Loop(); round++ {
		var took [2]time.Duration
		for i := range ways {
			way := (i + round) % 2
			began := time.Now()
			ways[way]()
			took[way] = time.Since(began)
		}
		ratios = append(ratios, took[0].Seconds()/took[1].Seconds())
		seconds = append(seconds, took[1].Seconds())
	}
	slices.Sort(ratios)
	slices.Sort(seconds)
	b.ReportMetric(ratios[0], "ratio-min")
	b.ReportMetric(ratios[len(ratios)/2], "ratio-median")
	b.ReportMetric(ratios[len(ratios)-1], "ratio-max")
	b.ReportMetric(benchRows/seconds[len(seconds)/2], "rows/s")
}

// BenchmarkCopy reads the same rows, for profiles.
func BenchmarkCopy(b *testing.B) {
	url := testservice.Postgres(b)
	generate(b, cloudpostgres.Open, url, fmt.Sprintf(generatePostgres, benchRows), "VACUUM ANALYZE generations")
	b.Run("copy", func(b *testing.B) { benchRead(b, sqldb.Open, url) })
	b.Run("database-sql", func(b *testing.B) { benchRead(b, sqldb.OpenCloudPostgres, url) })
}

func findPsql(b *testing.B) string {
	if path, err := exec.LookPath("psql"); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/psql")
	if err != nil || len(found) == 0 {
		b.Skip("psql is not installed")
	}
	return found[len(found)-1]
}

func BenchmarkMySQL(b *testing.B) {
	url := testservice.MySQL(b)
	generate(b, cloudmysql.Open, url, fmt.Sprintf(`CREATE TABLE generations AS SELECT
		MD5(seq) AS event_id, CONCAT('ws-', seq MOD 6) AS workspace_id, CONCAT('user-', seq MOD 400) AS user_id,
		TIMESTAMP'2026-01-01 00:00:00.000000' + INTERVAL seq*20 SECOND AS created_at,
		ELT(1 + seq MOD 3, 'Text', 'Image', 'Chat') AS generation_type, ELT(1 + seq MOD 4, 'Canvas', 'Grid', 'API', 'Other') AS generation_feature,
		IF(seq MOD 4 = 0, MD5(seq MOD 50000), NULL) AS canvas_id, IF(seq MOD 3 = 0, CONCAT('agent-', seq MOD 90), NULL) AS agent_id,
		IF(seq MOD 4 = 2, CONCAT('/v1/agents/', seq MOD 1000, '/run'), NULL) AS api_path, seq MOD 5 = 0 AS used_iq, 1 + seq MOD 3 AS content_generations
		FROM seq_1_to_%d`, benchRows))
	benchRead(b, sqldb.Open, url)
}

func BenchmarkSQLite(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(fmt.Sprintf(`CREATE TABLE generations (event_id TEXT, workspace_id TEXT, user_id TEXT, created_at TIMESTAMP, generation_type TEXT,
		generation_feature TEXT, canvas_id TEXT, agent_id TEXT, api_path TEXT, used_iq BOOLEAN, content_generations INTEGER);
		WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < %d) INSERT INTO generations SELECT
		printf('%%032x', i*7919), 'ws-' || i %% 6, 'user-' || i %% 400, strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', 1767225600 + 20*i, 'unixepoch'),
		CASE i %% 3 WHEN 0 THEN 'Text' WHEN 1 THEN 'Image' ELSE 'Chat' END, CASE i %% 4 WHEN 0 THEN 'Canvas' WHEN 1 THEN 'Grid' ELSE 'API' END,
		CASE WHEN i %% 4 = 0 THEN printf('%%032x', i %% 50000) END, CASE WHEN i %% 3 = 0 THEN 'agent-' || i %% 90 END,
		CASE WHEN i %% 4 = 2 THEN '/v1/agents/' || i %% 1000 || '/run' END, i %% 5 = 0, 1 + i %% 3 FROM c`, benchRows)); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	benchRead(b, sqldb.Open, "sqlite://"+path)
}

func generate(b *testing.B, open func(context.Context, string) (*sql.DB, error), url string, statements ...string) {
	b.Helper()
	db, err := open(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

func benchRead(b *testing.B, open func(context.Context, string, sqldb.Options) (*sqldb.DB, error), url string) {
	b.ReportAllocs()
	for b.Loop() {
		readOnce(b, open, url)
	}
	b.ReportMetric(float64(b.N*benchRows)/b.Elapsed().Seconds(), "rows/s")
}

// readOnce connects, reads all rows and closes.
func readOnce(b *testing.B, open func(context.Context, string, sqldb.Options) (*sqldb.DB, error), url string) {
	b.Helper()
	db, err := open(b.Context(), url, sqldb.Options{Allocator: memory.NewGoAllocator()})
	if err != nil {
		b.Fatal(err)
	}
	s, err := db.Snapshot(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	rows := 0
	for batch, err := range s.Read(b.Context(), sqldb.Query{Name: "generations", Text: benchQuery}) {
		if err != nil {
			b.Fatal(err)
		}
		rows += int(batch.Record.NumRows())
		batch.Record.Release()
	}
	if rows != benchRows {
		b.Fatalf("%d rows", rows)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}
