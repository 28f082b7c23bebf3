// Package sim makes the steps of the cluster model on a store, one by one, and runs the scripts of its resources.
//
// The embedded driver is a sim over a file; a plan's overlay is a sim over memory. So a plan and its run agree.
package sim

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// Store keeps the state of one cluster. Load gives a copy that the caller may change.
type Store interface {
	Load(ctx context.Context) (*model.Cluster, error)
	// Update changes the state in one piece, durably where the store is durable.
	Update(ctx context.Context, change func(*model.Cluster) error) error
}

// Cluster is a cluster.System over a store.
type Cluster struct {
	store Store
	root  string
	run   cluster.ScriptRunner
	turn  chan struct{} // holds one token while an operation is under way
}

var _ cluster.System = (*Cluster)(nil)

// New makes a cluster over a store. root is the folder that relative scripts folders count from; run may be nil.
func New(store Store, root string, run cluster.ScriptRunner) *Cluster {
	return &Cluster{store: store, root: root, run: run, turn: make(chan struct{}, 1)}
}

// State reads the cluster.
func (c *Cluster) State(ctx context.Context) (*model.Cluster, error) { return c.store.Load(ctx) }

// Apply carries out one operation, after those under way.
func (c *Cluster) Apply(ctx context.Context, op model.Op) error {
	if inside, _ := ctx.Value(inScript{}).(*Cluster); inside == c {
		return value.Failf(value.CodeConflict, "a script that a resource runs cannot change its own cluster").
			Hint("change it from the runbook that brings the resource online")
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	state, err := c.store.Load(ctx)
	if err != nil {
		return err
	}
	steps, err := state.Steps(op)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if err := c.take(ctx, s, op.Verb == model.NodeFence); err != nil {
			return err
		}
	}
	if state, err = c.store.Load(ctx); err != nil {
		return err
	}
	return state.Unmet(op)
}

// inScript marks the context of a script with its cluster: an operation on it would wait for itself.
type inScript struct{}

// take makes one step. ended says that a cluster whose nodes are gone is as it should be.
func (c *Cluster) take(ctx context.Context, s model.Step, ended bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.Script == nil || c.run == nil {
		return c.update(ctx, ended, s.Make)
	}
	var script cluster.Script
	err := c.update(ctx, ended, func(m *model.Cluster) {
		r := m.Resource(s.Script.Resource)
		r.State, r.Note = model.Pending, ""
		script = c.script(m, r, s.Script)
		script.Change = "cluster " + m.Name + ": " + s.What
	})
	if err != nil {
		return err
	}
	failed := c.run(context.WithValue(ctx, inScript{}, c), script)
	cut := ctx.Err()
	if p := pause(nil); cut == nil && errors.As(failed, &p) {
		cut = failed // the run was told to stop between two commands of the script, and goes on later
	}
	// The outcome is written even when the run was cancelled: a resource must not stay pending for ever.
	err = c.update(context.WithoutCancel(ctx), ended, func(m *model.Cluster) {
		r := m.Resource(s.Script.Resource)
		if cut == nil || s.Script.Event == "offline" {
			s.Make(m)
		}
		switch {
		case cut != nil: // whoever asks next runs the script again
			r.State, r.Note = model.Failed, model.Interrupted(s.Script.Event)
		case failed != nil:
			r.Note = ending(s.Script.Event, failed)
		}
	})
	return errors.Join(cut, err)
}

// pause is an error that ends a run for now: it is no mistake of the script.
type pause interface {
	error
	Pauses()
}

// update makes one write, if the run still holds its lock.
func (c *Cluster) update(ctx context.Context, ended bool, change func(*model.Cluster)) error {
	if err := plan.StillHeld(ctx); err != nil {
		return err
	}
	return c.store.Update(ctx, func(m *model.Cluster) error {
		if err := m.Reachable(); err != nil && !ended { // it was lost on the way
			return err
		}
		change(m)
		return nil
	})
}

func (c *Cluster) script(m *model.Cluster, r *model.Resource, s *model.Script) cluster.Script {
	params := make(map[string]string)
	for k, v := range r.Params {
		switch k {
		case model.ParamScripts, model.ParamOwners, model.ParamFails: // these speak to the cluster, not to the script
		default:
			params[k] = v
		}
	}
	folder := r.Params[model.ParamScripts]
	if folder == "" {
		folder = "scripts"
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(c.root, folder)
	}
	return cluster.Script{Cluster: m.Name, Node: s.Node, Group: r.Group, Resource: r.Name, Event: s.Event,
		File: filepath.Join(folder, s.Node, s.Event+".dtcl"), Params: params}
}

// ending is the note of a resource whose script failed; its state is as wanted. Production goes on: a source connection
// is online but degraded, and one that must go offline goes offline whatever its script says.
func ending(event string, failed error) string {
	var f *value.Failure
	code, why := value.CodeUnknown, failed.Error()
	if errors.As(failed, &f) {
		code, why = f.Code, f.Message
	}
	if event == "offline" {
		return model.ScriptFailed(event, why)
	}
	switch code {
	case value.CodeUnreachable, value.CodeRefused, value.CodeTimeout, value.CodeConflict: // the target, not the script
		return model.Degrade(why)
	}
	return model.Degrade(model.ScriptFailed(event, why))
}
