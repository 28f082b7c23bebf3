package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Child is the journal of a script that a command of a run has run.
type Child struct {
	ID      string
	Place   string // of the command
	Change  string // of that command's changes the one that ran it, as "system: what"; "" is not known
	Entries []Entry
}

// Undo says what of a run is taken back.
type Undo struct {
	Entries  []Entry
	Children []Child // oldest first
	To       string  // title or place of the STEP that is the first to be taken back; "" is all of the run
	Beyond   bool    // also what was changed since the point of no return
}

// PointError refuses to take back what was changed since the point of no return.
type PointError struct{ Line string }

func (e *PointError) Error() string {
	return e.Line + ": the run has passed its point of no return: what users wrote since then would be lost"
}

// TakenBack is what came of taking back.
type TakenBack struct {
	From    int           // Seq of the first entry that was to be taken back; 0 is all of the run
	Changes int           // taken back
	Kept    []Change      // that cannot be taken back
	Failed  []FailedUndo  // that could not be taken back now
	Blocks  int           // UNDO blocks that were run
	Took    time.Duration // altogether
}

// FailedUndo is a change that could not be taken back.
type FailedUndo struct {
	Change
	Err error
}

// undoing takes back what a run has changed, last first. It is journaled as it goes, so that one which was cut off goes
// on where it was; taking back the same change twice does no harm.
type undoing struct {
	w     *Walk
	u     Undo
	done  map[string]bool    // by what key and block give
	tried map[string]bool    // in vain, likewise
	anew  map[string]bool    // objects whose later change was taken back after an earlier one
	owner map[string][]Child // by the place of the command
	TakenBack
}

// TakeBack undoes a run. c is as for the run, or stops with another walk; blocks are the UNDO blocks of its steps, as Blocks gives them.
func TakeBack(ctx context.Context, c Config, u Undo, blocks Blocks) (*TakenBack, error) {
	c.Past, c.Recheck, c.Approved = nil, nil, nil
	t := &undoing{w: New(c), u: u, done: map[string]bool{}, tried: map[string]bool{}, anew: map[string]bool{}, owner: map[string][]Child{}}
	for _, child := range u.Children {
		t.owner[child.Place] = append(t.owner[child.Place], child)
	}
	live := effective(u.Entries)
	if err := t.begin(t.w.Start(ctx), live); err != nil {
		return nil, err
	}
	begun := time.Now()
	err := t.back(t.w.Start(ctx), live, blocks)
	t.Took = time.Since(begun)
	return &t.TakenBack, err
}

// begin finds where to stop, refuses what may not be taken back, and journals that taking back begins.
func (t *undoing) begin(ctx context.Context, live []*Entry) error {
	if t.u.To != "" {
		i := slices.IndexFunc(live, func(e *Entry) bool {
			return e.Kind == KindStep && (strings.EqualFold(e.Text, t.u.To) || e.Place == t.u.To)
		})
		if i < 0 {
			return value.Failf(value.CodeNotThere, "the run has no STEP %q", t.u.To).Hint("standin show %s lists its steps", t.w.ID)
		}
		t.From = live[i].Seq
	}
	begun := false
	for _, e := range live {
		if e.Kind == KindMark && !t.u.Beyond {
			if err := t.beyond(ctx, e); err != nil {
				return err
			}
		}
		if e.Kind == KindUndo {
			begun = begun || e.State == stateBegun
			key := doneKey(e.Run, e.Of, e.Nth, e.What)
			t.done[key], t.tried[key] = e.State == stateDone, t.tried[key] || e.State == stateFailed
		}
	}
	e := &Entry{Kind: KindUndo, State: stateBegun, Text: t.u.To, Started: time.Now()}
	if begun {
		e.Reason = "again"
	}
	return t.w.append(e, true)
}

// beyond refuses to go back over a point of no return, unless that rule is overridden.
func (t *undoing) beyond(ctx context.Context, mark *Entry) error {
	point := &PointError{mark.Line}
	err := t.w.Breach(ctx, mark.Place, Refusal{Rule: RulePointOfNoReturn, Found: point.Error(), Wanted: "to go back by a failback"})
	if errors.As(err, new(*RefusedError)) {
		return point
	}
	return err
}

// doneKey tells changes apart: a command may change one object twice, as a group that moves takes its resources offline and
// brings them online again.
func doneKey(run string, of, nth int, what string) string {
	return fmt.Sprintf("%s %d %d %s", run, of, nth, what)
}

// back walks the entries backwards.
func (t *undoing) back(ctx context.Context, live []*Entry, blocks Blocks) error {
	intents := firstIntents(live)
	run := map[string]bool{} // steps whose UNDO block was due
	for _, e := range slices.Backward(live) {
		if e.Seq < t.From {
			break
		}
		if e.Kind != KindIntent || strings.Contains(e.Place, undoPlace) {
			continue
		}
		for _, step := range slices.Backward(stepsAround(e.Place)) {
			if body := blocks[step]; body != nil && !run[step] {
				run[step] = true
				if err := t.block(ctx, step, body); err != nil {
					return err
				}
			}
		}
		if intents[e.Place] != e {
			continue // done again after a crash: the first intent knows what was there before
		}
		if err := t.intent(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// firstIntents gives the first intent at each place.
func firstIntents(live []*Entry) map[string]*Entry {
	first := map[string]*Entry{}
	for _, e := range live {
		if e.Kind == KindIntent && first[e.Place] == nil {
			first[e.Place] = e
		}
	}
	return first
}

// stepsAround gives the places of the STEPs around a place, the outermost first.
func stepsAround(place string) []string {
	var all []string
	for i, c := range place {
		if c == '@' {
			all = append(all, place[:i])
		}
	}
	return all
}

// intent takes back what one command has changed, each of its changes after what the scripts that it ran have changed.
func (t *undoing) intent(ctx context.Context, e *Entry) error {
	known := map[string]bool{}
	for _, c := range e.Changes {
		known[c.System+": "+c.What] = true
	}
	if err := t.scripts(ctx, e.Place, func(c Child) bool { return !known[c.Change] }); err != nil {
		return err
	}
	return t.changes(ctx, "", e)
}

// scripts takes back what some of the scripts that a command ran have changed, the last one first.
func (t *undoing) scripts(ctx context.Context, place string, which func(Child) bool) error {
	for _, child := range slices.Backward(t.owner[place]) {
		if !which(child) {
			continue
		}
		all := effective(child.Entries)
		first := firstIntents(all)
		for _, ce := range slices.Backward(all) {
			if ce.Kind == KindIntent && first[ce.Place] == ce {
				if err := t.changes(ctx, child.ID, ce); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (t *undoing) changes(ctx context.Context, run string, e *Entry) error {
	for i, c := range slices.Backward(e.Changes) {
		what := c.System + ": " + c.What
		if run == "" {
			if err := t.scripts(ctx, e.Place, func(ch Child) bool { return ch.Change == what }); err != nil {
				return err
			}
		}
		// What was taken back while a later change of the same object could not be is taken back again after that one.
		key := doneKey(run, e.Seq, i+1, what)
		again := t.done[key]
		if again && !t.anew[what] {
			continue
		}
		if err := t.w.stopped(); err != nil {
			return err
		}
		note := &Entry{
			Kind: KindUndo, Place: e.Place, Line: e.Line, Run: run, Of: e.Seq, What: what, Nth: i + 1, Command: e.Command,
			Started: time.Now(), State: stateDone,
		}
		err := t.change(ctx, e, c)
		switch {
		case err == nil && c.Inverse == nil:
			note.State = undoKept
			t.Kept = append(t.Kept, c)
		case err == nil && again:
			continue
		case err == nil:
			t.Changes++
			t.anew[what] = t.anew[what] || t.tried[key]
		case cut(ctx) != nil:
			return cut(ctx)
		case pauses(err) || final(err):
			return err
		default:
			f := AsFailure(err)
			note.State, note.Code, note.Error, note.Hint = stateFailed, f.Code, f.Message, strings.Join(f.Hints, "\n")
			t.Failed = append(t.Failed, FailedUndo{c, err})
		}
		note.Ended = time.Now()
		if err := t.w.append(note, false); err != nil {
			return err
		}
		t.w.emit(ctx, vm.Site{}, Event{Kind: EventUndo, Place: e.Place, Text: what, Changes: []Change{back(c)}, Error: note.Error, Attempt: 0})
	}
	return nil
}

// back is the change that taking c back makes.
func back(c Change) Change {
	c.From, c.To, c.Inverse = c.To, c.From, nil
	return c
}

// change takes back one change; what has no inverse is kept.
func (t *undoing) change(ctx context.Context, e *Entry, c Change) error {
	if c.Inverse == nil {
		return nil
	}
	rec, err := t.w.Lookup(&sig.Signature{Usage: e.Usage})
	if err != nil {
		return err
	}
	if rec.Undo == nil {
		return value.Failf(value.CodeUnknown, "%s has no undo in this version", e.Command)
	}
	done, err := t.w.begin()
	if err != nil {
		return err
	}
	defer done()
	if err := t.w.held(ctx); err != nil {
		return err
	}
	taken := back(c)
	taken.Inverse = c.Inverse
	ctx, judged, err := t.w.GuardUndo(ctx, rec, e.Usage, e.Place+undoPlace, taken)
	if err != nil {
		return err
	}
	defer judged()
	return rec.Undo(context.WithValue(ctx, doingKey{}, e.Place+undoPlace), c.Inverse)
}

// undoPlace is what the places of entries have in them that an UNDO block has made.
const undoPlace = "@undo/"

// block runs the UNDO block of a step. What it changes is journaled as any change; it is not taken back itself.
func (t *undoing) block(ctx context.Context, step string, body vm.Body) error {
	what := "UNDO block"
	if t.done[doneKey(step, 0, 0, what)] {
		return nil
	}
	note := &Entry{Kind: KindUndo, Place: step, Run: step, What: what, State: stateDone, Started: time.Now()}
	t.w.emit(ctx, vm.Site{}, Event{Kind: EventUndo, Place: step, Text: "UNDO block of the step"})
	err := body(below(ctx, step+undoPlace, 1))
	if pauses(err) || final(err) {
		return err
	}
	if err != nil {
		f := AsFailure(err)
		note.State, note.Code, note.Error = stateFailed, f.Code, f.Message
		t.Failed = append(t.Failed, FailedUndo{Change{What: fmt.Sprintf("the %s of the step at %s", what, step)}, err})
	} else {
		t.Blocks++
	}
	note.Ended = time.Now()
	return t.w.append(note, false)
}

// Blocks are the UNDO blocks of the steps that a run has begun, by the steps' places.
type Blocks map[string]vm.Body

// GatherBlocks goes through a run's past for the UNDO blocks of its steps. The blocks change what they change through
// walk, as GatherBlocks's c describes it.
func GatherBlocks(ctx context.Context, c Config, p Program, params map[string]value.Value) (Blocks, error) {
	w := New(c)
	w.mode = gathers
	watchers := w.Events
	w.Events = func(Event) {} // they have seen it
	err := p.Run(w.Start(ctx), w, params)
	if pauses(err) && !errors.As(err, new(pastEnds)) {
		return nil, err // the script has left its journal
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	blocks := Blocks{}
	w.blocks.Range(func(place, later any) bool {
		blocks[place.(string)] = later.(vm.Body)
		return true
	})
	w.mode, w.past, w.Events = goesOn, nil, watchers
	return blocks, nil
}

// HasBlocks says whether a run has begun a step with an UNDO block: then it is taken back with its script.
func HasBlocks(entries []Entry) bool {
	return slices.ContainsFunc(effective(entries), func(e *Entry) bool { return e.Kind == KindStep && e.Undo })
}
