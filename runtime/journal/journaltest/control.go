package journaltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

func (s *suite) followed() {
	writing, watching := s.open(), s.open()
	w, id := s.create(writing)
	s.add(w, plan.Entry{Kind: plan.KindWrite, Text: "before"})
	seen := make(chan plan.Entry)
	ended := make(chan error, 1)
	go func() {
		ended <- watching.Follow(s.ctx(), id, 1, func(e plan.Entry) error {
			seen <- e
			return nil
		})
	}()
	for n, text := range []string{"before", "one", "two", "three"} {
		if n > 0 {
			s.add(w, plan.Entry{Kind: plan.KindWrite, Text: text})
		}
		if e := <-seen; e.Seq != n+2 || e.Text != text {
			s.Errorf("got entry %d %q, want %d %q", e.Seq, e.Text, n+2, text)
		}
	}
	s.close(w) // its process goes, and another one takes it over: the follower stays
	w, _ = s.resume(writing, id)
	s.add(w, plan.Entry{Kind: plan.KindResume})
	if e := <-seen; e.Kind != plan.KindResume {
		s.Errorf("got %v", e)
	}
	s.end(w, plan.Done)
	if e := <-seen; e.Kind != plan.KindEnd {
		s.Errorf("got %v", e)
	}
	if err := <-ended; err != nil {
		s.Errorf("the follower ended with %v", err)
	}
}

func (s *suite) turnedAway() {
	store := s.open()
	w, id := s.create(store)
	enough := errors.New("enough")
	if err := store.Follow(s.ctx(), id, 0, func(plan.Entry) error { return enough }); !errors.Is(err, enough) {
		s.Errorf("got %v, want the follower's own error", err)
	}
	ctx, cancel := context.WithCancelCause(s.ctx())
	err := store.Follow(ctx, id, 0, func(plan.Entry) error {
		cancel(enough)
		return nil
	})
	if !errors.Is(err, enough) {
		s.Errorf("got %v, want the cause of the context", err)
	}
	s.close(w)
}

func (s *suite) ordered() {
	running, sending := s.open(), s.open()
	w, id := s.create(running)
	orders := func(after int) []plan.Order {
		s.Helper()
		got, err := running.Orders(s.ctx(), id, after)
		if err != nil {
			s.Fatal(err)
		}
		return got
	}
	if got := orders(0); len(got) != 0 {
		s.Errorf("nobody has ordered anything: got %v", got)
	}
	o := plan.Order{Kind: plan.OrderAnswer, Place: "3.1", Text: "yes", By: plan.Actor{Who: "bob"}}
	if err := sending.Send(s.ctx(), id, &o); err != nil {
		s.Fatal(err)
	}
	if got := orders(0); len(got) != 1 || got[0].Text != "yes" || got[0].By.Who != "bob" || got[0].Place != "3.1" || got[0].Time.IsZero() || got[0].ID != 1 || o.ID != 1 {
		s.Errorf("got %+v, sent %+v", got, o)
	}
	s.close(w) // an order also reaches a run whose process is gone
	const senders, each = 4, 5
	var all sync.WaitGroup
	for n := range senders {
		all.Go(func() {
			store := running
			if n%2 == 0 {
				store = sending
			}
			for range each {
				if err := store.Send(s.ctx(), id, &plan.Order{Kind: plan.OrderStop, Text: fmt.Sprint(n)}); err != nil {
					s.Error(err)
				}
			}
		})
	}
	all.Wait()
	got := orders(1)
	if len(got) != senders*each {
		s.Errorf("got %d orders, want %d", len(got), senders*each)
	}
	for i, o := range got {
		if o.ID != i+2 {
			s.Errorf("order %d has the ID %d", i+2, o.ID)
		}
	}
	if got := orders(1 + senders*each); len(got) != 0 {
		s.Errorf("after the last: got %v", got)
	}
}

func (s *suite) refused() {
	first, second := s.open(), s.open()
	one, id := s.create(first)
	two, _ := s.create(second)
	three, _ := s.create(first)
	s.lock(one, "cluster east/Exchange Group", "dns a/b%c\n'é'")
	s.lock(one, "dns a/b%c\n'é'") // has it already
	s.held(one)
	for _, w := range []journal.Writer{two, three} {
		name, h := s.lockedBy(w, "cluster east/Exchange Group")
		if name != "cluster east/Exchange Group" || h.ID != id || h.Script != "x.dtcl" || h.Who != "ann" || h.Host != "hostA" || h.PID != 4711 || h.Since.IsZero() {
			s.Errorf("got %q, %+v", name, h)
		}
	}
	s.lock(two, "cluster east/exchange group") // another name
	s.end(one, plan.Done)
	s.lock(two, "cluster east/Exchange Group")
	s.held(two)
	if name, _ := s.lockedBy(three, "cluster east/Exchange Group"); name == "" {
		s.Error("the refusal names no lock")
	}
	s.close(two)
	s.close(three)
}

func (s *suite) allOrNone() {
	store := s.open()
	one, _ := s.create(store)
	two, _ := s.create(store)
	s.lock(one, "m")
	if name, _ := s.lockedBy(two, "z", "m", "a"); name != "m" {
		s.Errorf("refused because of %q, want m", name)
	}
	s.lock(one, "a", "z") // the refused run kept neither
	s.held(one)
	s.close(one)
	s.lock(two, "z", "m", "a", "a")
	s.held(two)
	s.close(two)
}

func (s *suite) shared() {
	store, other := s.open(), s.open()
	parent, id := s.create(store)
	s.lock(parent, "group")
	h := somebody
	h.Parent = id
	child := s.createAs(store, &h)
	s.lock(child, "group", "connection")
	s.held(child)
	h.Parent = id
	sibling := s.createAs(store, &h)
	s.lock(sibling, "connection")
	stranger, _ := s.create(other)
	s.lockedBy(stranger, "connection")
	s.end(child, plan.Done)
	if _, h := s.lockedBy(stranger, "connection"); h.ID == "" {
		s.Error("the refusal names no run")
	}
	s.end(sibling, plan.Done)
	s.lock(stranger, "connection") // a child's own lock ends with the last that uses it
	s.lockedBy(stranger, "group")
	s.held(parent)
	s.close(parent)
	s.lock(stranger, "group")
	s.close(stranger)
}

// exclusive has runs of two processes take and free locks at random, and keeps book of who must have what.
func (s *suite) exclusive() {
	stores := []journal.Store{s.open(), s.open()}
	names := []string{"a", "b", "c", "d"}
	rng := rand.New(rand.NewPCG(1, 2))
	type run struct {
		journal.Writer
		has map[string]bool
	}
	var runs []*run
	owner := map[string]*run{}
	for step := range 120 {
		switch {
		case len(runs) < 2 || len(runs) < 5 && rng.IntN(4) == 0:
			w, _ := s.create(stores[rng.IntN(2)])
			runs = append(runs, &run{w, map[string]bool{}})
		case rng.IntN(4) == 0:
			n := rng.IntN(len(runs))
			s.close(runs[n].Writer)
			maps.DeleteFunc(owner, func(_ string, r *run) bool { return r == runs[n] })
			runs = slices.Delete(runs, n, n+1)
		default:
			r := runs[rng.IntN(len(runs))]
			var want []string
			free := true
			for range 1 + rng.IntN(3) {
				name := names[rng.IntN(len(names))]
				want = append(want, name)
				free = free && (owner[name] == nil || owner[name] == r)
			}
			err := r.Lock(s.ctx(), want)
			if _, locked := errors.AsType[*journal.LockedError](err); free && err != nil || !free && !locked {
				s.Fatalf("step %d: locking %q, free %v: got %v", step, want, free, err)
			}
			if err == nil {
				for _, name := range want {
					owner[name] = r
				}
			}
		}
		for _, r := range runs {
			s.held(r.Writer)
		}
	}
	for _, r := range runs {
		s.close(r.Writer)
	}
}
