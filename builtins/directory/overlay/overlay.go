// Package overlay is a directory whose changes live in memory only: what a plan writes to.
package overlay

import (
	"context"
	"slices"
	"sync"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// System reads through to a directory and remembers changes over it.
type System struct {
	directory.Reader

	mu      sync.Mutex
	entries map[string]*directory.Entry // changed entries, whole, by folded name
	notes   map[string][]byte
}

var _ directory.System = (*System)(nil)

// New lays an empty overlay over r.
func New(r directory.Reader) *System {
	return &System{Reader: r, entries: map[string]*directory.Entry{}, notes: map[string][]byte{}}
}

// Entry reads one entry as the changes leave it.
func (s *System) Entry(ctx context.Context, dn string, attrs ...string) (*directory.Entry, error) {
	if e := s.changed(dn); e != nil {
		return e.Pick(attrs), nil
	}
	return s.Reader.Entry(ctx, dn, attrs...)
}

func (s *System) changed(dn string) *directory.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[directory.Fold(dn)]
}

// Search gives the untouched entries as the directory finds them, then the changed ones that match.
func (s *System) Search(ctx context.Context, q directory.Query, found func(*directory.Entry) error) error {
	filter, err := directory.ParseFilter(q.Filter)
	if err != nil {
		return value.Failf(value.CodeBadParameter, "%w", err)
	}
	err = s.Reader.Search(ctx, q, func(e *directory.Entry) error {
		if s.changed(e.DN) != nil {
			return nil
		}
		return found(e)
	})
	if err != nil {
		return err
	}
	for _, e := range s.matching(q, &filter) {
		if err := found(e.Pick(q.Attrs)); err != nil {
			return err
		}
	}
	return nil
}

func (s *System) matching(q directory.Query, filter *directory.Filter) []*directory.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var matching []*directory.Entry
	for _, e := range s.entries {
		if q.Covers(e.DN) && filter.Match(e) {
			matching = append(matching, e)
		}
	}
	slices.SortFunc(matching, directory.ByName)
	return matching
}

// Modify remembers a change after the same checks that a server makes.
func (s *System) Modify(ctx context.Context, m directory.Modification) error {
	key := directory.Fold(m.DN)
	e := s.changed(m.DN)
	if e == nil {
		var err error
		if e, err = s.Reader.Entry(ctx, m.DN); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.entries[key]; ok {
		e = now // changed while it was read
	}
	next, err := e.Apply(m.Edits, directory.Single)
	if err == nil {
		s.entries[key] = next
	}
	return err
}

// Note reads a note as the changes leave it.
func (s *System) Note(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	note, ok := s.notes[key]
	s.mu.Unlock()
	if ok {
		return note, nil
	}
	return s.Reader.Note(ctx, key)
}

// SetNote remembers a note.
func (s *System) SetNote(_ context.Context, key string, note []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[key] = note
	return nil
}
