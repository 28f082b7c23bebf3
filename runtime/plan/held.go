package plan

import (
	"context"
	"fmt"
)

// LostError says that the run's locks are its own no more: another run may be at work, so this one changes nothing.
type LostError struct{ Err error }

func (e *LostError) Error() string { return fmt.Sprintf("the run's lock is lost: %v", e.Err) }

// Unwrap gives the cause.
func (e *LostError) Unwrap() error { return e.Err }

// Pauses makes it a vm.Pause: the run can be resumed once it gets its locks again.
func (*LostError) Pauses() {}

// StillHeld says whether the run that ctx belongs to still holds its locks; nil outside a run. A driver asks it right
// before each write, as a process may have been stopped since the command began. The error is a *LostError, which no
// script can catch.
func StillHeld(ctx context.Context) error {
	if w, ok := From(ctx); ok {
		return w.held(ctx)
	}
	return nil
}

func (w *Walk) held(ctx context.Context) error {
	if w.Held == nil {
		return nil
	}
	if err := w.Held(ctx); err != nil {
		return &LostError{err}
	}
	return nil
}
