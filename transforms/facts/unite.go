package facts

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// unite makes one sorted dictionary of each key, and the remap of every run to it.
func (m *Merger) unite(inputs []Input) error {
	keys := len(m.spec.Keys)
	united := make([]*interner, keys)
	for k := range united {
		united[k] = newInterner()
	}
	for i, in := range inputs {
		rec, err := readValues(in.Values, keys)
		if err != nil {
			return fmt.Errorf("facts: values of run %d of %s: %w", i, m.spec.Name, err)
		}
		for k := range keys {
			local := rec.Column(k).(*array.List).ListValues().(*array.String)
			remap := make([]uint32, local.Len()+1)
			for c := range local.Len() {
				remap[c+1] = united[k].code(local.Value(c))
			}
			m.inputs[i].remap = append(m.inputs[i].remap, remap)
		}
		rec.Release()
	}
	for k := range keys {
		rank, sorted := ranks(united[k])
		m.values = append(m.values, sorted)
		for _, in := range m.inputs {
			remap := in.remap[k]
			for c, at := range remap {
				remap[c] = rank[at]
			}
		}
	}
	return nil
}

// ranks returns the values of in, to which nothing is added any more, sorted, and for code i+1 of each value its code
// then; 0 stays 0.
func ranks(in *interner) (rank []uint32, sorted []string) {
	type keyed struct {
		head uint64 // the first eight bytes, which mostly decide
		at   uint32
	}
	order, values := make([]keyed, in.len()), make([]string, in.len())
	for i := range order {
		values[i] = in.value(uint32(i) + 1)
		var head [8]byte
		copy(head[:], values[i])
		order[i] = keyed{binary.BigEndian.Uint64(head[:]), uint32(i)}
	}
	slices.SortFunc(order, func(a, b keyed) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return strings.Compare(values[a.at], values[b.at])
	})
	rank, sorted = make([]uint32, len(values)+1), make([]string, len(values))
	for r, o := range order {
		rank[o.at+1] = uint32(r) + 1
		sorted[r] = values[o.at]
	}
	return rank, sorted
}

// readValues reads the values of a run: one row of a list for each key. The caller releases it.
func readValues(file ipc.ReadAtSeeker, keys int) (arrow.Record, error) {
	r, err := ipc.NewFileReader(file, ipc.WithAllocator(memory.NewGoAllocator()))
	if err != nil {
		return nil, err
	}
	rec, err := r.RecordAt(0)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int(rec.NumCols()) != keys || rec.NumRows() != 1 {
		rec.Release()
		return nil, fmt.Errorf("%d columns of %d rows, want %d of 1", rec.NumCols(), rec.NumRows(), keys)
	}
	for k := range keys {
		if list, ok := rec.Column(k).(*array.List); !ok || list.ListValues().DataType().ID() != arrow.STRING {
			rec.Release()
			return nil, fmt.Errorf("column %d is %s, want a list of utf8", k, rec.Column(k).DataType())
		}
	}
	return rec, nil
}
