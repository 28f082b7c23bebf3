package syntax

import "strings"

// statement writes a statement with its `;` or its END.
func (p *printer) statement(s Stmt) {
	p.hang = 1
	switch s := s.(type) {
	case *CommandStmt:
		p.plain = s.Line
		p.command(s.Command)
		p.plain = false
		if s.Line {
			p.at = max(p.at, s.Span.End)
			return
		}
	case *CallStmt:
		p.expr(s.Call)
	case *Assign:
		p.leaf(s.Target.Span, "$"+s.Target.Text)
		for _, key := range s.Path {
			name, ok := key.(*Text)
			p.step(key, ok && isName(name) && !startsWithDigit(name.Value)) // .0.5 would be a number
		}
		p.space = true
		p.word("=")
		p.value(s.Value)
	case *If:
		p.ifBlock(s)
		return
	case *While, *For, *ForIn, *Parallel, *Step, *Try, *Function:
		p.hang = 2
		p.blockStatement(s)
		p.end(s)
		return
	default:
		p.simple(s)
	}
	p.glue(";")
	p.at = max(p.at, s.Pos().End)
}

// simple writes the statements that begin with a word of their own.
func (p *printer) simple(s Stmt) {
	switch s := s.(type) {
	case *Write:
		p.word("WRITE")
		p.space = len(s.Args) > 0
		p.list(s.Args)
	case *Wait:
		p.word("WAIT")
		p.value(s.For)
	case *WaitUntil:
		p.word("WAIT UNTIL")
		p.value(s.Cond)
		p.option("EVERY", s.Every)
		p.option("TIMEOUT", s.Timeout)
	case *Exit:
		p.wordAndValue("EXIT", s.Code)
	case *Return:
		p.wordAndValue("RETURN", s.Value)
	case *OnErrorContinue:
		p.word("ON ERROR CONTINUE")
	case *PointOfNoReturn:
		p.word("POINT OF NO RETURN")
	case *Break:
		p.word("BREAK")
	case *Continue:
		p.word("CONTINUE")
	case *Use:
		p.word("USE")
		p.value(s.Path)
	case *Require:
		p.word("REQUIRE")
		p.value(s.Cond)
		p.glue(",")
		p.value(s.Message)
	case *Manual:
		p.word("MANUAL")
		p.value(s.Text)
		p.option("UNTIL", s.Until)
	case *Confirm:
		p.word("CONFIRM")
		if s.Typed {
			p.word(" TYPED")
		}
		p.value(s.Text)
		if s.Why != nil {
			p.value(s.Why)
		}
	case *Param:
		p.param(s)
	case *Run:
		p.word("RUN")
		p.value(s.Path)
		if len(s.Args) > 0 {
			p.word(" (")
			p.pairs(s.Args, " = ")
			p.closer(s.Span.End, ")")
		}
	}
}

func (p *printer) wordAndValue(word string, x Expr) {
	p.word(word)
	if x != nil {
		p.value(x)
	}
}

func (p *printer) param(s *Param) {
	p.word("PARAM")
	p.space = true
	p.leaf(s.Name.Span, "$"+s.Name.Text)
	p.space = true
	p.leaf(s.Type.Span, strings.ToUpper(s.Type.Text))
	p.option("=", s.Default)
	if s.From != "" {
		p.option("FROM "+s.From, s.Origin)
	}
	if s.Doc != "" {
		p.space = true
		p.word(quote(s.Doc))
	}
}

func (p *printer) ifBlock(s *If) {
	p.hang = 2
	p.word("IF")
	for i, arm := range s.Arms {
		if i > 0 {
			p.section(s.Arms[i-1].Body, "ELSEIF")
		}
		p.value(arm.Cond)
		p.block("THEN", arm.Body)
	}
	if s.Else != nil {
		p.last(s.Arms[len(s.Arms)-1].Body.Span.End)
		p.block("ELSE", s.Else)
	}
	p.end(s)
}

// blockStatement writes a block statement up to its END.
func (p *printer) blockStatement(s Stmt) {
	switch s := s.(type) {
	case *While:
		p.word("WHILE")
		p.value(s.Cond)
		p.block("DO", s.Body)
	case *For:
		p.word("FOR")
		p.space = true
		p.leaf(s.Var.Span, "$"+s.Var.Text)
		p.option("=", s.From)
		p.option("TO", s.To)
		p.option("STEP", s.By)
		p.block("DO", s.Body)
	case *ForIn:
		p.word("FOR")
		p.space = true
		p.leaf(s.Var.Span, "$"+s.Var.Text)
		p.option("IN", s.List)
		p.block("DO", s.Body)
	case *Parallel:
		p.word("PARALLEL")
		p.option("MAX", s.Max)
		p.block("DO", s.Body)
	case *Step:
		p.word("STEP")
		p.value(s.Title)
		p.option("TIMEOUT", s.Timeout)
		p.option("RETRY", s.Retry)
		p.option("EVERY", s.Every)
		p.option("WHEN", s.When)
		p.block("DO", s.Body)
		if s.Undo != nil {
			p.last(s.Body.Span.End)
			p.block("UNDO", s.Undo)
		}
	case *Try:
		p.try(s)
	case *Function:
		p.function(s)
	}
}

func (p *printer) try(s *Try) {
	p.block("TRY", s.Body)
	before := s.Body
	if s.Handler != nil {
		p.handler(s, before)
		before = s.Handler
	}
	if s.Finally != nil {
		p.last(before.Span.End)
		p.block("FINALLY", s.Finally)
	}
}

func (p *printer) handler(s *Try, before *Block) {
	p.section(before, "ON ERROR")
	if s.ErrVar != nil {
		p.leaf(s.ErrVar.Span, "$"+s.ErrVar.Text)
	}
	p.block("DO", s.Handler)
}

func (p *printer) function(s *Function) {
	p.word("FUNCTION")
	p.space = true
	p.leaf(s.Name.Span, s.Name.Text)
	p.glue("(")
	for i, param := range s.Params {
		if i > 0 {
			p.glue(",")
			p.space = true
		}
		p.leaf(param.Name.Span, "$"+param.Name.Text)
		p.option("=", param.Default)
	}
	p.closer(s.Body.Span.Start+1, ")")
	p.block("", s.Body)
}
