package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// clock is a Courier's clock and chance: waiting takes no time, and attempts take as much as a test says.
type clock struct {
	now   time.Time
	waits []time.Duration
}

func (c *clock) courier() *Courier {
	d := New("test")
	d.Now = func() time.Time { return c.now }
	d.Random = func() float64 { return 0.5 }
	d.Wait = func(_ context.Context, w time.Duration) error {
		c.now = c.now.Add(w)
		c.waits = append(c.waits, w)
		return nil
	}
	return d
}

func TestTry(t *testing.T) {
	bad, untrusted := errors.New("bad"), tls.CertificateVerificationError{Err: errors.New("expired")}
	s := func(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
	for name, c := range map[string]struct {
		takes   time.Duration // of every attempt
		answers []error       // of the attempts; the last one repeats
		want    error
		waits   []time.Duration
	}{
		"at once":             {answers: []error{nil}},
		"the third time":      {answers: []error{bad, bad, nil}, waits: []time.Duration{s(.75), s(1.5)}},
		"never":               {answers: []error{bad}, want: bad, waits: []time.Duration{s(.75), s(1.5), s(3), s(6), s(6), s(6), s(6)}},
		"hopeless":            {answers: []error{bad, Hopeless(bad)}, want: bad, waits: []time.Duration{s(.75)}},
		"not trusted":         {answers: []error{&untrusted}, want: &untrusted},
		"slow":                {takes: 10 * time.Second, answers: []error{bad}, want: bad, waits: []time.Duration{s(.75), s(1.5)}},
		"as long as asked":    {answers: []error{patient{bad, 20 * time.Second}, nil}, waits: []time.Duration{20 * time.Second}},
		"asked for too long":  {answers: []error{patient{bad, 30 * time.Second}, nil}, want: bad},
		"asked for less":      {answers: []error{patient{bad, 0}, nil}, waits: []time.Duration{s(.75)}},
		"the budget is spent": {takes: 30 * time.Second, answers: []error{bad}, want: bad},
	} {
		t.Run(name, func(t *testing.T) {
			k, calls := &clock{now: time.Unix(0, 0)}, 0
			err := k.courier().Try(t.Context(), 30*time.Second, func(context.Context) error {
				k.now = k.now.Add(c.takes)
				calls++
				return c.answers[min(calls, len(c.answers))-1]
			})
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if !slices.Equal(k.waits, c.waits) || calls != len(c.waits)+1 {
				t.Errorf("%d attempts, waits %v, want %v", calls, k.waits, c.waits)
			}
			if spent := k.now.Sub(time.Unix(0, 0)); c.takes == 0 && spent >= 30*time.Second {
				t.Errorf("took %s", spent)
			}
		})
	}
}

func TestTryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := New("test").Try(ctx, time.Hour, func(context.Context) error {
		calls++
		cancel()
		return errors.New("bad")
	})
	if err == nil || calls != 1 {
		t.Errorf("%d attempts, %v", calls, err)
	}
	if err := wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := wait(t.Context(), time.Nanosecond); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestAnswers(t *testing.T) {
	for code, want := range map[int]struct {
		text  string
		again bool
	}{
		200: {}, 202: {}, 204: {},
		301: {"redirects are not followed", false}, 308: {"redirects are not followed", false},
		400: {"400 Bad Request", false}, 401: {"401 Unauthorized", false}, 404: {"404 Not Found", false}, 410: {"410 Gone", false},
		408: {"408 Request Timeout", true}, 425: {"425 Too Early", true}, 429: {"429 Too Many Requests", true},
		500: {"500 Internal Server Error", true}, 503: {"503 Service Unavailable", true},
	} {
		var agent, method string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			agent, method = r.UserAgent(), r.Method
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
			_, _ = w.Write([]byte("said-in-confidence"))
		}))
		d := New("1.2.3")
		for verb, do := range map[string]func() error{
			"POST": func() error {
				return d.Post(t.Context(), server.URL+"/secret-path", http.Header{"Content-Type": {"text/plain"}}, []byte("x"))
			},
			"GET": func() error { return d.Get(t.Context(), server.URL+"/secret-path") },
		} {
			err := do()
			if (err == nil) != (want.text == "") || err != nil && !strings.Contains(err.Error(), want.text) {
				t.Errorf("%d: %v", code, err)
			}
			var never hopeless
			if err != nil && errors.As(err, &never) == want.again {
				t.Errorf("%d: another attempt: %v, want %v", code, !want.again, want.again)
			}
			var asked patient
			if want.again && (!errors.As(err, &asked) || asked.after != 7*time.Second) {
				t.Errorf("%d: nobody asked for patience: %v", code, err)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "confidence")) {
				t.Errorf("%d: %v", code, err)
			}
			if agent != "usagereport/1.2.3" || method != verb {
				t.Errorf("%s by %s", method, agent)
			}
		}
		server.Close()
	}
}

// Whatever is wrong with a server, its address is in no error.
func TestErrorsDoNotRepeatTheURL(t *testing.T) {
	mute, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	rude := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer rude.Close()
	for name, base := range map[string]string{
		"nobody listens": "http://127.0.0.1:1", "nobody answers": "http://" + mute.Addr().String(), "the answer breaks off": rude.URL,
		"no TLS": "https" + strings.TrimPrefix(rude.URL, "http"), "no URL": "http://%zz", "no such host": "http://nowhere.invalid",
	} {
		t.Run(name, func(t *testing.T) {
			d := New("test")
			begun := time.Now()
			for _, attempt := range []func(context.Context) error{
				func(ctx context.Context) error { return d.Get(ctx, base+"/s3cr3t?t0ken=x") },
				func(ctx context.Context) error {
					return d.Post(ctx, base+"/s3cr3t?t0ken=x", http.Header{}, []byte("b0dy"))
				},
			} {
				err := d.Try(t.Context(), 50*time.Millisecond, attempt)
				if err == nil {
					t.Fatal("no error")
				}
				for _, secret := range []string{"s3cr3t", "t0ken", "b0dy"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%s is in: %v", secret, err)
					}
				}
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}
