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
func (w *Walk) PlanChild(ctx context.Context, label string, p Program, params map[string]value.Value) error {
	w.predict.add(item{Kind: itemRun, Text: label})
	w.predict.depth++
	defer func() { w.predict.depth-- }()
	return p.Run(below(ctx, label+">", 1), w, params)
}

// RunChild runs a script that a command runs, as a run of its own with its own journal. What the script writes is
// progress of its parent: standard output belongs to the parent's own script.
func (w *Walk) RunChild(ctx context.Context, label, id string, j Journal, p Program, params map[string]value.Value) error {
	c := w.Config
	c.ID, c.Journal, c.Ask = id, j, nil
	depth := scopeOf(ctx).depth + 1
	c.Events = func(e Event) {
		e.Depth += depth
		w.Events(e)
	}
	child := New(c)
	child.Out = &said{child, ctx, label}
	child.stop = w.stop
	child.emit(child.Start(ctx), vm.Site{}, Event{Kind: EventRun, Text: label})
	err := p.Run(child.Start(ctx), child, params)
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
