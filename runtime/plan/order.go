package plan

import "time"

// OrderKind is what an order from another terminal asks of a run.
type OrderKind string

// The orders. Retry and Skip are about the step that failed, or the command of which nobody knows whether it was done.
const (
	OrderStop    OrderKind = "stop"    // after the step at hand
	OrderCancel  OrderKind = "cancel"  // stop, then undo what was changed
	OrderKill    OrderKind = "kill"    // cut the command at hand short and leave everything as it is
	OrderRetry   OrderKind = "retry"   // do it again
	OrderSkip    OrderKind = "skip"    // go on as if it had been done
	OrderAnswer  OrderKind = "answer"  // Text answers the question that stands open
	OrderConfirm OrderKind = "confirm" // keep what a run with a deadline has changed
)

// Order is what somebody at another terminal asks of a run. It outlives both processes.
type Order struct {
	ID   int       `json:"id"` // counts from 1 within the run; a run notes those it has taken in its journal
	Kind OrderKind `json:"order"`
	// Place is where the question, step or command stands that the order is about.
	Place string    `json:"place,omitempty"`
	Text  string    `json:"text,omitempty"`
	By    Actor     `json:"by"`
	Time  time.Time `json:"time"`
}
