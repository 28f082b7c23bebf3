package lower

import (
	"errors"
	"fmt"

	"github.com/d5/tengo/v2"
	"github.com/d5/tengo/v2/parser"
	"github.com/d5/tengo/v2/token"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/syntax"
)

// Options say for what a script is lowered.
type Options struct {
	// Plan makes every branch on an unknown value ask the host; a unit without it must never meet one.
	Plan bool
}

// Lower compiles a program that Check gave no diagnostic for.
func Lower(p *check.Program, opt Options) (*Unit, []*diag.Diagnostic) {
	return NewSession(opt).Lower(p)
}

// Session lowers the lines of a REPL one after another: each unit has the globals of those before it, at the same places.
type Session struct {
	opt       Options
	symbols   *tengo.SymbolTable
	globals   []any
	names     map[any]string // literals, host functions and built-ins that have a global already
	functions map[*syntax.Function]string
	described []*Function
	variables map[string]bool // the script's variables that have a global
	indices   []int
	errorVars map[int]bool
	places    []Place
	constants []tengo.Object
	classic   bool // ON ERROR CONTINUE was said
	lines     int
	file      *syntax.File // of the program at hand
	diags     []*diag.Diagnostic
}

// NewSession begins a session without variables.
func NewSession(opt Options) *Session {
	s := &Session{
		opt: opt, symbols: tengo.NewSymbolTable(), names: map[any]string{}, functions: map[*syntax.Function]string{},
		variables: map[string]bool{}, errorVars: map[int]bool{},
	}
	for _, name := range []string{":block", ":arg", ":result"} {
		s.define(name, nil)
	}
	s.variable("exitcode")
	s.variable("error")
	s.errorVars[ErrorGlobal] = true
	return s
}

// Lower compiles one more program of the session. After diagnostics the session stays usable.
func (s *Session) Lower(p *check.Program) (unit *Unit, diags []*diag.Diagnostic) {
	s.diags, s.file = nil, p.File
	s.lines++
	s.classic = s.classic || p.ContinueOnError
	for _, name := range p.Variables {
		s.variable(name)
	}
	main := fmt.Sprintf(":main%d", s.lines)
	mainIndex := s.define(main, nil)
	var stmts []parser.Stmt
	for _, f := range s.collect(p) {
		stmts = append(stmts, assign(s.functions[f.Decl], s.function(f), parser.NoPos))
	}
	body := &scope{s: s, prog: p, source: p.File.Source, classic: s.classic, closure: &closure{}}
	stmts = append(stmts, assign(main, body.block("", p.File.Body), parser.NoPos))
	if len(s.diags) > 0 {
		return nil, s.diags
	}
	code, d := s.compile(stmts, p.File)
	if d != nil {
		return nil, []*diag.Diagnostic{d}
	}
	return &Unit{
		Code: code, Globals: s.globals, Main: mainIndex, Variables: s.indices, ErrorVars: s.errorVars,
		Functions: s.described, Places: s.places,
	}, nil
}

// collect gives the functions that p can reach and that have no code yet, and names them.
func (s *Session) collect(p *check.Program) []*check.Function {
	var fresh []*check.Function
	for todo := []*check.Program{p}; len(todo) > 0; todo = todo[1:] {
		for _, name := range sortedKeys(todo[0].Functions) {
			f := todo[0].Functions[name]
			if _, known := s.functions[f.Decl]; known {
				continue
			}
			symbol := fmt.Sprintf("%s()%d", name, len(s.functions))
			s.functions[f.Decl] = symbol
			s.define(symbol, nil)
			fresh = append(fresh, f)
			if f.In != nil {
				todo = append(todo, f.In)
			}
		}
	}
	return fresh
}

const maxGlobals = 1 << 16 // operands of Tengo's instructions that name a global or a constant have 16 bits

func (s *Session) compile(stmts []parser.Stmt, f *syntax.File) (code *tengo.Bytecode, d *diag.Diagnostic) {
	// Positions are numbers of places: one file of one line, so that Tengo gives a position back as its column.
	files := parser.NewFileSet()
	file := files.AddFile("", -1, len(s.places)+1)
	defer func() {
		if r := recover(); r != nil {
			code, d = nil, s.problem(f.Source, diag.Span{}, "lowering", fmt.Sprintf("the script cannot be compiled: %v", r))
		}
	}()
	c := tengo.NewCompiler(file, s.symbols, s.constants, nil, nil)
	if err := c.Compile(&parser.File{InputFile: file, Stmts: stmts}); err != nil {
		return nil, s.compileProblem(f.Source, err)
	}
	code = c.Bytecode()
	if n := max(len(s.globals), s.symbols.MaxSymbols(), len(code.Constants)); n > maxGlobals {
		return nil, s.problem(f.Source, f.Body[0].Pos(), "too-many-names",
			fmt.Sprintf("the script has %d variables, literals, commands and blocks, want at most %d", n, maxGlobals),
			"split it into files and join them with RUN")
	}
	s.constants = code.Constants
	return code, nil
}

func (s *Session) compileProblem(src *diag.Source, err error) *diag.Diagnostic {
	span := diag.Span{}
	var ce *tengo.CompilerError
	if errors.As(err, &ce) {
		if p := int(ce.Node.Pos()); p > 0 && p <= len(s.places) {
			src, span = s.places[p-1].Source, s.places[p-1].Span
		}
		err = ce.Err
	}
	return s.problem(src, span, "lowering", "the statement cannot be compiled: "+err.Error())
}

func (s *Session) problem(src *diag.Source, span diag.Span, code, message string, hints ...string) *diag.Diagnostic {
	return &diag.Diagnostic{Source: src, Span: span, Code: code, Message: message, Hints: hints}
}

// define makes a global with its content at the start and gives its index.
func (s *Session) define(name string, content any) int {
	s.globals = append(s.globals, content)
	return s.symbols.Define(name).Index
}

// shared gives the name of the one global that holds content.
func (s *Session) shared(content any) string {
	name, ok := s.names[content]
	if !ok {
		name = fmt.Sprintf("#%d", len(s.globals))
		s.names[content] = name
		s.define(name, content)
	}
	return name
}

// own gives the name of a new global that holds content.
func (s *Session) own(content any) string {
	name := fmt.Sprintf("#%d", len(s.globals))
	s.define(name, content)
	return name
}

func (s *Session) variable(folded string) {
	if s.variables[folded] {
		return
	}
	s.variables[folded] = true
	s.indices = append(s.indices, s.define("$"+folded, Variable(folded)))
}

// at makes a position that stands for a piece of the text.
func (s *scope) at(n syntax.Node) parser.Pos { return s.atSpan(n.Pos()) }

func (s *scope) atSpan(span diag.Span) parser.Pos {
	s.s.places = append(s.s.places, Place{Source: s.source, Span: span})
	return parser.Pos(len(s.s.places))
}

func (s *scope) fail(n syntax.Node, code, message string, hints ...string) {
	s.s.diags = append(s.s.diags, s.s.problem(s.source, n.Pos(), code, message, hints...))
}

// Shorthands for Tengo's tree.

func ident(name string, pos parser.Pos) *parser.Ident { return &parser.Ident{Name: name, NamePos: pos} }

func assign(name string, x parser.Expr, pos parser.Pos) parser.Stmt {
	return &parser.AssignStmt{
		LHS: []parser.Expr{ident(name, pos)}, RHS: []parser.Expr{x}, Token: token.Assign, TokenPos: pos,
	}
}

func define(name string, x parser.Expr, pos parser.Pos) parser.Stmt {
	return &parser.AssignStmt{
		LHS: []parser.Expr{ident(name, pos)}, RHS: []parser.Expr{x}, Token: token.Define, TokenPos: pos,
	}
}

// placed makes x carry pos as the position of whatever x is the first part of; it has no code of its own.
func placed(x parser.Expr, pos parser.Pos) parser.Expr {
	return &parser.ParenExpr{Expr: x, LParen: pos}
}

func binary(op token.Token, x, y parser.Expr, pos parser.Pos) parser.Expr {
	return &parser.BinaryExpr{LHS: placed(x, pos), RHS: y, Token: op, TokenPos: pos}
}

func block(stmts []parser.Stmt) *parser.BlockStmt { return &parser.BlockStmt{Stmts: stmts} }

func funcLit(params []string, body []parser.Stmt) parser.Expr {
	list := make([]*parser.Ident, len(params))
	for i, p := range params {
		list[i] = ident(p, parser.NoPos)
	}
	return &parser.FuncLit{Type: &parser.FuncType{Params: &parser.IdentList{List: list}}, Body: block(body)}
}
