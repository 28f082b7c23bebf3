package mirror

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// othersChanged refuses to take back what somebody else has changed since.
func othersChanged(what, got, want, was string) error {
	none := func(words string) string {
		if words == "" {
			return "none"
		}
		return words
	}
	return value.Failf(value.CodeRefused, "cannot take back what was made of %s: got %s, want %s", what, none(got), none(want)).
		Hint("somebody changed it since; it was %s before: leave it, or bring that back by hand", none(was))
}

// inTheWay says of an agent's refusal to bring something back what it is: somebody else's doing since.
func inTheWay(what string, err error) error {
	if !value.HasCode(err, value.CodeConflict, value.CodeNotThere) {
		return err
	}
	f := value.Failf(value.CodeRefused, "cannot take back what was made of %s: %w", what, err)
	f.Hints = append(f.Hints, plan.AsFailure(err).Hints...)
	return f.Hint("somebody changed it since; undo it again when that is out of the way, or leave it")
}

// connected is what undo needs to take a connection back.
type connected struct {
	Connection
	Was   *Inbound `json:"was,omitempty"`   // what its target remembered of the set before
	Marks []mark   `json:"marks,omitempty"` // those that connecting makes
}

// connecting is the change that makes a connection of that number.
func connecting(ctx context.Context, r Reader, c Connection) (plan.Change, error) {
	m := connected{Connection: c}
	from, err := r.Marker(ctx, c.Source, c.Set)
	if err != nil {
		return plan.Change{}, err
	}
	over, err := r.Marker(ctx, c.Target, c.Set)
	if err != nil {
		return plan.Change{}, err
	}
	inbound, err := r.Inbound(ctx, c.Target)
	if err != nil {
		return plan.Change{}, err
	}
	m.Was = Replaced(inbound, c)
	first := from
	if from.Generation == 0 {
		first = FirstMarker(c.Set)
	}
	after, _ := AdmitConnection(c, first, over) // refused: then the markers are turned first, and not back
	for _, mark := range []mark{{c.Source, from, first}, {c.Target, over, after}} {
		if mark.Old != mark.New {
			m.Marks = append(m.Marks, mark)
		}
	}
	inverse, _ := json.Marshal(m) // such a struct always encodes
	return plan.Change{System: "agent " + c.Source, What: c.String(), To: "connected, " + mapWords(c.Map), Inverse: inverse}, nil
}

// undoConnect takes a connection back. What came over it cannot be taken back: then its target goes on remembering whose
// data they are.
func (s *session) undoConnect(ctx context.Context, inverse json.RawMessage) error {
	var m connected
	sys, err := s.recorded(inverse, &m)
	if err != nil {
		return err
	}
	st, there, err := look(ctx, sys, m.Connection)
	if err != nil {
		return err
	}
	inbound, err := sys.Inbound(ctx, m.Target)
	switch {
	case value.HasCode(err, value.CodeUnreachable) && there: // it hears of it when it is next connected to
		return sys.Disconnect(ctx, m.Source, m.ID)
	case value.HasCode(err, value.CodeUnreachable):
		return nil
	case err != nil:
		return err
	}
	in, known := Recall(inbound, m.Connection)
	applied := known && !in.Applied.IsZero() && (m.Was == nil || !in.Applied.Equal(m.Was.Applied))
	switch {
	case there && (applied || st.Last.Number > 0):
		return sys.Disconnect(ctx, m.Source, m.ID)
	case !there && known && !in.Connected:
		return nil // it was ended since
	}
	if there || known {
		if err := sys.Retract(ctx, m.Connection, m.Was); err != nil {
			return err
		}
	}
	for _, mark := range m.Marks {
		now, err := sys.Marker(ctx, mark.Agent, m.Set)
		if err == nil && now.same(mark.New) {
			err = mark.back(ctx, sys)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// look finds a connection under its number, and refuses another one that has it.
func look(ctx context.Context, r Reader, c Connection) (st Status, there bool, err error) {
	st, err = find(ctx, r, c.Source, c.ID)
	switch {
	case value.HasCode(err, value.CodeNotThere):
		return Status{}, false, nil
	case err == nil && (st.Set != c.Set || st.Target != c.Target):
		err = othersChanged(fmt.Sprintf("connection %d of agent %q", c.ID, c.Source), st.Connection.String(), c.String(), "")
	}
	return st, err == nil, err
}

// ended is what undo needs to bring a connection back.
type ended struct {
	Connection
	Last       Run    `json:"last"`
	OrphansDue string `json:"orphans_due,omitempty"`
	Replicated bool   `json:"replicated,omitempty"`
}

func (s *session) undoDisconnect(ctx context.Context, inverse json.RawMessage) error {
	var e ended
	sys, err := s.recorded(inverse, &e)
	if err != nil {
		return err
	}
	_, there, err := look(ctx, sys, e.Connection)
	if err != nil {
		return err
	}
	if there {
		there, err = e.attached(ctx, sys)
	} else {
		err = e.alone(ctx, sys)
	}
	if err == nil && !there {
		err = sys.Revive(ctx, Status{Connection: e.Connection, Last: e.Last, OrphansDue: e.OrphansDue})
		err = inTheWay(fmt.Sprintf("connection %d of agent %q", e.ID, e.Source), err)
	}
	if err == nil && e.Replicated {
		err = sys.Replicate(ctx, e.Source, e.ID, true)
	}
	if err != nil {
		return err
	}
	return e.mirrors(ctx, sys)
}

// attached says whether the target of a connection knows of it; one that does not answer need not.
func (e ended) attached(ctx context.Context, r Reader) (bool, error) {
	inbound, err := r.Inbound(ctx, e.Target)
	if value.HasCode(err, value.CodeUnreachable) {
		return true, nil
	}
	in, known := Recall(inbound, e.Connection)
	return known && in.Connected, err
}

// alone refuses to bring a connection back where another one carries the same set to the same target since.
func (e ended) alone(ctx context.Context, r Reader) error {
	other, known, err := made(ctx, r, e.Connection)
	if err != nil || !known {
		return err
	}
	return othersChanged(fmt.Sprintf("connection %d of agent %q", e.ID, e.Source), other.Connection.String(), "", e.Connection.String())
}

// mirrors starts a mirror again that was running, unless it has completed, or another one was started since.
func (e ended) mirrors(ctx context.Context, sys System) error {
	st, err := find(ctx, sys, e.Source, e.ID)
	if err != nil || !e.Last.Running() || st.Last.Running() || st.Last.Number > e.Last.Number || st.Last.Error == "" {
		return err
	}
	if _, err = sys.StartMirror(ctx, e.Source, e.ID, e.Last.Options); err != nil || e.Last.State != Paused {
		return err
	}
	return sys.ControlMirror(ctx, e.Source, e.ID, Pause)
}

// recorded reads an inverse.
func (s *session) recorded(inverse json.RawMessage, into any) (System, error) {
	if err := json.Unmarshal(inverse, into); err != nil {
		return nil, err
	}
	return s.systems.Mirror()
}

// controlled is what undo needs to take STOP, PAUSE or RESUME back: the mirror as it was before.
type controlled struct {
	ended
	Verb Verb `json:"verb"`
}

func (s *session) undoControl(ctx context.Context, inverse json.RawMessage) error {
	var c controlled
	sys, err := s.recorded(inverse, &c)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("mirror %d of connection %d of agent %q", c.Last.Number, c.ID, c.Source)
	if c.Verb == Stop {
		return inTheWay(what, c.mirrors(ctx, sys))
	}
	st, err := find(ctx, sys, c.Source, c.ID)
	if err != nil {
		return inTheWay(what, err)
	}
	switch {
	case st.Last.Number != c.Last.Number:
		return othersChanged(what, fmt.Sprintf("mirror %d", st.Last.Number), fmt.Sprintf("mirror %d", c.Last.Number), c.Last.State)
	case !st.Last.Running() && st.Last.Error == "" && c.Verb == Resume:
		return value.Failf(value.CodeRefused, "cannot take back that %s went on: it has completed", what).
			Hint("what it has carried stays at %s", c.Target)
	case !st.Last.Running(), (st.Last.State == Paused) == (c.Last.State == Paused):
		return nil
	case c.Verb == Pause:
		return sys.ControlMirror(ctx, c.Source, c.ID, Resume)
	}
	return sys.ControlMirror(ctx, c.Source, c.ID, Pause)
}

// replicated is what undo needs to take START or STOP of a replication back.
type replicated struct {
	Source string `json:"source"`
	ID     int64  `json:"id"`
	On     bool   `json:"on"` // as it was before
}

func (s *session) undoReplication(ctx context.Context, inverse json.RawMessage) error {
	var r replicated
	sys, err := s.recorded(inverse, &r)
	if err != nil {
		return err
	}
	err = sys.Replicate(ctx, r.Source, r.ID, r.On)
	if value.HasCode(err, value.CodeNotThere) && !r.On {
		return nil // no connection, no replication
	}
	return inTheWay(fmt.Sprintf("the replication of connection %d of agent %q", r.ID, r.Source), err)
}
