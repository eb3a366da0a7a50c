package pages

import "io"

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
