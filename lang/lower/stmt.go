package lower

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/d5/tengo/v2/parser"
	"github.com/d5/tengo/v2/token"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/syntax"
)

// stmts lowers statements; place is the id of the block that they stand in, "" for a script's body.
func (s *scope) stmts(place string, body []syntax.Stmt) []parser.Stmt {
	var out []parser.Stmt
	for i, stmt := range body {
		out = append(out, s.numbered(place, i+1, stmt)...)
	}
	return out
}

// numbered lowers the n-th statement of a block.
func (s *scope) numbered(place string, n int, stmt syntax.Stmt) []parser.Stmt {
	outer, commands, decides := s.place, s.commands, s.decides
	defer func() { s.place, s.commands, s.decides = outer, commands, decides }()
	s.place, s.commands, s.decides = strconv.Itoa(n), 0, 0
	if place != "" {
		s.place = place + "." + s.place
	}
	return s.stmt(stmt)
}

// branch lowers the n-th block of the statement whose place is given, as a Tengo block.
func (s *scope) branch(place string, n int, b *syntax.Block) *parser.BlockStmt {
	return block(s.stmts(fmt.Sprintf("%s.%d", place, n), b.Body))
}

func (s *scope) stmt(stmt syntax.Stmt) []parser.Stmt {
	switch x := stmt.(type) {
	case *syntax.CommandStmt:
		mode := Bare
		if s.classic && s.protect == 0 {
			mode = Classic
		}
		return s.do(s.command(x.Command, mode))
	case *syntax.Assign:
		return s.assign(x)
	case *syntax.CallStmt:
		return s.do(s.expr(x.Call))
	case *syntax.If:
		return s.ifStmt(x)
	case *syntax.While:
		return s.while(x)
	case *syntax.For:
		return s.forStmt(x)
	case *syntax.ForIn:
		return s.loop(x, x.Var, s.host(HostEach, s.at(x.List), s.loopHandle(x.List, x.Var), s.expr(x.List)), x.Body)
	case *syntax.Write:
		return s.do(s.host(HostWrite, s.at(x), s.siteHandle(x), s.gather(HostLine, HostLine, s.exprs(x.Args), s.at(x))))
	case *syntax.Param:
		return s.param(x)
	case *syntax.Step:
		return s.step(x)
	case *syntax.Parallel:
		return s.parallel(x)
	case *syntax.Try:
		return s.try(x)
	case *syntax.Break:
		return s.jump(x, BreakSignal, s.closure, s.at(x))
	case *syntax.Continue:
		return s.jump(x, ContinueSignal, s.closure, s.at(x))
	case *syntax.Return:
		return s.returnStmt(x)
	case *syntax.Function, *syntax.Use, *syntax.OnErrorContinue:
		return nil
	case *syntax.Bad:
		s.fail(x, "lowering", "the statement could not be read")
		return nil
	}
	return s.request(stmt)
}

// request lowers the statements that are one call of the host.
func (s *scope) request(stmt syntax.Stmt) []parser.Stmt {
	pos := s.at(stmt)
	switch x := stmt.(type) {
	case *syntax.Wait:
		return s.do(s.host(HostWait, pos, s.siteHandle(x), s.expr(x.For)))
	case *syntax.WaitUntil:
		return s.do(s.host(HostWaitUntil, pos, s.siteHandle(x), s.thunk(x.Cond), s.optional(x.Every), s.optional(x.Timeout)))
	case *syntax.Exit:
		return s.do(s.host(HostExit, pos, s.siteHandle(x), s.optional(x.Code)))
	case *syntax.Require:
		return s.do(s.host(HostRequire, pos, s.siteHandle(x), s.expr(x.Cond), s.optional(x.Message)))
	case *syntax.Confirm:
		args := []parser.Expr{s.siteHandle(x), s.expr(x.Text)}
		if x.Typed {
			args = append(args, s.optional(x.Why))
		}
		return s.do(s.host(HostConfirm, pos, args...))
	case *syntax.Manual:
		args := []parser.Expr{s.siteHandle(x), s.expr(x.Text)}
		if x.Until != nil {
			args = append(args, s.thunk(x.Until))
		}
		return s.do(s.host(HostManual, pos, args...))
	case *syntax.PointOfNoReturn:
		return s.do(s.host(HostPoint, pos, s.siteHandle(x)))
	case *syntax.Run:
		h := &Run{Site: s.site(x), Path: x.Path.Value}
		args := []parser.Expr{s.handle(h)}
		for _, a := range x.Args {
			h.Args = append(h.Args, check.Fold(a.Key.Text))
			args = append(args, s.expr(a.Value))
		}
		return s.do(s.host(HostRun, pos, args...))
	}
	s.fail(stmt, "lowering", fmt.Sprintf("got %T where a statement must stand", stmt))
	return nil
}

func (s *scope) do(x parser.Expr) []parser.Stmt { return []parser.Stmt{&parser.ExprStmt{Expr: x}} }

// optional lowers an expression that may be absent.
func (s *scope) optional(x syntax.Expr) parser.Expr {
	if x == nil {
		return s.literal(nil, parser.NoPos)
	}
	return s.expr(x)
}

func (s *scope) assign(a *syntax.Assign) []parser.Stmt {
	pos := s.at(a)
	folded := check.Fold(a.Target.Text)
	var x parser.Expr
	if c, ok := a.Value.(*syntax.Command); ok {
		x = s.command(c, Captured)
	} else {
		x = s.expr(a.Value)
	}
	if len(a.Path) > 0 {
		old := s.read(&syntax.Var{At: a.Target.At, Name: a.Target.Text}, s.at(a.Target))
		x = s.host(HostWith, pos, append([]parser.Expr{old, x}, s.exprs(a.Path)...)...)
	}
	s.assigned.add(folded)
	return []parser.Stmt{assign(symbol(folded), x, pos)}
}

func (s *scope) ifStmt(x *syntax.If) []parser.Stmt {
	place, mark := s.place, s.assigned.mark()
	var paths [][]string
	root := &parser.IfStmt{}
	last := root
	for i, arm := range x.Arms {
		if i > 0 {
			next := &parser.IfStmt{}
			last.Else, last = next, next
		}
		last.IfPos = s.at(arm.Cond)
		last.Cond = s.condition(arm.Cond)
		last.Body = s.branch(place, i+1, arm.Body)
		paths = append(paths, s.assigned.back(mark))
	}
	if x.Else != nil {
		last.Else = s.branch(place, len(x.Arms)+1, x.Else)
		paths = append(paths, s.assigned.back(mark))
		s.assigned.join(paths...)
	}
	return []parser.Stmt{root}
}

func (s *scope) while(x *syntax.While) []parser.Stmt {
	place, mark := s.place, s.assigned.mark()
	s.looping = true
	cond := s.condition(x.Cond)
	s.looping = false
	s.enterLoop(x)
	body := s.branch(place, 1, x.Body)
	s.closure.loops--
	s.assigned.back(mark)
	loop := &parser.ForStmt{ForPos: s.at(x.Cond), Cond: cond, Body: body}
	if !s.s.opt.Plan {
		return []parser.Stmt{loop}
	}
	body.Stmts = append([]parser.Stmt{assign(":again", s.literal(true, parser.NoPos), parser.NoPos)}, body.Stmts...)
	first := define(":again", s.literal(false, parser.NoPos), parser.NoPos)
	return []parser.Stmt{block([]parser.Stmt{first, loop})}
}

func (s *scope) forStmt(x *syntax.For) []parser.Stmt {
	by := s.literal(int64(1), parser.NoPos)
	if x.By != nil {
		by = s.expr(x.By)
	}
	pos := s.atSpan(x.From.Pos().Join(x.To.Pos()))
	over := s.host(HostRange, pos, s.loopHandle(x.From, x.Var), s.expr(x.From), s.expr(x.To), by)
	return s.loop(x, x.Var, over, x.Body)
}

func (s *scope) loopHandle(at syntax.Node, v syntax.Name) parser.Expr {
	return s.handle(&Loop{Site: s.site(at), Var: s.global(check.Fold(v.Text))})
}

// loop lowers a FOR over what the host makes to go through: Tengo's own loop is faster than counting by operators.
func (s *scope) loop(x syntax.Stmt, v syntax.Name, over parser.Expr, b *syntax.Block) []parser.Stmt {
	place, mark := s.place, s.assigned.mark()
	pos := s.at(v)
	folded := check.Fold(v.Text)
	s.enterLoop(x)
	s.assigned.add(folded)
	body := s.branch(place, 1, b)
	item := "_"
	if s.locals[folded] {
		item = ":item"
		body.Stmts = append([]parser.Stmt{assign(symbol(folded), ident(item, pos), pos)}, body.Stmts...)
	}
	s.closure.loops--
	s.assigned.back(mark)
	return []parser.Stmt{&parser.ForInStmt{
		ForPos: pos, Key: ident("_", pos), Value: ident(item, pos), Iterable: over, Body: body,
	}}
}

func (s *scope) enterLoop(x syntax.Stmt) {
	c := s.closure
	c.loops++
	c.deepest = max(c.deepest, c.loops)
	if 2*c.loops > maxLocals {
		s.fail(x, "too-deep", fmt.Sprintf("loops are nested more than %d deep", maxLocals/2), "move the inner ones into a FUNCTION")
	}
}

func (s *scope) param(x *syntax.Param) []parser.Stmt {
	pos := s.at(x)
	folded := check.Fold(x.Name.Text)
	h := s.handle(&Param{Site: s.site(x), Name: folded, Type: x.Type.Text})
	given := assign(symbol(folded), s.host(HostParam, pos, h), pos)
	s.assigned.add(folded)
	if x.Default == nil {
		return []parser.Stmt{given}
	}
	other := assign(symbol(folded), s.host(HostParam, pos, h, s.expr(x.Default)), pos)
	return []parser.Stmt{&parser.IfStmt{
		Cond: s.host(HostGiven, pos, h), Body: block([]parser.Stmt{given}), Else: block([]parser.Stmt{other}),
	}}
}

// head is the part of a statement before its first block.
func head(x syntax.Stmt, b *syntax.Block) diag.Span {
	span := x.Pos()
	if b != nil && b.Pos().Start > span.Start {
		span.End = b.Pos().Start
	}
	return span
}

func (s *scope) step(x *syntax.Step) []parser.Stmt {
	place, mark := s.place, s.assigned.mark()
	pos := s.at(x.Title)
	site := s.site(x)
	site.Span = diag.Span{Start: x.Pos().Start, End: x.Title.Pos().End}
	when := s.literal(true, pos)
	if x.When != nil {
		when = s.expr(x.When)
	}
	args := []parser.Expr{
		s.handle(&site), s.expr(x.Title), s.optional(x.Timeout), s.optional(x.Retry), s.optional(x.Every), when,
	}
	body, _ := s.inner(place+".1", x.Body, false)
	added := s.assigned.back(mark)
	undo := s.literal(nil, pos)
	if x.Undo != nil {
		undo, _ = s.inner(place+".2", x.Undo, false)
		s.assigned.back(mark)
	}
	if x.When == nil {
		s.assigned.join(added)
	}
	return s.do(s.host(HostStep, pos, append(args, body, undo)...))
}

// maxBranches is what one Tengo call takes.
const maxBranches = 240

func (s *scope) parallel(x *syntax.Parallel) []parser.Stmt {
	place, mark := s.place, s.assigned.mark()
	pos := s.atSpan(head(x, x.Body))
	h := &Parallel{Site: s.site(x)}
	args := []parser.Expr{s.handle(h), s.optional(x.Max)}
	var all []string
	for i := range x.Body.Body {
		c := &closure{outer: s.closure}
		s.closure = c
		s.protect++
		one := s.numbered(place+".1", i+1, x.Body.Body[i])
		s.protect--
		s.closure = c.outer
		args = append(args, funcLit([]string{":arg"}, append(one, s.returnNone())))
		h.Assigns = append(h.Assigns, s.assigns(x.Body.Body[i]))
		all = append(all, s.assigned.back(mark)...)
	}
	s.assigned.join(all)
	if n := len(x.Body.Body); n > maxBranches {
		s.fail(x, "too-many-branches", fmt.Sprintf("the PARALLEL has %d steps, want at most %d", n, maxBranches),
			"split it into several PARALLELs")
	}
	return s.do(s.host(HostParallel, pos, args...))
}

func (s *scope) try(x *syntax.Try) []parser.Stmt {
	place, mark := s.place, s.assigned.mark()
	pos := s.atSpan(head(x, x.Body))
	site := s.site(x)
	site.Span = head(x, x.Body)
	body, inBody := s.inner(place+".1", x.Body, true)
	added := s.assigned.back(mark)
	closures := []*closure{inBody}
	handler, finally := s.literal(nil, pos), s.literal(nil, pos)
	if x.Handler != nil {
		var first []parser.Stmt
		if x.ErrVar != nil {
			folded := check.Fold(x.ErrVar.Text)
			s.assigned.add(folded)
			first = append(first, assign(symbol(folded), ident(":arg", pos), pos))
			if g := s.global(folded); g >= 0 {
				s.s.errorVars[g] = true
			}
		}
		var c *closure
		handler, c = s.inner(place+".2", x.Handler, true, first...)
		closures = append(closures, c)
		s.assigned.join(added, s.assigned.back(mark))
	} else {
		s.assigned.join(added)
	}
	if x.Finally != nil {
		after := s.assigned.back(mark)
		var c *closure
		finally, c = s.inner(place+".3", x.Finally, true)
		closures = append(closures, c)
		s.assigned.join(after)
	}
	call := s.host(HostTry, pos, s.handle(&site), body, handler, finally)
	return s.leave(x, call, closures, pos)
}

// leave does a TRY and then what its blocks asked for by a signal.
func (s *scope) leave(x *syntax.Try, call parser.Expr, closures []*closure, pos parser.Pos) []parser.Stmt {
	used := map[string]bool{}
	for _, c := range closures {
		for signal := range c.signals {
			used[string(signal)] = true
		}
	}
	if len(used) == 0 {
		return s.do(call)
	}
	out := []parser.Stmt{define(":signal", call, pos)}
	for _, signal := range sortedKeys(used) {
		is := &parser.BinaryExpr{
			LHS: ident(":signal", pos), RHS: ident(s.s.shared(Signal(signal)), pos), Token: token.Equal, TokenPos: pos,
		}
		out = append(out, &parser.IfStmt{Cond: is, Body: block(s.jump(x, Signal(signal), s.closure, pos))})
	}
	return []parser.Stmt{block(out)}
}

// jump lowers BREAK, CONTINUE, or a RETURN whose value is in :ret.
func (s *scope) jump(x syntax.Stmt, signal Signal, c *closure, pos parser.Pos) []parser.Stmt {
	switch {
	case signal == BreakSignal && c.loops > 0:
		return []parser.Stmt{&parser.BranchStmt{Token: token.Break, TokenPos: pos}}
	case signal == ContinueSignal && c.loops > 0:
		return []parser.Stmt{&parser.BranchStmt{Token: token.Continue, TokenPos: pos}}
	case c.try:
		c.signals[signal] = true
		return []parser.Stmt{&parser.ReturnStmt{Result: ident(s.s.shared(signal), pos)}}
	case signal == ReturnSignal && s.locals != nil:
		return []parser.Stmt{&parser.ReturnStmt{Result: ident(":ret", pos)}}
	}
	s.fail(x, "misplaced", fmt.Sprintf("%s has nothing to leave here", signal))
	return nil
}

func (s *scope) returnStmt(x *syntax.Return) []parser.Stmt {
	pos := s.at(x)
	value := s.optional(x.Value)
	if _, ok := unparen(x.Value).(*syntax.Call); ok {
		// Tengo turns a call of the function itself right before RETURN into a loop, which would never end.
		value = s.test(OpRead, value, pos)
	}
	if !s.closure.try {
		if s.locals == nil {
			s.fail(x, "misplaced", "RETURN stands outside a FUNCTION", "EXIT ends a script")
		}
		return []parser.Stmt{&parser.ReturnStmt{ReturnPos: pos, Result: value}}
	}
	outermost := s.closure
	for outermost.outer != nil {
		outermost = outermost.outer
	}
	outermost.keepsBack = true
	return append([]parser.Stmt{assign(":ret", value, pos)}, s.jump(x, ReturnSignal, s.closure, pos)...)
}

func unparen(x syntax.Expr) syntax.Expr {
	for {
		p, ok := x.(*syntax.Paren)
		if !ok {
			return x
		}
		x = p.X
	}
}

// assigns lists the globals of the variables that a statement may assign.
func (s *scope) assigns(stmt syntax.Stmt) []int {
	seen := map[int]bool{}
	syntax.Walk(stmt, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			seen[s.global(check.Fold(n.Target.Text))] = true
		case *syntax.For:
			seen[s.global(check.Fold(n.Var.Text))] = true
		case *syntax.ForIn:
			seen[s.global(check.Fold(n.Var.Text))] = true
		case *syntax.Try:
			if n.ErrVar != nil {
				seen[s.global(check.Fold(n.ErrVar.Text))] = true
			}
		}
		return true
	})
	return slices.Sorted(maps.Keys(seen))
}
