package access

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// SecretBytes is how long a secret for cookies is at least.
const SecretBytes = 32

// NewSecret returns a random secret for cookies, for a server that is given none.
func NewSecret() []byte {
	s := make([]byte, SecretBytes)
	rand.Read(s) // never fails: the program ends instead
	return s
}

// maxCookie is what browsers keep of a cookie's value, less room for its name and attributes.
const maxCookie = 3800

// Cookie is a cookie whose value only this server can make and read: JSON, sealed by AES-256-GCM with a key that is derived from
// a secret for this cookie alone. When it ends is for the value to say: browsers keep what they like.
type Cookie struct {
	name   string
	secure bool
	aead   cipher.AEAD
}

// NewCookie returns the cookie of that name. Where secure, browsers send it over https alone, and take it from this very host alone
// (__Host-).
func NewCookie(name string, secret []byte, secure bool) (*Cookie, error) {
	if len(secret) < SecretBytes {
		return nil, fmt.Errorf("%w: the secret for cookies has %d bytes: expected %d or more", ErrInvalid, len(secret), SecretBytes)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "usagereport cookie "+name, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of cookie %s: %w", name, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cipher of cookie %s: %w", name, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("cipher of cookie %s: %w", name, err)
	}
	if secure {
		name = "__Host-" + name
	}
	return &Cookie{name: name, secure: secure, aead: aead}, nil
}

// Set gives the browser a value, for as long as it runs, or for a time if that is not 0.
func (c *Cookie) Set(w http.ResponseWriter, value any, keep time.Duration) error {
	text, err := c.seal(value)
	if err != nil {
		return err
	}
	http.SetCookie(w, c.cookie(text, int(keep.Seconds())))
	return nil
}

// Get reads the value that a browser sent. http.ErrNoCookie if there is none that this server made.
func (c *Cookie) Get(r *http.Request, value any) error {
	// A neighbour on the same domain may have set another of that name.
	for i, sent := range r.CookiesNamed(c.name) {
		if i == 4 {
			break
		}
		if c.open(sent.Value, value) == nil {
			return nil
		}
	}
	return http.ErrNoCookie
}

// Clear makes the browser forget the value.
func (c *Cookie) Clear(w http.ResponseWriter) { http.SetCookie(w, c.cookie("", -1)) }

func (c *Cookie) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: c.name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

func (c *Cookie) seal(value any) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode cookie %s: %w", c.name, err)
	}
	text := base64.RawURLEncoding.EncodeToString(c.aead.Seal(nil, nil, data, nil))
	if len(text) > maxCookie {
		return "", fmt.Errorf("%w: cookie %s would have %d bytes: browsers keep %d", ErrInvalid, c.name, len(text), maxCookie)
	}
	return text, nil
}

var errCookie = errors.New("not a cookie of this server")

// open reads what seal made. After an error value may hold anything.
func (c *Cookie) open(text string, value any) error {
	if len(text) > maxCookie || strings.ContainsAny(text, "\r\n") { // which the decoder would pass over
		return errCookie
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errCookie
	}
	data, err := c.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return errCookie
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields() // of another version
	if err := d.Decode(value); err != nil {
		return errCookie
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errCookie
	}
	return nil
}
