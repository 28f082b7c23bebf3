package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// Create begins a run: its process shows itself alive, and then the header makes it exist.
func (s *Store) Create(ctx context.Context, h *plan.Header) (journal.Writer, error) {
	started, base := time.Now(), journal.Base()
	f, err := s.join(ctx, h.Parent)
	if err != nil {
		return nil, err
	}
	var w *writer
	for try := 1; w == nil; try++ {
		h.ID = journal.ID(base, try)
		me := journal.HolderOf(h, plan.Actor{Who: h.Who, Host: h.Host, PID: h.PID}, started)
		w, err = s.claim(ctx, f, h.ID, me, created(s.indexKey(h.ID), 0))
		if _, taken := errors.AsType[*journal.BusyError](err); err == nil || taken {
			continue
		}
		s.part(f)
		if _, lost := errors.AsType[*journal.LostError](err); !lost || s.writes(h.Parent) || ctx.Err() != nil {
			return nil, err
		}
		if f, err = s.join(ctx, h.Parent); err != nil { // the cluster was slower than the lease: with a new one
			return nil, err
		}
	}
	w.next = 1
	if err := w.Append(&plan.Entry{Kind: plan.KindRun, Header: h, Started: started}, true); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Resume takes over a run whose process is gone: its lease has run out or was given back.
func (s *Store) Resume(ctx context.Context, id string, by plan.Actor) (journal.Writer, *journal.Run, error) {
	before, err := s.Load(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	w, err := s.enter(ctx, id, before.Parent, journal.HolderOf(&before.Header, by, time.Now()))
	if err != nil {
		return nil, nil, err
	}
	// Read again: only now can nobody else write it.
	entries, damaged, err := s.readFrom(ctx, id, 1)
	if err == nil && damaged > 0 {
		err = &journal.DamagedError{Where: "etcd's " + s.entries(id), Seq: damaged}
	}
	var r *journal.Run
	if err == nil {
		r, err = journal.NewRun(entries, false)
	}
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	w.next = r.Next()
	w.heading = heading{Header: &r.Brief().Header, Started: r.Started}
	if !r.Ended.IsZero() {
		w.heading.State, w.heading.Ended = string(r.State), r.Ended
	}
	return w, r, nil
}

// enter makes this process the one that writes a run that there is.
func (s *Store) enter(ctx context.Context, id, parent string, me journal.Holder) (*writer, error) {
	f, err := s.join(ctx, parent)
	if err != nil {
		return nil, err
	}
	w, err := s.claim(ctx, f, id, me)
	if err != nil {
		s.part(f)
	}
	return w, err
}

// claim makes this process the one that writes a run, if nobody does and the comparisons hold. A BusyError says who
// does.
func (s *Store) claim(ctx context.Context, f *family, id string, me journal.Holder, also ...compare) (*writer, error) {
	w := &writer{s: s, id: id, family: f}
	if err := w.claim(ctx, me, also); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.families[id] = f
	s.mu.Unlock()
	return w, nil
}

func (w *writer) claim(ctx context.Context, me journal.Holder, also []compare) error {
	f, key := w.family, w.s.aliveKey(w.id)
	value, err := newClaim(me)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, err := w.s.txn(ctx, w.s.long(), &txnRequest{
		Compare: append(also, created(key, 0)),
		Success: []operation{put(key, value, f.lease)},
		Failure: []operation{get(key)},
	})
	if err != nil {
		return f.without(theRun, err)
	}
	w.revision = answer.Header.Revision
	if kv := answer.got(0); !answer.Succeeded {
		switch {
		case kv == nil: // it was closed a moment ago, or the run is there already
			return &journal.BusyError{}
		case bytes.Equal(kv.Value, value): // an attempt whose answer was lost has written it
			w.revision = kv.CreateRevision
		default:
			var c claim
			journal.Decode(kv.Value, &c) // one that cannot be read names nobody
			return &journal.BusyError{Holder: c.Holder}
		}
	}
	if len(f.alive) == 0 {
		f.holder = me
	}
	f.alive[w.id] = w.revision
	return nil
}

// writes says whether this Store writes a run.
func (s *Store) writes(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.families[id] != nil
}

// join gives the family of a run's parent, or a new one.
func (s *Store) join(ctx context.Context, parent string) (*family, error) {
	s.mu.Lock()
	f := s.families[parent]
	if f != nil {
		f.users++
	}
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	return s.found(ctx)
}

// part ends one use of a family; the last one gives the lease back, and with it all its keys.
func (s *Store) part(f *family) {
	s.mu.Lock()
	f.users--
	last := f.users == 0
	s.mu.Unlock()
	if !last {
		return
	}
	f.stop()
	<-f.stopped
	// A cluster that does not answer frees them when the lease runs out.
	s.revoke(context.Background(), s.ttl/2, f.lease) //nolint:errcheck // see above
}

// leave takes a writer out of its family and frees what only it uses.
func (s *Store) leave(w *writer) {
	f := w.family
	s.mu.Lock()
	delete(s.families, w.id)
	others := f.users > 1
	s.mu.Unlock()
	if !others {
		f.stop() // before mu: a renewal that a dead cluster does not answer holds it
	}
	f.mu.Lock()
	delete(f.alive, w.id)
	free := []compare{created(s.aliveKey(w.id), w.revision)}
	for _, name := range w.names {
		l := f.locks[name]
		if l.users--; l.users == 0 {
			delete(f.locks, name)
			free = append(free, created(s.lockKey(name), l.revision))
		}
	}
	if others && f.lost.Load() == nil {
		for _, c := range free {
			t := &txnRequest{Compare: []compare{c}, Success: []operation{{Delete: &deleteRequest{c.Key}}}}
			s.txn(context.Background(), s.ttl/2, t) //nolint:errcheck // the lease frees it when the family ends
		}
	}
	f.mu.Unlock()
	s.part(f)
}

// Send gives a run an order: the first free number is its ID.
func (s *Store) Send(ctx context.Context, id string, o *plan.Order) error {
	if _, err := s.living(ctx, id); err != nil {
		return err
	}
	o.Time = time.Now()
	for {
		last := prefix(s.orders(id))
		last.Limit, last.Order, last.Target = 1, "DESCEND", "KEY"
		var answer rangeResponse
		if err := s.call(ctx, patience, "/v3/kv/range", last, &answer); err != nil {
			return err
		}
		o.ID = 1
		if len(answer.KVs) > 0 {
			o.ID = numberOf(&answer.KVs[0]) + 1
		}
		sent, err := s.send(ctx, id, o)
		if err != nil || sent {
			return err
		}
	}
}

// send writes an order under its ID and says whether that was free.
func (s *Store) send(ctx context.Context, id string, o *plan.Order) (bool, error) {
	line, err := journal.Encode(nil, o)
	if err != nil {
		return false, err
	}
	key := s.orderKey(id, o.ID)
	answer, err := s.txn(ctx, patience, &txnRequest{
		Compare: []compare{created(key, 0)}, Success: []operation{put(key, line, 0)}, Failure: []operation{get(key)},
	})
	if err != nil || answer.Succeeded {
		return err == nil, err
	}
	kv := answer.got(0) // it is ours when an attempt whose answer was lost has written it
	return kv != nil && bytes.Equal(kv.Value, line), nil
}

// Orders gives the orders with an ID above after.
func (s *Store) Orders(ctx context.Context, id string, after int) ([]plan.Order, error) {
	if _, err := s.living(ctx, id); err != nil {
		return nil, err
	}
	r := prefix(s.orders(id))
	r.Key = []byte(s.orderKey(id, max(after, 0)+1))
	var sent []plan.Order
	err := s.all(ctx, patience, r, func(kv *keyValue) error {
		var o plan.Order
		if !journal.Decode(kv.Value, &o) {
			return fmt.Errorf("etcd's key %s is damaged", kv.Key)
		}
		sent = append(sent, o)
		return nil
	})
	return sent, err
}

// Key is the key of the store's fingerprints; offer becomes it when there is none yet.
func (s *Store) Key(ctx context.Context, offer []byte) ([]byte, error) {
	key := s.base + "key"
	answer, err := s.txn(ctx, patience, &txnRequest{
		Compare: []compare{created(key, 0)}, Success: []operation{put(key, offer, 0)}, Failure: []operation{get(key)},
	})
	if err != nil || answer.Succeeded {
		return offer, err
	}
	kv := answer.got(0)
	if kv == nil || len(kv.Value) != journal.KeySize {
		return nil, fmt.Errorf("etcd's key %s is damaged", key)
	}
	return kv.Value, nil
}

// Fingerprint keys a hash of the secret with a key that the cluster keeps, made by the first secret.
func (s *Store) Fingerprint(secret string) (string, error) {
	key, err := s.Key(context.Background(), journal.NewKey())
	if err != nil {
		return "", fmt.Errorf("cannot use the key of the journals: %w", err)
	}
	return journal.Fingerprint(key, secret), nil
}
