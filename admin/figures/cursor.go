package figures

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// cursor is a place between two events of the audit log, which is sorted by instant, newest first, and event id. It names an
// event, not a position, so that it stays good when newer events come and older ones roll out.
type cursor struct {
	older   bool   // what comes after the event is wanted, else what comes before it
	instant int64  // microseconds since 1970
	event   string // id
}

const (
	cursorVersion = 1
	cursorHead    = 2 + 8
	maxEventID    = 4096 // bytes of an id in a cursor
)

// String returns the cursor as callers see it.
func (c cursor) String() string {
	b := []byte{cursorVersion, 'n'}
	if c.older {
		b[1] = 'o'
	}
	b = binary.BigEndian.AppendUint64(b, uint64(c.instant))
	return base64.RawURLEncoding.EncodeToString(append(b, c.event...))
}

// parseCursor reads what String wrote, and nothing else. ErrQuery for any other text.
func parseCursor(s string) (cursor, error) {
	bad := func(what string) (cursor, error) {
		return cursor{}, fmt.Errorf("%w: the cursor %s; begin at the first page again", ErrQuery, what)
	}
	if len(s) > base64.RawURLEncoding.EncodedLen(cursorHead+maxEventID) {
		return bad("is too long")
	}
	if strings.ContainsAny(s, "\r\n") { // which base64 passes over
		return bad("is none of this program's")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < cursorHead || b[0] != cursorVersion || b[1] != 'o' && b[1] != 'n' || !utf8.Valid(b[cursorHead:]) {
		return bad("is none of this program's")
	}
	return cursor{older: b[1] == 'o', instant: int64(binary.BigEndian.Uint64(b[2:])), event: string(b[cursorHead:])}, nil
}

// before tells whether an event stands before the place of the cursor's event in the log, newest first.
func (c cursor) before(instant int64, event string) bool {
	if instant != c.instant {
		return instant > c.instant
	}
	return event < c.event
}
