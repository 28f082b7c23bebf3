package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/journal"
)

// Fingerprint keys a hash of the secret with a file of the store, made by the first secret.
func (s *Store) Fingerprint(secret string) (string, error) {
	key, err := s.Key()
	if err != nil {
		return "", fmt.Errorf("cannot use the key of the journals: %w", err)
	}
	return journal.Fingerprint(key, secret), nil
}

// Key is the key of the store's fingerprints; it is made when it is first asked for.
func (s *Store) Key() ([]byte, error) {
	path := filepath.Join(s.dir, "key")
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := durable.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	// The first key stays: another process may make one this instant, and has used it.
	if err := durable.CreateFile(path, journal.NewKey(), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readKey(path)
}

// SetKey replaces the key of the store's fingerprints.
func (s *Store) SetKey(key []byte) error {
	if err := durable.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(s.dir, "key"), key, 0o600)
}

func readKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil && len(key) != journal.KeySize {
		err = fmt.Errorf("%q: got %d bytes, want %d", path, len(key), journal.KeySize)
	}
	return key, err
}
