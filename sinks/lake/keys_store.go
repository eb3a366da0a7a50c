package lake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

const (
	keysDir = "keys/"
	keyExt  = ".json"
)

// ErrExists is what creating an object gives where one stands.
var ErrExists = errors.New("it exists already")

// Keys is where the API keys of the admin server are kept: one JSON object a key, keys/<id>.json below the prefix, so
// that changes to different keys never meet. It does not look inside them. No run reads or writes it, and no lease is
// needed: each object is old or new, never half.
type Keys struct {
	lake *Lake
}

// Keys returns the API keys that the lake holds.
func (l *Lake) Keys() *Keys { return &Keys{lake: l} }

// Name returns the bucket and the prefix as messages show them, without any secret.
func (k *Keys) Name() string { return k.lake.Name() }

// Create writes the object of a key, durably. ErrExists if there is one.
func (k *Keys) Create(ctx context.Context, id string, data []byte) error {
	key, err := keyOfID(id)
	if err != nil {
		return err
	}
	err = k.lake.createObject(ctx, key, data)
	if errors.Is(err, errTaken) {
		return fmt.Errorf("create %s in %s: %w", key, k.lake.Name(), ErrExists)
	}
	return err
}

// Replace writes the object of a key in place of the one that stands, durably.
func (k *Keys) Replace(ctx context.Context, id string, data []byte) error {
	key, err := keyOfID(id)
	if err != nil {
		return err
	}
	return k.lake.put(ctx, key, jsonType, data)
}

// Read reads the object of a key. ErrNotFound if there is none.
func (k *Keys) Read(ctx context.Context, id string) ([]byte, error) {
	key, err := keyOfID(id)
	if err != nil {
		return nil, err
	}
	return k.lake.get(ctx, key)
}

// List returns the ids that have an object, sorted.
func (k *Keys) List(ctx context.Context) ([]string, error) {
	names, err := k.names(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, name := range names {
		id, ok := strings.CutSuffix(name, keyExt)
		if _, err := keyOfID(id); ok && err == nil { // else it is not ours, or was left by a process that died
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (k *Keys) names(ctx context.Context) ([]string, error) {
	l := k.lake
	if l.local == nil {
		keys, err := l.list(ctx, keysDir)
		for i := range keys {
			keys[i] = strings.TrimPrefix(keys[i], keysDir)
		}
		return keys, err
	}
	if err := ctx.Err(); err != nil {
		return nil, l.fail("list", keysDir, err)
	}
	// The driver's own listing fails when a temporary file vanishes while it lists.
	entries, err := os.ReadDir(l.local.path(l.full(keysDir)))
	if err := ignoreMissing(err); err != nil {
		return nil, l.fail("list", keysDir, err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// keyOfID returns the key of the object. Ids are lower case, since some file systems do not tell case.
func keyOfID(id string) (string, error) {
	ok := id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') })
	if !ok {
		return "", fmt.Errorf("id %q of an API key: expected up to 64 lower-case letters and digits", id)
	}
	return keysDir + id + keyExt, nil
}
