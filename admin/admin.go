package admin

import (
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/admin/figures"
	"github.com/usagereport/usagereport/admin/pages"
	"github.com/usagereport/usagereport/admin/signin"
	"github.com/usagereport/usagereport/sinks/lake"
)

// Options are what a Server is made of. All are needed but those that say otherwise.
type Options struct {
	Lake     *lake.Lake // the caller closes it
	Keys     *access.Keys
	Sessions *access.Sessions
	Figures  *figures.Reader
	Pages    *pages.Pages
	OIDC     *signin.OIDC // how people sign in elsewhere; nil: they do not
	OIDCName string       // text of the button

	URL            *url.URL       // what people type into a browser
	TrustedProxies []netip.Prefix // whose word on the address of a client is taken; may be empty
	Log            *slog.Logger
	Now            func() time.Time
	Version        string

	Limits Limits // the zero value stands for DefaultLimits
}

// Limits bound what a client can take of the server.
type Limits struct {
	HeaderTimeout time.Duration // until the header of a request is there
	ReadTimeout   time.Duration // until its body is there
	PieceTimeout  time.Duration // until a client has taken the next 32 KiB of an answer
	IdleTimeout   time.Duration // between two requests of a connection
	AnswerTimeout time.Duration // for whatever is no download
	Grace         time.Duration // that downloads under way have to end when the server stops

	HeaderBytes int   // of a request
	URLBytes    int   // of its path and query
	BodyBytes   int64 // of its body

	Rate  float64 // requests a second of one client, and of one key or person
	Burst int     // as many of them at once
}

// DefaultLimits are generous for people and scripts; who tries keys is slowed down by access.Backoff.
var DefaultLimits = Limits{
	HeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, PieceTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	AnswerTimeout: time.Minute, Grace: 30 * time.Second,
	HeaderBytes: 16 << 10, URLBytes: 4 << 10, BodyBytes: 64 << 10,
	Rate: 20, Burst: 200,
}
