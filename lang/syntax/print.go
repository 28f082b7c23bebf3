package syntax

import (
	"cmp"
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/diag"
)

const indentation = "    "

// Print lays a script out in its one canonical way: a statement a line, blocks indented by four blanks, statement
// words in capitals, at most one blank line in a row, comments where they stood. What a command is given stays as
// written, and so do the line breaks inside a statement. A file with a *Bad in it is given back unchanged.
func Print(f *File) string {
	p := &printer{comments: f.Comments, start: true}
	if f.Source != nil {
		p.text = f.Source.Text
	}
	if slices.ContainsFunc(f.Body, hasBad) {
		return p.text
	}
	p.body(f.Body)
	p.flushLines(len(p.text)+1, 0)
	if p.out.Len() > 0 {
		p.out.WriteByte('\n')
	}
	return p.out.String()
}

func hasBad(s Stmt) (found bool) {
	Walk(s, func(n Node) bool {
		_, bad := n.(*Bad)
		found = found || bad
		return !found
	})
	return found
}

// printer writes the nodes in text order. Comments are not in the tree: before it writes anything that has a place
// in the source, it writes the comments that stood in front of that place.
type printer struct {
	double   *Binary // the comparison to print with ==
	out      strings.Builder
	text     string // the source, for blank lines and line breaks
	comments []Comment
	at       int  // where in the source the last thing written ended
	indent   int  // of the statement
	hang     int  // of a statement's further lines, in addition
	start    bool // nothing stands in front of the next line: no blank line there
	fresh    bool // nothing stands on this line yet
	space    bool // a blank is due before the next word
	broken   bool // a line comment was written: only a new line can follow
	plain    bool // inside an old program's line: ${ is text
}

// breaks counts the line breaks between the last thing written and an offset.
func (p *printer) breaks(offset int) int {
	if p.at > offset || offset > len(p.text) {
		return 0
	}
	return strings.Count(p.text[p.at:offset], "\n")
}

func (p *printer) newline(indent int) {
	if p.out.Len() > 0 {
		p.out.WriteByte('\n')
	}
	p.out.WriteString(strings.Repeat(indentation, indent))
	p.fresh, p.space, p.broken = true, false, false
}

// line begins a line for what stood at an offset, after the comments in front of it, and keeps one blank line.
func (p *printer) line(offset, indent int) {
	p.flushLines(offset, indent)
	p.gap(offset)
	p.newline(indent)
	p.at = max(p.at, offset)
}

// last is line for a word that ends a block: no blank line in front of it, and comments belong to the block.
func (p *printer) last(offset int) {
	p.flushLines(offset, p.indent+1)
	p.newline(p.indent)
	p.at = max(p.at, offset)
}

// gap keeps a blank line that stood between the last thing written and an offset.
func (p *printer) gap(offset int) {
	if !p.start && p.at <= offset && offset <= len(p.text) {
		_, rest, _ := strings.Cut(p.text[p.at:offset], "\n")
		if between, _, more := strings.Cut(rest, "\n"); more && strings.TrimSpace(between) == "" {
			p.out.WriteByte('\n')
		}
	}
	p.start = false
}

// flushLines writes the comments before an offset: behind the last line if they stood there, else on lines of
// their own.
func (p *printer) flushLines(offset, indent int) {
	for len(p.comments) > 0 && p.comments[0].Span.Start < offset {
		c := p.comments[0]
		p.comments = p.comments[1:]
		if p.breaks(c.Span.Start) == 0 && p.out.Len() > 0 && !p.broken {
			p.out.WriteByte(' ')
		} else {
			p.gap(c.Span.Start)
			p.newline(indent)
		}
		p.comment(c)
	}
}

func (p *printer) comment(c Comment) {
	p.out.WriteString(commentText(c))
	p.fresh = false
	p.broken = !strings.HasPrefix(c.Text, "/*")
	p.at = c.Span.End
	p.start = false
}

func commentText(c Comment) string {
	return strings.TrimRight(strings.ReplaceAll(c.Text, "\r\n", "\n"), " \t\r\n\v\f")
}

// flush writes the comments before an offset inside a statement, and breaks the line where the source does.
func (p *printer) flush(offset, hang int) {
	for len(p.comments) > 0 && p.comments[0].Span.Start < offset {
		c := p.comments[0]
		p.comments = p.comments[1:]
		if p.broken || p.breaks(c.Span.Start) > 0 {
			p.newline(p.indent + p.hang)
		}
		if !p.fresh {
			p.out.WriteByte(' ')
		}
		p.comment(c)
		p.space = true
	}
	if p.broken || p.breaks(offset) > 0 && !p.fresh {
		p.newline(p.indent + hang)
	}
	p.at = max(p.at, offset)
}

// word writes a piece of a statement.
func (p *printer) word(text string) {
	if p.space && !p.fresh {
		p.out.WriteByte(' ')
	}
	p.space, p.fresh = false, false
	p.out.WriteString(text)
}

// glue writes a mark that has no blank in front of it.
func (p *printer) glue(text string) {
	p.space = false
	p.word(text)
}

// leaf writes a piece that has a place in the source.
func (p *printer) leaf(s diag.Span, text string) {
	p.flush(s.Start, p.hang)
	p.word(text)
	p.at = max(p.at, s.End)
}

// closer writes a closing bracket, which ends at an offset.
func (p *printer) closer(end int, text string) {
	p.flush(end-1, p.hang-1)
	p.glue(text)
	p.at = max(p.at, end)
}

func (p *printer) body(body []Stmt) {
	for _, s := range body {
		p.line(s.Pos().Start, p.indent)
		p.statement(s)
	}
}

// block writes a block's statements behind the word that opens it.
func (p *printer) block(word string, b *Block) {
	p.flush(b.Span.Start, p.hang)
	if word != "" {
		p.space = true
		p.word(word)
	}
	p.at = max(p.at, b.Span.Start+len(word))
	p.start = true
	p.indent++
	p.body(b.Body)
	p.indent--
	p.start = false
}

// end closes a block statement.
func (p *printer) end(s Stmt) {
	p.last(s.Pos().End)
	p.word("END")
	p.at = max(p.at, s.Pos().End)
}

// section begins the next part of a block statement, after its part before.
func (p *printer) section(before *Block, word string) {
	p.last(before.Span.End)
	p.word(word)
	p.space = true
}

// option writes WORD value, if there is a value. A line break stays in front of the word.
func (p *printer) option(word string, x Expr) {
	if x == nil {
		return
	}
	p.flush(x.Pos().Start, p.hang)
	p.space = true
	p.word(word)
	p.value(x)
}

// value writes an expression behind a blank.
func (p *printer) value(x Expr) {
	p.space = true
	p.expr(x)
}

func (p *printer) list(items []Expr) {
	for i, x := range items {
		if i > 0 {
			p.glue(",")
			p.space = true
		}
		p.expr(x)
	}
}

// quotedText writes a "…" or '…'.
func (p *printer) quotedText(x *Text) {
	if x.Raw {
		p.leaf(x.Span, "'"+x.Value+"'")
		return
	}
	if x.Parts == nil {
		p.leaf(x.Span, p.literal(x.Value))
		return
	}
	p.leaf(x.Span, `"`)
	for _, part := range x.Parts {
		if piece, ok := part.(*Text); ok && !piece.Raw {
			text := p.literal(piece.Value)
			p.word(text[1 : len(text)-1])
			continue
		}
		p.word("${")
		p.expr(part)
		p.word("}")
	}
	p.word(`"`)
	p.at = max(p.at, x.Span.End)
}

func (p *printer) literal(value string) string {
	if p.plain {
		return `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
	}
	return quote(value)
}

func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *Word:
		p.leaf(x.Span, cmp.Or(x.Raw, x.Text))
	case *Text:
		p.quotedText(x)
	case *Number:
		p.leaf(x.Span, x.Raw)
	case *Const:
		p.leaf(x.Span, x.Kind)
	case *Var:
		p.leaf(x.Span, "$"+x.Name)
	case *Punct:
		p.leaf(x.Span, x.Text)
	case *Index:
		p.expr(x.X)
		p.step(x.Key, x.Dot)
	case *List:
		p.leaf(opening(x), "[")
		p.list(x.Items)
		p.closer(x.Span.End, "]")
	case *Map:
		p.mapping(x)
	case *Unary:
		p.leaf(opening(x), x.Op)
		p.space = x.Op == "NOT"
		p.expr(x.X)
	case *Binary:
		p.expr(x.X)
		p.space = true
		op := x.Op
		if x == p.double {
			op = "=="
		}
		p.leaf(x.OpAt, op)
		p.value(x.Y)
	case *Call:
		p.leaf(x.Name.Span, x.Name.Text)
		p.glue("(")
		p.list(x.Args)
		p.closer(x.Span.End, ")")
	case *Paren:
		p.leaf(opening(x), "(")
		if b := likeProperties(x.X); b != nil {
			p.double = b
		}
		p.expr(x.X)
		p.closer(x.Span.End, ")")
	case *Props:
		p.leaf(opening(x), "(")
		p.pairs(x.Items, "=")
		p.closer(x.Span.End, ")")
	case *Command:
		p.command(x)
	}
}

// likeProperties gives the comparison that would make (1 = $x) read as properties where an operand may stand, nil if
// there is none: it is printed with ==.
func likeProperties(x Expr) *Binary {
	b, ok := x.(*Binary)
	if !ok {
		return nil
	}
	switch b.X.(type) {
	case *Number, *Const:
		if b.Op == "=" {
			return b
		}
		return nil
	}
	return likeProperties(b.X)
}

// opening is the place of the mark that an expression begins with.
func opening(x Expr) diag.Span {
	start := x.Pos().Start
	return diag.Span{Start: start, End: start + 1}
}

func (p *printer) mapping(x *Map) {
	p.leaf(opening(x), "{")
	for i, key := range x.Keys {
		if i > 0 {
			p.glue(",")
			p.space = true
		}
		if isName(key) {
			p.leaf(key.Span, key.Value)
		} else {
			p.quotedText(key)
		}
		p.glue(":")
		p.value(x.Values[i])
	}
	p.closer(x.Span.End, "}")
}

// isName says whether a key can stand without quotes.
func isName(key *Text) bool {
	return key.Value != "" && !key.Raw && !strings.ContainsFunc(key.Value, func(r rune) bool { return !isNameRune(r) })
}

// step writes .name or [key].
func (p *printer) step(key Expr, dot bool) {
	if name, ok := key.(*Text); ok && dot {
		p.glue("." + name.Value)
		p.at = max(p.at, name.Span.End)
		return
	}
	p.glue("[")
	p.expr(key)
	p.glue("]")
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func (p *printer) pairs(items []Prop, equals string) {
	for i, item := range items {
		if i > 0 {
			p.glue(",")
			p.space = true
		}
		p.leaf(item.Key.Span, item.Key.Text)
		p.glue(equals)
		p.expr(item.Value)
	}
}

// command writes words and operands with the blanks that were between them, each run of them as one.
func (p *printer) command(c *Command) {
	for i, x := range c.Operands {
		if i > 0 {
			before := c.Operands[i-1].Pos()
			p.space = before.End != x.Pos().Start || before == diag.Span{}
		}
		p.expr(x)
	}
}
