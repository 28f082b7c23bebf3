package value

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quote puts a text between quotes as the language writes it: a backslash stands for itself and a quote is doubled, so that
// a Windows path can be copied from a message. What would not print is written as in Go.
func Quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == '"':
			b.WriteString(`""`)
		case r == utf8.RuneError && size == 1, !unicode.IsPrint(r):
			b.WriteString(strings.Trim(strconv.Quote(rest[:size]), `"`))
		default:
			b.WriteString(rest[:size])
		}
		rest = rest[size:]
	}
	b.WriteByte('"')
	return b.String()
}
