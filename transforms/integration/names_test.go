package integration

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/usagereport/usagereport/dictionary"
	"github.com/usagereport/usagereport/transforms/current"
	"github.com/usagereport/usagereport/transforms/rows"
)

// TestSystemNames calls no two systems alike.
func TestSystemNames(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	b := rows.New(mem, dictionary.Systems.Schema())
	for _, s := range [][2]string{{"1", "Jira"}, {"2", "Wiki"}, {"3", "Wiki"}, {"4", ""}} {
		b.Text(s[0], true)
		b.Text(s[1], true)
	}
	known, err := current.FromRecord(dictionary.Systems, b.Record())
	if err != nil {
		t.Fatal(err)
	}
	defer known.Release()
	s := newSystems(known)
	for id, want := range map[string]string{
		"1": "Jira", "2": "Wiki (2)", "3": "Wiki (3)", "4": "4", "never named": "never named", "Jira": "Jira (Jira)", "Wiki": "Wiki",
	} {
		if got := s.name(id); got != want {
			t.Errorf("system %q is called %q, want %q", id, got, want)
		}
	}
}
