package mirror

import (
	"context"
	"errors"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// admission says by the markers of both sides whether data may go over a connection, as Admit and AdmitConnection do.
type admission func(c Connection, from, over Marker) (Marker, error)

// asMirror is the admission of a mirror, or of a restore.
func asMirror(restore bool) admission {
	return func(c Connection, from, over Marker) (Marker, error) { return Admit(c, from, over, restore) }
}

// directed puts a change that sends data before the rule direction: never over the newer side.
func directed(ctx context.Context, r Reader, conn Connection, by admission) error {
	from, over, err := markers(ctx, r, conn)
	if err != nil {
		return err
	}
	_, err = by(conn, from, over)
	var f *value.Failure
	if !errors.As(err, &f) {
		return err
	}
	return plan.Breach(ctx, plan.Refusal{
		Rule: plan.RuleDirection, Found: f.Message, Wanted: "the newer data to be on " + conn.Source, Hints: f.Hints,
	})
}

// turned gives the action as it is, or, where the markers refuse it and the rule direction was overridden, one that makes
// the source's data the newer ones first: the agents refuse older data whatever a run overrides. What the data go over
// is lost, so the markers cannot be turned back either.
func turned(ctx context.Context, sys System, conn Connection, by admission, a *def.Action) (*def.Action, error) {
	from, over, err := markers(ctx, sys, conn)
	if err != nil {
		return nil, err
	}
	if _, err := by(conn, from, over); err == nil {
		return a, nil
	}
	if from, err = sys.Marker(ctx, conn.Source, conn.Set); err != nil { // none may have been made yet
		return nil, err
	}
	marks := []mark{
		{conn.Source, from, Marker{Set: conn.Set, Role: RoleSource, Generation: max(from.Generation, over.Generation) + 1}},
		{conn.Target, over, Marker{Set: conn.Set, Role: RoleTarget, Generation: over.Generation}},
	}
	var changes []plan.Change
	for _, m := range marks {
		c := m.change()
		c.Inverse = nil
		changes = append(changes, c)
	}
	turned := *a
	turned.Changes = append(changes, a.Changes...)
	turned.Do = func(ctx context.Context) (value.Value, error) {
		for _, m := range marks {
			if err := sys.Mark(ctx, m.Agent, m.Old, m.New); err != nil {
				return nil, err
			}
		}
		return a.Do(ctx)
	}
	return &turned, nil
}
