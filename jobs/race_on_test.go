//go:build race

package jobs_test

// underRace tells that the race detector is on, which makes some tests ten times slower: they then do less of the same.
const underRace = true
