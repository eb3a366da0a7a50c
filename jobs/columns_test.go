package jobs_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/usagereport/usagereport/jobs"
	"github.com/usagereport/usagereport/transforms/conform"
)

// TestColumns has a source with a column that nothing uses, which is ignored with a note, and with one that is missing,
// which is an error that shows those that are there, whichever of them are read (contract §3).
func TestColumns(t *testing.T) {
	const (
		files   = "event_id,workspace_id,user_id,created_at,generation_type,generation_feature,mood\n"
		sqlGens = `{ source: app, query: "SELECT *, 'happy' AS mood FROM generations WHERE created_at >= :from AND created_at < :to" }`
	)
	for _, c := range []struct{ name, binding, header, says string }{
		{"a file", "", files, `"columns":["mood"]`},
		{"a query", sqlGens, files, `"columns":["arrived_at","mood"]`},
		{"a file without", "", strings.ReplaceAll(files, "workspace_id", "workspace"),
			"generations/2026-11-19/all.csv: dataset generations: columns do not fit the dataset; column workspace_id: expected text, an integer " +
				"or a boolean, found no such column among event_id, workspace, user_id, created_at, generation_type, generation_feature, mood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "UTC")
			w.raw["generations/2026-11-19/all.csv"] = []byte(c.header + "g1,w1,u1,2026-11-19T10:00:00Z,Text,Chat,happy\n")
			w.gens.rows = []event{generation("g1", "u1", "2026-11-19T10:00:00Z")}
			if c.binding != "" {
				w.bindings["generations"] = c.binding
			}
			w.write(t)
			n := newNight(t, w, newBucket(t), firstNight)
			var log bytes.Buffer
			n.Log = slog.New(slog.NewJSONHandler(&log, nil))
			_, err := n.Run(t.Context(), jobs.Request{})
			if strings.Contains(c.header, "workspace,") {
				if !errors.Is(err, conform.ErrSchema) || err.Error() != c.says {
					t.Errorf("error %v, want %s", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Count(log.String(), c.says); said != 1 {
				t.Errorf("%d times %s in the log:\n%s", said, c.says, log.String())
			}
		})
	}
}
