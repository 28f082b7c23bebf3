package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/journal"
)

// errTaken says that another open file holds a lock.
var errTaken = errors.New("locked")

// lock locks a file for as long as it is open. The lock belongs to the open file, so it also excludes other runs of
// this process, and asking for it (see locked) disturbs nobody, as trying it would.
func lock(f *os.File) error {
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return errTaken
	}
	return err
}

// lockWait locks a file when it is free: for files that are locked for an instant only.
func lockWait(f *os.File) error {
	for {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// locked says whether another open file holds the lock of f.
func locked(f *os.File) (bool, error) {
	l := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l)
	return l.Type != unix.F_UNLCK, err
}

// family is a run of this process with the child runs that its commands start: they share their locks.
type family struct {
	holder journal.Holder // the one whose command started the others
	mu     sync.Mutex
	locks  map[string]*held
}

// held is a lock of a family, freed when the last of those that took it is closed.
type held struct {
	f     *os.File
	info  os.FileInfo
	users int
}

// adopt gives a writer its parent's family, or one of its own.
func (s *Store) adopt(w *writer, parent string, me journal.Holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.family = s.families[parent]
	if w.family == nil {
		w.family = &family{holder: me, locks: map[string]*held{}}
	}
	s.families[w.id] = w.family
}

func (s *Store) leave(w *writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.families, w.id)
}

// Lock takes locks, all or none.
func (w *writer) Lock(ctx context.Context, names []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if slices.Contains(w.names, name) {
			continue
		}
		if err := w.family.take(ctx, w.store, name); err != nil {
			return errors.Join(err, w.family.free(got))
		}
		got = append(got, name)
	}
	w.names = append(w.names, got...)
	return nil
}

func (m *family) take(ctx context.Context, s *Store, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.locks[name]; l != nil {
		l.users++
		return nil
	}
	l, err := s.acquire(ctx, name, m.holder)
	if err == nil {
		m.locks[name] = l
	}
	return err
}

// free gives locks back. The holder's name goes first, so that none stands in a free lock but a killed one's.
func (m *family) free(names []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, name := range names {
		l := m.locks[name]
		if l.users--; l.users == 0 {
			delete(m.locks, name)
			errs = append(errs, l.f.Truncate(0), l.f.Close())
		}
	}
	return errors.Join(errs...)
}

// acquire takes a lock that nobody of this process's family has.
func (s *Store) acquire(ctx context.Context, name string, me journal.Holder) (*held, error) {
	path := s.lockPath(name)
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	const tries = 50
	for try := 1; ; try++ {
		l, err := tryLock(path, me)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, errTaken) {
			return nil, fmt.Errorf("cannot lock %s: %w", name, err)
		}
		// Between taking a lock and writing the new name into it, the name of one that was killed may still stand there.
		if h, ok := s.holder(path); ok || try == tries {
			return nil, &journal.LockedError{Name: name, Holder: h}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// lockPath is where a lock lies: its name as far as a file may be called so.
func (s *Store) lockPath(name string) string {
	file := url.PathEscape(name)
	if len(file) > 200 {
		sum := sha256.Sum256([]byte(name))
		file = file[:150] + "-" + hex.EncodeToString(sum[:])
	}
	return filepath.Join(s.dir, "locks", file+".lock")
}

func tryLock(path string, me journal.Holder) (l *held, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := lock(f); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !stands(path, info) {
		return nil, errTaken // the file was removed meanwhile: who comes next makes another one
	}
	text, err := journal.Encode(nil, me)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(text, 0); err != nil {
		return nil, err
	}
	return &held{f: f, info: info, users: 1}, nil
}

// stands says whether a path still names that file.
func stands(path string, info os.FileInfo) bool {
	now, err := os.Stat(path)
	return err == nil && os.SameFile(now, info)
}

// holder reads who holds a lock; a name counts only while the process of that run lives.
func (s *Store) holder(path string) (journal.Holder, bool) {
	var h journal.Holder
	f, err := os.Open(path)
	if err != nil {
		return h, false
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil || !journal.Decode(text, &h) {
		return journal.Holder{}, false
	}
	run, err := s.open(h.ID, os.O_RDONLY)
	if err != nil {
		return journal.Holder{}, false
	}
	defer run.Close()
	if alive, err := locked(run); err != nil || !alive {
		return journal.Holder{}, false
	}
	return h, true
}

// Held looks whether the files of the locks and of the journal are still those that this process has locked: whoever
// removes one lets another process lock its successor.
func (w *writer) Held(context.Context) error {
	info, err := w.f.Stat()
	if err != nil {
		return &journal.LostError{Name: "the run", Err: err}
	}
	if !stands(w.f.Name(), info) {
		return &journal.LostError{Name: "the run", Err: fmt.Errorf("%s was removed", w.f.Name())}
	}
	w.family.mu.Lock()
	defer w.family.mu.Unlock()
	for name, l := range w.family.locks {
		if !stands(l.f.Name(), l.info) {
			return &journal.LostError{Name: name, Err: fmt.Errorf("%s was removed", l.f.Name())}
		}
	}
	return nil
}
