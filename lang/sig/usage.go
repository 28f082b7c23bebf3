package sig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// kind says what a node of a parsed usage line stands for.
type kind int

const (
	word  kind = iota // a keyword or option, standing for itself
	mark              // a comma or = between operands
	slot              // <name:type>
	opt               // [x]
	alt               // a | b
	seq               // a b
	rep               // x…
	glue              // /cluster:<c>, <user>:<password>: one operand made of several parts
	mixed             // positional elements in kids, options in any order among them
)

// node is an element of a parsed usage line.
type node struct {
	kind kind
	text string // a word or mark as written; for a top-level element its source
	name string // a slot's name
	typ  string // a slot's type
	kids []*node
	opts []option // of a mixed node

	parse  func(string) (any, error) // a slot's test of literals; nil if any text will do
	tested bool                      // a literal that fails the test is not meant for this slot, which may be left out
}

// option is one option of a mixed node with the slots that follow it.
type option struct {
	body             *node
	required, repeat bool
}

// Form is a signature with its usage line parsed.
type Form struct {
	Sig      *Signature
	elements []*node         // the top-level elements, as they stand
	fixed    []*node         // the words and plain slots that a line without options begins with: one operand each
	body     *node           // what comes after them
	keywords map[string]bool // every keyword, in upper case
	leads    string          // the characters that open the line's options, "-" and "/"
	secret   bool            // some slot takes a secret
	secrets  []string        // the options followed by one, in upper case
}

// maxOptions bounds the options of one usage line; a matcher's state keeps one bit for each.
const maxOptions = 64

// Parse reads a signature's usage line.
func Parse(s *Signature) (*Form, error) {
	f := &Form{Sig: s, keywords: map[string]bool{}}
	if err := f.parse(); err != nil {
		return nil, fmt.Errorf("usage line %q: %w", s.Usage, err)
	}
	return f, nil
}

func (f *Form) parse() error {
	toks, err := tokens(f.Sig.Usage)
	if err != nil {
		return err
	}
	p := &usageParser{src: f.Sig.Usage, toks: toks}
	if f.elements, err = p.top(); err != nil {
		return err
	}
	if len(f.elements) == 0 || !isHead(f.elements[0]) {
		return errors.New("got no first word, want the command's name")
	}
	for _, e := range f.elements {
		f.collect(e)
		choose(e, false)
		f.secret = f.secret || holdsSecret(e)
	}
	if f.leads != "" {
		return f.arrange()
	}
	rest := f.elements
	for len(rest) > 0 && (rest[0].kind == word || rest[0].kind == slot && rest[0].typ != "pairing") {
		f.fixed, rest = append(f.fixed, rest[0]), rest[1:]
	}
	f.body = &node{kind: seq, kids: rest}
	return nil
}

// arrange makes the body of a line with options.
func (f *Form) arrange() error {
	options, err := mix(f.elements[1:])
	if err != nil {
		return err
	}
	for _, o := range options.opts {
		if holdsSecret(o.body) {
			f.secrets = append(f.secrets, strings.ToUpper(first(o.body)))
		}
	}
	f.body = &node{kind: seq, kids: []*node{f.elements[0], options}}
	return nil
}

// isHead says whether a line may begin with the element: a word, or several of which one is said (`PAUSE|RESUME`).
func isHead(n *node) bool {
	if n.kind != alt {
		return n.kind == word
	}
	return !slices.ContainsFunc(n.kids, func(k *node) bool { return k.kind != word })
}

// collect notes the keywords and option leads below n.
func (f *Form) collect(n *node) {
	if n.kind == word || n.kind == glue && n.kids[0].kind == word {
		text := first(n)
		f.keywords[strings.ToUpper(text)] = true
		if isOption(text) && !strings.Contains(f.leads, text[:1]) {
			f.leads += text[:1]
		}
	}
	if n.kind == glue {
		return
	}
	for _, k := range n.kids {
		f.collect(k)
	}
}

// choose marks the slots that stand first in something that may be left out or that is one of several.
func choose(n *node, choice bool) {
	switch n.kind {
	case slot:
		n.tested = n.tested || choice
	case seq, glue:
		for i, k := range n.kids {
			choose(k, choice && i == 0)
		}
	case opt, alt:
		for i, k := range n.kids {
			choose(k, n.kind == alt || i == 0)
		}
	case rep:
		choose(n.kids[0], choice)
	}
}

// mix sorts the elements after the head into positional ones and options; a keyword and a bare option take the slots that
// follow them.
func mix(elements []*node) (*node, error) {
	m := &node{kind: mixed}
	for i := 0; i < len(elements); i++ {
		e := elements[i]
		unit := e
		if e.kind == word {
			unit = &node{kind: seq, kids: []*node{e}}
			for i+1 < len(elements) && isSlots(elements[i+1]) {
				i++
				unit.kids = append(unit.kids, elements[i])
			}
		}
		if !isOption(first(e)) {
			m.kids = append(m.kids, unit)
			continue
		}
		o := option{body: unit, required: true}
		if o.body.kind == rep {
			o.body, o.repeat = o.body.kids[0], true
		}
		if o.body.kind == opt {
			o.body, o.required = o.body.kids[0], false
		}
		m.opts = append(m.opts, o)
	}
	if len(m.opts) > maxOptions {
		return nil, fmt.Errorf("got %d options, want at most %d", len(m.opts), maxOptions)
	}
	return m, nil
}

// isSlots says whether the element is made of slots alone.
func isSlots(n *node) bool {
	switch n.kind {
	case slot:
		return true
	case glue:
		return n.kids[0].kind == slot
	case word, mark:
		return false
	}
	for _, k := range n.kids {
		if !isSlots(k) {
			return false
		}
	}
	return true
}

// first gives the word that the element begins with, "" if it may begin with another thing.
func first(n *node) string {
	switch {
	case n.kind == word:
		return n.text
	case len(n.kids) > 0:
		return first(n.kids[0])
	}
	return ""
}

func holdsSecret(n *node) bool {
	if n.kind == slot {
		return n.typ == "secret"
	}
	for _, k := range n.kids {
		if holdsSecret(k) {
			return true
		}
	}
	return false
}

// isOption says whether a word of a usage line is an option.
func isOption(text string) bool {
	return len(text) > 1 && (text[0] == '-' || text[0] == '/')
}

// keywordName is the name under which a keyword or option is bound: upper case, without its marks.
func keywordName(text string) string {
	return strings.ToUpper(strings.TrimRight(strings.TrimLeft(text, "-/"), ":"))
}

// token is one token of a usage line; glued says that no blank stands before it.
type token struct {
	text     string
	kind     kind // word, slot, or mark for everything else
	glued    bool
	from, to int
}

const usageMarks = "[]()|,=…"

// propertiesMark is how a usage line writes a list of properties.
const propertiesMark = "(key=value, …)"

func tokens(src string) ([]token, error) {
	var toks []token
	glued := false
	for i := 0; i < len(src); {
		rest := src[i:]
		t := token{from: i, glued: glued, kind: mark}
		switch {
		case rest[0] == ' ':
			i++
			glued = false
			continue
		case strings.HasPrefix(rest, propertiesMark):
			t.text, t.kind, t.to = "<properties>", slot, i+len(propertiesMark)
		case rest[0] == '<':
			end := strings.IndexByte(rest, '>')
			if end < 0 {
				return nil, fmt.Errorf("column %d: got a < without its >", i+1)
			}
			t.text, t.kind, t.to = rest[:end+1], slot, i+end+1
		case strings.HasPrefix(rest, "…"):
			t.text, t.to = "…", i+len("…")
		case strings.IndexByte(usageMarks[:7], rest[0]) >= 0:
			t.text, t.to = rest[:1], i+1
		case rest[0] == '>' || rest[0] < ' ':
			return nil, fmt.Errorf("column %d: got %q, want a word, a slot or a mark", i+1, rest[:1])
		default:
			end := strings.IndexAny(rest, " <>"+usageMarks)
			if end < 0 {
				end = len(rest)
			}
			t.text, t.kind, t.to = rest[:end], word, i+end
		}
		toks = append(toks, t)
		i, glued = t.to, true
	}
	return toks, nil
}
