package syntax

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
)

// MaxSize is the number of bytes that a script may have.
const MaxSize = 16 << 20

const (
	maxProblems = 1000
	maxBadBytes = 8 // with more, it is not a text
)

// Options say what the text alone does not.
type Options struct {
	// OldLine says whether a command that begins with these operands (the first without path and .exe, in lower case) is
	// an old program's line, which may end at its newline, and whether the operands of the next line belong to it. Nil:
	// none is.
	OldLine func(line, next []sig.Operand) (old, on bool)
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
	return len(problems) > 0 && !slices.ContainsFunc(problems, func(d *diag.Diagnostic) bool {
		return d.Code != atEnd.code && d.Code != unclosedBlock.code && d.Code != unclosedComment.code
	})
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

func (p *parser) skipEnd() {
	if p.lex.Peek().Type == tokenEnd {
		p.lex.Next()
	}
}
