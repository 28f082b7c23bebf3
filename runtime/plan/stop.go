package plan

import (
	"context"
	"sync"
)

// StoppedError says that the run was told to stop and did so between two effects; it can be resumed.
type StoppedError struct{}

func (*StoppedError) Error() string { return "stopped before the next command; nothing is half done" }

// stopping lets a run be told to stop: it finishes the effect at hand, and waits end at once.
type stopping struct {
	once sync.Once
	told chan struct{}
}

// Stop tells the run to stop after the current effect. It may be called from any goroutine, more than once.
func (w *Walk) Stop() { w.stop.once.Do(func() { close(w.stop.told) }) }

// stopped is the error to end with when the run was told to stop.
func (w *Walk) stopped() error {
	select {
	case <-w.stop.told:
		return &StoppedError{}
	default:
		return nil
	}
}

// waiting gives a context for something that changes nothing and may be cut short by Stop.
func (w *Walk) waiting(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		select {
		case <-w.stop.told:
			cancel(&StoppedError{})
		case <-done:
		}
	}()
	return ctx, sync.OnceFunc(func() { close(done); cancel(nil) })
}

// orStopped gives the StoppedError that ended a wait instead of the cancellation it caused.
func (w *Walk) orStopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil {
		if stopped := w.stopped(); stopped != nil {
			return stopped
		}
	}
	return err
}
