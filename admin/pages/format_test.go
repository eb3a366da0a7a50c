package pages

import (
	"math"
	"testing"
	"time"

	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/sinks/lake"
)

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "−1,000", -12: "−12", math.MinInt64: "−9,223,372,036,854,775,808"} {
		same(t, "number", number(n), want)
	}
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 214522: "215 kB", 999499: "999 kB", 999500: "1.0 MB", 7559509: "7.6 MB", 3e9: "3.0 GB", 4e12: "4.0 TB"} {
		same(t, "bytes", byteCount(n), want)
	}
	for n, want := range map[int64]string{figures.NoData: "", 0: "0", 999: "999", 1000: "1.0k", 9949: "9.9k", 9950: "10k", 12345: "12k", 999499: "999k", 999500: "1.0M", math.MaxInt64: "∞"} {
		same(t, "short", short(n), want)
		if len([]rune(want)) > 4 {
			t.Errorf("%s has over four characters", want)
		}
	}
	for v, want := range map[float64]string{3: "3", 302.5: "302.5", 1234: "1,234"} {
		same(t, "decimal", decimal(v), want)
	}
	same(t, "signed", signed(5)+signed(-5)+signed(0), "+5−50")
	for _, c := range []struct {
		part, whole int64
		want        string
	}{{0, 0, "–"}, {1, 0, "–"}, {0, 5, "0 %"}, {1, 3, "33 %"}, {1, 1000, "0.1 %"}, {5, 5, "100 %"}} {
		same(t, "percent", percent(c.part, c.whole), c.want)
	}
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 74 * time.Millisecond: "74 ms", 1500 * time.Millisecond: "1.5 s", 12 * time.Second: "12 s", 59*time.Second + 999*time.Millisecond: "60 s",
		74 * time.Second: "1 min 14 s", 3599 * time.Second: "59 min 59 s", 90 * time.Minute: "1 h 30 min",
	} {
		same(t, "took", took(d), want)
	}
	for d, want := range map[time.Duration]string{time.Millisecond: "1 second", 5 * time.Second: "5 seconds", 90 * time.Second: "90 seconds", 121 * time.Second: "3 minutes"} {
		same(t, "wait", wait(d), want)
	}
	same(t, "day", day("2026-11-02"), "2 Nov 2026")
	same(t, "day that is none", day("2026-02-30"), "2026-02-30")
	same(t, "days of a year", dayRange("2026-05-22", "2026-11-21"), "22 May – 21 Nov 2026")
	same(t, "days of two", dayRange("2025-11-22", "2026-11-21"), "22 Nov 2025 – 21 Nov 2026")
	same(t, "one day", dayRange("2026-11-21", "2026-11-21"), "21 Nov 2026")
	same(t, "no time", instant(time.Time{}), "unknown")
}

func TestWords(t *testing.T) {
	for id, want := range map[string]string{"": "", "member.role_updated": "Member role updated", "ärger": "Ärger", "user_log": "User log"} {
		same(t, "words", words(id), want)
	}
	for name, want := range map[string]string{"": "", "Ines Osei": "IO", "alice": "A", "<script>": "S", "  ": "", "Łukasz of Acme": "ŁO", "שלום": "ש"} {
		same(t, "initials", initials(name), want)
	}
	same(t, "check", checkOf("grain_unique:user_log"), "Rows are unique and in order: User Log")
	same(t, "unknown check", checkOf("new_check:thing"), "New check: thing")
	same(t, "unknown status", statusOf("paused"), badge{"Paused", "warn"})
}

// TestForms takes addresses apart that a form would otherwise lose the query of.
func TestForms(t *testing.T) {
	f, err := formOf("/export/audit-log?format=csv&action=b&action=a&person=x%26y%3D%2B", "Export as CSV")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "path", f.Path, "/export/audit-log")
	want := []field{{"action", "b"}, {"action", "a"}, {"format", "csv"}, {"person", "x&y=+"}}
	if len(f.Fields) != len(want) {
		t.Fatalf("got %v, want %v", f.Fields, want)
	}
	for i := range want {
		same(t, "field", f.Fields[i], want[i])
	}
	for _, bad := range []string{"/x?a=%zz", "%", "/x?a;b"} {
		if _, err := formOf(bad, "x"); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	same(t, "newest", exportOf("Usage Reports.zip", "").URL(), "/export/usage-reports")
	same(t, "past", exportOf("Usage Logs.zip", "2026-11-21").URL(), "/export/usage-logs?date=2026-11-21")
}

func TestSummary(t *testing.T) {
	s := summaryOf(lake.Workbook{Summary: map[string]int64{
		"Total Entities Synced": 9, "Total Unique Users": 3, "Emails": 1, "Jira": 2, "GitHub": 2, "CRM": 5, "CRM ↔ Jira": 4, "GitHub ↔ CRM": 5,
	}})
	order := func(list []labelled) (out string) {
		for _, l := range list {
			out += l.Label + ";"
		}
		return out
	}
	same(t, "totals", order(s.Totals), "Total Unique Users;Total Entities Synced;")
	same(t, "users", order(s.Users), "Emails;")
	same(t, "systems", order(s.Systems), "CRM;GitHub;Jira;")
	same(t, "pairs", order(s.Pairs), "GitHub ↔ CRM;CRM ↔ Jira;")
}

// TestHeatmapSteps: the legend says exactly where each step of colour begins.
func TestHeatmapSteps(t *testing.T) {
	for largest := range int64(120) {
		h := heatmapOf(figures.Heatmap{Max: largest})
		for v := int64(1); v <= largest; v++ {
			legend := 0
			for _, s := range h.Steps {
				if v >= s.From {
					legend = s.Step
				}
			}
			if got := heatStep(v, largest); got != legend {
				t.Fatalf("%d of %d has step %d, the legend says %d", v, largest, got, legend)
			}
		}
		same(t, "nothing", heatStep(0, largest)+heatStep(figures.NoData, largest), 0)
	}
}

func TestChangeWords(t *testing.T) {
	generations := func(t *figures.Totals) int64 { return t.Generations }
	u := &figures.Usage{Totals: figures.Totals{Generations: 120}}
	same(t, "nothing before", changeWords(u, generations), "")
	for before, want := range map[int64]string{
		100: "20 % more than 1 Oct – 30 Oct 2026", 240: "50 % less than 1 Oct – 30 Oct 2026", 120: "as many as 1 Oct – 30 Oct 2026", 0: "none in 1 Oct – 30 Oct 2026", 119: "0.8 % more than 1 Oct – 30 Oct 2026",
	} {
		u.Previous = &figures.Totals{Generations: before, From: "2026-10-01", To: "2026-10-30"}
		same(t, "change", changeWords(u, generations), want)
	}
}

func TestAccessWords(t *testing.T) {
	for _, c := range []struct {
		record lake.AccessRecord
		did    string
		out    string
	}{
		{lake.AccessRecord{Kind: lake.AccessDownload, Object: "reports/2026-11-22/Usage Reports.zip", Route: "/export/usage-reports", Status: 200}, "Downloaded reports/2026-11-22/Usage Reports.zip", "Done"},
		{lake.AccessRecord{Kind: lake.AccessDownload, Route: "/export/audit-log", Status: 200}, "Downloaded the audit log", "Done"},
		{lake.AccessRecord{Kind: lake.AccessDownload, Route: "/export/usage-logs", Status: 403}, "Downloaded /export/usage-logs", "Refused"},
		{lake.AccessRecord{Kind: lake.AccessSignInRefused}, "Tried to sign in", "Refused"},
		{lake.AccessRecord{Kind: lake.AccessKeyRevoked, Object: "k-1"}, "Revoked key k-1", "Done"},
		{lake.AccessRecord{Kind: "a_new_kind"}, "A new kind", "Done"},
	} {
		row := accessRowOf(c.record)
		same(t, string(c.record.Kind), row.Did, c.did)
		same(t, string(c.record.Kind), row.Outcome, c.out)
	}
}
