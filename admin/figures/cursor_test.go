package figures

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// FuzzCursor: a text is refused as a bad query, or it is exactly what the cursor that it stands for is written as.
func FuzzCursor(f *testing.F) {
	for _, c := range []cursor{{}, {older: true, instant: 1_795_000_000_000_000, event: "evt_1"}, {instant: -1, event: "ä"}} {
		f.Add(c.String())
	}
	for _, s := range []string{"", "x", "AQ", "AW8AAAAAAAAAAA", "AW8AAAAAAAAAAB", "AW8AAAAAAAAAAA=", "AW8AAAAA\nAAAAAA", "Am8AAAAAAAAAAA", "AXgAAAAAAAAAAA",
		base64.RawURLEncoding.EncodeToString([]byte("\x01o12345678\xff")), strings.Repeat("A", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			if !errors.Is(err, ErrQuery) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if again := c.String(); again != s {
			t.Fatalf("%q means %+v, which is written %q", s, c, again)
		}
	})
}

// Cursors of ids that are too long are refused before they are decoded.
func TestCursorTooLong(t *testing.T) {
	if _, err := parseCursor(cursor{event: strings.Repeat("x", maxEventID)}.String()); err != nil {
		t.Error(err)
	}
	if _, err := parseCursor(cursor{event: strings.Repeat("x", maxEventID+1)}.String()); !errors.Is(err, ErrQuery) {
		t.Errorf("%v, expected ErrQuery", err)
	}
}

// FuzzRunCursor: a text is refused, or names a direction and an id that a run can have.
func FuzzRunCursor(f *testing.F) {
	for _, s := range []string{"", "o.20261121T023000Z-2026-11-21", "n.x", "o.", "o..", "o.../x", "o.a/b", "x.y", "o"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		older, id, err := parseRunCursor(s)
		if err != nil {
			if !errors.Is(err, ErrQuery) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if s == "" {
			return
		}
		direction := "n."
		if older {
			direction = "o."
		}
		if direction+id != s || strings.ContainsAny(id, "/\\ \x00") || strings.HasPrefix(id, ".") {
			t.Fatalf("%q means %t, %q", s, older, id)
		}
	})
}
