package agent

import (
	"context"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// write is change for what a run asks for, as long as it holds its lock.
func (n *node) write(ctx context.Context, f func(*state) error) error {
	if err := plan.StillHeld(ctx); err != nil {
		return err
	}
	return n.change(f)
}

// tell tells the target of a connection something that changes what it remembers.
func (n *node) tell(ctx context.Context, h hello) error {
	if err := plan.StillHeld(ctx); err != nil {
		return err
	}
	m, err := n.session(ctx, h)
	if err == nil {
		m.close()
	}
	return err
}

// Connect makes a connection. Its target hears of it first: one that is cut off there is made by the next Connect, under
// the same number.
func (s *Site) Connect(ctx context.Context, c mirror.Connection) (int64, error) {
	n, err := s.up(c.Source)
	if err != nil {
		return 0, err
	}
	if c.ID == 0 {
		c.ID = n.reserve()
		defer n.giveBack(c.ID)
	} else if _, _, err := s.find(c.Source, c.ID); err == nil {
		return 0, value.Failf(value.CodeConflict, "connection %d of %s exists", c.ID, c.Source)
	}
	if err := n.tell(ctx, hello{Connection: c, Purpose: attach}); err != nil {
		return 0, err
	}
	return c.ID, n.keep(ctx, connection{Connection: c, Last: mirror.Run{State: mirror.Idle}})
}

// keep writes a connection at its source.
func (n *node) keep(ctx context.Context, c connection) error {
	return n.write(ctx, func(st *state) error {
		st.LastID = max(st.LastID, c.ID)
		if st.Markers[c.Set].Generation == 0 {
			st.Markers[c.Set] = mirror.FirstMarker(c.Set)
		}
		st.Connections[c.ID] = &c
		return nil
	})
}

// reserve takes the number of the next connection: one that is made at the same time gets another.
func (n *node) reserve() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reserved = max(n.reserved, n.state.LastID) + 1
	return n.reserved
}

// giveBack frees the number of a connection that was not made: else the next one would have another number than a plan
// said.
func (n *node) giveBack(id int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.reserved == id {
		n.reserved--
	}
}

// Disconnect ends a connection. A target that does not answer hears of it when it is next connected to.
func (s *Site) Disconnect(ctx context.Context, source string, id int64) error {
	n, c, err := s.find(source, id)
	if err != nil {
		return err
	}
	return n.disconnect(ctx, hello{Connection: c.Connection, Purpose: detach})
}

func (n *node) disconnect(ctx context.Context, h hello) error {
	if err := plan.StillHeld(ctx); err != nil {
		return err
	}
	if err := n.stopRuns(ctx, h.Connection.ID); err != nil {
		return err
	}
	if err := n.tell(ctx, h); err != nil && !value.HasCode(err, value.CodeUnreachable) {
		return err
	}
	return n.write(ctx, func(st *state) error { delete(st.Connections, h.Connection.ID); return nil })
}

// Retract takes a Connect back.
func (s *Site) Retract(ctx context.Context, c mirror.Connection, was *mirror.Inbound) error {
	n, err := s.up(c.Source)
	if err != nil {
		return err
	}
	return n.disconnect(ctx, hello{Connection: c, Purpose: retract, Was: was})
}

// Revive takes a Disconnect back. A target that does not answer may have heard of neither: it hears of the connection when
// something next comes over it.
func (s *Site) Revive(ctx context.Context, st mirror.Status) error {
	n, err := s.up(st.Source)
	if err != nil {
		return err
	}
	c := connection{Connection: st.Connection, Last: st.Last, OrphansDue: st.OrphansDue}
	if c.Last.Running() {
		c.Last.State, c.Last.Error, c.Last.Ended = mirror.Idle, mirror.WasStopped, time.Now()
	}
	if err := n.tell(ctx, hello{Connection: c.Connection, Purpose: revive}); err != nil && !value.HasCode(err, value.CodeUnreachable) {
		return err
	}
	return n.keep(ctx, c)
}
