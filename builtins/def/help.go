package def

import (
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
)

// Index is HELP's list: every command with its summary, then statements and functions. A star marks what the
// configured driver cannot do.
func Index(commands []Command) string {
	var b strings.Builder
	b.WriteString("Commands\n")
	for i := range commands {
		c := &commands[i]
		star := " "
		if c.Unsupported != "" {
			star = "*"
		}
		fmt.Fprintf(&b, "%s %s\n      %s\n", star, c.Usage, c.Summary)
	}
	b.WriteString("\nStatements\n")
	for _, s := range sig.Statements() {
		fmt.Fprintf(&b, "  %s\n      %s\n", s.Usage, s.Summary)
	}
	b.WriteString("\nFunctions\n")
	for _, f := range sig.Functions() {
		fmt.Fprintf(&b, "  %s\n      %s\n", f.Usage, f.Summary)
	}
	return b.String()
}

// Explain is HELP's answer to some words: every command whose words begin so, or the statement or function of that name.
func Explain(commands []Command, words []string) (string, error) {
	var parts []string
	for i := range commands {
		if begins(commands[i].Usage, words) {
			parts = append(parts, sig.Help(&commands[i].Signature))
		}
	}
	for _, s := range sig.Statements() {
		if begins(s.Usage, words) {
			parts = append(parts, s.Usage+"\n\n"+s.Summary+"\n")
		}
	}
	if f, ok := sig.FunctionOf(words[0]); ok && len(words) == 1 {
		parts = append(parts, f.Usage+"\n\n"+f.Summary+"\n")
	}
	if len(parts) > 0 {
		return strings.Join(parts, "\n"), nil
	}
	return "", unknownTopic(commands, strings.Join(words, " "))
}

func unknownTopic(commands []Command, topic string) error {
	var names []string
	for i := range commands {
		first, _, _ := strings.Cut(commands[i].Usage, " ")
		names = append(names, first)
	}
	for _, s := range sig.Statements() {
		names = append(names, s.Keyword)
	}
	for _, f := range sig.Functions() {
		names = append(names, f.Name)
	}
	first, _, _ := strings.Cut(topic, " ")
	if near := diag.Suggest(first, names); near != "" {
		return fmt.Errorf("no command, statement or function %q; did you mean %s?", topic, near)
	}
	return fmt.Errorf("no command, statement or function %q", topic)
}

// begins says whether a usage line begins with these words: each is one of its fixed words or a slot's value.
func begins(usage string, words []string) bool {
	fields := strings.FieldsFunc(usage, func(r rune) bool { return strings.ContainsRune(" ()|[],…", r) })
	if !strings.EqualFold(fields[0], words[0]) {
		return false
	}
	at := 1
	for _, w := range words[1:] {
		fixed := slices.IndexFunc(fields[at:], func(f string) bool { return strings.EqualFold(f, w) })
		switch {
		case fixed >= 0:
			at += fixed + 1
		case at < len(fields) && strings.HasPrefix(fields[at], "<"):
			at++
		default:
			return false
		}
	}
	return true
}
