// Package vm runs a lowered program on Tengo's VM behind our own guard: recover, limits, cancel, positions.
package vm

import (
	"context"
	"time"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// Site is a place in the program that a host hears of.
type Site struct {
	// Place is the stable id of the statement: its ordinals, layout and comments apart ("3.2.1").
	// A host adds turns, attempts and branches by counting how often a context's scope passes a Site.
	Place  string
	Source *diag.Source
	Span   diag.Span
	// Again marks, for Decide only, a loop's condition that is tested after the loop's body has run in this plan.
	Again bool
}

// Call is one command with its evaluated operands.
type Call struct {
	Site
	Sig  *sig.Signature
	Args []sig.Arg
	Vals []value.Value // nil at a keyword
}

// Step is a STEP as the host hears of it.
type Step struct {
	Site
	Title   string
	Timeout time.Duration // 0 is none
	Retry   int           // attempts after the first
	Every   time.Duration
}

// Body runs a block of the program. A body that fails has put the variables back to what they were. A host calls it on
// the goroutine that it was called on (the branches of Parallel apart), one at a time, and not after Run has returned.
// When its context ends the body stops with the context's cause; it is for Step to say that this was a time-out.
type Body func(ctx context.Context) error

// Later keeps the variables as they are now and gives a Body that sees them, whatever the program assigns meanwhile. The
// Body may be run on any goroutine, also after Run has returned. It leaves no trace in the program's variables.
type Later func() Body

// Until is one evaluation of a condition; the value is what WAIT UNTIL or MANUAL looks at.
type Until func(ctx context.Context) (value.Value, error)

// Pause is an error of a host that ends the program only for now: it will be resumed, so no FINALLY runs.
type Pause interface {
	error
	Pauses()
}

// Final is an error of a host that ends the program whatever it says, even if a *value.Failure is its cause: no handler
// sees it, and it is no result of a command.
type Final interface {
	error
	Final()
}

// Host is what a running program asks of the world; the walk is one. Its methods may be called from several goroutines
// under PARALLEL. A *value.Failure is the failure of a command or block and can be caught by the script; any other
// error ends the run.
type Host interface {
	// Call carries out a command.
	Call(ctx context.Context, c *Call) (value.Value, error)
	// Write prints one line that the script wrote.
	Write(ctx context.Context, at Site, line string) error
	// Wait waits for a span of time.
	Wait(ctx context.Context, at Site, d time.Duration) error
	// WaitUntil evaluates cond every now and then until it is true. timeout 0 is none.
	WaitUntil(ctx context.Context, at Site, cond Until, every, timeout time.Duration) error
	// Require is told of every REQUIRE; ok is its truth. An error refuses the run.
	Require(ctx context.Context, at Site, ok value.Value, message string) error
	// Step runs a step's body, again if it fails and may; undo is nil without an UNDO block.
	Step(ctx context.Context, s *Step, body Body, undo Later) error
	// Skip is told of a step whose WHEN was false, or unknown and decided so.
	Skip(ctx context.Context, s *Step, when value.Value) error
	// Parallel runs the branches (each one STEP, on its own copy of the variables), at most max at a time (0: all),
	// and gives the error of the first in text order that failed, after the others have finished.
	Parallel(ctx context.Context, at Site, max int, branches []Body) error
	// Handler offers a TRY's handler that a run did not need; a plan walks it as "only if it fails". What the handler
	// ends with, an *Exit too, is the plan's to print and not an end of the program.
	Handler(ctx context.Context, at Site, handler Body) error
	// Confirm asks a person. For a TYPED one text is what must be typed and why the reason shown.
	Confirm(ctx context.Context, at Site, text string, typed bool, why string) error
	// Manual shows a person what to do and waits until it is done: until cond is true, or, with nil, until the person says so.
	Manual(ctx context.Context, at Site, text string, cond Until) error
	// PointOfNoReturn marks the point after which undo refuses.
	PointOfNoReturn(ctx context.Context, at Site) error
	// Run runs another runbook in this run; path is as written, from names the file that says it.
	Run(ctx context.Context, at Site, path string, args map[string]value.Value) error
	// Decide says which way a branch on an unknown value goes. Only a plan is ever asked. For a loop (WHILE, FOR with an
	// unknown bound or list) it is asked once before the body and once after it with Again set, when it answers no.
	Decide(ctx context.Context, at Site, u value.Value) (bool, error)
	// Now is the time for now() and since(), recorded so that a resumed run sees the same.
	Now(ctx context.Context, at Site) (time.Time, error)
}
