package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
)

const (
	maxNesting   = 200  // of blocks, and of brackets in an expression
	maxOperators = 1000 // in a row on one level; every link is one level of the tree
)

// reader reads expressions and commands off the tokens. Its methods panic with a *diag.Diagnostic at the first
// mistake.
type reader struct {
	*lexer.PeekingLexer
	depth int
	plain bool // quoted texts hold no ${…}: a batch file's line
}

// catch turns a reader's panic into the error that participle passes on.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case *diag.Diagnostic:
		*err = p
	default:
		panic(p)
	}
}

// The productions that grammar.go hands to participle.

func parseExpr(lex *lexer.PeekingLexer) (x Expr, err error) {
	r := &reader{PeekingLexer: lex}
	defer catch(&err)
	return r.expr(), nil
}

// assigned is what may stand behind the = of an assignment: an expression or a command.
type assigned interface{ Expr }

func parseAssigned(lex *lexer.PeekingLexer) (x assigned, err error) {
	r := &reader{PeekingLexer: lex}
	defer catch(&err)
	return r.exprOrCommand(), nil
}

// optional is an expression that may be missing at a statement's end.
type optional interface{ Expr }

func parseOptional(lex *lexer.PeekingLexer) (x optional, err error) {
	if t := lex.Peek(); t.Type == tokenEnd || t.EOF() {
		return nil, nil
	}
	return parseExpr(lex)
}

func span(t *lexer.Token) diag.Span {
	return diag.Span{Start: t.Pos.Offset, End: t.Pos.Offset + len(t.Value)}
}

// before is the token that was read last, or nil.
func (r *reader) before() *lexer.Token {
	i := r.RawCursor()
	if i == 0 {
		return nil
	}
	return &r.Range(i-1, i)[0]
}

// glued says whether the next token stands right behind the last one, without a blank.
func (r *reader) glued() bool {
	t := r.before()
	return t != nil && span(t).End == r.Peek().Pos.Offset && !r.Peek().EOF()
}

// peekAt looks n tokens ahead.
func (r *reader) peekAt(n int) *lexer.Token {
	mark := r.MakeCheckpoint()
	defer r.LoadCheckpoint(mark)
	for range n {
		r.Next()
	}
	return r.Peek()
}

func adjacent(a, b *lexer.Token) bool { return span(a).End == b.Pos.Offset && !b.EOF() }

func isMark(t *lexer.Token, value string) bool { return t.Type == tokenMark && t.Value == value }

func isWord(t *lexer.Token, word string) bool {
	return t.Type == tokenWord && strings.EqualFold(t.Value, word)
}

// accept reads the mark if it comes next.
func (r *reader) accept(mark string) bool {
	if !isMark(r.Peek(), mark) {
		return false
	}
	r.Next()
	return true
}

func (r *reader) expect(mark string) {
	if !r.accept(mark) {
		panic(r.unexpected(quoted(mark)))
	}
}

// unexpected points at the next token, or, where that stands on a later line, behind the last one.
func (r *reader) unexpected(want string) *diag.Diagnostic {
	return mismatch(r.before(), r.Peek(), want)
}

func (r *reader) enter() {
	if r.depth++; r.depth > maxNesting {
		panic(tooDeep.at(span(r.Peek()), maxNesting))
	}
}

func (r *reader) leave() { r.depth-- }

func (r *reader) expr() Expr { return r.binary(levelOr) }

// exprOrCommand reads what may follow an assignment's = or a (. A word there starts a command.
func (r *reader) exprOrCommand() Expr {
	if t := r.Peek(); t.Type == tokenWord && !r.startsExpr(t) {
		return r.command()
	}
	return r.expr()
}

func (r *reader) startsExpr(t *lexer.Token) bool {
	next := r.peekAt(1)
	if isDigit(rune(t.Value[0])) || isMark(next, "(") && adjacent(t, next) {
		return true
	}
	switch strings.ToUpper(t.Value) {
	case "TRUE", "FALSE", "NONE", "NOT":
		return true
	}
	return false
}

// The levels of the operators, loosest first.
const (
	levelOr = iota + 1
	levelAnd
	levelNot
	levelCompare
	levelAdd
	levelMultiply
)

// operator gives the canonical spelling and the level of a binary operator; level 0 is none.
func operator(t *lexer.Token) (op string, level int) {
	switch t.Type {
	case tokenMark:
		switch t.Value {
		case "=", "==":
			return "=", levelCompare
		case "<>", "!=":
			return "<>", levelCompare
		case "<", "<=", ">", ">=":
			return t.Value, levelCompare
		case "+", "-":
			return t.Value, levelAdd
		case "*", "/", "%":
			return t.Value, levelMultiply
		}
	case tokenWord:
		switch {
		case isWord(t, "OR"):
			return "OR", levelOr
		case isWord(t, "AND"):
			return "AND", levelAnd
		}
	}
	return "", 0
}

// binary reads operators of at least the given level by precedence climbing.
func (r *reader) binary(level int) Expr {
	x := r.prefix(level)
	for n := 1; ; n++ {
		t := r.Peek()
		op, its := operator(t)
		if its < level || its == 0 {
			return x
		}
		if n > maxOperators {
			panic(tooLong.at(span(t), maxOperators))
		}
		r.Next()
		if op == "%" && r.endsOperand() {
			panic(percent.at(span(r.Peek()), describe(r.Peek())))
		}
		y := r.binary(its + 1)
		x = &Binary{At: At{x.Pos().Join(y.Pos())}, Op: op, OpAt: span(t), X: x, Y: y}
		if _, next := operator(r.Peek()); its == levelCompare && next == levelCompare {
			panic(chained.at(span(r.Peek())))
		}
	}
}

// endsOperand says whether no value can begin here.
func (r *reader) endsOperand() bool {
	t := r.Peek()
	return t.Type == tokenEnd || t.EOF() || isMark(t, ")") || isMark(t, ",")
}

func (r *reader) prefix(level int) Expr {
	t := r.Peek()
	switch {
	case isMark(t, "-"):
		return r.unary("-", r.negated)
	case isWord(t, "NOT") && level <= levelNot:
		return r.unary("NOT", func() Expr {
			if isWord(r.Peek(), "NOT") {
				return r.prefix(levelNot)
			}
			return r.binary(levelCompare)
		})
	case isWord(t, "NOT"):
		panic(inParens.at(span(t)))
	}
	return r.postfix(r.primary())
}

// smallest is the one whole number that has no positive twin.
const smallest = "9223372036854775808"

func (r *reader) negated() Expr {
	if t := r.Peek(); t.Value == smallest && !r.digitName() {
		r.Next()
		return &Number{At: At{span(t)}, Raw: smallest, Value: smallest}
	}
	return r.prefix(levelMultiply)
}

func (r *reader) unary(op string, operand func() Expr) Expr {
	r.enter()
	defer r.leave()
	start := span(r.Next())
	x := operand()
	return &Unary{At: At{start.Join(x.Pos())}, Op: op, X: x}
}

// postfix reads .name and [key], which stand right behind what they belong to.
func (r *reader) postfix(x Expr) Expr {
	for n := 1; r.glued(); n++ {
		t := r.Peek()
		if n > maxOperators {
			panic(tooLong.at(span(t), maxOperators))
		}
		if !isMark(t, ".") && !isMark(t, "[") {
			break
		}
		key := r.step()
		x = &Index{At: At{x.Pos().Join(span(r.before()))}, X: x, Key: key, Dot: isMark(t, ".")}
	}
	return x
}

// step reads one .name, as a *Text, or one [key].
func (r *reader) step() Expr {
	r.enter()
	defer r.leave()
	if r.accept("[") {
		key := r.expr()
		r.expect("]")
		return key
	}
	r.expect(".")
	name := r.Peek()
	if name.Type != tokenWord || !r.glued() {
		panic(r.unexpected("a name"))
	}
	r.Next()
	return textOf(name)
}

func textOf(t *lexer.Token) *Text { return &Text{At: At{span(t)}, Value: t.Value} }

func (r *reader) primary() Expr {
	t := r.Peek()
	switch t.Type {
	case tokenVar:
		r.Next()
		return variable(t)
	case tokenText, tokenRaw:
		r.Next()
		return r.text(t)
	case tokenWord:
		return r.named(t)
	case tokenMark:
		switch t.Value {
		case "(":
			return r.paren()
		case "[":
			return r.list()
		case "{":
			return r.mapping()
		case "“", "”", "„", "‘", "’":
			panic(curlyQuote.at(span(t), t.Value))
		}
	}
	panic(r.unexpected("a value"))
}

func variable(t *lexer.Token) *Var { return &Var{At: At{span(t)}, Name: t.Value[1:]} }

// named reads a number, a constant or a function's call.
func (r *reader) named(t *lexer.Token) Expr {
	if isDigit(rune(t.Value[0])) {
		if r.digitName() {
			w := r.peekWord()
			panic(badNumber.at(w.Span, shorten(w.Raw)))
		}
		r.Next()
		n, problem := number(t)
		if problem != nil {
			panic(problem)
		}
		return n
	}
	next := r.peekAt(1)
	if isMark(next, "(") && adjacent(t, next) {
		return r.call()
	}
	switch kind := strings.ToUpper(t.Value); kind {
	case "TRUE", "FALSE", "NONE":
		r.Next()
		return &Const{At: At{span(t)}, Kind: kind}
	}
	if structural(t) {
		panic(r.unexpected("a value"))
	}
	problem := bareWord.at(span(t), quoted(t.Value))
	problem.Hints = []string{"write \"" + t.Value + "\" for a text, $" + t.Value + " for a variable, (" + t.Value + " …) for a command"}
	panic(problem)
}

// structural says whether a word is one of those that go on with a statement behind a value.
func structural(t *lexer.Token) bool {
	switch strings.ToUpper(t.Value) {
	case "THEN", "DO", "TO", "STEP", "IN", "AND", "OR", "TIMEOUT", "RETRY", "EVERY", "WHEN", "UNTIL", "FROM", "END":
		return true
	}
	return false
}

// digitName says whether what begins with a digit here is glued to more than a number, as 10.1.0.5 is.
func (r *reader) digitName() bool {
	t, next := r.Peek(), r.peekAt(1)
	return adjacent(t, next) && next.Type == tokenMark && strings.Contains(".:@\\", next.Value)
}

// peekWord is the whole word that begins here.
func (r *reader) peekWord() *Word {
	mark := r.MakeCheckpoint()
	defer r.LoadCheckpoint(mark)
	return r.word()
}

func (r *reader) call() Expr {
	r.enter()
	defer r.leave()
	name := r.Next()
	c := &Call{Name: Name{At{span(name)}, name.Value}}
	r.expect("(")
	for !isMark(r.Peek(), ")") {
		c.Args = append(c.Args, r.expr())
		if !r.accept(",") && !isMark(r.Peek(), ")") {
			panic(r.unexpected(`"," or ")"`))
		}
	}
	c.Span = span(name).Join(span(r.Next()))
	return c
}

func (r *reader) paren() Expr {
	r.enter()
	defer r.leave()
	start := span(r.Next())
	p := &Paren{X: r.exprOrCommand()}
	end := span(r.Peek())
	r.expect(")")
	p.Span = start.Join(end)
	return p
}

func (r *reader) list() Expr {
	r.enter()
	defer r.leave()
	start := span(r.Next())
	l := &List{}
	for !isMark(r.Peek(), "]") {
		l.Items = append(l.Items, r.expr())
		if !r.accept(",") && !isMark(r.Peek(), "]") {
			panic(r.unexpected(`"," or "]"`))
		}
	}
	l.Span = start.Join(span(r.Next()))
	return l
}

func (r *reader) mapping() Expr {
	r.enter()
	defer r.leave()
	start := span(r.Next())
	m := &Map{}
	for !isMark(r.Peek(), "}") {
		m.Keys = append(m.Keys, r.key())
		r.expect(":")
		m.Values = append(m.Values, r.expr())
		if !r.accept(",") && !isMark(r.Peek(), "}") {
			panic(r.unexpected(`"," or "}"`))
		}
	}
	m.Span = start.Join(span(r.Next()))
	return m
}

func (r *reader) key() *Text {
	t := r.Peek()
	switch t.Type {
	case tokenWord:
		r.Next()
		return textOf(t)
	case tokenText, tokenRaw:
		r.Next()
		key := r.text(t)
		if key.Parts != nil {
			panic(plainText.at(key.Span))
		}
		return key
	}
	panic(r.unexpected("a key"))
}
