// Package overlay is a host as a plan sees it: it is asked for real, and its programs that change something only would run.
package overlay

import (
	"context"

	"github.com/standin-project/standin/builtins/core"
)

// New makes an overlay over the half of a host that changes nothing.
func New(r core.Reader) core.System { return host{r} }

type host struct{ core.Reader }

// Exec remembers nothing: no later read can tell what a program would have changed.
func (host) Exec(ctx context.Context, p core.Program) (core.Output, error) {
	return core.Output{Unknown: "the output of program " + p.String() + ", which a plan does not run"}, ctx.Err()
}
