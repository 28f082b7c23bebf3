package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

// span is one finished piece of a run.
type span struct {
	trace, id, parent string // lower-case hex: 16, 8 and 8 bytes; the parent is "" for a run's first span
	name              string
	begin, end        time.Time
	failed            string // why; "" if it went well
	attributes        map[string]any
}

// maxOpen is how many spans of a process may be open at once; beyond it the new ones are not traced.
const maxOpen = 10_000

// Tracer makes spans of a run's events: one for the run, each step, each command that changes something, each wait and
// each question. Ids come from the run's id and the place, so that a resumed run goes on in the trace of its first
// process. It never blocks and never fails a run.
type Tracer struct {
	mu    sync.Mutex
	open  map[string]*piece // by run and place
	roots map[string]*piece // by run
	send  func(span)
}

// piece is a span that has not ended.
type piece struct {
	span
	run, place string
	over       time.Time // of a step whose last attempt failed: when; it may still be tried again
}

// NewTracer gives a tracer whose spans go to x.
func NewTracer(x *Exporter) *Tracer {
	return &Tracer{open: map[string]*piece{}, roots: map[string]*piece{}, send: x.add}
}

// Event takes an event; it is a plan.Events.
func (t *Tracer) Event(e plan.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case plan.EventBegin:
		t.begin(e)
	case plan.EventEnd:
		t.end(e)
	case plan.EventStepBegin, plan.EventCommand, plan.EventWait, plan.EventAsk:
		t.start(e)
	case plan.EventRun:
		if e.Parent != "" {
			t.child(e)
			return
		}
		t.start(e)
	case plan.EventStepFail:
		if p := t.open[key(e.Run, e.Place)]; p != nil {
			p.failed, p.over, p.attributes["standin.attempts"] = e.Error, e.Time, e.Attempt
		}
	case plan.EventStepEnd, plan.EventDone, plan.EventFail, plan.EventWaited, plan.EventAnswer, plan.EventAlready:
		t.finish(e)
	case plan.EventRunEnd:
		if e.Parent == "" {
			t.finish(e)
		} else if root := t.roots[e.Run]; root != nil {
			t.close(root, e.Time, e.Error)
		}
	case plan.EventStepSkip, plan.EventMark, plan.EventRule, plan.EventUndo:
		t.moment(e)
	}
}

func key(run, place string) string { return run + "\x00" + place }

// ids of a run's trace and of a span in it.
func traceID(run string) string { return digest(16, "trace", run) }
func spanID(run, place string) string {
	return digest(8, "span", run, place)
}

func digest(size int, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:size])
}

// begin opens the span of a run, or of the process that takes it up again: that one is a part of the first.
func (t *Tracer) begin(e plan.Event) {
	p := &piece{run: e.Run, span: span{
		trace: traceID(e.Run), id: spanID(e.Run, ""), name: "run " + e.Text, begin: e.Time,
		attributes: map[string]any{"standin.run": e.Run, "standin.script": e.Text},
	}}
	if e.State == "resumed" {
		p.parent, p.id = p.id, spanID(e.Run, e.Time.Format(time.RFC3339Nano))
		p.name = "resume " + e.Text
	}
	t.roots[e.Run] = p
}

// root is the span of a run. A prompt's session tells no begin: its span begins with what it does first.
func (t *Tracer) root(run string, at time.Time) *piece {
	if t.roots[run] == nil && run != "" {
		t.begin(plan.Event{Run: run, Time: at, Text: "session"})
	}
	return t.roots[run]
}

// child opens the span of a child run, in the trace of the run that caused it.
func (t *Tracer) child(e plan.Event) {
	above := t.root(e.Parent, e.Time)
	p := &piece{run: e.Run, span: span{
		trace: above.trace, id: spanID(e.Run, ""), parent: t.changing(above).id, name: "run " + e.Text, begin: e.Time,
		attributes: map[string]any{"standin.run": e.Run, "standin.script": e.Text},
	}}
	t.roots[e.Run] = p
}

// changing is the command of a run that is under way, or the run itself if several are.
func (t *Tracer) changing(root *piece) *piece {
	found := root
	for _, p := range t.open {
		if p.run != root.run || p.attributes["standin.kind"] != string(plan.EventCommand) {
			continue
		}
		if found != root {
			return root
		}
		found = p
	}
	return found
}

func (t *Tracer) start(e plan.Event) {
	root := t.root(e.Run, e.Time)
	if root == nil || len(t.open) >= maxOpen {
		return
	}
	t.open[key(e.Run, e.Place)] = t.piece(root, e)
}

func (t *Tracer) piece(root *piece, e plan.Event) *piece {
	p := &piece{run: e.Run, place: e.Place, span: span{
		trace: root.trace, id: spanID(e.Run, e.Place), parent: t.around(root, e.Place).id, name: e.Text, begin: e.Time,
		attributes: map[string]any{"standin.kind": string(e.Kind), "standin.place": e.Place},
	}}
	if e.Line != "" {
		p.attributes["standin.line"] = e.Line
	}
	if e.Kind == plan.EventStepBegin {
		p.name = "STEP " + e.Text
	}
	if n := len(e.Changes); n > 0 {
		p.attributes["standin.changes"] = n
	}
	return p
}

// around is the span that a place lies in: places of a step's attempt, a branch and a nested run begin with the place
// of what is around them.
func (t *Tracer) around(root *piece, place string) *piece {
	for i := len(place) - 1; i > 0; i-- {
		if c := place[i]; c != '@' && c != '>' && c != '|' {
			continue
		}
		if p := t.open[key(root.run, place[:i])]; p != nil {
			return p
		}
	}
	return root
}

// finish ends the span of e's place. What failed or was done already had no begin: its span is as long as e says.
func (t *Tracer) finish(e plan.Event) {
	p := t.open[key(e.Run, e.Place)]
	if p == nil {
		root := t.root(e.Run, e.Time)
		if root == nil {
			return
		}
		p = t.piece(root, e)
		p.begin = e.Time.Add(-time.Duration(e.Millis) * time.Millisecond)
	}
	if e.Attempt > 0 {
		p.attributes["standin.attempts"] = e.Attempt
	}
	delete(t.open, key(p.run, p.place))
	p.span.end, p.failed = e.Time, e.Error
	t.send(p.span)
}

// moment sends the span of something that is told once, when it has happened.
func (t *Tracer) moment(e plan.Event) {
	if root := t.root(e.Run, e.Time); root != nil {
		p := t.piece(root, e)
		p.id = spanID(e.Run, e.Place+"\x00"+string(e.Kind)) // what it is about may have a span of its own
		p.begin = e.Time.Add(-time.Duration(e.Millis) * time.Millisecond)
		p.span.end = e.Time
		switch {
		case e.Kind == plan.EventRule:
			p.attributes["standin.found"] = e.Error
		case e.Error != "":
			p.failed = e.Error
		}
		t.send(p.span)
	}
}

// end closes a run and all that is still open in it.
func (t *Tracer) end(e plan.Event) {
	root := t.roots[e.Run]
	if root == nil {
		return
	}
	root.attributes["standin.state"] = e.State
	why := ""
	if e.State == string(plan.Failed) {
		if why = e.Error; why == "" {
			why = "the run failed"
		}
	}
	t.close(root, e.Time, why)
}

// close ends the span of a run. A step that failed for good ended when its last attempt did; what was cut short ends
// with the run.
func (t *Tracer) close(root *piece, at time.Time, failed string) {
	for k, p := range t.open {
		if p.run != root.run {
			continue
		}
		delete(t.open, k)
		p.span.end = p.over
		if p.over.IsZero() {
			p.span.end = at
			p.attributes["standin.cut"] = true
		}
		t.send(p.span)
	}
	delete(t.roots, root.run)
	root.span.end, root.failed = at, failed
	t.send(root.span)
}

// Close ends what is still open, for a process that ends without an end of its run.
func (t *Tracer) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, root := range t.roots {
		t.close(root, now, root.failed)
	}
}
