package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Question is something a person must answer before a run goes on.
type Question struct {
	Text  string
	Typed bool   // the person must type Text itself; --yes never answers it
	Why   string // shown with a typed one and with one that has choices
	// Manual is a step that the person does; Done looks whether it is done, nil when only the person can say so.
	Manual bool
	// Impact says what would be changed from here to the next question; nil where nobody can tell.
	Impact func(ctx context.Context) string
	// Choices are the words to choose from; --yes never answers such a question.
	Choices []OrderKind
}

// Wanted says in words what answers the question.
func (q *Question) Wanted() string {
	switch {
	case q.Typed:
		return fmt.Sprintf("%q as it stands, or no", q.Text)
	case q.Manual:
		return "done when it is done, or no"
	case q.Choices != nil:
		words := make([]string, len(q.Choices))
		for i, c := range q.Choices {
			words[i] = string(c)
		}
		return strings.Join(words, " or ")
	}
	return "yes or no"
}

// Take reads an answer. ok is false for one that the question does not know; err is ErrDeclined for no.
func (q *Question) Take(answer string) (ok bool, err error) {
	answer = strings.TrimSpace(answer)
	is := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(answer, w) })
	}
	switch {
	case q.Choices != nil:
		return slices.ContainsFunc(q.Choices, func(c OrderKind) bool { return is(string(c)) }), nil
	case q.Typed && answer == q.Text, q.Manual && is("done"), !q.Typed && !q.Manual && is("yes", "y"):
		return true, nil
	case is("no", "n"):
		return true, ErrDeclined
	}
	return false, nil
}

// Asker puts questions to a person.
type Asker interface {
	// Ask gives the answer that the question takes, ErrDeclined when it is no, and ErrNobody when nobody can be asked.
	Ask(ctx context.Context, q Question) (string, error)
}

// ErrDeclined is the answer no.
var ErrDeclined = errors.New("declined")

// ErrNobody says that there is no terminal and no --yes.
var ErrNobody = errors.New("nobody can be asked")

// WaitingError ends the process of a run whose question nobody could answer: it can be resumed.
type WaitingError struct{ Question, Wanted string }

func (e *WaitingError) Error() string {
	return fmt.Sprintf("waiting for an answer to %q: %s", e.Question, e.Wanted)
}

// Pauses makes it a vm.Pause.
func (*WaitingError) Pauses() {}

// Confirm asks a person and goes on only at yes.
func (w *Walk) Confirm(ctx context.Context, at vm.Site, text string, typed bool, why string) error {
	id := place(ctx, at)
	if t := w.find(id); w.plans(ctx, t != nil && t.answered != nil) {
		w.predict.add(Line{Kind: itemAsk, Text: text, Why: why, Line: line(at)})
		if typed {
			Remember(ctx, typedKey(text), true)
		}
		return nil
	}
	_, err := w.ask(ctx, at, id, Question{Text: text, Typed: typed, Why: why, Impact: w.Impact})
	return err
}

// choose asks a person which of several ways to go.
func (w *Walk) choose(ctx context.Context, at vm.Site, id string, q Question) (OrderKind, error) {
	got, err := w.ask(ctx, at, id, q)
	return OrderKind(strings.ToLower(strings.TrimSpace(got))), err
}

// ask puts one question at a time: an answer must be to the question that is shown.
func (w *Walk) ask(ctx context.Context, at vm.Site, id string, q Question) (string, error) {
	t := w.find(id)
	known, err := w.met(ctx, t != nil && t.answered != nil)
	switch {
	case err != nil:
		return "", err
	case known && t.answered.Error != "":
		return "", &PlacedError{id, t.answered.failure()}
	case known:
		answer, _ := t.answered.Result.(string)
		return answer, w.same(at, q.Text, t.answered.Text)
	}
	select {
	case w.asking <- struct{}{}:
		defer func() { <-w.asking }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	e := &Entry{Kind: KindAsk, Place: id, Line: line(at), Text: q.Text, State: "asked", Started: time.Now()}
	if t != nil && t.asked != nil {
		e.Started = t.asked.Started // the question stood all the time
	} else if err := w.append(e, true); err != nil {
		return "", err
	}
	if t != nil && t.ordered != nil {
		w.orders.recall(t.ordered)
	}
	w.emit(ctx, at, Event{Kind: EventAsk, Place: id, Text: q.Text})
	answer, by, err := w.answer(ctx, id, q)
	switch {
	case errors.Is(err, ErrNobody):
		return "", &WaitingError{q.Text, q.Wanted()}
	case errors.Is(err, ErrDeclined):
		err = value.Failf(value.CodeCancelled, "%q was answered with no", q.Text)
	case err != nil && (cut(ctx) != nil || pauses(err) || final(err)):
		return "", err // nobody has answered: the question stands
	}
	a := &Entry{
		Kind: KindAsk, Place: id, Line: e.Line, Text: q.Text, State: "answered", Started: e.Started, Ended: time.Now(),
		By: by, Result: answer,
	}
	if err != nil {
		a.Error, a.Code = err.Error(), AsFailure(err).Code
	}
	if jerr := w.append(a, true); jerr != nil {
		return "", jerr
	}
	w.emit(ctx, at, Event{Kind: EventAnswer, Place: id, Text: q.Text, Error: a.Error, Millis: a.Ended.Sub(a.Started).Milliseconds()})
	if err != nil {
		return "", &PlacedError{id, err}
	}
	if q.Typed {
		Remember(ctx, typedKey(q.Text), true)
	}
	return answer, nil
}

// answer waits for the first answer: at this terminal, or by an order from another.
func (w *Walk) answer(ctx context.Context, id string, q Question) (string, *Actor, error) {
	ordered := w.orders.expect(id)
	defer w.orders.forget(id)
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type said struct {
		text string
		err  error
	}
	here := make(chan said, 1)
	go func() {
		s := said{err: ErrNobody}
		if w.Ask != nil {
			s.text, s.err = w.Ask.Ask(limited, q)
		}
		here <- s
	}()
	for {
		select {
		case o := <-ordered:
			ok, err := q.Take(o.Text)
			if !ok && o.Kind == OrderStop {
				ok, err = true, &StoppedError{Order: true}
			}
			if ok {
				cancel(errAnswered)
				<-here // the terminal is free for the next question
				return o.Text, &o.By, err
			}
			w.emit(ctx, vm.Site{}, Event{Kind: EventSay, Place: id, Text: fmt.Sprintf(
				"the answer %q of %s@%s is not one of: %s", o.Text, o.By.Who, o.By.Host, q.Wanted())})
		case s := <-here:
			if errors.Is(s.err, ErrNobody) {
				select {
				case o := <-ordered: // it was there before nobody could be asked
					if ok, err := q.Take(o.Text); ok {
						return o.Text, &o.By, err
					}
				default:
				}
			}
			return s.text, nil, s.err
		}
	}
}

// errAnswered ends a question at this terminal that was answered from another.
var errAnswered = errors.New("answered from another terminal")

// Manual shows a person what to do and goes on when it is done.
func (w *Walk) Manual(ctx context.Context, at vm.Site, text string, cond vm.Until) error {
	id := place(ctx, at)
	t := w.find(id)
	if w.plans(ctx, t != nil && (t.result != nil || t.answered != nil)) {
		w.predict.add(Line{Kind: itemManual, Text: text, Line: line(at)})
		return nil
	}
	if t.settled() {
		return nil
	}
	done := func() error {
		return w.append(&Entry{Kind: KindWait, Place: id, Line: line(at), Text: text, State: stateDone, Started: time.Now(), Ended: time.Now()}, false)
	}
	if cond != nil {
		if _, err := w.met(ctx, false); err != nil {
			return err
		}
		if ok, err := holds(polling(ctx, id), cond); err != nil {
			return err
		} else if ok {
			return done()
		}
	}
	for ctx.Err() == nil {
		if _, err := w.ask(ctx, at, id, Question{Text: text, Manual: true}); err != nil || cond == nil {
			return err
		}
		ok, err := holds(polling(ctx, id), cond)
		if err != nil {
			return err
		}
		if ok {
			return done()
		}
		if t := w.find(id); t != nil {
			t.answered, t.asked = nil, nil // that answer was wrong: it is asked again
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
