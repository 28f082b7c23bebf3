package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// seen makes the literal secrets of a script known before anything of it runs, and gives its mistakes as they may be
// shown.
func (a *app) seen(p *check.Program, ds []*diag.Diagnostic, set *sig.Set) []*diag.Diagnostic {
	if len(ds) > 0 {
		return a.careful(ds, set)
	}
	a.learnLiterals(p.File.Source)
	for _, used := range p.Uses {
		a.seen(used, nil, set)
	}
	for _, run := range p.Runs {
		a.seen(run, nil, set)
	}
	return nil
}

// learnLiterals makes the literal secrets of a text known. What a script computes of them is learnt as it is used.
func (a *app) learnLiterals(src *diag.Source) {
	for _, span := range src.Secret {
		text := src.Text[span.Start:span.End]
		inner := text[min(1, len(text)):max(len(text)-1, min(1, len(text)))]
		switch {
		case len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"':
			text = strings.ReplaceAll(strings.ReplaceAll(inner, `""`, `"`), "$${", "${")
		case len(text) > 1 && text[0] == '\'' && text[len(text)-1] == '\'':
			text = inner
		case strings.HasPrefix(text, "("):
			continue
		}
		a.learn(value.Secret(text))
	}
}

// careful makes mistakes of a script fit to be shown. Checking finds the literal secrets of every statement that can be
// read; in one that cannot, what stands where a secret would stand is hidden to the end of the line.
func (a *app) careful(ds []*diag.Diagnostic, set *sig.Set) []*diag.Diagnostic {
	seen := map[*diag.Source]bool{}
	for _, d := range ds {
		if d.Source != nil && !seen[d.Source] {
			seen[d.Source] = true
			a.conceal(d.Source, set)
		}
	}
	shown := make([]*diag.Diagnostic, len(ds))
	for i, d := range ds {
		copied := *d
		copied.Message = a.hidden().Redact(d.Message)
		copied.Hints = slices.Clone(d.Hints)
		for j := range copied.Hints {
			copied.Hints[j] = a.hidden().Redact(copied.Hints[j])
		}
		shown[i] = &copied
	}
	return shown
}

func (a *app) conceal(src *diag.Source, set *sig.Set) {
	for _, pattern := range secretPatterns(set) {
		for _, m := range pattern.FindAllStringSubmatchIndex(src.Text, -1) {
			span := diag.Span{Start: m[2], End: m[3]}
			if span.Start == span.End || slices.ContainsFunc(src.Secret, func(s diag.Span) bool { return s.Start < span.End && span.Start < s.End }) {
				continue // checking has read it
			}
			src.Secret = append(src.Secret, span)
		}
	}
	// A message may quote a word of it. What is as short as a bracket is none.
	for _, span := range src.Secret {
		text := src.Text[span.Start:span.End]
		for _, word := range append(strings.Fields(text), text) {
			if word = strings.Trim(word, `"';`); len(word) > 3 {
				a.learn(value.Secret(word))
			}
		}
	}
}

// secretPatterns find, in a text that need not be a script, what stands where the commands have a secret.
func secretPatterns(set *sig.Set) []*regexp.Regexp {
	// A secret slot of a usage line is glued to an option's operand, or one of the words behind the head.
	slot := regexp.MustCompile(`(?:([-/]\w+) <\w+>\[?)?(:?)<\w+:secret>`)
	const word = `(?:"[^"\n]*"|'[^'\n]*'|[^\s;]+)`
	var all []*regexp.Regexp
	for _, s := range set.Signatures("") {
		m := slot.FindStringSubmatchIndex(s.Usage)
		switch {
		case m == nil:
		case m[2] >= 0:
			option := regexp.QuoteMeta(s.Usage[m[2]+1 : m[3]])
			all = append(all, regexp.MustCompile(fmt.Sprintf(`(?i)[-/]%s\s+(?:"[^"\n]*"|'[^'\n]*'|[^\s:;]+):([^\n]*)`, option)))
		default:
			head := strings.Fields(s.Usage[:m[0]])
			all = append(all, regexp.MustCompile(fmt.Sprintf(`(?i)\b%s(?:\s+%s){%d}\s+([^\n]*)`, regexp.QuoteMeta(head[0]), word, len(head)-1)))
		}
	}
	return all
}
