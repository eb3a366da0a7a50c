package jobs

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/usagereport/usagereport/dictionary"
)

// unknownValues counts values that the dictionary does not document: kept as they are, since products grow, but told
// (contract §4). It is safe for concurrent use.
type unknownValues struct {
	mu     sync.Mutex
	counts map[[2]string]int64 // by field and value
}

// maxUnknown bounds how many different unknown values are remembered.
const maxUnknown = 1000

// moreUnknown stands for all further ones.
const moreUnknown = "…"

func (u *unknownValues) count(def *dictionary.Table, rec arrow.Record) {
	for c, f := range def.Fields {
		if f.Enum == nil || f.Others {
			continue
		}
		for value, n := range unknownIn(f, rec.Column(c)) {
			u.mu.Lock()
			if u.counts == nil {
				u.counts = map[[2]string]int64{}
			}
			key := [2]string{f.Name, value}
			if _, ok := u.counts[key]; !ok && len(u.counts) >= maxUnknown {
				key[1] = moreUnknown
			}
			u.counts[key] += n
			u.mu.Unlock()
		}
	}
}

func unknownIn(f dictionary.Field, col arrow.Array) map[string]int64 {
	known := func(v string) bool {
		return slices.ContainsFunc(f.Enum, func(e dictionary.Value) bool { return e.Name == v })
	}
	var found map[string]int64
	add := func(v string) {
		if found == nil {
			found = map[string]int64{}
		}
		found[strings.Clone(v)]++
	}
	switch col := col.(type) {
	case *array.Dictionary:
		values, ok := col.Dictionary().(*array.String)
		if !ok {
			return nil
		}
		odd := make([]bool, values.Len())
		some := false
		for i := range odd {
			odd[i] = values.IsValid(i) && !known(values.Value(i))
			some = some || odd[i]
		}
		for i := 0; some && i < col.Len(); i++ {
			if col.IsValid(i) && odd[col.GetValueIndex(i)] {
				add(values.Value(col.GetValueIndex(i)))
			}
		}
	case *array.String:
		for i := range col.Len() {
			if col.IsValid(i) && !known(col.Value(i)) {
				add(col.Value(i))
			}
		}
	}
	return found
}

// warnings tells the counts, a line for each field and value, sorted.
func (u *unknownValues) warnings(dataset string) []string {
	var lines []string
	for key, n := range u.counts {
		kept := "kept as it is"
		if key[0] == "generation_feature" {
			kept = "counted as " + dictionary.FeatureOther
		}
		lines = append(lines, fmt.Sprintf("%s.%s: unknown value %q in %d rows, %s", dataset, key[0], key[1], n, kept))
	}
	slices.Sort(lines)
	return lines
}
