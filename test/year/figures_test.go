package year_test

import (
	"fmt"
	"strings"
	"testing"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/sinks/sinktest"
)

// folders are those that no reader looks into. Every other one grows by a snapshot with every night, or as retention says.
var folders = []string{"state", "lease", "staging", "runs", "quarantine"}

// size is how much a folder holds.
type size struct{ objects, bytes int }

// figures are the sizes of a lake at one time.
type figures struct {
	when  string
	sizes map[string]size
	all   size
}

func (y *year) measure(t *testing.T, night int) figures {
	return measure(t, y.bucket, fmt.Sprintf("night %d", night))
}

func measure(t *testing.T, b *blob.Bucket, when string) figures {
	f := figures{when: when, sizes: map[string]size{}}
	for key, data := range sinktest.Dump(t, b, "") {
		folder, _, _ := strings.Cut(key, "/")
		s := f.sizes[folder]
		f.sizes[folder] = size{s.objects + 1, s.bytes + len(data)}
		f.all = size{f.all.objects + 1, f.all.bytes + len(data)}
	}
	return f
}

// bounded checks that what is kept has not grown without bound: the state is about that of a lake that has read everything at once,
// of leases there are the newest ones only, and nothing is staged.
func (y *year) bounded(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "%-10s", "")
	for _, folder := range folders {
		fmt.Fprintf(&table, "%22s", folder+"/")
	}
	for _, f := range append(y.figures[:len(y.figures):len(y.figures)], figures{}) {
		if f.when == "" {
			continue
		}
		fmt.Fprintf(&table, "\n%-10s", f.when)
		for _, folder := range folders {
			fmt.Fprintf(&table, "%9d B in %5d  ", f.sizes[folder].bytes, f.sizes[folder].objects)
		}
		fmt.Fprintf(&table, "  all: %d B in %d", f.all.bytes, f.all.objects)
	}
	t.Logf("bytes and objects\n%s", table.String())

	last, fresh := y.figures[len(y.figures)-2], y.figures[len(y.figures)-1]
	if got, most := last.sizes["state"].bytes, 2*fresh.sizes["state"].bytes; got > most {
		t.Errorf("the state is %d bytes; read at once it would be %d", got, fresh.sizes["state"].bytes)
	}
	if got, most := last.sizes["state"].objects, 2*fresh.sizes["state"].objects+40; got > most {
		t.Errorf("the state is %d objects; read at once it would be %d", got, fresh.sizes["state"].objects)
	}
	if got := last.sizes["lease"].objects; got > 12 {
		t.Errorf("%d records of leases are left", got)
	}
	if got := last.sizes["staging"].objects; got > 0 {
		t.Errorf("%d objects are left staged", got)
	}
}
