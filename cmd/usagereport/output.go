package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// bars shows a run's progress on a terminal: a line a stage, with the rows handled.
type bars struct {
	out *mpb.Progress

	mu   sync.Mutex
	bar  *mpb.Bar
	rows *atomic.Int64
}

// watch has n show its progress if a person is watching.
func watch(n *jobs.Night) *bars {
	if !interactive() {
		return &bars{}
	}
	b := &bars{out: mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(24), mpb.WithRefreshRate(120*time.Millisecond))}
	n.Progress = b
	return b
}

// Stage begins a new line.
func (b *bars) Stage(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finish()
	rows := new(atomic.Int64)
	b.rows = rows
	b.bar = b.out.AddSpinner(0,
		mpb.PrependDecorators(decor.Name(name, decor.WC{W: 22, C: decor.DindentRight})),
		mpb.AppendDecorators(
			decor.Any(func(decor.Statistics) string {
				if n := rows.Load(); n > 0 {
					return grouped(n) + " rows"
				}
				return ""
			}),
			decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 6}),
		))
}

// Rows adds to the current line.
func (b *bars) Rows(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rows != nil {
		b.rows.Add(n)
	}
}

func (b *bars) finish() {
	if b.bar != nil {
		b.bar.SetTotal(-1, true)
		b.bar = nil
	}
}

func (b *bars) end() {
	if b.out == nil {
		return
	}
	b.mu.Lock()
	b.finish()
	b.mu.Unlock()
	b.out.Wait()
}

// printOutcome tells a person what a run did.
func printOutcome(w io.Writer, n *jobs.Night, out *jobs.Outcome) {
	m := out.Manifest
	verb := "Published"
	if !out.Published {
		verb = "Dry run: nothing was published. Would have published"
	}
	fmt.Fprintf(w, "%s snapshot %s to %s in %s (run %s)\n\n", verb, m.SnapshotDate, n.Lake.Name(), out.Took.Round(time.Millisecond), m.RunID)

	for _, d := range m.Missing() {
		fmt.Fprintf(w, "  The %s part is missing since %s: %s\n\n", d.Name, d.Since, d.Reason)
	}
	printPublished(w, &m)
	printUsers(w, &m)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "  dataset\tread\trejected\tduplicate\tlate\t")
	for _, d := range m.Datasets {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t\n", d.Name, grouped(d.Read), grouped(d.Rejected), grouped(d.Duplicate), grouped(d.Late))
	}
	t.Flush()
	for i, line := range m.Warnings {
		if i == 0 {
			fmt.Fprintln(w, "\nWarnings:")
		}
		fmt.Fprintln(w, "  "+line)
	}
	fmt.Fprintln(w)
}

// printPublished lists the logs, the zips and the other files of a snapshot.
func printPublished(w io.Writer, m *lake.Manifest) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "  published\trows\tKiB\t")
	kib := func(n int64) string { return grouped((n + 1023) / 1024) }
	for _, log := range m.Logs {
		var bytes int64
		for _, o := range m.Table(log.Table) {
			bytes += o.Bytes
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t\n", log.Table, grouped(log.Rows), kib(bytes))
	}
	for _, o := range m.Objects {
		if o.Table != "" {
			continue
		}
		rows := o.Rows
		for _, b := range m.Workbooks {
			for _, s := range b.Sheets {
				if b.Archive == o.Key {
					rows += s.Rows
				}
			}
		}
		name := path.Base(o.Key)
		if n, ok := lake.DigestNumber(o.Key); ok {
			name = fmt.Sprintf("digest %d of audit logs", n)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t\n", name, grouped(rows), kib(o.Bytes))
	}
	fmt.Fprintln(t, "\t\t\t")
	t.Flush()
}

// printUsers says how many users the usage reports count.
func printUsers(w io.Writer, m *lake.Manifest) {
	if m.Identity == nil {
		return
	}
	for _, b := range m.Workbooks {
		if n, ok := b.Summary["Total Unique Users"]; ok {
			fmt.Fprintf(w, "  %s: %s unique users\n", strings.TrimSuffix(b.Name, ".xlsx"), grouped(n))
		}
	}
	fmt.Fprintf(w, "  (equal email addresses alone would have made %s of the last year's; `usagereport explain-user` shows who is one user)\n\n",
		grouped(m.Identity.FullEmailUsers))
}

// counted writes a number and the thing it counts, in the plural but for one.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// grouped writes n with a comma between thousands.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func parseDays(from, to string) (calendar.Days, error) {
	var d calendar.Days
	var err error
	if from == "" || to == "" {
		return d, fmt.Errorf("%w: --from and --to are both required, as 2026-11-21", errUsage)
	}
	if d.From, err = parseDate("from", from); err != nil {
		return d, err
	}
	if d.To, err = parseDate("to", to); err != nil {
		return d, err
	}
	if d.To < d.From {
		return d, fmt.Errorf("%w: --from %s is after --to %s", errUsage, from, to)
	}
	d.To++
	return d, nil
}
