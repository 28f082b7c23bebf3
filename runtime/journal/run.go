package journal

import (
	"slices"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

// Run is one run as its journal tells it.
type Run struct {
	plan.Header
	State   plan.State
	Started time.Time
	Ended   time.Time // zero while it has not ended
	Entries []plan.Entry
	// Alive is true while a process writes it.
	Alive bool
	// Torn is true when the last entry was cut off; it is not in Entries.
	Torn bool
	// Damaged is true when entries are missing before others that can be read; those are in Entries.
	Damaged bool
}

// NewRun makes a run of its entries, in order; alive says whether a process writes it. Without a header there is no run.
func NewRun(entries []plan.Entry, alive bool) (*Run, error) {
	if len(entries) == 0 || entries[0].Header == nil {
		return nil, ErrNoRun
	}
	r := &Run{Header: *entries[0].Header, Started: entries[0].Started, Entries: entries, Alive: alive}
	r.settle(alive)
	return r, nil
}

// Brief is the run without its entries and texts.
func (r *Run) Brief() *Run {
	b := *r
	b.Entries, b.Texts = nil, nil
	return &b
}

// Holder says who took the run up last.
func (r *Run) Holder() Holder {
	by, since := plan.Actor{Who: r.Who, Host: r.Host, PID: r.PID}, r.Started
	for _, e := range slices.Backward(r.Entries) {
		if e.Kind == plan.KindResume && e.By != nil {
			by, since = *e.By, e.Started
			break
		}
	}
	return HolderOf(&r.Header, by, since)
}

// Next is the Seq of the entry that is appended next.
func (r *Run) Next() int { return r.Entries[len(r.Entries)-1].Seq + 1 }

// settle derives the run's state from its entries: one without an end waits, runs or, its process gone, is stopped.
func (r *Run) settle(alive bool) {
	last := r.Entries[len(r.Entries)-1]
	switch {
	case last.Kind == plan.KindEnd:
		r.State, r.Ended = plan.State(last.State), last.Ended
	case len(r.Questions()) > 0:
		r.State = plan.Waiting // the question outlives the process that asked it
	case !alive:
		r.State = plan.Stopped
	default:
		r.State = plan.Running
	}
}

// Questions are those that stand open, oldest first; other branches may have gone on after them. What ends the statement
// that has asked ends the question too.
func (r *Run) Questions() []plan.Entry {
	var open []plan.Entry
	for _, e := range r.Entries {
		switch {
		case e.Kind == plan.KindOrder:
		case e.Kind == plan.KindUndo && e.State == "back": // what was asked from there on is asked anew
			open = slices.DeleteFunc(open, func(q plan.Entry) bool { return q.Seq >= e.Of })
		case len(open) > 0:
			open = slices.DeleteFunc(open, func(q plan.Entry) bool { return q.Place == e.Place })
		}
		if e.Kind == plan.KindAsk && e.State == "asked" {
			open = append(open, e)
		}
	}
	return open
}
