package plan_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// asker answers questions with a function.
type asker func(ctx context.Context, q plan.Question) error

func (a asker) Ask(ctx context.Context, q plan.Question) (string, error) { return "yes", a(ctx, q) }

// A person sees one question at a time: a "yes" is the answer to the one that is shown.
func TestOneQuestionAtATime(t *testing.T) {
	var open, most atomic.Int32
	ask := asker(func(context.Context, plan.Question) error {
		n := open.Add(1)
		defer open.Add(-1)
		for range 1000 {
			most.Store(max(n, most.Load(), open.Load()))
			runtime.Gosched()
		}
		return nil
	})
	const script = `PARALLEL DO STEP "a" DO CONFIRM "one?"; END STEP "b" DO CONFIRM "two?"; END STEP "c" DO MANUAL "three"; END END`
	if err := run(t.Context(), t, script, plan.Config{Lookup: newBoard(nil).lookup, Out: io.Discard, Ask: ask}); err != nil {
		t.Fatal(err)
	}
	if most.Load() != 1 {
		t.Errorf("%d questions were open at once, want 1", most.Load())
	}
}

// A question that waits for its turn ends with its step, and was never put.
func TestAQuestionThatWaitsForItsTurnTimesOut(t *testing.T) {
	b, release := newBoard(map[string]string{"one": ""}), make(chan struct{})
	open := sync.OnceFunc(func() { close(release) })
	ask := asker(func(_ context.Context, q plan.Question) error {
		if q.Text != "one?" {
			t.Errorf("asked %q while another question was open", q.Text)
			open()
			return nil
		}
		b.mu.Lock()
		b.texts["one"] = "asked"
		b.mu.Unlock()
		<-release
		return nil
	})
	const script = `PARALLEL DO
    STEP "left" DO CONFIRM "one?"; END
    STEP "right" DO
        WAIT UNTIL ((GET one) = "asked") EVERY 1ms;
        TRY STEP "late" TIMEOUT 10ms DO CONFIRM "two?"; END ON ERROR DO SET late TO 1; END
    END
END`
	events := func(e plan.Event) {
		if e.Kind == plan.EventStepFail {
			open()
		}
	}
	if err := run(t.Context(), t, script, plan.Config{Lookup: b.lookup, Out: io.Discard, Ask: ask, Events: events}); err != nil {
		t.Fatal(err)
	}
	if b.texts["late"] != "1" {
		t.Errorf("the board is %v; want the step to be late", b.texts)
	}
}

// A script may catch a time-out, but not that the journal is gone.
func TestALostJournalOutweighsATimeOut(t *testing.T) {
	err := run(t.Context(), t, `TRY WAIT UNTIL FALSE EVERY 1ms TIMEOUT 5ms; ON ERROR DO WRITE "caught"; END`,
		plan.Config{Lookup: newBoard(nil).lookup, Journal: &notebook{full: 1}, Out: io.Discard})
	var lost *plan.JournalError
	if !errors.As(err, &lost) || strings.Contains(err.Error(), "did not hold") {
		t.Errorf("got %v, want the JournalError alone", err)
	}
}

// What a child could not record ends its parent, even if the system that ran the child keeps the error to itself.
func TestALostJournalOfAChildEndsItsParent(t *testing.T) {
	b := newBoard(nil)
	script := program(t, `SET child TO 1;`, false)
	lookup := func(s *sig.Signature) (*plan.Record, error) {
		if !strings.HasPrefix(s.Usage, "DOUBT") {
			return b.lookup(s)
		}
		return &plan.Record{Observe: func(context.Context, *plan.Call) (*plan.Action, error) {
			return &plan.Action{Done: plan.No,
				Do: func(ctx context.Context) (value.Value, error) {
					parent, _ := plan.From(ctx)
					parent.RunChild(ctx, "child", plan.Config{ID: "c", Journal: &notebook{full: 1}, Lookup: b.lookup}, script, nil) //nolint:errcheck // hidden on purpose
					return nil, nil
				},
				Verify: func(context.Context) (plan.Answer, error) { return plan.Yes, nil },
			}, nil
		}}, nil
	}
	note := &notebook{full: 100}
	err := run(t.Context(), t, `TRY DOUBT a; ON ERROR DO SET caught TO 1; END SET after TO 1;`, plan.Config{Lookup: lookup, Journal: note, Out: io.Discard})
	var lost *plan.JournalError
	if !errors.As(err, &lost) {
		t.Errorf("got %v, want a JournalError", err)
	}
	if len(b.texts) != 0 {
		t.Errorf("the board is %v, want nothing on it", b.texts)
	}
}

// A plan at the prompt begins where the session stands, and leaves it there.
func TestAPlanBeginsWithTheChoicesOfItsSession(t *testing.T) {
	b := newBoard(nil)
	w := plan.New(plan.Config{Lookup: b.lookup, Out: io.Discard, Secrets: []value.Value{value.Secret("hunter2!")}})
	session := func(text string) {
		t.Helper()
		if err := program(t, text, false).Run(w.Start(t.Context()), w, nil); err != nil {
			t.Fatal(err)
		}
	}
	session(`CHOOSE blue;`)
	fresh := func() plan.Lookup { return newBoard(b.texts).lookup }
	p, err := plan.Predict(t.Context(), plan.Config{Out: io.Discard, After: w}, fresh,
		program(t, `$c = CHOSEN; CHOOSE red; SET a TO $c; SET b TO "hunter2!";`, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := p.Print(&text); err != nil || !strings.Contains(text.String(), "+ board: a: blue") {
		t.Errorf("got %v and the plan\n%s", err, text.String())
	}
	if strings.Contains(text.String(), "hunter2!") {
		t.Errorf("the plan shows a secret of its session:\n%s", text.String())
	}
	session(`$c = CHOSEN; SET a TO $c;`)
	if want := map[string]string{"a": "blue"}; !maps.Equal(b.texts, want) {
		t.Errorf("the board is %v after the plan, want %v", b.texts, want)
	}
}
