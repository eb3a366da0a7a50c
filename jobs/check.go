package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sources/sqldb"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/conform"
)

// Finding is what Check found of one dataset or of the lake.
type Finding struct {
	Subject string // "dataset members", "lake"
	Detail  string // what is there
	Notes   conform.Notes
	Err     error // nil when all is well
}

// Check reaches every bound source and the lake, and compares the columns of every bound dataset with the dictionary,
// without reading their rows. It goes on after a problem: the findings have all of them, in a fixed order.
func (n *Night) Check(ctx context.Context) []Finding {
	var out []Finding
	sources := map[string]*reached{} // each is opened once, and fails once
	for _, name := range n.Config.DatasetNames() {
		source := n.Config.Datasets[name].Source
		if sources[source] == nil {
			in, err := n.openSource(ctx, source, nil)
			sources[source] = &reached{in, err}
		}
		f := Finding{Subject: "dataset " + name, Err: sources[source].err}
		if f.Err == nil {
			f.Detail, f.Notes, f.Err = n.checkDataset(ctx, sources[source].inputs, name)
		}
		out = append(out, f)
	}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		if r := sources[source]; r.err == nil {
			if err := r.inputs.close(); err != nil {
				out = append(out, Finding{Subject: "source " + source, Err: err})
			}
		}
	}
	f := Finding{Subject: "lake", Detail: n.Lake.Name()}
	if dates, err := n.Lake.Dates(ctx); err != nil {
		f.Err = err
	} else {
		f.Detail = fmt.Sprintf("%s: %d snapshots published", n.Lake.Name(), len(dates))
	}
	return append(out, f)
}

// reached is what opening a source gave.
type reached struct {
	inputs *inputs
	err    error
}

func (n *Night) checkDataset(ctx context.Context, in *inputs, name string) (detail string, notes conform.Notes, err error) {
	defer recovered(&err)
	d, err := n.newDataset(in, name, nil)
	if err != nil {
		return "", notes, err
	}
	schema, detail, err := d.columns(ctx)
	if err != nil || schema == nil {
		return detail, notes, err
	}
	notes, err = d.rules.Bind(schema)
	return detail, notes, err
}

// columns returns the columns of the dataset as its source has them, and where from; nil when there is no file yet.
func (d *dataset) columns(ctx context.Context) (*arrow.Schema, string, error) {
	source := "source " + d.cfg.Source
	if d.cfg.IsQuery() {
		day := calendar.Of(d.night.Now(), d.night.Config.Location())
		bound := day.Start(d.night.Config.Location())
		schema, err := d.in.databases[d.cfg.Source].Columns(ctx, sqldb.Query{
			Name: d.def.Name, Text: d.cfg.Query, From: bound, To: bound, ChangedSince: bound,
		})
		return schema, source, err
	}
	partitions, err := d.in.buckets[d.cfg.Source].Partitions(ctx, d.cfg.Path)
	if err != nil {
		return nil, source, err
	}
	files := 0
	for _, p := range partitions {
		files += len(p.Files)
	}
	detail := fmt.Sprintf("%s, %d files in %d deliveries", source, files, len(partitions))
	if files == 0 {
		if d.def.Role == dictionary.Event {
			return nil, detail + ": nothing has been delivered yet", nil
		}
		_, err := d.newest(ctx, calendar.Of(d.night.Now(), d.night.Config.Location()).String())
		return nil, detail, err
	}
	last := partitions[len(partitions)-1]
	schema, err := d.in.buckets[d.cfg.Source].Schema(ctx, last.Files[len(last.Files)-1], d.readOptions())
	return schema, detail, err
}
