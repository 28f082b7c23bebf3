// Package file keeps the journals of runs in a folder: one file a run, one checksummed entry a line. The kernel's file
// locks tell whether a run's process lives and who holds what; they end with the process.
package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// Store is a folder of journals.
type Store struct {
	dir string

	mu       sync.Mutex
	families map[string]*family // of the runs that this Store writes, by their ids
}

var _ journal.Store = (*Store)(nil)

// Open gives the store in dir; it is made when the first run is written.
func Open(dir string) *Store { return &Store{dir: dir, families: map[string]*family{}} }

const ending = ".journal"

func (s *Store) path(id, ending string) string { return filepath.Join(s.dir, id+ending) }

// Close has nothing to do.
func (s *Store) Close() error { return nil }

// Create begins a run's journal with its header; the run exists from then on. The file stays locked while the run's
// process lives, so that another process can tell a running run from one that was killed.
func (s *Store) Create(ctx context.Context, h *plan.Header) (journal.Writer, error) {
	return s.CreateAs(ctx, journal.Base(), h)
}

// CreateAs is Create with an ID that begins so.
func (s *Store) CreateAs(_ context.Context, base string, h *plan.Header) (journal.Writer, error) {
	if err := durable.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := s.take(base, h)
	if err != nil {
		return nil, err
	}
	w := &writer{store: s, f: f, id: h.ID, next: 1}
	if err := w.begin(h); err != nil {
		// A run exists only from its first durable entry.
		return nil, errors.Join(err, os.Remove(f.Name()), f.Close())
	}
	s.adopt(w, h.Parent, journal.HolderOf(h, plan.Actor{Who: h.Who, Host: h.Host, PID: h.PID}, time.Now()))
	return w, nil
}

// begin locks the journal and makes its header and its name durable.
func (w *writer) begin(h *plan.Header) error {
	if err := lock(w.f); err != nil {
		return err
	}
	if err := w.Append(&plan.Entry{Kind: plan.KindRun, Header: h, Started: time.Now()}, true); err != nil {
		return err
	}
	return durable.SyncDir(w.store.dir)
}

// take makes the run's file and so decides its id: the second run of one moment gets the next name.
func (s *Store) take(base string, h *plan.Header) (*os.File, error) {
	for try := 1; ; try++ {
		h.ID = journal.ID(base, try)
		f, err := os.OpenFile(s.path(h.ID, ending), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// Resume takes over a run whose process is gone.
func (s *Store) Resume(_ context.Context, id string, by plan.Actor) (journal.Writer, *journal.Run, error) {
	f, err := s.open(id, os.O_RDWR)
	if err != nil {
		return nil, nil, err
	}
	w, r, err := s.takeOver(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	s.adopt(w, r.Parent, journal.HolderOf(&r.Header, by, time.Now()))
	return w, r, nil
}

func (s *Store) takeOver(f *os.File) (*writer, *journal.Run, error) {
	locked := lock(f)
	if locked != nil && !errors.Is(locked, errTaken) {
		return nil, nil, locked
	}
	t, err := scan(bufio.NewReaderSize(f, bufferSize))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	r, err := t.run(false)
	switch {
	case err != nil:
		return nil, nil, err
	case locked != nil:
		return nil, nil, &journal.BusyError{Holder: r.Holder()}
	case t.intentLost:
		return nil, nil, &journal.DamagedError{Where: f.Name(), Seq: t.whole + 1}
	}
	if r, err = journal.NewRun(t.entries[:t.whole], false); err != nil {
		return nil, nil, err
	}
	if err := restore(f, t.size); err != nil {
		return nil, nil, fmt.Errorf("cannot write to %s: %w", f.Name(), err)
	}
	if err := s.bringBackAll(r); err != nil {
		return nil, nil, err
	}
	return &writer{store: s, f: f, id: r.ID, next: r.Next()}, r, nil
}

// open opens a run's journal.
func (s *Store) open(id string, flags int) (*os.File, error) {
	if id != filepath.Base(id) {
		return nil, fmt.Errorf("%q: %w", id, journal.ErrNoRun)
	}
	f, err := os.OpenFile(s.path(id, ending), flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q: %w", id, journal.ErrNoRun)
	}
	return f, err
}

// List gives all runs, oldest first, without their entries. Of a run that has ended only the two ends are read.
func (s *Store) List(ctx context.Context) ([]*journal.Run, error) {
	names, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var runs []*journal.Run
	for _, name := range names {
		id, is := strings.CutSuffix(name.Name(), ending)
		if !is {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		r, err := s.brief(id)
		if errors.Is(err, journal.ErrNoRun) {
			continue // created by another process this instant, or its header never became durable
		}
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	sort.SliceStable(runs, func(a, b int) bool { return runs[a].Started.Before(runs[b].Started) })
	return runs, nil
}

func (s *Store) brief(id string) (*journal.Run, error) {
	f, err := s.open(id, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	alive, err := locked(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if ends := bothEnds(f); ends != nil {
		r, err := journal.NewRun(ends, alive)
		if err != nil {
			return nil, err
		}
		return r.Brief(), nil
	}
	r, err := load(f)
	if err != nil {
		return nil, err
	}
	return r.Brief(), nil
}

// Load reads one run.
func (s *Store) Load(_ context.Context, id string) (*journal.Run, error) {
	f, err := s.open(id, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return load(f)
}

// Whole reads one run with all inverses.
func (s *Store) Whole(ctx context.Context, id string) (*journal.Run, error) {
	r, err := s.Load(ctx, id)
	if err == nil {
		err = s.bringBackAll(r)
	}
	return r, err
}

func load(f *os.File) (*journal.Run, error) {
	// Asked before reading: a run that ends meanwhile has then written its end.
	alive, err := locked(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	t, err := scan(bufio.NewReaderSize(f, bufferSize))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	r, err := t.run(alive)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return r, nil
}
