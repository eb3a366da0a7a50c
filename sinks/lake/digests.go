package lake

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const digestsDir = "audit/digests/"

// DigestKey returns the key of digest n, from 1, of the audit log. A publication holds one as any other object, but it
// belongs to no date: no later publication deletes it.
func DigestKey(n int64) string { return fmt.Sprintf("%s%08d.json", digestsDir, n) }

// DigestNumber returns the number of the digest at key, false when none can be there.
func DigestNumber(key string) (int64, bool) {
	name, _ := strings.CutPrefix(key, digestsDir)
	n, err := strconv.ParseInt(strings.TrimSuffix(name, ".json"), 10, 64)
	return n, err == nil && n > 0 && DigestKey(n) == key
}

// Digests returns the numbers of the digests that are stored, ascending. Only a manifest vouches for what they hold.
func (l *Lake) Digests(ctx context.Context) ([]int64, error) {
	keys, err := l.list(ctx, digestsDir)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, key := range keys {
		if n, ok := DigestNumber(key); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Digest returns the digest that the manifest lists; a publication has one at most.
func (m *Manifest) Digest() (ObjectInfo, int64, bool) {
	for _, o := range m.Objects {
		if n, ok := DigestNumber(o.Key); ok {
			return o, n, true
		}
	}
	return ObjectInfo{}, 0, false
}
