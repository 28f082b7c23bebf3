package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/renameio/v2"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/value"
)

// compactAfter is the size in bytes beyond which a journal is folded into the snapshot when the store is opened.
const compactAfter = 1 << 20

// store holds the entries in memory and on disk: a snapshot "entries.ldif" and a journal of changes after it. The
// snapshot's first line says which journal belongs to it, so a crash between writing a snapshot and removing the old
// journal cannot apply a change twice; and how many changes it holds, which is the server's update number.
type store struct {
	dir        string
	generation int

	mu      sync.RWMutex
	order   []item                     // sorted by key
	at      map[string]int             // folded name → index in order
	owners  map[string]string          // folded servicePrincipalName → folded name of the account that has it
	pending bytes.Buffer               // changes not yet written
	applied int                        // number of changes since the directory was made
	refuse  func(dn, attr string) bool // rights; nil is all allowed

	commit  sync.Mutex
	journal *os.File
	durable int
	broken  error
}

// item is an entry with its folded name. Entries are never changed in place.
type item struct {
	key   string
	entry *directory.Entry
}

func openStore(dir string) (*store, error) {
	s := &store{dir: dir, at: map[string]int{}, owners: map[string]string{}}
	if err := s.readSnapshot(); err != nil {
		return nil, fmt.Errorf("cannot read directory %q: %w", s.snapshot(), err)
	}
	size, err := s.replay()
	if err != nil {
		return nil, fmt.Errorf("cannot read directory journal %q: %w", s.journalPath(), err)
	}
	s.durable = s.applied
	if size > compactAfter {
		if err := s.compact(); err != nil {
			return nil, fmt.Errorf("cannot write directory %q: %w", s.snapshot(), err)
		}
	}
	return s, nil
}

func (s *store) close() error {
	s.commit.Lock()
	defer s.commit.Unlock()
	if s.journal == nil {
		return nil
	}
	return s.journal.Close()
}

func (s *store) snapshot() string { return filepath.Join(s.dir, "entries.ldif") }

func (s *store) journalPath() string {
	return filepath.Join(s.dir, fmt.Sprintf("journal.%d.ldif", s.generation))
}

func (s *store) readSnapshot() error {
	f, err := os.Open(s.snapshot())
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	if _, err := fmt.Fscanf(in, firstLine, &s.generation, &s.applied); err != nil {
		return fmt.Errorf("first line: %w", err)
	}
	r := directory.NewLDIFReader(in)
	for {
		e, err := r.Entry()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		s.order = append(s.order, item{directory.Fold(e.DN), e})
	}
	slices.SortFunc(s.order, func(a, b item) int { return strings.Compare(a.key, b.key) })
	for i, it := range s.order {
		s.at[it.key] = i
		s.own(it)
	}
	return nil
}

// replay applies the journal and cuts off a last change that a crash left torn: nobody was told that it was done.
func (s *store) replay() (size int64, err error) {
	raw, err := os.ReadFile(s.journalPath())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	whole := bytes.LastIndex(raw, []byte("\n\n")) + 2
	if whole < 2 {
		whole = 0
	}
	r := directory.NewLDIFReader(bytes.NewReader(raw[:whole]))
	for {
		m, err := r.Change()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		if err := s.apply(m); err != nil {
			return 0, err
		}
		s.applied++
	}
	if whole < len(raw) {
		err = os.Truncate(s.journalPath(), int64(whole))
	}
	return int64(whole), err
}

// compact writes a new snapshot that needs no journal.
func (s *store) compact() error {
	old := s.journalPath()
	s.generation++
	if err := writeSnapshot(s.snapshot(), s.generation, s.applied, s.entries()); err != nil {
		return err
	}
	return os.Remove(old) // the snapshot is durable: a crash that brings the old journal back changes nothing
}

func (s *store) entries() []*directory.Entry {
	all := make([]*directory.Entry, len(s.order))
	for i, it := range s.order {
		all[i] = it.entry
	}
	return all
}

// firstLine is that of a snapshot: the generation of its journal, and how many changes it holds.
const firstLine = "# generation %d, serial %d\n"

func writeSnapshot(path string, generation, serial int, entries []*directory.Entry) error {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if _, err := fmt.Fprintf(f, firstLine, generation, serial); err != nil {
		return err
	}
	if err := directory.WriteLDIF(f, entries...); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

func (s *store) entry(dn string) *directory.Entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i, ok := s.at[directory.Fold(dn)]; ok {
		return s.order[i].entry
	}
	return nil
}

// search gives the entries that match, as they all were at one moment.
func (s *store) search(q directory.Query, filter *directory.Filter) []*directory.Entry {
	if q.Scope == directory.Base {
		if e := s.entry(q.Base); e != nil && filter.Match(e) {
			return []*directory.Entry{e}
		}
		return nil
	}
	s.mu.RLock()
	order := slices.Clone(s.order)
	s.mu.RUnlock()
	base := directory.Fold(q.Base)
	var found []*directory.Entry
	for _, it := range order {
		switch {
		case q.Scope == directory.OneLevel && directory.Parent(it.key) != base:
		case q.Scope == directory.Subtree && base != "" && it.key != base && !strings.HasSuffix(it.key, ","+base):
		case filter.Match(it.entry):
			found = append(found, it.entry)
		}
	}
	return found
}

// modify changes one entry; the change is on disk when modify returns. Changes that wait for the disk at the same
// time share one write.
func (s *store) modify(m directory.Modification) error {
	s.mu.Lock()
	err := s.apply(m)
	if err == nil {
		err = directory.WriteLDIFChange(&s.pending, m)
		s.applied++
	}
	n := s.applied
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.flush(n)
}

// write appends to the journal, which is made by the first change: who only reads needs no right to write.
func (s *store) write(batch []byte) error {
	if s.journal == nil {
		f, err := os.OpenFile(s.journalPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		s.journal = f
		if err := durable.SyncDir(s.dir); err != nil {
			return err
		}
	}
	if _, err := s.journal.Write(batch); err != nil {
		return err
	}
	return s.journal.Sync()
}

// flush makes the first n changes durable.
func (s *store) flush(n int) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	if s.broken != nil || s.durable >= n {
		return s.broken
	}
	s.mu.Lock()
	batch := bytes.Clone(s.pending.Bytes())
	s.pending.Reset()
	upTo := s.applied
	s.mu.Unlock()
	if err := s.write(batch); err != nil {
		// Memory is ahead of the disk now; whoever goes on must open the folder again.
		s.broken = value.Failf(value.CodeFailed, "cannot write directory %q: %w", s.dir, err).
			Hint("see that the disk has room, then run again")
		return s.broken
	}
	s.durable = upTo
	return nil
}

// apply changes one entry in memory; the caller holds mu (or is alone).
func (s *store) apply(m directory.Modification) error {
	key := directory.Fold(m.DN)
	i, ok := s.at[key]
	if !ok {
		return value.Failf(value.CodeNotThere, "no entry %q", m.DN)
	}
	for _, e := range m.Edits {
		if s.refuse != nil && s.refuse(m.DN, e.Attr) {
			return value.Failf(value.CodeRefused, "no right to write %s of %q", e.Attr, m.DN)
		}
	}
	next, err := s.order[i].entry.Apply(m.Edits, directory.Single)
	if err != nil {
		return err
	}
	for _, spn := range next.All(spnAttr) {
		if owner, taken := s.owners[strings.ToLower(spn)]; taken && owner != key {
			return value.Failf(value.CodeConflict, "%q: another account (%q) has the service principal name %q", m.DN, owner, spn)
		}
	}
	for _, spn := range s.order[i].entry.All(spnAttr) {
		delete(s.owners, strings.ToLower(spn))
	}
	s.order[i].entry = next
	s.own(s.order[i])
	return nil
}

const spnAttr = "servicePrincipalName"

func (s *store) own(it item) {
	for _, spn := range it.entry.All(spnAttr) {
		s.owners[strings.ToLower(spn)] = it.key
	}
}
