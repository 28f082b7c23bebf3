package plan

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Write prints a line on standard output.
func (w *Walk) Write(ctx context.Context, at vm.Site, text string) error {
	id, text := place(ctx, at), w.secrets.text(text)
	t := w.find(id)
	if w.plans(ctx, t.settled()) {
		w.predict.add(Line{Kind: itemWrite, Text: text, Line: line(at)})
		return nil
	}
	if known, err := w.met(ctx, t.settled()); err != nil || known {
		if known && w.mode != rechecks {
			err = w.same(at, text, t.result.Text)
		}
		return err
	}
	if err := w.append(&Entry{Kind: KindWrite, Place: id, Line: line(at), Text: text, Started: time.Now()}, false); err != nil {
		return err
	}
	w.out.Lock()
	_, err := fmt.Fprintln(w.Out, text)
	w.out.Unlock()
	w.emit(ctx, at, Event{Kind: EventWrite, Place: id, Text: text})
	return err
}

// Wait waits for a span of time.
func (w *Walk) Wait(ctx context.Context, at vm.Site, d time.Duration) error {
	id := place(ctx, at)
	if w.plans(ctx, w.find(id).settled()) {
		w.predict.add(Line{Kind: itemWait, Text: "WAIT " + span(d), Line: line(at)})
		return nil
	}
	e, known, err := w.waits(ctx, id, at, "WAIT "+span(d))
	if err != nil || known {
		return err
	}
	w.emit(ctx, at, Event{Kind: EventWait, Place: id, Text: "WAIT " + span(d)})
	if err := w.pause(ctx, d-time.Since(e.Started)); err != nil {
		return err
	}
	return w.waited(ctx, at, e)
}

// waits journals that a wait has begun and gives the entry to end it with; a wait that the past has begun goes on from
// when it began. known says that the past has ended it, and err how.
func (w *Walk) waits(ctx context.Context, id string, at vm.Site, text string) (e *Entry, known bool, err error) {
	t := w.find(id)
	if known, err = w.met(ctx, t != nil && t.result != nil); err != nil {
		return nil, false, err
	}
	if known {
		if _, err := t.result.outcome(); err != nil {
			return nil, true, &PlacedError{id, err}
		}
		return nil, true, w.same(at, text, t.result.Text)
	}
	e = &Entry{Kind: KindWait, Place: id, Line: line(at), Text: text, State: stateBegun, Started: time.Now()}
	if t != nil && t.begun != nil {
		e.Started = t.begun.Started
		return e, false, nil
	}
	begun := *e
	return e, false, w.append(&begun, false)
}

// waited journals and tells how a wait ended.
func (w *Walk) waited(ctx context.Context, at vm.Site, e *Entry) error {
	e.State, e.Ended = stateDone, time.Now()
	w.emit(ctx, at, Event{Kind: EventWaited, Place: e.Place, Text: e.Text, Error: e.Error, Millis: e.Ended.Sub(e.Started).Milliseconds()})
	return w.append(e, false)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pollEvery is how often WAIT UNTIL looks when the script says nothing.
const pollEvery = time.Second

// WaitUntil looks at a condition until it holds; its time-out names the last value seen.
func (w *Walk) WaitUntil(ctx context.Context, at vm.Site, cond vm.Until, every, timeout time.Duration) error {
	id := place(ctx, at)
	if w.plans(ctx, w.find(id).settled()) {
		if _, err := cond(below(ctx, id+"?/", 0)); err != nil {
			return err
		}
		w.predict.add(Line{Kind: itemWait, Text: statement(at), Line: line(at)})
		return nil
	}
	if every <= 0 {
		every = pollEvery
	}
	e, known, err := w.waits(ctx, id, at, statement(at))
	if err != nil || known {
		return err
	}
	w.emit(ctx, at, Event{Kind: EventWait, Place: id, Text: statement(at)})
	limited, cancel := w.waiting(polling(ctx, id))
	defer cancel()
	if timeout > 0 {
		var late context.CancelFunc
		limited, late = context.WithTimeout(limited, timeout)
		defer late()
	}
	last := value.None
	for {
		v, err := cond(limited)
		if err == nil {
			last = v
			if !v.IsFalsy() {
				break
			}
			err = sleep(limited, every)
		}
		if stopped := w.stopped(); stopped != nil {
			return stopped
		}
		if limited.Err() != nil && ctx.Err() == nil {
			f := value.Failf(value.CodeTimeout, "the condition did not hold within %s; its last value was %s", span(timeout), value.Print(last))
			e.Code, e.Error = f.Code, f.Message
			if err := w.waited(ctx, at, e); err != nil {
				return err // not joined with the time-out, which a script may catch
			}
			return &PlacedError{id, f}
		}
		if err != nil {
			return err
		}
	}
	return w.waited(ctx, at, e)
}

// Require refuses the run when what must hold does not.
func (w *Walk) Require(ctx context.Context, at vm.Site, ok value.Value, message string) error {
	id := place(ctx, at)
	why, unknown := value.IsUnknown(ok)
	if w.plans(ctx, false) {
		w.predict.require(at, ok, message)
		if unknown {
			return nil
		}
	} else if err := w.required(ctx, id, at, ok, message); err != nil {
		return err
	}
	if unknown {
		message += " (unknown: " + why + ")"
	}
	if unknown || ok.IsFalsy() {
		return &RequireError{message}
	}
	return nil
}

// required journals what a REQUIRE saw.
func (w *Walk) required(ctx context.Context, id string, at vm.Site, ok value.Value, message string) error {
	t := w.find(id)
	if known, err := w.met(ctx, t != nil && t.result != nil); err != nil || known {
		return err
	}
	e := &Entry{Kind: KindRead, Place: id, Line: line(at), Text: message, Result: value.To(ok), Started: time.Now()}
	return w.append(e, false)
}

// RequireError says that a REQUIRE does not hold; the script cannot catch it.
type RequireError struct{ Message string }

func (e *RequireError) Error() string { return "required: " + e.Message }

// Skip notes a step whose WHEN was false.
func (w *Walk) Skip(ctx context.Context, s *vm.Step, when value.Value) error {
	id := place(ctx, s.Site)
	t := w.find(id)
	if w.plans(ctx, t.done()) {
		w.predict.add(Line{Kind: itemSkip, Text: s.Title, Line: line(s.Site)})
		return nil
	}
	if known, err := w.met(ctx, t.done()); err != nil || known {
		return err
	}
	w.emit(ctx, s.Site, Event{Kind: EventStepSkip, Place: id, Text: s.Title})
	return w.append(&Entry{Kind: KindStep, Place: id, Line: line(s.Site), Text: s.Title, State: stateSkipped, Started: time.Now()}, false)
}

// Parallel runs branches side by side; the first failure in text order counts, after all have finished.
func (w *Walk) Parallel(ctx context.Context, at vm.Site, max int, branches []vm.Body) error {
	id := place(ctx, at)
	errs := make([]error, len(branches))
	remembered := scopeOf(ctx).memory.copy()
	run := func(i int) {
		branch := below(ctx, fmt.Sprintf("%s|%d/", id, i+1), 0)
		scopeOf(branch).memory = remembered.copy()
		errs[i] = branches[i](branch)
	}
	if w.predict != nil {
		// One after another: a plan prints in text order, and the overlays see the same end state.
		for i := range branches {
			run(i)
		}
		return first(errs)
	}
	if max <= 0 || max > len(branches) {
		max = len(branches)
	}
	slots := make(chan struct{}, max)
	var all sync.WaitGroup
	for i := range branches {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			run(i)
		})
	}
	all.Wait()
	return first(errs)
}

// first gives the error that ends a PARALLEL. A branch that pauses has not finished yet, so that no handler may go on behind
// it; what no handler sees counts before what one may see; else the first failure in text order counts.
func first(errs []error) error {
	var worst error
	rank := 0
	for _, err := range errs {
		r := 1
		switch {
		case err == nil:
			continue
		case pauses(err):
			r = 3
		case final(err):
			r = 2
		}
		if r > rank {
			worst, rank = err, r
		}
	}
	return worst
}

// Handler walks a handler that was not needed; only a plan shows it.
func (w *Walk) Handler(ctx context.Context, at vm.Site, handler vm.Body) error {
	if !w.plans(ctx, false) {
		return nil
	}
	return w.predict.onlyIf(ctx, "only if it fails", place(ctx, at)+"!/", handler)
}

// PointOfNoReturn marks the place after which undo refuses.
func (w *Walk) PointOfNoReturn(ctx context.Context, at vm.Site) error {
	id := place(ctx, at)
	t := w.find(id)
	if w.plans(ctx, t.settled()) {
		w.predict.add(Line{Kind: itemMark, Text: "point of no return: from here on nothing is undone", Line: line(at)})
		return nil
	}
	known, err := w.met(ctx, t.settled())
	if err != nil {
		return err
	}
	if w.beyond.Store(true); known {
		return nil
	}
	w.emit(ctx, at, Event{Kind: EventMark, Place: id, Text: "point of no return"})
	return w.append(&Entry{Kind: KindMark, Place: id, Line: line(at), Started: time.Now()}, true)
}

// Run runs another runbook in the same journal.
func (w *Walk) Run(ctx context.Context, at vm.Site, path string, args map[string]value.Value) error {
	id := place(ctx, at)
	p, err := w.Load(path, at.Source)
	if err != nil {
		return err
	}
	begun := time.Now()
	if w.plans(ctx, false) {
		w.predict.add(Line{Kind: itemRun, Text: path, Line: line(at)})
	}
	w.emit(ctx, at, Event{Kind: EventRun, Place: id, Text: path})
	err = p.Run(below(ctx, id+">", 1), w, args)
	e := Event{Kind: EventRunEnd, Place: id, Text: path, Millis: time.Since(begun).Milliseconds()}
	if err != nil {
		e.Error = err.Error()
	}
	w.emit(ctx, at, e)
	return err
}

// Now is the time, recorded so that a resumed run sees the same.
func (w *Walk) Now(ctx context.Context, at vm.Site) (time.Time, error) {
	id := place(ctx, at)
	t := w.find(id)
	if w.plans(ctx, t.settled()) {
		return w.predict.now, nil
	}
	if scopeOf(ctx).polls {
		return time.Now(), nil
	}
	if known, err := w.met(ctx, t.settled()); err != nil || known {
		if err != nil {
			return time.Time{}, err
		}
		text, _ := t.result.Result.(string)
		return time.Parse(time.RFC3339Nano, text)
	}
	now := time.Now()
	e := &Entry{Kind: KindRead, Place: id, Line: line(at), Text: "now", Result: now.Format(time.RFC3339Nano), Started: now}
	return now, w.append(e, false)
}

// Decide says which way a branch on an unknown value goes; only a plan has unknown values.
func (w *Walk) Decide(ctx context.Context, at vm.Site, u value.Value) (bool, error) {
	if w.predict == nil {
		why, _ := value.IsUnknown(u)
		if w.mode == rechecks {
			return false, &DiffersError{"it cannot be told any more: " + why}
		}
		return false, value.Failf(value.CodeUnknown, "the value is unknown: %s", why)
	}
	return w.predict.decide(at, u)
}
