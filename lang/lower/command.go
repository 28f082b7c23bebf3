package lower

import (
	"fmt"

	"github.com/d5/tengo/v2/parser"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// command lowers a command to a call of the host with the operands that have no value yet.
func (s *scope) command(c *syntax.Command, mode Mode) parser.Expr {
	pos := s.at(c)
	bound := s.prog.Calls[c]
	if bound == nil {
		s.fail(c, "lowering", "the command was not checked")
		return s.literal(nil, pos)
	}
	h := &Command{
		Site: s.site(c), Sig: bound.Sig, Mode: mode,
		Args: make([]sig.Arg, len(bound.Args)), Literals: make([]any, len(bound.Args)),
	}
	args := []parser.Expr{nil}
	for i, a := range bound.Args {
		h.Args[i] = a.Arg
		if a.Expr == nil {
			continue
		}
		if v, ok := literalOperand(a.Type, a.Expr); ok {
			h.Literals[i] = v
			continue
		}
		h.Dynamic = append(h.Dynamic, i)
		args = append(args, s.expr(a.Expr))
	}
	if len(h.Dynamic) > maxLocals {
		s.fail(c, "too-many-arguments", fmt.Sprintf("the command has %d operands that are computed, want at most %d",
			len(h.Dynamic), maxLocals), "pass a list, or several commands")
	}
	args[0] = s.handle(h)
	return s.host(HostCall, pos, args...)
}

// literalOperand gives the value of an operand that the script spells out.
func literalOperand(slot string, x syntax.Expr) (any, bool) {
	var text string
	switch x := x.(type) {
	case *syntax.Word:
		if x.Parts != nil {
			return nil, false
		}
		text = x.Text
	case *syntax.Text:
		if x.Parts != nil {
			return nil, false
		}
		text = x.Value
	default:
		return nil, false
	}
	t, ok := sig.TypeOf(slot)
	if !ok || t.Parse == nil {
		return text, true
	}
	v, err := t.Parse(text)
	if err != nil {
		return nil, false // check has said so; the run says it again
	}
	return v, true
}
