package bucket

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/usagereport/usagereport/sources"
)

// An answer that ends early, with headers that agree with it, is not taken for the file that was listed; a file that was written
// again since is read as it is now.
func TestHalvedAnswers(t *testing.T) {
	b := memblob.OpenBucket(nil)
	defer func() { _ = b.Close() }()
	data := bytes.Repeat([]byte("0123456789"), 10)
	if err := b.WriteAll(t.Context(), "x.csv", data, nil); err != nil {
		t.Fatal(err)
	}
	attrs, err := b.Attributes(t.Context(), "x.csv")
	if err != nil {
		t.Fatal(err)
	}
	s := New(b, "halved", Options{})
	second := attrs.ModTime.Truncate(time.Second)
	for _, c := range []struct {
		what   string
		listed File
		whole  bool
	}{
		{"as listed", File{Size: 100, ModTime: attrs.ModTime}, true},
		{"half of what is listed", File{Size: 200, ModTime: attrs.ModTime}, false},
		{"half of what is listed, with times to the second", File{Size: 200, ModTime: second}, false},
		{"written again since", File{Size: 200, ModTime: second.Add(-time.Second)}, true},
		{"not listed", File{}, true},
	} {
		c.listed.Key = "x.csv"
		r, err := s.text(t.Context(), c.listed)
		if !c.whole {
			if !sources.MayPass(err) || !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "x.csv: an answer of 100 bytes, where the listing has 200") {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", c.what, len(got), err)
		}
	}
}
