package sqldb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"

	"github.com/usagereport/usagereport/sources"
)

// pgFailure returns the classifier of PostgreSQL's errors, from pgx as from lib/pq. At renders a character's offset
// in the statement as a place in the query; nil where there is no query.
func pgFailure(at func(int) string) func(error) *failure {
	return func(err error) *failure {
		var pg *pgconn.PgError
		var lib *pq.Error
		switch {
		case errors.As(err, &pg):
			f := pgCode(pg.Code, pg.Message, pg.Detail, pg.Hint)
			if at != nil && pg.Position > 0 {
				f.text += ", at " + at(int(pg.Position)-1)
			}
			f.cause = err
			return f
		case errors.As(err, &lib):
			f := pgCode(string(lib.Code), lib.Message, lib.Detail, lib.Hint)
			if char, err := strconv.Atoi(lib.Position); err == nil && at != nil {
				f.text += ", at " + at(char-1)
			}
			f.cause = err
			return f
		}
		return nil
	}
}

// pgCode classifies by SQLSTATE.
func pgCode(code, message, detail, hint string) *failure {
	f := &failure{kind: sources.ErrQuery, text: fmt.Sprintf("%s (SQLSTATE %s)", message, code), hint: hint}
	for _, c := range []struct {
		prefix, hint string
		kind         error
	}{
		{"28", hintPassword, sources.ErrDenied},
		{"3D000", hintDatabase, sources.ErrNotFound},
		{"42P01", hintTable, sources.ErrNotFound}, // table
		{"3F000", hintTable, sources.ErrNotFound}, // schema
		{"42703", hintColumn, sources.ErrQuery},
		{"42501", hintGrant, sources.ErrDenied},
		{"25006", hintReadOnly, sources.ErrQuery},
		{"57014", hintTimeout, sources.ErrUnreachable}, // cancelled: by the time-out, or by an operator
		{"57P", hintLost, sources.ErrUnreachable},      // shutdown, backend ended
		{"08", hintNetwork, sources.ErrUnreachable},
		{"53300", "lower how much is read at once, or allow the user more connections", sources.ErrUnreachable},
		{"53", "the server is short of resources", sources.ErrUnreachable},
		{"40", hintLost, sources.ErrUnreachable}, // conflict with recovery on a standby
		{"55P03", "a lock was not to be had; run it again", sources.ErrUnreachable},
		{"58", hintLost, sources.ErrUnreachable},
	} {
		if strings.HasPrefix(code, c.prefix) {
			f.kind = c.kind
			if f.hint == "" {
				f.hint = c.hint
			}
			break
		}
	}
	f.lasts = code == "57014" || code == "08P01" // by the same time-out, or by somebody who wants it so; not PostgreSQL's protocol
	if detail != "" {
		f.text += ": " + detail
	}
	return f
}

// pgPlace returns what renders a character's offset in a statement that has the query after so many bytes of ASCII.
func (q *boundQuery) pgPlace(before int) func(int) string {
	return func(char int) string { return q.at(byteOffset(q.text, char-before)) }
}

// byteOffset returns the byte offset of the character with the given number, from 0: PostgreSQL counts characters.
func byteOffset(text string, char int) int {
	at := 0
	for ; char > 0 && at < len(text); char-- {
		_, n := utf8.DecodeRuneInString(text[at:])
		at += n
	}
	return at
}
