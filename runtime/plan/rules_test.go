package plan_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// guarded puts every SET on a board before the rule that at most one name has the text x.
func (b *board) guarded(alone bool) plan.Lookup {
	return func(s *sig.Signature) (*plan.Record, error) {
		rec, err := b.lookup(s)
		if err != nil || rec.Observe == nil {
			return rec, err
		}
		rec.Guard = &plan.Guard{Alone: alone, Check: func(ctx context.Context, g *plan.Guarded) (func(), error) {
			b.mu.Lock()
			after := newBoard(b.texts)
			b.mu.Unlock()
			if err := g.Rehearse(ctx, after.lookup); err != nil {
				return nil, err
			}
			var have []string
			for name, text := range after.texts {
				if text == "x" {
					have = append(have, name)
				}
			}
			if slices.Sort(have); len(have) < 2 {
				return nil, nil
			}
			return nil, plan.Breach(ctx, plan.Refusal{Rule: "one-x", Found: "x would be at " + strings.Join(have, " and "), Wanted: "one x"})
		}}
		return rec, nil
	}
}

func overridden(rule, reason string) plan.Overrides {
	return plan.Overrides{Reasons: map[string]string{rule: reason}, By: plan.Actor{Who: "ann", Host: "east1"}}
}

// A refused rule ends the run whatever the script says, and nothing of the change is made. What stands in a FINALLY
// still happens.
func TestNoScriptCatchesARefusedRule(t *testing.T) {
	for _, script := range []string{
		`SET b TO x;`,
		`TRY SET b TO x; ON ERROR $e DO SET c TO caught; END SET after TO 1;`,
		`$r = SET b TO x; SET after TO 1;`,
		`ON ERROR CONTINUE; SET b TO x; SET after TO 1;`,
		`STEP "again" RETRY 3 EVERY 1h DO SET b TO x; END SET after TO 1;`,
		`PARALLEL DO STEP "one" DO SET b TO x; END STEP "two" DO WAIT 0s; END END SET after TO 1;`,
	} {
		b, note := newBoard(map[string]string{"a": "x"}), &notebook{}
		var failed []string
		err := run(t.Context(), t, script, plan.Config{Lookup: b.guarded(true), Journal: note, Out: io.Discard, Events: func(e plan.Event) {
			if e.Kind == plan.EventFail {
				failed = append(failed, e.Error)
			}
		}})
		var refused *plan.RefusedError
		if !errors.As(err, &refused) || refused.Rule != "one-x" {
			t.Errorf("%s: got %v, want a refusal", script, err)
			continue
		}
		const want = "refused by rule one-x: x would be at a and b; wanted one x"
		if refused.Error() != want || !strings.Contains(strings.Join(refused.Failure.Hints, "\n"), `--override one-x --reason "`) {
			t.Errorf("%s: got %q and the hints %q", script, refused, refused.Failure.Hints)
		}
		if want := map[string]string{"a": "x"}; !maps.Equal(b.texts, want) || len(note.changes()) > 0 {
			t.Errorf("%s: the board is %v and the journal has %v, want nothing changed", script, b.texts, note.changes())
		}
		i := slices.IndexFunc(note.entries, func(e plan.Entry) bool { return e.Kind == plan.KindRule })
		if i < 0 || note.entries[i].State != "refused" || note.entries[i].Rule != "one-x" || note.entries[i].Error != want || !slices.Equal(failed, []string{want}) {
			t.Errorf("%s: the journal has %+v, the events say %q", script, note.entries, failed)
		}
	}
	b := newBoard(map[string]string{"a": "x"})
	var out strings.Builder
	err := run(t.Context(), t, `TRY SET b TO x; FINALLY WRITE "finally"; END`, plan.Config{Lookup: b.guarded(false), Out: &out})
	if err == nil || out.String() != "finally\n" {
		t.Errorf("got %v and %q", err, out.String())
	}
}

// Overriding one rule by name lets the change be made: the journal says so before the intent, with who and why.
func TestAnOverriddenRuleIsJournaledBeforeTheIntent(t *testing.T) {
	b, note := newBoard(map[string]string{"a": "x"}), &notebook{}
	var told []string
	c := plan.Config{Lookup: b.guarded(true), Journal: note, Out: io.Discard, Overrides: overridden("one-x", "a drill"), Events: func(e plan.Event) {
		if e.Kind == plan.EventRule {
			told = append(told, e.Text+" / "+e.Error)
		}
	}}
	if err := run(t.Context(), t, `SET b TO x; SET b TO x; SET c TO y;`, c); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range note.entries {
		kinds = append(kinds, string(e.Kind))
	}
	if got, want := strings.Join(kinds, " "), "rule intent result result rule intent result"; got != want {
		t.Errorf("the journal has %s, want %s", got, want)
	}
	e := note.entries[0]
	if e.Rule != "one-x" || e.State != "overridden" || e.Reason != "a drill" || e.By == nil || e.By.Who != "ann" || e.Place != "1" || e.Text != "x would be at a and b; wanted one x" {
		t.Errorf("got %+v", e)
	}
	if want := "rule one-x is overridden: a drill / x would be at a and b; wanted one x"; len(told) != 2 || told[0] != want {
		t.Errorf("told %q, want %q twice", told, want)
	}
	other := newBoard(map[string]string{"a": "x"})
	err := run(t.Context(), t, `SET b TO x;`, plan.Config{Lookup: other.guarded(false), Out: io.Discard, Overrides: overridden("two-x", "wrong one")})
	if err == nil || other.texts["b"] != "" {
		t.Errorf("got %v and %v: overriding one rule overrode another", err, other.texts)
	}
}

// A rule that Observe itself finds broken works the same way; where nothing is to be changed nothing is overridden.
func TestARuleMayBreakWhileObserving(t *testing.T) {
	b := newBoard(nil)
	lookup := func(s *sig.Signature) (*plan.Record, error) {
		rec, err := b.lookup(s)
		if err == nil && rec.Observe != nil {
			observe := rec.Observe
			rec.Observe = func(ctx context.Context, c *plan.Call) (*plan.Action, error) {
				if err := plan.Breach(ctx, plan.Refusal{Rule: "never", Found: "a SET", Wanted: "none"}); err != nil {
					return nil, err
				}
				return observe(ctx, c)
			}
		}
		return rec, err
	}
	if err := run(t.Context(), t, `TRY SET a TO 1; ON ERROR DO END`, plan.Config{Lookup: lookup, Out: io.Discard}); !errors.As(err, new(*plan.RefusedError)) {
		t.Errorf("got %v, want a refusal", err)
	}
	note := &notebook{}
	c := plan.Config{Lookup: lookup, Journal: note, Out: io.Discard, Overrides: overridden("never", "once")}
	if err := run(t.Context(), t, `SET a TO 1; SET a TO 1;`, c); err != nil || b.texts["a"] != "1" {
		t.Fatal(err, b.texts)
	}
	rules := 0
	for _, e := range note.entries {
		if e.Kind == plan.KindRule {
			rules++
		}
	}
	if rules != 1 {
		t.Errorf("%d overrides were journaled, want 1: reading back is none", rules)
	}
	if plan.Breach(t.Context(), plan.Refusal{Rule: "never"}) == nil {
		t.Error("outside a run a rule was overridden")
	}
}

// A plan refuses what the run would, at the same command, and prints what is overridden.
func TestAPlanTellsRefusalsAndOverrides(t *testing.T) {
	b := newBoard(map[string]string{"a": "x"})
	predict := func(o plan.Overrides) (string, *plan.Plan) {
		p, err := plan.Predict(t.Context(), plan.Config{Out: io.Discard, Overrides: o},
			func() plan.Lookup { return newBoard(b.texts).guarded(true) }, program(t, `SET c TO z; TRY SET b TO x; ON ERROR DO SET caught TO 1; END`, true), nil)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := p.Print(&text); err != nil {
			t.Fatal(err)
		}
		return text.String(), p
	}
	text, p := predict(plan.Overrides{})
	if !strings.Contains(text, "SET b TO x: fails: refused by rule one-x: x would be at a and b; wanted one x\n") || !errors.As(p.Failure, new(*plan.RefusedError)) || len(p.Changes) != 1 {
		t.Errorf("got %v and the plan\n%s", p.Failure, text)
	}
	text, p = predict(overridden("one-x", "a drill"))
	if !strings.Contains(text, "rule one-x is overridden: a drill: x would be at a and b; wanted one x\n") || p.Failure != nil || len(p.Changes) != 2 {
		t.Errorf("got %v and the plan\n%s", p.Failure, text)
	}
}

// Two branches at once that each keep a rule do not break it together, and what a change itself causes does not wait
// for the change.
func TestChangesThatMustBeAloneAreAlone(t *testing.T) {
	for range 50 {
		b := newBoard(nil)
		err := run(t.Context(), t, `PARALLEL DO STEP "a" DO SET a TO x; END STEP "b" DO SET b TO x; END STEP "c" DO SET c TO x; END END`,
			plan.Config{Lookup: b.guarded(true), Out: io.Discard})
		if !errors.As(err, new(*plan.RefusedError)) || len(b.texts) != 1 {
			t.Fatalf("got %v and the board %v, want one x", err, b.texts)
		}
	}
	b := newBoard(nil)
	child := program(t, `SET inner TO 1;`, false)
	lookup := func(s *sig.Signature) (*plan.Record, error) {
		rec, err := b.guarded(true)(s)
		if err != nil || !strings.HasPrefix(s.Usage, "LOSE") {
			return rec, err
		}
		rec.Guard = &plan.Guard{Alone: true, Check: func(context.Context, *plan.Guarded) (func(), error) { return nil, nil }}
		rec.Observe = func(context.Context, *plan.Call) (*plan.Action, error) {
			return &plan.Action{Done: plan.No,
				Do: func(ctx context.Context) (value.Value, error) {
					parent, _ := plan.From(ctx)
					return nil, parent.RunChild(ctx, "child", plan.Config{ID: "c", Lookup: b.guarded(true)}, child, nil)
				},
				Verify: func(context.Context) (plan.Answer, error) { return plan.Yes, nil },
			}, nil
		}
		return rec, nil
	}
	if err := run(t.Context(), t, `LOSE a;`, plan.Config{Lookup: lookup, Out: io.Discard}); err != nil || b.texts["inner"] != "1" {
		t.Errorf("got %v and %v: the child waited for its parent", err, b.texts)
	}
}

// done is called once for each change, also for one that was refused or failed.
func TestAGuardIsToldThatTheChangeIsOver(t *testing.T) {
	b := newBoard(nil)
	var mu sync.Mutex
	begun, over := 0, 0
	lookup := func(s *sig.Signature) (*plan.Record, error) {
		rec, err := b.lookup(s)
		if err == nil && rec.Observe != nil {
			rec.Guard = &plan.Guard{Check: func(ctx context.Context, g *plan.Guarded) (func(), error) {
				mu.Lock()
				defer mu.Unlock()
				begun++
				var err error
				if g.Call.Text("text") == "refuse" {
					err = plan.Breach(ctx, plan.Refusal{Rule: "no"})
				}
				return func() { mu.Lock(); over++; mu.Unlock() }, err
			}}
		}
		return rec, err
	}
	for _, script := range []string{`SET a TO 1; LOSE b;`, `SET a TO refuse;`} {
		if err := run(t.Context(), t, script, plan.Config{Lookup: lookup, Out: io.Discard}); err == nil {
			t.Errorf("%s ended well", script)
		}
	}
	if begun != 3 || over != 3 {
		t.Errorf("%d changes began and %d were over, want 3 of each", begun, over)
	}
}

// A rule that needs a person's word asks once for what was typed in this run already, asks again in another process, and
// takes no for an answer.
func TestARuleAsksForWhatWasNotTyped(t *testing.T) {
	b := newBoard(nil)
	lookup := func(s *sig.Signature) (*plan.Record, error) {
		rec, err := b.lookup(s)
		if err == nil && rec.Observe != nil {
			rec.Guard = &plan.Guard{Check: func(ctx context.Context, _ *plan.Guarded) (func(), error) {
				return nil, plan.Affirm(ctx, "east is off", "see it")
			}}
		}
		return rec, err
	}
	asked := 0
	answers := func(no error) plan.Asker {
		return asker(func(_ context.Context, q plan.Question) error {
			if asked++; !q.Typed || q.Text != "east is off" {
				t.Errorf("asked %+v", q)
			}
			return no
		})
	}
	for _, c := range []struct {
		script string
		asked  int
	}{
		{`SET a TO 1; SET b TO 1;`, 1},
		{`CONFIRM TYPED "east is off" "see it"; SET a TO 2; SET b TO 2;`, 1},
		{`STEP "s" DO CONFIRM TYPED "east is off" "see it"; END SET a TO 3;`, 1},
	} {
		asked = 0
		if err := run(t.Context(), t, c.script, plan.Config{Lookup: lookup, Out: io.Discard, Ask: answers(nil)}); err != nil || asked != c.asked {
			t.Errorf("%s: got %v and %d questions, want %d", c.script, err, asked, c.asked)
		}
	}
	for _, no := range []error{plan.ErrDeclined, plan.ErrNobody} {
		if err := run(t.Context(), t, `TRY SET a TO 4; ON ERROR DO END`, plan.Config{Lookup: lookup, Out: io.Discard, Ask: answers(no)}); err == nil || b.texts["a"] == "4" {
			t.Errorf("%v: got %v and %v", no, err, b.texts)
		}
	}
	note := &notebook{}
	note.entries = []plan.Entry{{Seq: 1, Kind: plan.KindAsk, Place: "1!", Text: "east is off", State: "answered", Result: "east is off"}}
	asked = 0
	w := plan.New(plan.Config{Lookup: lookup, Journal: note, Out: io.Discard, Ask: answers(plan.ErrDeclined), Past: plan.NewPast(note.entries)})
	if err := program(t, `SET z TO 1;`, false).Run(w.Start(t.Context()), w, nil); err == nil || asked != 1 || b.texts["z"] != "" {
		t.Errorf("got %v, %d questions and %v: an answer of an earlier process counted", err, asked, b.texts)
	}
}
