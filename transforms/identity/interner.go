package identity

import "hash/maphash"

// interner numbers distinct texts in the order of their coming, in two thirds of the time that a map takes.
type interner struct {
	seed  maphash.Seed
	slots []uint64 // open addressing: 32 bits of the text's hash, then its number plus one; 0 is free
	texts []string
}

// newInterner makes room for size distinct texts; more are welcome.
func newInterner(size int) *interner {
	slots := 1024
	for 3*slots < 4*size {
		slots *= 2
	}
	return &interner{seed: maphash.MakeSeed(), slots: make([]uint64, slots), texts: make([]string, 0, size)}
}

// add returns the number of a normalised text, or none for the empty one.
func (in *interner) add(text string) int32 {
	if text == "" {
		return none
	}
	if 4*(len(in.texts)+1) > 3*len(in.slots) {
		in.grow()
	}
	h := maphash.String(in.seed, text) >> 32
	mask := uint64(len(in.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		s := in.slots[i]
		if s == 0 {
			in.texts = append(in.texts, text)
			in.slots[i] = h<<32 | uint64(len(in.texts))
			return int32(len(in.texts) - 1)
		}
		if n := uint32(s) - 1; s>>32 == h && in.texts[n] == text {
			return int32(n)
		}
	}
}

func (in *interner) grow() {
	old := in.slots
	in.slots = make([]uint64, 2*len(old))
	mask := uint64(len(in.slots) - 1)
	for _, s := range old {
		if s == 0 {
			continue
		}
		i := s >> 32 & mask
		for in.slots[i] != 0 {
			i = (i + 1) & mask
		}
		in.slots[i] = s
	}
}

func (in *interner) addAll(values []string) []int32 {
	numbers := make([]int32, len(values)+1)
	numbers[0] = none
	for i, v := range values {
		numbers[i+1] = in.add(Normalize(v))
	}
	return numbers
}
