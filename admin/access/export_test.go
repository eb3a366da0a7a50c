package access

import "fmt"

// What the tests outside see of the inside.
const CacheSize = cacheSize

func WithChecksum(text string) string { return withChecksum(text) }

// IDOf returns an id of a key that is not there, a different one for each i.
func IDOf(i int) string { return base32Lower.EncodeToString(fmt.Appendf(nil, "%010d", i)) }

// Cached returns how many entries are remembered.
func (k *Keys) Cached() (known, unknown int) {
	k.cache.mu.Lock()
	defer k.cache.mu.Unlock()
	return len(k.cache.known), len(k.cache.unknown)
}
