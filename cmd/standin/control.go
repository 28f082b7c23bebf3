package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// lookEvery is how often a run looks for orders from other terminals.
const lookEvery = 100 * time.Millisecond

// follow takes the orders that came while no process lived.
func (x *execution) follow(ctx context.Context) error {
	orders, err := x.site.journals.Orders(ctx, x.h.ID, x.after)
	if err != nil {
		return nil //nolint:nilerr // listen looks again
	}
	for _, o := range orders {
		if err := x.obey(o, func(error) {}); err != nil {
			return err
		}
	}
	return nil
}

// listen follows orders while the run goes on; done ends that.
func (x *execution) listen(ctx context.Context) (running context.Context, done func()) {
	running, cancel := context.WithCancelCause(ctx)
	stop, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-stop:
				return
			case <-time.After(lookEvery):
			}
			orders, err := x.site.journals.Orders(running, x.h.ID, x.after)
			if err != nil {
				continue // a store that does not answer stops no failover: the locks say when to stop
			}
			for _, o := range orders {
				if x.obey(o, cancel) != nil {
					return // the journal is lost, which the walk will find too
				}
			}
		}
	}()
	return running, func() { close(stop); <-gone; cancel(nil) }
}

// obey follows one order.
func (x *execution) obey(o plan.Order, cancel context.CancelCauseFunc) error {
	x.after = o.ID
	if err := x.walk.Take(o); err != nil {
		return err
	}
	fmt.Fprintf(x.app.stderr, "standin: %s by %s@%s\n", o.Kind, o.By.Who, o.By.Host)
	switch o.Kind {
	case plan.OrderCancel:
		x.cancelled.Store(true)
		idle := x.walk.StopOrdered()
		go func() {
			<-idle
			cancel(&plan.StoppedError{Order: true})
		}()
	case plan.OrderKill:
		x.walk.StopOrdered()
		cancel(&plan.StoppedError{Inside: true, Order: true})
	case plan.OrderConfirm:
		select {
		case <-x.confirmed:
		default:
			close(x.confirmed)
		}
	}
	return nil
}

// order sends a run an order from this terminal. gone carries it out where no process of the run lives.
func order(kind plan.OrderKind, gone func(a *app, ctx context.Context, r *journal.Run) error) runner {
	return func(a *app, ctx context.Context, args []string) error {
		if len(args) != 1 {
			return wrong(fmt.Sprintf("usage: standin %s RUN; standin runs lists them", kind), "got %d arguments, want one run", len(args))
		}
		site, err := a.storeOnly()
		if err != nil {
			return err
		}
		defer site.close()
		r, alive, err := site.find(ctx, args[0])
		if err != nil {
			return err
		}
		if !alive {
			return errors.Join(site.close(), gone(a, ctx, r))
		}
		o := &plan.Order{Kind: kind, By: *actor()}
		if open := openQuestions(r); len(open) > 0 {
			o.Place = open[0].Place
		} else if kind == plan.OrderRetry || kind == plan.OrderSkip {
			return wrong("standin show "+r.ID+" --follow shows how it goes", "no step of run %s waits for that: it is at work", r.ID)
		}
		return site.send(ctx, r, o)
	}
}

// send gives a run an order.
func (s *site) send(ctx context.Context, r *journal.Run, o *plan.Order) error {
	if err := s.journals.Send(ctx, r.ID, o); err != nil {
		return fmt.Errorf("cannot send run %s an order: %w", r.ID, err)
	}
	_, err := fmt.Fprintf(s.app.stdout, "run %s has the order: %s\n", r.ID, strings.TrimSpace(string(o.Kind)+" "+o.Text))
	return err
}

// find loads a run and says whether a process of it lives.
func (s *site) find(ctx context.Context, id string) (*journal.Run, bool, error) {
	r, err := s.journals.Load(ctx, id)
	if errors.Is(err, journal.ErrNoRun) {
		return nil, false, wrong("standin runs lists them", "no run %q on this site", id)
	}
	if err != nil {
		return nil, false, err
	}
	if r.Parent != "" {
		return nil, false, wrong("standin show "+r.Parent, "run %s is a script that run %s has run", id, r.Parent)
	}
	return r, r.Alive, nil
}

// openQuestions are the questions that stand open, oldest first.
func openQuestions(r *journal.Run) []plan.Entry {
	var open []plan.Entry
	for _, e := range r.Entries {
		if e.Kind != plan.KindAsk {
			continue
		}
		for i, was := range open {
			if was.Place == e.Place {
				open = append(open[:i], open[i+1:]...)
				break
			}
		}
		if e.State == "asked" {
			open = append(open, e)
		}
	}
	return open
}

// answer answers the question of a run that waits, now or when it is resumed.
func (a *app) answer(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return wrong("usage: standin answer RUN ANSWER; standin show RUN prints the question", "got %d arguments, want a run and the answer", len(args))
	}
	site, err := a.storeOnly()
	if err != nil {
		return err
	}
	defer site.close()
	r, alive, err := site.find(ctx, args[0])
	if err != nil {
		return err
	}
	open := openQuestions(r)
	switch len(open) {
	case 0:
		return wrong("standin show "+r.ID+" tells how it goes", "run %s has no question that stands open", r.ID)
	case 1:
	default:
		fmt.Fprintf(a.stderr, "standin: run %s has %d open questions; this answers %q\n", r.ID, len(open), open[0].Text)
	}
	o := &plan.Order{Kind: plan.OrderAnswer, Place: open[0].Place, Text: strings.Join(args[1:], " "), By: *actor()}
	if err := site.send(ctx, r, o); err != nil {
		return err
	}
	if !alive {
		fmt.Fprintf(a.stderr, "standin: no process of run %s lives: standin resume %[1]s goes on with it\n", r.ID)
	}
	return nil
}

// The orders to a run of which no process lives.
func notRunning(_ *app, _ context.Context, r *journal.Run) error {
	return wrong(fmt.Sprintf("standin resume %s goes on with it, standin undo %[1]s takes back what it has changed", r.ID),
		"run %s is %s: no process of it lives", r.ID, r.State)
}

// confirmGone notes the answer for the process that takes the run up.
func confirmGone(a *app, ctx context.Context, r *journal.Run) error {
	if r.Within == 0 || r.State != plan.Waiting {
		return wrong("standin show "+r.ID+" tells how it went", "run %s is %s: nothing of it waits to be confirmed", r.ID, r.State)
	}
	site, err := a.storeOnly()
	if err != nil {
		return err
	}
	err = site.send(ctx, r, &plan.Order{Kind: plan.OrderConfirm, By: *actor()})
	return errors.Join(err, site.close(), a.resume(ctx, []string{r.ID}, runFlags{}, nil))
}

func undoGone(a *app, ctx context.Context, r *journal.Run) error {
	return a.undo(ctx, []string{r.ID}, undoFlags{})
}

func goOn(kind plan.OrderKind) func(*app, context.Context, *journal.Run) error {
	return func(a *app, ctx context.Context, r *journal.Run) error {
		if failedPlace(r) == "" && r.State != plan.Failed {
			return wrong("standin resume "+r.ID+" goes on with it", "no step or command of run %s waits for that", r.ID)
		}
		return a.resume(ctx, []string{r.ID}, runFlags{}, &plan.Order{Kind: kind})
	}
}

// window waits for somebody to confirm what the run has changed, and takes it back when nobody does. A run that has
// passed its point of no return has nothing to confirm.
func (x *execution) window(ctx context.Context) error {
	if x.walk.Beyond() {
		fmt.Fprintf(x.app.stderr, "standin: the run has passed its point of no return: nothing waits to be confirmed\n")
		return nil
	}
	within := time.Duration(x.h.Within) * time.Millisecond
	until, err := x.walk.Window(within)
	if err != nil {
		return err
	}
	if until.IsZero() {
		return nil // somebody has confirmed it before
	}
	fmt.Fprintf(x.app.stderr, "standin: undone at %s unless somebody says: standin confirm %s\n", until.Local().Format(time.DateTime), x.h.ID)
	running, done := x.listen(ctx)
	defer done()
	select {
	case <-x.confirmed:
		return x.walk.Confirmed()
	case <-running.Done():
		return context.Cause(running)
	case <-time.After(time.Until(until)):
	}
	fmt.Fprintln(x.app.stderr, "standin: nobody has confirmed it: taking it back")
	x.cancelled.Store(true)
	return nil
}
