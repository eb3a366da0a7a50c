package bucket_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"gocloud.dev/blob/fileblob"

	"github.com/usagereport/usagereport/sources/bucket"
)

// generation is a row of the dataset that the benchmarks read.
type generation struct {
	WorkspaceID         string    `parquet:"workspace_id,dict,zstd"`
	UserID              *string   `parquet:"user_id,dict,optional,zstd"`
	CreatedAt           time.Time `parquet:"created_at,timestamp(microsecond),zstd"`
	GenerationType      string    `parquet:"generation_type,dict,zstd"`
	GenerationFeature   string    `parquet:"generation_feature,dict,zstd"`
	CanvasID            *string   `parquet:"canvas_id,dict,optional,zstd"`
	GridID              *string   `parquet:"grid_id,dict,optional,zstd"`
	APIPath             *string   `parquet:"api_path,dict,optional,zstd"`
	AgentID             *string   `parquet:"agent_id,dict,optional,zstd"`
	GenerationAgentType *string   `parquet:"generation_agent_type,dict,optional,zstd"`
	UsedIQ              bool      `parquet:"used_iq,zstd"`
	EventID             string    `parquet:"event_id,zstd"`
}

func generations(n int) []generation {
	r := rand.New(rand.NewPCG(1, 2))
	some := func(share float64, format string, values int) *string {
		if r.Float64() > share {
			return nil
		}
		text := fmt.Sprintf(format, r.IntN(values))
		return &text
	}
	rows := make([]generation, n)
	for i := range rows {
		rows[i] = generation{
			WorkspaceID: fmt.Sprintf("ws_%d", r.IntN(40)), UserID: some(.98, "user_%06d", 20000),
			CreatedAt:      time.UnixMicro(1_763_596_800_000_000 + int64(i)*2880),
			GenerationType: []string{"Text", "Image", "Chat", "Workflow"}[r.IntN(4)], GenerationFeature: []string{"Editor", "API", "Canvas"}[r.IntN(3)],
			CanvasID: some(.66, "canvas_%d", 3000), GridID: some(.5, "grid_%d", 500), APIPath: some(.2, "/v1/agents/%d/run", 2000),
			AgentID: some(.5, "agent_%d", 300), GenerationAgentType: some(.5, "Custom %d", 2), UsedIQ: r.IntN(3) == 0,
			EventID: fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xfff, r.Uint32()&0xfff, r.Uint64()&0xffffffffffff),
		}
	}
	return rows
}

// benchFiles returns a directory with generations as Parquet, CSV and JSON Lines: the one that
// USAGEREPORT_BENCH_FILES names, or a new one with 200,000 rows.
func benchFiles(b *testing.B) string {
	if dir := os.Getenv("USAGEREPORT_BENCH_FILES"); dir != "" {
		return dir
	}
	dir := b.TempDir()
	rows := generations(200_000)
	create := func(name string, pack func(io.Writer) io.WriteCloser, write func(io.Writer) error) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		z := pack(f)
		w := bufio.NewWriter(z)
		for _, err := range []error{write(w), w.Flush(), z.Close(), f.Close()} {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := parquet.WriteFile(filepath.Join(dir, "gen.parquet"), rows); err != nil {
		b.Fatal(err)
	}
	create("gen.csv.gz", func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, func(w io.Writer) error {
		return writeRows(w, rows, "workspace_id,user_id,created_at,generation_type,generation_feature,canvas_id,grid_id,api_path,agent_id,generation_agent_type,used_iq,event_id\n",
			func(fields []string) string { return strings.Join(fields, ",") })
	})
	create("gen.jsonl.zst", func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			b.Fatal(err)
		}
		return z
	}, func(w io.Writer) error {
		names := strings.Split("workspace_id,user_id,created_at,generation_type,generation_feature,canvas_id,grid_id,api_path,agent_id,generation_agent_type,used_iq,event_id", ",")
		return writeRows(w, rows, "", func(fields []string) string {
			parts := make([]string, len(fields))
			for i, f := range fields {
				switch {
				case f == "":
					f = "null"
				case names[i] != "used_iq":
					f = `"` + f + `"`
				}
				parts[i] = fmt.Sprintf("%q:%s", names[i], f)
			}
			return "{" + strings.Join(parts, ",") + "}"
		})
	})
	return dir
}

func writeRows(w io.Writer, rows []generation, header string, line func([]string) string) error {
	if _, err := io.WriteString(w, header); err != nil {
		return err
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, g := range rows {
		_, err := fmt.Fprintln(w, line([]string{g.WorkspaceID, text(g.UserID), g.CreatedAt.UTC().Format("2006-01-02 15:04:05.999999"), g.GenerationType,
			g.GenerationFeature, text(g.CanvasID), text(g.GridID), text(g.APIPath), text(g.AgentID), text(g.GenerationAgentType), fmt.Sprint(g.UsedIQ), g.EventID}))
		if err != nil {
			return err
		}
	}
	return nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRead reads files of generation events from a directory. MB/s are of the stored bytes.
func BenchmarkRead(b *testing.B) {
	dir := benchFiles(b)
	open, err := fileblob.OpenBucket(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer open.Close()
	s := bucket.New(open, dir, bucket.Options{})
	groups := []string{"workspace_id", "user_id", "created_at", "generation_type", "generation_feature", "canvas_id", "grid_id", "api_path", "agent_id", "generation_agent_type", "used_iq"}
	for _, c := range []struct {
		file    string
		columns []string
	}{{"gen.parquet", groups}, {"gen.parquet", nil}, {"gen.csv.gz", nil}, {"gen.jsonl.zst", append(groups, "event_id")}, {"gen.csv", nil}, {"gen.jsonl", append(groups, "event_id")}} {
		info, err := os.Stat(filepath.Join(dir, c.file))
		if err != nil {
			continue
		}
		b.Run(fmt.Sprintf("%s/columns=%d", c.file, len(c.columns)), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(info.Size())
			rows, cpu := int64(0), cpuTime()
			for b.Loop() {
				for batch, err := range s.Read(b.Context(), bucket.File{Key: c.file, Size: info.Size()}, bucket.ReadOptions{Columns: c.columns}) {
					if err != nil {
						b.Fatal(err)
					}
					rows += batch.Record.NumRows()
					batch.Record.Release()
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(rows), "cpu-ns/row")
		})
	}
}
