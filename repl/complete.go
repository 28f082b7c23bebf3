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
	words, part := split(string(text[:pos]))
	begun, quoted := strings.CutPrefix(part, `"`)
	var ends [][]rune
	for _, o := range c.offers(words, part) {
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

// split gives the finished words of the command before the cursor and the word that is being typed. A quoted word keeps
// its quotes.
func split(text string) (words []string, part string) {
	var b strings.Builder
	finish := func() {
		if b.Len() > 0 {
			words = append(words, b.String())
			b.Reset()
		}
	}
	restart := func() {
		words = nil
		b.Reset()
	}
	quoted := false
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
			b.WriteRune(r)
		case quoted:
			b.WriteRune(r)
		case strings.ContainsRune(";({"+newlineSign, r),
			r == '=' && (len(words) == 0 && strings.HasPrefix(b.String(), "$") || len(words) == 1 && strings.HasPrefix(words[0], "$")):
			restart()
		case r == ',':
			b.WriteRune(r)
			finish()
		case r == ' ' || r == '\t':
			finish()
			if n := len(words); n > 0 && opensBlock(words[n-1]) {
				restart()
			}
		default:
			b.WriteRune(r)
		}
	}
	if len(words) > 0 && strings.EqualFold(words[0], wordPlan) {
		words = words[1:]
	}
	return words, b.String()
}

// opensBlock says whether a statement may begin after the word.
func opensBlock(word string) bool {
	switch strings.ToLower(word) {
	case "then", "else", "do", "try", "finally", "undo":
		return true
	}
	return false
}

// offers gives what may stand after these words.
func (c *completer) offers(words []string, part string) []offer {
	var offers []offer
	if strings.HasPrefix(part, "$") {
		if c.Variables != nil {
			for _, name := range c.Variables() {
				offers = append(offers, offer{text: "$" + name})
			}
		}
		return offers
	}
	if len(words) > 0 && (words[0] == "?" || strings.EqualFold(words[0], wordHelp)) {
		words = words[1:]
	} else if len(words) == 0 {
		offers = append(offers, offer{text: "HELP"}, offer{text: "PLAN"}, offer{text: "QUIT"})
	}
	if len(words) == 0 {
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
