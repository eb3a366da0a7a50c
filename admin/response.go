package admin

import (
	"cmp"
	"errors"
	"net/http"
	"time"
)

// response notes what was answered, and gives every piece of an answer its own time to be taken: a client may be as slow
// as it likes as long as it takes something, and one that takes nothing is let go of.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration // for a piece
	status  int           // 0: nothing was sent yet
	pending int           // the status that the first Write sends; 0 is 200
	bytes   int64         // of the body
	err     error         // why no more of it could be sent
}

// piece is how much is written at once.
const piece = 32 << 10

func newResponse(w http.ResponseWriter, timeout time.Duration) *response {
	return &response{ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout}
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the header. A second one is a mistake that net/http logs; only the first counts.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *response) Write(p []byte) (n int, err error) {
	if w.status == 0 {
		w.WriteHeader(cmp.Or(w.pending, http.StatusOK))
	}
	for {
		if err := w.extend(); err != nil {
			return n, err
		}
		m, err := w.ResponseWriter.Write(p[:min(len(p), piece)])
		n += m
		w.bytes += int64(m)
		if p = p[m:]; err != nil || len(p) == 0 {
			w.err = err
			return n, err
		}
	}
}

// extend starts the time for the next piece.
func (w *response) extend() error {
	err := w.control.SetWriteDeadline(time.Now().Add(w.timeout))
	if errors.Is(err, errors.ErrUnsupported) {
		return nil // no connection behind it, as in a test of a handler
	}
	return err
}
