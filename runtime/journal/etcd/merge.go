package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// Ping says whether a majority of the cluster answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.call(ctx, patience, "/v3/kv/range", &rangeRequest{Key: []byte(s.base + "key"), KeysOnly: true}, &rangeResponse{})
}

// Import copies a run of another store, with its orders, under its own ID. What an earlier copying has brought is kept;
// it fails when that is another run's.
func (s *Store) Import(ctx context.Context, r *journal.Run, orders []plan.Order) error {
	if r.Damaged {
		return &journal.DamagedError{Where: "run " + r.ID, Seq: firstMissing(r.Entries)}
	}
	w, err := s.enter(ctx, r.ID, "", r.Holder())
	if err != nil {
		return err
	}
	return errors.Join(w.copy(ctx, r, orders), w.Close())
}

func firstMissing(entries []plan.Entry) int {
	for i, e := range entries {
		if e.Seq != i+1 {
			return i + 1
		}
	}
	return len(entries) + 1
}

func (w *writer) copy(ctx context.Context, r *journal.Run, orders []plan.Order) error {
	there, _, err := w.s.readFrom(ctx, r.ID, 1)
	if err != nil {
		return err
	}
	for i := range min(len(there), len(r.Entries)) {
		if same, err := equal(&there[i], &r.Entries[i]); err != nil || !same {
			return errors.Join(fmt.Errorf("etcd has another run %s: its entry %d differs", r.ID, i+1), err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = min(len(there), len(r.Entries)) + 1
	w.heading.note(&r.Entries[0])
	for i := w.next - 1; i < len(r.Entries); i++ {
		if err := w.append(&r.Entries[i], i == len(r.Entries)-1); err != nil {
			return err
		}
	}
	for i := range orders {
		if sent, err := w.s.send(ctx, r.ID, &orders[i]); err != nil || !sent {
			return errors.Join(fmt.Errorf("cannot copy order %d of run %s: sent %v", orders[i].ID, r.ID, sent), err)
		}
	}
	return nil
}

func equal(a, b *plan.Entry) (bool, error) {
	one, err := journal.Encode(nil, a)
	if err != nil {
		return false, err
	}
	other, err := journal.Encode(nil, b)
	return bytes.Equal(one, other), err
}
