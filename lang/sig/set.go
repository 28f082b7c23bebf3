package sig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Set is the table of commands by their first word. It reads a usage line only when a command begins with its first
// word. A Set may be used by several goroutines.
type Set struct {
	sigs    []*Signature
	words   []string // first words in upper case, in the table's order
	entries map[string]*entry
}

// entry is all signatures that share a first word.
type entry struct {
	sigs  []*Signature
	once  sync.Once
	forms []*Form
	err   error
}

// NewSet makes the table. It refuses a usage line without a first word and one that is there twice; Validate tests the rest.
func NewSet(sigs []*Signature) (*Set, error) {
	s := &Set{entries: make(map[string]*entry, len(sigs))}
	for _, g := range sigs {
		for _, word := range firstWords(g.Usage) {
			if word == "" {
				return nil, fmt.Errorf("usage line %q: got no first word, want the command's name", g.Usage)
			}
			e := s.entries[word]
			if e == nil {
				e = &entry{}
				s.entries[word] = e
				s.words = append(s.words, word)
			}
			if slices.ContainsFunc(e.sigs, func(other *Signature) bool { return other.Usage == g.Usage }) {
				return nil, fmt.Errorf("usage line %q: is in the table twice", g.Usage)
			}
			e.sigs = append(e.sigs, g)
		}
	}
	s.sigs = sigs
	return s, nil
}

// Validate reads every usage line and gives all that cannot be read.
func (s *Set) Validate() error {
	var all []error
	for _, w := range s.words {
		_, err := s.forms(w)
		all = append(all, err)
	}
	return errors.Join(all...)
}

// firstWords gives the words that a usage line may begin with (`PAUSE|RESUME TARGET <source>`), in upper case.
func firstWords(usage string) []string {
	head, _, _ := strings.Cut(strings.TrimLeft(usage, " "), " ")
	if end := strings.IndexAny(head, "<>[](),=…"); end >= 0 {
		head = head[:end]
	}
	return strings.Split(strings.ToUpper(head), "|")
}

// forms gives the parsed usage lines with that first word; lines that cannot be read are left out and named by err.
func (s *Set) forms(word string) ([]*Form, error) {
	e := s.entries[strings.ToUpper(word)]
	if e == nil {
		return nil, nil
	}
	e.once.Do(func() {
		var all []error
		for _, g := range e.sigs {
			f, err := Parse(g)
			if err != nil {
				all = append(all, err)
				continue
			}
			e.forms = append(e.forms, f)
		}
		e.err = errors.Join(all...)
	})
	return e.forms, e.err
}

// FirstWords lists the first words of all commands in upper case, in the table's order.
func (s *Set) FirstWords() []string { return s.words }

// Signatures lists the commands with that first word, in the table's order; all of them for "".
func (s *Set) Signatures(word string) []*Signature {
	if word == "" {
		return s.sigs
	}
	if e := s.entries[strings.ToUpper(word)]; e != nil {
		return e.sigs
	}
	return nil
}

// OldLine says whether a command that begins with these operands is an old program's line, which may end at its newline:
// it has that first word, and where the first word has other forms too the second word is an option. It goes on with the
// operands of the next line if that begins no command and the two together are a command that takes the options there.
func (s *Set) OldLine(line, next []Operand) (old, on bool) {
	e := s.entries[strings.ToUpper(line[0].Text)]
	if e == nil {
		return false, false
	}
	count := 0
	for _, g := range e.sigs {
		if g.OldLine {
			count++
		}
	}
	old = count > 0 && (count == len(e.sigs) || len(line) > 1 && isOption(line[1].Text))
	return old, old && len(next) > 0 && s.entries[strings.ToUpper(next[0].Text)] == nil && s.joins(line, next)
}

// joins says whether the operands of two lines make one old program's command.
func (s *Set) joins(line, next []Operand) bool {
	match, _ := s.Match(slices.Concat(line, next))
	if match == nil || !match.Sig.OldLine {
		return false
	}
	keywords := map[int]bool{}
	for _, b := range match.Binds {
		keywords[b.From] = keywords[b.From] || b.Type == "keyword"
	}
	for i, op := range next {
		if op.Kind == WordOperand && isOption(op.Text) && !keywords[len(line)+i] {
			return false
		}
	}
	return true
}

// Match is a command bound to its signature.
type Match struct {
	Sig   *Signature
	Binds []Bind // in the order written
}

// Mismatch says why no signature fits.
type Mismatch struct {
	Known    bool     // some command has that first word
	At       int      // the first operand that does not fit; the number of operands if more is wanted
	Want     []string // what would have fit there, as in the usage lines: `ONLINE`, `<cluster>`; none if nothing more was wanted
	Keywords []string // those of Want that are keywords
	Usage    string   // the merged usage of the commands that came that far
	Secrets  []Bind   // the operands that may be secret
	Given    bool     // the operand is an option that was given before
}

// Match finds the signature that fits all operands, the first of which is the command's first word. Of several it takes
// the one with the most keywords, then the first in the table. Where none fits it says how far the best came.
func (s *Set) Match(ops []Operand) (*Match, *Mismatch) {
	var forms []*Form
	if len(ops) > 0 && ops[0].Kind == WordOperand && !ops[0].Quoted {
		forms, _ = s.forms(ops[0].Text)
	}
	if len(forms) == 0 {
		return nil, &Mismatch{}
	}
	var best *Match
	most := -1
	m := matcher{ops: ops}
	for _, f := range forms {
		m.form, m.steps = f, 0
		if !m.match() {
			continue
		}
		if n := m.keywordCount(); n > most {
			best, most = &Match{Sig: f.Sig, Binds: append([]Bind(nil), m.binds...)}, n
		}
	}
	if best != nil {
		return best, nil
	}
	return nil, s.explain(forms, ops)
}

// explain runs all forms again and collects those that came furthest.
func (s *Set) explain(forms []*Form, ops []Operand) *Mismatch {
	miss := &Mismatch{Known: true, At: -1}
	var furthest []*Form
	var want []*node
	for _, f := range forms {
		m := matcher{form: f, ops: ops, explain: true, needed: true, far: -1}
		m.match()
		miss.Secrets = append(miss.Secrets, f.secretsIn(ops, m.reached)...)
		switch {
		case m.far > miss.At:
			miss.At, furthest, want = m.far, furthest[:0], want[:0]
			fallthrough
		case m.far == miss.At:
			furthest = append(furthest, f)
			want = append(want, m.want...)
		}
	}
	miss.Usage = mergedUsage(furthest)
	seen := map[string]bool{}
	for _, n := range want {
		text := n.wanted()
		if seen[text] {
			continue
		}
		seen[text] = true
		miss.Want = append(miss.Want, text)
		if w := first(n); w != "" {
			miss.Keywords = append(miss.Keywords, w)
		}
	}
	if miss.At >= 0 && miss.At < len(ops) && ops[miss.At].Kind == WordOperand {
		for _, f := range furthest {
			miss.Given = miss.Given || isOption(ops[miss.At].Text) && f.keywords[strings.ToUpper(ops[miss.At].Text)]
		}
	}
	return miss
}

// wanted spells the node as a usage line does.
func (n *node) wanted() string {
	switch n.kind {
	case slot:
		return "<" + n.name + ">"
	case glue:
		var b strings.Builder
		for _, k := range n.kids {
			if k.kind == opt {
				break
			}
			b.WriteString(k.wanted())
		}
		return b.String()
	}
	return n.text
}

// secretsIn gives the operands that may be secret in a command that does not fit: those bound to a secret slot, and
// whatever stands behind an option that takes one.
func (f *Form) secretsIn(ops []Operand, reached []Bind) []Bind {
	var all []Bind
	for _, b := range reached {
		if b.Type == "secret" {
			all = append(all, b)
		}
	}
	for _, option := range f.secrets {
		for i := 0; i+1 < len(ops); i++ {
			if ops[i].Kind != WordOperand || !strings.EqualFold(ops[i].Text, option) {
				continue
			}
			raw := ops[i+1].Raw
			b := Bind{Arg: Arg{Name: "secret", Type: "secret"}, From: i + 1, To: i + 2, Lo: -1, Hi: -1}
			if at := indexJoint(raw, ":", ops[i+1].Quoted, true); at >= 0 {
				b.Lo, b.Hi = at+1, len(raw)
			}
			all = append(all, b)
		}
	}
	return all
}
