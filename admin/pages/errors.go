package pages

import (
	"io"
	"net/http"
	"time"
)

// ErrorView is a page that says what went wrong and what to do.
type ErrorView struct {
	Frame   Frame
	Status  int           // of HTTP
	Title   string        // empty: what the status is called here
	Detail  string        // a sentence or two; empty: what is said for the status
	Missing []string      // what the person lacks, of a 403, such as "role Administrator"
	Wait    time.Duration // until trying again makes sense; 0: not said
	Retry   string        // URL to try again; empty: no button
	Request string        // id of the request, for whoever looks into it
}

// Error writes a page that says what went wrong.
func (p *Pages) Error(w io.Writer, v ErrorView) error {
	return p.write(w, "error.html", v.Frame, v)
}

// said is what an error page says.
type said struct{ Title, Detail string }

// errorWords says what went wrong: as the view has it, else as is said for its status.
func errorWords(v ErrorView) said {
	s := said{http.StatusText(v.Status), "Something went wrong."}
	switch v.Status {
	case http.StatusBadRequest:
		s = said{"This cannot be shown", "The address asks for something that does not exist in this form."}
	case http.StatusUnauthorized:
		s = said{"Please sign in", "This page is only for people who are signed in."}
	case http.StatusForbidden:
		s = said{"Not allowed", "You are signed in, but may not open this."}
	case http.StatusNotFound:
		s = said{"Not found", "There is nothing at this address, or it is no longer kept."}
	case http.StatusTooManyRequests:
		s = said{"Too many requests", "This server answers only so many requests in a short time."}
	case http.StatusInternalServerError:
		s = said{"Something went wrong", "The server met an error that it did not expect. It is in its log, under the request below."}
	case http.StatusServiceUnavailable:
		s = said{"The bucket is away", "The data cannot be read at the moment. Nothing is lost: try again in a while."}
	}
	if v.Title != "" {
		s.Title = v.Title
	}
	if v.Detail != "" {
		s.Detail = v.Detail
	}
	if s.Title == "" {
		s.Title = "Something went wrong"
	}
	return s
}
