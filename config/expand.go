package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"gocloud.dev/runtimevar"
)

// Env is what Load takes from the world outside the file. A nil function makes whatever needs it a problem.
type Env struct {
	LookupEnv func(name string) (string, bool)
	ReadFile  func(name string) ([]byte, error)
	OpenVar   func(ctx context.Context, url string) (string, error) // resolves a Go CDK runtimevar URL
}

const openVarTimeout = time.Minute

// OpenVar resolves a Go CDK runtimevar URL with the drivers that the program has registered. It is meant for
// Env.OpenVar. It waits for the value for a minute at most.
func OpenVar(ctx context.Context, url string) (value string, err error) {
	ctx, cancel := context.WithTimeout(ctx, openVarTimeout)
	defer cancel()
	v, err := runtimevar.OpenVariable(ctx, url)
	if err != nil {
		return "", fmt.Errorf("open variable: %w", err)
	}
	defer func() {
		if e := v.Close(); err == nil && e != nil {
			err = fmt.Errorf("close variable: %w", e)
		}
	}()
	// Latest would wait for a good value for as long as ctx lasts; Watch tells the first failure.
	s, err := v.Watch(ctx)
	if err != nil {
		return "", fmt.Errorf("read variable: %w", err)
	}
	switch x := s.Value.(type) {
	case string:
		return x, nil
	case []byte:
		return string(x), nil
	}
	return "", fmt.Errorf("the variable decodes to %T, expected text: add decoder=string to the URL", s.Value)
}

// expander replaces ${…} in scalar values, after parsing: a value can therefore neither break the YAML nor add
// keys to it.
type expander struct {
	env  Env
	open func(url string) (string, error) // Env.OpenVar within the context of the one Load; nil if it is nil
	dir  string                           // of the config file
	vars map[string]string                // the values of runtimevar URLs read so far
}

func newExpander(ctx context.Context, env Env, dir string) *expander {
	x := &expander{env: env, dir: dir, vars: map[string]string{}}
	if env.OpenVar != nil {
		x.open = func(url string) (string, error) { return env.OpenVar(ctx, url) }
	}
	return x
}

// failure says what is wrong with a reference and what to do, without any value.
type failure struct{ message, hint string }

// expand returns the text with every reference replaced, and whether there was one. `$${` stands for `${`; any
// other $ is left alone, since SQL knows $$ and $1.
func (x *expander) expand(s string) (out string, expanded bool, failed *failure) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), expanded, nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		ref, rest, ok := strings.Cut(s[i+2:], "}")
		if !ok {
			return "", true, &failure{"${ is never closed", "add the } or write $${ for a literal ${"}
		}
		value, failed := x.resolve(ref)
		if failed != nil {
			return "", true, failed
		}
		b.WriteString(value)
		s, expanded = rest, true
	}
}

// resolve returns what one reference stands for.
func (x *expander) resolve(ref string) (string, *failure) {
	var value string
	switch kind, arg, ok := strings.Cut(ref, ":"); {
	case ok && kind == "file":
		v, failed := x.readFile(arg)
		if failed != nil {
			return "", failed
		}
		value = v
	case ok && kind == "var":
		v, failed := x.openVar(arg)
		if failed != nil {
			return "", failed
		}
		value = v
	case !isName(ref):
		return "", &failure{
			"${…} holds neither the name of an environment variable nor file:PATH nor var:URL",
			"write ${NAME}, ${file:/path}, ${var:URL}, or $${ for a literal ${; there is no syntax for defaults"}
	default:
		if x.env.LookupEnv == nil {
			return "", &failure{fmt.Sprintf("${%s}: the environment is not available here", ref), ""}
		}
		v, ok := x.env.LookupEnv(ref)
		if !ok {
			return "", &failure{fmt.Sprintf("the environment variable %s is not set", ref), "set it, or write $${ for a literal ${"}
		}
		value = v
	}
	if !utf8.ValidString(value) {
		return "", &failure{fmt.Sprintf("%s does not hold UTF-8 text", shownReferences("${"+ref+"}")), ""}
	}
	return value, nil
}

func (x *expander) readFile(name string) (string, *failure) {
	if name == "" || x.env.ReadFile == nil {
		return "", &failure{fmt.Sprintf("${file:%s}: no file can be read there", name), "write ${file:/path/to/secret}"}
	}
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(x.dir, full)
	}
	b, err := x.env.ReadFile(full)
	if err != nil {
		return "", &failure{fmt.Sprintf("${file:%s}: %s", name, fileReason(err)),
			"check the path, which is relative to the config file, and who may read it"}
	}
	return trimNewline(string(b)), nil
}

// openVar resolves a runtimevar URL, once for each URL.
func (x *expander) openVar(url string) (string, *failure) {
	if v, ok := x.vars[url]; ok {
		return v, nil
	}
	shown := Redact(url)
	if x.open == nil {
		return "", &failure{fmt.Sprintf("the variable %s cannot be opened here", shown), ""}
	}
	v, err := x.open(url)
	if err != nil {
		return "", &failure{fmt.Sprintf("the variable %s cannot be read: %s", shown, scrub(err.Error(), url)),
			"check the URL, the credentials and that the secret exists"}
	}
	v = trimNewline(v)
	x.vars[url] = v
	return v, nil
}

// scrub takes a URL, and what is secret in it, out of an error text of a library.
func scrub(text, url string) string {
	if Redact(url) == url {
		return oneLine(text)
	}
	text = strings.ReplaceAll(text, url, Redact(url))
	_, tail, _ := strings.Cut(url, ":")
	for _, part := range strings.FieldsFunc(tail, func(r rune) bool { return strings.ContainsRune(":/@?&=", r) }) {
		if !strings.Contains(Redact(url), part) {
			text = strings.ReplaceAll(text, part, redacted)
		}
	}
	return oneLine(text)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// shownReferences returns a text as the file has it, with no more than the scheme of ${var:URL}, whose URL may
// hold a secret.
func shownReferences(raw string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(raw, "${var:")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		url, rest, ok := strings.Cut(rest, "}")
		b.WriteString("${var:" + scheme(url) + ":…")
		if !ok {
			return b.String()
		}
		b.WriteString("}")
		raw = rest
	}
}

// fileReason says why a file cannot be read, without repeating its path.
func fileReason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return oneLine(err.Error())
}

// trimNewline cuts the one line end that editors put at the end of a file.
func trimNewline(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
