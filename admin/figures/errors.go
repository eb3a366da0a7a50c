package figures

import "errors"

// What callers branch on. Beside them there are lake.ErrNoSnapshot, when nothing was ever published, lake.ErrNotFound, for
// a run that does not exist, and the error of the caller's context.
var (
	ErrUnavailable  = errors.New("the published data cannot be read now") // the bucket is away or what it holds is damaged; a later request may succeed
	ErrNotPublished = errors.New("not part of the published data")        // the newest run made no usage logs, or no audit log
	ErrTooLarge     = errors.New("too large for the memory allowed")      // Options.MaxBytes; the text says how much it takes
	ErrQuery        = errors.New("bad query")                             // the text says what is wrong with it
)
