// Package notes keeps a directory's notes as files of one folder, each written whole and durably.
package notes

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/value"
)

// Folder is the path of a folder that holds notes; it is made when the first one is written.
type Folder string

var _ directory.Notes = Folder("")

func (f Folder) path(key string) string {
	return filepath.Join(string(f), url.PathEscape(key)+".json")
}

// Note reads a note; nil if there is none.
func (f Folder) Note(_ context.Context, key string) ([]byte, error) {
	note, err := os.ReadFile(f.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, value.Failf(value.CodeFailed, "cannot read note %q: %w", key, err)
	}
	return note, nil
}

// SetNote writes a note: it is on disk, whole, when SetNote returns. nil removes it.
func (f Folder) SetNote(_ context.Context, key string, note []byte) error {
	err := f.write(key, note)
	if err != nil {
		return value.Failf(value.CodeFailed, "cannot write note %q: %w", key, err).
			Hint("see that the folder %q is there and has room", string(f))
	}
	return nil
}

func (f Folder) write(key string, note []byte) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	if note == nil {
		if err := os.Remove(f.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return durable.SyncDir(string(f))
	}
	return durable.WriteFile(f.path(key), note, 0o600)
}
