package plan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// board is the smallest world there can be: names with texts. Its commands are SET, GET, ONCE, LOSE and AWAIT.
type board struct {
	mu     sync.Mutex
	texts  map[string]string
	writes int
	calls  map[string]int
}

func newBoard(texts map[string]string) *board {
	b := &board{texts: map[string]string{}, calls: map[string]int{}}
	maps.Copy(b.texts, texts)
	return b
}

var signatures = []*sig.Signature{
	{Usage: "SET <name:text> TO <text:text>", Summary: "Writes.", Effect: sig.Changes},
	{Usage: "LOSE <name:text>", Summary: "Writes and does not keep.", Effect: sig.Changes},
	{Usage: "DOUBT <name:text>", Summary: "Cannot tell.", Effect: sig.Changes},
	{Usage: "GET <name:text>", Summary: "Reads.", Effect: sig.Reads},
	{Usage: "FLAKY <name:text> <times:number>", Summary: "Fails that often.", Effect: sig.Reads},
	{Usage: "AWAIT <name:text>", Summary: "Waits for ever.", Effect: sig.Waits},
	{Usage: "CHOOSE <name:text>", Summary: "Remembers.", Effect: sig.Session},
	{Usage: "CHOSEN", Summary: "Says what was remembered.", Effect: sig.Reads},
	{Usage: "AWAY", Summary: "Does not answer.", Effect: sig.Reads},
}

func (b *board) lookup(s *sig.Signature) (*plan.Record, error) {
	word, _, _ := strings.Cut(s.Usage, " ")
	return map[string]*plan.Record{
		"SET":   {Observe: b.set},
		"LOSE":  {Observe: b.lose},
		"DOUBT": {Observe: func(context.Context, *plan.Call) (*plan.Action, error) { return &plan.Action{Why: "nobody says"}, nil }},
		"GET":   {Read: b.get},
		"FLAKY": {Read: b.flaky},
		"AWAIT": {Read: func(ctx context.Context, _ *plan.Call) (value.Value, error) { <-ctx.Done(); return nil, ctx.Err() }},
		"CHOOSE": {Read: func(ctx context.Context, c *plan.Call) (value.Value, error) {
			plan.Remember(ctx, "choice", c.Text("name"))
			return value.None, nil
		}},
		"CHOSEN": {Read: func(ctx context.Context, _ *plan.Call) (value.Value, error) {
			return value.From(plan.Recall(ctx, "choice")), nil
		}},
		"AWAY": {Read: func(context.Context, *plan.Call) (value.Value, error) {
			return nil, value.Failf(value.CodeUnreachable, "the board does not answer")
		}},
	}[word], nil
}

func (b *board) set(_ context.Context, c *plan.Call) (*plan.Action, error) {
	name, text := c.Text("name"), c.Text("text")
	b.mu.Lock()
	defer b.mu.Unlock()
	if name == "wall" {
		return nil, value.Failf(value.CodeRefused, "the wall is not to be written on")
	}
	if b.texts[name] == text {
		return &plan.Action{Done: plan.Yes}, nil
	}
	return &plan.Action{Done: plan.No,
		Changes: []plan.Change{{System: "board", What: name, From: b.texts[name], To: text, Inverse: json.RawMessage("{}")}},
		Do: func(context.Context) (value.Value, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.texts[name] = text
			b.writes++
			return value.Text(text), nil
		}}, nil
}

func (b *board) lose(_ context.Context, c *plan.Call) (*plan.Action, error) {
	return &plan.Action{Done: plan.No, Changes: []plan.Change{{System: "board", What: c.Text("name"), From: "", To: "lost", Inverse: json.RawMessage("{}")}},
		Do: func(context.Context) (value.Value, error) { return nil, nil }}, nil
}

func (b *board) get(_ context.Context, c *plan.Call) (value.Value, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, ok := b.texts[c.Text("name")]
	if text == "?" {
		return value.Unknown("nobody has looked"), nil
	}
	if !ok {
		return nil, value.Failf(value.CodeNotThere, "no text %q", c.Text("name"))
	}
	return value.Text(text), nil
}

func (b *board) flaky(_ context.Context, c *plan.Call) (value.Value, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := c.Text("name")
	b.calls[name]++
	if times, _ := c.Int("times"); b.calls[name] <= int(times) {
		return nil, value.Failf(value.CodeFailed, "%s failed for the %d. time", name, b.calls[name])
	}
	return value.Int(0), nil
}

// notebook is a journal in memory.
type notebook struct {
	mu      sync.Mutex
	entries []plan.Entry
	full    int // from this entry on the disk is full; 0 is never
}

func (n *notebook) Append(e *plan.Entry, _ bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.full > 0 && len(n.entries)+1 >= n.full {
		return errors.New("no space left on device")
	}
	e.Seq = len(n.entries) + 1
	n.entries = append(n.entries, *e)
	return nil
}

func (n *notebook) changes() []string {
	var all []string
	for _, e := range n.entries {
		if e.Kind == plan.KindIntent {
			for _, c := range e.Changes {
				all = append(all, c.String())
			}
		}
	}
	return all
}

func program(t testing.TB, text string, planning bool) plan.Program {
	t.Helper()
	set, err := sig.NewSet(signatures)
	if err != nil {
		t.Fatal(err)
	}
	file, ds := syntax.Parse(&diag.Source{Name: "test.dtcl", Text: text}, syntax.Options{})
	p, more := check.Check(file, set, check.Options{})
	var unit *lower.Unit
	if ds = append(ds, more...); len(ds) == 0 {
		unit, ds = lower.Lower(p, lower.Options{Plan: planning})
	}
	if len(ds) > 0 {
		var b strings.Builder
		diag.Render(&b, ds)
		t.Fatal(b.String())
	}
	return vm.Load(unit)
}

func run(ctx context.Context, t testing.TB, text string, c plan.Config) error {
	t.Helper()
	w := plan.New(c)
	return program(t, text, false).Run(w.Start(ctx), w, nil)
}

// predict plans on copies of the board: the overlay of a world that small.
func predict(t testing.TB, text string, b *board) *plan.Plan {
	t.Helper()
	fresh := func() plan.Lookup { return newBoard(b.texts).lookup }
	p, err := plan.Predict(context.Background(), plan.Config{Out: io.Discard}, fresh, program(t, text, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Each case is a script, what its plan prints and what its run writes, changes and ends with, on the same board.
func TestPlanAndRun(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]int{}
			for i, f := range a.Files {
				part[f.Name] = i
			}
			script := string(a.Files[part["script"]].Data)
			texts := map[string]string{}
			for _, line := range strings.Fields(string(a.Comment)) {
				name, text, _ := strings.Cut(line, "=")
				texts[name] = text
			}
			got := map[string]string{}
			b := newBoard(texts)
			var planned strings.Builder
			p := predict(t, script, b)
			if err := p.Print(&planned); err != nil {
				t.Fatal(err)
			}
			got["plan"] = planned.String()
			if b.writes != 0 || !maps.Equal(b.texts, texts) {
				t.Error("the plan wrote")
			}
			var out bytes.Buffer
			var note notebook
			if _, runs := part["run"]; runs {
				err = run(t.Context(), t, script, plan.Config{Lookup: b.lookup, Journal: &note, Out: &out})
				for _, c := range note.changes() {
					fmt.Fprintln(&out, c)
				}
				if err != nil {
					fmt.Fprintln(&out, "ends:", err)
				}
				got["run"] = out.String()
			}
			if len(p.Missing) == 0 && part["run"] > 0 {
				var want []string
				for _, c := range p.Changes {
					want = append(want, c.String())
				}
				if !slices.Equal(want, note.changes()) {
					t.Errorf("planned %q\nthe run changed %q", want, note.changes())
				}
			}
			for name, text := range got {
				i, ok := part[name]
				if !ok {
					t.Fatalf("the case has no part %q", name)
				}
				if os.Getenv("UPDATE") != "" {
					a.Files[i].Data = []byte(text)
				} else if want := string(a.Files[i].Data); text != want {
					t.Errorf("%s: got\n%s\nwant\n%s", name, text, want)
				}
			}
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A place names one passing of a statement: no two entries of one kind share it, and every run of a script has the same.
func TestPlacesAreUniqueAndStable(t *testing.T) {
	const script = `
FUNCTION twice($name)
    SET $name TO "1";
    SET $name TO "2";
END
FOR $i = 1 TO 3 DO
    STEP "turn" RETRY 2 EVERY 1ms DO
        FLAKY "f" 1;
        twice("a");
        PARALLEL DO
            STEP "left" DO SET left TO $i; END
            STEP "right" DO SET right TO $i; twice("b"); END
        END
    END
END
`
	var runs [2][]string
	for i := range runs {
		var note notebook
		if err := run(t.Context(), t, script, plan.Config{Lookup: newBoard(nil).lookup, Journal: &note, Out: io.Discard}); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, e := range note.entries {
			if e.Kind != plan.KindIntent && e.Kind != plan.KindRead {
				continue
			}
			if seen[e.Place] {
				t.Errorf("two entries at %s", e.Place)
			}
			seen[e.Place] = true
		}
		runs[i] = slices.Sorted(maps.Keys(seen))
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Errorf("places differ between two runs:\n%v\n%v", runs[0], runs[1])
	}
}

// No change is made whose intent could not be recorded.
func TestAFullDiskStopsBeforeTheChange(t *testing.T) {
	b := newBoard(nil)
	err := run(t.Context(), t, `SET a TO 1; SET b TO 2; TRY SET c TO 3; ON ERROR DO WRITE "no"; END`, plan.Config{Lookup: b.lookup, Journal: &notebook{full: 3}, Out: io.Discard})
	var lost *plan.JournalError
	if !errors.As(err, &lost) {
		t.Fatalf("got %v, want a JournalError", err)
	}
	if want := map[string]string{"a": "1"}; !maps.Equal(b.texts, want) {
		t.Errorf("the board is %v, want %v", b.texts, want)
	}
}

// Stop lets the effect at hand end and takes no other; a wait ends at once, and no handler catches it.
func TestStop(t *testing.T) {
	b := newBoard(nil)
	var w *plan.Walk
	w = plan.New(plan.Config{Lookup: b.lookup, Out: io.Discard, Events: func(e plan.Event) {
		if e.Kind == plan.EventWait {
			w.Stop()
		}
	}})
	p := program(t, `SET a TO 1; TRY AWAIT b; ON ERROR DO SET c TO 1; FINALLY SET f TO 1; END SET d TO 1;`, false)
	err := p.Run(w.Start(t.Context()), w, nil)
	var stopped *plan.StoppedError
	if !errors.As(err, &stopped) {
		t.Fatalf("got %v, want a StoppedError", err)
	}
	if want := map[string]string{"a": "1"}; !maps.Equal(b.texts, want) {
		t.Errorf("the board is %v, want %v", b.texts, want)
	}
}

// What was cut short has no result in the journal, so that a resumed run takes it up again; its step has not failed.
func TestWhatIsCutShortHasNoResult(t *testing.T) {
	b, n := newBoard(nil), &notebook{full: 100}
	ctx, cancel := context.WithCancelCause(t.Context())
	w := plan.New(plan.Config{Lookup: b.lookup, Journal: n, Out: io.Discard, Events: func(e plan.Event) {
		if e.Kind == plan.EventWait {
			cancel(&plan.StoppedError{})
		}
	}})
	err := program(t, `STEP "s" RETRY 3 DO SET a TO 1; AWAIT b; END`, false).Run(w.Start(ctx), w, nil)
	var stopped *plan.StoppedError
	if !errors.As(err, &stopped) {
		t.Fatalf("got %v, want a StoppedError", err)
	}
	if last := n.entries[len(n.entries)-1]; last.Kind != plan.KindResult || last.Code != 0 {
		t.Errorf("the last entry is %+v, want the result of SET", last)
	}
}

// Only when the last effect has ended is it safe to cancel what runs.
func TestStopSaysWhenNothingIsInProgress(t *testing.T) {
	b := newBoard(nil)
	var w *plan.Walk
	busy := false
	w = plan.New(plan.Config{Lookup: b.lookup, Out: io.Discard, Events: func(e plan.Event) {
		if e.Kind == plan.EventCommand {
			select {
			case <-w.Stop():
			default:
				busy = true
			}
		}
	}})
	program(t, `SET a TO 1; SET b TO 1;`, false).Run(w.Start(t.Context()), w, nil) //nolint:errcheck // TestStop looks at it
	if !busy || b.writes != 1 {
		t.Errorf("busy %v, %d writes; want true and 1", busy, b.writes)
	}
	<-w.Stop()
}

func TestAnEndlessLoopEndsWithItsStep(t *testing.T) {
	err := run(t.Context(), t, `STEP "spin" TIMEOUT 50ms DO WHILE TRUE DO END END`, plan.Config{Lookup: newBoard(nil).lookup, Out: io.Discard})
	if err == nil || !strings.Contains(err.Error(), `STEP "spin" took longer than 50ms`) {
		t.Errorf("got %v", err)
	}
}

type answers struct {
	err   error
	asked []plan.Question
}

func (a *answers) Ask(_ context.Context, q plan.Question) (string, error) {
	a.asked = append(a.asked, q)
	return "yes", a.err
}

func TestQuestions(t *testing.T) {
	const script = `CONFIRM "go?"; WRITE "gone";`
	var out bytes.Buffer
	yes := &answers{}
	if err := run(t.Context(), t, script, plan.Config{Lookup: newBoard(nil).lookup, Out: &out, Ask: yes}); err != nil || out.String() != "gone\n" || len(yes.asked) != 1 {
		t.Errorf("yes: %v, %q", err, out.String())
	}
	var waiting *plan.WaitingError
	for _, ask := range []plan.Asker{nil, &answers{err: plan.ErrNobody}} {
		if err := run(t.Context(), t, script, plan.Config{Lookup: newBoard(nil).lookup, Out: io.Discard, Ask: ask}); !errors.As(err, &waiting) {
			t.Errorf("nobody: got %v, want a WaitingError", err)
		}
	}
	err := run(t.Context(), t, script, plan.Config{Lookup: newBoard(nil).lookup, Out: io.Discard, Ask: &answers{err: plan.ErrDeclined}})
	if err == nil || !strings.Contains(err.Error(), `"go?" was answered with no`) {
		t.Errorf("no: got %v", err)
	}
}

// The cost of one changing command through the walk, without a disk.
func BenchmarkChange(b *testing.B) {
	p := program(b, `FOR $i = 1 TO 1000 DO SET a TO $i; END`, false)
	world := newBoard(nil)
	for b.Loop() {
		w := plan.New(plan.Config{Lookup: world.lookup, Out: io.Discard})
		if err := p.Run(w.Start(context.Background()), w, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/1000/float64(time.Microsecond), "µs/command")
}

// A sentence can be typed back in: options keep their marks, and glued parts stay together.
func TestSentence(t *testing.T) {
	k := func(name string) sig.Arg { return sig.Arg{Name: name, Type: "keyword"} }
	for _, c := range []struct {
		usage string
		args  []sig.Arg
		vals  []value.Value
		want  string
	}{
		{"MIRROR START <connection:id> [DIFFERENT[,(NEWER|CHECKSUM)]] [ORPHANS]",
			[]sig.Arg{k("MIRROR"), k("START"), {Name: "connection", Type: "id"}, k("DIFFERENT"), k("CHECKSUM"), k("ORPHANS")},
			[]value.Value{nil, nil, value.Int(1), nil, nil, nil}, "MIRROR START 1 DIFFERENT,CHECKSUM ORPHANS"},
		{"CLUSTER /cluster:<cluster> GROUP <group:name> /ONLINE",
			[]sig.Arg{k("CLUSTER"), k("CLUSTER"), {Name: "cluster", Type: "cluster"}, k("GROUP"), {Name: "group", Type: "name"}, k("ONLINE")},
			[]value.Value{nil, nil, value.Text("west"), nil, value.Text("Exchange Group"), nil}, `CLUSTER /cluster:west GROUP "Exchange Group" /ONLINE`},
		{"EXCHFAILOVER -s <source> [-u <user>[:<password:secret>]]",
			[]sig.Arg{k("EXCHFAILOVER"), k("S"), {Name: "source", Type: "text"}, k("U"), {Name: "user", Type: "text"}, {Name: "password", Type: "secret"}},
			[]value.Value{nil, nil, value.Text("EXCH1"), nil, value.Text("admin"), value.Secret("p")}, "EXCHFAILOVER -s EXCH1 -u admin:•••"},
		{"WAIT ON QUEUE <c:id> TIMEOUT <d:duration>",
			[]sig.Arg{k("WAIT"), k("ON"), k("QUEUE"), {Name: "c", Type: "id"}, k("TIMEOUT"), {Name: "d", Type: "duration"}},
			[]value.Value{nil, nil, nil, value.Int(2), nil, value.Int(5400000)}, "WAIT ON QUEUE 2 TIMEOUT 1h30m"},
		{"X <p:properties> <q:text>", []sig.Arg{k("X"), {Name: "p", Type: "properties"}, {Name: "q", Type: "text"}},
			[]value.Value{nil, value.From(map[string]any{"mask": "255.0.0.0", "address": "10.0.0.1"}), value.Text(`a "b"`)},
			`X (address=10.0.0.1, mask=255.0.0.0) "a ""b"""`},
	} {
		if got := plan.Sentence(&sig.Signature{Usage: c.usage}, c.args, c.vals); got != c.want {
			t.Errorf("%s: got %s, want %s", c.usage, got, c.want)
		}
	}
}

// A world that changes between two walks of one plan is told, not a crash.
func TestAWorldThatChangesWhileItIsPlanned(t *testing.T) {
	walks := 0
	fresh := func() plan.Lookup {
		walks++
		return newBoard(map[string]string{"a": "?", "b": fmt.Sprint(walks)}).lookup
	}
	const script = `SET b TO 2; IF ((GET a) = "x") THEN SET c TO 1; END`
	p, err := plan.Predict(t.Context(), plan.Config{Out: io.Discard}, fresh, program(t, script, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Missing) != 1 || !strings.Contains(p.Missing[0], "the world changed while it was planned") {
		t.Errorf("got %q", p.Missing)
	}
}

// A secret that a server's own message carries is hidden wherever the message goes.
func TestASecretInAMessageIsHidden(t *testing.T) {
	const hunter = "hunter2!"
	lookup := func(*sig.Signature) (*plan.Record, error) {
		return &plan.Record{Read: func(_ context.Context, c *plan.Call) (value.Value, error) {
			c.Say("trying %s", hunter)
			if c.Text("name") == "fail" {
				return nil, value.Failf(value.CodeRefused, "bad password %q", hunter)
			}
			return value.From(map[string]any{"you said": []any{hunter}}), nil
		}}, nil
	}
	var out, events bytes.Buffer
	var note notebook
	err := run(t.Context(), t, `GET ok; $r = GET fail; WRITE $error; TRY GET fail; ON ERROR $e DO WRITE $e.message; END`,
		plan.Config{Lookup: lookup, Journal: &note, Out: &out, Secrets: []value.Value{value.Secret(hunter)},
			Events: func(e plan.Event) { fmt.Fprintln(&events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"output": out.String(), "events": events.String(), "journal": fmt.Sprint(note.entries)} {
		if strings.Contains(text, hunter) || !strings.Contains(text, plan.Hidden) {
			t.Errorf("the %s shows %s", name, text)
		}
	}
}
