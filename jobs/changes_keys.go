package jobs

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/zeebo/xxh3"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/parquetfile"
	"github.com/usagereport/usagereport/transforms/calendar"
)

// keyedLog is a log of how things are, and the columns that say which thing a row is about and what it is called.
type keyedLog struct {
	def  *dictionary.Table
	from string // the dataset of its rows
	key  []string
	name string
}

var keyedLogs = []keyedLog{
	{dictionary.UserLog, "members", []string{"workspace_id", "user_id"}, "user_name"},
	{dictionary.GroupMembersLog, "group_members", []string{"workspace_id", "group_id", "member_user_id"}, "group_name"},
	{dictionary.AgentsLog, "agents", []string{"workspace_id", "agent_id"}, "agent_name"},
}

// keyed is the things that an earlier log had, by hashes of 64 bits, and what was found of them tonight.
type keyed struct {
	log   keyedLog
	names map[uint64]uint64 // of what was there, by key

	still, added, renamed int64
}

// gone returns how many things are there no longer.
func (k *keyed) gone() int64 { return int64(len(k.names)) - k.still }

// readKeys reads the keys and names of an earlier log, nil when it was not published or has another form.
func readKeys(ctx context.Context, n *Night, m *lake.Manifest, log keyedLog) (*keyed, error) {
	k := &keyed{log: log, names: map[uint64]uint64{}}
	published := false
	for _, l := range m.Logs {
		published = published || l.Table == log.def.Name && l.SchemaVersion == log.def.Version
	}
	if !published {
		return nil, nil
	}
	for _, o := range m.Table(log.def.Name) {
		if err := k.readPart(ctx, n, o); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *keyed) readPart(ctx context.Context, n *Night, o lake.ObjectInfo) (err error) {
	temp, err := newScratch(n.Scratch)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := temp.close(); err == nil {
			err = closeErr
		}
	}()
	in, err := n.Lake.OpenObject(ctx, o.Key)
	if err != nil {
		return err
	}
	file, err := temp.copy(in)
	if closeErr := in.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", o.Key, err)
	}
	columns := append(append([]string{}, k.log.key...), k.log.name)
	for rec, err := range parquetfile.Scan(io.NewSectionReader(file, 0, file.Size()), file.Size(), k.log.def, columns) {
		if err != nil {
			return fmt.Errorf("read %s: %w", o.Key, err)
		}
		err := k.each(rec, func(key, name uint64) { k.names[key] = name })
		rec.Release()
		if err != nil {
			return fmt.Errorf("read %s: %w", o.Key, err)
		}
	}
	return nil
}

// see compares rows of tonight's log with those of before. A key comes once (contract §9).
func (k *keyed) see(rec arrow.Record) error {
	return k.each(rec, func(key, name uint64) {
		before, ok := k.names[key]
		switch {
		case !ok:
			k.added++
			return
		case before != name:
			k.renamed++
		}
		k.still++
	})
}

// each hands hashes of key and name of every row to use.
func (k *keyed) each(rec arrow.Record, use func(key, name uint64)) error {
	var texts []func(int) (string, bool)
	for _, column := range append(append([]string{}, k.log.key...), k.log.name) {
		at := rec.Schema().FieldIndices(column)
		if len(at) != 1 {
			return fmt.Errorf("%s has no column %s", k.log.def.Name, column)
		}
		text, err := textOf(rec.Column(at[0]))
		if err != nil {
			return fmt.Errorf("%s.%s: %w", k.log.def.Name, column, err)
		}
		texts = append(texts, text)
	}
	name := texts[len(texts)-1]
	var buf []byte
	for i := range int(rec.NumRows()) {
		buf = buf[:0]
		for _, text := range texts[:len(texts)-1] {
			buf = appendText(buf, text, i)
		}
		key := xxh3.Hash(buf)
		use(key, xxh3.Hash(appendText(buf[:0], name, i)))
	}
	return nil
}

// appendText appends the text of a row so that no two rows of texts look the same.
func appendText(buf []byte, text func(int) (string, bool), i int) []byte {
	s, ok := text(i)
	if !ok {
		return append(buf, 0)
	}
	buf = binary.AppendUvarint(append(buf, 1), uint64(len(s)))
	return append(buf, s...)
}

// textOf returns what gives the text of a row of a column, false for null.
func textOf(col arrow.Array) (func(int) (string, bool), error) {
	switch col := col.(type) {
	case *array.String:
		return func(i int) (string, bool) {
			if col.IsNull(i) {
				return "", false
			}
			return col.Value(i), true
		}, nil
	case *array.Dictionary:
		if values, ok := col.Dictionary().(*array.String); ok {
			return func(i int) (string, bool) {
				if col.IsNull(i) {
					return "", false
				}
				return values.Value(col.GetValueIndex(i)), true
			}, nil
		}
	}
	return nil, fmt.Errorf("found %s, expected text", col.DataType())
}

// saw notes rows of a log as they are written.
func (s *since) saw(def *dictionary.Table, rec arrow.Record) error {
	if s == nil {
		return nil
	}
	if k := s.keys[def]; k != nil {
		return k.see(rec)
	}
	at := -1
	switch def {
	case dictionary.UserActivityLog:
		at = def.Index("user_login_date")
	case dictionary.GenerationLog:
		at = def.Index("content_created_date")
	case dictionary.AuditLog:
		at = def.Index("occurred_at")
	}
	if at < 0 {
		return nil
	}
	byDay := s.rows[def]
	if byDay == nil {
		byDay = map[calendar.Date]int64{}
		s.rows[def] = byDay
	}
	switch col := rec.Column(at).(type) {
	case *array.Date32:
		countRuns(col.Len(), func(i int) calendar.Date { return calendar.Date(col.Value(i)) }, byDay)
	case *array.Timestamp:
		countRuns(col.Len(), func(i int) calendar.Date { return s.dayer.DayOf(int64(col.Value(i))) }, byDay)
	default:
		return fmt.Errorf("%s: found %s, expected days or instants", def.Name, col.DataType())
	}
	return nil
}

// countRuns counts rows by day. Rows of one day mostly follow each other.
func countRuns(n int, day func(int) calendar.Date, into map[calendar.Date]int64) {
	for i := 0; i < n; {
		d, from := day(i), i
		for i++; i < n && day(i) == d; i++ {
		}
		into[d] += int64(i - from)
	}
}
