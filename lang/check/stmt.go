package check

import (
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// block checks the statements of a block at the place that it makes.
func (c *checker) block(b *syntax.Block, inside func(*place)) {
	if b == nil {
		return
	}
	outer := c.here
	if inside != nil {
		inside(&c.here)
	}
	for _, s := range b.Body {
		c.stmt(s)
	}
	c.here = outer
}

// stmt checks one statement; it notes what the statement does for the order of the runbook.
func (c *checker) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.CommandStmt:
		c.did(c.command(s.Command, true))
	case *syntax.Assign:
		c.assign(s)
	case *syntax.If:
		for _, a := range s.Arms {
			c.expr(a.Cond)
			c.block(a.Body, nil)
		}
		c.block(s.Else, nil)
	case *syntax.While:
		c.expr(s.Cond)
		c.block(s.Body, loop(""))
	case *syntax.For:
		c.assigned(s.Var)
		c.number(s.From, "the first number of FOR", "decimal")
		c.number(s.To, "the last number of FOR", "decimal")
		c.number(s.By, "the STEP of FOR", "decimal")
		c.block(s.Body, loop(s.Var.Text))
	case *syntax.ForIn:
		c.assigned(s.Var)
		c.expr(s.List)
		c.block(s.Body, loop(s.Var.Text))
	case *syntax.Try:
		c.block(s.Body, within("TRY"))
		if s.ErrVar != nil {
			c.assigned(*s.ErrVar)
		}
		c.block(s.Handler, within("TRY"))
		c.block(s.Finally, within("TRY"))
	case *syntax.Break:
		c.leave(s, "BREAK")
	case *syntax.Continue:
		c.leave(s, "CONTINUE")
	case *syntax.Return:
		c.expr(s.Value)
		if !c.here.function {
			c.report(outsideReturn.at(head(c.src, s)))
		}
	case *syntax.Param, *syntax.Use, *syntax.OnErrorContinue:
		c.report(topLevel.at(head(c.src, s), strings.ToUpper(c.text(head(c.src, s)))))
	case *syntax.Function:
		c.report(functionPlace.at(head(c.src, s)))
		if key := Fold(s.Name.Text); c.p.Functions[key] == nil {
			c.p.Functions[key] = &Function{Decl: s, In: c.p} // where it stands is the mistake, not its calls
		}
	case *syntax.Require:
		c.require(s)
	default:
		c.note.rest = true
		c.effect(s)
	}
}

// effect checks the statements that belong to the rest of a runbook.
func (c *checker) effect(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.Write:
		c.exprs(s.Args)
	case *syntax.Wait:
		c.number(s.For, "WAIT", "milliseconds")
	case *syntax.WaitUntil:
		c.expr(s.Cond)
		c.number(s.Every, "EVERY", "duration")
		c.number(s.Timeout, "TIMEOUT", "duration")
	case *syntax.Exit:
		c.exit(s)
	case *syntax.Step:
		c.step(s)
	case *syntax.Parallel:
		c.parallel(s)
	case *syntax.Confirm:
		c.notInFunction(s, "CONFIRM")
		c.expr(s.Text)
		c.expr(s.Why)
	case *syntax.PointOfNoReturn:
		c.notInFunction(s, "POINT OF NO RETURN")
	case *syntax.CallStmt:
		c.expr(s.Call)
	case *syntax.Manual:
		c.expr(s.Text)
		c.expr(s.Until)
	case *syntax.Run:
		c.notInFunction(s, "RUN")
		c.run(s)
	}
}

// did notes a command's effect.
func (c *checker) did(s *sig.Signature) {
	if s != nil && s.Effect != sig.Reads && s.Effect != sig.Session {
		c.note.changes = true
	}
}

// loop is the place inside a loop over the variable.
func loop(variable string) func(*place) {
	return func(p *place) {
		p.loop, p.barrier = true, ""
		if variable != "" {
			p.loopVars = append(p.loopVars[:len(p.loopVars):len(p.loopVars)], Fold(variable))
		}
	}
}

// within is the place inside a block that REQUIRE cannot stand in.
func within(word string) func(*place) {
	return func(p *place) {
		if word != "TRY" {
			p.loop, p.barrier = false, word
		}
		p.guard = word
	}
}

func (c *checker) leave(s syntax.Stmt, word string) {
	switch {
	case c.here.loop:
	case c.here.barrier != "":
		c.report(leavesBlock.at(head(c.src, s), word, c.here.barrier), "set a variable here and test it after the "+c.here.barrier)
	default:
		c.report(outsideLoop.at(head(c.src, s), word))
	}
}

func (c *checker) notInFunction(s syntax.Stmt, word string) {
	if c.here.function {
		c.report(inBody.at(head(c.src, s), word))
	}
}

// assigned tests that an assigned variable may be: the variable of a FOR around may not, nor a PARAM in a FUNCTION.
func (c *checker) assigned(n syntax.Name) {
	key := Fold(n.Text)
	if slices.Contains(c.here.loopVars, key) {
		c.report(loopVariable.at(n.Span, n.Text))
	}
	if c.here.function && c.scope.params[key] && !c.isParameter(key) {
		c.report(paramAssigned.at(n.Span, n.Text))
	}
}

func (c *checker) assign(s *syntax.Assign) {
	c.assigned(s.Target)
	if len(s.Path) > 0 {
		c.variable(&syntax.Var{At: s.Target.At, Name: s.Target.Text})
	}
	c.exprs(s.Path)
	if cmd, ok := s.Value.(*syntax.Command); ok {
		c.did(c.command(cmd, true))
		return
	}
	c.expr(s.Value)
}

// isParameter says whether the folded name is a parameter of the FUNCTION around.
func (c *checker) isParameter(key string) bool {
	return slices.ContainsFunc(c.scope.fn.Params, func(p syntax.FuncParam) bool { return Fold(p.Name.Text) == key })
}

func (c *checker) require(s *syntax.Require) {
	c.note.require = true
	switch {
	case c.here.guard != "":
		c.report(requirePlace.at(head(c.src, s), c.here.guard))
	case c.here.function:
		c.report(requirePlace.at(head(c.src, s), "FUNCTION"))
	}
	c.expr(s.Cond)
	c.expr(s.Message)
}

func (c *checker) step(s *syntax.Step) {
	c.notInFunction(s, "STEP")
	c.expr(s.Title)
	c.number(s.Timeout, "TIMEOUT", "duration")
	c.number(s.Retry, "RETRY", "number")
	c.number(s.Every, "EVERY", "duration")
	c.expr(s.When)
	c.block(s.Body, within("STEP"))
	c.block(s.Undo, within("STEP"))
}

// parallel checks the branches: each is a STEP, and none reads what another assigns, unless it has its own.
func (c *checker) parallel(s *syntax.Parallel) {
	c.notInFunction(s, "PARALLEL")
	c.number(s.Max, "MAX", "number")
	if s.Body == nil {
		return
	}
	outer := c.here
	c.here.parallel++
	within("PARALLEL")(&c.here)
	own := make([]map[string]bool, len(s.Body.Body))
	read := make([][]*syntax.Var, len(s.Body.Body))
	anywhere := map[string]bool{}
	for i, branch := range s.Body.Body {
		switch branch.(type) {
		case *syntax.Step, *syntax.Bad:
		default:
			c.report(onlySteps.at(head(c.src, branch)))
		}
		start := len(c.uses)
		c.stmt(branch)
		read[i] = c.uses[start:]
		own[i] = map[string]bool{}
		assigns([]syntax.Stmt{branch}, func(n syntax.Name) { own[i][Fold(n.Text)], anywhere[Fold(n.Text)] = true, true })
	}
	for i := range read {
		for _, v := range read[i] {
			if key := Fold(v.Name); anywhere[key] && !own[i][key] {
				c.report(crossBranch.at(v.Span, v.Name))
			}
		}
	}
	c.here = outer
	if c.here.parallel == 0 {
		c.uses = c.uses[:0]
	}
}

func (c *checker) exit(s *syntax.Exit) {
	c.expr(s.Code)
	if text, kind := literal(s.Code); kind != "" {
		if n, err := parseAs("number", text); err != nil || kind != "number" || n.(int64) < 0 || n.(int64) > 255 {
			c.report(badExitCode.at(s.Code.Pos(), shown(s.Code)))
		}
	}
}

// function checks a FUNCTION's body in its own scope.
func (c *checker) function(f *syntax.Function, outer *scope) {
	fn := c.p.Functions[Fold(f.Name.Text)]
	own := c.functionScope(f, outer)
	fn.Variables = own.order
	seen, defaults := map[string]bool{}, false
	c.note = &deeds{}
	c.deeds[f] = c.note
	c.scope = own
	c.here = place{function: true}
	for _, p := range f.Params {
		if seen[Fold(p.Name.Text)] {
			c.report(duplicateParameter.at(p.Name.Span, p.Name.Text))
		}
		seen[Fold(p.Name.Text)] = true
		if defaults && p.Default == nil {
			c.report(defaultOrder.at(p.Name.Span, p.Name.Text))
		}
		defaults = defaults || p.Default != nil
		c.expr(p.Default)
	}
	c.limit(f.Body.Body, own, maxLocals, f.Name.Span, "got %d variables in one FUNCTION", "split it into several FUNCTIONs")
	c.block(f.Body, nil)
	c.here, c.scope = place{}, outer
}
