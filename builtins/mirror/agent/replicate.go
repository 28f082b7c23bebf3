package agent

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// rescanEvery is how long replication rests between two looks at the source; a look that takes long is followed by a
// rest of as many times as long as restFactor says.
const (
	rescanEvery = 200 * time.Millisecond
	restFactor  = 4
)

// Replicate starts or stops sending changes. It looks for them again and again, as long as this process runs; it
// removes nothing at the target.
func (s *Site) Replicate(ctx context.Context, source string, id int64, on bool) error {
	n, c, err := s.find(source, id)
	if err == nil {
		err = plan.StillHeld(ctx)
	}
	if err != nil {
		return err
	}
	n.mu.Lock()
	r := n.replications[id]
	if on == (r != nil) {
		n.mu.Unlock()
		return nil
	}
	if !on {
		n.mu.Unlock()
		r.stop()
		return r.wait(ctx)
	}
	own, cancel := context.WithCancelCause(context.Background())
	r = &run{node: n, conn: c.Connection, cancel: cancel, done: make(chan struct{}), replication: true}
	n.replications[id] = r
	n.mu.Unlock()
	go r.replicate(own)
	return nil
}

// replicate mirrors what differs, rests, and begins again.
func (r *run) replicate(ctx context.Context) {
	defer close(r.done)
	defer func() {
		r.node.mu.Lock()
		delete(r.node.replications, r.conn.ID)
		r.node.mu.Unlock()
	}()
	for ctx.Err() == nil {
		began := time.Now()
		err := r.cycle(ctx)
		r.mu.Lock()
		if r.retrying, r.failed = false, ""; err != nil {
			r.retrying, r.failed = value.HasCode(err, value.CodeUnreachable), err.Error()
		}
		r.mu.Unlock()
		select {
		case <-time.After(max(rescanEvery, restFactor*time.Since(began))):
		case <-ctx.Done():
		}
	}
}

func (r *run) cycle(ctx context.Context) error {
	slot := r.node.carrying(r.conn.ID)
	select {
	case slot <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-slot }()
	m, err := r.node.session(ctx, r.hello())
	if err != nil {
		return err
	}
	defer m.close()
	return r.mirror(ctx, m)
}

// word gives the replication's state and why it is not well.
func (r *run) word() (state, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.failed == "":
		return mirror.Replicating, ""
	case r.retrying:
		return mirror.Pending, r.failed
	}
	return mirror.Failed, r.failed
}

func (n *node) stopReplications() {
	n.mu.Lock()
	runs := slices.Collect(maps.Values(n.replications))
	n.mu.Unlock()
	for _, r := range runs {
		r.stop()
		<-r.done
	}
}

// carrying gives the place of a connection's only session that writes: who has sent to it takes from it at the end.
func (n *node) carrying(id int64) chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.carriers[id] == nil {
		n.carriers[id] = make(chan struct{}, 1)
	}
	return n.carriers[id]
}
