package figures

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/usagereport/usagereport/sinks/lake"
)

// The history of runs, newest first, in pages of both directions, a damaged record among them; and one run by its id.
func TestRuns(t *testing.T) {
	f := newFixture(t)
	r := f.reader(Options{})
	ctx := t.Context()
	var ids []string
	for i := range 7 {
		id := fmt.Sprintf("2026112%dT023000Z-2026-11-2%d", i, i)
		ids = append(ids, id)
		f.must(f.writer.PutRun(ctx, id, lake.RunRecord{RunID: id, Status: lake.RunPublished, Bytes: int64(i)}))
	}
	slices.Reverse(ids)
	f.put("runs/"+ids[2]+".json", "{")
	f.must(f.writer.PutQuality(ctx, &lake.Quality{RunID: ids[0], Status: lake.RunPublished}))
	var got []string
	var first *RunsPage
	for q := (RunsQuery{Limit: 3}); ; {
		page, err := r.Runs(ctx, q)
		f.must(err)
		if page.Total != 7 || page.First != int64(len(got))+1 {
			t.Errorf("%+v", page)
		}
		for _, run := range page.Runs {
			if damaged := run.RunID == ids[2]; damaged != (run.Status == StatusUnreadable) || damaged != (run.Error != "") {
				t.Errorf("%+v", run)
			}
			got = append(got, run.RunID)
		}
		if first == nil {
			first = page
		}
		if len(got) == 6 {
			back, err := r.Runs(ctx, RunsQuery{Cursor: page.Newer, Limit: 3})
			if err != nil || back.First != 1 || back.Newer != "" || back.Older != first.Older {
				t.Errorf("back: %+v, %v", back, err)
			}
		}
		if q.Cursor = page.Older; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("%q, expected %q", got, ids)
	}
	run, err := r.Run(ctx, ids[0])
	if err != nil || run.Record.Bytes != 6 || run.Quality == nil {
		t.Errorf("%+v, %v", run, err)
	}
	run, err = r.Run(ctx, ids[1])
	if err != nil || run.Quality != nil {
		t.Errorf("%+v, %v", run, err)
	}
	for _, id := range []string{"20200101T000000Z", "", "../latest", "a/b", ".x"} {
		if _, err := r.Run(ctx, id); !errors.Is(err, lake.ErrNotFound) {
			t.Errorf("%q: %v, expected ErrNotFound", id, err)
		}
	}
	if _, err := r.Run(ctx, ids[2]); !errors.Is(err, ErrUnavailable) {
		t.Errorf("damaged: %v", err)
	}
	for _, q := range []RunsQuery{{Limit: -1}, {Limit: MaxLimit + 1}, {Cursor: "x"}, {Cursor: "o.a/b"}} {
		if _, err := r.Runs(ctx, q); !errors.Is(err, ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Whatever ids there are, and whether or not the cursor's is among them, pages join without a gap.
func TestRunsOnPage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "ids")
		var ids []string
		for i := n; i > 0; i-- {
			ids = append(ids, fmt.Sprintf("%02d", 2*i))
		}
		id := fmt.Sprintf("%02d", rapid.IntRange(0, 2*n+2).Draw(t, "id"))
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		older := rapid.Bool().Draw(t, "older")
		lo, hi := runsOnPage(ids, older, id, limit)
		if lo < 0 || hi < lo || hi > n || hi-lo > limit {
			t.Fatalf("%d … %d of %d", lo, hi, n)
		}
		if older && (lo > 0 && ids[lo-1] < id || lo < n && ids[lo] >= id || hi-lo < limit && hi < n) {
			t.Fatalf("older than %s: %q of %q", id, ids[lo:hi], ids)
		}
		newer := slices.IndexFunc(ids, func(s string) bool { return s <= id })
		if newer < 0 {
			newer = n
		}
		if !older && (newer-lo > limit || newer-lo < limit && lo > 0) {
			t.Fatalf("newer than %s: %q of %q", id, ids[lo:hi], ids)
		}
	})
}

// The newest zip of each name is found where the newest run made none, those before it come in portions.
func TestArchives(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	both := []string{"Usage Logs.zip", "Usage Reports.zip"}
	books := map[string][]lake.Workbook{"Usage Reports.zip": {{Name: "Usage Report (Last 1 Year).xlsx", Window: "rolling_year",
		Sheets: []lake.Sheet{{Name: "Summary", Rows: 3}}, Summary: map[string]int64{"Total Unique Users": 5}}}}
	for day, zips := range map[lake.Date][]string{"2026-11-18": both, "2026-11-19": both, "2026-11-20": {}, "2026-11-21": {"Usage Logs.zip"}} {
		f.publish(published{date: day, zips: zips, books: books, logs: usageLogs(nil, nil, nil)})
	}
	r := f.reader(Options{})
	a, err := r.Archives(ctx, ArchivesQuery{Limit: 3})
	f.must(err)
	if len(a.Newest) != 2 || a.Older != "2026-11-19" {
		t.Fatalf("%+v", a)
	}
	reports, logs := a.Newest[0], a.Newest[1]
	content := "Usage Reports.zip of run-2026-11-19"
	if reports.Name != "Usage Reports.zip" || reports.Date != "2026-11-19" || reports.Key != "reports/2026-11-19/Usage Reports.zip" ||
		reports.Bytes != int64(len(content)) || reports.Made.Format("15:04") != "02:30" || len(reports.Workbooks) != 1 ||
		reports.Workbooks[0].Summary["Total Unique Users"] != 5 {
		t.Errorf("%+v", reports)
	}
	if logs.Name != "Usage Logs.zip" || logs.Date != "2026-11-21" {
		t.Errorf("%+v", logs)
	}
	if len(a.Earlier) != 1 || a.Earlier[0].Key != "reports/2026-11-19/Usage Logs.zip" {
		t.Errorf("%+v", a.Earlier)
	}
	calls := f.calls.Load()
	if _, err = r.Archives(ctx, ArchivesQuery{Limit: 3}); err != nil || f.calls.Load()-calls != 1 {
		t.Errorf("asked again: %d requests, %v; expected one, for the dates", f.calls.Load()-calls, err)
	}
	a, err = r.Archives(ctx, ArchivesQuery{Limit: 3, Before: a.Older})
	if err != nil || len(a.Earlier) != 2 || a.Earlier[0].Name != "Usage Reports.zip" || a.Earlier[1].Date != "2026-11-18" || a.Older != "" || len(a.Newest) != 2 {
		t.Errorf("%+v, %v", a, err)
	}
	f.pass(archivesFor)
	for _, q := range []ArchivesQuery{{Limit: -1}, {Before: "x"}} {
		if _, err := r.Archives(ctx, q); !errors.Is(err, ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	f.away.Store(true)
	if _, err := r.Archives(ctx, ArchivesQuery{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("away: %v", err)
	}
}
