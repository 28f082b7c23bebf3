package syntax

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
)

// MaxSize is the number of bytes that a script may have.
const MaxSize = 16 << 20

const (
	maxProblems = 1000
	maxBadBytes = 8 // with more, it is not a text
)

// Options say what the text alone does not.
type Options struct {
	// OldLine says whether a command that begins with these two words (the first without path and .exe, in lower
	// case; the second "" if there is none) is an old program's line, which may end at its newline. Nil: none is.
	OldLine func(first, second string) bool
	// Bare lets the last statement end with the text, without its `;`.
	Bare bool
}

// Parse reads a script. Where it has mistakes the diagnostics name all of them, and the tree holds a *Bad for each
// statement that could not be read; such a tree is good for checking, not for running or printing.
func Parse(src *diag.Source, opt Options) (*File, []*diag.Diagnostic) {
	p := &parser{src: src, opt: opt, scan: newScanner(src.Text), file: &File{Source: src}}
	if p.readable() {
		p.run()
	}
	return p.file, p.finish()
}

// Incomplete says whether the only thing wrong with the text is that more of it is needed: an open block, bracket
// or comment, or a missing last `;`.
func Incomplete(src *diag.Source, opt Options) bool {
	_, problems := Parse(src, opt)
	return len(problems) > 0 && !slices.ContainsFunc(problems, func(d *diag.Diagnostic) bool { return d.Code != endCode })
}

type parser struct {
	src   *diag.Source
	opt   Options
	scan  *scanner
	lex   *lexer.PeekingLexer // the tokens up to the next `;`
	line  bool                // the statement may end with its tokens: an old program's line
	file  *File
	stack []*frame
	diags []*diag.Diagnostic
	fatal bool // the last mistake makes it pointless to go on
}

func (p *parser) report(d *diag.Diagnostic) {
	p.diags = append(p.diags, d)
}

func (p *parser) finish() []*diag.Diagnostic {
	p.file.Comments = p.scan.comments
	problems := append(p.diags, p.scan.problems...)
	for _, d := range problems {
		d.Source = p.src
	}
	problems = diag.Sort(problems)
	if len(problems) > maxProblems {
		last := tooMany.at(problems[maxProblems].Span, maxProblems)
		last.Source = p.src
		problems = append(problems[:maxProblems], last)
	}
	return problems
}

// readable refuses what is too large or is not text.
func (p *parser) readable() bool {
	text := p.src.Text
	if len(text) > MaxSize {
		p.report(tooLarge.at(diag.Span{}, len(text), MaxSize))
		return false
	}
	bad := 0
	for i := 0; i < len(text) && bad <= maxBadBytes; {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			if bad++; bad == 1 {
				p.report(badByte.at(diag.Span{Start: i, End: i + 1}, byteName(text[i])))
			}
		}
		i += size
	}
	return bad <= maxBadBytes
}

func byteName(b byte) string {
	if b == 0 {
		return "a NUL byte"
	}
	return fmt.Sprintf("the byte %#x", b)
}

// run reads statement after statement until the text ends.
func (p *parser) run() {
	for p.fill() && !p.fatal && len(p.diags) <= maxProblems {
		p.statement()
	}
	for len(p.stack) > 0 {
		f := p.stack[len(p.stack)-1]
		if !p.fatal {
			p.report(unclosedBlock.at(f.open, f.word))
		}
		p.close(f.open.End)
	}
}

// fill makes sure that there is a token to read.
func (p *parser) fill() bool {
	for p.lex == nil || p.lex.Peek().EOF() {
		if p.scan.done() {
			return false
		}
		p.lex, _ = lexer.Upgrade(p.scan) // a scanner does not fail
	}
	return true
}

func (p *parser) reader() *reader { return &reader{PeekingLexer: p.lex} }

// add puts a statement where it belongs: into the innermost open block.
func (p *parser) add(s Stmt) {
	body := &p.file.Body
	if len(p.stack) > 0 {
		body = &p.stack[len(p.stack)-1].block.Body
	}
	*body = append(*body, s)
}

// parse reads one production; when that fails the statement is given up and ok is false.
func parse[T any](p *parser, grammar func() *participle.Parser[T]) (read *T, at At, ok bool) {
	first := *p.lex.Peek()
	start := p.lex.MakeCheckpoint()
	read, err := grammar().ParseFromLexer(p.lex, participle.AllowTrailing(true))
	if err != nil {
		p.lex.LoadCheckpoint(start)
		p.giveUp(p.explain(err, &first))
		return nil, At{}, false
	}
	return read, At{span(&first).Join(span(p.reader().before()))}, true
}

// explain turns participle's error into a diagnostic with the statement's usage as the way out.
func (p *parser) explain(err error, first *lexer.Token) *diag.Diagnostic {
	var d *diag.Diagnostic
	if !errors.As(err, &d) {
		var mistake *participle.UnexpectedTokenError
		found := p.lex.Peek()
		if errors.As(err, &mistake) {
			found = &mistake.Unexpected
		}
		d = mismatch(p.tokenBefore(found), found, wanted(err))
	}
	if len(d.Hints) == 0 {
		d.Hints = []string{usage(first)}
	}
	return d
}

// usage is the way out of a mistake in the statement that begins with the token.
func usage(first *lexer.Token) string {
	word := strings.ToUpper(first.Value)
	if first.Type == tokenVar {
		word = "$"
	}
	if usage, ok := usages[word]; ok {
		return "usage: " + usage
	}
	return "the operands of a command are words, texts, variables, lists, maps or (expressions); quotes make a text of anything"
}

// tokenBefore finds the token in front of the given one.
func (p *parser) tokenBefore(t *lexer.Token) *lexer.Token {
	mark := p.lex.MakeCheckpoint()
	defer p.lex.LoadCheckpoint(mark)
	var before *lexer.Token
	for next := p.lex.Peek(); next.Pos.Offset < t.Pos.Offset && !next.EOF(); next = p.lex.Peek() {
		before = p.lex.Next()
	}
	return before
}

// productionNames say in words what participle names by its production.
var productionNames = map[string]string{
	"variablename": "a variable ($name)",
	"parameter":    "a variable ($name)",
	"typename":     "TEXT, NUMBER, TRUTH, DURATION, SIZE or SECRET",
	"functionname": "a name",
	"plain":        "a text in quotes",
	"expr":         "a value",
}

// wanted reads out of participle's message what it expected first: each way to begin
// `(expected (("IN" Expr) | ("=" Expr "TO" Expr)) "DO")`, production by production.
func wanted(err error) string {
	_, list, _ := strings.Cut(err.Error(), "(expected ")
	var choices []string
	depth, first := 0, true
	for _, item := range strings.Fields(list) {
		depth += strings.Count(item, "(")
		if first {
			name := strings.Trim(item, "()?*+")
			choices = append(choices, cmp.Or(productionNames[strings.ToLower(name)], name))
		}
		depth -= strings.Count(item, ")")
		first = item == "|" && depth <= 1
		if depth <= 0 && item != "|" {
			break
		}
	}
	return strings.Join(choices, " or ")
}

// mismatch says what was found where something else was wanted. What is missing at a line's end is missing there,
// not where the next line begins.
func mismatch(before, found *lexer.Token, want string) *diag.Diagnostic {
	place := span(found)
	if before != nil && (found.EOF() || before.Pos.Line < found.Pos.Line) {
		place = diag.Span{Start: span(before).End, End: span(before).End}
	}
	if found.EOF() {
		return atEnd.at(place, want)
	}
	return unexpected.at(place, describe(found), want)
}

func describe(t *lexer.Token) string {
	switch {
	case t.EOF():
		return "the end"
	case t.Type == tokenText, t.Type == tokenRaw:
		return "the text " + shorten(t.Value)
	}
	return quoted(shorten(t.Value))
}

func quoted(word string) string { return `"` + word + `"` }

func shorten(text string) string {
	const most = 40
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text[:min(len(text), 4*most)])[:most]) + "…"
}

// giveUp reports a mistake and goes on behind the statement: after its `;`, or at a line that begins another one.
func (p *parser) giveUp(d *diag.Diagnostic) {
	var assigns []Name
	first := p.lex.Peek()
	if first.Type == tokenVar || isWord(first, "FOR") || isWord(first, "PARAM") || isWord(first, "ON") {
		assigns = p.firstVariable()
	}
	end := span(p.lex.Next())
	for line := first.Pos.Line; !p.lex.Peek().EOF(); {
		t := p.lex.Peek()
		if t.Pos.Line > line && t.Pos.Offset >= d.Span.Start && p.beginsStatement() {
			break
		}
		line = t.Pos.Line
		if t.Type == tokenEnd || opensBlock(first) && isCloser(t) {
			break
		}
		end = span(p.lex.Next())
		if t.Pos.Offset >= d.Span.Start && opensBody(first, t) {
			break
		}
	}
	if t := p.lex.Peek(); t.Type != tokenEnd || t.Value != "" { // an unclosed text has been reported already
		p.report(d)
	}
	p.skipEnd()
	p.add(&Bad{At: At{span(first).Join(end)}, Assigns: assigns})
}

// opensBlock says whether a statement that begins with the token is the head of a block or of its part.
func opensBlock(first *lexer.Token) bool {
	switch strings.ToUpper(first.Value) {
	case "IF", "ELSEIF", "WHILE", "FOR", "STEP", "PARALLEL", "ON", "FUNCTION":
		return true
	}
	return false
}

// opensBody says whether a word ends the head of a block that began with the first token.
func opensBody(first, t *lexer.Token) bool {
	switch strings.ToUpper(first.Value) {
	case "IF", "ELSEIF":
		return isWord(t, "THEN")
	case "WHILE", "FOR", "STEP", "PARALLEL", "ON":
		return isWord(t, "DO")
	case "FUNCTION":
		return isMark(t, ")")
	}
	return false
}

// firstVariable is what a statement that could not be read would have assigned.
func (p *parser) firstVariable() []Name {
	mark := p.lex.MakeCheckpoint()
	defer p.lex.LoadCheckpoint(mark)
	for t := p.lex.Peek(); !t.EOF() && t.Type != tokenEnd; t = p.lex.Peek() {
		if p.lex.Next(); t.Type == tokenVar {
			return []Name{{At{span(t)}, t.Value[1:]}}
		}
	}
	return nil
}

// beginsStatement says whether a line that begins with the next token surely begins a statement.
func (p *parser) beginsStatement() bool {
	t := p.lex.Peek()
	switch t.Type {
	case tokenVar:
		return isMark(p.reader().peekAt(1), "=")
	case tokenWord:
		return statementReader(t.Value) != nil && !p.longer()
	}
	return false
}

func (p *parser) skipEnd() {
	if p.lex.Peek().Type == tokenEnd {
		p.lex.Next()
	}
}

// end reads the `;` that ends a statement.
func (p *parser) end() {
	next := p.lex.Peek()
	switch {
	case next.Type == tokenEnd:
		p.lex.Next()
	case next.EOF() && (p.line || p.opt.Bare):
	default:
		p.missingEnd(p.reader().before(), next)
	}
}

func (p *parser) missingEnd(before, next *lexer.Token) {
	d := missingEnd.at(span(next), describe(before))
	switch {
	case next.EOF():
		d = atEnd.at(diag.Span{Start: span(before).End, End: span(before).End}, `";"`)
		d.Hints = []string{missingEnd.hint}
	case next.Pos.Line > before.Pos.Line:
		d.Span = diag.Span{Start: span(before).End, End: span(before).End}
		p.report(d)
		return
	}
	p.report(d)
	for line := next.Pos.Line; ; {
		t := p.lex.Peek()
		if t.EOF() || t.Type == tokenEnd || t.Pos.Line > line && p.beginsStatement() {
			break
		}
		line = p.lex.Next().Pos.Line
	}
	p.skipEnd()
}
