package syntax

import (
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
)

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
	if p.line && d.Code == atEnd.code {
		d.Code = unexpected.code // the next line does not belong to this statement
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
	if !p.broken() {
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

// missingEnd reports that the `;` is missing and goes on at the next statement.
func (p *parser) missingEnd(before, next *lexer.Token) {
	d := missingEnd.at(span(next), describe(before))
	switch {
	case next.EOF():
		d = atEnd.at(diag.Span{Start: span(before).End, End: span(before).End}, `";"`)
		d.Hints = []string{missingEnd.hint}
	case next.Pos.Line > before.Pos.Line || isCloser(next) || isWord(next, "ELSE") || isWord(next, "ELSEIF"):
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
