package plan

import (
	"encoding/json"
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
	decision OrderKind // what a person decided of a failed step or of a command in doubt

	attempts map[int]*attempted // of a step
	done     bool               // a step, also one that was skipped
	skipped  bool
	retries  int // that a person has added
}

type attempted struct{ begun, failed *Entry }

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
			t.answered = e
		}
	case KindStep:
		p.step(t, e)
	case KindOrder:
		p.last = max(p.last, e.Of)
		p.order(t, OrderKind(e.Text))
	}
}

func (p *Past) step(t *passed, e *Entry) {
	a := t.attempts[e.Attempt]
	if a == nil {
		a = &attempted{}
		t.attempts[e.Attempt] = a
	}
	switch e.State {
	case stateBegun:
		a.begun = e
	case stateFailed:
		a.failed = e
	case stateDone, stateSkipped:
		t.done, t.skipped = true, e.State == stateSkipped
	}
}

// order takes back what a person has decided anew.
func (p *Past) order(t *passed, k OrderKind) {
	switch k {
	case OrderRetry:
		t.retries++
		if t.result != nil && t.result.Code < 0 {
			t.result = nil
		}
		t.decision = k
	case OrderSkip:
		t.decision = k
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

// over says whether a step that is tried so often has ended for good.
func (t *passed) over(allowed int) bool {
	if t == nil || t.done {
		return t != nil
	}
	last := t.attempts[allowed+t.retries]
	return last != nil && last.failed != nil
}

// plans says whether a plan is to say what a statement would do: one that the past has settled is behind it.
func (w *Walk) plans(settled bool) bool { return w.predict != nil && !settled }

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
