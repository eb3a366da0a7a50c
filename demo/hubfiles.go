package demo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/parquet-go/parquet-go"
)

// hubFiles are the files of the hub's events: of syncs some for a day, of sightings one for a day, which grows.
type hubFiles struct {
	parts []hubPart
	day   string     // the last one of the sightings
	seen  []sighting // of that day
	buf   bytes.Buffer
	gz    *gzip.Writer
}

// hubPart is a file and how many rows it holds.
type hubPart struct {
	object, day string
	rows        int
	sightings   bool
}

// syncRecord is a sync event as a row of a file.
type syncRecord struct {
	ID   string  `parquet:"id"`
	Link *string `parquet:"link,optional,dict"`
	Side string  `parquet:"side,dict"`
	Kind *string `parquet:"kind,optional,dict"`
	Key  string  `parquet:"key"`
	At   int64   `parquet:"ts,timestamp(millisecond)"`
	OK   bool    `parquet:"ok"`
	A    *string `parquet:"project_a,optional,dict"`
	B    *string `parquet:"project_b,optional,dict"`
}

func (s *syncing) record() syncRecord {
	return syncRecord{s.id, optional(s.link), s.side, optional(s.kind), s.key, s.at, s.ok, optional(s.a), optional(s.b)}
}

// fill writes how the hub is set up.
func (h *hub) fill(put *inserter) {
	for _, t := range h.tools {
		put.row("tools", t.key, t.label)
	}
	for _, l := range h.links {
		state := "off"
		if l.on {
			state = "on"
		}
		put.row("links", l.id, null(l.label), l.a, l.b, state, instant(h.night.AddDate(0, 0, -l.changed).Add(10*time.Hour)))
	}
	n := 0
	for i, p := range h.pairs {
		if p.gone {
			continue
		}
		changed := local(h.night.Add(-p.changed))
		put.row("link_projects", p.link, p.a, p.b, p.enabled, changed)
		n++
		if i == 1 { // twice, and the same both times
			put.row("link_projects", p.link, p.a, p.b, p.enabled, changed)
		}
	}
	counts := &h.c.counts.Hub
	counts.Systems, counts.Integrations, counts.ProjectPairs = len(h.tools), len(h.links), n
}

// deliver writes the events that have arrived by now and were not delivered before.
func (h *hub) deliver(ctx context.Context) error {
	var tally Counts
	syncs := arrived(&h.syncs, h.c.now, &tally)
	sightings := arrived(&h.sightings, h.c.now, &tally)
	counts := &h.c.counts.Hub
	counts.Syncs += len(syncs)
	counts.Sightings += len(sightings)
	counts.Duplicates += tally.Duplicates
	counts.Late += tally.Late
	err := byDay(ctx, syncs, func(day string, rows []syncing) error {
		part := make([]syncRecord, len(rows))
		for i := range rows {
			part[i] = rows[i].record()
		}
		h.files.buf.Reset()
		if err := parquet.Write(&h.files.buf, part, parquet.Compression(&parquet.Zstd)); err != nil {
			return fmt.Errorf("encode the sync events of %s: %w", day, err)
		}
		return h.addSyncs(day, h.files.buf.Bytes(), len(part))
	})
	if err != nil {
		return err
	}
	return byDay(ctx, sightings, h.writeSightings)
}

// byDay hands over rows, which are in order of arrival, by the day in UTC on which they arrived.
func byDay[T any](ctx context.Context, rows []delivery[T], write func(day string, rows []T) error) error {
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		day := rows[0].at.UTC().Format(time.DateOnly)
		var of []T
		for len(rows) > 0 && rows[0].at.UTC().Format(time.DateOnly) == day {
			of, rows = append(of, rows[0].row), rows[1:]
		}
		if err := write(day, of); err != nil {
			return err
		}
	}
	return nil
}

func syncPart(day string, n int) string { return fmt.Sprintf("sync/dt=%s/%04d.parquet", day, n) }

// addSyncs adds a file to the partition of a day.
func (h *hub) addSyncs(day string, data []byte, rows int) error {
	n := 0
	for _, p := range h.files.parts {
		if p.day == day && !p.sightings {
			n++
		}
	}
	name := syncPart(day, n)
	h.files.parts = append(h.files.parts, hubPart{name, day, rows, false})
	return h.c.writeObject(name, data)
}

// writeSightings writes the file of a day: anew, with what it held before, if that is the last one written.
func (h *hub) writeSightings(day string, rows []sighting) error {
	f := &h.files
	name := fmt.Sprintf("sightings/dt=%s.jsonl.gz", day)
	if f.day == day {
		f.parts[len(f.parts)-1].rows += len(rows)
	} else {
		f.day, f.seen = day, nil
		f.parts = append(f.parts, hubPart{name, day, len(rows), true})
	}
	f.seen = append(f.seen, rows...)

	var text bytes.Buffer
	for i := range f.seen {
		line, err := json.Marshal(&f.seen[i])
		if err != nil {
			return fmt.Errorf("encode the sightings of %s: %w", day, err)
		}
		if f.seen[i].cut {
			line = line[:len(line)/2]
		}
		text.Write(append(line, '\n'))
	}
	f.buf.Reset()
	if f.gz == nil {
		f.gz = gzip.NewWriter(&f.buf)
	}
	f.gz.Reset(&f.buf)
	_, err := f.gz.Write(text.Bytes())
	if err := errors.Join(err, f.gz.Close()); err != nil {
		return fmt.Errorf("compress the sightings of %s: %w", day, err)
	}
	return h.c.writeObject(name, f.buf.Bytes())
}

// dropFiles removes the files that are too old to be kept.
func (h *hub) dropFiles() error {
	oldest := h.c.retention().Format(time.DateOnly)
	kept, syncs, sightings := h.files.parts[:0:0], 0, 0
	for _, p := range h.files.parts {
		if p.day >= oldest {
			kept = append(kept, p)
			continue
		}
		path := h.c.object(p.object)
		if !p.sightings {
			path = filepath.Dir(path)
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		h.c.counts.Files--
		if p.sightings {
			sightings += p.rows
		} else {
			syncs += p.rows
		}
	}
	h.files.parts = kept
	h.c.counts.Hub.Syncs -= syncs
	h.c.counts.Hub.Sightings -= sightings
	h.c.tell("the sources dropped %d sync events and %d sightings of users that were delivered before %s", syncs, sightings, oldest)
	return nil
}

// redeliver delivers a file of sync events a second time, in the partition of the day that has just passed.
func (h *hub) redeliver(yesterday time.Time) error {
	from, day := yesterday.AddDate(0, 0, -4).Format(time.DateOnly), yesterday.Format(time.DateOnly)
	for _, p := range h.files.parts {
		if p.object != syncPart(from, 0) {
			continue
		}
		data, err := os.ReadFile(h.c.object(p.object))
		if err != nil {
			return err
		}
		h.c.counts.Hub.Duplicates += p.rows
		h.c.counts.Hub.Syncs += p.rows
		h.c.tell("the file %s with %d sync events was delivered a second time", p.object, p.rows)
		return h.addSyncs(day, data, p.rows)
	}
	return nil
}
