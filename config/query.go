package config

import (
	"slices"
	"strings"
)

// Parameters that an event query may use.
var parameters = []string{"from", "to", "changed_since"}

// queryParameters returns the names that stand behind a single colon in SQL, in order and once each, outside
// comments, quotes and casts.
func queryParameters(q string) []string {
	var names []string
	for i := 0; i < len(q); {
		switch c := q[i]; {
		case c == '\'' || c == '"' || c == '`':
			i = skipPast(q, i+1, string(c))
		case strings.HasPrefix(q[i:], "--"):
			i = skipPast(q, i, "\n")
		case strings.HasPrefix(q[i:], "/*"):
			i = skipPast(q, i+2, "*/")
		case c == '$':
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
