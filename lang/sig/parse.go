package sig

import (
	"errors"
	"fmt"
	"strings"
)

// maxUsageDepth bounds the nesting of a usage line's groups.
const maxUsageDepth = 32

// usageParser reads the tokens of one usage line. Between elements of the top level | binds tighter than a blank
// (`CREATE|DELETE <set>`); within ( ) and [ ] it parts whole sequences (`(EXACT | BASE <path>)`).
type usageParser struct {
	src   string
	toks  []token
	i     int
	depth int
}

func (p *usageParser) peek() string {
	if p.i < len(p.toks) && p.toks[p.i].kind == mark {
		return p.toks[p.i].text
	}
	return ""
}

func (p *usageParser) fail(format string, args ...any) error {
	column := len(p.src) + 1
	if p.i < len(p.toks) {
		column = p.toks[p.i].from + 1
	}
	return fmt.Errorf("column %d: %s", column, fmt.Sprintf(format, args...))
}

// top reads the whole line; every element keeps its source for hints.
func (p *usageParser) top() ([]*node, error) {
	var elements []*node
	for p.i < len(p.toks) {
		from := p.toks[p.i].from
		e, err := p.element()
		if err != nil {
			return nil, err
		}
		if p.peek() == "|" {
			e = &node{kind: alt, kids: []*node{e}}
			for p.peek() == "|" {
				p.i++
				k, err := p.element()
				if err != nil {
					return nil, err
				}
				e.kids = append(e.kids, k)
			}
			wordsFirst(e)
		}
		if e.kind != word && e.kind != mark {
			e.text = p.src[from:p.toks[p.i-1].to]
		}
		elements = append(elements, e)
	}
	return elements, nil
}

// element reads one element with the … behind it.
func (p *usageParser) element() (*node, error) {
	e, err := p.primary()
	if err != nil {
		return nil, err
	}
	for p.peek() == "…" {
		p.i++
		if e.kind != rep {
			e = &node{kind: rep, kids: []*node{e}}
		}
	}
	return e, nil
}

func (p *usageParser) primary() (*node, error) {
	if p.i >= len(p.toks) {
		return nil, p.fail("the line ends too early")
	}
	t := p.toks[p.i]
	if t.kind != mark {
		if n := p.glueRun(); n > 1 {
			return p.glued(n)
		}
		p.i++
		if t.kind == word {
			return &node{kind: word, text: t.text}, nil
		}
		return p.slot(t.text)
	}
	switch t.text {
	case "[":
		body, err := p.group("]")
		if err != nil {
			return nil, err
		}
		return &node{kind: opt, kids: []*node{body}}, nil
	case "(":
		return p.group(")")
	case ",", "=":
		p.i++
		return &node{kind: mark, text: t.text}, nil
	}
	return nil, p.fail("got %q, want a word, a slot or a group", t.text)
}

// group reads alternatives of sequences up to the closing mark.
func (p *usageParser) group(closing string) (*node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxUsageDepth {
		return nil, p.fail("groups are nested deeper than %d", maxUsageDepth)
	}
	p.i++
	choice := &node{kind: alt}
	sequence := &node{kind: seq}
	for {
		switch p.peek() {
		case closing, "|":
			if len(sequence.kids) == 0 {
				return nil, p.fail("got %q, want a word, a slot or a group", p.peek())
			}
			if len(sequence.kids) == 1 {
				sequence = sequence.kids[0]
			}
			choice.kids = append(choice.kids, sequence)
			sequence = &node{kind: seq}
			p.i++
			if p.toks[p.i-1].text == "|" {
				continue
			}
			if len(choice.kids) == 1 {
				return choice.kids[0], nil
			}
			wordsFirst(choice)
			return choice, nil
		}
		e, err := p.element()
		if err != nil {
			return nil, err
		}
		sequence.kids = append(sequence.kids, e)
	}
}

// wordsFirst puts the alternatives that begin with a keyword before the others: where both may stand the keyword wins.
func wordsFirst(choice *node) {
	var words, others []*node
	for _, k := range choice.kids {
		if first(k) != "" {
			words = append(words, k)
		} else {
			others = append(others, k)
		}
	}
	choice.kids = append(words, others...)
}

// slot reads <name>, <name:type> or <name…>.
func (p *usageParser) slot(text string) (*node, error) {
	inner := text[1 : len(text)-1]
	inner, repeated := strings.CutSuffix(inner, "…")
	n := &node{kind: slot, name: inner}
	if _, ok := TypeOf(inner); ok {
		n.typ = inner
	} else if name, typ, ok := strings.Cut(inner, ":"); ok {
		if _, known := TypeOf(typ); !known {
			p.i--
			return nil, p.fail("got the slot type %q, want one of %s", typ, strings.Join(TypeNames(), " "))
		}
		n.name, n.typ = name, typ
	} else if n.typ = "text"; inner == "password" {
		n.typ = "secret" // nobody should have to remember to say so
	}
	if n.name == "" {
		return nil, errors.New("got <>, want a slot's name")
	}
	t, _ := TypeOf(n.typ)
	n.parse = t.Parse
	if repeated {
		return &node{kind: rep, kids: []*node{n}}, nil
	}
	return n, nil
}

// glueRun counts the tokens from here that make up one operand: `/cluster:<c>`, `<user>[:<password>]`. A run whose
// parts are joined by commas alone (`DIFFERENT[,(NEWER|CHECKSUM)]`) is not glued: its comma is an operand.
func (p *usageParser) glueRun() int {
	depth, end, colon, slots := 0, p.i, false, 0
	for ; end < len(p.toks); end++ {
		t := p.toks[end]
		if end > p.i && !t.glued {
			break
		}
		switch {
		case t.kind == word:
			colon = colon || strings.Contains(t.text, ":")
		case t.kind == slot:
			slots++
		case t.text == "[":
			depth++
			continue
		case t.text == "]" && depth > 0:
			depth--
			continue
		case t.text == "," && depth > 0:
			continue
		default:
			if depth == 0 {
				return glueLength(end-p.i, colon, slots)
			}
			return 1
		}
	}
	if depth > 0 {
		return 1
	}
	return glueLength(end-p.i, colon, slots)
}

func glueLength(n int, colon bool, slots int) int {
	if colon && slots > 0 || n == 2 && slots == 1 {
		return n
	}
	return 1
}

// glued reads a run of n tokens as one operand. One that holds a comma (`<g>[,<s>][:<g>[,<s>]]`) is a pairing.
func (p *usageParser) glued(n int) (*node, error) {
	run := p.toks[p.i : p.i+n]
	for _, t := range run {
		if t.text == "," {
			for _, t := range run {
				if t.kind == slot {
					p.i += n
					s, err := p.slot(t.text)
					if err == nil {
						s.typ = "pairing"
					}
					return s, err
				}
			}
		}
	}
	end := p.i + n
	parts, err := p.glueParts(end)
	if err != nil {
		return nil, err
	}
	return &node{kind: glue, kids: parts}, nil
}

// glueParts reads literals, slots and [ ] up to the token end or a closing ].
func (p *usageParser) glueParts(end int) ([]*node, error) {
	var parts []*node
	for p.i < end {
		t := p.toks[p.i]
		p.i++
		switch {
		case t.kind == word:
			parts = append(parts, &node{kind: word, text: t.text})
		case t.kind == slot:
			s, err := p.slot(t.text)
			if err != nil {
				return nil, err
			}
			if s.kind != slot {
				return nil, p.fail("a glued slot cannot repeat")
			}
			parts = append(parts, s)
		case t.text == "[":
			inner, err := p.glueParts(end)
			if err != nil {
				return nil, err
			}
			if len(inner) == 0 || inner[0].kind != word {
				return nil, p.fail("a glued [ ] must begin with the mark that joins it, as in [:<x>]")
			}
			parts = append(parts, &node{kind: opt, kids: inner})
		default:
			return parts, nil
		}
	}
	return parts, nil
}
