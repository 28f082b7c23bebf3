package lower

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/d5/tengo/v2/parser"
	"github.com/d5/tengo/v2/token"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/syntax"
)

// scope lowers the statements that see the same variables: a script's body or one FUNCTION.
type scope struct {
	s        *Session
	prog     *check.Program
	source   *diag.Source
	classic  bool            // ON ERROR CONTINUE holds for bare commands here
	locals   map[string]bool // of a FUNCTION; nil in a script's body
	assigned assigned
	closure  *closure
	place    string // of the statement at hand
	commands int    // sites in the statement at hand
	decides  int
	protect  int  // STEPs and TRYs around
	looping  bool // in the condition of a WHILE
}

// closure is one Tengo function: the scope's own, or a block inside it.
type closure struct {
	outer     *closure
	try       bool // BREAK, CONTINUE and RETURN leave it by a signal
	loops     int  // loops open in it
	signals   map[Signal]bool
	deepest   int  // most loops open at once
	keepsBack bool // a RETURN inside a TRY leaves its value in :ret
}

// assigned are the variables that are assigned on every path to the statement at hand, in the order of assignment.
type assigned struct {
	order []string
	count map[string]int
}

func (a *assigned) add(name string) {
	if a.count == nil {
		a.count = map[string]int{}
	}
	a.order = append(a.order, name)
	a.count[name]++
}

func (a *assigned) has(name string) bool { return a.count[name] > 0 }

func (a *assigned) mark() int { return len(a.order) }

// back forgets what was added since mark and gives it.
func (a *assigned) back(mark int) []string {
	added := slices.Clone(a.order[mark:])
	a.order = a.order[:mark]
	for _, name := range added {
		a.count[name]--
	}
	return added
}

// join adds what all paths added.
func (a *assigned) join(paths ...[]string) {
	count := map[string]int{}
	for _, path := range paths {
		slices.Sort(path)
		for _, name := range slices.Compact(path) {
			count[name]++
		}
	}
	for _, name := range sortedKeys(count) {
		if count[name] == len(paths) {
			a.add(name)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// symbol gives the Tengo name of a variable. A FUNCTION's own variables are locals of that name, the rest are globals.
func symbol(folded string) string { return "$" + folded }

// global gives the index of the global of a variable, -1 for a local.
func (s *scope) global(folded string) int {
	if s.locals[folded] {
		return -1
	}
	sym, _, ok := s.s.symbols.Resolve(symbol(folded), false)
	if !ok {
		return -1
	}
	return sym.Index
}

// known says whether the variable certainly has a value here.
func (s *scope) known(folded string) bool {
	if folded == "exitcode" || folded == "error" || s.assigned.has(folded) {
		return true
	}
	return s.locals != nil && !s.locals[folded] // a PARAM, seen from a FUNCTION
}

// block lowers statements to a function of one argument that returns NONE or a signal.
func (s *scope) block(place string, stmts []syntax.Stmt) parser.Expr {
	return funcLit([]string{":arg"}, append(s.stmts(place, stmts), s.returnNone()))
}

// inner lowers a block inside the statement at hand to such a function; first is put before its statements.
func (s *scope) inner(place string, b *syntax.Block, try bool, first ...parser.Stmt) (parser.Expr, *closure) {
	c := &closure{outer: s.closure, try: try, signals: map[Signal]bool{}}
	s.closure = c
	s.protect++
	body := append(first, s.stmts(place, b.Body)...)
	s.protect--
	s.closure = c.outer
	return funcLit([]string{":arg"}, append(body, s.returnNone())), c
}

// thunk makes a function that evaluates a condition that is waited for. Of a comparison it notes the left side.
func (s *scope) thunk(x syntax.Expr) parser.Expr {
	pos := s.at(x)
	var value parser.Expr
	if b, ok := unparen(x).(*syntax.Binary); ok && !logical(b) {
		value = binary(operator(b.Op), s.host(HostSeen, pos, s.expr(b.X)), s.expr(b.Y), pos)
	} else {
		value = s.expr(x)
	}
	return funcLit([]string{":arg"}, []parser.Stmt{&parser.ReturnStmt{Result: value}})
}

func (s *scope) returnNone() parser.Stmt {
	return &parser.ReturnStmt{Result: s.literal(nil, parser.NoPos)}
}

// maxLocals is a little below what an 8-bit operand can name: loops and RETURN need some of their own.
const maxLocals = 240

// function lowers a FUNCTION.
func (s *Session) function(f *check.Function) parser.Expr {
	in := f.In
	sc := &scope{
		s: s, prog: in, source: in.File.Source, classic: in.ContinueOnError,
		locals: map[string]bool{}, closure: &closure{},
	}
	info := &Function{Name: f.Decl.Name.Text, Source: sc.source, Span: f.Decl.Pos()}
	place := check.Fold(info.Name)
	if in.File != s.file {
		place = path.Base(in.File.Source.Name) + ":" + place // two modules may have FUNCTIONs of one name
	}
	for _, name := range f.Variables {
		if name != "exitcode" && name != "error" && !sc.locals[name] {
			sc.locals[name] = true
			info.Locals = append(info.Locals, name)
		}
	}
	s.described = append(s.described, info)
	params := make([]string, len(f.Decl.Params))
	var prologue []parser.Stmt
	for i, p := range f.Decl.Params {
		folded := check.Fold(p.Name.Text)
		params[i] = symbol(folded)
		if p.Default != nil {
			sc.place = fmt.Sprintf("%s.0.%d", place, i+1)
			prologue = append(prologue, sc.defaultParam(params[i], p))
		}
		sc.assigned.add(folded)
	}
	body := sc.stmts(place, f.Decl.Body.Body)
	if n := len(info.Locals) + 2*sc.closure.deepest; n > maxLocals {
		sc.fail(f.Decl.Name, "too-many-locals", fmt.Sprintf("the FUNCTION %q has %d variables, want at most %d", info.Name, n, maxLocals),
			"put them in a list or a map, or split the FUNCTION")
	}
	return funcLit(params, append(append(sc.unset(info.Locals[len(params):]), append(prologue, body...)...), sc.returnNone()))
}

// defaultParam gives a parameter that the call left out its default.
func (s *scope) defaultParam(name string, p syntax.FuncParam) parser.Stmt {
	pos := s.at(p.Name)
	return &parser.IfStmt{
		Cond: &parser.BinaryExpr{LHS: ident(name, pos), RHS: ident(s.s.shared(Missing), pos), Token: token.Equal, TokenPos: pos},
		Body: block([]parser.Stmt{assign(name, s.expr(p.Default), pos)}),
	}
}

// unset makes the locals of a FUNCTION; Tengo would leave in them what an earlier call left on the stack.
func (s *scope) unset(names []string) []parser.Stmt {
	var stmts []parser.Stmt
	for _, name := range names {
		stmts = append(stmts, define(symbol(name), ident(s.s.shared(Variable(name)), parser.NoPos), parser.NoPos))
	}
	if s.closure.keepsBack {
		stmts = append(stmts, define(":ret", s.literal(nil, parser.NoPos), parser.NoPos))
	}
	return stmts
}
