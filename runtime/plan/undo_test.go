package plan_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// wiped is the inverse of SET on a board: the name and the text that it had, nil where it had none.
type wiped struct {
	Name string
	Was  *string
}

// undoable makes a board's SET say how it is undone.
func (b *board) undoable(s *sig.Signature) (*plan.Record, error) {
	r, err := b.lookup(s)
	if err != nil || !strings.HasPrefix(s.Usage, "SET") {
		return r, err
	}
	observe := r.Observe
	return &plan.Record{
		System: "board",
		Observe: func(ctx context.Context, c *plan.Call) (*plan.Action, error) {
			was := wiped{Name: c.Text("name")}
			b.mu.Lock()
			if text, ok := b.texts[was.Name]; ok {
				was.Was = &text
			}
			b.mu.Unlock()
			a, err := observe(ctx, c)
			if err == nil && a.Done == plan.No {
				a.Changes[0].Inverse, _ = json.Marshal(was) //nolint:errcheck // plain data
				if was.Name == "stone" {
					a.Changes[0].Inverse = nil
				}
			}
			return a, err
		},
		Undo: func(_ context.Context, inverse json.RawMessage) error {
			var was wiped
			if err := json.Unmarshal(inverse, &was); err != nil {
				return err
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if (was.Name == "stuck" || was.Name == "twice" && was.Was != nil) && b.texts["grease"] == "" {
				return value.Failf(value.CodeRefused, "it is stuck")
			}
			delete(b.texts, was.Name)
			if was.Was != nil {
				b.texts[was.Name] = *was.Was
			}
			return nil
		},
	}, nil
}

// takeBack undoes what note tells of a run of script.
func takeBack(t *testing.T, script string, b *board, note *notebook, j plan.Journal, u plan.Undo, over plan.Overrides) (*plan.TakenBack, error) {
	t.Helper()
	u.Entries = again(t, note.entries)
	c := plan.Config{Lookup: b.undoable, Journal: j, Out: io.Discard, Past: plan.NewPast(u.Entries), Overrides: over}
	blocks, err := plan.GatherBlocks(t.Context(), c, program(t, script, false), nil)
	if err != nil {
		t.Fatal(err)
	}
	return plan.TakeBack(t.Context(), c, u, blocks)
}

// Undo brings back the world as it was before the run, wherever the run ended and however often undo itself is cut off.
func TestUndoBringsBackWhatWas(t *testing.T) {
	before := map[string]string{"one": "old", "last": "?", "it": "x"}
	for name, script := range stories {
		if strings.Contains(script, "POINT OF NO RETURN") || strings.Contains(script, "now()") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for at := 1; ; at++ {
				b, note := newBoard(before), &notebook{}
				err := run(t.Context(), t, script, plan.Config{Lookup: b.undoable, Journal: &crash{note, at, at%2 == 0}, Out: io.Discard, Ask: yes{}})
				for n := 1; ; n++ {
					_, uerr := takeBack(t, script, b, note, &crash{note, len(note.entries) + n, n%2 == 0}, plan.Undo{}, plan.Overrides{})
					if !errors.Is(uerr, errCrashed) {
						if uerr != nil {
							t.Fatal(uerr)
						}
						break
					}
				}
				if !maps.Equal(b.texts, before) {
					t.Fatalf("cut at entry %d: %v, want %v", at, b.texts, before)
				}
				if !errors.Is(err, errCrashed) {
					return
				}
			}
		})
	}
}

// A step's own UNDO runs before what the step's commands know themselves, with the variables of that moment.
func TestUndoBlocksRunLastFirst(t *testing.T) {
	const script = `
$n = 0;
WHILE ($n < 2) DO
    $n = $n + 1;
    STEP "turn" DO SET stone TO "turn ${$n}"; UNDO SET log TO "undone ${$n}"; END
END
$n = 99;`
	b, note := newBoard(nil), &notebook{}
	if err := run(t.Context(), t, script, plan.Config{Lookup: b.undoable, Journal: note, Out: io.Discard}); err != nil {
		t.Fatal(err)
	}
	got, err := takeBack(t, script, b, note, note, plan.Undo{}, plan.Overrides{})
	if err != nil || got.Blocks != 2 || len(got.Kept) != 2 {
		t.Fatalf("%v, %+v", err, got)
	}
	if b.texts["log"] != "undone 1" || b.texts["stone"] != "turn 2" {
		t.Errorf("got %v, want the first turn undone last, and the stone kept", b.texts)
	}
}

func TestNothingIsUndoneBehindThePointOfNoReturn(t *testing.T) {
	const script = `SET one TO "1"; POINT OF NO RETURN; SET two TO "2";`
	b, note := newBoard(nil), &notebook{}
	if err := run(t.Context(), t, script, plan.Config{Lookup: b.undoable, Journal: note, Out: io.Discard}); err != nil {
		t.Fatal(err)
	}
	var point *plan.PointError
	if _, err := takeBack(t, script, b, note, note, plan.Undo{}, plan.Overrides{}); !errors.As(err, &point) || len(b.texts) != 2 {
		t.Errorf("got %v, %v", err, b.texts)
	}
	if _, err := takeBack(t, script, b, note, note, plan.Undo{}, plan.Overrides{Reasons: map[string]string{plan.RulePointOfNoReturn: "a drill"}}); err != nil || len(b.texts) != 0 {
		t.Errorf("overridden: got %v, %v", err, b.texts)
	}
}

// What cannot be taken back now stops nothing else, and is tried again the next time.
func TestUndoGoesOnPastWhatIsStuck(t *testing.T) {
	const script = `SET one TO "1"; SET stuck TO "fast"; SET two TO "2";`
	b, note := newBoard(nil), &notebook{}
	if err := run(t.Context(), t, script, plan.Config{Lookup: b.undoable, Journal: note, Out: io.Discard}); err != nil {
		t.Fatal(err)
	}
	got, err := takeBack(t, script, b, note, note, plan.Undo{}, plan.Overrides{})
	if err != nil || got.Changes != 2 || len(got.Failed) != 1 || len(b.texts) != 1 {
		t.Fatalf("%v, %+v, %v", err, got, b.texts)
	}
	b.texts["grease"] = "a lot"
	got, err = takeBack(t, script, b, note, note, plan.Undo{}, plan.Overrides{})
	if err != nil || got.Changes != 1 || len(b.texts) != 1 {
		t.Errorf("again: %v, %+v, %v", err, got, b.texts)
	}
}

// What was taken back while a later change of the same object was stuck does not come back with that one.
func TestUndoOfWhatChangedTwice(t *testing.T) {
	const script = `SET one TO "1"; SET twice TO "1"; SET twice TO "2";`
	b, note := newBoard(nil), &notebook{}
	if err := run(t.Context(), t, script, plan.Config{Lookup: b.undoable, Journal: note, Out: io.Discard}); err != nil {
		t.Fatal(err)
	}
	got, err := takeBack(t, script, b, note, note, plan.Undo{}, plan.Overrides{})
	if err != nil || got.Changes != 2 || len(got.Failed) != 1 {
		t.Fatalf("%v, %+v, %v", err, got, b.texts)
	}
	b.texts["grease"], b.texts["one"] = "a lot", "another's"
	got, err = takeBack(t, script, b, note, note, plan.Undo{}, plan.Overrides{})
	if err != nil || got.Changes != 1 || len(b.texts) != 2 || b.texts["one"] != "another's" {
		t.Errorf("again: %v, %+v, %v", err, got, b.texts)
	}
}

// A run that was undone back to a step goes on from there.
func TestBackToAStepAndOn(t *testing.T) {
	const script = `SET one TO "1"; STEP "two" DO SET two TO "2"; END STEP "three" DO SET three TO "3"; END`
	b, note := newBoard(nil), &notebook{}
	if err := run(t.Context(), t, script, plan.Config{Lookup: b.undoable, Journal: note, Out: io.Discard}); err != nil {
		t.Fatal(err)
	}
	got, err := takeBack(t, script, b, note, note, plan.Undo{To: "two"}, plan.Overrides{})
	if err != nil || !maps.Equal(b.texts, map[string]string{"one": "1"}) {
		t.Fatalf("%v, %v", err, b.texts)
	}
	if err := note.Append(&plan.Entry{Kind: plan.KindUndo, State: "back", Of: got.From}, true); err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), t, script, plan.Config{Lookup: b.undoable, Journal: note, Out: io.Discard, Past: plan.NewPast(again(t, note.entries))})
	if want := map[string]string{"one": "1", "two": "2", "three": "3"}; err != nil || !maps.Equal(b.texts, want) || b.writes != 5 {
		t.Errorf("%v, %v, %d writes; want %v by 5", err, b.texts, b.writes, want)
	}
}
