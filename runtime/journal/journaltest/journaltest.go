// Package journaltest is what every store of runs must pass.
package journaltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// Backend is one kind of store under test.
type Backend struct {
	// New makes an empty store and gives the address by which Open opens it.
	New func(t *testing.T) (address string)
	// Open opens a store as one more process does: two of one address know of each other only by what they keep.
	Open func(address string) (journal.Store, error)
}

// Run runs the suite.
func (b Backend) Run(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"a run is read back as it was written", (*suite).readBack},
		{"entries of many goroutines get a Seq each", (*suite).manyGoroutines},
		{"a run whose process is gone is stopped", (*suite).stopped},
		{"an open question outlives its process", (*suite).question},
		{"runs are listed oldest first and two of one moment differ", (*suite).listed},
		{"runs that begin at once have an ID each", (*suite).crowd},
		{"there is no such run", (*suite).noRun},
		{"a resumed run goes on after its last entry", (*suite).resumed},
		{"a run that a process writes is busy", (*suite).busy},
		{"an ended run can be taken over and ends again", (*suite).again},
		{"large inverses come back to who takes the run over", (*suite).inverses},
		{"a follower sees every entry once and the end", (*suite).followed},
		{"a follower can turn away", (*suite).turnedAway},
		{"orders reach a run in the order in which they were sent", (*suite).ordered},
		{"a lock is refused with its holder's name", (*suite).refused},
		{"locks are taken all or none", (*suite).allOrNone},
		{"a family shares its locks", (*suite).shared},
		{"no lock has two families, whatever they do", (*suite).exclusive},
		{"a secret leaves a fingerprint", (*suite).fingerprint},
		{"a killed process leaves its entries and no locks", (*suite).killed},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(&suite{T: t, Backend: b, address: b.New(t)})
		})
	}
}

// suite is one test on one store.
type suite struct {
	*testing.T
	Backend
	address string
}

// open opens the store once more.
func (s *suite) open() journal.Store {
	s.Helper()
	store, err := s.Open(s.address)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := store.Close(); err != nil {
			s.Errorf("the store cannot be closed: %v", err)
		}
	})
	return store
}

func (s *suite) ctx() context.Context { return s.Context() }

var somebody = plan.Header{Script: "x.dtcl", Who: "ann", Host: "hostA", PID: 4711}

func (s *suite) create(store journal.Store) (journal.Writer, string) {
	s.Helper()
	h := somebody
	return s.createAs(store, &h), h.ID
}

func (s *suite) createAs(store journal.Store, h *plan.Header) journal.Writer {
	s.Helper()
	w, err := store.Create(s.ctx(), h)
	if err != nil {
		s.Fatalf("a run cannot be begun: %v", err)
	}
	return w
}

func (s *suite) add(w journal.Writer, e plan.Entry) {
	s.Helper()
	if err := w.Append(&e, true); err != nil {
		s.Fatalf("an entry cannot be written: %v", err)
	}
}

func (s *suite) end(w journal.Writer, state plan.State) {
	s.Helper()
	s.add(w, plan.Entry{Kind: plan.KindEnd, State: string(state), Ended: time.Now()})
	s.close(w)
}

func (s *suite) close(w journal.Writer) {
	s.Helper()
	if err := w.Close(); err != nil {
		s.Fatalf("a run cannot be closed: %v", err)
	}
}

func (s *suite) load(store journal.Store, id string) *journal.Run {
	s.Helper()
	r, err := store.Load(s.ctx(), id)
	if err != nil {
		s.Fatalf("run %s cannot be read: %v", id, err)
	}
	return r
}

func (s *suite) resume(store journal.Store, id string) (journal.Writer, *journal.Run) {
	s.Helper()
	w, r, err := store.Resume(s.ctx(), id, plan.Actor{Who: "bob", Host: "hostB", PID: 4712})
	if err != nil {
		s.Fatalf("run %s cannot be taken over: %v", id, err)
	}
	return w, r
}

func (s *suite) lock(w journal.Writer, names ...string) {
	s.Helper()
	if err := w.Lock(s.ctx(), names); err != nil {
		s.Fatalf("%q cannot be locked: %v", names, err)
	}
}

// lockedBy tries to lock names and gives the name and the holder of the refusal.
func (s *suite) lockedBy(w journal.Writer, names ...string) (string, journal.Holder) {
	s.Helper()
	err := w.Lock(s.ctx(), names)
	locked, ok := errors.AsType[*journal.LockedError](err)
	if !ok {
		s.Fatalf("locking %q: got %v, want a LockedError", names, err)
	}
	return locked.Name, locked.Holder
}

func (s *suite) held(w journal.Writer) {
	s.Helper()
	if err := w.Held(s.ctx()); err != nil {
		s.Fatalf("what was locked is lost: %v", err)
	}
}

// freed takes a lock as soon as the store has seen that its holder is gone.
func (s *suite) freed(w journal.Writer, name string) {
	s.Helper()
	for {
		err := w.Lock(s.ctx(), []string{name})
		if err == nil {
			return
		}
		if _, locked := errors.AsType[*journal.LockedError](err); !locked {
			s.Fatalf("locking %q: %v", name, err)
		}
	}
}
