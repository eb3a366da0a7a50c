package admin

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/sinks/sinktest"
)

func TestExportAuditLog(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, auditRows, usageReports)
	ids := func(query, key string) []string {
		t.Helper()
		a := f.get("/export/audit-log?format=json&"+query, key)
		a.want(t, http.StatusOK)
		rows := []struct {
			ID string `json:"event_id"`
		}{}
		if err := json.Unmarshal([]byte(a.body), &rows); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		out := []string{}
		for _, r := range rows {
			out = append(out, r.ID)
		}
		return out
	}
	for _, c := range []struct {
		query, key string
		want       []string
	}{
		{"", "admin of all", []string{"e3", "e2", "e1"}},
		{"", "admin of w1", []string{"e3", "e1"}},
		{"", "admin of w2", []string{"e2"}},
		{"workspace_id=w2", "admin of all", []string{"e2"}},
		{"workspace_id=", "admin of all", []string{"e3", "e2", "e1"}},
		{"workspace_id=w9", "admin of all", []string{}},
		{"action=member.removed", "admin of all", []string{"e2", "e1"}},
		{"action=member.removed&action=member.added", "admin of w1", []string{"e3", "e1"}},
		{"action=&person=", "admin of w1", []string{"e3", "e1"}},
		{"action=nothing", "admin of w1", []string{}},
		{"person=ANN", "admin of all", []string{"e2"}},
		{"person=bo%40x", "admin of all", []string{"e3"}},
		{"from=2026-11-19", "admin of all", []string{"e3", "e2"}},
		{"from=2026-11-19&to=2026-11-19", "admin of all", []string{"e2"}},
		{"to=1999-12-31", "admin of all", []string{}},
	} {
		if got := ids(c.query, c.key); !slices.Equal(got, c.want) {
			t.Errorf("%s by %s: %q, want %q", c.query, c.key, got, c.want)
		}
	}

	// JSON has values as they are, CSV is safe in a spreadsheet.
	if a := f.get("/export/audit-log", "admin of w1"); !strings.Contains(a.body, `"=HYPERLINK(1)"`) || a.Header.Get("Content-Type") != "application/json" ||
		a.Header.Get("Content-Disposition") != `attachment; filename="Audit Log.json"; filename*=UTF-8''Audit%20Log.json` {
		t.Errorf("%v\n%s", a.Header, a.body)
	}
	a := f.get("/export/audit-log?format=csv", "admin of w1")
	a.want(t, http.StatusOK, `'=HYPERLINK(1)`)
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 3 || len(rows[0]) != len(dictionary.AuditLog.Fields) || rows[0][0] != "event_id" || rows[1][0] != "e3" {
		t.Errorf("%q, %v", rows, err)
	}
	if a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("%v", a.Header)
	}
	// Nothing fits: a header, and an array.
	f.pass(time.Second)
	if a := f.get("/export/audit-log?to=1999-12-31&format=csv", "admin of w1"); strings.Count(a.body, "\n") != 1 || !strings.HasPrefix(a.body, "event_id,") {
		t.Errorf("empty CSV: %q", a.body)
	}
	f.pass(time.Second)
	if a := f.get("/export/audit-log?to=1999-12-31&format=json", "admin of w1"); strings.Join(strings.Fields(a.body), "") != "[]" {
		t.Errorf("empty JSON: %q", a.body)
	}
	f.pass(time.Second)
	if a := f.do(http.MethodHead, "/export/audit-log", "admin of w1", nil); a.StatusCode != 200 || a.Header.Get("Content-Disposition") == "" {
		t.Errorf("HEAD: %s", a.Status)
	}

	r := f.trail()[0]
	if r.Kind != lake.AccessDownload || r.Object != "audit_log" || r.Filters["to"] != "1999-12-31" || r.Filters["format"] != "json" || r.WhoName != "admin of w1" {
		t.Errorf("%+v", r)
	}
	before := len(f.trail())
	f.fails(func(c sinktest.Call) bool { return strings.Contains(c.Key, "access/") })
	if a := f.get("/export/audit-log", "admin of w1"); a.StatusCode != http.StatusServiceUnavailable || strings.Contains(a.body, "e3") {
		t.Errorf("not recorded, but %s: %s", a.Status, a.body)
	}
	f.heal()
	if len(f.trail()) != before {
		t.Error("recorded all the same")
	}
}

func TestNoAuditLog(t *testing.T) {
	f := newFixture(t)
	f.get("/export/audit-log", "admin of w1").want(t, http.StatusNotFound, "nothing-published")
	f.publish("run-3", day3, "", usageReports)
	f.pass(60 * 1e9)
	f.get("/export/audit-log", "admin of w1").want(t, http.StatusNotFound, "not-published")
}

func TestExportAccessLog(t *testing.T) {
	f := newFixture(t)
	a := f.get("/export/access-log?format=json", "manager")
	a.want(t, http.StatusOK)
	for range accessRows + 3 { // more than make a record
		must(t, f.writer.PutAccess(t.Context(), lake.AccessRecord{
			Time: f.now().AddDate(0, 0, -2), Kind: lake.AccessSignInRefused, UserAgent: "@SUM(1)\x00\xff", Filters: map[string]string{"b": "2", "a": "x y"},
		}))
	}
	must(t, f.bucket.WriteAll(t.Context(), "data/access/2026-11-20/20261120T000000.000000000Z-00.json", []byte("{"), nil))
	var rows []map[string]any
	f.pass(time.Second)
	if err := json.Unmarshal([]byte(f.get("/export/access-log?format=json&to=2026-11-20", "manager").body), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != accessRows+4 || rows[0]["kind"] != "damaged" || rows[1]["user_agent"] != "@SUM(1) \uFFFD" || rows[1]["filters"] != "a=x+y&b=2" || rows[1]["status"] != nil {
		t.Errorf("%d rows, %v", len(rows), rows[:2])
	}
	rows = nil
	f.pass(time.Second)
	if err := json.Unmarshal([]byte(f.get("/export/access-log?format=json&from=2026-11-21", "manager").body), &rows); err != nil {
		t.Fatal(err)
	}
	// The download that asks is recorded when its first rows have been read.
	if len(rows) != 2 || rows[0]["route"] != "/export/access-log" || rows[0]["filters"] != "format=json&to=2026-11-20" || rows[0]["who_name"] != "manager" {
		t.Errorf("%d rows, %v", len(rows), rows)
	}
	f.get("/export/access-log?to=2026-11-20&format=csv", "manager").want(t, http.StatusOK, "'@SUM(1)")
}

func TestBadParameters(t *testing.T) {
	f := newFixture(t)
	f.publish("run-3", day3, auditRows, usageReports)
	for _, c := range []struct{ path, parameter, texts string }{
		{"/export/usage-reports?date=2026-02-30", "date", `found \"2026-02-30\", expected a day such as 2026-11-21`},
		{"/export/usage-reports?date=21.11.2026", "date", "21.11.2026"},
		{"/export/usage-reports?date=../../latest.json", "date", "expected a day"},
		{"/export/usage-reports?date=2026-11-21%0d%0aSet-Cookie:%20a=b", "date", "control characters"},
		{"/export/usage-reports?date=2026-11-21&date=2026-11-20", "date", "one value"},
		{"/export/usage-reports?Date=2026-11-21", "Date", "no parameter but date"},
		{"/export/usage-reports?x=", "x", "no parameter but date"},
		{"/export/usage-logs?workspace_id=w1", "workspace_id", "no parameter but date"},
		{"/export/audit-log?format=xml", "format", "json or csv"},
		{"/export/audit-log?format=CSV", "format", "json or csv"},
		{"/export/audit-log?from=2026-11-20&to=2026-11-19", "from", "not after to"},
		{"/export/audit-log?person=" + strings.Repeat("x", 301), "person", "at most 300 bytes"},
		{"/export/audit-log?person=%ff", "person", "UTF-8"},
		{"/export/audit-log?person=a%00b", "person", "control characters"},
		{"/export/audit-log?" + strings.Repeat("action=a&", 51), "action", "at most 50"},
		{"/export/audit-log?cursor=x", "cursor", "no parameter but"},
		{"/openapi.json?x=1", "x", "no parameters"},
		{"/healthz?x", "x", "no parameters"},
	} {
		a := f.get(c.path, "everything")
		a.want(t, http.StatusBadRequest, c.texts)
		var p struct{ Parameter, Found, Expected, Detail, Type string }
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Parameter != c.parameter || p.Expected == "" || !strings.HasSuffix(p.Type, ":bad-parameter") {
			t.Errorf("%s: %+v, %v", c.path, p, err)
		}
	}
	for _, path := range []string{"/export/usage-reports?date=%zz", "/export/usage-reports?a=1;b=2"} {
		f.get(path, "everything").want(t, http.StatusBadRequest, "bad-query")
	}
	if n := len(f.trail()); n != 0 {
		t.Errorf("%d records of requests that were refused", n)
	}
}

// FuzzParams: whatever the query, a parameter that is passed on is what the client meant, and the rest is refused.
func FuzzParams(f *testing.F) {
	for _, seed := range []string{"", "date=2026-11-21", "date=2026-02-30", "a=1&a=2", "from=2026-11-21&to=2026-11-20", "format=json", "format=%00", "%zz", "a;b",
		"action=x&action=y", "workspace_id=%2e%2e%2f", "date=%32%30%32%36-11-21", "person=%F0%9F%98%80", "from=0000-01-01", "date=2026-11-21&date="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}}
		p := parseParams(r, "date", "from", "to", "format", "person", "action*")
		from, to := p.days()
		date, format := p.date("date"), p.oneOf("format", "json", "csv")
		err := p.err()
		if err != nil {
			var q *problem
			if !errors.As(err, &q) || q.Status != http.StatusBadRequest || q.Detail == "" || strings.ContainsFunc(q.Detail, func(c rune) bool { return c < ' ' }) {
				t.Errorf("%q: %+v", query, q)
			}
			return
		}
		values, perr := url.ParseQuery(query)
		if perr != nil {
			t.Fatalf("%q cannot be read, and was accepted", query)
		}
		for name, list := range values {
			if !slices.Contains([]string{"date", "from", "to", "format", "person", "action"}, name) || name != "action" && len(list) > 1 {
				t.Errorf("%q: %s was passed over", query, name)
			}
		}
		for _, d := range []lake.Date{date, from, to} {
			if _, err := lake.ParseDate(string(d)); d != "" && err != nil {
				t.Errorf("%q: day %q", query, d)
			}
		}
		if format != "csv" && format != "json" || string(date) != values.Get("date") || from != "" && to != "" && from > to {
			t.Errorf("%q: %s %s %s %s", query, format, date, from, to)
		}
	})
}

// FuzzRange: a request for a part gets that part, all, or 416; never something else.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-", "bytes=-1", "bytes=5-2", "bytes=0-0,1-1", "bytes=99999-", "bytes=-0", "bytes= 1-2", "bytes=1-18446744073709551616", "x"} {
		f.Add(seed, "")
		f.Add(seed, `"x"`)
	}
	fx := newFixture(f)
	fx.publish("run-3", day3, "", usageReports)
	whole := string(zipBytes("run-3", usageReports))
	f.Fuzz(func(t *testing.T, header, ifRange string) {
		fx.t = t
		if strings.ContainsFunc(header+ifRange, func(c rune) bool { return c < ' ' || c > '~' }) {
			return // no client can send it
		}
		a := fx.get("/export/usage-reports", "manager", "Range: "+header, "If-Range: "+ifRange)
		switch a.StatusCode {
		case http.StatusOK:
			if a.body != whole {
				t.Errorf("%q: not the whole", header)
			}
		case http.StatusPartialContent:
			if a.body == "" || !strings.Contains(whole, a.body) || !oneRange(strings.TrimSpace(header)) {
				t.Errorf("%q: %d bytes", header, len(a.body))
			}
		case http.StatusRequestedRangeNotSatisfiable:
		default:
			t.Errorf("%q, %q: %s", header, ifRange, a.Status)
		}
	})
}
