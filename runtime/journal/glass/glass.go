// Package glass is the store of a site whose runs are kept elsewhere: when that store does not answer, a run may be
// journaled on its own host, behind glass that is broken for a reason, and is copied to the store later.
package glass

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// Remote is the store that the site's runs belong to.
type Remote interface {
	journal.Store
	// Import copies a run and its orders; doing it twice does it once.
	Import(ctx context.Context, r *journal.Run, orders []plan.Order) error
	// Key is the key of its fingerprints; offer becomes it when there is none yet.
	Key(ctx context.Context, offer []byte) ([]byte, error)
}

// Local is the store on this host.
type Local interface {
	journal.Store
	CreateAs(ctx context.Context, base string, h *plan.Header) (journal.Writer, error)
	Has(id string) bool
	// Retire moves a run aside whose Writer the caller has.
	Retire(ctx context.Context, id string) error
	Key() ([]byte, error)
	SetKey(key []byte) error
}

// Store keeps runs in the remote store, or, when the glass is broken, in the local one.
type Store struct {
	remote Remote
	local  Local
	reason string
}

var _ journal.Store = (*Store)(nil)

// New gives the store; with a reason the glass is broken: the remote store is not asked at all.
func New(remote Remote, local Local, reason string) *Store { return &Store{remote, local, reason} }

// UnmergedError says that a run is not in the store that it belongs to, and so cannot be taken over under its locks.
type UnmergedError struct{ ID string }

func (e *UnmergedError) Error() string {
	return fmt.Sprintf("run %s was journaled on this host with --break-glass; standin runs merge copies it to the store of the site, where it can be taken up", e.ID)
}

// of gives the store that has a run.
func (s *Store) of(id string) journal.Store {
	if s.reason != "" || s.local.Has(id) {
		return s.local
	}
	return s.remote
}

// Create begins a run. One behind broken glass has an ID that no other host gives.
func (s *Store) Create(ctx context.Context, h *plan.Header) (journal.Writer, error) {
	if s.reason == "" {
		if err := s.shareKey(ctx); err != nil {
			return nil, err
		}
		return s.remote.Create(ctx, h)
	}
	h.BreakGlass = s.reason
	few := make([]byte, 4)
	rand.Read(few) //nolint:errcheck // it never fails
	return s.local.CreateAs(ctx, journal.Base()+"-glass-"+hex.EncodeToString(few), h)
}

// shareKey keeps a copy of the remote store's key on this host: what a run behind broken glass keeps of a secret can
// then still be compared when it is merged.
func (s *Store) shareKey(ctx context.Context) error {
	own, err := s.local.Key()
	if err != nil {
		return err
	}
	key, err := s.remote.Key(ctx, own)
	if err != nil || slices.Equal(key, own) {
		return err
	}
	return s.local.SetKey(key)
}

// Resume takes over a run.
func (s *Store) Resume(ctx context.Context, id string, by plan.Actor) (journal.Writer, *journal.Run, error) {
	if s.reason == "" && s.local.Has(id) {
		return nil, nil, &UnmergedError{id}
	}
	return s.of(id).Resume(ctx, id, by)
}

// List gives all runs, oldest first. Those of this host come also with the error of a remote store that does not answer.
func (s *Store) List(ctx context.Context) ([]*journal.Run, error) {
	runs, err := s.local.List(ctx)
	if err != nil || s.reason != "" {
		return runs, err
	}
	remote, err := s.remote.List(ctx)
	for _, r := range runs {
		merged := func(m *journal.Run) bool { return m.ID == r.ID } // and not yet retired
		if !slices.ContainsFunc(remote, merged) {
			remote = append(remote, r)
		}
	}
	slices.SortStableFunc(remote, func(a, b *journal.Run) int { return a.Started.Compare(b.Started) })
	return remote, err
}

// Load reads one run.
func (s *Store) Load(ctx context.Context, id string) (*journal.Run, error) {
	return s.of(id).Load(ctx, id)
}

// Whole reads one run with all inverses.
func (s *Store) Whole(ctx context.Context, id string) (*journal.Run, error) {
	return s.of(id).Whole(ctx, id)
}

// Follow reads a run as it grows.
func (s *Store) Follow(ctx context.Context, id string, after int, each func(plan.Entry) error) error {
	return s.of(id).Follow(ctx, id, after, each)
}

// Send gives a run an order.
func (s *Store) Send(ctx context.Context, id string, o *plan.Order) error {
	return s.of(id).Send(ctx, id, o)
}

// Orders gives the orders to a run.
func (s *Store) Orders(ctx context.Context, id string, after int) ([]plan.Order, error) {
	return s.of(id).Orders(ctx, id, after)
}

// Fingerprint is what a journal keeps of a secret.
func (s *Store) Fingerprint(secret string) (string, error) {
	if s.reason != "" {
		return s.local.Fingerprint(secret)
	}
	if err := s.shareKey(context.Background()); err != nil {
		return "", err
	}
	return s.remote.Fingerprint(secret)
}

// Close closes both stores.
func (s *Store) Close() error { return errors.Join(s.remote.Close(), s.local.Close()) }

// Merge copies the runs of this host to the remote store, oldest first, and moves them aside here. Each is called with
// every run and what became of it: nil, a BusyError for one that is at work, or why it stays.
func (s *Store) Merge(ctx context.Context, each func(r *journal.Run, err error) error) error {
	if err := s.shareKey(ctx); err != nil {
		return err
	}
	runs, err := s.local.List(ctx)
	if err != nil {
		return err
	}
	for _, r := range runs {
		err := s.merge(ctx, r.ID)
		if _, gone := errors.AsType[*journal.UnreachableError](err); gone {
			return err
		}
		if err := each(r, err); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) merge(ctx context.Context, id string) error {
	w, r, err := s.local.Resume(ctx, id, plan.Actor{}) // nobody goes on with it meanwhile
	if err != nil {
		return err
	}
	orders, err := s.local.Orders(ctx, id, 0)
	if err == nil {
		err = s.remote.Import(ctx, r, orders)
	}
	if err == nil {
		err = s.local.Retire(ctx, id)
	}
	return errors.Join(err, w.Close())
}
