package lake

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"
)

func TestAccessTrail(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, b *blob.Bucket) {
		ctx := t.Context()
		for _, err := range l.Access(ctx, "", "") {
			t.Fatalf("an empty trail has a record, or an error: %v", err)
		}
		noon := day2.Time().Add(12 * time.Hour)
		size := int64(7)
		for i := range 2*accessAtOnce + 3 { // more than are read at once
			must(t, l.PutAccess(ctx, AccessRecord{
				Time: noon.Add(time.Duration(i) * time.Second), Kind: AccessDownload, WhoType: "key", WhoID: "k1", WhoName: "=cmd", Object: "reports/x.zip",
				Route: "/export/usage-reports", Filters: map[string]string{"date": "2026-11-20"}, Bytes: &size, Status: 200, RequestID: fmt.Sprint(i),
			}))
		}
		// Times are UTC, whatever zone they are given in; this one is late on day1.
		must(t, l.PutAccess(ctx, AccessRecord{Time: day2.Time().Add(-time.Hour).In(time.FixedZone("east", 7200)), Kind: AccessSignIn, RequestID: "before"}))
		must(t, l.PutAccess(ctx, AccessRecord{Time: day3.Time(), Kind: AccessSignOut, RequestID: "after"}))

		read := func(from, to Date) (ids []string) {
			for r, err := range l.Access(ctx, from, to) {
				must(t, err)
				ids = append(ids, r.RequestID)
			}
			return ids
		}
		all := read("", "")
		if len(all) != 2*accessAtOnce+5 || all[0] != "after" || all[1] != "34" || all[35] != "0" || all[36] != "before" {
			t.Errorf("%q", all)
		}
		if got := read(day2, day2); !slices.Equal(got, all[1:36]) {
			t.Errorf("of one day: %q", got)
		}
		if got := read(day3, ""); !slices.Equal(got, []string{"after"}) {
			t.Errorf("from a day on: %q", got)
		}
		n := 0
		for r, err := range l.AccessUntil(ctx, day2, noon.Add(3*time.Second)) {
			must(t, err)
			if n++; r.Time.After(noon.Add(3 * time.Second)) {
				t.Errorf("%s is after the instant asked for", r.Time)
			}
		}
		if n != 4 {
			t.Errorf("%d records until an instant, expected 4", n)
		}
		for r, err := range l.Access(ctx, "", day2) {
			must(t, err)
			if r.WhoName != "=cmd" || r.Filters["date"] != "2026-11-20" || *r.Bytes != 7 || r.Status != 200 || !r.Time.Equal(noon.Add(34*time.Second)) {
				t.Errorf("%+v", r)
			}
			break
		}

		// What is no record is passed over, what is damaged is told of, and neither hides the others.
		must(t, b.WriteAll(ctx, l.full(AccessDir(day3)+"README.md"), []byte("x"), nil))
		must(t, b.WriteAll(ctx, l.full("access/notes/x.json"), []byte("x"), nil))
		damaged := AccessDir(day3) + day3.Time().Add(time.Hour).Format(accessTime) + "-00.json"
		must(t, b.WriteAll(ctx, l.full(damaged), []byte("{"), nil))
		var bad, good int
		for r, err := range l.Access(ctx, "", "") {
			switch {
			case errors.Is(err, ErrCorrupt) && strings.Contains(err.Error(), damaged) && r.Time.Equal(day3.Time().Add(time.Hour)):
				bad++
			case err == nil:
				good++
			default:
				t.Error(err)
			}
		}
		if bad != 1 || good != len(all) {
			t.Errorf("%d damaged and %d good records", bad, good)
		}
	})
}

// Two records of one instant are two records, and writers need not know of each other.
func TestAccessTrailTogether(t *testing.T) {
	forEachLake(t, func(t *testing.T, l *Lake, _ *blob.Bucket) {
		var group errgroup.Group
		for range 20 {
			group.Go(func() error {
				return l.PutAccess(t.Context(), AccessRecord{Time: day2.Time(), Kind: AccessSignInRefused})
			})
		}
		must(t, group.Wait())
		n := 0
		for _, err := range l.Access(t.Context(), day2, day2) {
			must(t, err)
			n++
		}
		if n != 20 {
			t.Errorf("%d records of 20", n)
		}
		if err := l.PutAccess(t.Context(), AccessRecord{Kind: AccessSignIn}); err == nil {
			t.Error("a record without a time")
		}
	})
}
