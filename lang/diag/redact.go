package diag

import (
	"slices"
	"strings"
)

// Redacted gives the text with ••• in place of every literal secret.
func (s *Source) Redacted() string {
	spans := slices.Clone(s.Secret)
	slices.SortFunc(spans, func(a, b Span) int { return a.Start - b.Start })
	var b strings.Builder
	at := 0
	for _, span := range spans {
		if span.Start >= at {
			b.WriteString(s.Text[at:span.Start])
			b.WriteString(Hidden)
		}
		at = max(at, span.End)
	}
	b.WriteString(s.Text[at:])
	return b.String()
}
