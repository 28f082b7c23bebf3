package sig

import (
	"strings"
)

// OperandKind says what an operand looks like before it has a value.
type OperandKind int

// The kinds of operands.
const (
	WordOperand  OperandKind = iota // unquoted, or with a quoted part
	TextOperand                     // "…" or '…'
	ValueOperand                    // $x, $x.y, (expression): fills one slot, never a keyword
	ListOperand                     // [a, b]
	MapOperand                      // {a: b}
	PropsOperand                    // (key=value, …)
	MarkOperand                     // , or =
)

// Operand is what the matcher sees of one operand of a command.
type Operand struct {
	Kind OperandKind
	Text string // what a word or text means; a mark's spelling
	// Raw is what a glued slot is cut from: a word as written; for a text its meaning, as written if it interpolates.
	Raw     string
	Quoted  bool // some part of Raw stands in quotes: no keyword, and a glue mark inside them does not count
	Dynamic bool // it interpolates, so its text is not known yet
}

// Bind is one matched element with its place among the operands.
type Bind struct {
	Arg
	From, To int // operands [From, To): more than one only for a pairing, none never
	Lo, Hi   int // the part of the operand's Raw that a glued slot takes; -1, -1 for the whole operand
}

// maxSteps bounds the search of one form, so that a usage line with nested repetitions cannot take for ever.
const maxSteps = 20_000

// matcher tries one form on the operands.
type matcher struct {
	form  *Form
	ops   []Operand
	binds []Bind
	steps int
	// With explain the matcher notes how far it came and what it wanted there.
	explain bool
	needed  bool // at the end of the operands it wants only what must follow
	far     int
	want    []*node
	reached []Bind
}

// match runs the form over all operands.
func (m *matcher) match() bool {
	m.binds = m.binds[:0]
	for i, n := range m.form.fixed {
		if !m.leaf(n, i) {
			return false
		}
	}
	end := func(i int) bool {
		if i == len(m.ops) {
			return true
		}
		m.miss(nil, i)
		return false
	}
	start := len(m.form.fixed)
	if m.form.body.kind == seq && len(m.form.body.kids) == 0 {
		return end(start)
	}
	return m.run(m.form.body, start, end)
}

// keywordCount is how many keywords the match used; of two forms that match, the one with more is meant.
func (m *matcher) keywordCount() int {
	n := 0
	for _, b := range m.binds {
		if b.Type == "keyword" {
			n++
		}
	}
	return n
}

// miss notes that n did not fit at operand i; a nil n means that nothing more was wanted there.
func (m *matcher) miss(n *node, i int) {
	if !m.explain || i < m.far {
		return
	}
	if i > m.far {
		m.far, m.want = i, m.want[:0]
		if m.form.secret {
			m.reached = append(m.reached[:0], m.binds...)
		}
	}
	if n != nil {
		m.want = append(m.want, n)
	}
}

// run matches n from operand i on and hands each place where it can end to next, the likeliest first, until next agrees.
func (m *matcher) run(n *node, i int, next func(int) bool) bool {
	if m.steps++; m.steps > maxSteps {
		return false
	}
	base := len(m.binds)
	undo := func() bool { m.binds = m.binds[:base]; return false }
	switch n.kind {
	case word, mark, slot:
		if to, ok := m.take(n, i); ok && next(to) {
			return true
		}
		return undo()
	case glue:
		if m.glue(n, i) && next(i+1) {
			return true
		}
		return undo()
	case seq:
		return m.sequence(n.kids, i, next)
	case alt:
		for _, k := range n.kids {
			if m.run(k, i, next) {
				return true
			}
		}
		return false
	case opt:
		if m.needed && i == len(m.ops) {
			return next(i)
		}
		if first(n) == "" && m.isKeyword(i) {
			return next(i) || m.run(n.kids[0], i, next)
		}
		return m.run(n.kids[0], i, next) || next(i)
	case rep:
		return m.repeat(n.kids[0], i, next)
	}
	return m.mixed(n, 0, 0, i, next)
}

func (m *matcher) sequence(kids []*node, i int, next func(int) bool) bool {
	switch len(kids) {
	case 0:
		return next(i)
	case 1:
		return m.run(kids[0], i, next)
	}
	return m.run(kids[0], i, func(j int) bool { return m.sequence(kids[1:], j, next) })
}

// repeat matches n once or more; it prefers more, unless the next operand is a word that is a keyword here.
func (m *matcher) repeat(n *node, i int, next func(int) bool) bool {
	return m.run(n, i, func(j int) bool {
		switch {
		case j == i:
			return next(j)
		case first(n) == "" && m.isKeyword(j):
			return next(j) || m.repeat(n, j, next)
		}
		return m.repeat(n, j, next) || next(j)
	})
}

// mixed matches positional elements from pos on with options in any order among them; used has a bit for each option seen.
func (m *matcher) mixed(n *node, pos int, used uint64, i int, next func(int) bool) bool {
	for o := range n.opts {
		bit := uint64(1) << o
		if used&bit != 0 && !n.opts[o].repeat || m.needed && i == len(m.ops) && !n.opts[o].required {
			continue
		}
		if m.run(n.opts[o].body, i, func(j int) bool { return j > i && m.mixed(n, pos, used|bit, j, next) }) {
			return true
		}
	}
	if pos < len(n.kids) {
		return m.run(n.kids[pos], i, func(j int) bool { return m.mixed(n, pos+1, used, j, next) })
	}
	for o := range n.opts {
		if n.opts[o].required && used&(1<<o) == 0 {
			return false
		}
	}
	return next(i)
}

// leaf matches a word or plain slot of the fixed prefix.
func (m *matcher) leaf(n *node, i int) bool {
	_, ok := m.take(n, i)
	return ok
}

// take matches a word, mark or slot and says at which operand it ends.
func (m *matcher) take(n *node, i int) (int, bool) {
	if i >= len(m.ops) {
		m.miss(n, i)
		return i, false
	}
	op := &m.ops[i]
	to, ok := i+1, false
	switch n.kind {
	case mark:
		if ok = op.Kind == MarkOperand && op.Text == n.text; ok {
			return to, true
		}
	case word:
		if ok = op.Kind == WordOperand && !op.Quoted && strings.EqualFold(op.Text, n.text); ok {
			m.binds = append(m.binds, Bind{Arg{keywordName(n.text), "keyword"}, i, to, -1, -1})
			return to, true
		}
	default:
		if ok = m.fits(n, op); ok {
			if n.typ == "pairing" {
				to = m.pairing(i)
			}
			m.binds = append(m.binds, Bind{Arg{n.name, n.typ}, i, to, -1, -1})
			return to, true
		}
	}
	m.miss(n, i)
	return i, false
}

// fits says whether the operand may fill the slot. A word that looks like an option of this line never does. Where the
// slot may be left out a literal must be of its type; elsewhere a wrong one is a mistake that is better named as such.
func (m *matcher) fits(n *node, op *Operand) bool {
	switch op.Kind {
	case MarkOperand:
		return false
	case ValueOperand:
		return true
	case PropsOperand, MapOperand:
		if n.typ == "properties" {
			return true
		}
		fallthrough
	case ListOperand:
		return n.typ == "any" || n.typ == "expr" || !n.tested && op.Kind != PropsOperand && n.typ != "properties"
	}
	if n.typ == "properties" || m.looksLikeOption(op) {
		return false
	}
	return n.accepts(op, op.Text)
}

// accepts says whether a literal may fill a slot that may be left out.
func (n *node) accepts(op *Operand, text string) bool {
	if !n.tested || op.Dynamic || n.parse == nil {
		return true
	}
	_, err := n.parse(text)
	return err == nil
}

func (m *matcher) looksLikeOption(op *Operand) bool {
	if m.form.leads == "" || op.Kind != WordOperand || len(op.Raw) < 2 || strings.IndexByte(m.form.leads, op.Raw[0]) < 0 {
		return false
	}
	c := op.Raw[1]
	return c == '?' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// pairing gives the end of a list of words joined by commas that begins at operand i.
func (m *matcher) pairing(i int) int {
	joins := func(i int) bool {
		return i < len(m.ops) && m.ops[i].Kind <= TextOperand && !m.looksLikeOption(&m.ops[i])
	}
	if !joins(i) {
		return i + 1
	}
	for i++; i < len(m.ops) && m.ops[i].Kind == MarkOperand && m.ops[i].Text == "," && joins(i+1); {
		i += 2
	}
	return i
}

// isKeyword says whether operand i is a word that some place of the form takes as a keyword.
func (m *matcher) isKeyword(i int) bool {
	return i < len(m.ops) && m.ops[i].Kind == WordOperand && !m.ops[i].Quoted && m.form.keywords[strings.ToUpper(m.ops[i].Text)]
}
