package pages

import (
	"io"
	"time"
)

// SignInView is the page on which somebody signs in.
type SignInView struct {
	Frame    Frame
	Problem  string // why the attempt before was refused; empty: none
	Return   string // local path to go on to, sent back as return; may be empty
	OIDC     string // URL at which signing in elsewhere begins; empty: none
	OIDCName string // text of its button
}

// SignIn writes the page on which somebody signs in.
func (p *Pages) SignIn(w io.Writer, v SignInView) error {
	return p.write(w, "signin.html", v.Frame, v)
}

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
