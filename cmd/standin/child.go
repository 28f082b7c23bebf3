package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// runScript runs the script of a resource as a child of the run whose command brought the resource online or took it
// offline. In a plan the script is walked with the plan's systems and its changes stand in the plan.
func (s *site) runScript(ctx context.Context, sc cluster.Script) error {
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
	params := map[string]value.Value{}
	for _, d := range p.Params {
		if v, ok := sc.Params[d.Name.Text]; ok {
			params[d.Name.Text] = value.Text(v)
		}
	}
	label := fmt.Sprintf("%s.dtcl on %s", sc.Event, sc.Node)
	if parent.Planning() {
		return parent.PlanChild(ctx, label, program, params)
	}
	h := s.app.header(s.file, &script{path: sc.File, src: src, params: params})
	h.Parent = parent.ID
	j, err := s.journals.Create(h)
	if err != nil {
		return fmt.Errorf("cannot begin the run of %q: %w", sc.File, err)
	}
	err = parent.RunChild(ctx, label, h.ID, j, program, params)
	state, code := outcome(err)
	e := endOf(state)
	e.Code = code
	if err != nil {
		e.Error = oneLine(err)
	}
	return errors.Join(err, j.Append(e, true), j.Close())
}
