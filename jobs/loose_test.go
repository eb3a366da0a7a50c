package jobs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usagereport/usagereport/jobs"
)

// TestTimestampsThatSortOtherwise has a database hold its timestamps in every form that it compares with :from, :to and
// :changed_since otherwise than their instants: text of another form in SQLite, wall clocks of another zone elsewhere. No
// night loses an event, and what the last one publishes is what a fresh lake gets (contract §3, §8).
func TestTimestampsThatSortOtherwise(t *testing.T) {
	type form struct {
		name, server, zone string
		write              func(at time.Time) string
	}
	text := func(layout string) func(time.Time) string {
		return func(at time.Time) string { return at.Format(layout) }
	}
	forms := []form{
		{"as the bounds", "sqlite", "UTC", text("2006-01-02T15:04:05Z")},
		{"with fractions", "sqlite", "UTC", text("2006-01-02T15:04:05.000000Z")},
		{"as SQLite writes it", "sqlite", "UTC", text(time.DateTime)},
		{"as SQLite writes it", "sqlite", "America/New_York", text(time.DateTime)},
		{"with an offset", "sqlite", "UTC", func(at time.Time) string { return at.In(time.FixedZone("", 14*3600)).Format(time.RFC3339) }},
		{"with an offset", "sqlite", "UTC", func(at time.Time) string { return at.In(time.FixedZone("", -11*3600)).Format(time.RFC3339) }},
		{"in another form from a day on", "sqlite", "UTC", func(at time.Time) string {
			if at.Before(firstNight.AddDate(0, 0, 2)) {
				return at.Format("2006-01-02T15:04:05Z")
			}
			return at.Format(time.DateTime)
		}},
	}
	for _, server := range []string{"postgres", "mariadb"} {
		for _, zone := range []string{"UTC", "America/New_York", "Pacific/Kiritimati"} {
			// A wall clock, which the column takes as it is.
			forms = append(forms, form{"wall clock", server, zone, text("2006-01-02T15:04:05Z")})
		}
	}
	for _, f := range forms {
		for _, m := range []mode{lookback, arrival, arrivalDay} {
			t.Run(fmt.Sprintf("%s of %s in %s, %s", f.name, f.zone, f.server, m), func(t *testing.T) {
				zone, err := time.LoadLocation(f.zone)
				if err != nil {
					t.Fatal(err)
				}
				w, b := newWorld(t, "UTC"), newBucket(t)
				w.logins.mode, w.logins.lookback = m, 1
				var h home
				for _, s := range servers {
					if s.name == f.server && s.url != nil {
						s.own = map[string]string{"logged_in_at": "TIMESTAMP", "arrived_at": "TIMESTAMP"}
						if s.name == "mariadb" {
							s.own = map[string]string{"logged_in_at": "DATETIME(6)", "arrived_at": "DATETIME(6)"}
						}
						h = home{server: s, url: s.url(t)}
					}
				}
				address := "sqlite:app.db"
				if h.url != "" {
					address = h.url
				}
				w.sources = fmt.Sprintf("  clock: { url: %q, timezone: %s }\n", address, f.zone)
				w.bindings["logins"] = strings.Replace(strings.TrimPrefix(strings.TrimSpace(w.logins.config()), "logins: "), "source: app", "source: clock", 1)

				var at time.Time
				for hour := firstNight.AddDate(0, 0, -3).Truncate(time.Hour); hour.Before(firstNight.AddDate(0, 0, 5)); hour = hour.Add(time.Hour) {
					user := fmt.Sprint("h", hour.Hour())
					wall := func(at time.Time) string { return f.write(at.In(zone)) }
					w.logins.rows = append(w.logins.rows, login(eventID(len(w.logins.rows)), user, wall(hour), wall(hour.Add(time.Minute))))
					if hour.Hour() != 2 || hour.Before(firstNight.Truncate(time.Hour)) {
						continue
					}
					at = hour.Add(30 * time.Minute)
					w.write(t)
					if h.url != "" {
						h.fill(t, w)
					}
					if _, err := newNight(t, w, b, at).Run(t.Context(), jobs.Request{}); err != nil {
						t.Fatalf("night of %s: %v", at, err)
					}
				}
				date := at.Format(time.DateOnly)
				published := logsOf(t, b, date)
				fresh := newBucket(t)
				if _, err := newNight(t, w, fresh, at).Run(t.Context(), jobs.Request{}); err != nil {
					t.Fatal(err)
				}
				report(t, "a fresh lake", logsOf(t, fresh, date), published)
				key := "user_activity_log/snapshot_date=" + date + "/part-00000.parquet"
				if got, want := len(rowsOf(t, key, published[key])), 7*24+22; got != want {
					t.Errorf("%d logins published, want %d", got, want)
				}
			})
		}
	}
}
