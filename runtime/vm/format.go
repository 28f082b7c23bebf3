package vm

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/standin-project/standin/runtime/value"
)

// maxWidth bounds what a {:n} of format pads to.
const maxWidth = 1000

// format replaces each {} of a template by the next value; {{ and }} stand for braces.
func format(args []value.Value) (value.Value, error) {
	template, ok := value.AsText(args[0])
	if !ok {
		return nil, want("format", args[0], "a text for the template")
	}
	var b strings.Builder
	values := args[1:]
	for rest := template; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		mark := rest[i]
		rest = rest[i+1:]
		if strings.HasPrefix(rest, string(mark)) {
			b.WriteByte(mark)
			rest = rest[1:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		switch {
		case mark == '}' || end < 0:
			return nil, mistake("format got a lone %q in its template", mark).Hint("write it twice to mean the brace itself")
		case len(values) == 0:
			return nil, mistake("format got more {} than values")
		}
		piece, err := formatOne(rest[:end], values[0])
		if err != nil {
			return nil, err
		}
		b.WriteString(piece)
		values, rest = values[1:], rest[end+1:]
	}
	if len(values) > 0 {
		return nil, mistake("format got %d values more than {}", len(values))
	}
	return value.NewText(b.String(), args...)
}

func formatSpec() *regexp.Regexp { return regexp.MustCompile(`^(?::(<?)(\d*)(?:\.(\d+))?)?$`) }

// formatOne prints one value by the text inside its braces.
func formatOne(spec string, v value.Value) (string, error) {
	s, ok := value.Reveal(v)
	if !ok {
		s = value.Print(v)
	}
	if spec == "" {
		return s, nil
	}
	parts := formatSpec().FindStringSubmatch(spec)
	width, _ := strconv.Atoi("0" + strings.Join(parts[min(2, len(parts)):min(3, len(parts))], ""))
	if parts == nil || width > maxWidth {
		return "", mistake("format got {%s}, want {}, {:8}, {:<8} or {:.2}", spec)
	}
	if parts[3] != "" {
		n, isNumber := value.AsNumber(v)
		decimals, err := strconv.Atoi(parts[3])
		if !isNumber || err != nil || decimals > 15 {
			return "", mistake("format got %s for {%s}, want a number and at most 15 decimals", show(v), spec)
		}
		s = strconv.FormatFloat(n, 'f', decimals, 64)
	}
	padding := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
	if parts[1] == "<" {
		return s + padding, nil
	}
	return padding + s, nil
}

// match gives what a pattern finds first: the whole and its groups.
func match(args []value.Value) (value.Value, error) {
	t, err := textArgs("match", args)
	if err != nil {
		return nil, err
	}
	pattern, err := regexp.Compile(t[1])
	if err != nil && value.IsSecret(args[1]) {
		return nil, mistake("match got a secret pattern that cannot be read")
	}
	if err != nil {
		return nil, mistake("match got a pattern that cannot be read: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: ")).
			Hint("the syntax is that of RE2: \\d+ .* (a|b) ^ $")
	}
	found := pattern.FindStringSubmatch(t[0])
	list := make([]value.Value, len(found))
	for i, s := range found {
		if list[i], err = value.NewText(s, args[0]); err != nil {
			return nil, err
		}
	}
	return value.List(list...), nil
}
