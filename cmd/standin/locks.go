package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// locks are the systems that the script may change, as Change.System names them. A command that names its system by a
// word, a text or a PARAM locks that one, any other command all of its kind that the site has.
func (x *execution) locks() []string {
	names := map[string]bool{}
	x.lock(names, x.s.checked, x.s.params)
	return slices.Sorted(maps.Keys(names))
}

func (x *execution) lock(names map[string]bool, p *check.Program, params map[string]value.Value) {
	lookup := builtins.Lookup(builtins.All(builtins.Systems{}))
	for _, c := range p.Calls {
		if c.Sig.Effect != sig.Changes && c.Sig.Effect != sig.Final {
			continue
		}
		rec, err := lookup(c.Sig)
		if err != nil {
			continue // the walk says so
		}
		for _, name := range x.named(rec.System, c, params) {
			names[strings.TrimSpace(rec.System+" "+name)] = true
		}
	}
	for _, used := range p.Uses {
		x.lock(names, used, nil)
	}
	for _, run := range p.Runs {
		x.lock(names, run, nil)
	}
}

// systemSlots are the types of operands that name a system, by the kind of system. An agent goes by several names, so
// that no operand tells which one it is.
func systemSlots() map[string]string {
	return map[string]string{"cluster": "cluster", "dns": "dnsserver", "directory": "directory"}
}

// named gives the systems of a kind that a call may change: those that its operands name, or all.
func (x *execution) named(kind string, c *check.Call, params map[string]value.Value) []string {
	slot := systemSlots()[kind]
	var got []string
	for _, a := range c.Args {
		if a.Type != slot || slot == "" || a.Expr == nil {
			continue
		}
		name, ok := constant(a.Expr, params)
		if !ok {
			return x.all(kind)
		}
		got = append(got, x.spelled(kind, name))
	}
	if got == nil {
		return x.all(kind)
	}
	return got
}

// constant gives the text of an operand that is the same in every run with these PARAMs.
func constant(e syntax.Expr, params map[string]value.Value) (string, bool) {
	switch e := e.(type) {
	case *syntax.Word:
		return e.Text, e.Parts == nil
	case *syntax.Text:
		return e.Value, e.Parts == nil
	case *syntax.Var:
		for name, v := range params {
			if strings.EqualFold(name, e.Name) {
				return value.AsText(v)
			}
		}
	}
	return "", false
}

// all gives the site's systems of a kind; a kind of which the site names none is one lock.
func (x *execution) all(kind string) []string {
	file := x.site.file
	switch kind {
	case "cluster":
		return slices.Sorted(maps.Keys(file.Clusters))
	case "dns":
		return slices.Sorted(maps.Keys(file.DNS))
	case "directory":
		return slices.Sorted(maps.Keys(file.Directories))
	case "agent":
		return slices.Sorted(maps.Keys(file.Agents))
	}
	return []string{""}
}

// spelled gives a system's name as the site file spells it.
func (x *execution) spelled(kind, name string) string {
	for _, known := range x.all(kind) {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// undoLocks are the systems that the run has changed.
func (x *execution) undoLocks() []string {
	names := map[string]bool{}
	add := func(entries []plan.Entry) {
		for _, e := range entries {
			for _, c := range e.Changes {
				names[c.System] = true
			}
		}
	}
	add(x.was.Entries)
	for _, child := range x.child {
		add(child.Entries)
	}
	return slices.Sorted(maps.Keys(names))
}
