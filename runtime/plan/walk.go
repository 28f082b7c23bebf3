package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Record is what the walk needs of a command: how to read, to observe and to undo.
type Record struct {
	// System is the kind of the systems that the command works on, as Change.System begins: "cluster", "dns".
	System string
	// Reaches are the other kinds that its answer depends on.
	Reaches []string
	Read    func(ctx context.Context, c *Call) (value.Value, error)
	Observe func(ctx context.Context, c *Call) (*Action, error)
	Undo    func(ctx context.Context, inverse json.RawMessage) error
	Guard   *Guard // looks at every change before it is made; nil for none
}

// Lookup finds the record of a signature; the systems behind it decide whether a write is possible at all.
type Lookup func(s *sig.Signature) (*Record, error)

// Program is a loaded script.
type Program interface {
	Run(ctx context.Context, host vm.Host, params map[string]value.Value) error
}

// Config is what a walk is given.
type Config struct {
	ID      string
	Lookup  Lookup
	Journal Journal
	Events  Events    // nil: nobody watches
	Out     io.Writer // what the script WRITEs
	Ask     Asker     // nil: nobody can be asked
	// Past is what the run has done already; nil for a run that begins.
	Past *Past
	// Recheck takes every REQUIRE again before a run that goes on changes anything; nil for a run that begins.
	Recheck func(ctx context.Context) error
	// Held says whether the run's locks are still its own; nil where none are needed. It is asked right before each write, by
	// several goroutines at once.
	Held func(ctx context.Context) error
	// Approved is the plan that the run may not leave; nil for none.
	Approved *Approved
	// Overrides are the safety rules that do not hold in this run.
	Overrides Overrides
	// Impact says, in words for a person who is asked, what would be changed from here to the next question.
	Impact func(ctx context.Context) string
	// Stops is a walk whose Stop stops this one too; nil for none.
	Stops *Walk
	// Attended makes a step that failed wait for a person who says retry, skip or stop.
	Attended bool
	// Load loads the runbook that a RUN names by a path relative to the file that says it.
	Load func(path string, from *diag.Source) (Program, error)
	// Secrets are those that the run was given: no message shows them, whoever wrote it.
	Secrets []value.Value
	// Hide are the secrets that the process knows, to be shared by its walks; nil begins with none.
	Hide *Secrets
	// After is a walk whose secrets and session commands' choices this one begins with; nil begins with none.
	After *Walk
	// Result, if not nil, is given what reading commands answer: for one command at a time, whose answer is wanted.
	Result func(v value.Value) error

	turn chan struct{} // held by a change that is alone; a child run shares it with its parent
}

// Walk is one run of one program over the systems. It is the vm's host; it is used once.
type Walk struct {
	Config
	predict *prediction // nil in a run
	past    *Past       // nil in a run that begins
	mode    mode
	prefix  string // of the places of a child run, as its parent's plan has them
	orders  orders
	beyond  atomic.Bool // the point of no return
	checked sync.Once   // guards unsound
	unsound error       // why nothing may be changed any more
	blocks  sync.Map    // place of a step → its UNDO block, where a walk takes back what was done
	out     sync.Mutex
	stop    *stopping
	last    atomic.Pointer[value.Failure] // of the commands that failed
	lost    atomic.Pointer[JournalError]  // of a child's journal: a system may hide its script's error
	secrets *Secrets
	memory  memory        // of session commands, for every Start of this walk
	asking  chan struct{} // held by the question that is put
}

var _ vm.Host = (*Walk)(nil)

// New makes the walk of a run.
func New(c Config) *Walk {
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	if c.Journal == nil {
		c.Journal = Discard{}
	}
	if c.turn == nil {
		c.turn = make(chan struct{}, 1)
	}
	known := c.Hide
	if known == nil {
		known = &Secrets{}
	}
	known.Learn(c.Secrets...)
	w := &Walk{Config: c, stop: newStopping(), secrets: known, asking: make(chan struct{}, 1), past: c.Past}
	if c.Stops != nil {
		w.stop = c.Stops.stop
	}
	if c.After != nil {
		w.secrets, w.memory.known = c.After.secrets, c.After.memory.copy().known
		w.secrets.Learn(c.Secrets...)
	}
	return w
}

// Start is the context to run a program in: it carries the walk's outermost scope.
func (w *Walk) Start(ctx context.Context) context.Context {
	return context.WithValue(ctx, scopeKey{}, &scope{walk: w, memory: &w.memory})
}

// From gives the walk that ctx belongs to and whether there is one, for systems whose changes run scripts.
func From(ctx context.Context) (*Walk, bool) {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	if !ok {
		return nil, false
	}
	return s.walk, true
}

// Planning says whether the walk is a plan.
func (w *Walk) Planning() bool { return w.predict != nil }

type scopeKey struct{}

// scope counts, for one branch of one attempt, how often each statement was passed: that makes a place
// unique and the same in every run of the same script.
type scope struct {
	walk   *Walk
	path   string
	depth  int
	polls  bool           // inside a condition that is looked at again and again: only its last look counts, and it is the wait's
	failed *value.Failure // inside an attempt that failed in the past, which ends where the past does
	// memory is shared with the scopes around, up to the nearest branch.
	memory *memory
	mu     sync.Mutex
	seen   map[string]int
}

func scopeOf(ctx context.Context) *scope { return ctx.Value(scopeKey{}).(*scope) }

// place is the id of this passing of a statement: "3.2" the first time, "3.2~2" the second, below its branch.
func place(ctx context.Context, at vm.Site) string {
	s := scopeOf(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[string]int)
	}
	s.seen[at.Place]++
	id := s.path + at.Place
	if n := s.seen[at.Place]; n > 1 {
		id = fmt.Sprintf("%s~%d", id, n)
	}
	return id
}

// below opens a scope for a branch, an attempt or a nested run.
func below(ctx context.Context, path string, deeper int) context.Context {
	s := scopeOf(ctx)
	return context.WithValue(ctx, scopeKey{}, &scope{walk: s.walk, path: path, depth: s.depth + deeper, polls: s.polls, failed: s.failed, memory: s.memory})
}

// polling opens a scope for the condition of a wait: what it reads is neither journaled nor taken from the past.
func polling(ctx context.Context, id string) context.Context {
	ctx = below(ctx, id+"?/", 0)
	scopeOf(ctx).polls = true
	return ctx
}

func line(at vm.Site) string {
	if at.Source == nil {
		return ""
	}
	l, _ := at.Source.Position(at.Span.Start)
	return fmt.Sprintf("%s:%d", at.Source.Name, l)
}

// emit tells the watchers.
func (w *Walk) emit(ctx context.Context, at vm.Site, e Event) {
	if scopeOf(ctx).failed != nil {
		return // they have seen it
	}
	e.Time, e.Run, e.Line = time.Now(), w.ID, line(at)
	e.Depth = scopeOf(ctx).depth
	e.Changes = withoutInverse(e.Changes)
	w.secrets.event(&e)
	w.Events(e)
}

// withoutInverse gives changes as watchers see them: what undoes them is for the journal, and may be large.
func withoutInverse(all []Change) []Change {
	shown := slices.Clone(all)
	for i := range shown {
		shown[i].Inverse = nil
	}
	return shown
}

// append journals e; a journal that cannot be written ends the run: nothing may change unrecorded.
func (w *Walk) append(e *Entry, sync bool) error {
	w.secrets.entry(e)
	if err := w.Journal.Append(e, sync); err != nil {
		return &JournalError{err}
	}
	return nil
}

// JournalError says that the journal could not be written; the run stops before the change it could not record.
type JournalError struct{ Err error }

func (e *JournalError) Error() string { return "cannot write the journal: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *JournalError) Unwrap() error { return e.Err }

// Call carries out a command: reads are read, changes are observed, recorded, made and verified.
func (w *Walk) Call(ctx context.Context, vc *vm.Call) (value.Value, error) {
	if err := w.stopped(); err != nil {
		return nil, err
	}
	rec, err := w.Lookup(vc.Sig)
	if err != nil {
		return nil, err
	}
	w.secrets.Learn(vc.Vals...)
	id := place(ctx, vc.Site)
	c := &Call{Args: vc.Args, Vals: vc.Vals, Place: id, Say: func(f string, a ...any) {
		w.emit(ctx, vc.Site, Event{Kind: EventSay, Place: id, Text: fmt.Sprintf(f, a...)})
	}}
	cmd := command{Call: c, at: vc.Site, sig: vc.Sig, rec: rec, text: Sentence(vc.Sig, vc.Args, vc.Vals)}
	if w.plans(ctx, w.find(id).settled()) {
		return w.predict.call(ctx, cmd)
	}
	if scopeOf(ctx).polls && vc.Sig.Effect != sig.Changes && vc.Sig.Effect != sig.Final {
		return cmd.look(ctx)
	}
	if v, err, known := w.recall(ctx, cmd); known {
		return v, err
	}
	switch vc.Sig.Effect {
	case sig.Changes, sig.Final:
		return w.change(ctx, cmd)
	case sig.Waits:
		w.emit(ctx, vc.Site, Event{Kind: EventWait, Place: id, Text: cmd.text})
		limited, cancel := w.waiting(ctx)
		defer cancel()
		return w.read(limited, cmd, KindWait)
	default:
		return w.read(ctx, cmd, KindRead)
	}
}

// command is one call on its way through the walk.
type command struct {
	*Call
	at     vm.Site
	sig    *sig.Signature
	rec    *Record
	text   string
	broken breaches
}

func (c *command) entry(k Kind) *Entry {
	return &Entry{Kind: k, Place: c.Place, Line: line(c.at), Command: c.text, Effect: c.sig.Effect.String()}
}

// look carries out a command of a condition that is polled.
func (c *command) look(ctx context.Context) (value.Value, error) {
	v, err := c.rec.Read(ctx, c.Call)
	if err != nil && cut(ctx) == nil && !pauses(err) && !final(err) {
		return nil, AsFailure(err)
	}
	return v, err
}

// read carries out a command that changes nothing. Its entry needs no fsync: the next intent's makes it durable,
// so that no effect rests on a lost read.
func (w *Walk) read(ctx context.Context, c command, k Kind) (value.Value, error) {
	e := c.entry(k)
	e.Started = time.Now()
	v, err := c.rec.Read(ctx, c.Call)
	v, err = w.end(ctx, c, e, v, err)
	if err == nil && w.Result != nil && c.sig.Effect == sig.Reads {
		err = w.Result(w.secrets.value(v))
	}
	return v, err
}

// end completes an entry with a command's result and journals it. A command that was cut short has no result: a resumed
// run looks at the world and takes it up again.
func (w *Walk) end(ctx context.Context, c command, e *Entry, v value.Value, err error) (value.Value, error) {
	if lost := w.lost.Load(); lost != nil {
		return nil, lost
	}
	if err != nil {
		if stopped := cut(ctx); stopped != nil {
			return nil, stopped
		}
		if pauses(err) || final(err) {
			return nil, err
		}
	}
	e.Ended = time.Now()
	took := e.Ended.Sub(e.Started).Milliseconds()
	if err != nil {
		f := AsFailure(err)
		w.last.Store(f)
		e.Code, e.Error, e.Hint = f.Code, f.Message, strings.Join(f.Hints, "\n")
		w.emit(ctx, c.at, Event{Kind: EventFail, Place: c.Place, Text: c.text, Error: f.Message, Millis: took})
		if jerr := w.append(e, false); jerr != nil {
			return nil, jerr
		}
		return nil, &PlacedError{c.Place, f}
	}
	if v == nil {
		v = value.Int(0)
	}
	e.Result = kept(value.To(v))
	if err := w.append(e, false); err != nil {
		return nil, err
	}
	if kind, told := ended(e); told {
		w.emit(ctx, c.at, Event{Kind: kind, Place: c.Place, Text: c.text, Millis: took})
	}
	return v, nil
}

// ended is the event of a command that ended well; a read has none.
func ended(e *Entry) (kind EventKind, told bool) {
	switch {
	case e.Kind == KindWait:
		return EventWaited, true
	case e.Kind == KindResult && e.Before == Yes.String():
		return EventAlready, true
	}
	return EventDone, e.Kind == KindResult
}

// change carries out a changing command: observe, record the intent, act, verify, record the result. Only the intent
// is made durable before going on: a result that a crash loses leaves its intent open, which a resumed run settles by
// observing, and the next intent's fsync makes it durable. That is one fsync a change.
func (w *Walk) change(ctx context.Context, c command) (value.Value, error) {
	if err := w.sound(ctx); err != nil {
		return nil, err
	}
	e := c.entry(KindResult)
	e.Started = time.Now()
	a, err := c.observe(ctx)
	if err != nil {
		return w.end(ctx, c, e, nil, w.refused(ctx, &c, err))
	}
	if done, err := w.doubt(ctx, c, a); done || err != nil {
		if err != nil {
			return nil, err
		}
		return w.end(ctx, c, e, a.Result, nil)
	}
	t := w.find(c.Place)
	if err := w.Approved.check(w, c, a, t != nil && t.intent != nil); err != nil {
		return nil, err
	}
	e.Before = a.Done.String()
	switch a.Done {
	case Yes:
		return w.end(ctx, c, e, a.Result, nil)
	case Unknown:
		err := value.Failf(value.CodeUnknown, "cannot tell whether it is done already: %s", a.Why).
			Hint("see to it that the system answers, then run again: nothing was changed")
		return w.end(ctx, c, e, nil, err)
	}
	guarded, done, err := w.guard(ctx, &c, a)
	if err != nil {
		return w.end(ctx, c, e, nil, err)
	}
	defer done()
	return w.act(guarded, c, a, e)
}

// act makes a change that was observed to be needed.
func (w *Walk) act(ctx context.Context, c command, a *Action, e *Entry) (value.Value, error) {
	done, err := w.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	intent := c.entry(KindIntent)
	intent.Usage, intent.Started, intent.Before, intent.Changes = c.sig.Usage, e.Started, e.Before, a.Changes
	if err := w.append(intent, true); err != nil {
		return nil, err
	}
	w.emit(ctx, c.at, Event{Kind: EventCommand, Place: c.Place, Text: c.text, Changes: a.Changes})
	if err := w.held(ctx); err != nil {
		return nil, err
	}
	v, err := a.Do(context.WithValue(ctx, doingKey{}, c.Place))
	if err == nil {
		err = verify(ctx, c, a)
	}
	return w.end(ctx, c, e, v, err)
}

type doingKey struct{}

// Doing is the place of the command that is making its changes, "" outside one: a script that it runs is its child.
func Doing(ctx context.Context) string {
	place, _ := ctx.Value(doingKey{}).(string)
	return place
}

// verify observes again what Do has made: only the world's answer counts.
func verify(ctx context.Context, c command, a *Action) error {
	answer, why := Unknown, ""
	if a.Verify != nil {
		got, err := a.Verify(ctx)
		if err != nil {
			return err
		}
		answer = got
	} else {
		again, err := c.rec.Observe(ctx, c.Call)
		if err != nil {
			return err
		}
		answer, why = again.Done, again.Why
		if answer == No && len(again.Changes) > 0 {
			ch := again.Changes[0]
			why = fmt.Sprintf("%s is still %q, want %q", ch.What, ch.From, ch.To)
		}
	}
	if answer == Yes {
		return nil
	}
	f := value.Failf(value.CodeFailed, "the change was made without an error, but reading back answers %s", answer)
	if why != "" {
		f.Message += ": " + why
	}
	return f.Hint("look at the system itself, then run again: the command is idempotent")
}

// PlacedError is the failure of a command, wait or question, with its place.
type PlacedError struct {
	Place string
	Err   error
}

func (e *PlacedError) Error() string { return e.Err.Error() }

// Unwrap gives the failure.
func (e *PlacedError) Unwrap() error { return e.Err }

// FailedAt is the place of the outermost step around the failure err, or of the command, wait or question outside any
// step; "" if it is none's.
func FailedAt(err error) string {
	if step, ok := errors.AsType[*StepError](err); ok {
		return step.Place
	}
	if at, ok := errors.AsType[*PlacedError](err); ok {
		return at.Place
	}
	return ""
}

// AsFailure turns any error of a command into a Failure.
func AsFailure(err error) *value.Failure {
	var f *value.Failure
	if errors.As(err, &f) {
		return f
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &value.Failure{Code: value.CodeTimeout, Message: "the time ran out", Err: err}
	case errors.Is(err, context.Canceled):
		return &value.Failure{Code: value.CodeCancelled, Message: "cancelled", Err: err}
	}
	return value.Failf(value.CodeUnknown, "%w", err)
}
