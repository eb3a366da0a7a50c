package identity

import (
	"testing"

	"github.com/usagereport/usagereport/dictionary"
)

// The buckets are the columns of the sheet, in its order.
func TestBucketsAreTheColumns(t *testing.T) {
	fields := dictionary.UniqueUserCount.Fields
	for i, b := range []Bucket{UsernamesOrEmails, Emails, DisplayNames, Usernames} {
		if got, want := b.String(), fields[len(fields)-4+i].Name; got != want || int(b) != i {
			t.Errorf("bucket %d is %s, the column %s", b, got, want)
		}
	}
}

func TestKey(t *testing.T) {
	u, obs := resolved(t, []text{{" Al@X.com ", "AL", "Straße"}, {"", " ", ""}}, Rules{})
	for kind, want := range map[Kind]string{Email: "al@x.com", Username: "al", DisplayName: "strasse"} {
		code := map[Kind]uint32{Email: obs[0].Email, Username: obs[0].Username, DisplayName: obs[0].DisplayName}[kind]
		if got := u.Key(kind, code); got != want {
			t.Errorf("%s: %q", kind, got)
		}
		if got := u.Key(kind, 0); got != "" {
			t.Errorf("no %s: %q", kind, got)
		}
	}
	if got := u.Key(Username, obs[1].Username); got != "" {
		t.Errorf("blank: %q", got)
	}
}

func TestLargestOfMany(t *testing.T) {
	u, _ := resolved(t, parse(t, "u=aa | u=a | u=b; e=c@x.com | u=d; e=e@x.com | e=e@y.org"), Rules{})
	for n, want := range []string{"", "d", "db", "dba", "dbaaa", "dbaaa"} {
		got := ""
		for _, l := range u.Largest(n) {
			got += l.Smallest
		}
		if got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
