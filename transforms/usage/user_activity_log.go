package usage

import (
	"iter"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/calendar"
	"github.com/usagereport/usagereport/transforms/facts"
)

// UserActivityLog yields the User Activity Log, one row per user and day with a login in the rolling year, from the
// merged facts of logins; on the way it notes in seen the first and last day of each user over all history before the
// run date, and in totals what went in and which rows join nothing of today. The consumer releases each record.
func UserActivityLog(run Run, today Today, known Known, logins *facts.Merger, seen *Activity, totals *Totals) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		users := dictionaryOf(run.Mem, logins.Values(loginUser))
		defer users.Release()
		members := newLookup(known.Members, "user_id", users.Len(), func(v string) uint32 { return logins.Code(loginUser, v) })
		window := run.Window()
		present := newLookup(today.Members, "user_id", users.Len(), func(v string) uint32 { return logins.Code(loginUser, v) })
		by := newByWorkspace(run.Mem, known, logins, func(workspace string) {
			members.enter(workspace)
			present.enter(workspace)
		})
		defer by.release()
		days := newUserSpans(users.Len())
		for block, err := range logins.Blocks() {
			if err != nil {
				yield(nil, err)
				return
			}
			if by.enter(block.Workspace) {
				days.flush(by.previous, logins.Values(loginUser), seen, func(d *userDays, s span) { d.logins = s })
			}
			if block.Day >= run.Date {
				continue
			}
			codes := block.Cols[loginUser]
			slices.Sort(codes)
			codes = slices.Compact(codes)
			for _, c := range codes {
				days.add(c, block.Day)
			}
			if !window.Contains(block.Day) {
				continue
			}
			for _, n := range block.Count {
				totals.Facts += n
			}
			totals.NoUser += present.missing(codes)
			if !yield(activityRecord(by, users, members, codes, block.Day), nil) {
				return
			}
		}
		days.flush(by.name, logins.Values(loginUser), seen, func(d *userDays, s span) { d.logins = s })
	}
}

func activityRecord(by *byWorkspace, users *array.String, members *lookup, codes []uint32, day calendar.Date) arrow.Record {
	n := len(codes)
	cols := []arrow.Array{
		by.id(n), by.title(n),
		coded(codes, users), members.column("user_name", codes), members.column("user_email", codes),
		constantDate(day, n),
	}
	return record(dictionary.UserActivityLog, cols, n)
}

// record makes a record of log's columns, and releases cols.
func record(log *dictionary.Table, cols []arrow.Array, n int) arrow.Record {
	fields := log.Schema().Fields()
	for i, c := range cols {
		fields[i].Type = c.DataType()
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(n))
	for _, c := range cols {
		c.Release()
	}
	return rec
}

func constantDate(day calendar.Date, n int) arrow.Array {
	raw := memory.NewBufferBytes(arrow.Date32Traits.CastToBytes(slices.Repeat([]arrow.Date32{arrow.Date32(day)}, n)))
	data := array.NewData(arrow.FixedWidthTypes.Date32, n, []*memory.Buffer{nil, raw}, nil, 0, 0)
	defer data.Release()
	return array.NewDate32Data(data)
}

// constant returns a column of n times code (0 is null) over dict.
func constant(code uint32, n int, dict arrow.Array) arrow.Array {
	return coded(slices.Repeat([]uint32{code}, n), dict)
}

// byWorkspace follows the blocks of a Merger from workspace to workspace.
type byWorkspace struct {
	merger   *facts.Merger
	known    Known
	onEnter  func(workspace string)
	ids      *array.String
	names    *array.String // the one name of the workspace, an empty dictionary when it has none
	code     uint32
	name     string
	previous string
	entered  bool
	mem      memory.Allocator
}

func newByWorkspace(mem memory.Allocator, known Known, m *facts.Merger, onEnter func(string)) *byWorkspace {
	return &byWorkspace{
		merger: m, known: known, onEnter: onEnter, mem: mem,
		ids: dictionaryOf(mem, m.Values(0)), names: dictionaryOf(mem, nil),
	}
}

func (w *byWorkspace) release() {
	w.ids.Release()
	w.names.Release()
}

// enter tells whether the block's workspace is another than the one before; previous is then the one before.
func (w *byWorkspace) enter(code uint32) bool {
	if w.entered && code == w.code {
		return false
	}
	w.previous, w.code, w.name, w.entered = w.name, code, "", true
	if code > 0 {
		w.name = w.merger.Values(0)[code-1]
	}
	w.names.Release()
	var names []string
	if i, ok := w.known.Workspaces.Find(w.name); ok {
		if title, ok := w.known.Workspaces.Text("workspace_name", i); ok {
			names = []string{title}
		}
	}
	w.names = dictionaryOf(w.mem, names)
	w.onEnter(w.name)
	return true
}

func (w *byWorkspace) id(n int) arrow.Array { return constant(w.code, n, w.ids) }

func (w *byWorkspace) title(n int) arrow.Array { return constant(uint32(w.names.Len()), n, w.names) }

// userSpans is the spans of the users of one workspace, by code.
type userSpans struct {
	spans []span
	set   []uint32
}

func newUserSpans(users int) *userSpans { return &userSpans{spans: make([]span, users+1)} }

func (u *userSpans) add(code uint32, day calendar.Date) {
	s := &u.spans[code]
	if !s.seen {
		u.set = append(u.set, code)
	}
	s.add(day)
}

// flush joins the spans into seen, under the workspace they were gathered for, and starts anew.
func (u *userSpans) flush(workspace string, users []string, seen *Activity, put func(*userDays, span)) {
	for _, c := range u.set {
		if c > 0 {
			var d userDays
			put(&d, u.spans[c])
			seen.join(workspace, users[c-1], d)
		}
		u.spans[c] = span{}
	}
	u.set = u.set[:0]
}
