package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	System  string
	Read    func(ctx context.Context, c *Call) (value.Value, error)
	Observe func(ctx context.Context, c *Call) (*Action, error)
	Undo    func(ctx context.Context, inverse json.RawMessage) error
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
	// Load loads the runbook that a RUN names by a path relative to the file that says it.
	Load func(path string, from *diag.Source) (Program, error)
	// Secrets are those that the run was given: no message shows them, whoever wrote it.
	Secrets []value.Value
	// After is a walk whose secrets and session commands' choices this one begins with; nil begins with none.
	After *Walk
	// Result, if not nil, is given what reading commands answer: for one command at a time, whose answer is wanted.
	Result func(v value.Value) error
}

// Walk is one run of one program over the systems. It is the vm's host; it is used once.
type Walk struct {
	Config
	predict *prediction // nil in a run
	out     sync.Mutex
	stop    *stopping
	last    atomic.Pointer[value.Failure] // of the commands that failed
	lost    atomic.Pointer[JournalError]  // of a child's journal: a system may hide its script's error
	secrets *secrets
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
	known := &secrets{}
	known.learn(c.Secrets...)
	w := &Walk{Config: c, stop: newStopping(), secrets: known, asking: make(chan struct{}, 1)}
	if c.After != nil {
		w.secrets, w.memory.known = c.After.secrets, c.After.memory.copy().known
		w.secrets.learn(c.Secrets...)
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
	walk  *Walk
	path  string
	depth int
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
	return context.WithValue(ctx, scopeKey{}, &scope{walk: s.walk, path: path, depth: s.depth + deeper, memory: s.memory})
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
	e.Time, e.Run, e.Line = time.Now(), w.ID, line(at)
	e.Depth = scopeOf(ctx).depth
	e.Text, e.Error, e.Changes = w.secrets.text(e.Text), w.secrets.text(e.Error), w.secrets.changes(e.Changes)
	w.Events(e)
}

// append journals e; a journal that cannot be written ends the run: nothing may change unrecorded.
func (w *Walk) append(e *Entry, sync bool) error {
	e.Text, e.Error, e.Command = w.secrets.text(e.Text), w.secrets.text(e.Error), w.secrets.text(e.Command)
	e.Changes, e.Result = w.secrets.changes(e.Changes), w.secrets.data(e.Result)
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
	w.secrets.learn(vc.Vals...)
	id := place(ctx, vc.Site)
	c := &Call{Args: vc.Args, Vals: vc.Vals, Place: id, Say: func(f string, a ...any) {
		w.emit(ctx, vc.Site, Event{Kind: EventSay, Place: id, Text: fmt.Sprintf(f, a...)})
	}}
	cmd := command{Call: c, at: vc.Site, sig: vc.Sig, rec: rec, text: Sentence(vc.Sig, vc.Args, vc.Vals)}
	if w.predict != nil {
		return w.predict.call(ctx, cmd)
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
	at   vm.Site
	sig  *sig.Signature
	rec  *Record
	text string
}

func (c *command) entry(k Kind) *Entry {
	return &Entry{Kind: k, Place: c.Place, Line: line(c.at), Command: c.text, Effect: c.sig.Effect.String()}
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
		if pauses(err) {
			return nil, err
		}
	}
	e.Ended = time.Now()
	took := e.Ended.Sub(e.Started).Milliseconds()
	if err != nil {
		f := AsFailure(err)
		w.last.Store(f)
		e.Code, e.Error = f.Code, f.Message
		w.emit(ctx, c.at, Event{Kind: EventFail, Place: c.Place, Text: c.text, Error: f.Message, Millis: took})
		if jerr := w.append(e, false); jerr != nil {
			return nil, jerr
		}
		return nil, f
	}
	if v == nil {
		v = value.Int(0)
	}
	e.Result = value.To(v)
	if err := w.append(e, false); err != nil {
		return nil, err
	}
	if e.Kind == KindResult {
		kind := EventDone
		if e.Before == Yes.String() {
			kind = EventAlready
		}
		w.emit(ctx, c.at, Event{Kind: kind, Place: c.Place, Text: c.text, Millis: took})
	}
	return v, nil
}

// change carries out a changing command: observe, record the intent, act, verify, record the result. Only the intent
// is made durable before going on: a result that a crash loses leaves its intent open, which a resumed run settles by
// observing, and the next intent's fsync makes it durable. That is one fsync a change.
func (w *Walk) change(ctx context.Context, c command) (value.Value, error) {
	e := c.entry(KindResult)
	e.Started = time.Now()
	a, err := c.rec.Observe(ctx, c.Call)
	if err != nil {
		return w.end(ctx, c, e, nil, err)
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
	done, err := w.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	intent := c.entry(KindIntent)
	intent.Started, intent.Before, intent.Changes = e.Started, e.Before, a.Changes
	if err := w.append(intent, true); err != nil {
		return nil, err
	}
	w.emit(ctx, c.at, Event{Kind: EventCommand, Place: c.Place, Text: c.text, Changes: a.Changes})
	v, err := a.Do(ctx)
	if err == nil {
		err = verify(ctx, c, a)
	}
	return w.end(ctx, c, e, v, err)
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
