package plan_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// says answers each question with the next of its words, and then nobody is there.
type says []string

func (s *says) Ask(_ context.Context, q plan.Question) (string, error) {
	if len(*s) == 0 {
		return "", plan.ErrNobody
	}
	answer := (*s)[0]
	*s = (*s)[1:]
	_, err := q.Take(answer)
	return answer, err
}

// tale is a run that several processes work on, one after another.
type tale struct {
	t      *testing.T
	script string
	b      *board
	note   *notebook
	out    strings.Builder
	saying says
	plan.Config
}

func newTale(t *testing.T, script string) *tale {
	return &tale{t: t, script: script, b: newBoard(nil), note: &notebook{}}
}

// goesOn is the next process; it dies when the journal has that many entries, 0 for never.
func (s *tale) goesOn(dies int) error {
	s.t.Helper()
	c := s.Config
	c.Lookup, c.Journal, c.Out, c.Ask = s.b.undoable, s.note, &s.out, &s.saying
	if dies > 0 {
		c.Journal = &crash{s.note, dies, true}
	}
	if len(s.note.entries) > 0 {
		s.note.entries = again(s.t, s.note.entries)
		c.Past = plan.NewPast(s.note.entries)
	}
	return run(s.t.Context(), s.t, s.script, c)
}

// order is what a person says of the failure that a process has ended with.
func (s *tale) order(k plan.OrderKind, err error) {
	s.t.Helper()
	e := &plan.Entry{Kind: plan.KindOrder, Place: plan.FailedAt(err), Text: string(k)}
	if err := s.note.Append(e, true); err != nil {
		s.t.Fatal(err)
	}
}

// Whatever a run has failed at, it goes on from there once that is mended.
func TestARunIsTriedAgainWhereItFailed(t *testing.T) {
	mend := func(b *board) { b.texts["mended"] = "yes" }
	for name, script := range map[string]string{
		"a command":             `SET one TO "1"; WRITE (GET mended); SET two TO "2";`,
		"a command in a TRY":    `SET one TO "1"; TRY WRITE (GET mended); FINALLY $r = GET nothing; END SET two TO "2";`,
		"a wait":                `SET one TO "1"; WAIT UNTIL failed((GET mended)) = FALSE EVERY 1ms TIMEOUT 3ms; SET two TO "2";`,
		"a wait that times out": `FUNCTION m() $x = GET mended; RETURN $x; END SET one TO "1"; WAIT UNTIL m() = "yes" EVERY 1ms TIMEOUT 3ms; SET two TO "2";`,
		"what is required":      `$m = GET mended; REQUIRE $m = "yes", "it is mended"; SET one TO "1"; SET two TO "2";`,
		"a question":            `SET one TO "1"; CONFIRM "go on?"; SET two TO "2";`,
		"a question in a step":  `SET one TO "1"; STEP "s" RETRY 3 DO CONFIRM "go on?"; END SET two TO "2";`,
		"a step in a branch":    `SET one TO "1"; PARALLEL DO STEP "a" DO SET two TO "2"; END STEP "b" DO WRITE (GET mended); END END`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newTale(t, script)
			s.saying = says{"no", "yes"}
			err := s.goesOn(0)
			if err == nil {
				t.Fatal("it did not fail")
			}
			s.order(plan.OrderRetry, err)
			if strings.Contains(name, "question") == (len(s.saying) == 2) {
				t.Fatal("it was not asked")
			}
			mend(s.b)
			if err := s.goesOn(0); err != nil || s.b.texts["one"] != "1" || s.b.texts["two"] != "2" || s.b.writes != 2 {
				t.Errorf("%v, %v by %d writes", err, s.b.texts, s.b.writes)
			}
		})
	}
}

// What was done because a step had failed is done again behind the step: the FINALLY.
func TestAFinallyIsDoneAgainBehindWhatIsTriedAgain(t *testing.T) {
	for _, decision := range []plan.OrderKind{plan.OrderRetry, plan.OrderSkip} {
		s := newTale(t, `
TRY
    PARALLEL DO
        STEP "a" DO SET door TO "open"; FLAKY it 1; SET a TO "1"; END
        STEP "b" DO SET b TO "1"; SET bb TO "1"; END
    END
    SET door TO "wide open";
FINALLY
    SET door TO "shut"; WRITE "shut";
END`)
		err := s.goesOn(0)
		if err == nil || s.b.texts["door"] != "shut" {
			t.Fatalf("%v, %v", err, s.b.texts)
		}
		s.order(decision, err)
		if err := s.goesOn(0); err != nil || s.b.texts["door"] != "shut" || s.out.String() != "shut\nshut\n" {
			t.Errorf("%s: %v, %v, %q", decision, err, s.b.texts, s.out.String())
		}
		if s.b.texts["b"] != "1" || s.b.calls["b"] > 1 {
			t.Errorf("%s: the other branch was done again", decision)
		}
	}
}

func TestACommandThatFailedCountsAsDone(t *testing.T) {
	s := newTale(t, `SET one TO "1"; SET wall TO "graffiti"; SET two TO "2";`)
	err := s.goesOn(0)
	s.order(plan.OrderSkip, err)
	if err := s.goesOn(0); err != nil || s.b.texts["two"] != "2" || s.b.writes != 2 {
		t.Errorf("%v, %v", err, s.b.texts)
	}
}

// Each failure of a step is asked about anew, also in another process.
func TestAnAnswerIsAboutOneFailureOnly(t *testing.T) {
	s := newTale(t, `STEP "s" DO FLAKY it 3; SET done TO "yes"; END`)
	s.Attended, s.saying = true, says{"retry"}
	var waits *plan.WaitingError
	if err := s.goesOn(0); !errors.As(err, &waits) {
		t.Fatalf("%v, want the second failure asked about", err)
	}
	s.saying = says{"retry"}
	if err := s.goesOn(0); !errors.As(err, &waits) {
		t.Fatalf("%v, want the third failure asked about", err)
	}
	s.saying = says{"retry"}
	if err := s.goesOn(0); err != nil || s.b.texts["done"] != "yes" {
		t.Errorf("%v, %v", err, s.b.texts)
	}
}

// What was said before a crash holds behind it, attended or not.
func TestADecisionOutlivesTheProcess(t *testing.T) {
	s := newTale(t, `STEP "s" DO FLAKY it 1; SET done TO "yes"; END`)
	s.Attended, s.saying = true, says{"retry"}
	for dies := 1; ; dies++ {
		s.note.entries = nil
		s.b, s.saying = newBoard(nil), says{"retry"}
		s.Attended = true
		if err := s.goesOn(dies); !errors.Is(err, errCrashed) {
			break
		}
		asked := len(s.saying) == 0 && s.note.entries[len(s.note.entries)-1].State != "asked"
		if s.Attended = !asked; asked {
			s.saying = nil
		}
		if err := s.goesOn(0); err != nil || s.b.texts["done"] != "yes" {
			t.Fatalf("died at entry %d: %v, %v", dies, err, s.b.texts)
		}
	}
}

// An answer that a process took, and could not use any more, is used by the next.
func TestAnAnswerFromElsewhereIsNotLost(t *testing.T) {
	s := newTale(t, `SET one TO "1"; CONFIRM "go on?"; SET two TO "2";`)
	var waits *plan.WaitingError
	if err := s.goesOn(0); !errors.As(err, &waits) {
		t.Fatal(err)
	}
	asked := s.note.entries[len(s.note.entries)-1]
	taken := &plan.Entry{Kind: plan.KindOrder, Place: asked.Place, Of: 1, Text: string(plan.OrderAnswer), Result: "yes", By: &plan.Actor{Who: "ann"}}
	if err := s.note.Append(taken, true); err != nil {
		t.Fatal(err)
	}
	if err := s.goesOn(0); err != nil || s.b.texts["two"] != "2" {
		t.Errorf("%v, %v", err, s.b.texts)
	}
}

// A step that was not tried again goes that way again, whatever it failed with.
func TestAStepThatNoAttemptMendsStaysFailed(t *testing.T) {
	for _, body := range []string{`CONFIRM "go on?";`, `STEP "in" RETRY 5 DO CONFIRM "go on?"; END`} {
		s := newTale(t, `TRY STEP "s" RETRY 3 DO `+body+` END FINALLY SET last TO "1"; END`)
		s.saying = says{"no"}
		want := s.goesOn(0)
		if want == nil {
			t.Fatal("it did not fail")
		}
		s.note.entries = s.note.entries[:len(s.note.entries)-1]
		s.saying = says{"yes"}
		if err := s.goesOn(0); err == nil || len(s.saying) == 0 {
			t.Errorf("%s: got %v, want %v again", body, err, want)
		}
	}
}

// No handler goes on behind a branch that has not ended, and none sees what it may not.
func TestAHandlerDoesNotSeeABranchThatPauses(t *testing.T) {
	s := newTale(t, `
TRY
    PARALLEL DO
        STEP "a" DO SET wall TO "x"; END
        STEP "b" DO CONFIRM "go on?"; SET b TO "1"; END
    END
ON ERROR DO SET handled TO "yes"; END`)
	var waits *plan.WaitingError
	if err := s.goesOn(0); !errors.As(err, &waits) || s.b.texts["handled"] != "" {
		t.Fatalf("%v, %v", err, s.b.texts)
	}
	s.saying = says{"yes"}
	if err := s.goesOn(0); err != nil || !maps.Equal(s.b.texts, map[string]string{"b": "1", "handled": "yes"}) {
		t.Errorf("%v, %v", err, s.b.texts)
	}
}

// A run of an approved plan that was cut off in a command may find it done.
func TestAnApprovedPlanKnowsThatACommandMayBeDone(t *testing.T) {
	s := newTale(t, `SET one TO "1"; SET two TO "2";`)
	p, err := plan.Predict(t.Context(), plan.Config{Out: io.Discard}, func() plan.Lookup { return newBoard(nil).undoable }, program(t, s.script, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Approved = plan.Approve(p)
	if err := s.goesOn(1); !errors.Is(err, errCrashed) {
		t.Fatal(err)
	}
	s.b.texts["one"] = "1" // it was done and not noted
	if err := s.goesOn(0); err != nil {
		t.Error(err)
	}
	s = newTale(t, s.script)
	s.Approved = plan.Approve(p)
	s.b.texts["one"] = "1"
	var left *plan.DivergedError
	if err := s.goesOn(0); !errors.As(err, &left) {
		t.Errorf("got %v, want it to stop: somebody else has done it", err)
	}
}

// Told to stop, a run stops at once where no step is at hand, and behind the step where one is.
func TestStopMeansTheStepAtHand(t *testing.T) {
	for script, want := range map[string]string{
		`SET one TO "1"; WAIT 1h; SET two TO "2";`:                                                              "1",
		`SET one TO "1"; STEP "s" DO WAIT UNTIL (GET go) = "yes" EVERY 1ms; SET in TO "s"; END SET two TO "2";`: "1s",
		`SET one TO "1"; CONFIRM "go on?"; SET two TO "2";`:                                                     "1",
		`SET one TO "1"; STEP "s" DO CONFIRM "go on?"; END SET two TO "2";`:                                     "1",
	} {
		b, note := newBoard(map[string]string{"go": "no"}), &notebook{}
		var w *plan.Walk
		told := make(chan struct{})
		w = plan.New(plan.Config{Lookup: b.lookup, Journal: note, Out: io.Discard, Ask: patient{}, Events: func(e plan.Event) {
			if e.Kind != plan.EventWait && e.Kind != plan.EventAsk {
				return
			}
			go func() {
				defer close(told)
				if err := w.Take(plan.Order{ID: 1, Kind: plan.OrderStop, Time: time.Now()}); err != nil {
					t.Error(err)
				}
				b.mu.Lock()
				b.texts["go"] = "yes"
				b.mu.Unlock()
			}()
		}})
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-w.Idle()
			cancel(&plan.StoppedError{Order: true})
		}()
		err := program(t, script, false).Run(w.Start(ctx), w, map[string]value.Value{})
		<-told
		var stopped *plan.StoppedError
		if !errors.As(err, &stopped) || b.texts["one"]+b.texts["in"]+b.texts["two"] != want {
			t.Errorf("%s: %v, %v", script, err, b.texts)
		}
		if want == "1s" {
			w.Stop() // lets the goroutine above end
		}
	}
}

// patient is a person who says nothing.
type patient struct{}

func (patient) Ask(ctx context.Context, _ plan.Question) (string, error) {
	<-ctx.Done()
	return "", context.Cause(ctx)
}
