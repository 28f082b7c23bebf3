package etcd

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

var errExpired = errors.New("its lease in etcd has run out")

// takenError says who has what was lost.
type takenError struct{ kv *keyValue }

func (e *takenError) Error() string {
	var c claim
	if !journal.Decode(e.kv.Value, &c) {
		return fmt.Sprintf("etcd's key %s is another's", e.kv.Key)
	}
	return c.Holder.String() + " has it now"
}

// claim is the value of an alive key and of a lock: it names its holder, and no two are alike.
type claim struct {
	journal.Holder
	Nonce string `json:"nonce"`
}

func newClaim(h journal.Holder) ([]byte, error) {
	nonce := make([]byte, 12)
	rand.Read(nonce) //nolint:errcheck // it never fails
	return journal.Encode(nil, claim{h, hex.EncodeToString(nonce)})
}

// writer writes one run.
type writer struct {
	s        *Store
	id       string
	family   *family
	revision int64 // at which the alive key was created

	mu      sync.Mutex
	next    int
	heading heading
	pending []operation // entries that no sync has asked for yet
	size    int         // of them, in bytes
	soon    *time.Timer // writes them in any case
	err     error       // once a write has failed nothing more is written
	names   []string    // locks that this run has taken
	closed  bool
}

const (
	// maxValue is how many bytes a key holds; a larger entry is kept in parts.
	maxValue = 256 << 10
	// maxBatch and maxBatchSize are how much one transaction writes; etcd takes 128 operations and 1.5 MB.
	maxBatch     = 48
	maxBatchSize = 512 << 10
	// lag is how long an entry that need not be durable waits for others.
	lag = 100 * time.Millisecond
)

// Append writes one entry; with sync it and all before it are in the cluster on return.
func (w *writer) Append(e *plan.Entry, sync bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Kind == plan.KindRun || e.Kind == plan.KindResume || e.Kind == plan.KindIntent {
		e.Token = w.Token()
	}
	return w.append(e, sync)
}

// append writes an entry as it is. The caller holds mu.
func (w *writer) append(e *plan.Entry, sync bool) error {
	if w.err == nil && w.closed {
		w.err = errors.New("the run is closed")
	}
	if w.err != nil {
		return w.err
	}
	e.Seq = w.next
	line, err := journal.Encode(nil, e)
	if err != nil {
		return err
	}
	w.next++
	w.err = w.add(e, line)
	if full := len(w.pending) >= maxBatch || w.size >= maxBatchSize; w.err == nil && (sync || full) {
		w.err = w.flush()
	}
	if w.err == nil && len(w.pending) > 0 && w.soon == nil {
		w.soon = time.AfterFunc(lag, w.flushSoon)
	}
	return w.err
}

func (w *writer) flushSoon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.soon = nil; w.err == nil {
		w.err = w.flush()
	}
}

// add puts an entry among those to be written. The parts of a large one are written before it.
func (w *writer) add(e *plan.Entry, line []byte) error {
	value := line
	if len(line) > maxValue {
		if err := w.flush(); err != nil {
			return err
		}
		parts := slices.Collect(slices.Chunk(line, maxValue))
		for i, part := range parts {
			o := put(w.s.parts(w.id, e.Seq)+fmt.Sprintf("%06d", i), part, 0)
			if err := w.write([]operation{o}, nil); err != nil {
				return err
			}
		}
		value = fmt.Appendf(nil, "parts %d", len(parts))
	}
	w.pending = append(w.pending, put(w.s.entryKey(w.id, e.Seq), value, 0))
	w.size += len(value)
	if !w.heading.note(e) {
		return nil
	}
	index, err := journal.Encode(nil, w.heading)
	if err != nil {
		return err
	}
	w.pending = append(w.pending, put(w.s.indexKey(w.id), index, 0))
	w.size += len(index)
	return w.flush() // what is listed stands with the entry that says so
}

// note says whether an entry changes what listing shows without reading the run.
func (h *heading) note(e *plan.Entry) bool {
	switch {
	case e.Kind == plan.KindRun:
		brief := *e.Header
		brief.Texts = nil
		*h = heading{Header: &brief, Started: e.Started}
	case e.Kind == plan.KindEnd:
		h.State, h.Ended = e.State, e.Ended
	case h.State != "":
		h.State, h.Ended = "", time.Time{}
	default:
		return false
	}
	return true
}

// joined gives an entry's line, put together if it is kept in parts.
func (s *Store) joined(ctx context.Context, id string, kv *keyValue) ([]byte, error) {
	count, split := bytes.CutPrefix(kv.Value, []byte("parts "))
	if !split {
		return kv.Value, nil
	}
	want, err := strconv.Atoi(string(count))
	if err != nil {
		return nil, fmt.Errorf("etcd's key %s is damaged", kv.Key)
	}
	var line []byte
	got := 0
	err = s.all(ctx, s.long(), prefix(s.parts(id, numberOf(kv))), func(part *keyValue) error {
		if got++; got <= want { // more are of an attempt that no entry followed
			line = append(line, part.Value...)
		}
		return nil
	})
	return line, err
}

// flush writes what is pending, in one transaction.
func (w *writer) flush() error {
	if len(w.pending) == 0 {
		return nil
	}
	batch := w.pending
	w.pending, w.size = nil, 0
	return w.write(batch, batch[0].Put)
}

// write puts keys while every key of the run and of its family's locks stands. first, if not nil, must not be there
// yet; when it is and is ours, an attempt whose answer was lost has written the batch.
func (w *writer) write(batch []operation, first *putRequest) error {
	f := w.family
	f.mu.RLock()
	defer f.mu.RUnlock()
	if lost := f.lost.Load(); lost != nil {
		return lost
	}
	keys := f.guard()
	t := &txnRequest{Compare: keys.compares(), Success: batch, Failure: keys.reads()}
	if first != nil {
		t.Compare = append(t.Compare, created(string(first.Key), 0))
		t.Failure = append(t.Failure, get(string(first.Key)))
	}
	answer, err := w.s.txn(context.Background(), w.s.long(), t)
	if err != nil || answer.Succeeded {
		return err
	}
	if lost := keys.missing(answer); lost != nil {
		return f.lose(lost)
	}
	if kv := answer.got(len(keys)); first != nil && kv != nil && bytes.Equal(kv.Value, first.Value) {
		return nil
	}
	return fmt.Errorf("etcd's key %s is there already", first.Key)
}

// Lock takes locks in one transaction: all or none.
func (w *writer) Lock(ctx context.Context, names []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.family
	f.mu.Lock()
	defer f.mu.Unlock()
	var mine, missing []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		switch {
		case slices.Contains(w.names, name):
		case f.locks[name] != nil:
			mine = append(mine, name)
		default:
			missing = append(missing, name)
		}
	}
	if err := f.take(ctx, missing); err != nil {
		return err
	}
	for _, name := range slices.Concat(mine, missing) {
		f.locks[name].users++
	}
	w.names = slices.Concat(w.names, mine, missing)
	return nil
}

// maxLocks keeps a transaction below the number of comparisons that etcd takes.
const maxLocks = 48

// take creates the keys of locks that the family has not. The caller holds mu.
func (f *family) take(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if len(f.locks)+len(names) > maxLocks {
		return fmt.Errorf("a run holds at most %d locks in etcd: got %d more than the %d it has", maxLocks, len(names), len(f.locks))
	}
	value, err := newClaim(f.holder)
	if err != nil {
		return err
	}
	keys := f.guard()
	t := &txnRequest{Compare: keys.compares(), Failure: keys.reads()}
	for _, name := range names {
		key := f.s.lockKey(name)
		t.Compare = append(t.Compare, created(key, 0))
		t.Success = append(t.Success, put(key, value, f.lease))
		t.Failure = append(t.Failure, get(key))
	}
	answer, err := f.s.txn(ctx, f.s.long(), t)
	if err != nil {
		return f.without(names[0], err)
	}
	if answer.Succeeded {
		for _, name := range names {
			f.locks[name] = &held{revision: answer.Header.Revision}
		}
		return nil
	}
	if lost := keys.missing(answer); lost != nil {
		return f.lose(lost)
	}
	got := map[string]*held{}
	for i, name := range names {
		kv := answer.got(len(keys) + i)
		switch {
		case kv == nil:
		case kv.Lease == f.lease: // an attempt whose answer was lost has taken it
			got[name] = &held{revision: kv.CreateRevision}
		default:
			var c claim
			journal.Decode(kv.Value, &c) // one that cannot be read names nobody, and is held all the same
			return &journal.LockedError{Name: name, Holder: c.Holder}
		}
	}
	if len(got) < len(names) {
		return f.take(ctx, names) // a lock was freed between the comparison and now
	}
	maps.Copy(f.locks, got)
	return nil
}

// Held is nil while the lease and every lock are provably the run's.
func (w *writer) Held(ctx context.Context) error { return w.family.holds(ctx) }

// Token is the highest revision at which a key of the run was created.
func (w *writer) Token() int64 {
	f := w.family
	f.mu.RLock()
	defer f.mu.RUnlock()
	token := w.revision
	for _, l := range f.locks {
		token = max(token, l.revision)
	}
	return token
}

// Close writes what is pending and frees the locks.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.soon != nil {
		w.soon.Stop()
	}
	var err error
	if w.err == nil {
		err = w.flush()
		w.err = err
	}
	w.s.leave(w)
	return err
}
