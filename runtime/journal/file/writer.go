package file

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// writer writes the journal of one run.
type writer struct {
	store  *Store
	id     string
	family *family

	mu    sync.Mutex
	f     *os.File
	next  int
	buf   []byte
	err   error // once a write has failed nothing more is written: the tail may be torn
	names []string
}

// Append writes one entry; with sync it and all before it are durable on return.
func (w *writer) Append(e *plan.Entry, sync bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	e.Seq = w.next
	kept, err := w.store.setAside(w.id, e)
	if err != nil {
		w.err = err
		return err
	}
	if w.buf, err = journal.Encode(w.buf[:0], kept); err != nil {
		return err
	}
	w.next++
	w.buf = append(w.buf, '\n')
	if _, w.err = w.f.Write(w.buf); w.err == nil && sync {
		w.err = unix.Fdatasync(int(w.f.Fd()))
	}
	return w.err
}

// Token is 0: the kernel takes the locks from a process that is gone, and one that is stopped keeps them.
func (w *writer) Token() int64 { return 0 }

// Close ends the writing and frees the locks.
func (w *writer) Close() error {
	w.mu.Lock()
	names := w.names
	w.names = nil
	w.mu.Unlock()
	w.store.leave(w)
	return errors.Join(w.family.free(names), w.f.Close())
}
