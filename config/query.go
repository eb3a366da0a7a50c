package config

import (
	"slices"
	"strings"
)

// Parameters that an event query may use.
var parameters = []string{"from", "to", "changed_since"}

// A dialect is what the databases' tokens differ in. The source that runs a query parses it whole; here it is enough
// not to mistake a text or a comment for a parameter.
type dialect string

const (
	sqlite   dialect = "sqlite"
	postgres dialect = "postgres"
	mysql    dialect = "mysql"
)

// dialectOf returns the dialect of a database's URL scheme.
func dialectOf(scheme string) dialect {
	for _, d := range []dialect{sqlite, postgres, mysql} {
		if strings.Contains(scheme, string(d)) {
			return d
		}
	}
	return ""
}

// queryParameters returns the names that stand behind a single colon in SQL, in order and once each, outside
// comments, quotes and casts.
func queryParameters(q string, d dialect) []string {
	var names []string
	for i := 0; i < len(q); {
		rest := q[i:]
		switch c := q[i]; {
		case c == '\'' || c == '"' || c == '`':
			escapes := c != '`' && (d == mysql || d == postgres && c == '\'' && isEscapeString(q, i))
			i = skipQuoted(q, i+1, c, escapes)
		case strings.HasPrefix(rest, "--") && (d != mysql || len(rest) == 2 || rest[2] <= ' '), c == '#' && d == mysql:
			i = skipPast(q, i, "\n")
		case strings.HasPrefix(rest, "/*"):
			i = skipComment(q, i+2, d == postgres)
		case c == '[' && d == sqlite:
			i = skipPast(q, i, "]")
		case c == '$' && d == postgres:
			i = skipDollar(q, i)
		case c == ':':
			end := i + 1
			for end < len(q) && isWord(q[end]) {
				end++
			}
			name := q[i+1 : end]
			cast := i > 0 && (q[i-1] == ':' || isWord(q[i-1])) // x::text, a[1:n]
			if name != "" && !cast && !slices.Contains(names, name) {
				names = append(names, name)
			}
			i = end
		default:
			i++
		}
	}
	return names
}

// isEscapeString reports whether the quote at i begins a text of the form E'…', in which a backslash escapes.
func isEscapeString(q string, i int) bool {
	return i > 0 && (q[i-1] == 'e' || q[i-1] == 'E') && (i == 1 || !isWord(q[i-2]))
}

// skipQuoted returns the position behind the closing quote. A doubled quote ends one text and begins the next.
func skipQuoted(q string, i int, quote byte, escapes bool) int {
	for ; i < len(q); i++ {
		switch {
		case escapes && q[i] == '\\':
			i++
		case q[i] == quote:
			return i + 1
		}
	}
	return len(q)
}

// skipComment returns the position behind a comment; on PostgreSQL comments nest.
func skipComment(q string, i int, nest bool) int {
	for depth := 1; i < len(q); {
		switch {
		case strings.HasPrefix(q[i:], "*/"):
			i += 2
			if depth--; depth == 0 {
				return i
			}
		case nest && strings.HasPrefix(q[i:], "/*"):
			i += 2
			depth++
		default:
			i++
		}
	}
	return len(q)
}

// skipPast returns the position behind the next end, or the end of the query.
func skipPast(q string, i int, end string) int {
	n := strings.Index(q[i:], end)
	if n < 0 {
		return len(q)
	}
	return i + n + len(end)
}

// skipDollar returns the position behind a dollar-quoted text of PostgreSQL that begins at i, or behind the $.
func skipDollar(q string, i int) int {
	end := i + 1
	for end < len(q) && isWord(q[end]) {
		end++
	}
	if end == len(q) || q[end] != '$' || i > 0 && isWord(q[i-1]) {
		return i + 1
	}
	return skipPast(q, end+1, q[i:end+1])
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
