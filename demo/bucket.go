package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// record is a generation as a row of an event file. Optional columns are pointers: the writer of parquet-go takes some
// zero values of optional fields that are none for text that is empty.
type record struct {
	ID        *string `parquet:"id,optional"`
	Workspace *string `parquet:"account,optional,dict"`
	At        int64   `parquet:"ts,timestamp(microsecond)"`
	Kind      string  `parquet:"kind,dict"`
	Surface   string  `parquet:"surface,dict"`
	User      *string `parquet:"uid,optional,dict"`
	Canvas    *string `parquet:"doc,optional,dict"`
	Grid      *string `parquet:"sheet,optional,dict"`
	Path      *string `parquet:"path,optional,dict"`
	Agent     *string `parquet:"bot,optional,dict"`
	AgentKind *string `parquet:"bot_kind,optional,dict"`
	IQ        *bool   `parquet:"iq,optional"`
	Batch     *int32  `parquet:"batch,optional"`
}

func recordOf(g *generation) record {
	return record{
		optional(g.ID), optional(g.Workspace), g.At, g.Kind, g.Surface, optional(g.User), optional(g.Canvas),
		optional(g.Grid), optional(g.Path), optional(g.Agent), optional(g.AgentKind), g.IQ, optional(g.Batch),
	}
}

// optional returns nil for a zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// deliver writes all that has arrived by now and was not delivered before.
func (c *Company) deliver(ctx context.Context, first bool) error {
	logins := arrived(&c.logins, c.now, &c.counts)
	generations := arrived(&c.generations, c.now, &c.counts)
	c.counts.Logins += len(logins)
	c.counts.Generations += len(generations)
	c.counts.Workspaces, c.counts.Users, c.counts.Members = len(c.workspaces), len(c.people), len(c.members)
	c.counts.Groups, c.counts.Agents = len(c.teams), len(c.agents)
	if err := c.writeDatabase(ctx, logins); err != nil {
		return err
	}
	if err := c.writeGenerations(ctx, generations); err != nil {
		return err
	}
	if err := c.hub.deliver(ctx); err != nil {
		return err
	}
	if err := c.writeCanvases(); err != nil {
		return err
	}
	if first {
		return c.writeGrids()
	}
	return nil
}

// arrived takes what has arrived before now out of the queue, in order of arrival.
func arrived[T any](queue *[]delivery[T], now time.Time, counts *Counts) []delivery[T] {
	slices.SortStableFunc(*queue, func(a, b delivery[T]) int { return a.at.Compare(b.at) })
	n, _ := slices.BinarySearchFunc(*queue, now, func(d delivery[T], t time.Time) int { return d.at.Compare(t) })
	taken := (*queue)[:n:n]
	*queue = (*queue)[n:]
	for _, d := range taken {
		if d.repeat {
			counts.Duplicates++
		}
		if d.at.Sub(d.event) >= 24*time.Hour {
			counts.Late++
		}
	}
	return taken
}

// writeGenerations adds files to the delivery partitions, a partition for each day in UTC on which rows arrived.
func (c *Company) writeGenerations(ctx context.Context, rows []delivery[generation]) error {
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		day := rows[0].at.UTC().Format(time.DateOnly)
		n := slices.IndexFunc(rows, func(d delivery[generation]) bool { return d.at.UTC().Format(time.DateOnly) != day })
		if n < 0 {
			n = len(rows)
		}
		part := make([]record, n)
		for i := range part {
			part[i] = recordOf(&rows[i].row)
		}
		rows = rows[n:]
		// Busy days come as two files.
		for len(part) > 0 {
			size := len(part)
			if size > 500 {
				size = 400
			}
			if err := c.writePart(day, part[:size]); err != nil {
				return err
			}
			part = part[size:]
		}
	}
	return nil
}

// writePart adds a file to the partition of a day.
func (c *Company) writePart(day string, rows []record) error {
	var buf bytes.Buffer
	if err := parquet.Write(&buf, rows, parquet.Compression(&parquet.Zstd)); err != nil {
		return fmt.Errorf("encode the generations of %s: %w", day, err)
	}
	return c.addPart(day, buf.Bytes(), len(rows))
}

// partition is what was delivered on one day.
type partition struct{ files, rows int }

func (c *Company) addPart(day string, data []byte, rows int) error {
	name := partName(day, c.filesOf(day))
	if c.parts[day] == nil {
		c.parts[day] = &partition{}
	}
	c.parts[day].files++
	c.parts[day].rows += rows
	return c.writeObject(name, data)
}

func (c *Company) filesOf(day string) int {
	if p := c.parts[day]; p != nil {
		return p.files
	}
	return 0
}

// dropFiles removes the partitions that are too old to be kept.
func (c *Company) dropFiles() error {
	oldest, dropped := c.retention().Format(time.DateOnly), 0
	for day, p := range c.parts {
		if day >= oldest {
			continue
		}
		if err := os.RemoveAll(filepath.Dir(c.object(partName(day, 0)))); err != nil {
			return err
		}
		c.counts.Files -= p.files
		c.counts.Generations -= p.rows
		dropped += p.rows
		delete(c.parts, day)
	}
	c.tell("the sources dropped their oldest events: %d generations, and the logins before %s", dropped, oldest)
	return nil
}

func partName(day string, n int) string {
	return fmt.Sprintf("generations/dt=%s/part-%05d.parquet", day, n)
}

// redeliver delivers a file a second time, in the partition of the day that has just passed.
func (c *Company) redeliver(yesterday time.Time) error {
	from := yesterday.AddDate(0, 0, -4).Format(time.DateOnly)
	data, err := os.ReadFile(c.object(partName(from, 0)))
	if err != nil {
		return err
	}
	rows, err := parquet.Read[record](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	day := yesterday.Format(time.DateOnly)
	c.counts.Duplicates += len(rows)
	c.counts.Generations += len(rows)
	c.tell("the file %s with %d generations was delivered a second time, as %s", partName(from, 0), len(rows), partName(day, c.filesOf(day)))
	return c.addPart(day, data, len(rows))
}

// writeCanvases writes a JSON object a line; a canvas without a name has no such field.
func (c *Company) writeCanvases() error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	for _, p := range c.canvases {
		row := map[string]string{"account": p.workspace, "doc": p.id, "title": p.name}
		if p.unnamed {
			delete(row, "title")
		}
		if err := enc.Encode(row); err != nil {
			return fmt.Errorf("encode the canvases: %w", err)
		}
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("compress the canvases: %w", err)
	}
	packed := z.EncodeAll(text.Bytes(), nil)
	if err := z.Close(); err != nil {
		return fmt.Errorf("compress the canvases: %w", err)
	}
	return c.writeObject("reference/canvases.jsonl.zst", packed)
}

func (c *Company) writeGrids() error {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	rows := [][]string{{"account", "sheet", "title"}}
	for _, p := range c.grids {
		if p.unnamed {
			p.name = ""
		}
		rows = append(rows, []string{p.workspace, p.id, p.name})
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("encode the grids: %w", err)
	}
	return c.writeObject("reference/grids.csv", text.Bytes())
}

func (c *Company) object(name string) string {
	return filepath.Join(c.dir, EventsDir, filepath.FromSlash(name))
}

// writeObject puts a file into the bucket, with the time of its delivery: one that was written just before a run is read
// once more by the next.
func (c *Company) writeObject(name string, data []byte) error {
	path := c.object(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err != nil {
		c.counts.Files++
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	return os.Chtimes(path, c.now, c.now)
}
