package plan

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Sentence prints a command with its operands' values as one could type it; secrets print as •••.
func Sentence(s *sig.Signature, args []sig.Arg, vals []value.Value) string {
	var b strings.Builder
	for i, a := range args {
		mark, glued := marks(s.Usage, a)
		if a.Type == "keyword" && i+1 < len(args) && glueOf(s.Usage, args[i+1], a.Name) {
			continue // the slot that follows prints it: /cluster:west
		}
		if b.Len() > 0 && !glued {
			b.WriteByte(' ')
		}
		b.WriteString(mark)
		if a.Type == "keyword" {
			b.WriteString(spelling(s.Usage, a.Name))
			continue
		}
		b.WriteString(operand(a.Type, vals[i]))
	}
	return b.String()
}

// operand prints a value as its slot's type would be written.
func operand(typ string, v value.Value) string {
	if _, unknown := value.IsUnknown(v); unknown {
		return value.Print(v)
	}
	switch n, whole := value.AsInt(v); {
	case typ == "duration" && whole:
		return span(time.Duration(n) * time.Millisecond)
	case typ == "properties":
		if m, ok := value.AsMap(v); ok {
			var parts []string
			for _, k := range slices.Sorted(maps.Keys(m)) {
				parts = append(parts, k+"="+Operand(value.Print(m[k])))
			}
			return "(" + strings.Join(parts, ", ") + ")"
		}
	}
	return Operand(value.Print(v))
}

// span prints a duration as the language writes it: 10m, not 10m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// statement gives the first line of a statement as it is written, for what has no operands to print.
func statement(at vm.Site) string {
	if at.Source == nil {
		return ""
	}
	first, _, _ := strings.Cut(at.Source.Text[at.Span.Start:at.Span.End], "\n")
	return strings.TrimSpace(first)
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
	if open := strings.LastIndexAny(before, "(["); open >= 0 && strings.HasSuffix(before, "|") {
		before = before[:open] // a later one of several alternatives stands where the first does
	}
	switch before = strings.TrimRight(before, "[("); {
	case word == ":", strings.HasSuffix(word, ">:"):
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

// glueOf says whether a slot is glued to the option of that name, as in /cluster:<cluster>.
func glueOf(usage string, slot sig.Arg, option string) bool {
	if slot.Type == "keyword" {
		return false
	}
	mark, _ := marks(usage, slot)
	return strings.HasSuffix(mark, ":") && strings.EqualFold(strings.Trim(mark, "-/:"), option)
}

// spelling gives a keyword or option as the usage line spells it: /RecordAdd.
func spelling(usage, name string) string {
	if at := wordAt(usage, name); at >= 0 {
		return usage[at : at+len(name)]
	}
	return name
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
