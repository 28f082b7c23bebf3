package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Step runs a step's body; one that fails or times out is tried again as often as the step says.
func (w *Walk) Step(ctx context.Context, s *vm.Step, body vm.Body, undo vm.Later) error {
	id := place(ctx, s.Site)
	st := &step{w: w, Step: s, id: id, undo: undo, past: w.find(id), began: time.Now()}
	if w.plans(ctx, st.past.ended(1+s.Retry)) {
		return w.predict.step(ctx, s, id, st.past.current(), body, undo)
	}
	if st.past == nil {
		st.past = &passed{}
	}
	over := func() error { return nil }
	if !st.past.done() {
		var err error
		if over, err = w.stepBegins(); err != nil {
			return err
		}
		w.emit(ctx, s.Site, Event{Kind: EventStepBegin, Place: id, Text: s.Title})
	}
	err := st.attempts(ctx, body)
	if undo != nil && w.mode == gathers {
		w.blocks.Store(id, undo())
	}
	if stopped := over(); err == nil {
		err = stopped
	}
	return err
}

// step is a STEP on its way through the walk.
type step struct {
	w *Walk
	*vm.Step
	id    string
	undo  vm.Later
	past  *passed
	began time.Time
}

func (s *step) attempts(ctx context.Context, body vm.Body) error {
	allowed := 1 + s.Retry + s.past.retries
	for n := 1; ; n++ {
		err := s.attempt(ctx, n, body)
		if err == nil || pauses(err) || final(err) {
			return err // a step that only pauses stays in progress: it has not failed
		}
		was := s.past.attempts[n]
		switch {
		case s.past.attempts[n+1] != nil, was != nil && was.again: // so it was, or somebody says so
			allowed = max(allowed, n+1)
		case s.past.skipped():
			return nil
		case s.past.decision == OrderSkip:
			return s.skip(ctx)
		case s.last(ctx, err) || was != nil && was.failed != nil && was.failed.Final:
			return &StepError{s.id, err}
		case n >= allowed:
			if again, err := s.failed(ctx, err); !again {
				return err
			}
			allowed++
			continue
		}
		if err := s.pause(ctx, n); err != nil {
			return err
		}
	}
}

// last says whether no further attempt mends what an attempt failed with.
func (s *step) last(ctx context.Context, err error) bool {
	var f *value.Failure
	return !errors.As(err, &f) || f.Code == value.CodeCancelled || ctx.Err() != nil
}

// failed asks a person, where one attends the run, what becomes of a step that failed for good.
func (s *step) failed(ctx context.Context, err error) (again bool, _ error) {
	if !s.w.Attended && s.past.answered == nil {
		return false, &StepError{s.id, err}
	}
	q := Question{
		Text:    fmt.Sprintf("STEP %q failed.", s.Title),
		Why:     err.Error(),
		Choices: []OrderKind{OrderRetry, OrderSkip, OrderStop},
	}
	got, asked := s.w.choose(ctx, s.Site, s.id, q)
	switch {
	case asked != nil:
		return false, asked
	case got == OrderRetry:
		return true, nil
	case got == OrderSkip:
		return false, s.skip(ctx)
	}
	return false, &StepError{s.id, err}
}

// skip counts the step as done, because somebody said so.
func (s *step) skip(ctx context.Context) error {
	if _, err := s.w.met(ctx, false); err != nil {
		return err
	}
	s.w.emit(ctx, s.Site, Event{Kind: EventStepSkip, Place: s.id, Text: s.Title})
	return s.entry(stateSkipped, 0, nil, false)
}

// StepError is the error of a step that failed for good.
type StepError struct {
	Place string
	Err   error
}

func (e *StepError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }

func (s *step) entry(state string, attempt int, err error, final bool) error {
	e := &Entry{
		Kind: KindStep, Place: s.id, Line: line(s.Site), Text: s.Title, State: state, Attempt: attempt, Undo: s.undo != nil,
		Started: s.began, Ended: time.Now(),
	}
	if err != nil {
		f := AsFailure(err)
		e.Error, e.Code, e.Hint = f.Message, f.Code, strings.Join(f.Hints, "\n")
		e.Final = final
	}
	return s.w.append(e, false)
}

// attempt runs the body once, or goes through the attempt that the past has: its variables are put back, and so is what
// its session commands chose.
func (s *step) attempt(ctx context.Context, n int, body vm.Body) error {
	was := s.past.attempts[n]
	if was != nil && was.failed != nil {
		return s.again(ctx, n, was.failed, body)
	}
	begun := time.Now()
	if was == nil {
		if _, err := s.w.met(ctx, false); err != nil {
			return err
		}
		if err := s.entry(stateBegun, n, nil, false); err != nil {
			return err
		}
		s.past.forget() // what a person has said was about the attempts before
	}
	chosen := scopeOf(ctx).memory.copy()
	err := s.w.limited(ctx, s.Step, fmt.Sprintf("%s@%d/", s.id, n), body)
	took := time.Since(begun).Milliseconds()
	switch {
	case err == nil:
		if s.past.done() {
			return nil
		}
		if _, err := s.w.met(ctx, false); err != nil {
			return err
		}
		s.w.emit(ctx, s.Site, Event{Kind: EventStepEnd, Place: s.id, Text: s.Title, Attempt: n, Millis: took})
		return s.entry(stateDone, n, nil, false)
	case pauses(err) || final(err):
		return err
	}
	scopeOf(ctx).memory.restore(chosen)
	var exit *vm.Exit
	if errors.As(err, &exit) {
		return err
	}
	s.w.emit(ctx, s.Site, Event{Kind: EventStepFail, Place: s.id, Text: s.Title, Attempt: n, Error: err.Error(), Millis: took})
	if lost := s.entry(stateFailed, n, err, s.last(ctx, err)); lost != nil {
		return lost
	}
	return err
}

// again goes through an attempt that failed in the past, for what it leaves: $error, and where the failure was. It ends
// where the past has no more of it, and where the script is another now.
func (s *step) again(ctx context.Context, n int, was *Entry, body vm.Body) error {
	f := was.failure()
	fenced := below(ctx, scopeOf(ctx).path, 0)
	scopeOf(fenced).failed = f
	chosen := scopeOf(ctx).memory.copy()
	err := s.w.limited(fenced, s.Step, fmt.Sprintf("%s@%d/", s.id, n), body)
	scopeOf(ctx).memory.restore(chosen)
	switch {
	case errors.As(err, new(*DivergedError)):
	case pauses(err), err != nil && ctx.Err() != nil:
		return err
	case errors.As(err, new(*cutOff)), err == nil:
	case AsFailure(err).Message == was.Error:
		return err
	}
	if e, ok := errors.AsType[*vm.Error](err); ok {
		f.Err = &vm.Error{Diag: e.Diag, Err: was.failure()}
	}
	return f
}

// pause waits between two attempts: not when the past has begun the next one, and only for what is left of the time.
func (s *step) pause(ctx context.Context, n int) error {
	if s.past.attempts[n+1] != nil {
		return nil
	}
	every := s.Every
	if was := s.past.attempts[n]; was != nil && was.failed != nil {
		if _, err := s.w.met(ctx, false); err != nil {
			return err
		}
		every -= time.Since(was.failed.Ended)
	}
	return s.w.pause(ctx, every)
}

// pause waits between two attempts.
func (w *Walk) pause(ctx context.Context, d time.Duration) error {
	limited, cancel := w.waiting(ctx)
	defer cancel()
	err := sleep(limited, d)
	if err == nil || pauses(err) {
		return err
	}
	return AsFailure(err)
}

// limited runs a step's body once, within the step's time.
func (w *Walk) limited(ctx context.Context, s *vm.Step, path string, body vm.Body) error {
	limited, cancel := below(ctx, path, 1), context.CancelFunc(func() {})
	if s.Timeout > 0 {
		limited, cancel = context.WithTimeout(limited, s.Timeout)
	}
	defer cancel()
	err := body(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil && !pauses(err) && !final(err) {
		return value.Failf(value.CodeTimeout, "STEP %q took longer than %s: %w", s.Title, span(s.Timeout), err)
	}
	return err
}
