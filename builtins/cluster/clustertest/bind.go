package clustertest

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// bind finds the record of a statement and the values of its operands. A transcript's statements hold words, texts and
// one list of properties; the language itself has its own tests.
func (p *player) bind(text string) (*def.Command, *def.Call) {
	operands, properties := split(text)
	match, miss := p.set.Match(operands)
	if match == nil {
		fmt.Fprintf(&p.out, "! no such command; usage: %s\n", miss.Usage)
		return nil, nil
	}
	call := &def.Call{}
	for _, b := range match.Binds {
		v := value.Value(nil)
		switch {
		case b.Type == "keyword":
		case b.Type == "properties":
			v = properties
		default:
			op := operands[b.From]
			s := op.Text
			if b.Lo >= 0 {
				s = strings.Trim(op.Raw[b.Lo:b.Hi], `"`)
			}
			v = value.Text(s)
			if t, _ := sig.TypeOf(b.Type); t.Parse != nil {
				parsed, err := t.Parse(s)
				if err != nil {
					p.t.Fatalf("%s: %v", text, err)
				}
				v = value.From(parsed)
			}
		}
		call.Args, call.Vals = append(call.Args, b.Arg), append(call.Vals, v)
	}
	return p.records[match.Sig], call
}

// split cuts a statement into operands.
func split(text string) ([]sig.Operand, value.Value) {
	var all []sig.Operand
	properties := value.None
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeftFunc(text, unicode.IsSpace) {
		if text[0] == '(' {
			inner, rest, _ := strings.Cut(text[1:], ")")
			members := make(map[string]value.Value)
			for _, item := range strings.Split(inner, ",") {
				k, v, _ := strings.Cut(item, "=")
				members[strings.TrimSpace(k)] = value.Text(strings.Trim(strings.TrimSpace(v), `"`))
			}
			properties, text = value.Map(members), rest
			all = append(all, sig.Operand{Kind: sig.PropsOperand})
			continue
		}
		inQuotes := false
		end := strings.IndexFunc(text, func(r rune) bool {
			if r == '"' {
				inQuotes = !inQuotes
			}
			return !inQuotes && unicode.IsSpace(r)
		})
		if end < 0 {
			end = len(text)
		}
		raw := text[:end]
		op := sig.Operand{Text: strings.ReplaceAll(raw, `"`, ""), Raw: raw, Quoted: strings.Contains(raw, `"`)}
		if raw[0] == '"' {
			op.Kind, op.Raw = sig.TextOperand, op.Text
		}
		all, text = append(all, op), text[end:]
	}
	return all, properties
}
