package pages

import "net/http"

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
