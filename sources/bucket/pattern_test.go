package bucket

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, key string
		want         string // the date, "yes", "no", or what the error says
	}{
		{"generations/dt={date}/*.parquet", "generations/dt=2026-11-20/part-0.parquet", "2026-11-20"},
		{"generations/dt={date}/*.parquet", "generations/dt=2026-11-20/a/part-0.parquet", "no"},
		{"generations/dt={date}/*.parquet", "generations/dt=2026-11-20/part-0.csv", "no"},
		{"generations/dt={date}/*.parquet", "generations/dt=2026-13-45/part-0.parquet", `"2026-13-45" is not a date`},
		{"generations/dt={date}/*.parquet", "generations/dt=2026-02-29/part-0.parquet", `"2026-02-29" is not a date`},
		{"generations/dt={date}/*.parquet", "generations/dt=2028-02-29/part-0.parquet", "2028-02-29"},
		{"generations/dt={date}/*.parquet", "generations/dt=/part-0.parquet", `"" is not a date`},
		{"generations/dt={date}/*.parquet", "generations/dt=20261120/part-0.parquet", `"20261120" is not a date`},
		{"generations/dt={date}/*.parquet", "generations/dt=__HIVE_DEFAULT_PARTITION__/x.parquet", `is not a date`},
		{"{yyyy}/{mm}/{dd}/*", "2026/11/20/x", "2026-11-20"},
		{"{yyyy}/{mm}/{dd}/*", "2026/11/2/x", `"2" is not a date`},
		{"{yyyy}/{mm}/{dd}/*", "2026/11/31/x", `"2026-11-31" is not a date`},
		{"{yyyy}/{mm}/{dd}/*", "2026/11/x", "no"},
		{"year={yyyy}/month={mm}/day={dd}/**", "year=2026/month=11/day=20/a/b", "2026-11-20"},
		{"log-{yyyy}{mm}{dd}.csv.gz", "log-20261120.csv.gz", "2026-11-20"},
		{"log-{yyyy}{mm}{dd}-*.csv", "log-20261120-7.csv", "2026-11-20"},
		{"{dd}.{mm}.{yyyy}.csv", "20.11.2026.csv", "2026-11-20"},
		{"{date}/x-{date}.csv", "2026-11-20/x-2026-11-20.csv", "2026-11-20"},
		{"{date}/x-{date}.csv", "2026-11-20/x-2026-11-21.csv", "contradict"},
		{"*{date}*.csv", "a-2026-11-20-b.csv", "2026-11-20"},
		{"**/{date}.csv", "2026-11-20.csv", "2026-11-20"},
		{"**/{date}.csv", "a/b/2026-11-20.csv", "2026-11-20"},
		{"members.csv", "members.csv", "yes"},
		{"members.csv", "members.csv.gz", "no"},
		{"*.csv", ".csv", "yes"},
		{"*.csv", "a/b.csv", "no"},
		{"**.csv", "a/b.csv", "yes"},
		{"a/**/b", "a/b", "yes"},
		{"a/**/b", "a/x/y/b", "yes"},
		{"a/**/b", "a/xb", "no"},
		{"part-?.csv", "part-1.csv", "yes"},
		{"part-?.csv", "part-é.csv", "yes"},
		{"part-?.csv", "part-/.csv", "no"},
		{"part-?.csv", "part-12.csv", "no"},
		{"a+(b)[c].csv", "a+(b)[c].csv", "yes"},
	} {
		p, err := parsePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		got := "no"
		if tokens, ok := p.match(c.key); ok {
			got = "yes"
			if p.dated {
				if d, err := p.date(tokens); err != nil {
					got = err.Error()
				} else {
					got = d.Format(time.DateOnly)
				}
			}
		}
		if got != c.want && (len(c.want) < 5 || !strings.Contains(got, c.want)) {
			t.Errorf("%s on %s: %s, want %s", c.pattern, c.key, got, c.want)
		}
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	for text, says := range map[string]string{
		"":                      "empty",
		"/a":                    "begin with a slash",
		"{year}/x":              "date}, yyyy}",
		"{date":                 "date}, yyyy}",
		"a}":                    "without {",
		"{yyyy}/{mm}/*":         "all of",
		"{date}/{yyyy}":         "either",
		"{date}/{yyyy}{mm}{dd}": "either",
	} {
		if _, err := parsePattern(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPatternPrefix(t *testing.T) {
	for text, want := range map[string]string{"a/dt={date}/*": "a/dt=", "*": "", "a/b.csv": "a/b.csv", "{date}/x": "", "a?": "a"} {
		p, err := parsePattern(text)
		if err != nil || p.prefix() != want {
			t.Errorf("%s: %q %v", text, p.prefix(), err)
		}
	}
}

// Stars do not multiply each other's work.
func TestPatternOfManyStars(t *testing.T) {
	p, err := parsePattern(strings.Repeat("*a", 30) + "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.match(strings.Repeat("a", 2000)); ok {
		t.Error("it matches")
	}
}

// FuzzPattern compares with a regular expression of the same meaning.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"a/dt={date}/*.csv", "a/dt=2026-11-20/x.csv"}, {"**/{yyyy}-{mm}{dd}?", "x/y/2026-1120a"}, {"*{date}", "22026-11-20"}, {"a*b*?", "axxbé"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		p, err := parsePattern(text)
		if err != nil {
			return
		}
		tokens, ok := p.match(key)
		if ok && p.dated {
			if d, err := p.date(tokens); err == nil && (d.Location() != time.UTC || d.Hour() != 0) {
				t.Errorf("%q on %q: the date is %s", text, key, d)
			}
		}
		expr := "(?s)^"
		for _, it := range p.items {
			switch it.kind {
			case literal:
				expr += regexp.QuoteMeta(it.text)
			case anyChar:
				expr += "[^/]"
			case anyPath:
				expr += ".*"
			case anyDirs:
				expr += "(|.*/)"
			default:
				expr += "[^/]*"
			}
		}
		re, err := regexp.Compile(expr + "$")
		if err != nil || strings.ToValidUTF8(text+key, "") != text+key {
			return // the expression's own limits
		}
		if want := re.MatchString(key); ok != want {
			t.Errorf("%q on %q: %v, want %v", text, key, ok, want)
		}
	})
}
