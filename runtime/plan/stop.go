package plan

import (
	"context"
	"errors"
	"sync"

	"github.com/standin-project/standin/runtime/vm"
)

// StoppedError says that the run was told to stop; it can be resumed.
type StoppedError struct {
	Inside bool // an effect was cut short; otherwise the run stopped between two of them
	Order  bool // from another terminal, not by an interrupt
}

func (e *StoppedError) Error() string {
	if e.Inside {
		return "interrupted inside a command, which may be half done"
	}
	return "interrupted between two commands; nothing is half done"
}

// Pauses makes it a vm.Pause.
func (*StoppedError) Pauses() {}

// stopping lets a run be told to stop: it finishes the effects at hand, and waits end at once.
type stopping struct {
	mu      sync.Mutex
	told    chan struct{} // closed by Stop
	idle    chan struct{} // closed when, after that, no effect is in progress
	effects int           // in progress
	ordered bool          // from another terminal
}

func newStopping() *stopping {
	return &stopping{told: make(chan struct{}), idle: make(chan struct{})}
}

// Stop tells the run to stop after the current effect. The channel it gives is closed when no effect is in progress:
// then whatever still runs changes nothing and may be cancelled. It may be called from any goroutine, more than once.
func (w *Walk) Stop() <-chan struct{} { return w.stopFor(false) }

// Idle is closed once the run was told to stop and no effect is in progress any more.
func (w *Walk) Idle() <-chan struct{} { return w.stop.idle }

// StopOrdered is Stop on an order from another terminal.
func (w *Walk) StopOrdered() <-chan struct{} { return w.stopFor(true) }

func (w *Walk) stopFor(order bool) <-chan struct{} {
	s := w.stop
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.stopped() == nil {
		s.ordered = order
		close(s.told)
		if s.effects == 0 {
			close(s.idle)
		}
	}
	return s.idle
}

// begin marks an effect in progress until done is called. It refuses once the run was told to stop.
func (w *Walk) begin() (done func(), err error) {
	s := w.stop
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := w.stopped(); err != nil {
		return nil, err
	}
	s.effects++
	return s.end, nil
}

func (s *stopping) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.effects--
	select {
	case <-s.told:
		if s.effects == 0 {
			close(s.idle)
		}
	default:
	}
}

// stopped is the error to end with when the run was told to stop.
func (w *Walk) stopped() error {
	select {
	case <-w.stop.told:
		return &StoppedError{Order: w.stop.ordered}
	default:
		return nil
	}
}

// cut gives the StoppedError that cancelled ctx, nil if it is live or ended for another reason.
func cut(ctx context.Context) error {
	var stopped *StoppedError
	if errors.As(context.Cause(ctx), &stopped) {
		return stopped
	}
	return nil
}

// pauses says whether err ends a run that goes on later: it was stopped, or waits for an answer.
func pauses(err error) bool {
	var p vm.Pause
	return errors.As(err, &p)
}

// waiting gives a context for something that changes nothing and may be cut short by Stop.
func (w *Walk) waiting(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		select {
		case <-w.stop.told:
			cancel(&StoppedError{Order: w.stop.ordered})
		case <-done:
		}
	}()
	return ctx, sync.OnceFunc(func() { close(done); cancel(nil) })
}
