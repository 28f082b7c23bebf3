package vm

import (
	"context"
	"slices"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/value"
)

// Session runs one list of statements after another, each with the variables and FUNCTIONs of those before it: a REPL.
type Session struct {
	lower *lower.Session
	prog  *Program
	m     *machine
	said  []*check.Program // what was lowered, in order
}

// NewSession begins a session without variables.
func NewSession(opt lower.Options) *Session {
	return &Session{lower: lower.NewSession(opt), prog: &Program{hosts: map[int]lower.Host{}}}
}

// Run lowers and runs one more checked program. Diagnostics say that it could not be lowered; the error is that of
// Program.Run. Variables keep what was assigned before a failure.
func (s *Session) Run(ctx context.Context, p *check.Program, host Host, params map[string]value.Value) ([]*diag.Diagnostic, error) {
	unit, diags := s.lower.Lower(p)
	if unit == nil {
		return diags, nil
	}
	s.said = append(s.said, p)
	had := len(s.prog.globals)
	s.prog.extend(unit)
	m := newMachine(s.prog, host, params)
	if s.m != nil {
		for _, g := range unit.Variables {
			if g < had {
				m.globals[g] = s.m.globals[g]
			}
		}
	}
	s.m = m
	return nil, m.run(ctx)
}

// Plan loads one more checked program for a plan: it begins with the session's variables and FUNCTIONs each time it is
// walked, and leaves the session as it is. Everything said before is lowered anew, since a plan's branches differ.
func (s *Session) Plan(p *check.Program) (*Program, []*diag.Diagnostic) {
	again := lower.NewSession(lower.Options{Plan: true})
	prog := &Program{hosts: map[int]lower.Host{}}
	for _, before := range append(slices.Clone(s.said), p) {
		unit, diags := again.Lower(before)
		if unit == nil {
			return nil, diags
		}
		prog.extend(unit)
	}
	for _, g := range prog.unit.Variables {
		if v := s.Variable(string(prog.unit.Globals[g].(lower.Variable))); v != nil {
			prog.globals[g] = v
		}
	}
	return prog, nil
}

// Variable gives the value of a variable by its name without the $, in any case; nil if it has none.
func (s *Session) Variable(name string) value.Value {
	if s.m == nil {
		return nil
	}
	if v := s.m.global(name); v != nil && !value.IsUnset(v) {
		return v
	}
	return nil
}

// Variables lists the names of the variables that have a value, in the order of their first assignment.
func (s *Session) Variables() []string {
	var names []string
	if s.m == nil {
		return nil
	}
	for _, g := range s.prog.unit.Variables {
		if !value.IsUnset(s.m.globals[g]) {
			names = append(names, string(s.prog.unit.Globals[g].(lower.Variable)))
		}
	}
	return names
}
