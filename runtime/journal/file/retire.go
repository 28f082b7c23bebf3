package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/standin-project/standin/runtime/durable"
)

// Has says whether the store has a run of that id, retired ones apart.
func (s *Store) Has(id string) bool {
	f, err := s.open(id, os.O_RDONLY)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// Retire moves a run whose Writer the caller has into the folder "merged": another store has it now.
func (s *Store) Retire(_ context.Context, id string) error {
	folder := filepath.Join(s.dir, "merged")
	if err := durable.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	// The journal goes last: without it the rest is no run.
	for _, part := range []string{".d", orders, ending} {
		from := s.path(id, part)
		if err := os.Rename(from, filepath.Join(folder, filepath.Base(from))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.Join(durable.SyncDir(folder), durable.SyncDir(s.dir))
}
