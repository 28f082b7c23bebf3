package plan

import (
	"strings"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// Sentence prints a command with its operands' values as one could type it; secrets print as •••.
func Sentence(s *sig.Signature, args []sig.Arg, vals []value.Value) string {
	var b strings.Builder
	for i, a := range args {
		mark, glued := marks(s.Usage, a)
		if b.Len() > 0 && !glued {
			b.WriteByte(' ')
		}
		b.WriteString(mark)
		if a.Type == "keyword" {
			b.WriteString(a.Name)
			continue
		}
		b.WriteString(Operand(value.Print(vals[i])))
	}
	return b.String()
}

// marks gives what stands right before an element in the usage line: an option's - or /, the word of a glued slot
// ("/cluster:"), the comma or colon of one that is joined to the element before it.
func marks(usage string, a sig.Arg) (mark string, glued bool) {
	at := -1
	if a.Type == "keyword" {
		at = wordAt(usage, a.Name)
	} else {
		at = max(strings.Index(usage, "<"+a.Name+">"), strings.Index(usage, "<"+a.Name+":"))
	}
	if at < 0 {
		return "", false
	}
	before := usage[:at]
	word := before[strings.LastIndexAny(before, " [(|")+1:]
	switch before = strings.TrimRight(before, "[("); {
	case strings.HasSuffix(word, ">:"), strings.HasSuffix(before, ">:"):
		return ":", true
	case strings.HasSuffix(before, ",") && a.Type == "keyword":
		return ",", true
	case strings.ContainsAny(word, "<>"):
		return "", false
	case strings.HasSuffix(before, ","):
		return "", false
	}
	return word, false
}

// wordAt finds a word of the usage line in any case, where it is not part of another.
func wordAt(usage, word string) int {
	upper := strings.ToUpper(usage)
	for from := 0; ; {
		i := strings.Index(upper[from:], word)
		if i < 0 {
			return -1
		}
		i += from
		end := i + len(word)
		if (i == 0 || !letter(upper[i-1])) && (end == len(upper) || !letter(upper[end])) {
			return i
		}
		from = end
	}
}

func letter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '<' || c == '_' }

// Operand prints a text as an operand: in quotes where it would not be one word.
func Operand(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t;,()[]{}=\"'$") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
