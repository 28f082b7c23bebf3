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

// mode says what a walk does where its past ends.
type mode int

const (
	goesOn   mode = iota // a run: it goes on in the world
	rechecks             // reads again what the past read, to take every REQUIRE again; ends where something new would begin
	gathers              // ends there: it has gathered the UNDO blocks of the steps that were begun
)

// pastEnds ends a walk that only goes through the past. No handler and no FINALLY sees it.
type pastEnds struct{}

func (pastEnds) Error() string { return "the journal ends here" }

// Pauses makes it a vm.Pause.
func (pastEnds) Pauses() {}

// DivergedError says that a run has left what was recorded of it, or what was approved.
type DivergedError struct {
	At        string // file:line
	Got, Want string
	Approved  bool // want stands in an approved plan, else in the run's journal
}

func (e *DivergedError) Error() string {
	from := "the journal"
	if e.Approved {
		from = "the approved plan"
	}
	return fmt.Sprintf("%s: the run has left %s: got %s, want %s", e.At, from, e.Got, e.Want)
}

// Pauses makes it a vm.Pause: nothing was changed, and the run can go on.
func (*DivergedError) Pauses() {}

// DiffersError says that what a REQUIRE saw when the run began does not hold any more.
type DiffersError struct{ Message string }

func (e *DiffersError) Error() string { return "does not hold any more: " + e.Message }

// Pauses makes it a vm.Pause.
func (*DiffersError) Pauses() {}

func final(err error) bool {
	var f vm.Final
	var lost *JournalError
	return errors.As(err, &f) || errors.As(err, &lost)
}

// cutOff ends the attempt of a step, which failed in the past, where the past has no more of it.
type cutOff struct{ f *value.Failure }

func (e *cutOff) Error() string { return e.f.Error() }

// Unwrap gives what it failed with.
func (e *cutOff) Unwrap() error { return e.f }

// Final keeps handlers from seeing it.
func (*cutOff) Final() {}

// met says whether the past has an entry that stands for this one, and ends a walk that only goes through the past.
func (w *Walk) met(ctx context.Context, have bool) (bool, error) {
	if f := scopeOf(ctx).failed; f != nil && !have {
		return false, &cutOff{f}
	}
	if have || w.mode == goesOn {
		return have, nil
	}
	return false, pastEnds{}
}

// same refuses an entry whose words are not those that stand at its place now.
func (w *Walk) same(at vm.Site, got, want string) error {
	if got = w.secrets.text(got); got == w.secrets.text(want) { // a secret may be known now that was not then
		return nil
	}
	return &DivergedError{At: line(at), Got: got, Want: want}
}

// recall answers a command from the past. Session commands are carried out again: they are about this process.
func (w *Walk) recall(ctx context.Context, c command) (v value.Value, err error, known bool) {
	if w.past == nil {
		return nil, nil, false
	}
	t := w.find(c.Place)
	if err := w.refusedBefore(t); err != nil {
		return nil, err, true
	}
	recorded := t != nil && t.result != nil
	if t != nil && t.intent != nil && t.result == nil {
		if err := w.same(c.at, c.text, t.intent.Command); err != nil {
			return nil, err, true
		}
	}
	if ok, err := w.met(ctx, recorded); err != nil || !ok {
		return nil, err, err != nil
	}
	if err := w.same(c.at, c.text, t.result.Command); err != nil {
		return nil, err, true
	}
	switch {
	case w.mode == gathers || t.result.Code < 0 || scopeOf(ctx).failed != nil:
	case c.sig.Effect == sig.Session:
		v, err = w.again(ctx, c, t.result)
		return v, err, true
	case c.sig.Effect == sig.Reads && w.mode == rechecks && !w.past.touched(c, t.result.Seq):
		v, err := c.rec.Read(ctx, c.Call)
		if err != nil {
			v = value.Unknown(AsFailure(err).Message)
		}
		return v, nil, true
	}
	if v, err = t.result.outcome(); err != nil {
		w.last.Store(AsFailure(err))
		err = &PlacedError{c.Place, err}
	}
	return v, err, true
}

// refusedBefore gives the refusal that ended the run before, so that it ends the same way once more: what it did since, in
// a FINALLY, may have made the rule hold. The rule is asked again when somebody says retry or overrides it.
func (w *Walk) refusedBefore(t *passed) error {
	if t == nil || t.refused == nil || t.result != nil || w.mode != goesOn {
		return nil
	}
	if _, overridden := w.Overrides.Reasons[t.refused.Rule]; overridden {
		return nil
	}
	return &RefusedError{t.refused.Rule, t.refused.failure()}
}

// again carries out a session command of the past.
func (w *Walk) again(ctx context.Context, c command, was *Entry) (value.Value, error) {
	v, err := c.rec.Read(ctx, c.Call)
	if err != nil {
		if stopped := cut(ctx); stopped != nil {
			return nil, stopped
		}
		return nil, &DiffersError{fmt.Sprintf("%s succeeded when the run began: %s", c.text, AsFailure(err).Message)}
	}
	if v == nil {
		v = value.Int(0)
	}
	if got, want := value.Print(v), value.Print(value.From(was.Result)); got != want {
		return nil, &DiffersError{fmt.Sprintf("%s gave %s when the run began, and gives %s now", c.text, want, got)}
	}
	return v, nil
}

// touched says whether the run itself has changed, after that entry, a system that the command reads: what it would
// read now is then the run's own doing.
func (p *Past) touched(c command, since int) bool {
	names := systemNames(c)
	for system, seq := range p.changed {
		if k, name, _ := strings.Cut(system, " "); !c.rec.reaches(k) || seq != 0 && seq < since {
			continue
		} else if len(names) == 0 || name == "" || containsFold(names, name) {
			return true
		}
	}
	return false
}

func (r *Record) reaches(kind string) bool {
	return kind == r.System || slices.Contains(r.Reaches, kind)
}

// systemNames are the clusters, DNS servers and directories that a command names. An agent goes by several names.
func systemNames(c command) []string {
	var names []string
	for i, a := range c.Args {
		switch a.Type {
		case "cluster", "dnsserver", "directory":
			if s, ok := value.AsText(c.Vals[i]); ok {
				names = append(names, s)
			}
		}
	}
	return names
}

func containsFold(all []string, name string) bool {
	for _, s := range all {
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

// doubt settles a command whose intent is in the journal and whose result is not: the process ended in between. It says
// whether the command counts as done; a command of which nobody can tell asks a person.
func (w *Walk) doubt(ctx context.Context, c command, a *Action) (done bool, err error) {
	t := w.find(c.Place)
	if t == nil || t.intent == nil || t.result != nil {
		return false, nil
	}
	if t.decision == OrderRetry || t.decision == OrderSkip {
		return t.decision == OrderSkip, nil
	}
	why := a.Blind
	switch {
	case a.Done == Unknown:
		why = a.Why
	case a.Done == Yes || why == "":
		return false, nil // done; or not done, or in part: it is done again
	}
	q := Question{
		Text:    fmt.Sprintf("%s was interrupted. Was it done?", c.text),
		Why:     why,
		Choices: []OrderKind{OrderSkip, OrderRetry},
	}
	got, err := w.choose(ctx, c.at, c.Place, q)
	return got == OrderSkip, err
}

// sound makes sure, once, that a run which goes on may still change something.
func (w *Walk) sound(ctx context.Context) error {
	if w.Recheck == nil {
		return nil
	}
	w.checked.Do(func() {
		if w.unsound = w.Recheck(ctx); w.unsound == nil {
			w.unsound = w.append(&Entry{Kind: KindRead, Text: "every REQUIRE holds still", Started: time.Now()}, false)
		}
	})
	return w.unsound
}

// Recheck goes through the past again, reads what it read, and gives a *DiffersError if a REQUIRE that held does not
// hold any more. It changes nothing. p is lowered for a plan, as reads may give unknown now.
func Recheck(ctx context.Context, c Config, p Program, params map[string]value.Value) error {
	c.Journal, c.Events, c.Ask, c.Result, c.Recheck = nil, nil, nil, nil, nil
	w := New(c)
	w.mode = rechecks
	err := p.Run(w.Start(ctx), w, params)
	if pauses(err) && !errors.As(err, new(pastEnds)) {
		return err
	}
	var required *RequireError
	if errors.As(err, &required) {
		return &DiffersError{required.Message}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return nil
}
