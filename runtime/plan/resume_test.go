package plan_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// stories are scripts that a crash may hit anywhere.
var stories = map[string]string{
	"in a row": `
SET one TO "1"; WRITE "one"; SET two TO "2";
$x = GET one; SET three TO "${$x}3"; SET three TO "${$x}3";
POINT OF NO RETURN;
SET four TO "4";`,

	"loops and functions": `
FUNCTION put($n) SET "n${$n}" TO "v${$n}"; SET last TO "${$n}"; RETURN (GET last); END
FOR $i = 1 TO 3 DO $r = put($i); WRITE $r; END
$n = 0; WHILE ($n < 2) DO $n = $n + 1; SET last TO "w${$n}"; END`,

	"steps that fail first": `
STEP "shaky" RETRY 3 EVERY 1ms DO
    SET before TO "b";
    FLAKY it 2;
    SET after TO "a";
END
TRY
    STEP "hopeless" RETRY 1 EVERY 1ms DO SET tried TO "yes"; FLAKY never 1000; END
ON ERROR $e DO
    WRITE "gave up: ", $e.code; SET handled TO $e.code;
FINALLY
    SET finally TO "f";
END`,

	"side by side": `
PARALLEL MAX 2 DO
    STEP "a" DO SET a1 TO "1"; SET a2 TO "2"; $a = GET a1; END
    STEP "b" RETRY 2 EVERY 1ms DO FLAKY b 1; SET b1 TO "1"; $b = GET b1; END
    STEP "c" DO FOR $i = 1 TO 3 DO SET "c${$i}" TO "x"; END END
END
SET sum TO "${$a}${$b}";`,

	"captured failures": `
$r = SET wall TO "graffiti";
IF (failed($r)) THEN SET note TO "refused ${$r}"; END
$r = GET nothing;
SET note TO "${$r}${$error}";`,

	"times, waits and questions": `
$t = now(); SET began TO $t;
WAIT 1ms;
CONFIRM "go?";
WAIT UNTIL (GET began) = $t EVERY 1ms TIMEOUT 1s;
MANUAL "look" UNTIL (GET began) = $t;
SET waited TO "yes"; $s = since($t) >= 0; SET since TO "${$s}";`,

	"what failures leave": `
STEP "shaky" RETRY 2 EVERY 1ms DO
    WRITE "before: ", $error, $exitcode;
    SET before TO "b${$exitcode}";
    IF ($error = "") THEN SET wall TO "graffiti"; END
    TRY GET nothing; ON ERROR $w DO SET wallcode TO $w.code; END
END
TRY
    STEP "outer" RETRY 1 EVERY 1ms TIMEOUT 1h DO
        PARALLEL DO
            STEP "inner" RETRY 1 EVERY 1ms DO
                SET tried TO "yes";
                FLAKY never 1000;
            END
            STEP "other" DO SET other TO "yes"; END
        END
    END
ON ERROR $e DO
    WRITE $e.code, " at ", $e.file, ":", $e.line, " ", $error;
    SET line TO $e.line;
END
TRY
    STEP "late" TIMEOUT 5ms DO SET early TO "yes"; AWAIT godot; END
ON ERROR $e DO
    WRITE "late at ", $e.line; SET late TO $e.line;
END
TRY
    STEP "later" TIMEOUT 5ms DO WAIT 1h; END
ON ERROR $e DO
    WRITE $e.message, " at ", $e.line; SET later TO $e.line;
END`,

	"choices of the session": `
CHOOSE red;
SET colour TO (CHOSEN);
STEP "s" RETRY 1 EVERY 1ms DO FLAKY s 1; CHOOSE blue; SET inner TO (CHOSEN); END
SET colour TO (CHOSEN);`,

	"the end by EXIT": `SET one TO "1"; STEP "s" DO SET two TO "2"; EXIT 3; END SET three TO "3";`,
}

// crash is a journal that ends a process: nothing is appended from the n-th entry on, which itself is kept or not.
type crash struct {
	*notebook
	at   int
	keep bool
}

var errCrashed = errors.New("crashed")

func (c *crash) Append(e *plan.Entry, sync bool) error {
	c.mu.Lock()
	n := len(c.entries) + 1
	c.mu.Unlock()
	if n > c.at || n == c.at && !c.keep {
		return errCrashed
	}
	if err := c.notebook.Append(e, sync); err != nil {
		return err
	}
	if n == c.at {
		return errCrashed
	}
	return nil
}

// again gives entries as a file would give them back.
func again(t *testing.T, entries []plan.Entry) []plan.Entry {
	t.Helper()
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	var back []plan.Entry
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

type yes struct{}

func (yes) Ask(context.Context, plan.Question) (string, error) { return "yes", nil }

// told is what is left of a run: the world, the changes that were really made, what it wrote, and how it ended.
func told(b *board, entries []plan.Entry, err error) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.texts)) {
		if text := b.texts[name]; name != "began" {
			fmt.Fprintf(&out, "%s=%s\n", name, text)
		}
	}
	fmt.Fprintf(&out, "%d writes\n", b.writes)
	var lines []string
	for _, e := range entries {
		if e.Kind == plan.KindWrite {
			lines = append(lines, e.Place+" "+e.Text)
		}
	}
	slices.Sort(lines)
	fmt.Fprintf(&out, "%q\nend: %v\n", lines, err)
	return out.String()
}

// Wherever the process ends, before or after an entry is in the journal, a resumed run ends as one that was never
// interrupted: the same world, every change made once, every line written once.
func TestARunGoesOnFromEveryInstant(t *testing.T) {
	for name, script := range stories {
		t.Run(name, func(t *testing.T) {
			b, note := newBoard(nil), &notebook{}
			err := run(t.Context(), t, script, plan.Config{Lookup: b.lookup, Journal: note, Out: io.Discard, Ask: yes{}})
			want, entries := told(b, note.entries, err), len(note.entries)
			if entries < 4 {
				t.Fatalf("%d entries", entries)
			}
			for at := 1; at <= entries; at++ {
				for _, keep := range []bool{false, true} {
					b, note := newBoard(nil), &notebook{}
					err := run(t.Context(), t, script, plan.Config{Lookup: b.lookup, Journal: &crash{note, at, keep}, Out: io.Discard, Ask: yes{}})
					if !errors.Is(err, errCrashed) {
						t.Fatalf("entry %d: %v, want a crash", at, err)
					}
					note.entries = again(t, note.entries)
					err = run(t.Context(), t, script, plan.Config{
						Lookup: b.lookup, Journal: note, Out: io.Discard, Ask: yes{}, Past: plan.NewPast(note.entries),
					})
					if got := told(b, note.entries, err); got != want {
						t.Errorf("crash at entry %d (kept: %v):\n%s\nwant\n%s", at, keep, got, want)
					}
				}
			}
		})
	}
}

// It may crash again while it goes on, any number of times.
func TestARunGoesOnHoweverOftenItCrashes(t *testing.T) {
	for name, script := range stories {
		whole, all := newBoard(nil), &notebook{}
		ended := run(t.Context(), t, script, plan.Config{Lookup: whole.lookup, Journal: all, Out: io.Discard, Ask: yes{}})
		want := told(whole, all.entries, ended)
		b, note := newBoard(nil), &notebook{}
		var err error
		for n := 0; n < 1000; n++ {
			journal := &crash{note, len(note.entries) + 1 + n%2, n%3 > 0}
			err = run(t.Context(), t, script, plan.Config{
				Lookup: b.lookup, Journal: journal, Out: io.Discard, Ask: yes{}, Past: plan.NewPast(note.entries),
			})
			if !errors.Is(err, errCrashed) {
				break
			}
			note.entries = again(t, note.entries)
		}
		if got := told(b, note.entries, err); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// goOn runs a script up to a crash at its n-th entry, lets the world change, and goes on with another script or the same.
func goOn(t *testing.T, script string, at int, meanwhile func(b *board), next string) (*board, error) {
	t.Helper()
	b, note := newBoard(map[string]string{"source": "off"}), &notebook{}
	if err := run(t.Context(), t, script, plan.Config{Lookup: b.lookup, Journal: &crash{note, at, true}, Out: io.Discard}); !errors.Is(err, errCrashed) {
		t.Fatalf("%v, want a crash", err)
	}
	meanwhile(b)
	past := plan.NewPast(again(t, note.entries))
	c := plan.Config{Lookup: b.lookup, Journal: note, Out: io.Discard, Past: past}
	c.Recheck = func(ctx context.Context) error { return plan.Recheck(ctx, c, program(t, next, true), nil) }
	return b, run(t.Context(), t, next, c)
}

// Safety is never taken from the journal.
func TestWhatWasRequiredMustHoldStill(t *testing.T) {
	const script = `$s = GET source; REQUIRE $s = "off", "the source is off"; SET one TO "1"; SET two TO "2";`
	b, err := goOn(t, script, 4, func(b *board) { b.texts["source"] = "on" }, script)
	var differs *plan.DiffersError
	if !errors.As(err, &differs) || differs.Message != "the source is off" {
		t.Errorf("got %v, want that the source is not off any more", err)
	}
	if b.texts["two"] != "" {
		t.Error("it went on all the same")
	}
	if b, err := goOn(t, script, 4, func(*board) {}, script); err != nil || b.texts["two"] != "2" {
		t.Errorf("unchanged: %v, %v", err, b.texts)
	}
}

func TestAnotherScriptIsNotGoneOnWith(t *testing.T) {
	const script = `SET one TO "1"; SET two TO "2"; SET three TO "3";`
	for next, wants := range map[string]string{
		`SET uno TO "1"; SET two TO "2"; SET three TO "3";`:     "got SET uno TO 1, want SET one TO 1",
		`SET one TO "1"; SET two TO "2"; SET three TO "drei";`:  "", // what was recorded still fits
		`SET one TO "1"; SET two TO "other"; SET three TO "3";`: "got SET two TO other, want SET two TO 2",
		`SET one TO "1"; // the same, laid out otherwise
         SET two TO "2";   SET three TO "3";`: "",
	} {
		_, err := goOn(t, script, 3, func(*board) {}, next)
		var left *plan.DivergedError
		if wants == "" && err != nil || wants != "" && (!errors.As(err, &left) || !strings.Contains(err.Error(), wants)) {
			t.Errorf("%s: got %v, want %q", next, err, wants)
		}
	}
}

// Results come back from the journal as they were, whatever they are.
func TestValuesComeBackEqual(t *testing.T) {
	for _, v := range []value.Value{
		value.None, value.Int(0), value.Int(-1), value.Int(1 << 62), value.Decimal(5), value.Decimal(0.1), value.Decimal(1e300),
		value.Text(""), value.Text("5.0"), value.Truth(false), value.Truth(true),
		value.List(value.Int(1), value.Decimal(1), value.None), value.Map(map[string]value.Value{"a": value.Decimal(2), "b": value.List()}),
	} {
		record := &plan.Record{Read: func(context.Context, *plan.Call) (value.Value, error) { return v, nil }}
		note := &notebook{}
		if err := run(t.Context(), t, `$x = GET it; WRITE $x;`, plan.Config{Lookup: one(record), Journal: note, Out: io.Discard}); err != nil {
			t.Fatal(err)
		}
		entries := again(t, note.entries)
		var out strings.Builder
		err := run(t.Context(), t, `$x = GET it; WRITE $x; WRITE $x, "!";`, plan.Config{
			Lookup: one(nil), Journal: note, Out: &out, Past: plan.NewPast(entries),
		})
		if want := value.Print(v) + "!\n"; err != nil || out.String() != want {
			t.Errorf("%s %s: got %q, %v", value.Kind(v), value.Print(v), out.String(), err)
		}
	}
}

// one is a world with one command.
func one(r *plan.Record) plan.Lookup {
	return func(*sig.Signature) (*plan.Record, error) { return r, nil }
}
