package figures

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/usagereport/usagereport/dictionary"
)

// filter chooses rows of the audit log.
type filter struct {
	from, to   int64 // instants in microseconds since 1970, to not included
	all        bool  // any workspace
	workspaces map[string]bool
	actions    map[string]bool // empty: any
	person     string          // folded; empty: anybody

	known map[int]verdict // by column: the verdict on the values of the dictionary that the column had last
}

// verdict says of each value of a dictionary whether it fits.
type verdict struct {
	dict arrow.ArrayData
	fits []bool
}

// personColumns are the columns that a person is looked for in.
var personColumns = []string{"actor_user_id", "actor_user_name", "actor_user_email", "target_user_id", "target_user_name", "target_user_email"}

// newFilter makes a filter of a query, whose days are those of the zone. ErrQuery if the days are none.
func newFilter(q AuditQuery, zone *time.Location) (*filter, error) {
	if _, _, err := dates(q.From, q.To); err != nil {
		return nil, err
	}
	if !utf8.ValidString(q.Person) {
		return nil, fmt.Errorf("%w: the person is not UTF-8", ErrQuery)
	}
	f := &filter{
		from: minInstant, to: maxInstant, all: q.Workspaces == nil, workspaces: set(q.Workspaces), actions: set(q.Actions),
		person: fold(strings.TrimSpace(q.Person)), known: map[int]verdict{},
	}
	if q.From != "" {
		f.from = midnight(q.From.Time(), zone).UnixMicro()
	}
	if q.To != "" {
		f.to = midnight(q.To.Time().AddDate(0, 0, 1), zone).UnixMicro()
	}
	return f, nil
}

const (
	minInstant = -1 << 63
	maxInstant = 1<<63 - 1
)

// midnight returns the first instant of a day, given as its midnight in UTC, in the zone: later than 0:00 where a clock change
// skips that.
func midnight(day time.Time, zone *time.Location) time.Time {
	t := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
	if t.Day() == day.Day() {
		return t
	}
	_, end := t.ZoneBounds() // the change that skipped it
	return end
}

func set(values []string) map[string]bool {
	s := map[string]bool{}
	for _, v := range values {
		s[v] = true
	}
	return s
}

// fold makes texts equal that differ in case or in the form of their letters only, as the keys of users are (contract §7).
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
		}
	}
	return strings.ToLower(s)
}

// rows returns which rows of a record of the audit log fit, ascending.
func (f *filter) rows(rec arrow.Record) ([]int, error) {
	at, err := instants(rec)
	if err != nil {
		return nil, err
	}
	fits := make([]bool, rec.NumRows())
	for i, t := range at {
		fits[i] = int64(t) >= f.from && int64(t) < f.to
	}
	if !f.all {
		if err := f.narrow(fits, rec, func(v string) bool { return f.workspaces[v] }, "workspace_id"); err != nil {
			return nil, err
		}
	}
	if len(f.actions) > 0 {
		if err := f.narrow(fits, rec, func(v string) bool { return f.actions[v] }, "action"); err != nil {
			return nil, err
		}
	}
	if f.person != "" {
		part := func(v string) bool { return strings.Contains(fold(v), f.person) }
		if err := f.narrow(fits, rec, part, personColumns...); err != nil {
			return nil, err
		}
	}
	var rows []int
	for i, ok := range fits {
		if ok {
			rows = append(rows, i)
		}
	}
	return rows, nil
}

// narrow leaves those rows that have a value that is wanted in any of the columns.
func (f *filter) narrow(fits []bool, rec arrow.Record, wanted func(string) bool, columns ...string) error {
	found := make([]bool, len(fits))
	for _, name := range columns {
		i := dictionary.AuditLog.Index(name)
		switch col := rec.Column(i).(type) {
		case *array.Dictionary:
			v, err := f.verdict(i, col, wanted)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			for row := range fits {
				found[row] = found[row] || fits[row] && !col.IsNull(row) && v[col.GetValueIndex(row)]
			}
		case *array.String:
			known := map[string]bool{} // the same values come again and again; folding one costs more than looking it up
			for row := range fits {
				if found[row] || !fits[row] || col.IsNull(row) {
					continue
				}
				v := col.Value(row)
				fit, ok := known[v]
				if !ok {
					fit = wanted(v)
					known[v] = fit
				}
				found[row] = fit
			}
		default:
			return fmt.Errorf("%s is %s, expected text", name, col.DataType())
		}
	}
	copy(fits, found)
	return nil
}

func (f *filter) verdict(column int, col *array.Dictionary, wanted func(string) bool) ([]bool, error) {
	v := f.known[column]
	if data := col.Data().Dictionary(); v.dict != data {
		values, ok := col.Dictionary().(*array.String)
		if !ok {
			return nil, fmt.Errorf("a dictionary of %s, expected text", col.Dictionary().DataType())
		}
		v = verdict{dict: data, fits: make([]bool, values.Len())}
		for i := range v.fits {
			v.fits[i] = wanted(values.Value(i))
		}
		f.known[column] = v
	}
	return v.fits, nil
}

// instants returns when the events of a record happened, in microseconds since 1970.
func instants(rec arrow.Record) ([]arrow.Timestamp, error) {
	col, ok := rec.Column(dictionary.AuditLog.Index("occurred_at")).(*array.Timestamp)
	if !ok {
		return nil, fmt.Errorf("audit_log.occurred_at is %s", rec.Column(dictionary.AuditLog.Index("occurred_at")).DataType())
	}
	return col.TimestampValues(), nil
}

// actionsOf returns the actions to choose from: the documented ones, then the others that occur.
func actionsOf(occurring map[string]bool) []string {
	log := dictionary.AuditLog
	var all, others []string
	for _, v := range log.Fields[log.Index("action")].Enum {
		all = append(all, v.Name)
	}
	for a := range occurring {
		if !slices.Contains(all, a) {
			others = append(others, a)
		}
	}
	slices.Sort(others)
	return append(all, others...)
}
