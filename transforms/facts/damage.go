package facts

import "fmt"

// guarded, which is to be deferred, turns a panic over the content of a run into an error: Arrow, and what goes by its
// codes and offsets, trusts them.
func guarded(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("facts: the run is damaged: %v", p)
	}
}
