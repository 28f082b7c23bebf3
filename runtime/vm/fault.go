package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/d5/tengo/v2"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/value"
)

// Error is how a run fails: a diagnostic at its place, and the cause.
type Error struct {
	Diag *diag.Diagnostic
	Err  error
}

func (e *Error) Error() string { return e.Diag.Error() }

// Unwrap gives the diagnostic and the cause.
func (e *Error) Unwrap() []error { return []error{e.Diag, e.Err} }

// fault makes the error of a stopped VM a positioned one, or adds what this VM knows to one that has its place already.
func (m *machine) fault(v *tengo.VM, err error) error {
	depth, cause := peel(err)
	if exit := exitOf(cause); exit != nil {
		return exit
	}
	s := inspect(v, depth)
	e := placed(cause)
	if e == nil {
		if p, ok := cause.(*panicked); ok && s.sp >= tengo.StackSize-1 || errors.Is(cause, tengo.ErrStackOverflow) {
			cause = value.Failf(value.CodeScript, "%w", errTooDeep).Hint("does a FUNCTION call itself without end?")
		} else if ok {
			cause = p.error
		}
		if errors.Is(cause, errTooDeep) && len(s.frames) > 1 && m.prog.place(s.frames[1].pos) != nil {
			s.frames = s.frames[1:] // the call, not the place inside that happened to be one too many
		}
		p := m.innermost(s)
		if p == nil {
			return cause // stopped before its first instruction: the VM around this one has a place
		}
		e = m.newError(p.Source, p.Span, cause)
	}
	m.showValues(e.Diag, s)
	m.addCalls(e.Diag, s)
	return e
}

// placed gives an error that has its place already, nil for one without. What a host has put around it keeps that place
// if it says nothing of its own.
func placed(err error) *Error {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return nil
	case err == error(e):
		return e
	case err.Error() == e.Error():
		return &Error{Diag: e.Diag, Err: err}
	}
	return nil
}

var errTooDeep = errors.New("calls or lists are nested too deep")

// peel gives in which frame a VM was stopped, and by which error; 0 for the one that the VM itself says it is in; Tengo
// wraps an error once a frame.
func peel(err error) (depth int, cause error) {
	for {
		switch e := err.(type) {
		case *raised:
			return depth, e.error
		case *panicked, *interrupted:
			return 0, e
		case *value.Failure:
			return depth, e
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return depth, err
		}
		err = inner
		depth++
	}
}

func exitOf(err error) *Exit {
	var exit *Exit
	errors.As(err, &exit)
	return exit
}

// innermost gives the place where a VM stopped, nil if it was not yet in the script.
func (m *machine) innermost(s *stopped) *lower.Place {
	for _, f := range s.frames {
		if p := m.prog.place(f.pos); p != nil {
			return p
		}
	}
	return nil
}

// newError makes the diagnostic of an error that happened at a place.
func (m *machine) newError(src *diag.Source, span diag.Span, cause error) *Error {
	d := &diag.Diagnostic{Source: src, Span: span, Code: "run", Message: cause.Error()}
	if reason := m.stopReason(cause); reason != nil {
		d.Code, d.Message = "stopped", "stopped here: "+reason.Error()
		if errors.Is(reason, context.DeadlineExceeded) {
			d.Message = "the time ran out here"
		}
	}
	var failure *value.Failure
	if errors.As(cause, &failure) {
		d.Hints = failure.Hints
	}
	return &Error{Diag: d, Err: cause}
}

// stopReason gives why the block at hand was stopped, if that is what the error says.
func (m *machine) stopReason(err error) error {
	if stop, ok := err.(*interrupted); ok {
		return stop.cause
	}
	var f *value.Failure
	if reason := context.Cause(m.ctx); reason != nil && errors.Is(err, reason) && !errors.As(err, &f) {
		return reason
	}
	return nil
}

// maxCalls bounds how much of an endless recursion a diagnostic shows.
const maxCalls = 8

// addCalls adds the FUNCTIONs that the VM was in.
func (m *machine) addCalls(d *diag.Diagnostic, s *stopped) {
	for i := 0; i+1 < len(s.frames); i++ {
		inside, call := m.prog.place(s.frames[i].pos), m.prog.place(s.frames[i+1].pos)
		if inside == nil || call == nil {
			continue
		}
		if i >= maxCalls {
			d.Chain = append(d.Chain, diag.Frame{
				Label: fmt.Sprintf("%d more calls", len(s.frames)-2-i), Source: call.Source, Span: call.Span,
			})
			return
		}
		label := "FUNCTION"
		if f := m.prog.functionAt(inside.Source, inside.Span); f != nil {
			label += " " + f.Name
		}
		d.Chain = append(d.Chain, diag.Frame{Label: label, Source: call.Source, Span: call.Span})
	}
}

// showValues adds the values of the variables on the diagnostic's line, as far as this machine sees them.
func (m *machine) showValues(d *diag.Diagnostic, s *stopped) {
	if d.Source == nil || d.Values != nil {
		return
	}
	f := m.prog.functionAt(d.Source, d.Span)
	for _, name := range variablesOn(line(d.Source.Text, d.Span)) {
		v := m.global(name)
		if f != nil {
			if local, isLocal := m.local(f, strings.ToLower(name), s); isLocal {
				v = local
			}
		}
		if v != nil && !value.IsUnset(v) {
			d.Values = append(d.Values, diag.Named{Name: "$" + name, Value: value.Brief(v, maxShown)})
		}
	}
}

func (m *machine) global(name string) value.Value {
	name = strings.ToLower(name)
	for _, g := range m.prog.unit.Variables {
		if string(m.prog.unit.Globals[g].(lower.Variable)) == name {
			return m.globals[g]
		}
	}
	return nil
}

// local reads a local of the innermost frame of f. v is nil if the VM is not in f.
func (m *machine) local(f *lower.Function, folded string, s *stopped) (v value.Value, isLocal bool) {
	for slot, name := range f.Locals {
		if name != folded {
			continue
		}
		for i := 0; s != nil && i < len(s.frames); i++ {
			p := m.prog.place(s.frames[i].pos)
			if p == nil || m.prog.functionAt(p.Source, p.Span) != f || s.frames[i].fn.Free != nil {
				continue
			}
			v = s.stack[s.frames[i].base+slot]
			if shared, ok := v.(*tengo.ObjectPtr); ok {
				v = *shared.Value
			}
			return v, true
		}
		return nil, true
	}
	return nil, false
}

// line gives the line that the span begins on.
func line(text string, span diag.Span) string {
	start := min(span.Start, len(text))
	from := strings.LastIndexByte(text[:start], '\n') + 1
	to := strings.IndexByte(text[start:], '\n')
	if to < 0 {
		return text[from:]
	}
	return text[from : start+to]
}

// variablesOn lists the names after a $ in a line, each once.
func variablesOn(line string) []string {
	var names []string
	seen := map[string]bool{}
	for _, rest := range strings.Split(line, "$")[1:] {
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))]
		if folded := strings.ToLower(name); name != "" && !seen[folded] {
			seen[folded] = true
			names = append(names, name)
		}
	}
	return names
}

// maxShown is how many bytes of a value a message shows.
const maxShown = 200
