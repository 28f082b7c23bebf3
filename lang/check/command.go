package check

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// command binds a command to its signature and checks its operands; it gives nil if no signature fits. whole says that
// the command is a statement's, not part of an expression.
func (c *checker) command(cmd *syntax.Command, whole bool) *sig.Signature {
	if n := len(cmd.Operands); n > maxOperands {
		c.tooMany(cmd.Operands[maxOperands].Pos(), n, maxOperands, "got %d operands in one command", "is a ; missing? else split it into several commands")
		c.exprs(cmd.Operands)
		return nil
	}
	c.operands(cmd)
	match, miss := c.set.Match(c.ops)
	if match == nil {
		c.mismatch(cmd, miss, whole)
		c.exprs(cmd.Operands)
		return nil
	}
	call := &Call{Sig: match.Sig, Args: make([]BoundArg, len(match.Binds))}
	for i, b := range match.Binds {
		call.Args[i] = BoundArg{Arg: b.Arg, Expr: c.bound(cmd, b)}
		if b.Type != "keyword" {
			c.slot(match.Sig, &call.Args[i])
		}
	}
	c.p.Calls[cmd] = call
	c.exprs(cmd.Operands)
	return match.Sig
}

// operands shows the command's operands to the matcher.
func (c *checker) operands(cmd *syntax.Command) {
	c.ops = c.ops[:0]
	for _, e := range cmd.Operands {
		op := sig.Operand{Kind: sig.ValueOperand}
		switch e := e.(type) {
		case *syntax.Word:
			op = sig.Operand{Kind: sig.WordOperand, Text: e.Text, Raw: e.Raw, Quoted: e.Quoted, Dynamic: e.Parts != nil}
		case *syntax.Text:
			op = sig.Operand{Kind: sig.TextOperand, Text: e.Value, Raw: e.Value}
			if e.Parts != nil {
				op.Raw, op.Quoted, op.Dynamic = c.text(e.Span), true, true
			}
		case *syntax.List:
			op.Kind = sig.ListOperand
		case *syntax.Map:
			op.Kind = sig.MapOperand
		case *syntax.Props:
			op.Kind = sig.PropsOperand
		case *syntax.Punct:
			op = sig.Operand{Kind: sig.MarkOperand, Text: e.Text}
		}
		c.ops = append(c.ops, op)
	}
}

// bound gives the expression that a matched slot stands for.
func (c *checker) bound(cmd *syntax.Command, b sig.Bind) syntax.Expr {
	switch {
	case b.Type == "keyword":
		return nil
	case b.To-b.From > 1:
		return c.joined(cmd.Operands[b.From:b.To])
	case b.Lo >= 0:
		return c.cut(cmd.Operands[b.From], b.Lo, b.Hi)
	}
	e := cmd.Operands[b.From]
	if w, ok := e.(*syntax.Word); ok && b.Type == "expr" {
		return valueOf(w)
	}
	return e
}

// joined is a pairing: words and commas as one text without the blanks between.
func (c *checker) joined(all []syntax.Expr) syntax.Expr {
	w := &syntax.Word{At: syntax.At{Span: all[0].Pos().Join(all[len(all)-1].Pos())}, Quoted: true}
	w.Raw = c.text(w.Span)
	var parts []syntax.Expr
	dynamic := false
	for _, e := range all {
		switch e := e.(type) {
		case *syntax.Word:
			w.Text += e.Text
			dynamic = dynamic || e.Parts != nil
			parts = appendParts(parts, e.Parts, e.At, e.Text)
		case *syntax.Text:
			w.Text += e.Value
			dynamic = dynamic || e.Parts != nil
			parts = appendParts(parts, e.Parts, e.At, e.Value)
		case *syntax.Punct:
			w.Text += e.Text
			parts = appendParts(parts, nil, e.At, e.Text)
		}
	}
	if dynamic {
		w.Parts = parts
	}
	return w
}

func appendParts(parts, more []syntax.Expr, at syntax.At, text string) []syntax.Expr {
	if more != nil {
		return append(parts, more...)
	}
	return append(parts, &syntax.Text{At: at, Value: text})
}

// cut is the part of a word or text that a glued slot takes; lo and hi are offsets in the operand's Raw.
func (c *checker) cut(e syntax.Expr, lo, hi int) syntax.Expr {
	if t, ok := e.(*syntax.Text); ok && t.Parts == nil {
		span := t.Span
		if inner := (diag.Span{Start: span.Start + 1, End: span.End - 1}); inner.Start <= inner.End && c.text(inner) == t.Value {
			span = diag.Span{Start: inner.Start + lo, End: inner.Start + hi}
		}
		return &syntax.Text{At: syntax.At{Span: span}, Value: t.Value[lo:hi], Raw: t.Raw}
	}
	span := e.Pos()
	raw, parts, quoted := c.text(span), []syntax.Expr(nil), true
	switch e := e.(type) {
	case *syntax.Text:
		parts = e.Parts
	case *syntax.Word:
		raw, parts, quoted = e.Raw, e.Parts, e.Quoted
	}
	part := &syntax.Word{At: syntax.At{Span: span}, Raw: raw[lo:hi], Text: raw[lo:hi], Quoted: quoted}
	if c.text(span) == raw {
		part.Span = diag.Span{Start: span.Start + lo, End: span.Start + hi}
	}
	if quoted {
		part.Text = sig.Unquote(raw, lo, hi)
	}
	if parts != nil {
		part.Parts = cutParts(parts, span.Start, raw, lo, hi)
	}
	return part
}

// cutParts gives the pieces of an interpolated word or text that lie within raw[lo:hi], nil if all of them are plain;
// raw begins at the offset start of the script. A plain piece may lie in it by a half: it is read from raw again.
func cutParts(parts []syntax.Expr, start int, raw string, lo, hi int) []syntax.Expr {
	var within []syntax.Expr
	from, dynamic := lo, false
	plain := func(to int) {
		if text := sig.Unquote(raw, from, to); text != "" {
			at := syntax.At{Span: diag.Span{Start: start + from, End: start + to}}
			within = append(within, &syntax.Text{At: at, Value: text})
		}
	}
	for _, p := range parts {
		begin, end := p.Pos().Start-start, p.Pos().End-start
		if _, ok := p.(*syntax.Text); ok || begin < from || end > hi {
			continue
		}
		if open := strings.LastIndex(raw[from:begin], "${"); open >= 0 {
			begin = from + open
		}
		if closing := strings.IndexByte(raw[end:hi], '}'); closing >= 0 {
			end += closing + 1
		}
		plain(begin)
		within = append(within, p)
		from, dynamic = end, true
	}
	if !dynamic {
		return nil
	}
	plain(hi)
	return within
}

// valueOf reads a word in a slot that takes a value: a number or constant becomes one.
func valueOf(w *syntax.Word) syntax.Expr {
	switch upper := strings.ToUpper(w.Text); {
	case w.Quoted:
	case upper == "TRUE" || upper == "FALSE" || upper == "NONE":
		return &syntax.Const{At: w.At, Kind: upper}
	default:
		for _, typ := range []string{"decimal", "duration", "size"} {
			v, err := parseAs(typ, w.Text)
			if err != nil {
				continue
			}
			n := &syntax.Number{At: w.At, Raw: w.Raw, Value: w.Text}
			if typ != "decimal" {
				n.Unit, n.Value = typ, strconv.FormatInt(v.(int64), 10)
			}
			return n
		}
	}
	return w
}

// slot checks one bound operand against its slot's type.
func (c *checker) slot(of *sig.Signature, a *BoundArg) {
	t, _ := sig.TypeOf(a.Type)
	if t.Name == "secret" {
		c.secret(a.Expr)
	}
	text, kind := literal(a.Expr)
	if kind == "" {
		return
	}
	if _, ok := a.Expr.(*syntax.Paren); ok && kind == "number" {
		kind = "text" // as a word would be
	}
	if w, ok := a.Expr.(*syntax.Word); ok && t.Name == "expr" && !w.Quoted {
		c.report(bareWord.at(w.Span, w.Text, a.Name))
		return
	}
	if !fitsType(t.Name, text, kind) {
		c.report(badOperand.at(a.Expr.Pos(), c.hide(t, shown(a.Expr)), a.Name, t.Want), append(mend(t.Name, text, kind), "usage: "+of.Usage)...)
		return
	}
	if known, ok := c.opt.Names[t.Name]; ok && kind == "text" && !knows(known, t.Name, text) {
		what := map[string]string{"dnsserver": "DNS server"}[t.Name]
		if what == "" {
			what = t.Name
		}
		hints := c.didYouMean("", text, known)
		if len(hints) == 0 && len(known) > 0 {
			hints = []string{"known are: " + strings.Join(known, ", ")}
		}
		c.report(unknownName.at(a.Expr.Pos(), what, text), hints...)
	}
}

// knows says whether the site knows the name. What an address belongs to is only known when the agent is asked.
func knows(known []string, typ, name string) bool {
	if typ == "agent" || typ == "dnsserver" {
		if _, err := netip.ParseAddr(name); err == nil {
			return true
		}
	}
	return slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
}

// secret marks a literal in the script as secret, so that nothing prints it.
func (c *checker) secret(e syntax.Expr) {
	switch e.(type) {
	case *syntax.Word, *syntax.Text, *syntax.Number, *syntax.Paren, *syntax.Binary:
	default:
		return // it has no text of its own
	}
	c.conceal(e.Pos())
}

func (c *checker) conceal(span diag.Span) {
	if !slices.Contains(c.src.Secret, span) {
		c.src.Secret = append(c.src.Secret, span)
	}
}
