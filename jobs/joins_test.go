package jobs_test

import (
	"maps"
	"testing"

	"github.com/usagereport/usagereport/jobs"
)

// TestJoinsAreCounted has a row in every log that joins nothing, in the way of each join of the dictionary (contract §9).
func TestJoinsAreCounted(t *testing.T) {
	w, b := newWorld(t, "UTC"), newBucket(t)
	g := generation("g1", "ghost", "2026-11-18T10:00:00Z")
	g["agent_id"] = "gone"
	w.gens.files["2026-11-18/a.csv"] = []event{g, generation("g2", "u1", "2026-11-18T10:00:00Z"), generation("g3", "", "2026-11-18T10:00:00Z")}
	w.logins.rows = []event{login("l1", "ghost", "2026-11-18T10:00:00Z", ""), login("l2", "u1", "2026-11-18T10:00:00Z", "")}
	const born = "2020-02-29T00:00:00Z"
	w.set("groups", event{"workspace_id": "w1", "group_id": "g2", "group_visibility": "Public", "creator_user_id": "ghost", "created_at": born})
	for _, user := range []string{"u1", "u2", "ghost"} {
		w.set("group_members", event{"workspace_id": "w1", "group_id": "g2", "user_id": user, "added_at": born})
	}
	w.set("group_members", event{"workspace_id": "w1", "group_id": "no group", "user_id": "u1", "added_at": born})
	out := run(t, w, b, firstNight, jobs.Request{})
	for _, c := range out.Manifest.Checks {
		if c.Name != "joins" {
			continue
		}
		want := map[string]int64{
			"user_activity_log_without_user": 1, "generation_log_without_user": 1, "generation_log_without_agent": 1,
			"group_members_log_without_user": 1, "group_members_log_without_creator": 3,
		}
		if !maps.Equal(c.Figures, want) {
			t.Errorf("figures %v, want %v", c.Figures, want)
		}
		return
	}
	t.Error("no check of joins")
}
