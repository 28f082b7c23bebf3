package plan

import (
	"context"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// Action is what an observation found and how to go on from there.
type Action struct {
	// Done says whether the world already is as the command wants it. Yes makes the command succeed with Result.
	Done Answer
	// Why says in words why Done is Unknown, or what was found.
	Why string
	// Changes are what Do will change, read before the first write. A plan prints them; a run journals them first.
	Changes []Change
	// Do makes the changes. In a plan the systems behind it are overlays that only remember them.
	Do func(ctx context.Context) (value.Value, error)
	// Verify replaces the second Observe for commands that are never "already done" (MIRROR START).
	Verify func(ctx context.Context) (Answer, error)
	// Blind says why no observation can tell whether an interrupted Do was done (a program of the user's). A resumed run
	// then asks a person. "" for a command that may be done again.
	Blind string
	// Result is the command's result when Done is Yes; nil means 0.
	Result value.Value
}

// Call is one call of a command with its evaluated operands.
type Call struct {
	Args  []sig.Arg
	Vals  []value.Value // nil at a keyword
	Place string        // stable id of the place in the script, turn and attempt
	// Say prints a line of progress on standard error; never nil.
	Say func(format string, args ...any)
}
