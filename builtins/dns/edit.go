package dns

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// edit is what one statement does to one zone of one server.
type edit struct {
	sys    System
	update Update
}

// inverse is what a Change remembers: the update of one record set that takes it back.
type inverse struct {
	Server string `json:"server"`
	Update Update `json:"update"`
}

// action turns edits, in the order in which they are to be sent, into what the walk asks for. why says what was
// found when there is nothing to do.
func action(ctx context.Context, c *def.Call, edits []edit, why string) (*def.Action, error) {
	var todo []edit
	for _, e := range edits {
		e.update.Swaps = slices.DeleteFunc(e.update.Swaps, Swap.Idle)
		if len(e.update.Swaps) == 0 {
			continue
		}
		if err := CheckRules(ctx, e.sys, e.update); err != nil {
			return nil, err
		}
		todo = append(todo, e)
	}
	if len(todo) == 0 {
		return &def.Action{Done: plan.Yes, Why: why}, nil
	}
	changes, err := changesOf(todo)
	if err != nil {
		return nil, err
	}
	return &def.Action{Done: plan.No, Changes: changes, Do: func(ctx context.Context) (value.Value, error) {
		return value.Int(0), send(ctx, c, todo)
	}}, nil
}

func changesOf(edits []edit) ([]plan.Change, error) {
	var changes []plan.Change
	for _, e := range edits {
		for _, s := range e.update.Swaps {
			one := Update{Zone: e.update.Zone, Swaps: []Swap{s}}
			back, err := json.Marshal(inverse{Server: e.sys.Name(), Update: one.Inverse()})
			if err != nil {
				return nil, err
			}
			changes = append(changes, plan.Change{
				System: "dns " + e.sys.Name(), What: s.Type + " " + s.Name,
				From: printed(s.Old), To: printed(s.New), Inverse: back,
			})
		}
	}
	return changes, nil
}

// send makes the edits one after the other. A message carries one zone, so a statement that touches two can fail
// between them: the second is tried again, then the failure says what is done and how to take it back.
func send(ctx context.Context, c *def.Call, edits []edit) error {
	for i, e := range edits {
		behind, err := e.sys.Update(ctx, e.update)
		for try := 1; err != nil && i > 0 && try < 3 && ctx.Err() == nil; try++ {
			c.Say("%s: %s; trying again", e.sys.Name(), err)
			sleep(ctx, time.Duration(try)*200*time.Millisecond)
			behind, err = e.sys.Update(ctx, e.update)
		}
		if err != nil && i > 0 {
			return halfDone(edits[:i], e, err)
		}
		if err != nil {
			return err
		}
		if len(behind) > 0 {
			c.Say("%s: not yet at %s; WAIT ON DNS … ON ALL SERVERS waits for it", e.sys.Name(), strings.Join(behind, ", "))
		}
	}
	return nil
}

func halfDone(done []edit, failed edit, err error) error {
	var f *value.Failure
	if !errors.As(err, &f) {
		return err
	}
	half := value.Failf(f.Code, "half done: zone %q is changed, but not %q: %w", done[0].update.Zone, failed.update.Zone, err)
	half.Hints = slices.Clone(f.Hints)
	for _, e := range done {
		for _, s := range e.update.Swaps {
			half.Hint("the done half is taken back by undo, or by changing %s %s from %s to %s", s.Type, s.Name, orNone(s.New), orNone(s.Old))
		}
	}
	return half
}

func orNone(set []Record) string {
	if len(set) == 0 {
		return "none"
	}
	return printed(set)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// undo takes one change back, if the world still is as the change left it.
func (v verbs) undo(ctx context.Context, raw json.RawMessage) error {
	var back inverse
	if err := json.Unmarshal(raw, &back); err != nil {
		return value.Failf(value.CodeBadParameter, "cannot read what the journal says of a DNS change: %w", err)
	}
	sys, err := v.systems.Server(back.Server)
	if err != nil {
		return err
	}
	for _, s := range back.Update.Swaps {
		now, err := sys.Lookup(ctx, s.Name, s.Type)
		if err != nil {
			return err
		}
		if Equal(now, s.New) {
			continue
		}
		if !Equal(now, s.Old) {
			return value.Failf(value.CodeRefused, "cannot take back what was made of %s %s: got %s, want %s",
				s.Type, s.Name, orNone(now), orNone(s.Old)).Hint(othersChanged, orNone(s.New))
		}
		one := Update{Zone: back.Update.Zone, Swaps: []Swap{s}}
		if err := CheckRules(ctx, sys, one); err != nil {
			return err
		}
		if _, err := sys.Update(ctx, one); value.HasCode(err, value.CodeConflict) {
			return value.Failf(value.CodeRefused, "cannot take back what was made of %s %s: %w", s.Type, s.Name, err).
				Hint(othersChanged, orNone(s.New))
		} else if err != nil {
			return err
		}
	}
	return nil
}

const othersChanged = "somebody changed it since; it was %s before: use DNS ADD and DNS DELETE if it shall be so again"
