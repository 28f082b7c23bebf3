package repl

import (
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/sig"
)

// completer offers what may come next in a command.
type completer struct {
	Language
	width func() int // of the terminal, in columns
}

// offer is one word that may come next.
type offer struct {
	text string
	name bool // of a system: it may stand in quotes, and keeps its spelling
}

// Do gives the ends of the words that the text before the cursor may go on with, and how much of the word is there.
func (c *completer) Do(text []rune, pos int) ([][]rune, int) {
	h := split(string(text[:pos]))
	begun, quoted := strings.CutPrefix(h.part, `"`)
	var ends [][]rune
	for _, o := range c.offers(h) {
		end, fits := o.end(begun, quoted)
		if !fits || c.width != nil && len(begun)+len(end)+2 > c.width() { // the library cannot draw a list wider than the screen
			continue
		}
		if r := []rune(end); !slices.ContainsFunc(ends, func(e []rune) bool { return slices.Equal(e, r) }) {
			ends = append(ends, r)
		}
	}
	return ends, len([]rune(begun))
}

// end gives what is missing of the word, as it was begun.
func (o offer) end(begun string, quoted bool) (end string, fits bool) {
	if len(o.text) < len(begun) || !strings.EqualFold(o.text[:len(begun)], begun) {
		return "", false
	}
	end = o.text[len(begun):]
	wants := o.name && strings.ContainsAny(o.text, " ;,()={}[]")
	switch {
	case quoted:
		return end + `" `, o.name
	case wants:
		return `"` + end + `" `, begun == ""
	case begun != "" && !o.name && begun == strings.ToLower(begun) && o.text == strings.ToUpper(o.text):
		end = strings.ToLower(end)
	}
	if strings.HasSuffix(end, ":") {
		return end, true
	}
	return end + " ", true
}

// half is the command that is being typed.
type half struct {
	words []string // the finished ones; a quoted one keeps its quotes
	part  string   // the word before the cursor
	value bool     // only a command may stand here, for its result: after `$x =` or `(`
}

// split finds the command that is being typed.
func split(text string) (h half) {
	var b strings.Builder
	quoted := false
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
			b.WriteRune(r)
		case quoted:
			b.WriteRune(r)
		case r == ';' || string(r) == newlineSign:
			h = half{}
			b.Reset()
		case r == '(' || r == '=' && h.assigns(b.String()):
			h = half{value: true}
			b.Reset()
		case r == ',':
			b.WriteRune(r)
			h.finish(&b)
		case r == ' ' || r == '\t':
			h.finish(&b)
		default:
			b.WriteRune(r)
		}
	}
	h.part = b.String()
	return h
}

// assigns says whether a = after these words and this one assigns to a variable.
func (h *half) assigns(word string) bool {
	words := h.words
	if word != "" {
		words = append(words, word)
	}
	return len(words) == 1 && strings.HasPrefix(words[0], "$")
}

// finish takes a word in; after some words another statement begins.
func (h *half) finish(b *strings.Builder) {
	word := b.String()
	b.Reset()
	switch {
	case word == "":
	case opensBlock(word), len(h.words) == 0 && strings.EqualFold(word, wordPlan):
		*h = half{}
	default:
		h.words = append(h.words, word)
	}
}

// opensBlock says whether a statement may begin after the word.
func opensBlock(word string) bool {
	switch strings.ToLower(word) {
	case "then", "else", "do", "try", "finally", "undo":
		return true
	}
	return false
}

// offers gives what may stand where the cursor is.
func (c *completer) offers(h half) []offer {
	var offers []offer
	if strings.HasPrefix(h.part, "$") {
		if c.Variables != nil {
			for _, name := range c.Variables() {
				offers = append(offers, offer{text: "$" + name})
			}
		}
		return offers
	}
	words := h.words
	if len(words) > 0 && (words[0] == "?" || strings.EqualFold(words[0], wordHelp)) {
		words = words[1:]
	} else if len(words) == 0 && !h.value {
		offers = append(offers, offer{text: "HELP"}, offer{text: "PLAN"}, offer{text: "QUIT"})
	}
	if len(words) == 0 && !h.value {
		for _, s := range sig.Statements() {
			offers = append(offers, offer{text: s.Keyword})
		}
	}
	for _, next := range c.Set.Complete(words) {
		if next.Text != "" {
			offers = append(offers, offer{text: next.Text})
		}
		for _, name := range c.Names[next.Type] {
			offers = append(offers, offer{text: next.Text + name, name: next.Text == ""})
		}
	}
	return offers
}
