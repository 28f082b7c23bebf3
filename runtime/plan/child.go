package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

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
	ctx = below(ctx, childPath(ctx, label), 1)
	scopeOf(ctx).walk, scopeOf(ctx).memory = child, &memory{} // it chooses for itself, as its run does
	outer := w.predict.last
	w.predict.last = nil
	defer func() { w.predict.last = outer }()
	err := p.Run(ctx, child, params)
	return because(err, w.predict.last)
}

// childPath is what the places of a child's statements begin with in a plan: a command may run the same script twice.
func childPath(ctx context.Context, label string) string {
	s := scopeOf(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[string]int)
	}
	path := Doing(ctx) + ">" + label
	s.seen[path]++
	if n := s.seen[path]; n > 1 {
		path = fmt.Sprintf("%s~%d", path, n)
	}
	return path + ">"
}

// because gives the failure for which a script gave up, where it ended with an exit code: that says more.
func because(err error, f *value.Failure) error {
	var exit *vm.Exit
	if errors.As(err, &exit) && exit.Code != 0 && f != nil {
		return f
	}
	return err
}

// RunChild runs a script that a command runs, as a run of its own: own gives its id, journal and records. What the
// script writes is progress of its parent: standard output belongs to the parent's own script. A child whose journal is
// lost ends its parent too, whatever the command makes of the error.
func (w *Walk) RunChild(ctx context.Context, label string, own Config, p Program, params map[string]value.Value) error {
	c := w.Config
	c.ID, c.Journal, c.Lookup, c.Ask, c.Result = own.ID, own.Journal, own.Lookup, unattended{}, nil
	depth := scopeOf(ctx).depth + 1
	c.Events = func(e Event) {
		e.Depth += depth
		w.Events(e)
	}
	c.Past, c.Recheck, c.Impact = nil, nil, nil
	child := New(c)
	child.prefix = w.prefix + childPath(ctx, label)
	child.Out = &said{child, ctx, label}
	child.stop, child.secrets = w.stop, w.secrets
	began := time.Now()
	child.emit(child.Start(ctx), vm.Site{}, Event{Kind: EventRun, Text: label, Parent: w.ID})
	err := p.Run(child.Start(ctx), child, params)
	if lost, ok := errors.AsType[*JournalError](err); ok {
		w.lost.Store(lost)
	}
	err = because(err, child.last.Load())
	over := Event{Kind: EventRunEnd, Text: label, Parent: w.ID, Millis: time.Since(began).Milliseconds()}
	if err != nil {
		over.Error = err.Error()
	}
	child.emit(child.Start(ctx), vm.Site{}, over)
	return err
}

// unattended answers for the person that a script of a resource does not have: it fails, and the resource's cluster goes
// on as it does after any failure of the script.
type unattended struct{}

// Ask fails.
func (unattended) Ask(_ context.Context, q Question) (string, error) {
	return "", value.Failf(value.CodeRefused, "%q: nobody can be asked by a script that a resource runs", q.Text).
		Hint("ask in the runbook that brings the resource online")
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
