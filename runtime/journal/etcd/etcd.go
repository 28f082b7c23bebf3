// Package etcd keeps the journals, orders and locks of runs in an etcd cluster, for a team on several hosts. A run holds
// a lease; its locks are attached to it, and etcd itself refuses every entry of a run whose lease or lock is gone.
package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// Config says where the cluster is and how runs are kept in it.
type Config struct {
	Endpoints []string // base URLs of the members, as "https://etcd1:2379"
	Prefix    string   // of all keys; two sites on one cluster have two
	// Lease is how long a run's locks outlive its process, in whole seconds from MinLease on.
	Lease time.Duration
	TLS   *tls.Config // nil on loopback only
}

// MinLease is the shortest lease: etcd gives none that an election could outlast.
const MinLease = 2 * time.Second

// Store keeps runs in etcd.
type Store struct {
	*client
	base string
	ttl  time.Duration

	mu       sync.Mutex
	families map[string]*family // of the runs that this Store writes, by their ids
}

var _ journal.Store = (*Store)(nil)

// patience is how long the store is asked again before it counts as unreachable; a run's own entries have longer.
const patience = 5 * time.Second

// Open gives the store; the cluster is spoken to when it is first used.
func Open(c Config) (*Store, error) {
	if len(c.Endpoints) == 0 {
		return nil, errors.New("no endpoint of etcd is given")
	}
	if c.Lease < MinLease || c.Lease%time.Second != 0 {
		return nil, fmt.Errorf("the lease is %s, want whole seconds from %s on", c.Lease, MinLease)
	}
	endpoints := make([]string, len(c.Endpoints))
	for i, e := range c.Endpoints {
		endpoints[i] = strings.TrimRight(e, "/")
	}
	return &Store{
		client: newClient(endpoints, c.TLS, min(max(c.Lease/5, 400*time.Millisecond), 2*time.Second)),
		base:   strings.TrimRight(c.Prefix, "/") + "/", ttl: c.Lease, families: map[string]*family{},
	}, nil
}

// Close gives the connections back.
func (s *Store) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// long is how patient a run is with the cluster: an election or two.
func (s *Store) long() time.Duration { return max(2*s.ttl, patience) }

// The keys. Numbers have a fixed width, so that keys are in the order of their numbers.

func (s *Store) indexKey(id string) string { return s.base + "index/" + id }
func (s *Store) aliveKey(id string) string { return s.base + "alive/" + id }
func (s *Store) lockKey(name string) string {
	return s.base + "locks/" + name
}
func (s *Store) entries(id string) string { return s.base + "runs/" + id + "/entries/" }
func (s *Store) entryKey(id string, seq int) string {
	return s.entries(id) + fmt.Sprintf("%010d", seq)
}
func (s *Store) parts(id string, seq int) string {
	return s.base + "runs/" + id + "/parts/" + fmt.Sprintf("%010d/", seq)
}
func (s *Store) orders(id string) string { return s.base + "runs/" + id + "/orders/" }
func (s *Store) orderKey(id string, n int) string {
	return s.orders(id) + fmt.Sprintf("%010d", n)
}

// heading is what listing needs of a run, under its index key: a run exists from then on.
type heading struct {
	Header  *plan.Header `json:"run"` // without its texts
	Started time.Time    `json:"started_time"`
	State   string       `json:"state,omitempty"` // of a run that has ended
	Ended   time.Time    `json:"ended_time,omitzero"`
}

// List gives all runs, oldest first, without their entries. Of those that have ended the heading tells all.
func (s *Store) List(ctx context.Context) ([]*journal.Run, error) {
	alive := map[string]bool{}
	living := prefix(s.base + "alive/")
	living.KeysOnly = true
	if err := s.all(ctx, patience, living, func(kv *keyValue) error {
		alive[path.Base(string(kv.Key))] = true
		return nil
	}); err != nil {
		return nil, err
	}
	var runs []*journal.Run
	err := s.all(ctx, patience, prefix(s.base+"index/"), func(kv *keyValue) error {
		var h heading
		if !journal.Decode(kv.Value, &h) || h.Header == nil {
			return fmt.Errorf("etcd's key %s is damaged", kv.Key)
		}
		id := h.Header.ID
		if h.State == "" {
			r, err := s.read(ctx, id, alive[id])
			if err == nil {
				runs = append(runs, r.Brief())
			}
			return err
		}
		r, err := journal.NewRun([]plan.Entry{
			{Kind: plan.KindRun, Header: h.Header, Started: h.Started}, {Kind: plan.KindEnd, State: h.State, Ended: h.Ended},
		}, alive[id])
		if err == nil {
			runs = append(runs, r.Brief())
		}
		return err
	})
	sort.SliceStable(runs, func(a, b int) bool { return runs[a].Started.Before(runs[b].Started) })
	return runs, err
}

// Load reads one run; its inverses are in its entries.
func (s *Store) Load(ctx context.Context, id string) (*journal.Run, error) {
	alive, err := s.living(ctx, id) // asked before reading: a run that ends meanwhile has then written its end
	if err != nil {
		return nil, err
	}
	return s.read(ctx, id, alive != nil)
}

// Whole reads one run with all inverses.
func (s *Store) Whole(ctx context.Context, id string) (*journal.Run, error) { return s.Load(ctx, id) }

// living gives who writes a run, nil if nobody does. A run that does not exist is ErrNoRun.
func (s *Store) living(ctx context.Context, id string) (*journal.Holder, error) {
	none := fmt.Errorf("%q: %w", id, journal.ErrNoRun)
	if id == "" || strings.Contains(id, "/") {
		return nil, none
	}
	answer, err := s.txn(ctx, patience, &txnRequest{Success: []operation{get(s.indexKey(id)), get(s.aliveKey(id))}})
	if err != nil {
		return nil, err
	}
	if answer.got(0) == nil {
		return nil, none
	}
	kv := answer.got(1)
	if kv == nil {
		return nil, nil
	}
	var c claim
	if !journal.Decode(kv.Value, &c) {
		return nil, fmt.Errorf("etcd's key %s is damaged", kv.Key)
	}
	return &c.Holder, nil
}

// read reads the entries of a run.
func (s *Store) read(ctx context.Context, id string, alive bool) (*journal.Run, error) {
	entries, damaged, err := s.readFrom(ctx, id, 1)
	if err != nil {
		return nil, err
	}
	r, err := journal.NewRun(entries, alive)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", id, err)
	}
	r.Damaged = damaged > 0
	return r, nil
}

// readFrom reads the entries from a Seq on, and gives the Seq of the first that is missing before others, 0 for none.
func (s *Store) readFrom(ctx context.Context, id string, seq int) (entries []plan.Entry, damaged int, err error) {
	r := prefix(s.entries(id))
	r.Key = []byte(s.entryKey(id, seq))
	err = s.all(ctx, s.long(), r, func(kv *keyValue) error {
		line, err := s.joined(ctx, id, kv)
		if err != nil {
			return err
		}
		var e plan.Entry
		whole := journal.Decode(line, &e) && e.Seq == numberOf(kv)
		if damaged == 0 && (!whole || e.Seq != seq) {
			damaged = seq
		}
		if whole {
			entries, seq = append(entries, e), e.Seq+1
		}
		return nil
	})
	return entries, damaged, err
}

// numberOf is the number that a key ends in.
func numberOf(kv *keyValue) int {
	n, _ := strconv.Atoi(path.Base(string(kv.Key)))
	return n
}

// Follow reads a run as it grows.
func (s *Store) Follow(ctx context.Context, id string, after int, each func(plan.Entry) error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	ended, next := false, 1
	for {
		alive, err := s.living(ctx, id) // before reading, so that the last entries of one that goes away are seen
		if err != nil {
			return err
		}
		entries, damaged, err := s.readFrom(ctx, id, next)
		switch {
		case err != nil:
			return err
		case damaged > 0:
			return &journal.DamagedError{Where: "etcd's " + s.entries(id), Seq: damaged}
		}
		for _, e := range entries {
			next, ended = e.Seq+1, e.Kind == plan.KindEnd
			if e.Seq > after {
				if err := each(e); err != nil {
					return err
				}
			}
		}
		if ended && alive == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
