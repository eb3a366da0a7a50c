package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// SQLSchemes returns the URL schemes of databases, in reading order.
func SQLSchemes() []string {
	return []string{"sqlite", "postgres", "postgresql", "awspostgres", "gcppostgres",
		"mysql", "awsmysql", "gcpmysql", "azuremysql"}
}

// BucketSchemes returns the URL schemes of buckets, in reading order.
func BucketSchemes() []string { return []string{"file", "mem", "s3", "gs", "azblob"} }

// variableSchemes are the schemes of Go CDK runtimevar URLs that may stand in place of a URL. file is one too when
// it names a decoder, which no bucket has.
var variableSchemes = []string{"awssecretsmanager", "awsparamstore", "gcpsecretmanager", "gcpruntimeconfig", "constant"}

// isVariable reports whether what stands in place of a URL is a runtimevar URL that holds it.
func isVariable(raw string) bool {
	s := scheme(raw)
	if s == "file" {
		_, query, _ := strings.Cut(raw, "?")
		return slices.ContainsFunc(strings.Split(query, "&"), func(p string) bool { return strings.HasPrefix(p, "decoder=") })
	}
	return slices.Contains(variableSchemes, s)
}

// resolveURL makes the relative path of a sqlite: or file: URL absolute, starting at dir. It reports what is wrong
// with a URL of another form; texts quote nothing of the URL but its host.
func resolveURL(raw, dir string) (resolved, message, hint string) {
	s := scheme(raw)
	rest := raw[len(s)+1:]
	if s != "sqlite" && s != "file" {
		if !strings.HasPrefix(rest, "//") {
			return raw, fmt.Sprintf("a %s URL has // after the scheme", s), fmt.Sprintf("write %s://…", s)
		}
		authority := rest[2:]
		if end := strings.IndexAny(authority, "/?#"); end >= 0 {
			authority = authority[:end]
		}
		// A PostgreSQL server on a socket is named by a parameter, as in postgres:///db?host=/run/postgresql.
		socket := strings.HasPrefix(s, "postgres") && strings.Contains(rest, "host=")
		if authority == "" && s != "mem" && !socket {
			what := "database host"
			if slices.Contains(BucketSchemes(), s) {
				what = "bucket"
			}
			return raw, fmt.Sprintf("the %s URL names no %s", s, what), fmt.Sprintf("write %s://%s…", s, strings.ReplaceAll(what, " ", "-"))
		}
		if _, err := url.Parse(raw); err != nil {
			// The error of url.Parse quotes the URL: say the usual reason instead.
			return raw, "not a valid URL", "percent-encode special characters in the password, such as %40 for @ and %2F for /"
		}
		return raw, "", ""
	}
	path, query, _ := strings.Cut(rest, "?")
	relative := path
	if after, ok := strings.CutPrefix(path, "//"); ok {
		host, p, _ := strings.Cut(after, "/")
		switch host {
		case "":
			relative = "/" + p
		case ".":
			relative = p
		case "localhost":
			relative = "/" + p
		default:
			return raw, fmt.Sprintf("the %s URL names a host before the path", s),
				fmt.Sprintf("write %s:relative/path, which starts at the config file, or %s:///absolute/path", s, s)
		}
	}
	if relative == "" || s == "sqlite" && strings.HasSuffix(relative, "/") {
		return raw, fmt.Sprintf("the %s URL names no path", s), fmt.Sprintf("write %s:relative/path or %s:///absolute/path", s, s)
	}
	if s == "sqlite" && strings.Contains(relative, ":memory:") {
		return raw, "a SQLite database in memory holds nothing to report", "name a file: sqlite:relative/path or sqlite:///absolute/path"
	}
	p, err := url.PathUnescape(relative)
	if err != nil {
		return raw, fmt.Sprintf("the %s URL holds a %% that encodes nothing", s), "write %25 for a literal %"
	}
	if !filepath.IsAbs(p) {
		trailing := strings.HasSuffix(p, "/")
		p = filepath.Join(dir, p)
		if trailing {
			p += "/"
		}
	}
	u := url.URL{Scheme: s, Path: filepath.ToSlash(p), RawQuery: query}
	return u.String(), "", ""
}
