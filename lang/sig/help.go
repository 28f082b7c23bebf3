package sig

import (
	"fmt"
	"slices"
	"strings"
)

// Slots lists the slots of the usage line in their order, each once.
func (f *Form) Slots() []Arg {
	var slots []Arg
	var collect func(n *node)
	collect = func(n *node) {
		if n.kind == slot && !slices.Contains(slots, Arg{n.name, n.typ}) {
			slots = append(slots, Arg{n.name, n.typ})
		}
		for _, k := range n.kids {
			collect(k)
		}
	}
	for _, e := range f.elements {
		collect(e)
	}
	return slots
}

// Keywords lists the keywords and options of the usage line in upper case, sorted.
func (f *Form) Keywords() []string {
	var words []string
	for w := range f.keywords {
		words = append(words, w)
	}
	slices.Sort(words)
	return words
}

// Help is what HELP prints for one command.
func Help(s *Signature) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", s.Usage, s.Summary)
	if s.Unsupported != "" {
		fmt.Fprintf(&b, "* not available here: %s\n", s.Unsupported)
	}
	if f, err := Parse(s); err == nil && len(f.Slots()) > 0 {
		width := 0
		for _, slot := range f.Slots() {
			width = max(width, len(slot.Name))
		}
		b.WriteByte('\n')
		for _, slot := range f.Slots() {
			t, _ := TypeOf(slot.Type)
			doc := t.Want
			if d := s.Docs[slot.Name]; d != "" {
				doc = d + " (" + t.Want + ")"
			}
			fmt.Fprintf(&b, "  %-*s  %s\n", width, slot.Name, doc)
		}
	}
	b.WriteByte('\n')
	if s.Result != "" {
		fmt.Fprintf(&b, "result:  %s\n", s.Result)
	}
	fmt.Fprintf(&b, "effect:  %s\n", s.Effect)
	if s.Example != "" {
		fmt.Fprintf(&b, "example: %s\n", s.Example)
	}
	return b.String()
}
