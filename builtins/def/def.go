// Package def holds the command record and what is derived from it.
package def

import (
	"context"
	"encoding/json"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// Command is one command of the language: everything that is known of it stands here.
type Command struct {
	sig.Signature

	// Read carries out a command whose effect is session, reads or waits. A plan does not call it for waits.
	Read func(ctx context.Context, c *Call) (value.Value, error)

	// Observe reads the world and says what the command would change; it writes nothing. For changes and final.
	// The walk calls it before Do, and again after Do: then it must answer Yes, unless Verify is given.
	// A resumed run calls it to learn whether an interrupted command had been done.
	Observe func(ctx context.Context, c *Call) (*Action, error)

	// Undo brings back what one Change recorded as its Inverse.
	Undo func(ctx context.Context, inverse json.RawMessage) error
}

// Action is what an observation found and how to go on from there.
type Action = plan.Action

// Call is one call of a command with its evaluated operands.
type Call = plan.Call
