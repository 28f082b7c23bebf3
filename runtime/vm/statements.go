package vm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/value"
)

func (m *machine) write(args []value.Value) (value.Value, error) {
	line := value.Print(args[1])
	return nil, m.host.Write(m.ctx, siteOf(args[0]), line)
}

func (m *machine) wait(args []value.Value) (value.Value, error) {
	d, err := duration(args[1], "WAIT")
	if err != nil {
		return nil, err
	}
	return nil, m.host.Wait(m.ctx, siteOf(args[0]), d)
}

// until makes a condition something that a host can evaluate.
func (m *machine) until(fn value.Value) Until {
	m.seen = nil
	return func(ctx context.Context) (value.Value, error) { return m.block(ctx, fn, value.None) }
}

func (m *machine) waitUntil(args []value.Value) (value.Value, error) {
	every, err := duration(args[2], "EVERY")
	if err != nil {
		return nil, err
	}
	timeout, err := duration(args[3], "TIMEOUT")
	if err != nil {
		return nil, err
	}
	return nil, m.lastSeen(m.host.WaitUntil(m.ctx, siteOf(args[0]), m.until(args[1]), every, timeout))
}

// lastSeen adds to a time-out what the condition looked at last.
func (m *machine) lastSeen(err error) error {
	var f *value.Failure
	if m.seen != nil && errors.As(err, &f) && f.Code == value.CodeTimeout {
		f.Hint("the left side was last %s", value.Brief(m.seen, maxShown))
	}
	return err
}

func (m *machine) exit(args []value.Value) (value.Value, error) {
	if value.IsNone(args[1]) {
		return nil, &Exit{}
	}
	code, ok := value.AsInt(args[1])
	if !ok || code < 0 || code > 255 {
		return nil, mistake("got %s for EXIT, want a whole number from 0 to 255", show(args[1]))
	}
	return nil, &Exit{Code: int(code)}
}

func (m *machine) require(args []value.Value) (value.Value, error) {
	ok := args[1]
	if _, unknown := value.IsUnknown(ok); !unknown {
		ok = value.Truth(!ok.IsFalsy())
	}
	message := ""
	if !value.IsNone(args[2]) {
		message = value.Print(args[2])
	}
	return nil, m.host.Require(m.ctx, siteOf(args[0]), ok, message)
}

func (m *machine) confirm(args []value.Value) (value.Value, error) {
	typed, why := len(args) > 2, ""
	if typed && !value.IsNone(args[2]) {
		why = value.Print(args[2])
	}
	return nil, m.host.Confirm(m.ctx, siteOf(args[0]), value.Print(args[1]), typed, why)
}

func (m *machine) manual(args []value.Value) (value.Value, error) {
	var cond Until
	if len(args) > 2 {
		cond = m.until(args[2])
	}
	return nil, m.lastSeen(m.host.Manual(m.ctx, siteOf(args[0]), value.Print(args[1]), cond))
}

func (m *machine) point(args []value.Value) (value.Value, error) {
	return nil, m.host.PointOfNoReturn(m.ctx, siteOf(args[0]))
}

func (m *machine) runFile(args []value.Value) (value.Value, error) {
	r := args[0].(*handle).is.(*lower.Run)
	named := make(map[string]value.Value, len(r.Args))
	for i, name := range r.Args {
		named[name] = args[i+1]
	}
	err := m.host.Run(m.ctx, site(r.Site), r.Path, named)
	return nil, m.framed(err, site(r.Site), fmt.Sprintf("RUN %q", r.Path))
}

// framed adds a link to the chain of an error that comes from inside the statement at hand, unless label is "".
func (m *machine) framed(err error, at Site, label string) error {
	if err == nil || exitOf(err) != nil {
		return err
	}
	e := placed(err)
	if e == nil {
		return m.newError(at.Source, at.Span, err)
	}
	if label != "" {
		e.Diag.Chain = append(e.Diag.Chain, diag.Frame{Label: label, Source: at.Source, Span: at.Span})
	}
	return e
}

// decide is a truth test in a plan.
func (m *machine) decide(args []value.Value) (value.Value, error) {
	if _, unknown := value.IsUnknown(args[1]); !unknown {
		return value.Truth(!args[1].IsFalsy()), nil
	}
	at := siteOf(args[0])
	at.Again = !args[2].IsFalsy()
	yes, err := m.host.Decide(m.ctx, at, args[1])
	return value.Truth(yes), err
}

const timeLayout = "2006-01-02T15:04:05.000Z"

func (m *machine) now(args []value.Value) (value.Value, error) {
	t, err := m.host.Now(m.ctx, siteOf(args[0]))
	return value.Text(t.UTC().Format(timeLayout)), err
}

func (m *machine) since(args []value.Value) (value.Value, error) {
	if _, unknown := value.IsUnknown(args[1]); unknown {
		return args[1], nil
	}
	text, _ := value.AsText(args[1])
	then, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, mistake("got %s for since, want a time that now() gave", show(args[1]))
	}
	now, err := m.host.Now(m.ctx, siteOf(args[0]))
	return value.Int(now.Sub(then).Milliseconds()), err
}

func (m *machine) step(args []value.Value) (value.Value, error) {
	s, err := stepOf(args)
	if err != nil {
		return nil, err
	}
	when := args[5]
	goes := !when.IsFalsy()
	if _, unknown := value.IsUnknown(when); unknown {
		if goes, err = m.host.Decide(m.ctx, s.Site, when); err != nil {
			return nil, err
		}
	}
	if !goes {
		return nil, m.host.Skip(m.ctx, s, when)
	}
	var undo Later
	if !value.IsNone(args[7]) {
		undo = m.later(args[7])
	}
	err = m.host.Step(m.ctx, s, m.body(args[6]), undo)
	return nil, m.framed(err, s.Site, fmt.Sprintf("STEP %q", s.Title))
}

func stepOf(args []value.Value) (*Step, error) {
	s := &Step{Site: siteOf(args[0]), Title: value.Print(args[1])}
	var err error
	if s.Timeout, err = duration(args[2], "TIMEOUT"); err != nil {
		return nil, err
	}
	if s.Retry, err = count(args[3], "RETRY"); err != nil {
		return nil, err
	}
	if s.Every, err = duration(args[4], "EVERY"); err != nil {
		return nil, err
	}
	return s, nil
}

// parallel runs the branches on machines of their own and takes over what they assigned, in text order.
func (m *machine) parallel(args []value.Value) (value.Value, error) {
	h := args[0].(*handle).is.(*lower.Parallel)
	most, err := count(args[1], "MAX")
	if err != nil {
		return nil, err
	}
	branches := make([]*branch, len(args)-2)
	bodies := make([]Body, len(branches))
	for i, fn := range args[2:] {
		b := m.newBranch(h.Assigns[i])
		branches[i] = b
		bodies[i] = func(ctx context.Context) error {
			_, err := b.block(ctx, fn, value.None)
			return err
		}
	}
	err = m.host.Parallel(m.ctx, site(h.Site), most, bodies)
	for _, b := range branches {
		b.mergeInto(m)
	}
	return nil, m.framed(err, site(h.Site), "")
}

// branch is the machine of one branch and the values that its variables began with.
type branch struct {
	*machine
	assigns []int
	began   []value.Value
}

func (m *machine) newBranch(assigns []int) *branch {
	b := &branch{machine: m.fork(), assigns: append([]int{lower.ExitCodeGlobal, lower.ErrorGlobal}, assigns...)}
	for _, g := range b.assigns {
		// Only another object can tell an assignment of the same value from none.
		b.globals[g] = value.Distinct(b.globals[g])
		b.began = append(b.began, b.globals[g])
	}
	return b
}

func (b *branch) mergeInto(m *machine) {
	for i, g := range b.assigns {
		if b.globals[g] != b.began[i] {
			m.globals[g] = b.globals[g]
		}
	}
}
