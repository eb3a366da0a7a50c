//go:build unix

package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// figures are what a series of kills did.
type figures struct {
	kills      map[string]map[step]*tally // by kind of bucket
	recoveries int
	compared   int64 // bytes
	rounds     int   // of readers
	reads      int   // of objects by readers
	explained  int   // that were not what the manifest says, with a publication noted
}

// tally counts the kills in one step.
type tally struct {
	named, random int
	recovering    int // of those, while the run carried out what a dead one had recorded
	left          map[outcome]int
}

func newFigures() figures { return figures{kills: map[string]map[step]*tally{}} }

// count changes the figures.
func (h *harness) count(change func(f *figures)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.figures)
}

func (f *figures) add(kind string, at call, left outcome, random bool) {
	if f.kills[kind] == nil {
		f.kills[kind] = map[step]*tally{}
	}
	t := f.kills[kind][at.step]
	if t == nil {
		t = &tally{left: map[outcome]int{}}
		f.kills[kind][at.step] = t
	}
	if random {
		t.random++
	} else {
		t.named++
	}
	if at.recovers {
		t.recovering++
	}
	t.left[left]++
}

func (f *figures) killed() (n int) {
	for _, kind := range f.kills {
		for _, t := range kind {
			n += t.named + t.random
		}
	}
	return n
}

// complete makes sure that every step was hit on every kind of bucket.
func (f *figures) complete(kinds []string) error {
	for _, kind := range kinds {
		for _, s := range hit(kind) {
			if f.kills[kind][s] == nil {
				return fmt.Errorf("no process was killed in step %q on %s: the harness does not do what it says", s, kind)
			}
		}
	}
	return nil
}

func (f *figures) show(out io.Writer, kinds []string, took time.Duration) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "killed in step\t")
	for _, kind := range kinds {
		fmt.Fprintf(w, "%s\trecovering\t", kind)
	}
	fmt.Fprint(w, strings.Join([]string{string(changedNothing), string(isRecorded), string(isPublished)}, "\t"), "\t\n")
	total, random := 0, 0
	for _, s := range steps {
		left, row := map[outcome]int{}, 0
		line := string(s) + "\t"
		for _, kind := range kinds {
			t := cmp.Or(f.kills[kind][s], &tally{})
			row += t.named + t.random
			random += t.random
			line += fmt.Sprintf("%d\t%d\t", t.named+t.random, t.recovering)
			for o, n := range t.left {
				left[o] += n
			}
		}
		if row > 0 {
			fmt.Fprintf(w, "%s%d\t%d\t%d\t\n", line, left[changedNothing], left[isRecorded], left[isPublished])
		}
		total += row
	}
	_ = w.Flush() // to a terminal or a pipe
	fmt.Fprintf(out, "%s, %d of them at a random instant; %s brought to the bytes of an undisturbed run, %d bytes compared;\n"+
		"%d rounds of readers, %d objects read, %d times one that a publication under way explains; %d s\n",
		plural(total, "kill"), random, plural(f.recoveries, "lake"), f.compared, f.rounds, f.reads, f.explained, int(took.Seconds()))
}

func topOf(key string) string {
	top, _, _ := strings.Cut(key, "/")
	return top
}
