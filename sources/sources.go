// Package sources holds what every kind of source hands over: raw Arrow batches with the place each row came
// from. Its subpackages read one kind of source each. It knows no dataset's rules and never writes.
package sources

import (
	"errors"

	"github.com/apache/arrow/go/v17/arrow"
)

// Sentinels that callers branch on. Every error of a source wraps at most one of them; the text says what was
// being read, what was found and what to do.
var (
	ErrUnreachable = errors.New("source unreachable") // network, time-out: a retry may help
	ErrDenied      = errors.New("access denied")      // credentials or permissions: the config is wrong
	ErrNotFound    = errors.New("not found")          // no such database, bucket, table or object
	ErrQuery       = errors.New("query refused")      // the database does not accept the statement
	ErrUnreadable  = errors.New("file unreadable")    // truncated, corrupt or of another format
	ErrUnsupported = errors.New("unsupported")        // a URL scheme, a column type, a compression we do not read
)

// MayPass reports whether the same operation may well succeed within minutes: the network or the server failed, not what
// was asked. It is true of errors that wrap ErrUnreachable, but for those that say of themselves, by a method
// Lasting() bool, that they would come again.
func MayPass(err error) bool {
	var l interface{ Lasting() bool }
	return errors.Is(err, ErrUnreachable) && (!errors.As(err, &l) || !l.Lasting())
}

// Lasting marks an error, of ErrUnreachable or not, as one that another try within minutes would not change.
func Lasting(err error) error { return lasting{err} }

type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }
func (l lasting) Lasting() bool { return true }

// Batch is a run of rows as the source has them.
//
// The columns of Record have the source's own names. Their types are those the source gives: bool, int8…int64,
// uint8…uint64, float32, float64, date32, timestamp of any unit (zone "UTC" when the source's value is an instant,
// empty when it has no zone), utf8, binary, or dictionary<int32, utf8> where the source holds values by code.
// The type of a column may differ between batches of one read only between utf8 and dictionary<int32, utf8>.
//
// Whoever receives a Batch owns it and releases Record. Record may be nil when all its rows were rejected.
type Batch struct {
	Record   arrow.Record
	Object   string     // the file's key, or the query's name
	FirstRow int64      // number of the first row within Object, from 1 (of a text file: its line)
	Rows     []int64    // the number of each row, where they are not FirstRow, FirstRow+1, …; else nil
	Rejected []Rejected // rows of Object that could not be brought into Record at all
}

// Row returns the number, within Object, of row i of Record.
func (b *Batch) Row(i int) int64 {
	if b.Rows != nil {
		return b.Rows[i]
	}
	return b.FirstRow + int64(i)
}

// Rejected is a row that cannot be used, and why.
type Rejected struct {
	Row    int64  // within the batch's Object, from 1 (of a text file: its line)
	Column string // the source's name of the column, empty when the whole row is at fault
	Value  string // what was found, shortened to 200 bytes
	Reason string // what was expected
}
