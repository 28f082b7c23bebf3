package sig

import "strings"

// glue matches an operand made of several parts, such as /cluster:"west" or admin:"p;w".
func (m *matcher) glue(n *node, i int) bool {
	if i >= len(m.ops) {
		m.miss(n, i)
		return false
	}
	op := &m.ops[i]
	base := len(m.binds)
	switch {
	case op.Kind == ValueOperand && n.kids[0].kind == slot:
		// One value fills one slot: the rest must be optional.
		if restOptional(n.kids[1:]) {
			m.binds = append(m.binds, Bind{Arg{n.kids[0].name, n.kids[0].typ}, i, i + 1, -1, -1})
			return true
		}
	case op.Kind <= TextOperand && (n.kids[0].kind == word || !m.looksLikeOption(op)):
		g := gluer{m: m, op: op, at: i}
		if g.parts(n.kids, 0, len(op.Raw)) {
			return true
		}
	}
	m.binds = m.binds[:base]
	m.miss(n, i)
	return false
}

func restOptional(parts []*node) bool {
	for _, p := range parts {
		if p.kind != opt {
			return false
		}
	}
	return true
}

// gluer cuts one operand's Raw into the parts of a glue node.
type gluer struct {
	m  *matcher
	op *Operand
	at int
}

// parts matches Raw[lo:hi] as a whole.
func (g *gluer) parts(parts []*node, lo, hi int) bool {
	if len(parts) == 0 {
		return lo == hi
	}
	base := len(g.m.binds)
	p, rest := parts[0], parts[1:]
	switch p.kind {
	case word:
		if hi-lo >= len(p.text) && strings.EqualFold(g.op.Raw[lo:lo+len(p.text)], p.text) {
			if isOption(p.text) {
				g.m.binds = append(g.m.binds, Bind{Arg{keywordName(p.text), "keyword"}, g.at, g.at + 1, lo, lo + len(p.text)})
			}
			if g.parts(rest, lo+len(p.text), hi) {
				return true
			}
		}
	case opt:
		if lo < hi && g.parts(append(append([]*node{}, p.kids...), rest...), lo, hi) {
			return true
		}
		if g.parts(rest, lo, hi) {
			return true
		}
	default:
		if end := g.end(rest, lo, hi); end > lo && g.fits(p, lo, end) {
			g.m.binds = append(g.m.binds, Bind{Arg{p.name, p.typ}, g.at, g.at + 1, lo, end})
			if g.parts(rest, end, hi) {
				return true
			}
		}
	}
	g.m.binds = g.m.binds[:base]
	return false
}

func (g *gluer) fits(p *node, lo, hi int) bool {
	text := g.op.Raw[lo:hi]
	if p.tested && g.op.Quoted {
		text = Unquote(g.op.Raw, lo, hi)
	}
	return p.accepts(g.op, text)
}

// end says where a slot before rest ends: at the first mark that goes on, outside quotes if there is one, else at the end.
func (g *gluer) end(rest []*node, lo, hi int) int {
	for len(rest) > 0 && rest[0].kind == opt {
		rest = rest[0].kids
	}
	if len(rest) == 0 || rest[0].kind != word {
		return hi
	}
	for _, inside := range []bool{false, true} {
		if at := indexJoint(g.op.Raw[lo:hi], rest[0].text, g.op.Quoted, inside); at >= 0 {
			return lo + at
		}
	}
	return hi
}

// indexJoint finds the mark that joins two parts of raw, never within ${…} and within "…" only if inside.
func indexJoint(raw, joint string, quoted, inside bool) int {
	inQuotes, depth := false, 0
	for i := 0; i < len(raw); i++ {
		switch {
		case depth > 0:
			depth += strings.Count(raw[i:i+1], "{") - strings.Count(raw[i:i+1], "}")
		case quoted && raw[i] == '"':
			inQuotes = !inQuotes
		case quoted && strings.HasPrefix(raw[i:], "${"):
			depth, i = 1, i+1
		case (inside || !inQuotes) && len(raw)-i >= len(joint) && strings.EqualFold(raw[i:i+len(joint)], joint):
			return i
		}
	}
	return -1
}

// Unquote gives the meaning of raw[lo:hi], where raw is a word or text as written from its beginning: the quotes that join
// its parts go, "" inside them is a quote and $${ stands for ${.
func Unquote(raw string, lo, hi int) string {
	var b strings.Builder
	inQuotes := strings.Count(raw[:lo], `"`)%2 == 1
	for i := lo; i < hi; i++ {
		switch rest := raw[i:hi]; {
		case inQuotes && strings.HasPrefix(rest, `""`):
			b.WriteByte('"')
			i++
		case rest[0] == '"':
			inQuotes = !inQuotes
		case inQuotes && strings.HasPrefix(rest, "$${"):
			b.WriteString("${")
			i += 2
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}
