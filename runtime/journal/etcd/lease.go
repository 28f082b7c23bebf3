package etcd

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/journal"
)

// family is a run of this process with the child runs that its commands start: they share a lease and their locks.
type family struct {
	s     *Store
	lease int64

	// confirmed is when the last keep-alive was sent that is known to have reached the cluster's leader, on the clock of
	// boottime.
	confirmed atomic.Int64
	lost      atomic.Pointer[journal.LostError]
	stop      context.CancelFunc
	stopped   chan struct{}

	mu     sync.RWMutex     // held for writing while members or locks change, for reading while etcd compares them
	holder journal.Holder   // the member whose commands started the others
	locks  map[string]*held // by name
	alive  map[string]int64 // create revisions of the members' alive keys, by id

	users int // of the lease; the Store's mu guards it
}

type held struct {
	revision int64 // at which it was created
	users    int
}

// boottime is the time since the machine was started, also while it slept: a lease runs out in a sleep, too.
func boottime() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) //nolint:errcheck // the clock is there since Linux 2.6.39
	return time.Duration(t.Nano())
}

// found makes a family with a lease of its own.
func (s *Store) found(ctx context.Context) (*family, error) {
	f := &family{
		s: s, lease: rand.Int64N(1<<62) + 1, users: 1, stopped: make(chan struct{}),
		locks: map[string]*held{}, alive: map[string]int64{},
	}
	sent := boottime()
	if err := s.grant(ctx, patience, f.lease, int64(s.ttl/time.Second)); err != nil {
		return nil, err
	}
	f.confirmed.Store(int64(sent))
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	f.stop = stop
	go f.keep(keeping)
	return f, nil
}

// keep renews the lease until it is stopped or lost.
func (f *family) keep(ctx context.Context) {
	defer close(f.stopped)
	tick := time.NewTicker(f.s.ttl / 4)
	defer tick.Stop()
	for f.lost.Load() == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.confirm(ctx) //nolint:errcheck // Held asks again when it is not confirmed in time
		}
	}
}

// fresh says whether the lease was confirmed so recently that it holds now and for a while.
func (f *family) fresh() bool {
	return boottime() < time.Duration(f.confirmed.Load())+f.s.ttl-f.s.ttl/3
}

// holds is nil while the lease and every lock are provably the family's.
func (f *family) holds(ctx context.Context) error {
	for {
		if lost := f.lost.Load(); lost != nil {
			return lost
		}
		if f.fresh() {
			return nil
		}
		if err := f.confirm(ctx); err != nil {
			return err
		}
	}
}

// confirm renews the lease and has the cluster's majority look whether all keys still stand. A leader that has been
// deposed without knowing renews leases, too: only when the majority's leader is of the same term after the renewal as
// before does it count.
func (f *family) confirm(ctx context.Context) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	keys := f.guard()
	for {
		sent := boottime()
		there, term, err := f.s.renew(ctx, f.s.ttl, f.lease)
		if err != nil {
			return &journal.LostError{Name: f.first(), Err: err}
		}
		if !there {
			return f.lose(&journal.LostError{Name: f.first(), Err: errExpired})
		}
		answer, err := f.s.txn(ctx, f.s.ttl, &txnRequest{Compare: keys.compares(), Failure: keys.reads()})
		if err != nil {
			return &journal.LostError{Name: f.first(), Err: err}
		}
		if !answer.Succeeded {
			return f.lose(keys.missing(answer))
		}
		if answer.Header.Term == term {
			f.confirmed.Store(max(f.confirmed.Load(), int64(sent)))
			return nil
		}
	}
}

// without is the error of a key that could not be hung on the lease: when the lease is gone, all is lost.
func (f *family) without(name string, err error) error {
	if refused, ok := errors.AsType[*refusal](err); ok && refused.code == codeNotFound {
		return f.lose(&journal.LostError{Name: name, Err: errExpired})
	}
	return err
}

// lose notes for good that the family has lost what it held.
func (f *family) lose(e *journal.LostError) error {
	f.lost.CompareAndSwap(nil, e)
	return f.lost.Load()
}

// first names what a family loses with its lease: one lock stands for all.
func (f *family) first() string {
	if len(f.locks) == 0 {
		return theRun
	}
	return slices.Min(slices.Collect(maps.Keys(f.locks)))
}

const theRun = "the run"

// guard gives the keys that must stand for the family to go on. The caller holds mu.
func (f *family) guard() guard {
	var g guard
	for id, revision := range f.alive {
		g = append(g, guarded{theRun, f.s.aliveKey(id), revision})
	}
	for name, l := range f.locks {
		g = append(g, guarded{name, f.s.lockKey(name), l.revision})
	}
	return g
}

type guard []guarded

type guarded struct {
	name, key string
	revision  int64
}

func (g guard) compares() []compare {
	all := make([]compare, len(g))
	for i, k := range g {
		all[i] = created(k.key, k.revision)
	}
	return all
}

func (g guard) reads() []operation {
	all := make([]operation, len(g))
	for i, k := range g {
		all[i] = get(k.key)
	}
	return all
}

// missing says what a failed comparison found: its reads are the first of the answer. It is nil if all keys stand.
func (g guard) missing(answer *txnResponse) *journal.LostError {
	var lost *journal.LostError
	for i, k := range g {
		kv := answer.got(i)
		if kv != nil && kv.CreateRevision == k.revision {
			continue
		}
		e := &journal.LostError{Name: k.name, Err: errExpired}
		if kv != nil {
			e.Err = &takenError{kv}
		}
		if lost == nil || lost.Name == theRun { // a lock says more
			lost = e
		}
	}
	return lost
}
