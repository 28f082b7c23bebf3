package syntax

import (
	"cmp"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
)

// frame is an open block: the statement that it belongs to and where its statements go now.
type frame struct {
	word  string // the word that opened it, upper-case
	open  diag.Span
	line  int
	node  Stmt
	block *Block
}

// extend moves the end of a node.
func (a *At) extend(end int) { a.Span.End = max(a.Span.End, end) }

// push opens a block. Its statements come after the token that was read last.
func (p *parser) push(open *lexer.Token, node Stmt, block *Block) {
	f := &frame{word: strings.ToUpper(open.Value), open: span(open), line: open.Pos.Line, node: node}
	if len(p.stack) == maxNesting {
		p.report(tooDeep.at(f.open, maxNesting))
		p.fatal = true
	}
	p.add(node)
	p.stack = append(p.stack, f)
	p.begin(f, open, block)
}

// begin lets a block's next part start at the token that was read last; word is what ends the part before.
func (p *parser) begin(f *frame, word *lexer.Token, block *Block) {
	if f.block != nil {
		f.block.extend(span(word).End)
	}
	block.Span = span(p.reader().before())
	f.block = block
}

// close ends the innermost block.
func (p *parser) close(end int) {
	f := p.stack[len(p.stack)-1]
	f.block.extend(end)
	f.node.(interface{ extend(int) }).extend(end)
	p.stack = p.stack[:len(p.stack)-1]
}

// closers are the words that end a block, with what opened it; END ends any.
var closers = map[string]string{"END": "", "ENDIF": "IF", "ENDWHILE": "WHILE", "ENDFOR": "FOR"}

func isCloser(t *lexer.Token) bool {
	_, ok := closers[strings.ToUpper(t.Value)]
	return ok && t.Type == tokenWord
}

func (p *parser) closeBlock(t *lexer.Token) {
	p.lex.Next()
	defer p.skipEnd()
	word := strings.ToUpper(t.Value)
	opener := closers[word]
	if p.find(opener) < 0 {
		if len(p.stack) == 0 || opener == "" {
			p.report(strayEnd.at(span(t), word, cmp.Or(opener, "an open block")))
			return
		}
		f := p.stack[len(p.stack)-1]
		p.report(wrongEnd.at(span(t), word, f.word, f.line))
		p.close(span(t).End)
		return
	}
	for f := p.stack[len(p.stack)-1]; opener != "" && f.word != opener; f = p.stack[len(p.stack)-1] {
		d := wrongEnd.at(span(t), word, f.word, f.line)
		d.Hints = []string{"close the " + f.word + " with END first"}
		p.report(d)
		p.close(span(t).End)
	}
	p.close(span(t).End)
}

// find is the index of the innermost open block that the word opened; "" finds any.
func (p *parser) find(word string) int {
	for i := len(p.stack) - 1; i >= 0; i-- {
		if word == "" || p.stack[i].word == word {
			return i
		}
	}
	return -1
}

// top is the innermost open block if it was opened by the word; otherwise the stray part is reported and skipped.
func (p *parser) top(t *lexer.Token, word string) *frame {
	if n := len(p.stack); n > 0 && p.stack[n-1].word == word {
		return p.stack[n-1]
	}
	d := strayEnd.at(span(t), strings.ToUpper(t.Value), word)
	if i := p.find(word); i >= 0 {
		d.Hints = []string{"close the " + p.stack[len(p.stack)-1].word + " inside the " + word + " with END first"}
	}
	p.report(d)
	return nil
}

func (p *parser) ifBlock(t *lexer.Token) {
	head, at, ok := parse(p, ifGrammar)
	if !ok {
		head, at = &ifHead{Cond: &Const{At: At{span(t)}, Kind: "NONE"}}, At{span(t)}
	}
	block := &Block{}
	p.push(t, &If{At: at, Arms: []Arm{{head.Cond, block}}}, block)
}

func (p *parser) elseIf(t *lexer.Token) {
	f := p.top(t, "IF")
	head, _, ok := parse(p, ifGrammar)
	if f == nil || !ok {
		return
	}
	node := f.node.(*If)
	if node.Else != nil {
		p.report(lateElseIf.at(span(t)))
	}
	block := &Block{}
	node.Arms = append(node.Arms, Arm{head.Cond, block})
	p.begin(f, t, block)
}

// part opens the next part of a block that a single word begins: ELSE, UNDO, FINALLY.
func (p *parser) part(t *lexer.Token, owner string, slot func(Stmt) **Block) {
	f := p.top(t, owner)
	p.lex.Next()
	if f == nil {
		p.skipEnd()
		return
	}
	p.open(t, f, slot(f.node))
}

func (p *parser) open(t *lexer.Token, f *frame, slot **Block) {
	if *slot != nil {
		p.report(secondPart.at(span(t), strings.ToUpper(t.Value), f.word))
		return
	}
	*slot = &Block{}
	p.begin(f, t, *slot)
}

func (p *parser) elsePart(t *lexer.Token) {
	p.part(t, "IF", func(s Stmt) **Block { return &s.(*If).Else })
}

func (p *parser) undoPart(t *lexer.Token) {
	p.part(t, "STEP", func(s Stmt) **Block { return &s.(*Step).Undo })
}

func (p *parser) finallyPart(t *lexer.Token) {
	p.part(t, "TRY", func(s Stmt) **Block { return &s.(*Try).Finally })
}

// onError is either the statement ON ERROR CONTINUE or the part of a TRY.
func (p *parser) onError(t *lexer.Token) {
	r := p.reader()
	if next := r.peekAt(2); isWord(next, "CONTINUE") || next.Type == tokenEnd {
		if _, at, ok := parse(p, onErrorGrammar); ok {
			p.simple(&OnErrorContinue{at})
		}
		return
	}
	head, _, ok := parse(p, handlerGrammar)
	f := p.top(t, "TRY")
	if f == nil || !ok {
		return
	}
	node := f.node.(*Try)
	if head.Var != nil && node.Handler == nil {
		node.ErrVar = &head.Var.Name
	}
	if node.Finally != nil {
		p.report(lateHandler.at(span(t)))
	}
	p.open(t, f, &node.Handler)
}

func (p *parser) whileBlock(t *lexer.Token) {
	head, at, ok := parse(p, whileGrammar)
	if !ok {
		head, at = &whileHead{Cond: &Const{At: At{span(t)}, Kind: "NONE"}}, At{span(t)}
	}
	block := &Block{}
	p.push(t, &While{At: at, Cond: head.Cond, Body: block}, block)
}

func (p *parser) forBlock(t *lexer.Token) {
	block := &Block{}
	head, at, ok := parse(p, forGrammar)
	switch {
	case !ok: // a loop all the same, so that BREAK and END have their place
		p.push(t, &While{At: At{span(t)}, Cond: &Const{At: At{span(t)}, Kind: "NONE"}, Body: block}, block)
	case head.List != nil:
		p.push(t, &ForIn{At: at, Var: head.Var.Name, List: head.List, Body: block}, block)
	default:
		p.push(t, &For{At: at, Var: head.Var.Name, From: head.From, To: head.To, By: head.By, Body: block}, block)
	}
}

func (p *parser) stepBlock(t *lexer.Token) {
	head, at, ok := parse(p, stepGrammar)
	if !ok {
		head, at = &stepHead{Title: &Text{At: At{span(t)}}}, At{span(t)}
	}
	block := &Block{}
	p.push(t, &Step{
		At:      at,
		Title:   head.Title,
		Timeout: p.once("TIMEOUT", head.Timeout),
		Retry:   p.once("RETRY", head.Retry),
		Every:   p.once("EVERY", head.Every),
		When:    p.once("WHEN", head.When),
		Body:    block,
	}, block)
}

// once takes the value of an option that may be given in any order, but only once.
func (p *parser) once(option string, values []Expr) Expr {
	switch len(values) {
	case 0:
		return nil
	case 1:
	default:
		p.report(twice.at(values[1].Pos(), option))
	}
	return values[0]
}

func (p *parser) parallelBlock(t *lexer.Token) {
	head, at, ok := parse(p, parallelGrammar)
	if !ok {
		head, at = &parallelHead{}, At{span(t)}
	}
	block := &Block{}
	p.push(t, &Parallel{At: at, Max: head.Max, Body: block}, block)
}

func (p *parser) tryBlock(t *lexer.Token) {
	p.lex.Next()
	block := &Block{}
	p.push(t, &Try{At: At{span(t)}, Body: block}, block)
}

func (p *parser) functionBlock(t *lexer.Token) {
	guess := p.guessFunction()
	head, at, ok := parse(p, functionGrammar)
	if !ok {
		head, at = guess, At{span(t)}
	}
	node := &Function{At: at, Name: head.Name.Name, Body: &Block{}}
	for _, param := range head.Params {
		node.Params = append(node.Params, FuncParam{param.Name.Name, param.Default})
	}
	p.push(t, node, node.Body)
}

// guessFunction reads what it can of a FUNCTION's head, should that have a mistake, so that its body and its calls have
// none: its name and what stands behind ( and commas on that line, each of which a call may leave out.
func (p *parser) guessFunction() *functionHead {
	mark := p.lex.MakeCheckpoint()
	defer p.lex.LoadCheckpoint(mark)
	head := &functionHead{}
	line := p.lex.Next().Pos.Line
	if t := p.lex.Peek(); t.Type == tokenWord && t.Pos.Line == line {
		head.Name.Name = Name{At{span(t)}, t.Value}
	}
	for before, t := p.lex.Next(), p.lex.Next(); t.Pos.Line == line && !isMark(t, ")") && !t.EOF(); before, t = t, p.lex.Next() {
		if isMark(before, "(") || isMark(before, ",") {
			name := variableName{Name{At{span(t)}, strings.TrimPrefix(t.Value, "$")}}
			head.Params = append(head.Params, parameter{Name: name, Default: &Const{At: At{span(t)}, Kind: "NONE"}})
		}
	}
	return head
}
