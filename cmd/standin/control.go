package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// lookEvery is how often a run looks for orders from other terminals.
const lookEvery = 100 * time.Millisecond

// heed takes the orders that came while no process lived, and then those that come while the run goes on; done ends that.
func (x *execution) heed(ctx context.Context) (running context.Context, done func(), _ error) {
	running, cancel := context.WithCancelCause(ctx)
	if err := x.follow(running, cancel); err != nil {
		cancel(nil)
		return nil, nil, err
	}
	stop, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-stop:
				return
			case <-time.After(lookEvery):
			}
			if x.follow(running, cancel) != nil {
				return // the journal is lost, which the walk will find too
			}
		}
	}()
	return running, func() { close(stop); <-gone; cancel(nil) }, nil
}

// follow takes the orders that have come. A store that does not answer stops no failover: the locks say when to stop.
func (x *execution) follow(ctx context.Context, cancel context.CancelCauseFunc) error {
	orders, err := x.site.journals.Orders(ctx, x.h.ID, x.after)
	if err != nil {
		return nil //nolint:nilerr // it is looked again
	}
	for _, o := range orders {
		if err := x.obey(ctx, o, cancel); err != nil {
			return err
		}
	}
	return nil
}

// obey follows one order. Whoever took the run up again has said more than who told its last process to stop.
func (x *execution) obey(ctx context.Context, o plan.Order, cancel context.CancelCauseFunc) error {
	x.after = o.ID
	if (o.Kind == plan.OrderStop || o.Kind == plan.OrderKill) && o.Time.Before(x.since) {
		return x.walk.Note(o)
	}
	if err := x.walk.Take(o); err != nil {
		return err
	}
	fmt.Fprintf(x.app.stderr, "standin: %s by %s@%s\n", o.Kind, o.By.Who, o.By.Host)
	idle := func() {
		select {
		case <-x.walk.Idle():
			cancel(&plan.StoppedError{Order: true})
		case <-ctx.Done():
		}
	}
	switch o.Kind {
	case plan.OrderStop:
		go idle()
	case plan.OrderCancel:
		x.cancelled.Store(true)
		x.walk.StopOrdered()
		go idle()
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
		if open := r.Questions(); len(open) > 0 {
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
	open, err := site.unanswered(ctx, r)
	if err != nil {
		return err
	}
	switch len(open) {
	case 0:
		return wrong("standin show "+r.ID+" tells how it goes", "run %s has no question that stands open", r.ID)
	case 1:
	default:
		fmt.Fprintf(a.stderr, "standin: run %s has %d open questions; this answers %q\n", r.ID, len(open), open[0].Text)
	}
	text := strings.Join(args[1:], " ")
	if open[0].Place == plan.WindowPlace {
		return a.keep(ctx, site, r, alive, text)
	}
	o := &plan.Order{Kind: plan.OrderAnswer, Place: open[0].Place, Text: text, By: *actor()}
	if err := site.send(ctx, r, o); err != nil {
		return err
	}
	if !alive {
		fmt.Fprintf(a.stderr, "standin: no process of run %s lives: standin resume %[1]s goes on with it\n", r.ID)
	}
	return nil
}

// unanswered are the open questions of a run for which no answer is under way.
func (s *site) unanswered(ctx context.Context, r *journal.Run) ([]plan.Entry, error) {
	orders, err := s.journals.Orders(ctx, r.ID, plan.NewPast(r.Entries).LastOrder())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(r.Questions(), func(q plan.Entry) bool {
		return slices.ContainsFunc(orders, func(o plan.Order) bool { return o.Kind == plan.OrderAnswer && o.Place == q.Place })
	}), nil
}

// keep answers whether what a run has changed is to be kept.
func (a *app) keep(ctx context.Context, site *site, r *journal.Run, alive bool, text string) error {
	q := plan.Question{}
	ok, no := q.Take(text)
	kind, gone := plan.OrderConfirm, confirmGone
	if no != nil {
		kind, gone = plan.OrderCancel, undoGone
	}
	switch {
	case !ok:
		return wrong("standin confirm "+r.ID+" keeps it, standin cancel "+r.ID+" takes it back", "got the answer %q, want %s", text, q.Wanted())
	case alive:
		return site.send(ctx, r, &plan.Order{Kind: kind, By: *actor()})
	}
	return gone(a, ctx, r)
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
	running, done, err := x.heed(ctx)
	if err != nil {
		return err
	}
	defer done()
	select {
	case <-x.confirmed:
	case <-running.Done():
	case <-time.After(time.Until(until)):
	}
	select {
	case <-x.confirmed: // also when it came too late: nothing was taken back yet
		return x.walk.Confirmed()
	default:
	}
	if running.Err() != nil {
		return context.Cause(running)
	}
	fmt.Fprintln(x.app.stderr, "standin: nobody has confirmed it: taking it back")
	x.cancelled.Store(true)
	return nil
}
