package plan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Question is something a person must answer before a run goes on.
type Question struct {
	Text  string
	Typed bool   // the person must type Text itself; --yes never answers it
	Why   string // shown with a typed one
	// Manual is a step that the person does; Done looks whether it is done, nil when only the person can say so.
	Manual bool
}

// Asker puts questions to a person.
type Asker interface {
	// Ask returns nil when the answer is yes, ErrDeclined when it is no, and ErrNobody when nobody can be asked.
	Ask(ctx context.Context, q Question) error
}

// ErrDeclined is the answer no.
var ErrDeclined = errors.New("declined")

// ErrNobody says that there is no terminal and no --yes.
var ErrNobody = errors.New("nobody can be asked")

// WaitingError ends the process of a run whose question nobody could answer: it can be resumed.
type WaitingError struct{ Question string }

func (e *WaitingError) Error() string {
	return fmt.Sprintf("waiting for an answer to %q", e.Question)
}

// Pauses makes it a vm.Pause.
func (*WaitingError) Pauses() {}

// Confirm asks a person and goes on only at yes.
func (w *Walk) Confirm(ctx context.Context, at vm.Site, text string, typed bool, why string) error {
	id := place(ctx, at)
	if w.predict != nil {
		w.predict.add(Line{Kind: itemAsk, Text: text, Why: why, Line: line(at)})
		return nil
	}
	return w.ask(ctx, at, id, Question{Text: text, Typed: typed, Why: why})
}

// ask puts one question at a time: an answer must be to the question that is shown.
func (w *Walk) ask(ctx context.Context, at vm.Site, id string, q Question) error {
	select {
	case w.asking <- struct{}{}:
		defer func() { <-w.asking }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	e := &Entry{Kind: KindAsk, Place: id, Line: line(at), Text: q.Text, State: "asked", Started: time.Now()}
	if err := w.append(e, true); err != nil {
		return err
	}
	w.emit(ctx, at, Event{Kind: EventAsk, Place: id, Text: q.Text})
	err := ErrNobody
	if w.Ask != nil {
		err = w.Ask.Ask(ctx, q)
	}
	switch {
	case errors.Is(err, ErrNobody):
		return &WaitingError{q.Text}
	case errors.Is(err, ErrDeclined):
		err = value.Failf(value.CodeCancelled, "%q was answered with no", q.Text)
	}
	a := &Entry{Kind: KindAsk, Place: id, Line: e.Line, Text: q.Text, State: "answered", Started: e.Started, Ended: time.Now()}
	if err != nil {
		a.Error = err.Error()
	}
	if jerr := w.append(a, true); jerr != nil {
		return jerr
	}
	w.emit(ctx, at, Event{Kind: EventAnswer, Place: id, Text: q.Text, Error: a.Error, Millis: a.Ended.Sub(a.Started).Milliseconds()})
	return err
}

// Manual shows a person what to do and goes on when it is done.
func (w *Walk) Manual(ctx context.Context, at vm.Site, text string, cond vm.Until) error {
	id := place(ctx, at)
	if w.predict != nil {
		w.predict.add(Line{Kind: itemManual, Text: text, Line: line(at)})
		return nil
	}
	if cond != nil {
		ok, err := holds(ctx, cond)
		if err != nil || ok {
			return err
		}
	}
	for ctx.Err() == nil {
		if err := w.ask(ctx, at, id, Question{Text: text, Manual: true}); err != nil || cond == nil {
			return err
		}
		ok, err := holds(ctx, cond)
		if err != nil || ok {
			return err
		}
		w.emit(ctx, at, Event{Kind: EventSay, Place: id, Text: "not done yet: " + text})
	}
	return context.Cause(ctx)
}

func holds(ctx context.Context, cond vm.Until) (bool, error) {
	v, err := cond(ctx)
	if err != nil {
		return false, err
	}
	return !v.IsFalsy(), nil
}
