// Package diag holds the one diagnostic type of Standin and its one renderer.
package diag

import "sync"

// Source is a script's text under the name that messages use for it.
type Source struct {
	Name string // as the user gave it: a path, "<stdin>", "<repl>", "do"
	Text string
	// Secret lists the spans that hold a literal secret; whatever prints the text shows ••• there.
	Secret []Span

	index lineIndex
}

// lineIndex remembers where the lines begin.
type lineIndex struct {
	once   sync.Once
	starts []int
}

// Span is a half-open range of byte offsets into a Source's text.
type Span struct{ Start, End int }

// Join is the smallest span that covers both.
func (s Span) Join(t Span) Span {
	return Span{min(s.Start, t.Start), max(s.End, t.End)}
}

// Named is a variable and its printed value, shown below a run-time error.
type Named struct{ Name, Value string }

// Frame is one link of the chain around a run-time error: a STEP, FUNCTION or RUN.
type Frame struct {
	Label  string // `STEP "Bring the group online"`
	Source *Source
	Span   Span
}

// Diagnostic is anything Standin has to say about a place in a script.
type Diagnostic struct {
	Source  *Source
	Span    Span
	Code    string   // catalogue name, stable: "unknown-command"
	Message string   // one line, lower-case, "got X, want Y", names the object in quotes
	Hints   []string // each one line; the way out
	Values  []Named  // run-time only
	Chain   []Frame  // run-time only, innermost first
}
