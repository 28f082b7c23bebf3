package syntax

import (
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/sig"
)

// isOldLine says whether a command that begins with these two words is an old program's line.
func (p *parser) isOldLine(first, second string) bool {
	if p.opt.OldLine == nil {
		return false
	}
	old, _ := p.opt.OldLine([]sig.Operand{{Text: first}, {Text: second}}, nil)
	return old
}

// firstWords gives a command's first two words; the first as an old program's name stands in the table of commands.
// isProgram says that a path or .exe showed it to be a program.
func (p *parser) firstWords() (first, second string, isProgram bool) {
	mark := p.lex.MakeCheckpoint()
	defer p.lex.LoadCheckpoint(mark)
	var err error
	defer catch(&err) // what is wrong with the words shows again when the statement is read
	r := &reader{PeekingLexer: p.lex, plain: true}
	first = r.head().Text
	first, isProgram = programName(first)
	if !r.endsCommand() && inWord(r.Peek()) {
		second = r.word().Text
	}
	return first, second, isProgram
}

// oldLine reads an old program's command. One that ends with its newline comes from a batch file.
func (p *parser) oldLine() {
	var c *Command
	if count, ended := p.lineLength(); ended {
		p.within(count, func() { c = p.command(true) })
	} else {
		c = p.command(false)
	}
	if c != nil {
		head := c.Operands[0].(*Word)
		head.Text, _ = programName(head.Text)
	}
}

// dtcl reads `dtcl statement`: what the old program was given to do, as a statement of ours.
func (p *parser) dtcl() {
	count, _ := p.lineLength()
	p.within(count, func() {
		mark := p.lex.MakeCheckpoint()
		first, err := readHead(p.reader())
		if err != nil {
			at := *p.lex.Peek()
			p.lex.LoadCheckpoint(mark)
			p.giveUp(p.explain(err, &at))
			return
		}
		if again, _, _ := p.firstWords(); again == "dtcl" || p.reader().endsCommand() {
			p.report(noProgramCommand.at(first.Span))
			p.skipEnd()
			return
		}
		p.statement()
	})
}

// lineLength counts the tokens of an old program's line; ended says that its newline ends it, not a `;`.
// The next line belongs to it if it begins with an option, if one of the two has a comma at the break, or if it wraps.
func (p *parser) lineLength() (count int, ended bool) {
	r := p.reader()
	mark := r.MakeCheckpoint()
	defer r.LoadCheckpoint(mark)
	for {
		before := r.Next()
		count++
		t := r.Peek()
		switch {
		case t.Type == tokenEnd:
			return count + 1, false
		case t.EOF():
			return count, true
		case t.Pos.Line > before.Pos.Line && !isMark(before, ",") && !isMark(t, ",") && !r.atOption() && !p.wraps(count):
			return count, true
		}
	}
}

// wraps says whether the next line is the rest of an old program's line of count tokens that was broken for print. It must
// begin no statement, have no ; and be what the table of commands takes behind the line.
func (p *parser) wraps(count int) bool {
	r := p.reader()
	mark := r.MakeCheckpoint()
	defer r.LoadCheckpoint(mark)
	t, from := r.Peek(), r.RawCursor()
	if p.opt.OldLine == nil || t.Pos.Line != r.before().Pos.Line+1 || t.Type == tokenVar || statementReader(t.Value) != nil {
		return false
	}
	if first, _, isProgram := p.firstWords(); isProgram || first == "dtcl" {
		return false
	}
	n := 0
	for line := t.Pos.Line; !r.Peek().EOF() && r.Peek().Pos.Line == line; n++ {
		if r.Next().Type == tokenEnd {
			return false
		}
	}
	line, ok := shapes(r.Range(from-lexer.RawCursor(count), from))
	next, also := shapes(r.Range(from, from+lexer.RawCursor(n)))
	if !ok || !also {
		return false
	}
	line[0].Kind = sig.WordOperand
	line[0].Text, _ = programName(line[0].Text)
	line[0].Quoted = false
	_, on := p.opt.OldLine(line, next)
	return on
}

// shapes shows an old program's operands to the table of commands; ok is false where one is more than words and texts.
func shapes(tokens []lexer.Token) (ops []sig.Operand, ok bool) {
	lex, _ := lexer.Upgrade(&tokenList{tokens: tokens, end: lexer.EOFToken(tokens[len(tokens)-1].Pos)}) // a list does not fail
	r := &reader{PeekingLexer: lex, plain: true}
	var err error
	defer catch(&err) // what is wrong with an operand shows again when the statement is read
	for !r.endsCommand() {
		switch x := r.operand().(type) {
		case *Word:
			ops = append(ops, sig.Operand{Kind: sig.WordOperand, Text: x.Text, Raw: x.Raw, Quoted: x.Quoted})
		case *Text:
			ops = append(ops, sig.Operand{Kind: sig.TextOperand, Text: x.Value, Raw: x.Value})
		case *Punct:
			ops = append(ops, sig.Operand{Kind: sig.MarkOperand, Text: x.Text})
		case *Var:
			ops = append(ops, sig.Operand{Kind: sig.ValueOperand})
		default:
			return nil, false
		}
	}
	return ops, len(ops) > 0
}

// atOption says whether -x or /x comes next.
func (r *reader) atOption() bool {
	t := r.Peek()
	return (isMark(t, "-") || isMark(t, "/")) && r.gluesOn()
}

// within reads only the next tokens as if the text ended behind them.
func (p *parser) within(count int, read func()) {
	whole := p.lex
	at := whole.RawCursor()
	tokens := whole.Range(at, at+lexer.RawCursor(count))
	end := span(&tokens[count-1]).End
	part := tokenList{tokens: tokens, end: lexer.EOFToken(lexer.Position{Offset: end, Line: tokens[count-1].Pos.Line})}
	p.lex, _ = lexer.Upgrade(&part) // a list does not fail
	p.line = true
	read()
	p.line = false
	p.lex = whole
	for range count {
		p.lex.Next()
	}
}

// tokenList is a lexer over tokens that have been read already.
type tokenList struct {
	tokens []lexer.Token
	end    lexer.Token
}

func (l *tokenList) Next() (lexer.Token, error) {
	if len(l.tokens) == 0 {
		return l.end, nil
	}
	t := l.tokens[0]
	l.tokens = l.tokens[1:]
	return t, nil
}
