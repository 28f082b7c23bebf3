package check

import (
	"maps"
	"slices"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/syntax"
)

// The machine below has operands of 8 and 16 bits. lower counts what it needs itself; these limits leave it room for that,
// so that check can name the variable, argument or item that is one too many.
const (
	maxGlobals   = 60_000
	maxLocals    = 200
	maxArguments = 200
	maxOperands  = 5_000
	maxItems     = 65_535
)

// scope is one flat set of variables.
type scope struct {
	assigned map[string]bool
	params   map[string]bool // PARAMs of the script
	order    []string
	fn       *syntax.Function // nil for the script's own
	outer    *scope           // the script's, for a FUNCTION
}

func (s *scope) add(name string) {
	if key := Fold(name); !s.assigned[key] {
		s.assigned[key] = true
		s.order = append(s.order, key)
	}
}

// sees says whether the folded name can be read here.
func (s *scope) sees(name string) bool {
	return s.assigned[name] || s.params[name] || name == "exitcode" || name == "error"
}

// names lists all that can be read here.
func (s *scope) names() []string {
	if s.outer == nil {
		return s.order // the PARAMs are among them
	}
	return append(s.order[:len(s.order):len(s.order)], slices.Sorted(maps.Keys(s.params))...)
}

// fileScope collects the variables of the script's own scope, PARAMs first.
func (c *checker) fileScope() *scope {
	s := &scope{assigned: map[string]bool{}, params: map[string]bool{}}
	for _, p := range c.p.Params {
		s.add(p.Name.Text)
		s.params[Fold(p.Name.Text)] = true
	}
	if c.opt.Session != nil && len(c.open) == 1 {
		for v := range c.opt.Session.variables {
			s.assigned[v] = true
		}
		for v := range c.opt.Session.params {
			s.params[v] = true
		}
	}
	assigns(c.p.File.Body, func(n syntax.Name) { s.add(n.Text) })
	return s
}

// functionScope collects the variables of a FUNCTION, its parameters first.
func (c *checker) functionScope(f *syntax.Function, outer *scope) *scope {
	s := &scope{assigned: map[string]bool{}, params: outer.params, fn: f, outer: outer}
	for _, p := range f.Params {
		s.add(p.Name.Text)
	}
	assigns(f.Body.Body, func(n syntax.Name) { s.add(n.Text) })
	return s
}

// assigns names every variable that the statements assign, FUNCTION bodies apart. `$m.x = 1` needs $m and does not make it.
func assigns(body []syntax.Stmt, add func(syntax.Name)) {
	for _, s := range body {
		switch s := s.(type) {
		case *syntax.Bad:
			for _, n := range s.Assigns {
				add(n)
			}
		case *syntax.Assign:
			if len(s.Path) == 0 {
				add(s.Target)
			}
		case *syntax.For:
			add(s.Var)
		case *syntax.ForIn:
			add(s.Var)
		case *syntax.Try:
			if s.ErrVar != nil {
				add(*s.ErrVar)
			}
		}
		for _, b := range blocks(s) {
			assigns(b.Body, add)
		}
	}
}

// blocks lists a statement's blocks in text order, a FUNCTION's apart.
func blocks(s syntax.Stmt) []*syntax.Block {
	var all []*syntax.Block
	switch s := s.(type) {
	case *syntax.If:
		for _, a := range s.Arms {
			all = append(all, a.Body)
		}
		all = append(all, s.Else)
	case *syntax.While:
		all = append(all, s.Body)
	case *syntax.For:
		all = append(all, s.Body)
	case *syntax.ForIn:
		all = append(all, s.Body)
	case *syntax.Step:
		all = append(all, s.Body, s.Undo)
	case *syntax.Parallel:
		all = append(all, s.Body)
	case *syntax.Try:
		all = append(all, s.Body, s.Handler, s.Finally)
	}
	there := all[:0]
	for _, b := range all {
		if b != nil {
			there = append(there, b)
		}
	}
	return there
}

// limit refuses a scope with more variables than the machine can hold, at the first one too many; at is where a
// parameter would be too many.
func (c *checker) limit(body []syntax.Stmt, s *scope, most int, at diag.Span, text, hint string) {
	if len(s.order) <= most {
		return
	}
	found := false
	assigns(body, func(n syntax.Name) {
		if !found && Fold(n.Text) == s.order[most] {
			at, found = n.Span, true
		}
	})
	c.tooMany(at, len(s.order), most, text, hint)
}
