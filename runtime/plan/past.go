package plan

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// Past is what the journal of a run tells a walk that goes on with it, or that takes it back.
type Past struct {
	at map[string]*passed
	// changed are the systems that the run has changed, with the Seq of the last intent for each.
	changed map[string]int
	last    int // Seq of the last order that was taken
}

// passed is what was recorded at one place.
type passed struct {
	intent   *Entry // the first
	result   *Entry // how a command, read, wait, write or mark ended
	begun    *Entry // a wait's
	answered *Entry
	asked    *Entry
	refused  *Entry    // by a safety rule
	ordered  *Entry    // the order that answers a question which has no answer yet
	decision OrderKind // what a person decided of a failed step or of a command in doubt

	attempts map[int]*attempted // of a step
	over     *Entry             // a step that is done or was skipped
	retries  int                // that a person has added
}

type attempted struct {
	begun, failed *Entry
	again         bool // a person has said so
}

// NewPast reads a run's entries, in their order. What was undone is not part of the past. children are the entries of
// the runs of scripts that its commands ran.
func NewPast(entries []Entry, children ...[]Entry) *Past {
	p := &Past{at: map[string]*passed{}, changed: map[string]int{}}
	for _, e := range effective(entries) {
		p.take(e)
	}
	for _, child := range children {
		for i := range child {
			p.note(&child[i], 0)
		}
	}
	return p
}

// effective gives the entries that still count: a run that was undone back to a step goes on from there.
func effective(entries []Entry) []*Entry {
	var live []*Entry
	for i := range entries {
		e := &entries[i]
		if e.Kind == KindUndo && e.State == undoBack {
			live = slices.DeleteFunc(live, func(was *Entry) bool { return was.Seq >= e.Of && !lasting(was.Kind) })
			continue
		}
		live = append(live, e)
	}
	return live
}

// lasting says whether entries of a kind are about the run and not about what it did.
func lasting(k Kind) bool {
	return k == KindRun || k == KindResume || k == KindOrder || k == KindRule
}

func (p *Past) of(place string) *passed {
	t := p.at[place]
	if t == nil {
		t = &passed{attempts: map[int]*attempted{}}
		p.at[place] = t
	}
	return t
}

func (p *Past) note(e *Entry, seq int) {
	if e.Kind != KindIntent {
		return
	}
	for _, c := range e.Changes {
		p.changed[c.System] = max(p.changed[c.System], seq)
	}
}

func (p *Past) take(e *Entry) {
	p.note(e, e.Seq)
	t := p.of(e.Place)
	switch e.Kind {
	case KindIntent:
		if t.intent == nil {
			t.intent = e
		}
		t.forget() // what a person has said was about the time before
	case KindRead, KindResult, KindWrite, KindMark:
		t.result = e
	case KindWait:
		if e.State == stateBegun {
			if t.begun == nil {
				t.begun = e
			}
		} else {
			t.result = e
		}
	case KindAsk:
		if e.State == "asked" {
			t.asked, t.answered = e, nil
		} else {
			t.answered, t.ordered = e, nil
		}
	case KindStep:
		p.step(t, e)
	case KindRule:
		if e.State == ruleRefused {
			t.refused = e
		}
	case KindOrder:
		p.last = max(p.last, e.Of)
		p.order(t, e)
	}
}

func (p *Past) step(t *passed, e *Entry) {
	if e.State == stateDone || e.State == stateSkipped {
		t.over = e
		return
	}
	a := t.attempts[e.Attempt]
	if a == nil {
		a = &attempted{}
		t.attempts[e.Attempt] = a
	}
	switch e.State {
	case stateBegun:
		a.begun = e
		t.forget()
	case stateFailed:
		a.failed = e
	}
}

// forget drops what a person has said: it is asked anew if it comes to that again.
func (t *passed) forget() { t.asked, t.answered, t.ordered, t.decision = nil, nil, nil, "" }

// order takes back what a person has decided anew.
func (p *Past) order(t *passed, e *Entry) {
	failed := t.result != nil && t.result.Code < 0
	k := OrderKind(e.Text)
	if at := t.failedAt(); at > 0 && (k == OrderRetry || k == OrderSkip) {
		p.since(e.Place, at)
	}
	switch k {
	case OrderAnswer:
		t.ordered = e
	case OrderRetry:
		if e.Place == "" {
			p.readAgain()
		}
		for _, was := range p.at {
			was.refused = nil // the rule is asked again
		}
		if failed {
			t.result = nil
		}
		if t.answered != nil && t.answered.Error != "" {
			t.forget()
		}
		if last := t.attempts[len(t.attempts)]; last != nil {
			last.again = last.failed != nil
			t.retries++
		}
		t.decision = k
	case OrderSkip:
		if failed {
			skipped := *t.result
			skipped.Code, skipped.Error, skipped.Hint, skipped.Result = 0, "", "", nil
			if skipped.Kind == KindResult {
				skipped.Result = int64(0)
			}
			t.result = &skipped
		}
		t.decision = k
	}
}

// failedAt is the Seq of the entry that tells of the statement's failure, 0 if it has not failed.
func (t *passed) failedAt() int {
	last := t.attempts[len(t.attempts)]
	switch {
	case t.over != nil:
	case t.result != nil && t.result.Code < 0:
		return t.result.Seq
	case t.answered != nil && t.answered.Error != "":
		return t.answered.Seq
	case last != nil && last.failed != nil:
		return last.failed.Seq
	}
	return 0
}

// since drops what was done because a statement has failed, the FINALLY around it: as it does not count as failed any more,
// that is done again when its time comes. What other branches have done meanwhile stays.
func (p *Past) since(place string, seq int) {
	keep := func(e *Entry) *Entry {
		if e != nil && e.Seq > seq {
			return nil
		}
		return e
	}
	for at, t := range p.at {
		if beside(place, at) {
			continue
		}
		t.intent, t.result, t.begun, t.over = keep(t.intent), keep(t.result), keep(t.begun), keep(t.over)
		t.asked, t.answered, t.ordered = keep(t.asked), keep(t.answered), keep(t.ordered)
		maps.DeleteFunc(t.attempts, func(_ int, a *attempted) bool { return keep(a.begun) == nil })
	}
}

// beside says whether a place is in another branch of a PARALLEL around place.
func beside(place, other string) bool {
	for i, c := range place {
		if c != '|' {
			continue
		}
		branch, _, _ := strings.Cut(place[i:], "/")
		if strings.HasPrefix(other, place[:i+1]) && !strings.HasPrefix(other, place[:i]+branch+"/") {
			return true
		}
	}
	return false
}

// readAgain drops what was read, and written, since the run last changed something, ended a step or was answered: the run
// has ended for what it read, as at a REQUIRE that did not hold, and looks again.
func (p *Past) readAgain() {
	since := 0
	seq := func(e *Entry) {
		if e != nil {
			since = max(since, e.Seq)
		}
	}
	for _, t := range p.at {
		seq(t.intent)
		seq(t.answered)
		if t.result != nil && (t.result.Kind == KindResult || t.result.Kind == KindMark) {
			seq(t.result)
		}
		for _, a := range t.attempts {
			seq(a.begun)
			seq(a.failed)
		}
		seq(t.over)
	}
	for _, t := range p.at {
		if r := t.result; r != nil && r.Seq > since && (r.Kind == KindRead || r.Kind == KindWrite) {
			t.result = nil
		}
	}
}

// LastOrder is the ID of the last order that the run has taken.
func (p *Past) LastOrder() int { return p.last }

// settled says whether the past has how a statement ended.
func (t *passed) settled() bool { return t != nil && t.result != nil }

// current is the attempt of a step that is in progress, 1 if none has begun.
func (t *passed) current() int {
	n := 1
	if t == nil {
		return n
	}
	for attempt, a := range t.attempts {
		if a.failed == nil {
			n = max(n, attempt)
		}
	}
	return n
}

// done says whether a step has ended well, or counts so.
func (t *passed) done() bool { return t != nil && t.over != nil }

// skipped says whether it counts so because somebody said so.
func (t *passed) skipped() bool { return t.done() && t.over.State == stateSkipped }

// ended says whether a step that is tried so often has ended for good.
func (t *passed) ended(allowed int) bool {
	if t == nil || t.done() {
		return t != nil
	}
	last := t.attempts[len(t.attempts)]
	return last != nil && last.failed != nil && !last.again && (last.failed.Final || len(t.attempts) >= allowed+t.retries)
}

// plans says whether a plan is to say what a statement would do: one that the past has settled is behind it.
func (w *Walk) plans(ctx context.Context, settled bool) bool {
	return w.predict != nil && !settled && scopeOf(ctx).failed == nil
}

// find gives what was recorded at a place, nil if nothing was.
func (w *Walk) find(place string) *passed {
	if w.past == nil {
		return nil
	}
	return w.past.at[place]
}

// outcome gives a recorded result again.
func (e *Entry) outcome() (value.Value, error) {
	if e.Code < 0 {
		return nil, e.failure()
	}
	if e.Result == nil {
		return value.None, nil
	}
	return value.From(e.Result), nil
}

func (e *Entry) failure() *value.Failure {
	f := &value.Failure{Code: e.Code, Message: e.Error}
	if e.Hint != "" {
		f.Hints = strings.Split(e.Hint, "\n")
	}
	return f
}

// UnmarshalJSON reads an entry; whole numbers stay whole and decimals decimal.
func (e *Entry) UnmarshalJSON(text []byte) error {
	type plain Entry
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return d.Decode((*plain)(e))
}

// kept makes of a command's result what a journal keeps: reading it back gives an equal value of the same kind.
func kept(v any) any {
	switch v := v.(type) {
	case float64:
		return decimal(v)
	case []any:
		for i := range v {
			v[i] = kept(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = kept(v[k])
		}
	}
	return v
}

// decimal spells a number so that it reads back as a decimal, also a whole one.
func decimal(f float64) json.Number {
	text, _ := json.Marshal(f) //nolint:errcheck // the language has neither NaN nor infinity
	if !strings.ContainsAny(string(text), ".eE") {
		text = append(text, ".0"...)
	}
	return json.Number(text)
}
