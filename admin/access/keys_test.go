package access_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/internal/testservice"
	"github.com/usagereport/usagereport/sinks/lake"
)

var all = access.Grant{
	Role: access.RoleAdministrator, Permissions: []string{access.ServerManagementRead}, Workspaces: []string{"w2", "w1", "w1"},
}

func create(t *testing.T, k *access.Keys, n access.New) (string, access.Key) {
	t.Helper()
	if n.Name == "" {
		n.Name = "nightly download"
	}
	if n.By == "" {
		n.By = "ops"
	}
	if n.Grant.Empty() {
		n.Grant = all
	}
	text, key, err := k.Create(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return text, key
}

func TestKeyOnEveryBucket(t *testing.T) {
	testservice.ForEachBucket(t, func(t *testing.T, b *blob.Bucket, url string) {
		l, err := lake.New(b, "the bucket", "p")
		if strings.HasSuffix(t.Name(), "/file") {
			l, err = lake.Open(t.Context(), url, "p")
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		c := newClock()
		k := access.NewKeys(l.Keys(), c.now)
		text, key := create(t, k, access.New{})
		want := access.Principal{
			Kind: access.KindKey, ID: key.ID, Name: "nightly download", Role: "Administrator",
			Permissions: []string{"Server Management: Read"}, Workspaces: []string{"w1", "w2"}, Expires: c.now().Add(access.DefaultLife),
		}
		if p, err := k.Authenticate(t.Context(), text); err != nil || fmt.Sprint(p) != fmt.Sprint(want) {
			t.Errorf("got %+v, %v; want %+v", p, err, want)
		}
		c.add(time.Minute)
		_, second := create(t, k, access.New{Name: "other"})
		if keys, err := k.List(t.Context()); err != nil || len(keys) != 2 || keys[0].ID != key.ID || keys[1].ID != second.ID {
			t.Errorf("%+v, %v", keys, err)
		}
		revoked, err := k.Revoke(t.Context(), key.ID, "sec")
		if err != nil || !revoked.RevokedAt.Equal(c.now()) || revoked.RevokedBy != "sec" || revoked.State(c.now()) != "revoked" {
			t.Errorf("%+v, %v", revoked, err)
		}
		if _, err := k.Authenticate(t.Context(), text); !errors.Is(err, access.ErrRevoked) {
			t.Errorf("a revoked key: %v", err)
		}
		// The first to revoke a key stays who did.
		c.add(time.Minute)
		if again, err := k.Revoke(t.Context(), key.ID, "other"); err != nil || fmt.Sprint(again) != fmt.Sprint(revoked) {
			t.Errorf("%+v, %v", again, err)
		}
		if _, err := k.Revoke(t.Context(), strings.Repeat("a", 16), "sec"); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("revoking what is not there: %v", err)
		}
	})
}

// replaceSecret returns a well-formed key of the same id with another secret.
func replaceSecret(t *testing.T, text string) string {
	t.Helper()
	m := newMemory()
	other, key, err := access.NewKeys(m, time.Now).Create(t.Context(), access.New{Name: "n", By: "b", Grant: all})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithChecksum(strings.Replace(other[:len(other)-7], key.ID, text[4:20], 1))
}

func TestAuthenticateRefuses(t *testing.T) {
	c, m := newClock(), newMemory()
	k := access.NewKeys(m, c.now)
	text, key := create(t, k, access.New{Expires: c.now().Add(time.Hour)})
	unknown, _ := create(t, access.NewKeys(newMemory(), c.now), access.New{})
	refuse := func(name, text string, want error, guess bool) {
		t.Helper()
		p, err := k.Authenticate(t.Context(), text)
		if !errors.Is(err, want) || p.Kind != "" || p.MayManage() == nil {
			t.Errorf("%s: got %+v, %v; want %v", name, p, err, want)
		}
		if !errors.Is(err, access.ErrUnauthenticated) || access.IsGuess(err) != guess {
			t.Errorf("%s: %v counts as a guess: %v", name, err, access.IsGuess(err))
		}
	}
	refuse("empty", "", access.ErrMalformed, true)
	refuse("mistyped", text[:70]+pick(text[70] == 'a', "b", "a")+text[71:], access.ErrMalformed, true)
	refuse("unknown id", unknown, access.ErrUnknownKey, true)
	refuse("wrong secret", replaceSecret(t, text), access.ErrUnknownKey, true)

	c.add(time.Hour - time.Nanosecond)
	if _, err := k.Authenticate(t.Context(), text); err != nil {
		t.Errorf("just before its end: %v", err)
	}
	c.add(time.Nanosecond)
	refuse("expired", text, access.ErrExpired, false)
	refuse("expired and wrong", replaceSecret(t, text), access.ErrUnknownKey, true)
	if _, err := k.Revoke(t.Context(), key.ID, "sec"); err != nil {
		t.Fatal(err)
	}
	refuse("revoked", text, access.ErrRevoked, false)
	refuse("revoked and wrong", replaceSecret(t, text), access.ErrUnknownKey, true)
	if _, err := k.Principal(t.Context(), key.ID); !errors.Is(err, access.ErrRevoked) {
		t.Errorf("the session of a revoked key: %v", err)
	}
	for _, id := range []string{"", "..", "../../latest", strings.Repeat("a", 16), "aaaaaaaaaaaaaa\r\n"} {
		if _, err := k.Principal(t.Context(), id); !errors.Is(err, access.ErrUnknownKey) {
			t.Errorf("the session of key %q: %v", id, err)
		}
	}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

func TestCreateRefuses(t *testing.T) {
	c := newClock()
	for name, n := range map[string]access.New{
		"no name":       {Name: "", By: "b", Grant: all},
		"blank name":    {Name: "  ", By: "b", Grant: all},
		"long name":     {Name: strings.Repeat("x", 101), By: "b", Grant: all},
		"lines":         {Name: "a\nb", By: "b", Grant: all},
		"nobody":        {Name: "a", By: "", Grant: all},
		"no rights":     {Name: "a", By: "b"},
		"unknown role":  {Name: "a", By: "b", Grant: access.Grant{Role: "Root"}},
		"past":          {Name: "a", By: "b", Grant: all, Expires: c.now()},
		"too far":       {Name: "a", By: "b", Grant: all, Expires: c.now().Add(access.MaxLife + time.Second)},
		"bad workspace": {Name: "a", By: "b", Grant: access.Grant{Workspaces: []string{""}}},
	} {
		m := newMemory()
		if text, _, err := access.NewKeys(m, c.now).Create(t.Context(), n); !errors.Is(err, access.ErrInvalid) || text != "" || len(m.objects) > 0 {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	m := newMemory()
	m.away = lake.ErrUnreachable
	if text, _, err := access.NewKeys(m, c.now).Create(t.Context(), access.New{Name: "a", By: "b", Grant: all}); !errors.Is(err, access.ErrUnavailable) || text != "" {
		t.Errorf("away: %q, %v", text, err)
	}
}

// TestStoreAway: who cannot be checked is not let in, and what was read is believed no longer than at other times.
func TestStoreAway(t *testing.T) {
	c, m := newClock(), newMemory()
	k := access.NewKeys(m, c.now)
	text, key := create(t, k, access.New{})
	if _, err := k.Authenticate(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	m.away = fmt.Errorf("read: %w", lake.ErrUnreachable)
	if _, err := k.Authenticate(t.Context(), text); err != nil {
		t.Errorf("a moment later: %v", err)
	}
	c.add(3 * time.Second)
	for range 2 {
		for _, err := range []error{second(k.Authenticate(t.Context(), text)), second(k.Principal(t.Context(), key.ID)), second(k.Revoke(t.Context(), key.ID, "x"))} {
			if !errors.Is(err, access.ErrUnavailable) || errors.Is(err, access.ErrUnauthenticated) || !errors.Is(err, lake.ErrUnreachable) {
				t.Errorf("away: %v", err)
			}
		}
	}
	if _, err := k.List(t.Context()); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("list: %v", err)
	}
	m.away = nil
	if _, err := k.Authenticate(t.Context(), text); err != nil {
		t.Errorf("back: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestDamagedObjects: what is not understood lets nobody in, is named, and hides no other key.
func TestDamagedObjects(t *testing.T) {
	c, m := newClock(), newMemory()
	k := access.NewKeys(m, c.now)
	_, other := create(t, k, access.New{Name: "other"})
	text, key := create(t, k, access.New{})
	good := m.objects[key.ID]
	change := func(field string, value any) []byte {
		var o map[string]any
		if err := json.Unmarshal(good, &o); err != nil {
			t.Fatal(err)
		}
		if value == nil {
			delete(o, field)
		} else {
			o[field] = value
		}
		data, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, data := range map[string][]byte{
		"empty":         nil,
		"cut":           good[:len(good)/2],
		"twice":         append(slices.Clone(good), good...),
		"newer":         change("format_version", 2),
		"unknown field": change("allowed_from", "10.0.0.0/8"),
		"of another":    change("id", other.ID),
		"no hash":       change("sha256", nil),
		"short hash":    change("sha256", "00"),
		"bad hash":      change("sha256", strings.Repeat("x", 64)),
		"no end":        change("expires_at", nil),
		"unknown role":  change("role", "Root"),
		"long":          append(slices.Clone(good), bytes.Repeat([]byte(" "), 1<<20)...),
	} {
		t.Run(name, func(t *testing.T) {
			m.objects[key.ID] = data
			c.add(time.Minute)
			p, err := k.Authenticate(t.Context(), text)
			if !errors.Is(err, access.ErrUnavailable) || p.Kind != "" || !strings.Contains(err.Error(), key.ID) {
				t.Errorf("%+v, %v", p, err)
			}
			keys, err := k.List(t.Context())
			if err == nil || !strings.Contains(err.Error(), key.ID) || len(keys) != 1 || keys[0].ID != other.ID {
				t.Errorf("%+v, %v", keys, err)
			}
		})
	}
}

// TestNothingGivesKeysAway: neither a key nor its secret is stored, and its hash only in its object; no error and no value
// that is printed has any of them.
func TestNothingGivesKeysAway(t *testing.T) {
	c, m := newClock(), newMemory()
	k := access.NewKeys(m, c.now)
	text, key := create(t, k, access.New{})
	secret := text[21:73]
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	if data := string(m.objects[key.ID]); strings.Contains(data, secret) || !strings.Contains(data, hash) {
		t.Errorf("stored: %s", data)
	}
	var said []string
	say := func(v any) {
		j, _ := json.Marshal(v)
		said = append(said, fmt.Sprintf("%v %+v %#v %s", v, v, v, j))
	}
	try := func() {
		p, err := k.Authenticate(t.Context(), text)
		say(p)
		say(err)
		_, err = k.Authenticate(t.Context(), text+"x")
		say(err)
		_, err = k.Authenticate(t.Context(), replaceSecret(t, text))
		say(err)
		keys, err := k.List(t.Context())
		say(keys)
		say(err)
		c.add(time.Minute)
	}
	say(key)
	try()
	m.objects[key.ID] = bytes.Replace(m.objects[key.ID], []byte(`"id"`), []byte(`"ID2"`), 1)
	try()
	m.objects[key.ID] = bytes.Replace(m.objects[key.ID], []byte(`"ID2"`), []byte(`"id"`), 1)
	m.away = lake.ErrUnreachable
	try()
	m.away = nil
	_, err := k.Revoke(t.Context(), key.ID, "sec")
	say(err)
	try()
	c.add(access.MaxLife)
	try()
	for _, s := range said {
		for _, bad := range []string{text, secret, secret[:16], hash, hash[:16]} {
			if strings.Contains(s, bad) {
				t.Errorf("given away: %s", s)
			}
		}
	}
	if len(said) < 30 {
		t.Errorf("only %d texts were looked at", len(said))
	}
}
