package check

import (
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// maxWants is how many things a message says could stand in a place.
const maxWants = 6

// mismatch says why no signature fits a command.
func (c *checker) mismatch(cmd *syntax.Command, miss *sig.Mismatch, whole bool) {
	for _, b := range miss.Secrets {
		c.secret(c.bound(cmd, b))
	}
	if !miss.Known {
		c.unknownCommand(cmd, whole)
		return
	}
	usage := "usage: " + miss.Usage
	if miss.At >= len(cmd.Operands) {
		c.report(incomplete.at(cmd.Span, wants(miss.Want)), usage)
		return
	}
	at := cmd.Operands[miss.At]
	if miss.At > 0 && (endsBlock(at) || strings.Contains(c.src.Text[cmd.Operands[miss.At-1].Pos().End:at.Pos().Start], "\n")) {
		usage = "is a ; missing before it?   " + usage
	}
	word, isWord := at.(*syntax.Word)
	what := shown(at)
	if c.concealed(at.Pos()) {
		what = "•••"
	}
	switch {
	case miss.Given:
		c.report(givenTwice.at(at.Pos(), word.Raw), usage)
	case isWord && !word.Quoted && len(miss.Keywords) > 0 && what != "•••":
		if hint := c.didYouMean("", word.Text, miss.Keywords); hint != nil {
			usage = hint[0] + "   " + usage
		}
		c.report(unknownWord.at(at.Pos(), word.Text), usage)
	case len(miss.Want) == 0:
		c.report(tooMuch.at(at.Pos(), what), usage)
	default:
		c.report(unexpected.at(at.Pos(), what, wants(miss.Want)), usage)
	}
}

// endsBlock says whether an operand looks like the END of a block: a command does not end there by itself.
func endsBlock(e syntax.Expr) bool {
	w, ok := e.(*syntax.Word)
	return ok && !w.Quoted && slices.Contains([]string{"END", "ENDIF", "ENDWHILE", "ENDFOR"}, strings.ToUpper(w.Text))
}

// concealed says whether a secret lies in the span.
func (c *checker) concealed(span diag.Span) bool {
	for _, s := range c.src.Secret {
		if s.Start < span.End && span.Start < s.End {
			return true
		}
	}
	return false
}

func wants(all []string) string {
	if len(all) > maxWants {
		return strings.Join(all[:maxWants], ", ") + " …"
	}
	if len(all) > 1 {
		return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
	}
	return strings.Join(all, "")
}

func (c *checker) unknownCommand(cmd *syntax.Command, whole bool) {
	if c.full() {
		return
	}
	word, ok := cmd.Operands[0].(*syntax.Word)
	if !ok {
		word = &syntax.Word{At: syntax.At{Span: cmd.Operands[0].Pos()}, Text: c.text(cmd.Operands[0].Pos())}
	}
	if f := c.p.Functions[Fold(word.Text)]; f != nil && whole && len(cmd.Operands) > 1 {
		c.report(callStatement.at(word.Span, word.Text), "give its value a name: $x = "+functionUsage(f.Decl)+";")
		return
	}
	known := slices.Concat(c.set.FirstWords(), []string{"ELSEIF", "ELSE", "UNDO", "FINALLY", "END"})
	for _, s := range sig.Statements() {
		if strings.EqualFold(s.Keyword, word.Text) {
			c.report(unknownCommand.at(word.Span, word.Text), s.Keyword+" begins a statement: "+s.Usage)
			return
		}
		known = append(known, s.Keyword)
	}
	c.report(unknownCommand.at(word.Span, word.Text), c.didYouMean("", word.Text, known)...)
}
