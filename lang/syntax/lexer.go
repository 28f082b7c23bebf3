package syntax

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
)

// The kinds of token. They are small on purpose: `10.1.0.5` is several tokens that stand without a blank between
// them, which is how one text can be a word to a command and an arithmetic mistake to an expression.
const (
	tokenWord lexer.TokenType = iota + 1 // letters, digits and _; one that begins with a digit may hold a decimal point
	tokenVar                             // $name
	tokenText                            // "…"
	tokenRaw                             // '…'
	tokenMark                            // an operator, a bracket or any other character
	tokenEnd                             // ; (empty where an unclosed text ended the statement)
)

// definition shows the tokens to participle.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{
		"EOF": lexer.EOF, "Word": tokenWord, "Var": tokenVar, "Text": tokenText,
		"Raw": tokenRaw, "Mark": tokenMark, "End": tokenEnd,
	}
}

func (definition) Lex(_ string, r io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return newScanner(string(text)), nil
}

// scanner yields the tokens of some statements, up to and including a `;`, then the end; asked again it goes on
// behind the `;`. So only a few statements' tokens are held at a time, however long the script is.
type scanner struct {
	text     string
	pos      int
	line     int
	base     int  // offset of text in the source
	verbatim bool // no comments, and `;` is a character (operands from the system's shell)
	batch    int  // where the statements of this batch began
	paused   bool // the batch is complete
	broken   bool // the last text was not closed

	comments []Comment
	problems []*diag.Diagnostic
}

// batchSize is the number of bytes after which a batch of statements is complete.
const batchSize = 4096

const byteOrderMark = "\ufeff"

func newScanner(text string) *scanner {
	s := &scanner{text: text, line: 1}
	if strings.HasPrefix(text, byteOrderMark) {
		s.pos = len(byteOrderMark)
	}
	return s
}

// Next implements lexer.Lexer. It never fails: what is wrong with a text is noted in problems.
func (s *scanner) Next() (lexer.Token, error) {
	if s.paused {
		s.paused, s.batch = false, s.pos
		return s.token(lexer.EOF, s.pos), nil
	}
	if s.broken {
		s.broken, s.paused = false, true
		return s.token(tokenEnd, s.pos), nil
	}
	s.skip()
	start := s.pos
	if start == len(s.text) {
		return s.token(lexer.EOF, start), nil
	}
	kind := s.scan()
	s.paused = kind == tokenEnd && s.pos-s.batch >= batchSize
	return s.token(kind, start), nil
}

func (s *scanner) token(kind lexer.TokenType, start int) lexer.Token {
	return lexer.Token{
		Type:  kind,
		Value: s.text[start:s.pos],
		Pos:   lexer.Position{Offset: s.base + start, Line: s.line},
	}
}

// done says whether nothing but the end is left.
func (s *scanner) done() bool {
	return s.pos == len(s.text) && !s.paused && !s.broken
}

// skip moves behind blanks and comments.
func (s *scanner) skip() {
	opens := s.pos == 0 || s.base == 0 && s.text[:s.pos] == byteOrderMark || strings.IndexByte(";,(", s.text[s.pos-1]) >= 0
	for s.pos < len(s.text) {
		r, size := s.rune(s.pos)
		switch {
		case r == '\n':
			s.line++
			fallthrough
		case isBlank(r):
			s.pos += size
		case opens && !s.verbatim && s.comment():
		default:
			return
		}
		opens = true
	}
}

// isBlank counts a NUL and a bad byte as blanks: they have been reported once, for the whole script.
func isBlank(r rune) bool {
	return r == ' ' || r == 0 || r == utf8.RuneError || unicode.IsSpace(r) || r == '\ufeff'
}

func (s *scanner) rune(pos int) (rune, int) {
	if pos >= len(s.text) {
		return -1, 0
	}
	if c := s.text[pos]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	r, size := utf8.DecodeRuneInString(s.text[pos:])
	if r == utf8.RuneError && size > 1 {
		r = unicode.MaxRune // a replacement character that somebody wrote is a character
	}
	return r, size
}

// comment consumes the comment that begins here, if one does.
func (s *scanner) comment() bool {
	rest := s.text[s.pos:]
	length := 0
	switch {
	case strings.HasPrefix(rest, "/*"):
		length = strings.Index(rest[2:], "*/") + 4
		if length < 4 {
			length = len(rest)
			s.problems = append(s.problems, unclosedComment.at(s.span(s.pos, s.pos+2)))
		}
	case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, "#"):
		length = lineLength(rest)
	default:
		return false
	}
	s.comments = append(s.comments, Comment{At: At{s.span(s.pos, s.pos+length)}, Text: rest[:length]})
	s.line += strings.Count(rest[:length], "\n")
	s.pos += length
	return true
}

// lineLength is the length of the first line without its line break.
func lineLength(text string) int {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return len(strings.TrimSuffix(text, "\r"))
}

func (s *scanner) span(start, end int) diag.Span {
	return diag.Span{Start: s.base + start, End: s.base + end}
}

func (s *scanner) scan() lexer.TokenType {
	r, size := s.rune(s.pos)
	next, _ := s.rune(s.pos + size)
	switch {
	case isNameRune(r):
		s.word()
		return tokenWord
	case r == '$' && isNameRune(next) && !isDigit(next):
		s.pos += size
		s.name()
		return tokenVar
	case r == '"':
		s.quoted()
		return tokenText
	case r == '\'' && !s.afterName():
		s.raw()
		return tokenRaw
	case r == ';' && !s.verbatim:
		s.pos += size
		return tokenEnd
	}
	s.pos += size
	switch string(r) + string(next) {
	case "==", "!=", "<>", "<=", ">=":
		s.pos++
	}
	return tokenMark
}

func isNameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || isDigit(r) || r == '_' ||
		r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func (s *scanner) name() {
	for {
		r, size := s.rune(s.pos)
		if !isNameRune(r) {
			return
		}
		s.pos += size
	}
}

// word reads a name or a number; `1.5` is one token, the last dot of `1.5.7` is not part of it.
func (s *scanner) word() {
	start := s.pos
	s.name()
	if strings.Trim(s.text[start:s.pos], "0123456789") != "" {
		return
	}
	if dot, _ := s.rune(s.pos); dot != '.' {
		return
	}
	if r, _ := s.rune(s.pos + 1); isDigit(r) {
		s.pos++
		s.name()
	}
}

// afterName says whether a letter or digit stands right before: the ' of `operator's`.
func (s *scanner) afterName() bool {
	r, _ := utf8.DecodeLastRuneInString(s.text[:s.pos])
	return s.pos > 0 && isNameRune(r)
}

func (s *scanner) quoted() {
	start := s.pos
	for s.pos++; !s.lineEnds(); s.pos++ {
		if s.text[s.pos] != '"' {
			continue
		}
		if s.pos++; s.pos == len(s.text) || s.text[s.pos] != '"' {
			return
		}
	}
	s.unclosed(start, `"`)
}

func (s *scanner) raw() {
	start := s.pos
	for s.pos++; !s.lineEnds(); s.pos++ {
		if s.text[s.pos] == '\'' {
			s.pos++
			return
		}
	}
	s.unclosed(start, `'`)
}

// lineEnds says whether the line, and with it a text, ends here; operands from the shell have no lines.
func (s *scanner) lineEnds() bool {
	rest := s.text[s.pos:]
	return rest == "" || !s.verbatim && (rest[0] == '\n' || strings.HasPrefix(rest, "\r\n"))
}

// unclosed ends the text and its statement at the line's end, so that one forgotten quote is one mistake.
func (s *scanner) unclosed(start int, quote string) {
	s.broken = true
	s.problems = append(s.problems, unclosedText.at(s.span(start, s.pos), quote))
}
