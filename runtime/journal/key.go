package journal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// KeySize is how many bytes the key of a store's fingerprints has.
const KeySize = 32

// NewKey makes a key for the fingerprints of a store.
func NewKey() []byte {
	key := make([]byte, KeySize)
	rand.Read(key) //nolint:errcheck // it never fails
	return key
}

// Fingerprint is what a store with this key keeps of a secret.
func Fingerprint(key []byte, secret string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(secret)) //nolint:errcheck // a hash never fails
	return "hmac-sha256:" + hex.EncodeToString(h.Sum(nil))
}
