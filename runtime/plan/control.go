package plan

import (
	"sync"
	"time"
)

// orders are those from other terminals that wait to be followed.
type orders struct {
	mu      sync.Mutex
	stop    bool                  // after the step at hand
	steps   int                   // at hand
	answers map[string]chan Order // by the place of the question
}

// expect gives the channel on which an answer to the question at a place comes. An order to stop may have come between the
// question and this.
func (o *orders) expect(place string) <-chan Order {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stop {
		o.give(place, Order{Kind: OrderStop, Text: string(OrderStop)})
	}
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

// recall gives an answer again that an earlier process has taken, and has not come to use.
func (o *orders) recall(e *Entry) {
	order := Order{Kind: OrderAnswer, ID: e.Of, Place: e.Place, Time: e.Started}
	order.Text, _ = e.Result.(string)
	if e.By != nil {
		order.By = *e.By
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.give(e.Place, order)
}

// forget drops what was answered too late.
func (o *orders) forget(place string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.answers, place)
}

// give puts an order where the question at a place takes its answer from.
func (o *orders) give(place string, order Order) {
	select {
	case o.channel(place) <- order:
	default: // sixteen answers to one question: the first of them counts
	}
}

// Take journals an order from another terminal and follows it: stop ends the run after the step at hand, at once where
// there is none; answer, retry and skip answer the question at the order's place, also one that is yet to be put. Cancel,
// kill and confirm are for the caller to follow.
func (w *Walk) Take(o Order) error {
	if err := w.Note(o); err != nil {
		return err
	}
	w.orders.mu.Lock()
	defer w.orders.mu.Unlock()
	switch o.Kind {
	case OrderStop:
		w.orders.stop = true
		o.Text = string(o.Kind)
		for place := range w.orders.answers {
			w.orders.give(place, o) // the step waits for that answer: it cannot end
		}
		if w.orders.steps == 0 {
			w.StopOrdered()
		}
	case OrderRetry, OrderSkip:
		o.Text = string(o.Kind)
		fallthrough
	case OrderAnswer:
		w.orders.give(o.Place, o)
	}
	return nil
}

// Note journals an order that is not followed any more.
func (w *Walk) Note(o Order) error {
	e := &Entry{Kind: KindOrder, Place: o.Place, Of: o.ID, Text: string(o.Kind), By: &o.By, Started: o.Time, Ended: time.Now()}
	if o.Kind == OrderAnswer {
		e.Result = o.Text
	}
	return w.append(e, true)
}

// stepBegins counts a step, unless the run was told to stop after the one before; over ends it, and ends a run that was
// told to stop meanwhile.
func (w *Walk) stepBegins() (over func() error, _ error) {
	o := &w.orders
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stop {
		return nil, &StoppedError{Order: true}
	}
	o.steps++
	return func() error {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.steps--; o.stop {
			return &StoppedError{Order: true}
		}
		return nil
	}, nil
}

// Beyond says whether the run has passed its point of no return and that rule holds.
func (w *Walk) Beyond() bool {
	_, overridden := w.Overrides.Reasons[RulePointOfNoReturn]
	return w.beyond.Load() && !overridden
}

// WindowPlace is the place of the question whether what a run has changed is to be kept.
const WindowPlace = "confirm"

// Window asks whether what the run has changed is to be kept, and says until when the answer counts: that long after
// it was asked first. It gives the zero time when somebody has answered it before.
func (w *Walk) Window(within time.Duration) (time.Time, error) {
	if t := w.find(WindowPlace); t != nil && t.answered != nil {
		return time.Time{}, nil
	} else if t != nil && t.asked != nil {
		return t.asked.Started.Add(within), nil
	}
	now := time.Now()
	text := "keep what the run has changed? It is undone at " + now.Add(within).Format(time.DateTime)
	return now.Add(within), w.append(&Entry{Kind: KindAsk, Place: WindowPlace, Text: text, State: "asked", Started: now}, true)
}

// Confirmed journals that what the run has changed is to be kept.
func (w *Walk) Confirmed() error {
	return w.append(&Entry{Kind: KindAsk, Place: WindowPlace, Text: "kept", State: "answered", Ended: time.Now()}, true)
}
