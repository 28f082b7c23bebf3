package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// scriptRunner runs the scripts of resources on the systems that the cluster belongs to: the real ones, or a plan's.
func (s *site) scriptRunner(systems *builtins.Systems) cluster.ScriptRunner {
	return func(ctx context.Context, sc cluster.Script) error { return s.runScript(ctx, sc, *systems) }
}

// onNode gives the systems as a script sees them that runs on a node: its source is the node's own agent, and its
// target the one that the resource names, whatever the run that caused it has chosen.
func (s *site) onNode(sc cluster.Script, systems builtins.Systems) (builtins.Systems, error) {
	agents, err := systems.Mirror.Mirror()
	if err != nil {
		return systems, err
	}
	own := s.file.Clusters[sc.Cluster].Agent
	if own == "" {
		own = sc.Cluster
	}
	if own, err = agents.Resolve(own); err != nil {
		return systems, err
	}
	systems.Mirror = &agentSystems{agents, own, sc.Params["target"]}
	return systems, nil
}

// runScript runs the script of a resource as a child of the run whose command brought the resource online or took it
// offline. In a plan the script is walked with the plan's systems and its changes stand in the plan.
func (s *site) runScript(ctx context.Context, sc cluster.Script, systems builtins.Systems) error {
	parent, ok := plan.From(ctx)
	if !ok {
		return errors.New("a resource's script runs only inside a run")
	}
	set, err := commands()
	if err != nil {
		return err
	}
	src, err := s.app.read(sc.File)
	if err != nil {
		return value.Failf(value.CodeNotThere, "%w", err).
			Hint("standin scripts copy writes the shipped scripts; each node has its own copies")
	}
	p, ds := s.app.checked(src, set, s.file.names())
	if len(ds) > 0 {
		return value.Failf(value.CodeBadParameter, "script %q of resource %q has mistakes: %s", sc.File, sc.Resource, ds[0]).
			Hint("standin check %s tells them all", sc.File)
	}
	program, err := s.app.compile(p, parent.Planning())
	if err != nil {
		return err
	}
	systems, err = s.onNode(sc, systems)
	if err != nil {
		return err
	}
	lookup := s.guarded(systems)
	params := map[string]value.Value{}
	for _, d := range p.Params {
		if v, ok := sc.Params[d.Name.Text]; ok {
			params[d.Name.Text] = value.Text(v)
		}
	}
	if err := s.app.fill(ctx, p, params); err != nil {
		return value.Failf(value.CodeBadParameter, "script %q of resource %q: %w", sc.File, sc.Resource, err)
	}
	label := fmt.Sprintf("%s.dtcl on %s", sc.Event, sc.Node)
	if parent.Planning() {
		return parent.PlanChild(ctx, label, lookup, program, params)
	}
	h := s.app.header(s, &script{path: sc.File, src: src, params: params})
	h.Parent, h.Place, h.Change = parent.ID, plan.Doing(ctx), sc.Change
	j, err := s.journals.Create(ctx, h)
	if err != nil {
		return fmt.Errorf("cannot begin the run of %q: %w", sc.File, err)
	}
	if err := j.Lock(ctx, []string{fmt.Sprintf("connection of cluster %s, resource %q", sc.Cluster, sc.Resource)}); err != nil {
		return errors.Join(value.Failf(value.CodeRefused, "%w", err), j.Close())
	}
	err = parent.RunChild(ctx, label, plan.Config{ID: h.ID, Journal: j, Lookup: lookup}, journaled{program, j}, params)
	return errors.Join(err, j.Close())
}

// journaled is a child's program, which journals how it ends: what is lost then ends its parent.
type journaled struct {
	plan.Program
	journal plan.Journal
}

// Run runs the program and ends its journal.
func (p journaled) Run(ctx context.Context, host vm.Host, params map[string]value.Value) error {
	err := p.Program.Run(ctx, host, params)
	w, _ := plan.From(ctx)
	return ending(w, p.journal, err)
}
