package plan

import (
	"sync"
	"time"
)

// orders are those from other terminals that wait to be followed.
type orders struct {
	mu      sync.Mutex
	stop    bool                  // after the step at hand
	answers map[string]chan Order // by the place of the question
}

// expect gives the channel on which an answer to the question at a place comes.
func (o *orders) expect(place string) <-chan Order {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.channel(place)
}

func (o *orders) channel(place string) chan Order {
	if o.answers == nil {
		o.answers = map[string]chan Order{}
	}
	c := o.answers[place]
	if c == nil {
		c = make(chan Order, 16)
		o.answers[place] = c
	}
	return c
}

// forget drops what was answered too late.
func (o *orders) forget(place string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.answers, place)
}

// Take journals an order from another terminal and follows it: stop ends the run after the step at hand; answer, retry
// and skip answer the question at the order's place, also one that is yet to be put. Cancel, kill and confirm are for
// the caller to follow.
func (w *Walk) Take(o Order) error {
	e := &Entry{Kind: KindOrder, Place: o.Place, Of: o.ID, Text: string(o.Kind), By: &o.By, Started: o.Time, Ended: time.Now()}
	if o.Kind == OrderAnswer {
		e.Result = o.Text
	}
	if err := w.append(e, true); err != nil {
		return err
	}
	w.orders.mu.Lock()
	defer w.orders.mu.Unlock()
	switch o.Kind {
	case OrderStop:
		w.orders.stop = true
	case OrderRetry, OrderSkip:
		o.Text = string(o.Kind)
		fallthrough
	case OrderAnswer:
		select {
		case w.orders.channel(o.Place) <- o:
		default: // sixteen answers to one question: the first of them counts
		}
	}
	return nil
}

// stepsEnd ends a run that was told to stop after the step at hand.
func (w *Walk) stepsEnd() error {
	w.orders.mu.Lock()
	defer w.orders.mu.Unlock()
	if w.orders.stop {
		return &StoppedError{Order: true}
	}
	return nil
}

// Beyond says whether the run has passed its point of no return and that rule holds.
func (w *Walk) Beyond() bool {
	_, overridden := w.Overrides.Reasons[RulePointOfNoReturn]
	return w.beyond.Load() && !overridden
}

// windowPlace is the place of the question whether what a run has changed is to be kept.
const windowPlace = "confirm"

// Window asks whether what the run has changed is to be kept, and says until when the answer counts: that long after
// it was asked first. It gives the zero time when somebody has answered it before.
func (w *Walk) Window(within time.Duration) (time.Time, error) {
	if t := w.find(windowPlace); t != nil && t.answered != nil {
		return time.Time{}, nil
	} else if t != nil && t.asked != nil {
		return t.asked.Started.Add(within), nil
	}
	now := time.Now()
	text := "keep what the run has changed? It is undone at " + now.Add(within).Format(time.DateTime)
	return now.Add(within), w.append(&Entry{Kind: KindAsk, Place: windowPlace, Text: text, State: "asked", Started: now}, true)
}

// Confirmed journals that what the run has changed is to be kept.
func (w *Walk) Confirmed() error {
	return w.append(&Entry{Kind: KindAsk, Place: windowPlace, Text: "kept", State: "answered", Ended: time.Now()}, true)
}
