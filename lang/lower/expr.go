package lower

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/d5/tengo/v2/parser"
	"github.com/d5/tengo/v2/token"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/syntax"
)

// maxArgs is how many operands one Tengo call takes here; longer lists of them become a tree of calls.
const maxArgs = 100

// literal makes an expression of a nil, bool, int64, float64 or string.
func (s *scope) literal(v any, pos parser.Pos) parser.Expr {
	return ident(s.s.shared(Literal{v}), pos)
}

// host makes a call of a host function.
func (s *scope) host(h Host, pos parser.Pos, args ...parser.Expr) parser.Expr {
	return &parser.CallExpr{Func: ident(s.s.shared(h), pos), LParen: pos, RParen: pos, Args: args}
}

// handle makes an expression of a handle.
func (s *scope) handle(h any) parser.Expr { return ident(s.s.own(h), parser.NoPos) }

// site gives the site of the statement at hand; the second and later ones in a statement are counted.
func (s *scope) site(n syntax.Node) Site {
	place := s.place
	if s.commands > 0 {
		place = fmt.Sprintf("%s+%d", place, s.commands)
	}
	s.commands++
	return Site{Place: place, Source: s.source, Span: n.Pos()}
}

func (s *scope) siteHandle(n syntax.Node) parser.Expr {
	site := s.site(n)
	return s.handle(&site)
}

// expr lowers an expression to its value.
func (s *scope) expr(x syntax.Expr) parser.Expr {
	pos := s.at(x)
	switch x := x.(type) {
	case *syntax.Paren:
		return s.expr(x.X)
	case *syntax.Word:
		return s.parts(x.Text, x.Parts, pos)
	case *syntax.Text:
		return s.parts(x.Value, x.Parts, pos)
	case *syntax.Number:
		return s.number(x, x.Value, pos)
	case *syntax.Const:
		return s.literal(map[string]any{"TRUE": true, "FALSE": false}[strings.ToUpper(x.Kind)], pos)
	case *syntax.Var:
		return s.read(x, pos)
	case *syntax.Index:
		return placed(&parser.IndexExpr{Expr: placed(s.expr(x.X), pos), Index: s.expr(x.Key), LBrack: pos, RBrack: pos}, pos)
	case *syntax.List:
		return s.list(x.Items, pos)
	case *syntax.Map:
		return s.mapping(x, pos)
	case *syntax.Props:
		return s.props(x, pos)
	case *syntax.Unary:
		return s.unary(x, pos)
	case *syntax.Binary:
		return s.binary(x, pos)
	case *syntax.Call:
		return s.call(x, pos)
	case *syntax.Command:
		return s.command(x, Nested)
	}
	s.fail(x, "lowering", fmt.Sprintf("got %T where a value must stand", x))
	return s.literal(nil, pos)
}

// parts makes a text, of its pieces if it interpolates.
func (s *scope) parts(plain string, parts []syntax.Expr, pos parser.Pos) parser.Expr {
	if parts == nil {
		return s.literal(plain, pos)
	}
	return s.gather(HostText, HostText, s.exprs(parts), pos)
}

func (s *scope) exprs(xs []syntax.Expr) []parser.Expr {
	out := make([]parser.Expr, len(xs))
	for i, x := range xs {
		out[i] = s.expr(x)
	}
	return out
}

// gather calls h with all args; where they are too many for one call, it calls h on pieces and join on the results.
func (s *scope) gather(h, join Host, args []parser.Expr, pos parser.Pos) parser.Expr {
	for len(args) > maxArgs {
		var pieces []parser.Expr
		for len(args) > 0 {
			n := min(maxArgs, len(args))
			pieces = append(pieces, s.host(h, pos, args[:n]...))
			args = args[n:]
		}
		args, h = pieces, join
	}
	return s.host(h, pos, args...)
}

func (s *scope) number(n *syntax.Number, text string, pos parser.Pos) parser.Expr {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return s.literal(i, pos)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.Contains(text, ".") {
		s.fail(n, "number-too-large", fmt.Sprintf("the number %s is too large", n.Raw),
			"whole numbers go from -9223372036854775808 to 9223372036854775807")
		return s.literal(nil, pos)
	}
	return s.literal(f, pos)
}

// read reads a variable; only where it may have no value yet does that cost a test.
func (s *scope) read(v *syntax.Var, pos parser.Pos) parser.Expr {
	folded := check.Fold(v.Name)
	x := ident(symbol(folded), pos)
	if s.known(folded) {
		return x
	}
	return placed(s.test(OpRead, x, pos), pos)
}

// test applies an operator that looks at its left side only.
func (s *scope) test(op token.Token, x parser.Expr, pos parser.Pos) parser.Expr {
	return binary(op, x, s.literal(nil, pos), pos)
}

func (s *scope) list(items []syntax.Expr, pos parser.Pos) parser.Expr {
	if constant, ok := constants(items); ok {
		return ident(s.s.own(Literal{constant}), pos)
	}
	return s.gather(HostList, HostConcat, s.exprs(items), pos)
}

// constants gives the items of a list that holds nothing but plain literals.
func constants(items []syntax.Expr) ([]any, bool) {
	values := make([]any, len(items))
	for i, x := range items {
		switch x := x.(type) {
		case *syntax.Text:
			if x.Parts != nil {
				return nil, false
			}
			values[i] = x.Value
		case *syntax.Number:
			n, err := strconv.ParseInt(x.Value, 10, 64)
			if err != nil {
				return nil, false
			}
			values[i] = n
		default:
			return nil, false
		}
	}
	return values, true
}

func (s *scope) mapping(m *syntax.Map, pos parser.Pos) parser.Expr {
	args := make([]parser.Expr, 0, 2*len(m.Keys))
	for i, key := range m.Keys {
		args = append(args, s.expr(key), s.expr(m.Values[i]))
	}
	return s.gather(HostMap, HostMerge, args, pos)
}

func (s *scope) props(p *syntax.Props, pos parser.Pos) parser.Expr {
	args := make([]parser.Expr, 0, 2*len(p.Items))
	for _, item := range p.Items {
		args = append(args, s.literal(item.Key.Text, pos), s.expr(item.Value))
	}
	return s.gather(HostMap, HostMerge, args, pos)
}

func (s *scope) unary(u *syntax.Unary, pos parser.Pos) parser.Expr {
	if u.Op != "-" {
		return placed(s.test(OpNot, s.expr(u.X), pos), pos)
	}
	if n, ok := u.X.(*syntax.Number); ok {
		return s.number(n, "-"+n.Value, pos)
	}
	return placed(s.test(OpNegate, s.expr(u.X), pos), pos)
}

func (s *scope) binary(b *syntax.Binary, pos parser.Pos) parser.Expr {
	if logical(b) {
		// The left side decides, so in a plan it is a branch; the right side is the value.
		x := binary(shortCircuit(b), s.condition(b.X), s.expr(b.Y), pos)
		return placed(s.test(OpTruth, x, pos), pos)
	}
	return placed(binary(operator(b.Op), s.expr(b.X), s.expr(b.Y), pos), pos)
}

func logical(b *syntax.Binary) bool { return b.Op == "AND" || b.Op == "OR" }

func shortCircuit(b *syntax.Binary) token.Token {
	if b.Op == "AND" {
		return token.LAnd
	}
	return token.LOr
}

// condition lowers an expression whose truth alone is asked for.
func (s *scope) condition(x syntax.Expr) parser.Expr {
	switch x := x.(type) {
	case *syntax.Paren:
		return s.condition(x.X)
	case *syntax.Binary:
		if logical(x) {
			return binary(shortCircuit(x), s.condition(x.X), s.condition(x.Y), s.at(x))
		}
	}
	if !s.s.opt.Plan {
		return s.expr(x)
	}
	place := s.place
	if s.decides > 0 {
		place = fmt.Sprintf("%s?%d", place, s.decides)
	}
	s.decides++
	site := &Site{Place: place, Source: s.source, Span: x.Pos()}
	again := s.literal(false, parser.NoPos)
	if s.looping {
		again = ident(":again", parser.NoPos)
	}
	return s.host(HostDecide, s.at(x), s.handle(site), s.expr(x), again)
}

// call lowers a call of a FUNCTION or of a built-in function.
func (s *scope) call(c *syntax.Call, pos parser.Pos) parser.Expr {
	name := check.Fold(c.Name.Text)
	f, own := s.prog.Functions[name]
	if !own {
		return s.builtin(name, c, pos)
	}
	args := s.exprs(c.Args)
	for len(args) < len(f.Decl.Params) {
		args = append(args, ident(s.s.shared(Missing), pos))
	}
	if len(args) > maxLocals {
		s.fail(c, "too-many-arguments", fmt.Sprintf("the call has %d arguments, want at most %d", len(args), maxLocals),
			"pass a list or a map")
	}
	return &parser.CallExpr{Func: ident(s.s.functions[f.Decl], pos), LParen: pos, RParen: pos, Args: args}
}

func (s *scope) builtin(name string, c *syntax.Call, pos parser.Pos) parser.Expr {
	args := s.exprs(c.Args)
	switch name {
	case "now":
		return s.host(HostNow, pos, s.siteHandle(c))
	case "since":
		return s.host(HostSince, pos, append([]parser.Expr{s.siteHandle(c)}, args...)...)
	}
	if len(args) > maxLocals {
		s.fail(c, "too-many-arguments", fmt.Sprintf("the call has %d arguments, want at most %d", len(args), maxLocals),
			"pass a list")
		return s.literal(nil, pos)
	}
	return &parser.CallExpr{Func: ident(s.s.shared(Builtin(name)), pos), LParen: pos, RParen: pos, Args: args}
}
