package access

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/usagereport/usagereport/sinks/lake"
)

// How long keys live.
const (
	DefaultLife = 90 * 24 * time.Hour
	MaxLife     = 366 * 24 * time.Hour
)

// Store keeps one object a key; *lake.Keys is one. Read returns lake.ErrNotFound where there is none.
type Store interface {
	Create(ctx context.Context, id string, data []byte) error
	Replace(ctx context.Context, id string, data []byte) error
	Read(ctx context.Context, id string) ([]byte, error)
	List(ctx context.Context) ([]string, error)
}

// Key is what is known of an API key: all but the key itself.
type Key struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Role        string    `json:"role"`
	Permissions []string  `json:"permissions"`
	Workspaces  []string  `json:"workspaces"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedBy   string    `json:"created_by"`
	ExpiresAt   time.Time `json:"expires_at"`
	RevokedAt   time.Time `json:"revoked_at,omitzero"` // zero: it was not
	RevokedBy   string    `json:"revoked_by,omitempty"`
}

// stored is the object of a key.
type stored struct {
	Format int    `json:"format_version"`
	Hash   string `json:"sha256"` // of the text of the key
	Key
}

const storedFormat = 1

// State says in a word what became of a key: "active", "expired" or "revoked".
func (k Key) State(now time.Time) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked"
	case !now.Before(k.ExpiresAt):
		return "expired"
	}
	return "active"
}

// usable returns ErrRevoked or ErrExpired for a key that lets nobody in any more.
func (k Key) usable(now time.Time) error {
	switch k.State(now) {
	case "revoked":
		return ErrRevoked
	case "expired":
		return ErrExpired
	}
	return nil
}

func (k Key) principal() Principal {
	return Principal{
		Kind: KindKey, ID: k.ID, Name: k.Name, Role: k.Role,
		Permissions: slices.Clone(k.Permissions), Workspaces: slices.Clone(k.Workspaces), Expires: k.ExpiresAt,
	}
}

// New is what a new key shall be.
type New struct {
	Name    string
	Grant   Grant
	Expires time.Time // zero: after DefaultLife
	By      string    // who makes it, for people to read
}

// Keys are the API keys in a store. They are safe for concurrent use, also by any number of processes: no two keys share
// an object.
type Keys struct {
	store Store
	now   func() time.Time
	cache cache
}

// NewKeys returns the keys in a store. What it read of a key it believes for a few seconds, so a revocation is seen then.
func NewKeys(store Store, now func() time.Time) *Keys {
	return &Keys{store: store, now: now, cache: cache{now: now}}
}

// Create makes a key. Its text is returned here and can be had nowhere later. An error that wraps ErrInvalid says what of n
// cannot be.
func (k *Keys) Create(ctx context.Context, n New) (text string, key Key, err error) {
	now := k.now().UTC().Truncate(time.Second)
	expires := n.Expires.UTC()
	if n.Expires.IsZero() {
		expires = now.Add(DefaultLife)
	}
	switch {
	case !plain(n.Name, 100):
		return "", Key{}, fmt.Errorf("%w: name %q: expected a line of 1 to 100 characters that says what the key is for", ErrInvalid, n.Name)
	case !plain(n.By, 200):
		return "", Key{}, fmt.Errorf("%w: maker %q: expected a line of 1 to 200 characters", ErrInvalid, n.By)
	case !expires.After(now):
		return "", Key{}, fmt.Errorf("%w: the key would expire at %s, which is past", ErrInvalid, expires.Format(time.RFC3339))
	case expires.After(now.Add(MaxLife)):
		return "", Key{}, fmt.Errorf("%w: the key would expire at %s: expected %s at the latest, a year from now",
			ErrInvalid, expires.Format(time.RFC3339), now.Add(MaxLife).Format(time.DateOnly))
	case n.Grant.Empty():
		return "", Key{}, fmt.Errorf("%w: the key would allow nothing: expected a role and a permission, or a workspace", ErrInvalid)
	}
	if err := n.Grant.Check(); err != nil {
		return "", Key{}, err
	}
	id, text := newKeyText()
	hash := hashKey(text)
	s := stored{Format: storedFormat, Hash: hex.EncodeToString(hash[:]), Key: Key{
		ID: id, Name: n.Name, Role: n.Grant.Role, Permissions: set(n.Grant.Permissions), Workspaces: set(n.Grant.Workspaces),
		CreatedAt: now, CreatedBy: n.By, ExpiresAt: expires,
	}}
	data, err := s.encode()
	if err != nil {
		return "", Key{}, err
	}
	if err := k.store.Create(ctx, id, data); err != nil {
		return "", Key{}, fmt.Errorf("create API key %s: %w: %w", id, ErrUnavailable, err)
	}
	return text, s.Key, nil
}

// List returns all keys, oldest first. Keys that cannot be read are missing, and told by the error: the others are returned with it.
func (k *Keys) List(ctx context.Context) ([]Key, error) {
	ids, err := k.store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w: %w", ErrUnavailable, err)
	}
	found, errs := make([]*stored, len(ids)), make([]error, len(ids))
	var g errgroup.Group
	g.SetLimit(8)
	for i, id := range ids {
		g.Go(func() error {
			found[i], errs[i] = k.read(ctx, id)
			return nil
		})
	}
	_ = g.Wait() // no goroutine returns one: every key is looked at
	var keys []Key
	for _, s := range found {
		if s != nil {
			keys = append(keys, s.Key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return keys, errors.Join(errs...)
}

// Revoke ends a key, for good. One that was revoked before stays as it is, and is no error. ErrNotFound if there is none of that id.
func (k *Keys) Revoke(ctx context.Context, id, by string) (Key, error) {
	if err := checkKeyID(id); err != nil {
		return Key{}, err
	}
	if !plain(by, 200) {
		return Key{}, fmt.Errorf("%w: revoked by %q: expected a line of 1 to 200 characters", ErrInvalid, by)
	}
	s, err := k.read(ctx, id)
	if err != nil {
		return Key{}, err
	}
	if s == nil {
		return Key{}, fmt.Errorf("revoke API key %s: %w", id, ErrNotFound)
	}
	if !s.RevokedAt.IsZero() {
		return s.Key, nil
	}
	s.RevokedAt, s.RevokedBy = k.now().UTC().Truncate(time.Second), by
	data, err := s.encode()
	if err != nil {
		return Key{}, err
	}
	if err := k.store.Replace(ctx, id, data); err != nil {
		return Key{}, fmt.Errorf("revoke API key %s: %w: %w", id, ErrUnavailable, err)
	}
	k.cache.drop(id)
	return s.Key, nil
}

// Authenticate returns whose key a text is. ErrMalformed, ErrUnknownKey, ErrRevoked, ErrExpired, or ErrUnavailable when the
// store cannot be asked; only who has the whole key learns that it was revoked or has expired.
func (k *Keys) Authenticate(ctx context.Context, text string) (Principal, error) {
	id, text, err := parseKey(text)
	if err != nil {
		return Principal{}, err
	}
	s, err := k.lookUp(ctx, id)
	if err != nil {
		return Principal{}, err
	}
	// An id that nobody has is compared too, with a hash that no key has: how long this takes says nothing.
	var want [32]byte
	known := 0
	if s != nil {
		n, err := hex.Decode(want[:], []byte(s.Hash))
		if err == nil && n == len(want) {
			known = 1
		}
	}
	got := hashKey(text)
	if subtle.ConstantTimeCompare(got[:], want[:])&known != 1 {
		return Principal{}, ErrUnknownKey
	}
	if err := s.usable(k.now()); err != nil {
		return Principal{}, fmt.Errorf("%w (key %s)", err, id)
	}
	return s.principal(), nil
}

// Principal returns whom the key of that id stands for, without its text: for sessions that began with it. Errors as of Authenticate.
func (k *Keys) Principal(ctx context.Context, id string) (Principal, error) {
	if !validKeyID(id) {
		return Principal{}, ErrUnknownKey
	}
	s, err := k.lookUp(ctx, id)
	switch {
	case err != nil:
		return Principal{}, err
	case s == nil:
		return Principal{}, ErrUnknownKey
	}
	if err := s.usable(k.now()); err != nil {
		return Principal{}, fmt.Errorf("%w (key %s)", err, id)
	}
	return s.principal(), nil
}

// lookUp is read through the cache.
func (k *Keys) lookUp(ctx context.Context, id string) (*stored, error) {
	return k.cache.get(ctx, id, k.read)
}

// read returns the object of a key, nil where there is none.
func (k *Keys) read(ctx context.Context, id string) (*stored, error) {
	data, err := k.store.Read(ctx, id)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read API key %s: %w: %w", id, ErrUnavailable, err)
	}
	s, err := decodeStored(id, data)
	if err != nil {
		return nil, fmt.Errorf("read API key %s: %w: %w", id, ErrUnavailable, err)
	}
	return s, nil
}

func (s *stored) encode() ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode API key %s: %w", s.ID, err)
	}
	return append(data, '\n'), nil
}

// maxStored is far more than any object of a key has.
const maxStored = 1 << 20

// decodeStored reads the object of a key strictly: what is not understood lets nobody in. Its errors do not repeat what it holds.
func decodeStored(id string, data []byte) (*stored, error) {
	damaged := func(what string) error {
		return fmt.Errorf("its object is damaged: %s; revoke or delete it, and make another key", what)
	}
	if len(data) > maxStored {
		return nil, damaged("it is too long")
	}
	s := new(stored)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, damaged("expected the JSON of a key")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, damaged("something follows the JSON of the key")
	}
	hash, err := hex.DecodeString(s.Hash)
	switch {
	case s.Format != storedFormat:
		return nil, fmt.Errorf("its object has format version %d, expected %d: was it made by a newer program?", s.Format, storedFormat)
	case s.ID != id:
		return nil, damaged("it is of another key")
	case err != nil || len(hash) != 32:
		return nil, damaged("it has no hash")
	case s.ExpiresAt.IsZero():
		return nil, damaged("it has no end")
	case s.Grant().Check() != nil:
		return nil, damaged("it grants what does not exist")
	}
	return s, nil
}

// Grant returns the rights of a key.
func (k Key) Grant() Grant {
	return Grant{Role: k.Role, Permissions: k.Permissions, Workspaces: k.Workspaces}
}
