package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// The text of a key is
//
//	urk_<id>_<secret><checksum>
//
// with an id of 80 random bits, by which it is found and which is no secret, and a secret of 256 random bits. The
// checksum, a CRC-32 of all that stands before it, tells typing errors without a look-up; it protects nothing. All
// three are base32 in lower case, so that a double click selects the key as a whole, and scanners for leaked
// secrets know it by its prefix and length.
const (
	keyPrefix   = "urk_"
	idLength    = 16
	secretBytes = 32
	secretText  = 52
	sumText     = 7
	keyLength   = len(keyPrefix) + idLength + 1 + secretText + sumText
)

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newKeyText returns the id of a new key and its whole text.
func newKeyText() (id, text string) {
	var random [10 + secretBytes]byte
	rand.Read(random[:]) // never fails: the program ends instead
	id = base32Lower.EncodeToString(random[:10])
	return id, withChecksum(keyPrefix + id + "_" + base32Lower.EncodeToString(random[10:]))
}

func withChecksum(text string) string {
	return text + base32Lower.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
}

// parseKey returns the id in the text of a key. Space around it, as from copying, is ignored. ErrMalformed if it can
// be no key; the error never repeats the text, which may be one but for a letter.
func parseKey(text string) (id, canonical string, err error) {
	text = strings.TrimSpace(text)
	if len(text) != keyLength || !strings.HasPrefix(text, keyPrefix) || text[len(keyPrefix)+idLength] != '_' {
		return "", "", ErrMalformed
	}
	body := text[:keyLength-sumText]
	id, secret := body[len(keyPrefix):len(keyPrefix)+idLength], body[len(body)-secretText:]
	if !validKeyID(id) {
		return "", "", ErrMalformed
	}
	// Encoding again finds the spare bits of the last letter, which decoding ignores.
	raw, err := base32Lower.DecodeString(secret)
	if err != nil || base32Lower.EncodeToString(raw) != secret || withChecksum(body) != text {
		return "", "", ErrMalformed
	}
	return id, text, nil
}

// validKeyID says whether a text can be the id of a key, and so a part of an object's name.
func validKeyID(id string) bool {
	if len(id) != idLength {
		return false
	}
	_, err := base32Lower.DecodeString(id) // 16 letters are 80 bits exactly: none to spare
	return err == nil && !strings.ContainsAny(id, "\r\n")
}

// checkKeyID is validKeyID for people.
func checkKeyID(id string) error {
	if !validKeyID(id) {
		return fmt.Errorf("%w: key id: expected %d letters and digits, as 'usagereport key list' shows them", ErrInvalid, idLength)
	}
	return nil
}

// hashKey returns what is stored of a key. Its text has 256 random bits, so there is nothing that a slow hash, or
// salt, would make harder to guess.
func hashKey(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }
