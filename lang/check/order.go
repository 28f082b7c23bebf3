package check

import "github.com/standin-project/standin/lang/syntax"

// deeds is what a statement or a FUNCTION does, as far as the order of a runbook asks.
type deeds struct {
	changes bool // a command that is more than a read or a session's
	rest    bool // a statement that is neither a read nor an assignment
	require bool
	calls   []*Function
}

// stage is the part of a runbook that a statement belongs to.
type stage int

const (
	anywhere stage = iota
	params
	uses
	reads
	requires
	rest
)

func (s stage) String() string {
	return [...]string{"", "PARAM", "USE", "reads and assignments", "REQUIRE", "the first change or other statement"}[s]
}

// order tests PARAM, USE, reads and assignments, REQUIRE, the rest; and that ON ERROR CONTINUE comes first. The lines of
// a REPL have no order among each other.
func (c *checker) order(body []syntax.Stmt, did []deeds) {
	if c.role == module || c.opt.Session != nil && len(c.open) == 1 {
		return
	}
	last, others := anywhere, false
	for i, s := range body {
		now := c.stage(s, &did[i])
		switch now {
		case params, uses:
			if now < last {
				c.report(wrongOrder.at(head(c.src, s), now, last))
			}
		case requires:
			if now < last {
				c.report(wrongOrder.at(head(c.src, s), now, last))
			}
			others = true
		case reads:
			// A read behind the REQUIREs is part of the rest.
			if last == requires {
				now = rest
			}
			others = true
		case rest:
			others = true
		default:
			if _, ok := s.(*syntax.OnErrorContinue); ok && others {
				c.report(lateOnError.at(head(c.src, s)))
			}
			_, isFunction := s.(*syntax.Function)
			others = others || isFunction
		}
		last = max(last, now)
	}
}

func (c *checker) stage(s syntax.Stmt, did *deeds) stage {
	switch s.(type) {
	case *syntax.Param:
		return params
	case *syntax.Use:
		return uses
	case *syntax.Bad, *syntax.Function, *syntax.OnErrorContinue:
		return anywhere
	}
	switch {
	case did.rest || did.changes || anyChanges(did.calls):
		return rest
	case did.require:
		return requires
	}
	return reads
}

func anyChanges(calls []*Function) bool {
	for _, f := range calls {
		if f.changes {
			return true
		}
	}
	return false
}

// spread finds out which FUNCTIONs change something, through the FUNCTIONs that they call too.
func (c *checker) spread(functions []*syntax.Function) {
	for again := true; again; {
		again = false
		for _, decl := range functions {
			f := c.p.Functions[Fold(decl.Name.Text)]
			if did := c.deeds[decl]; !f.changes && (did.changes || anyChanges(did.calls)) {
				f.changes, again = true, true
			}
		}
	}
}
