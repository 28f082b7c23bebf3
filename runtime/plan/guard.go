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

// The safety rules that are built in. A site file adds its own.
const (
	RuleOneOwner        = "one-owner"
	RuleDirection       = "direction"
	RuleDataState       = "data-state"
	RulePointOfNoReturn = "point-of-no-return"
)

// Overrides are the rules that somebody overrides by name, each with the reason why.
type Overrides struct {
	Reasons map[string]string // by the rule's id
	By      Actor
}

// Refusal says which rule a change breaks, what was found and what the rule wants.
type Refusal struct {
	Rule          string
	Found, Wanted string
	Hints         []string // ways out other than to override the rule
}

func (r *Refusal) refused() *RefusedError {
	f := value.Failf(value.CodeRefused, "refused by rule %s: %s; wanted %s", r.Rule, r.Found, r.Wanted)
	f.Hints = append(f.Hints, r.Hints...)
	return &RefusedError{r.Rule, f.Hint(`--override %s --reason "…" does it all the same, and the reason goes to the journal`, r.Rule)}
}

// RefusedError says that a safety rule refused a change, of which nothing was made. No script can catch it.
type RefusedError struct {
	Rule    string
	Failure *value.Failure
}

func (e *RefusedError) Error() string { return e.Failure.Message }

// Unwrap gives the failure.
func (e *RefusedError) Unwrap() error { return e.Failure }

// Final makes it an error that no handler sees.
func (*RefusedError) Final() {}

// Breach is what whoever finds that a change breaks a rule returns: a *RefusedError, or nil where the rule is overridden.
// The walk then journals the override before it makes the change. Outside a walk every rule holds.
func Breach(ctx context.Context, r Refusal) error {
	w, ok := From(ctx)
	if !ok {
		return r.refused()
	}
	if _, overridden := w.Overrides.Reasons[r.Rule]; !overridden {
		return r.refused()
	}
	if b, ok := ctx.Value(breachesKey{}).(*breaches); ok {
		same := func(o Refusal) bool { return o.Rule == r.Rule && o.Found == r.Found }
		if !slices.ContainsFunc(b.all, same) {
			b.all = append(b.all, r)
		}
	}
	return nil
}

// breaches are the rules that one command breaks and that are overridden.
type breaches struct {
	all   []Refusal
	place string // of the command
	at    vm.Site
}

type breachesKey struct{}

// Breach does the same for what is no change of a command: an override is journaled at once, at the place given.
func (w *Walk) Breach(ctx context.Context, place string, r Refusal) error {
	return w.overridden(ctx, &command{Call: &Call{Place: place}, broken: breaches{all: []Refusal{r}}})
}

// Guard looks at a change before it is made, in a run and in a plan.
type Guard struct {
	// Check refuses a change by giving what Breach gives. done, if it is not nil, is called once the change is made or
	// has failed.
	Check func(ctx context.Context, g *Guarded) (done func(), err error)
	// Alone makes a change wait for the others of its run that are Alone, so that what was checked still holds when it
	// is made. What the change itself causes, such as a script of a resource, does not wait for it.
	Alone bool
}

// Guarded is a change that is about to be made.
type Guarded struct {
	Sig     *sig.Signature
	Call    *Call // nil where a change is taken back
	Changes []Change
	Place   string

	walk *Walk
	do   func(ctx context.Context, rec *Record) error
}

// Rehearse makes the change on the systems behind lookup, which must be overlays that only remember what is written: then
// they show the state that it would leave. An error says that it would not go well; what it had done until then stays.
func (g *Guarded) Rehearse(ctx context.Context, lookup Lookup) error {
	rec, err := lookup(g.Sig)
	if err != nil {
		return err
	}
	return g.do(g.walk.aside(ctx, lookup), rec)
}

// aside gives the context of a plan beside the walk, whose lines nobody reads and whose changes no rule judges.
func (w *Walk) aside(ctx context.Context, lookup Lookup) context.Context {
	q := New(Config{Lookup: lookup, Load: w.Load, Overrides: w.Overrides})
	q.secrets, q.stop = w.secrets, w.stop
	q.memory.known = scopeOf(ctx).memory.copy().known
	q.predict = &prediction{
		reads: map[string]recorded{}, now: time.Now(), secrets: w.secrets, seen: map[string]int{}, rehearses: true,
	}
	return q.Start(context.WithValue(ctx, breachesKey{}, nil))
}

// Affirm has a person type a text before the change at hand is made; one that was typed in this branch of the run already
// is not asked for again. An answer of an earlier process does not count. A plan counts on the answer. It is for those who
// look at a change before it is made: a record's Observe and its Guard.
func Affirm(ctx context.Context, text, why string) error {
	w, ok := From(ctx)
	if !ok {
		return ErrNobody
	}
	if typed, _ := Recall(ctx, typedKey(text)).(bool); typed {
		return nil
	}
	at, id := vm.Site{}, "!"
	if b, ok := ctx.Value(breachesKey{}).(*breaches); ok {
		at, id = b.at, b.place+"!"
	}
	if w.predict != nil {
		w.predict.add(Line{Kind: itemAsk, Text: text, Why: why, Line: line(at)})
		Remember(ctx, typedKey(text), true)
		return nil
	}
	if t := w.find(id); t != nil && t.answered != nil {
		t.asked, t.answered = nil, nil
	}
	_, err := w.ask(ctx, at, id, Question{Text: text, Typed: true, Why: why})
	return err
}

// typedKey is the key under which a branch of a run remembers that a person has typed a text in this process.
type typedKey string

// observe observes what a command would change, with the rules in force.
func (c *command) observe(ctx context.Context) (*Action, error) {
	c.broken = breaches{place: c.Place, at: c.at}
	return c.rec.Observe(context.WithValue(ctx, breachesKey{}, &c.broken), c.Call)
}

// guarded is the change that a command is about to make.
func (w *Walk) guarded(c *command, a *Action) *Guarded {
	g := &Guarded{Sig: c.sig, Call: c.Call, Changes: a.Changes, Place: c.Place, walk: w}
	g.do = func(ctx context.Context, rec *Record) error {
		call := *c.Call
		call.Say = func(string, ...any) {}
		a, err := rec.Observe(ctx, &call)
		if err != nil || a.Done != No {
			return err
		}
		_, err = a.Do(ctx)
		return err
	}
	return g
}

// guard lets a change of a run be made only if no rule refuses it, and journals those that are overridden. The change is
// made with the context that it gives, and done is called afterwards.
func (w *Walk) guard(ctx context.Context, c *command, a *Action) (_ context.Context, done func(), err error) {
	return w.pass(ctx, c, w.guarded(c, a))
}

// GuardUndo does for a change that is taken back what the walk does for one that is made: rec is the record that takes
// it back, usage its command's usage line, place where the change was made, back the change with From and To swapped.
func (w *Walk) GuardUndo(ctx context.Context, rec *Record, usage, place string, back Change) (_ context.Context, done func(), err error) {
	c := &command{
		Call: &Call{Place: place}, sig: &sig.Signature{Usage: usage}, rec: rec, text: "undo: " + back.String(), broken: breaches{place: place},
	}
	g := &Guarded{Sig: c.sig, Changes: []Change{back}, Place: place, walk: w}
	g.do = func(ctx context.Context, rec *Record) error { return rec.Undo(ctx, back.Inverse) }
	return w.pass(ctx, c, g)
}

func (w *Walk) pass(ctx context.Context, c *command, g *Guarded) (_ context.Context, done func(), err error) {
	release := func() {}
	if c.rec.Guard != nil && c.rec.Guard.Alone {
		if ctx, release, err = w.alone(ctx); err != nil {
			return ctx, nil, err
		}
	}
	judged, err := c.judge(ctx, g)
	if err == nil {
		err = w.overridden(ctx, c)
	}
	if err != nil {
		judged()
		release()
		return ctx, nil, w.refused(ctx, c, err)
	}
	return ctx, func() { judged(); release() }, nil
}

// judge puts a change before its command's guard. done is never nil.
func (c *command) judge(ctx context.Context, g *Guarded) (done func(), err error) {
	if c.rec.Guard != nil {
		done, err = c.rec.Guard.Check(context.WithValue(ctx, breachesKey{}, &c.broken), g)
	}
	if done == nil {
		done = func() {}
	}
	return done, err
}

type turnKey struct{}

// alone waits until no other change of the run that must be alone is under way.
func (w *Walk) alone(ctx context.Context) (context.Context, func(), error) {
	turn, ok := ctx.Value(turnKey{}).(chan struct{})
	if !ok {
		turn = w.turn
	}
	select {
	case turn <- struct{}{}:
		return context.WithValue(ctx, turnKey{}, make(chan struct{}, 1)), func() { <-turn }, nil
	case <-ctx.Done():
		return ctx, nil, context.Cause(ctx)
	}
}

// The states of an entry of KindRule.
const (
	ruleRefused    = "refused"
	ruleOverridden = "overridden"
)

// refused journals that a rule has refused a command. Any other error it gives back as it is.
func (w *Walk) refused(ctx context.Context, c *command, err error) error {
	var no *RefusedError
	if !errors.As(err, &no) {
		return err
	}
	e := &Entry{
		Kind: KindRule, Place: c.Place, Line: line(c.at), Command: c.text, Rule: no.Rule, State: ruleRefused,
		Error: no.Failure.Message, Code: no.Failure.Code, Hint: strings.Join(no.Failure.Hints, "\n"), Started: time.Now(),
	}
	w.emit(ctx, c.at, Event{Kind: EventFail, Place: c.Place, Text: c.text, Error: e.Error})
	if lost := w.append(e, false); lost != nil {
		return lost
	}
	return err
}

// overridden journals the rules that a change breaks all the same; the entries are as durable as the intent that follows.
func (w *Walk) overridden(ctx context.Context, c *command) error {
	for _, r := range c.broken.all {
		reason, ok := w.Overrides.Reasons[r.Rule]
		if !ok {
			return r.refused()
		}
		by := w.Overrides.By
		e := &Entry{
			Kind: KindRule, Place: c.Place, Line: line(c.at), Command: c.text, Rule: r.Rule, State: ruleOverridden,
			Reason: reason, By: &by, Text: r.breach(), Started: time.Now(),
		}
		if err := w.append(e, false); err != nil {
			return err
		}
		w.emit(ctx, c.at, Event{Kind: EventRule, Place: c.Place, Text: fmt.Sprintf("rule %s is overridden: %s", r.Rule, reason), Error: r.breach()})
	}
	c.broken.all = nil
	return nil
}

// breach says in one line what was found and what the rule wants.
func (r *Refusal) breach() string { return fmt.Sprintf("%s; wanted %s", r.Found, r.Wanted) }

// guard is the walk's guard in a plan: an overridden rule is a line of it.
func (p *prediction) guard(ctx context.Context, c *command, a *Action) error {
	if p.rehearses {
		return nil
	}
	w := scopeOf(ctx).walk
	done, err := c.judge(ctx, w.guarded(c, a))
	done()
	if err != nil {
		return err
	}
	for _, r := range c.broken.all {
		p.add(Line{
			Kind: itemRule, Text: fmt.Sprintf("rule %s is overridden: %s", r.Rule, w.Overrides.Reasons[r.Rule]),
			Why: r.breach(), Line: line(c.at),
		})
	}
	c.broken.all = nil
	return nil
}
