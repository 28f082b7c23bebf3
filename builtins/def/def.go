// Package def holds the command record and what is derived from it.
package def

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// Command is one command of the language: everything that is known of it stands here.
type Command struct {
	sig.Signature

	// System is the kind of the systems that it works on: what its Change.System begins with ("agent", "cluster", "dns",
	// "directory", "host"). Reaches are the other kinds that its answer depends on, or that it may change as well.
	System  string
	Reaches []string

	// Read carries out a command whose effect is session, reads or waits. A plan does not call it for waits.
	Read func(ctx context.Context, c *Call) (value.Value, error)

	// Observe reads the world and says what the command would change; it writes nothing. For changes and final.
	// The walk calls it before Do, and again after Do: then it must answer Yes, unless Verify is given.
	// A resumed run calls it to learn whether an interrupted command had been done.
	Observe func(ctx context.Context, c *Call) (*Action, error)

	// Undo brings back what one Change recorded as its Inverse; a Change that has none cannot be undone. It finds its object as
	// the change left it, as it was before, or between the two, wherever a process ended; what somebody else has made of it
	// since it leaves alone, with a Failure (CodeRefused) that says what was found, what was wanted and the way out.
	Undo func(ctx context.Context, inverse json.RawMessage) error
}

// Of gives the commands of several tables: those that name no kind of system work on this one.
func Of(system string, tables ...[]Command) []Command {
	all := slices.Concat(tables...)
	for i := range all {
		if all[i].System == "" {
			all[i].System = system
		}
	}
	return all
}

// Action is what an observation found and how to go on from there.
type Action = plan.Action

// Call is one call of a command with its evaluated operands.
type Call = plan.Call
