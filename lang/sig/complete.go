package sig

import "strings"

// Candidate is something that may stand next in a command.
type Candidate struct {
	Text string // a keyword as in the usage line, or the literal that a glued slot begins with; "" for a slot
	Slot string // a slot's name; "" for a keyword
	Type string // the slot's type, by which names can be offered
	Doc  string // what the slot is, or the command's summary where only one command goes on
}

// Complete gives what may stand after these words of a command, in the table's order. The words are as typed: a quoted
// one keeps its quotes, a variable its $. Without words it gives the first word of every command.
func (s *Set) Complete(words []string) []Candidate {
	var all []Candidate
	if len(words) == 0 {
		for _, w := range s.words {
			c := Candidate{Text: w}
			if sigs := s.entries[w].sigs; len(sigs) == 1 {
				c.Doc = sigs[0].Summary
			}
			all = append(all, c)
		}
		return all
	}
	ops := typedOperands(words)
	forms, _ := s.forms(ops[0].Text)
	seen := map[[2]string]bool{}
	for _, f := range forms {
		m := matcher{form: f, ops: ops, explain: true, far: -1}
		m.match()
		if m.far != len(ops) {
			continue
		}
		for _, n := range m.want {
			c := n.candidate(f.Sig)
			if key := [2]string{c.Text, c.Slot}; !seen[key] {
				seen[key] = true
				all = append(all, c)
			}
		}
	}
	return all
}

func (n *node) candidate(s *Signature) Candidate {
	switch n.kind {
	case slot:
		return Candidate{Slot: n.name, Type: n.typ, Doc: s.Docs[n.name]}
	case glue:
		c := Candidate{Text: first(n)}
		for _, k := range n.kids {
			if k.kind == slot {
				c.Slot, c.Type, c.Doc = k.name, k.typ, s.Docs[k.name]
				break
			}
		}
		return c
	}
	return Candidate{Text: n.text, Doc: s.Summary}
}

// typedOperands reads the words of a half-typed command.
func typedOperands(words []string) []Operand {
	var ops []Operand
	for _, w := range words {
		switch {
		case w == "":
		case w[0] == '$':
			ops = append(ops, Operand{Kind: ValueOperand})
		case w[0] == '\'' || w[0] == '"' && !strings.Contains(strings.Trim(w, `"`), `"`) && (len(w) == 1 || w[len(w)-1] == '"'):
			text := strings.Trim(w, w[:1])
			ops = append(ops, Operand{Kind: TextOperand, Text: text, Raw: text})
		case strings.Contains(w, `"`):
			ops = append(ops, Operand{Kind: WordOperand, Text: Unquote(w, 0, len(w)), Raw: w, Quoted: true})
		default:
			for i, part := range strings.Split(w, ",") {
				if i > 0 {
					ops = append(ops, Operand{Kind: MarkOperand, Text: ","})
				}
				if part != "" {
					ops = append(ops, Operand{Kind: WordOperand, Text: part, Raw: part})
				}
			}
		}
	}
	if len(ops) == 0 {
		ops = append(ops, Operand{Kind: WordOperand})
	}
	return ops
}
