package mirror

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

func (s *session) ownerCommands() []def.Command {
	docs := map[string]string{
		"connection": "id of a connection of the source; the source itself need not answer",
	}
	return []def.Command{
		{
			Signature: sig.Signature{
				Usage: "TAKEOVER <connection:id> [APPLY QUEUE | DISCARD QUEUE]",
				Summary: "Makes the target the owner of the data: from then on it refuses every mirror of an older generation; " +
					"what was received is applied already, so neither word about the queue finds anything to do.",
				Docs: docs, Result: "the new generation", Effect: sig.Changes,
				Example: "$c = CONNECT mailstores TO west MAP EXACT; TAKEOVER $c;",
			},
			Observe: s.takeover,
			Undo:    s.undoMark,
		},
		{
			Signature: sig.Signature{
				Usage: "RELEASE <connection:id> [DISCARD CHANGES]",
				Summary: "Gives the data back to the source that TAKEOVER took them from, once a look at every block on both sides " +
					"finds that the source has all of them; " +
					"DISCARD CHANGES gives them back although it has not.",
				Docs: docs, Result: "the new generation", Effect: sig.Changes,
				Example: startExample + " WAIT ON MIRROR $c IDLE TIMEOUT 1m; TAKEOVER $c; RELEASE $c;",
			},
			Observe: s.release,
			Undo:    s.undoMark,
		},
	}
}

// mark is one marker to be replaced, and what undo needs to bring the old one back.
type mark struct {
	Agent string `json:"agent"`
	Old   Marker `json:"old"`
	New   Marker `json:"new"`
}

func (m mark) change() plan.Change {
	inverse, _ := json.Marshal(m) // such a struct always encodes
	return plan.Change{
		System: "agent " + m.Agent, What: fmt.Sprintf("owner of %q on %s", m.New.Set, m.Agent),
		From: m.Old.String(), To: m.New.String(), Inverse: inverse,
	}
}

// replace observes the replacement of markers, in this order.
func replace(sys System, marks ...mark) *def.Action {
	a := &def.Action{Done: plan.No}
	for _, m := range marks {
		a.Changes = append(a.Changes, m.change())
	}
	a.Do = func(ctx context.Context) (value.Value, error) {
		for _, m := range marks {
			if err := sys.Mark(ctx, m.Agent, m.Old, m.New); err != nil {
				return nil, err
			}
		}
		return value.Int(marks[0].New.Generation), nil
	}
	return a
}

func (s *session) undoMark(ctx context.Context, inverse json.RawMessage) error {
	var m mark
	if err := json.Unmarshal(inverse, &m); err != nil {
		return err
	}
	sys, err := s.systems.Mirror()
	if err != nil {
		return err
	}
	now, err := sys.Marker(ctx, m.Agent, m.New.Set)
	if err != nil || now.same(m.Old) {
		return err
	}
	if now.same(m.New) {
		err = m.back(ctx, sys)
	}
	if !now.same(m.New) || value.HasCode(err, value.CodeConflict) {
		return othersChanged(fmt.Sprintf("the owner of %q on agent %q", m.New.Set, m.Agent), now.String(), m.New.String(), m.Old.String())
	}
	return err
}

// back brings the old marker back; where there was none, none.
func (m mark) back(ctx context.Context, sys System) error {
	old := m.Old
	old.Set = m.New.Set
	return sys.Mark(ctx, m.Agent, m.New, old)
}

func (s *session) takeover(ctx context.Context, c *def.Call) (*def.Action, error) {
	sys, in, err := s.remembered(ctx, c)
	if err != nil {
		return nil, err
	}
	old, err := sys.Marker(ctx, in.Target, in.Set)
	if err != nil {
		return nil, err
	}
	if old.Role == RoleSource {
		return &def.Action{
			Done: plan.Yes, Result: value.Int(old.Generation),
			Why: fmt.Sprintf("%s owns %q already", in.Target, in.Set),
		}, nil
	}
	generation := old.Generation
	if theirs, err := sys.Marker(ctx, in.Source, in.Set); err == nil {
		generation = max(generation, theirs.Generation)
	}
	return replace(sys, mark{in.Target, old, Marker{
		Set: in.Set, Role: RoleSource, Generation: generation + 1, TakenFrom: in.Source,
	}}), nil
}

func (s *session) release(ctx context.Context, c *def.Call) (*def.Action, error) {
	sys, in, err := s.remembered(ctx, c)
	if err != nil {
		return nil, err
	}
	source, err := sys.Marker(ctx, in.Source, in.Set)
	if err != nil {
		return nil, err
	}
	target, err := sys.Marker(ctx, in.Target, in.Set)
	if err != nil {
		return nil, err
	}
	forth := in.Connection
	back, err := Reverse(forth)
	if err != nil {
		return nil, err
	}
	switch keeps, kept := keeper(forth, source, target); {
	case !kept:
		owner, m := in.Source, source
		if target.Role == RoleSource {
			owner, m = in.Target, target
		}
		return &def.Action{
			Done: plan.Yes, Result: value.Int(m.Generation), Why: fmt.Sprintf("%s owns %q already", owner, in.Set),
		}, nil
	case keeps == in.Target:
		return s.giveBack(ctx, sys, back, target, source, c.Has("DISCARD"))
	default:
		return s.giveBack(ctx, sys, forth, source, target, c.Has("DISCARD"))
	}
}

// keeper says which side of a connection has the data that are to be given back; none where that is done.
func keeper(c Connection, source, target Marker) (agent string, kept bool) {
	switch {
	case target.TakenFrom == c.Source:
		return c.Target, true
	case source.TakenFrom == c.Target:
		return c.Source, true
	case source.Role == RoleSource && source.Generation >= target.Generation,
		target.Role == RoleSource && target.Generation >= source.Generation:
		return "", false
	case target.Generation > source.Generation: // it has let go, and the run was cut off
		return c.Target, true
	}
	return c.Source, true
}

// giveBack observes the way of the data over back, from the agent that keeps them to the one that owned them. The
// keeper lets go first: between the two steps nobody owns the data, and nobody can overwrite them.
func (s *session) giveBack(ctx context.Context, sys System, back Connection, keeps, owned Marker, discard bool) (*def.Action, error) {
	next := Marker{Set: back.Set, Role: RoleSource, Generation: keeps.Generation}
	if keeps.Role == RoleTarget {
		return replace(sys, mark{back.Target, owned, next}), nil
	}
	if !discard {
		if err := emptyQueue(ctx, sys, back); err != nil {
			return nil, err
		}
	}
	next.Generation = max(keeps.Generation, owned.Generation) + 1
	let := next
	let.Role = RoleTarget
	return replace(sys, mark{back.Source, keeps, let}, mark{back.Target, owned, next}), nil
}

// emptyQueue refuses to give back data that the other side does not have yet. Every block counts: a size and a time that
// are equal prove nothing of a store that is changed in place.
func emptyQueue(ctx context.Context, r Reader, back Connection) error {
	if st, known, err := made(ctx, r, back); err != nil {
		return err
	} else if known && st.Last.Running() {
		return value.Failf(value.CodeConflict, "mirror %d of %q to %s is running", st.Last.Number, back.Set, back.Target).
			Hint("WAIT ON MIRROR %d IDLE TIMEOUT <duration>", st.ID)
	}
	d, err := r.Compare(ctx, back, Compare{Checksum: true})
	if err != nil {
		return err
	}
	if len(d.Errors) > 0 {
		return value.Failf(value.CodeConflict, "not all of %q could be compared: %s", back.Set, d.Errors[0]).
			Hint("make it readable, or RELEASE … DISCARD CHANGES gives the data back as they are on %s", back.Target)
	}
	if d.Differ > 0 {
		return value.Failf(value.CodeConflict, "%s has %d entries of %q that %s has not, the first: %s",
			back.Source, d.Differ, back.Set, back.Target, d.Differing[0]).
			Hint("RESTORE %s FROM %s TO %s CHECKSUM first, or RELEASE … DISCARD CHANGES loses them", back.Set, back.Source, back.Target)
	}
	return nil
}
