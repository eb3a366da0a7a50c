package identity_test

import (
	"testing"

	"github.com/usagereport/usagereport/transforms/identity"
	"github.com/usagereport/usagereport/transforms/identity/identitytest"
)

// BenchmarkResolve is everything from texts to users, five million observations at a time, and asks for each
// observation's user.
func BenchmarkResolve(b *testing.B) {
	const n = 5_000_000
	v, obs := identitytest.Company(n)
	b.ReportAllocs()
	for b.Loop() {
		r, err := identity.NewResolver(v, identity.Rules{})
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range obs {
			r.Add(o)
		}
		u := r.Resolve()
		for _, o := range obs {
			if _, ok := u.Of(o); !ok {
				b.Fatal("no identity")
			}
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "observations/s")
}

func BenchmarkNormalize(b *testing.B) {
	for _, s := range []string{"alice@x.com", "Alice@X.com", "Zoë Müller", "straße"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				identity.Normalize(s)
			}
		})
	}
}
