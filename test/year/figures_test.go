package year_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/sinks/sinktest"
)

// folders are those that no reader looks into. Every other one grows by a snapshot with every night, or as retention says.
var folders = []string{"state", "lease", "staging", "runs", "quarantine", "access", "audit/digests"}

// size is how much a folder holds.
type size struct{ objects, bytes int }

// sizes are how much the folders of a lake hold, and all of them together.
type sizes struct {
	folders map[string]size
	all     size
}

// figures are the sizes after a night, and those of a lake that has read everything at once then.
type figures struct {
	when          string
	lived, atOnce sizes
}

func measure(t *testing.T, b *blob.Bucket) sizes {
	s := sizes{folders: map[string]size{}}
	for key, data := range sinktest.Dump(t, b, "") {
		for _, folder := range folders {
			if strings.HasPrefix(key, folder+"/") {
				s.folders[folder] = s.folders[folder].and(len(data))
			}
		}
		s.all = s.all.and(len(data))
	}
	return s
}

func (s size) and(bytes int) size { return size{s.objects + 1, s.bytes + bytes} }

// bounded checks that what is kept has not grown without bound: the state is about that of a lake that has read everything at once,
// of leases there are those of the last run, of what has its days those of the policy, and nothing is staged.
func (y *year) bounded(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "%-20s", "")
	for _, folder := range append(slices.Clone(folders), "all") {
		fmt.Fprintf(&table, "%20s", folder)
	}
	line := func(when string, s sizes) {
		fmt.Fprintf(&table, "\n%-20s", when)
		for _, folder := range folders {
			fmt.Fprintf(&table, "%9d B in %5d", s.folders[folder].bytes, s.folders[folder].objects)
		}
		fmt.Fprintf(&table, "%9d B in %5d", s.all.bytes, s.all.objects)
	}
	for _, f := range y.figures {
		line(f.when, f.lived)
		line(f.when+", at once", f.atOnce)
	}
	t.Logf("bytes and objects\n%s", table.String())

	for _, f := range y.figures {
		state, atOnce := f.lived.folders["state"], f.atOnce.folders["state"]
		if state.bytes > 2*atOnce.bytes || state.objects > 2*atOnce.objects+40 {
			t.Errorf("%s: the state is %d bytes in %d objects; read at once it would be %d in %d",
				f.when, state.bytes, state.objects, atOnce.bytes, atOnce.objects)
		}
		for folder, most := range map[string]int{
			"staging": 0, "access": retention["access"] + 1, "quarantine": retention["quarantine"] + 1,
			"lease": 20,                           // the records of the last run; the next one deletes them
			"runs":  4 * (retention["runs"] + 10), // a record and three reports of each run, also of those that failed
		} {
			if got := f.lived.folders[folder].objects; got > most {
				t.Errorf("%s: %d objects in %s, want at most %d", f.when, got, folder, most)
			}
		}
	}
}
