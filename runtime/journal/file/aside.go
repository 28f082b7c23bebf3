package file

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// maxInline is how many bytes of inverses an entry may hold; more lie in a file of their own, so that listing and
// showing a run does not read what only undoing it needs.
const maxInline = 64 << 10

func (s *Store) asidePath(id string, seq int) string {
	return filepath.Join(s.path(id, ".d"), strconv.Itoa(seq)+".json")
}

// setAside gives the entry as the journal holds it. Large inverses are made durable in their own file before.
func (s *Store) setAside(id string, e *plan.Entry) (*plan.Entry, error) {
	size := 0
	inverses := make([]json.RawMessage, len(e.Changes))
	for i, c := range e.Changes {
		size += len(c.Inverse)
		inverses[i] = c.Inverse
	}
	if size <= maxInline {
		return e, nil
	}
	text, err := json.Marshal(inverses)
	if err != nil {
		return nil, err
	}
	path := s.asidePath(id, e.Seq)
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	kept := *e
	kept.Aside, kept.Changes = sum(text), slices.Clone(e.Changes)
	for i := range kept.Changes {
		kept.Changes[i].Inverse = nil
	}
	return &kept, nil
}

func (s *Store) bringBackAll(r *journal.Run) error {
	for i := range r.Entries {
		if err := s.bringBack(r.ID, &r.Entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// bringBack gives an entry the inverses that were set aside.
func (s *Store) bringBack(id string, e *plan.Entry) error {
	if e.Aside == "" {
		return nil
	}
	path := s.asidePath(id, e.Seq)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot read what entry %d would be undone with: %w", e.Seq, err)
	}
	if got := sum(text); got != e.Aside {
		return fmt.Errorf("%s is damaged: got %s, want %s as entry %d says", path, got, e.Aside, e.Seq)
	}
	var inverses []json.RawMessage
	if err := json.Unmarshal(text, &inverses); err != nil || len(inverses) != len(e.Changes) {
		return fmt.Errorf("%s does not belong to entry %d: got %d inverses, want %d (%v)", path, e.Seq, len(inverses), len(e.Changes), err)
	}
	for i := range e.Changes {
		if string(inverses[i]) != "null" {
			e.Changes[i].Inverse = inverses[i]
		}
	}
	e.Aside = ""
	return nil
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(s[:])
}
