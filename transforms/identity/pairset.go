package identity

// pairs is a set of pairs of numbers that are not negative. The zero value is empty.
type pairs struct {
	slots []uint64 // open addressing; 0 is free, else the pair plus one; a power of two long
	len   int
}

func pack(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

func unpack(p uint64) (a, b int32) { return int32(p >> 32), int32(uint32(p)) }

func (s *pairs) add(a, b int32) {
	if 4*(s.len+1) > 3*len(s.slots) {
		s.grow()
	}
	if s.insert(pack(a, b) + 1) {
		s.len++
	}
}

func (s *pairs) insert(v uint64) bool {
	mask := uint64(len(s.slots) - 1)
	h := v * 0x9e3779b97f4a7c15
	for i := (h ^ h>>32) & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case v:
			return false
		case 0:
			s.slots[i] = v
			return true
		}
	}
}

func (s *pairs) grow() {
	old := s.slots
	s.slots = make([]uint64, max(1024, 2*len(old)))
	for _, v := range old {
		if v != 0 {
			s.insert(v)
		}
	}
}

// all calls f for every pair, in no particular order.
func (s *pairs) all(f func(a, b int32)) {
	for _, v := range s.slots {
		if v != 0 {
			f(unpack(v - 1))
		}
	}
}
