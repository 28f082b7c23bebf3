package plan

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// PlanChild walks, in a plan, a script that a command would run: its changes stand below the command's.
func (w *Walk) PlanChild(ctx context.Context, label string, lookup Lookup, p Program, params map[string]value.Value) error {
	w.predict.add(Line{Kind: itemRun, Text: label})
	w.predict.depth++
	defer func() { w.predict.depth-- }()
	c := w.Config
	c.Lookup = lookup
	child := New(c) // the same plan, with the records of the place where the script runs
	child.predict, child.stop, child.secrets = w.predict, w.stop, w.secrets
	ctx = below(ctx, label+">", 1)
	scopeOf(ctx).walk, scopeOf(ctx).memory = child, &memory{} // it chooses for itself, as its run does
	return p.Run(ctx, child, params)
}

// RunChild runs a script that a command runs, as a run of its own: own gives its id, journal and records. What the
// script writes is progress of its parent: standard output belongs to the parent's own script. A child whose journal is
// lost ends its parent too, whatever the command makes of the error.
func (w *Walk) RunChild(ctx context.Context, label string, own Config, p Program, params map[string]value.Value) error {
	c := w.Config
	c.ID, c.Journal, c.Lookup, c.Ask, c.Result = own.ID, own.Journal, own.Lookup, nil, nil
	depth := scopeOf(ctx).depth + 1
	c.Events = func(e Event) {
		e.Depth += depth
		w.Events(e)
	}
	child := New(c)
	child.Out = &said{child, ctx, label}
	child.stop, child.secrets = w.stop, w.secrets
	child.emit(child.Start(ctx), vm.Site{}, Event{Kind: EventRun, Text: label})
	err := p.Run(child.Start(ctx), child, params)
	if lost, ok := errors.AsType[*JournalError](err); ok {
		w.lost.Store(lost)
	}
	var exit *vm.Exit
	if errors.As(err, &exit) && exit.Code != 0 {
		if f := child.last.Load(); f != nil {
			return f // the script gave up because of it: that says more than its exit code
		}
	}
	return err
}

// said turns the lines that a child writes into progress of its parent.
type said struct {
	walk  *Walk
	ctx   context.Context
	label string
}

var _ io.Writer = (*said)(nil)

func (s *said) Write(line []byte) (int, error) {
	s.walk.emit(s.walk.Start(s.ctx), vm.Site{}, Event{Kind: EventSay, Text: s.label + ": " + strings.TrimSuffix(string(line), "\n")})
	return len(line), nil
}
