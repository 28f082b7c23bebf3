package syntax

import (
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The grammar of the statements: of a simple one the whole, of a block the line that opens it. It is LL(1): the
// first word chooses the production, and no token is read twice. Words are keywords only where a production
// names them. Expr, assigned and optional are read by hand (expr.go), since
// there most of a script's text stands.
type (
	assignment struct {
		Target variableName `parser:"@@"`
		Path   []pathStep   `parser:"@@*"`
		Value  assigned     `parser:"'=' @@"`
	}
	ifHead struct {
		Cond Expr `parser:"('IF' | 'ELSEIF') @@ 'THEN'"`
	}
	whileHead struct {
		Cond Expr `parser:"'WHILE' @@ 'DO'"`
	}
	forHead struct {
		Var  variableName `parser:"'FOR' @@"`
		List Expr         `parser:"( 'IN' @@"`
		From Expr         `parser:"| '=' @@"`
		To   Expr         `parser:"  'TO' @@"`
		By   Expr         `parser:"  ('STEP' @@)? ) 'DO'"`
	}
	writeStatement struct {
		First optional `parser:"'WRITE' @@"`
		More  []Expr   `parser:"(',' @@)*"`
	}
	waitStatement struct {
		Cond    Expr   `parser:"'WAIT' ( 'UNTIL' @@"`
		Every   []Expr `parser:"  ( 'EVERY' @@"`
		Timeout []Expr `parser:"  | 'TIMEOUT' @@ )*"`
		For     Expr   `parser:"| @@ )"`
	}
	exitStatement struct {
		Code optional `parser:"'EXIT' @@"`
	}
	onErrorContinue struct {
		Word string `parser:"'ON' 'ERROR' @'CONTINUE'"`
	}
	paramStatement struct {
		Name    variableName `parser:"'PARAM' @@"`
		Type    typeName     `parser:"@@"`
		Default Expr         `parser:"('=' @@)?"`
		From    string       `parser:"('FROM' @('FILE' | 'ENV' | 'COMMAND')"`
		Origin  Expr         `parser:"  @@)?"`
		Doc     *plain       `parser:"@@?"`
	}
	useStatement struct {
		Path plain `parser:"'USE' @@"`
	}
	requireStatement struct {
		Cond    Expr `parser:"'REQUIRE' @@"`
		Message Expr `parser:"',' @@"`
	}
	stepHead struct {
		Title   Expr   `parser:"'STEP' @@"`
		Timeout []Expr `parser:"( 'TIMEOUT' @@"`
		Retry   []Expr `parser:"| 'RETRY' @@"`
		Every   []Expr `parser:"| 'EVERY' @@"`
		When    []Expr `parser:"| 'WHEN' @@ )* 'DO'"`
	}
	parallelHead struct {
		Max Expr `parser:"'PARALLEL' ('MAX' @@)? 'DO'"`
	}
	handlerHead struct {
		Var *variableName `parser:"'ON' 'ERROR' @@? 'DO'"`
	}
	confirmStatement struct {
		Typed    bool     `parser:"'CONFIRM' ( @'TYPED'"`
		Answer   Expr     `parser:"  @@"`
		Why      optional `parser:"  @@"`
		Question Expr     `parser:"| @@ )"`
	}
	pointOfNoReturn struct {
		Word string `parser:"'POINT' 'OF' 'NO' @'RETURN'"`
	}
	manualStatement struct {
		Text  Expr `parser:"'MANUAL' @@"`
		Until Expr `parser:"('UNTIL' @@)?"`
	}
	returnStatement struct {
		Value optional `parser:"'RETURN' @@"`
	}
	functionHead struct {
		Name   functionName `parser:"'FUNCTION' @@ '('"`
		Params []parameter  `parser:"( @@ (',' @@)* )? ')'"`
	}
	parameter struct {
		Name    variableName `parser:"@@"`
		Default Expr         `parser:"('=' @@)?"`
	}
	runStatement struct {
		Path plain      `parser:"'RUN' @@"`
		Args *arguments `parser:"@@?"`
	}
)

// production builds the parser of one statement when the first such statement is met.
func production[T any]() func() *participle.Parser[T] {
	return sync.OnceValue(func() *participle.Parser[T] {
		return participle.MustBuild[T](
			participle.Lexer(definition{}),
			participle.CaseInsensitive("Word"),
			participle.UseLookahead(0),
			participle.ParseTypeWith(parseExpr),
			participle.ParseTypeWith(parseAssigned),
			participle.ParseTypeWith(parseOptional),
		)
	})
}

var (
	assignmentGrammar = production[assignment]()
	ifGrammar         = production[ifHead]()
	whileGrammar      = production[whileHead]()
	forGrammar        = production[forHead]()
	writeGrammar      = production[writeStatement]()
	waitGrammar       = production[waitStatement]()
	exitGrammar       = production[exitStatement]()
	onErrorGrammar    = production[onErrorContinue]()
	paramGrammar      = production[paramStatement]()
	useGrammar        = production[useStatement]()
	requireGrammar    = production[requireStatement]()
	stepGrammar       = production[stepHead]()
	parallelGrammar   = production[parallelHead]()
	handlerGrammar    = production[handlerHead]()
	confirmGrammar    = production[confirmStatement]()
	pointGrammar      = production[pointOfNoReturn]()
	manualGrammar     = production[manualStatement]()
	returnGrammar     = production[returnStatement]()
	functionGrammar   = production[functionHead]()
	runGrammar        = production[runStatement]()
)

// The leaves of the grammar. Each knows the rule of its own that the tokens alone do not show.

type variableName struct{ Name }

func (v *variableName) Parse(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	if t.Type != tokenVar {
		return participle.NextMatch
	}
	lex.Next()
	v.Name = Name{At{span(t)}, t.Value[1:]}
	return nil
}

type typeName struct{ Name }

func (n *typeName) Parse(lex *lexer.PeekingLexer) error { return word(lex, &n.Name) }

type functionName struct{ Name }

func (n *functionName) Parse(lex *lexer.PeekingLexer) error { return word(lex, &n.Name) }

func word(lex *lexer.PeekingLexer, name *Name) error {
	t := lex.Peek()
	if t.Type != tokenWord || isDigit(rune(t.Value[0])) {
		return participle.NextMatch
	}
	lex.Next()
	*name = Name{At{span(t)}, t.Value}
	return nil
}

// plain is a text without ${…}.
type plain struct{ *Text }

func (p *plain) Parse(lex *lexer.PeekingLexer) (err error) {
	t := lex.Peek()
	if t.Type != tokenText && t.Type != tokenRaw {
		return participle.NextMatch
	}
	r := &reader{PeekingLexer: lex}
	defer catch(&err)
	r.Next()
	if p.Text = r.text(t); p.Text.Parts != nil {
		return plainText.at(p.Text.Span)
	}
	return nil
}

// pathStep is .name or [key] of an assignment's target.
type pathStep struct{ Key Expr }

func (p *pathStep) Parse(lex *lexer.PeekingLexer) (err error) {
	r := &reader{PeekingLexer: lex}
	if t := lex.Peek(); !r.glued() || !isMark(t, ".") && !isMark(t, "[") {
		return participle.NextMatch
	}
	defer catch(&err)
	p.Key = r.step()
	return nil
}

// arguments are a RUN's (name = value, …).
type arguments struct{ Items []Prop }

func (a *arguments) Parse(lex *lexer.PeekingLexer) (err error) {
	r := &reader{PeekingLexer: lex}
	if !isMark(lex.Peek(), "(") {
		return participle.NextMatch
	}
	defer catch(&err)
	a.Items = r.pairs(r.expr)
	return nil
}
