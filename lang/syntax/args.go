package syntax

import (
	"strings"
	"unicode"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
)

// ParseArgs reads one statement from the words that the system's shell has split: a word with a blank in it, or an
// empty one, is a text; nothing is a comment, and `;` is a character. The file's source shows the words joined.
func ParseArgs(args []string, opt Options) (*File, []*diag.Diagnostic) {
	src, tokens := argTokens(args)
	opt.Bare = true
	p := &parser{src: src, opt: opt, scan: newScanner(""), file: &File{Source: src}}
	p.lex, _ = lexer.Upgrade(&tokenList{tokens: tokens, end: lexer.EOFToken(lexer.Position{Offset: len(src.Text), Line: 1})})
	if p.readable() {
		p.run()
	}
	if len(p.file.Body) > 1 {
		p.report(oneStatement.at(p.file.Body[1].Pos()))
	}
	return p.file, p.finish()
}

// argTokens joins the words to a text and reads the tokens of each word on its own.
func argTokens(args []string) (*diag.Source, []lexer.Token) {
	var text strings.Builder
	type piece struct {
		start int
		whole bool // one text
	}
	var pieces []piece
	for i, arg := range args {
		if i > 0 {
			text.WriteByte(' ')
		}
		start := text.Len()
		if arg != "" && !strings.ContainsFunc(arg, unicode.IsSpace) {
			text.WriteString(arg)
			pieces = append(pieces, piece{start: start})
			continue
		}
		head := optionHead(arg)
		text.WriteString(arg[:head])
		if head > 0 {
			pieces = append(pieces, piece{start: start})
			start = text.Len()
		}
		text.WriteString(quote(arg[head:]))
		pieces = append(pieces, piece{start: start, whole: true})
	}
	src := &diag.Source{Name: "do", Text: text.String()}
	var tokens []lexer.Token
	for i, part := range pieces {
		end := len(src.Text)
		if i+1 < len(pieces) {
			end = pieces[i+1].start
		}
		word := strings.TrimSuffix(src.Text[part.start:end], " ")
		if part.whole {
			tokens = append(tokens, lexer.Token{Type: tokenText, Value: word, Pos: lexer.Position{Offset: part.start, Line: 1}})
			continue
		}
		s := &scanner{text: word, base: part.start, line: 1, verbatim: true}
		for t, _ := s.Next(); !t.EOF(); t, _ = s.Next() {
			tokens = append(tokens, t)
		}
	}
	return src, tokens
}

// optionHead is the length of the /name: or -name: that a word with a blank may begin with: what the shell makes
// of /cluster:"my cluster".
func optionHead(arg string) int {
	i := strings.IndexFunc(arg, func(r rune) bool { return !isNameRune(r) && r != '-' && r != '/' })
	if i > 1 && arg[i] == ':' && (arg[0] == '-' || arg[0] == '/') {
		return i + 1
	}
	return 0
}

// quote writes a text as a "…" literal.
func quote(text string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(text, `"`, `""`), "${", "$${") + `"`
}
