package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// statementReader gives what reads the statement that a word begins, nil if the word begins none of its own.
func statementReader(word string) func(*parser, *lexer.Token) {
	switch strings.ToUpper(word) {
	case "IF":
		return (*parser).ifBlock
	case "ELSEIF":
		return (*parser).elseIf
	case "ELSE":
		return (*parser).elsePart
	case "END", "ENDIF", "ENDWHILE", "ENDFOR":
		return (*parser).closeBlock
	case "WHILE":
		return (*parser).whileBlock
	case "FOR":
		return (*parser).forBlock
	case "STEP":
		return (*parser).stepBlock
	case "UNDO":
		return (*parser).undoPart
	case "PARALLEL":
		return (*parser).parallelBlock
	case "TRY":
		return (*parser).tryBlock
	case "FINALLY":
		return (*parser).finallyPart
	case "FUNCTION":
		return (*parser).functionBlock
	case "BREAK":
		return func(p *parser, t *lexer.Token) { p.lex.Next(); p.simple(&Break{At{span(t)}}) }
	case "CONTINUE":
		return func(p *parser, t *lexer.Token) { p.lex.Next(); p.simple(&Continue{At{span(t)}}) }
	case "WRITE":
		return reads(writeGrammar, writeOf)
	case "EXIT":
		return reads(exitGrammar, func(at At, s *exitStatement) Stmt { return &Exit{at, s.Code} })
	case "RETURN":
		return reads(returnGrammar, func(at At, s *returnStatement) Stmt { return &Return{at, s.Value} })
	case "USE":
		return reads(useGrammar, func(at At, s *useStatement) Stmt { return &Use{at, s.Path.Text} })
	case "REQUIRE":
		return reads(requireGrammar, func(at At, s *requireStatement) Stmt { return &Require{at, s.Cond, s.Message} })
	case "CONFIRM":
		return reads(confirmGrammar, confirmOf)
	case "MANUAL":
		return reads(manualGrammar, func(at At, s *manualStatement) Stmt { return &Manual{at, s.Text, s.Until} })
	case "PARAM":
		return reads(paramGrammar, paramOf)
	case "RUN":
		return reads(runGrammar, runOf)
	case "WAIT":
		return (*parser).wait
	case "ON":
		return (*parser).on
	case "POINT":
		return (*parser).point
	}
	return nil
}

// reads makes the reader of a simple statement from its production.
func reads[T any](grammar func() *participle.Parser[T], build func(At, *T) Stmt) func(*parser, *lexer.Token) {
	return func(p *parser, _ *lexer.Token) {
		if s, at, ok := parse(p, grammar); ok {
			p.simple(build(at, s))
		}
	}
}

func (p *parser) simple(s Stmt) {
	if p.broken() {
		s = unfinished(s)
	}
	p.end()
	p.add(s)
}

// broken says whether an unclosed text, which has been reported, ends the statement here.
func (p *parser) broken() bool {
	t := p.lex.Peek()
	return t.Type == tokenEnd && t.Value == ""
}

// unfinished is what is left of a statement that an unclosed text has ended: the rest of a command is in the text.
func unfinished(s Stmt) Stmt {
	switch s := s.(type) {
	case *CommandStmt:
		return &Bad{At: s.At}
	case *Assign:
		if _, ok := s.Value.(*Command); ok {
			return &Bad{At: s.At, Assigns: []Name{s.Target}}
		}
	}
	return s
}

func paramOf(at At, s *paramStatement) Stmt {
	param := &Param{At: at, Name: s.Name.Name, Type: s.Type.Name, Default: s.Default, From: strings.ToUpper(s.From), Origin: s.Origin}
	param.Type.Text = strings.ToUpper(param.Type.Text)
	if s.Doc != nil {
		param.Doc = s.Doc.Value
	}
	return param
}

func writeOf(at At, s *writeStatement) Stmt {
	if s.First == nil {
		return &Write{At: at}
	}
	return &Write{at, append([]Expr{s.First}, s.More...)}
}

func confirmOf(at At, s *confirmStatement) Stmt {
	if s.Typed {
		return &Confirm{at, s.Answer, true, s.Why}
	}
	return &Confirm{At: at, Text: s.Question}
}

func runOf(at At, s *runStatement) Stmt {
	run := &Run{At: at, Path: s.Path.Text}
	if s.Args != nil {
		run.Args = s.Args.Items
	}
	return run
}

// statement reads one statement, or a block's opening, middle or closing line.
func (p *parser) statement() {
	t := p.lex.Peek()
	switch t.Type {
	case tokenEnd: // an empty statement
		p.lex.Next()
	case tokenVar:
		p.assign()
	case tokenWord:
		if read := statementReader(t.Value); read != nil && !p.longer() {
			read(p, t)
			return
		}
		p.words(t)
	default:
		p.words(t)
	}
}

// longer says whether the next token is only the beginning of a word, as `if` is in `if-up.sh`.
func (p *parser) longer() bool {
	next := p.reader().peekAt(1)
	return next.Type == tokenMark && p.reader().gluesOn()
}

func (p *parser) assign() {
	s, at, ok := parse(p, assignmentGrammar)
	if !ok {
		return
	}
	node := &Assign{At: at, Target: s.Target.Name, Value: s.Value}
	for _, step := range s.Path {
		node.Path = append(node.Path, step.Key)
	}
	p.simple(node)
}

// wait tells the three kinds of WAIT apart; WAIT ON … is a command.
func (p *parser) wait(t *lexer.Token) {
	if isWord(p.reader().peekAt(1), "ON") {
		p.words(t)
		return
	}
	s, at, ok := parse(p, waitGrammar)
	switch {
	case !ok:
	case s.Cond != nil:
		p.simple(&WaitUntil{at, s.Cond, p.once("EVERY", s.Every), p.once("TIMEOUT", s.Timeout)})
	default:
		p.simple(&Wait{at, s.For})
	}
}

func (p *parser) on(t *lexer.Token) {
	if isWord(p.reader().peekAt(1), "ERROR") {
		p.onError(t)
		return
	}
	p.words(t)
}

func (p *parser) point(t *lexer.Token) {
	if !isWord(p.reader().peekAt(1), "OF") {
		p.words(t)
		return
	}
	if _, at, ok := parse(p, pointGrammar); ok {
		p.simple(&PointOfNoReturn{at})
	}
}

// words reads a statement that begins with no statement word: a command, a function's call, an old program's line.
func (p *parser) words(t *lexer.Token) {
	r := p.reader()
	next := r.peekAt(1)
	switch {
	case t.Type == tokenWord && isMark(next, "(") && adjacent(t, next):
		p.call()
		return
	case t.Type == tokenWord && isMark(next, "=") && !isDigit(rune(t.Value[0])):
		d := noDollar.at(span(t), t.Value)
		d.Hints = []string{"variables begin with $: $" + t.Value}
		p.giveUp(d)
		p.assigned(t)
		return
	case t.Type == tokenMark && !inWord(t):
		p.giveUp(notAStatement.at(span(t), describe(t)))
		return
	}
	first, second, isProgram := p.firstWords()
	isText := t.Type == tokenText || t.Type == tokenRaw
	switch {
	case first == "dtcl" && !p.line:
		p.dtcl()
	case p.isOldLine(first, second):
		p.oldLine()
	case isText && !isProgram:
		p.giveUp(textStatement.at(span(t)))
	default:
		p.command(false)
	}
}

// assigned makes the last statement, a *Bad, one that assigns the name.
func (p *parser) assigned(t *lexer.Token) {
	body := p.file.Body
	if len(p.stack) > 0 {
		body = p.stack[len(p.stack)-1].block.Body
	}
	body[len(body)-1].(*Bad).Assigns = []Name{{At{span(t)}, t.Value}}
}

func (p *parser) call() {
	first := *p.lex.Peek()
	mark := p.lex.MakeCheckpoint()
	x, err := parseExpr(p.lex)
	if err != nil {
		p.lex.LoadCheckpoint(mark)
		p.giveUp(p.explain(err, &first))
		return
	}
	call, ok := x.(*Call)
	if !ok {
		p.lex.LoadCheckpoint(mark)
		p.giveUp(notAStatement.at(x.Pos(), "a value"))
		return
	}
	p.simple(&CallStmt{At: call.At, Call: call})
}

// command reads a bare command; line says that it is an old program's line that ends with its newline.
func (p *parser) command(line bool) *Command {
	mark := p.lex.MakeCheckpoint()
	c, err := readCommand(&reader{PeekingLexer: p.lex, plain: line})
	if err != nil {
		first := *p.lex.Peek()
		p.lex.LoadCheckpoint(mark)
		p.giveUp(p.explain(err, &first))
		return nil
	}
	p.simple(&CommandStmt{At: c.At, Command: c, Line: line})
	return c
}
