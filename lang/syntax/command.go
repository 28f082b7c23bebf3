package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
)

// readCommand reads a command that is a statement of its own.
func readCommand(r *reader) (c *Command, err error) {
	defer catch(&err)
	return r.command(), nil
}

// readHead reads a command's first word.
func readHead(r *reader) (w *Word, err error) {
	defer catch(&err)
	return r.head(), nil
}

// command reads words and operands up to the `;` or the `)` that ends the command.
func (r *reader) command() *Command {
	r.enter()
	defer r.leave()
	c := &Command{}
	for !r.endsCommand() && !r.forgotEnd() {
		if len(c.Operands) == 0 {
			c.Operands = append(c.Operands, r.head())
			continue
		}
		c.Operands = append(c.Operands, r.operand())
	}
	if len(c.Operands) == 0 {
		panic(r.unexpected("a command"))
	}
	c.Span = c.Operands[0].Pos().Join(c.Operands[len(c.Operands)-1].Pos())
	return c
}

func (r *reader) endsCommand() bool {
	t := r.Peek()
	return t.EOF() || t.Type == tokenEnd || isMark(t, ")")
}

// forgotEnd says whether the next line is so surely another statement that this one's `;` must be missing. A command
// may go on over several lines, and any word may be an operand, so only shapes count that no command has.
func (r *reader) forgotEnd() bool {
	t, before := r.Peek(), r.before()
	if before == nil || t.Pos.Line == before.Pos.Line || t.Type != tokenWord && t.Type != tokenVar {
		return false
	}
	next := r.peekAt(1)
	alone := next.EOF() || next.Type == tokenEnd || next.Pos.Line > t.Pos.Line
	switch word := strings.ToUpper(t.Value); word {
	case "END", "ENDIF", "ENDWHILE", "ENDFOR", "ELSE", "UNDO", "FINALLY":
		return alone
	case "WRITE":
		return next.Type == tokenText || next.Type == tokenVar
	case "IF", "WHILE":
		return next.Type == tokenVar || isMark(next, "(")
	}
	return t.Type == tokenVar && isMark(next, "=")
}

// head reads a command's first word; a program's path and .exe are not part of its name.
func (r *reader) head() *Word {
	var w *Word
	t := r.Peek()
	if next := r.peekAt(1); t.Type != tokenRaw && (readsOtherwise(t.Value) || adjacent(t, next) && readsOtherwise(t.Value+next.Value)) {
		panic(r.unexpected("a command, or a blank before it"))
	}
	if t.Type == tokenText || t.Type == tokenRaw {
		r.Next()
		text := r.text(t)
		w = &Word{At: text.At, Raw: t.Value, Text: text.Value}
	} else {
		w = r.word()
	}
	if name, ok := programName(w.Text); ok {
		w.Text = name
	}
	return w
}

// readsOtherwise says whether a word means something else at a line's start than right behind another token: it would
// open a comment or a text there.
func readsOtherwise(word string) bool {
	for _, mark := range []string{"#", "//", "/*", "'"} {
		if strings.HasPrefix(word, mark) {
			return true
		}
	}
	return false
}

// programName takes the path and .exe off a program's name; ok says that there was one of them.
func programName(text string) (name string, ok bool) {
	name = text[strings.LastIndexAny(text, `\/`)+1:]
	if len(name) > 4 && strings.EqualFold(name[len(name)-4:], ".exe") {
		name = name[:len(name)-4]
	}
	return strings.ToLower(name), len(name) < len(text)
}

func (r *reader) operand() Expr {
	t := r.Peek()
	switch t.Type {
	case tokenVar:
		if r.plain && r.gluesOn() {
			return r.word()
		}
		return r.variableOperand()
	case tokenText, tokenRaw:
		if r.gluesOn() {
			return r.word()
		}
		r.Next()
		return r.text(t)
	case tokenMark:
		switch t.Value {
		case "(":
			if r.startsProps() {
				return r.props()
			}
			return r.paren()
		case "[":
			return r.list()
		case "{":
			return r.mapping()
		case ",", "=", "==":
			r.Next()
			return &Punct{At: At{span(t)}, Text: t.Value}
		case "]", "}":
			panic(r.unexpected("an operand or ;"))
		}
	}
	return r.word()
}

// variableOperand reads $name with .name and [key]; anything else must not be glued to it.
func (r *reader) variableOperand() Expr {
	t := r.Next()
	x := r.postfix(variable(t))
	if next := r.Peek(); r.glued() && inWord(next) {
		problem := gluedVariable.at(x.Pos().Join(span(next)), t.Value[1:])
		problem.Hints = []string{`write the whole in quotes: "${` + t.Value[1:] + `}…", or put a blank between`}
		panic(problem)
	}
	return x
}

// gluesOn says whether the token behind the next one continues a word.
func (r *reader) gluesOn() bool {
	next := r.peekAt(1)
	return adjacent(r.Peek(), next) && inWord(next)
}

// inWord says whether a token can be part of a word.
func inWord(t *lexer.Token) bool {
	switch t.Type {
	case tokenWord, tokenVar, tokenText, tokenRaw:
		return true
	case tokenMark:
		switch t.Value {
		case ",", "(", ")", "[", "]", "{", "}", "=", "==":
			return false
		}
		return true
	}
	return false
}

// word joins the tokens that stand without a blank between them.
func (r *reader) word() *Word {
	first := r.Next()
	if first.Type == tokenWord && !(r.glued() && inWord(r.Peek())) {
		return &Word{At: At{span(first)}, Raw: first.Value, Text: first.Value}
	}
	j := joiner{at: span(first), pieceStart: span(first).Start}
	j.add(r, first)
	for r.glued() && inWord(r.Peek()) {
		j.add(r, r.Next())
	}
	return j.word()
}

// joiner puts a word together. Once a part of it interpolates, the whole word is kept as parts.
type joiner struct {
	at         diag.Span
	raw, piece strings.Builder
	pieceStart int
	parts      []Expr
	quoted     bool
}

func (j *joiner) add(r *reader, t *lexer.Token) {
	j.at = j.at.Join(span(t))
	j.raw.WriteString(t.Value)
	if t.Type != tokenText && t.Type != tokenRaw {
		j.piece.WriteString(t.Value)
		return
	}
	j.quoted = true
	text := r.text(t)
	if text.Parts == nil {
		j.piece.WriteString(text.Value)
		return
	}
	for _, part := range text.Parts {
		if literal, ok := part.(*Text); ok && !literal.Raw {
			j.piece.WriteString(literal.Value)
			continue
		}
		j.flush(part.Pos().Start)
		j.parts = append(j.parts, part)
		j.pieceStart = part.Pos().End
	}
}

func (j *joiner) flush(end int) {
	if j.piece.Len() > 0 {
		j.parts = append(j.parts, &Text{At: At{diag.Span{Start: j.pieceStart, End: end}}, Value: j.piece.String()})
		j.piece.Reset()
	}
}

func (j *joiner) word() *Word {
	w := &Word{At: At{j.at}, Raw: j.raw.String(), Quoted: j.quoted}
	if j.parts == nil {
		w.Text = j.piece.String()
		return w
	}
	j.flush(j.at.End)
	w.Parts = j.parts
	return w
}

// startsProps tells (key=value, …) from a parenthesised expression: a word and a = follow the bracket.
func (r *reader) startsProps() bool {
	mark := r.MakeCheckpoint()
	defer r.LoadCheckpoint(mark)
	r.Next()
	if t := r.Peek(); t.Type != tokenWord {
		return isMark(t, ")")
	}
	r.Next()
	for r.glued() && r.Peek().Type != tokenText && inWord(r.Peek()) {
		if compares(r.Peek()) {
			return false
		}
		r.Next()
	}
	return isMark(r.Peek(), "=")
}

// compares says whether a token would make one comparison with a = behind it: fmt writes a key close to its =.
func compares(t *lexer.Token) bool { return isMark(t, "!") || isMark(t, "<") || isMark(t, ">") }

// props reads (key=value, …); the values are operands, so bare words are names.
func (r *reader) props() *Props {
	start := r.Peek()
	p := &Props{Items: r.pairs(func() Expr {
		if t := r.Peek(); r.endsCommand() || isMark(t, ",") || isMark(t, "=") {
			panic(r.unexpected("a value"))
		}
		return r.operand()
	})}
	p.Span = span(start).Join(span(r.before()))
	return p
}

// pairs reads ( key = value, … ) with its brackets.
func (r *reader) pairs(value func() Expr) []Prop {
	r.enter()
	defer r.leave()
	r.expect("(")
	var items []Prop
	for !isMark(r.Peek(), ")") {
		if r.Peek().Type != tokenWord {
			panic(r.unexpected(`name = value or ")"`))
		}
		key := r.word()
		if compares(r.before()) {
			panic(r.unexpected("a name before ="))
		}
		r.expect("=")
		items = append(items, Prop{Key: Name{key.At, key.Raw}, Value: value()})
		if !r.accept(",") && !isMark(r.Peek(), ")") {
			panic(r.unexpected(`"," or ")"`))
		}
	}
	r.Next()
	return items
}
