package journaltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

func (s *suite) readBack() {
	writing, reading := s.open(), s.open()
	w, id := s.create(writing)
	change := plan.Change{System: "dns d", What: "A x", To: "1", Inverse: json.RawMessage(`{"was":"<2>"}`)}
	s.add(w, plan.Entry{Kind: plan.KindIntent, Place: "1", Command: "DNS ADD …", Changes: []plan.Change{change}})
	if got := s.load(reading, id); got.State != plan.Running || !got.Alive {
		s.Errorf("while its process lives: %s, alive %v, want running", got.State, got.Alive)
	}
	s.end(w, plan.Done)
	r := s.load(reading, id)
	if r.Alive {
		s.Error("its process reads as alive")
	}
	if r.State != plan.Done || r.ID != id || r.Script != "x.dtcl" || r.Who != "ann" || len(r.Entries) != 3 || r.Ended.IsZero() || r.Started.IsZero() {
		s.Fatalf("got %+v", r)
	}
	if got := r.Entries[1]; got.Command != "DNS ADD …" || len(got.Changes) != 1 || got.Changes[0].What != "A x" {
		s.Errorf("got the intent %+v", got)
	}
	s.counted(r, 3)
	if r.Torn || r.Damaged {
		s.Error("it reads as torn or damaged")
	}
}

// counted tests that a run has n entries, counted from 1 without a gap.
func (s *suite) counted(r *journal.Run, n int) {
	s.Helper()
	if len(r.Entries) != n {
		s.Errorf("got %d entries, want %d", len(r.Entries), n)
	}
	for i, e := range r.Entries {
		if e.Seq != i+1 {
			s.Fatalf("entry %d has seq %d", i, e.Seq)
		}
	}
}

func (s *suite) manyGoroutines() {
	store := s.open()
	w, id := s.create(store)
	const branches, each = 8, 25
	var all sync.WaitGroup
	for b := range branches {
		all.Go(func() {
			for n := range each {
				e := plan.Entry{Kind: plan.KindRead, Place: fmt.Sprint(b), Attempt: n}
				if err := w.Append(&e, n%5 == 4); err != nil {
					s.Errorf("branch %d: %v", b, err)
					return
				}
			}
		})
	}
	all.Wait()
	s.end(w, plan.Done)
	r := s.load(store, id)
	s.counted(r, branches*each+2)
	last := map[string]int{}
	for _, e := range r.Entries[1 : len(r.Entries)-1] {
		if last[e.Place] != e.Attempt {
			s.Fatalf("branch %s: entry %d comes where %d should", e.Place, e.Attempt, last[e.Place])
		}
		last[e.Place]++
	}
}

func (s *suite) stopped() {
	store := s.open()
	w, id := s.create(store)
	s.close(w)
	if got := s.load(store, id).State; got != plan.Stopped {
		s.Errorf("got %s, want stopped", got)
	}
}

func (s *suite) question() {
	store := s.open()
	w, id := s.create(store)
	s.add(w, plan.Entry{Kind: plan.KindAsk, Place: "2", State: "asked", Text: "go?"})
	s.add(w, plan.Entry{Kind: plan.KindAsk, Place: "3", State: "asked", Text: "and this?"})
	s.add(w, plan.Entry{Kind: plan.KindAsk, Place: "3", State: "answered", Text: "and this?"})
	s.add(w, plan.Entry{Kind: plan.KindStep, Place: "4", State: "done"}) // another branch of a PARALLEL goes on
	s.close(w)
	if got := s.load(store, id).State; got != plan.Waiting {
		s.Errorf("got %s, want waiting", got)
	}
	w, _ = s.resume(store, id)
	s.add(w, plan.Entry{Kind: plan.KindUndo, State: "back", Of: 2})
	s.close(w)
	if got := s.load(store, id).State; got != plan.Stopped {
		s.Errorf("taken back to before the question: got %s, want stopped", got)
	}
}

func (s *suite) listed() {
	store := s.open()
	if runs, err := store.List(s.ctx()); err != nil || len(runs) != 0 {
		s.Errorf("an empty store: %v, %v", runs, err)
	}
	var want []string
	states := []plan.State{plan.Done, plan.Failed, plan.Stopped, plan.Running, plan.Undone}
	for n := range 12 {
		h := somebody
		h.Texts = map[string]string{"x.dtcl": strings.Repeat("WRITE 1;\n", 1000)}
		w := s.createAs(store, &h)
		state := states[n%len(states)]
		switch state {
		case plan.Stopped:
			s.close(w)
		case plan.Running:
			defer s.close(w)
		default:
			s.end(w, state)
		}
		want = append(want, fmt.Sprint(h.ID, " ", state))
	}
	runs, err := s.open().List(s.ctx())
	if err != nil {
		s.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, fmt.Sprint(r.ID, " ", r.State))
		if r.Entries != nil || r.Texts != nil || r.Script != "x.dtcl" || r.Ended.IsZero() != slices.Contains([]plan.State{plan.Stopped, plan.Running}, r.State) {
			s.Errorf("got %+v", r)
		}
	}
	if !slices.Equal(got, want) {
		s.Errorf("got  %v\nwant %v", got, want)
	}
}

func (s *suite) crowd() {
	stores := []journal.Store{s.open(), s.open()}
	const many = 40
	var all sync.WaitGroup
	ids := make([]string, many)
	for n := range many {
		all.Go(func() {
			h := somebody
			w, err := stores[n%2].Create(s.ctx(), &h)
			if err != nil {
				s.Error(err)
				return
			}
			ids[n] = h.ID
			if err := w.Lock(s.ctx(), []string{h.ID}); err != nil {
				s.Errorf("run %s cannot lock what nobody else wants: %v", h.ID, err)
			}
			if err := w.Close(); err != nil {
				s.Error(err)
			}
		})
	}
	all.Wait()
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != many {
		s.Fatalf("%d runs have %d IDs", many, n)
	}
	runs, err := stores[0].List(s.ctx())
	if err != nil || len(runs) != many {
		s.Fatalf("%d of %d runs are listed (%v)", len(runs), many, err)
	}
}

func (s *suite) noRun() {
	store := s.open()
	w, id := s.create(store)
	defer s.close(w)
	for _, id := range []string{"nope", "../nope", "", ".", "..", id + "/1", "a/../" + id} {
		_, loaded := store.Load(s.ctx(), id)
		_, _, resumed := store.Resume(s.ctx(), id, plan.Actor{})
		_, ordered := store.Orders(s.ctx(), id, 0)
		for what, err := range map[string]error{
			"Load": loaded, "Resume": resumed, "Orders": ordered, "Send": store.Send(s.ctx(), id, &plan.Order{}),
			"Follow": store.Follow(s.ctx(), id, 0, func(plan.Entry) error { return nil }),
		} {
			if !errors.Is(err, journal.ErrNoRun) {
				s.Errorf("%s of %q: got %v, want ErrNoRun", what, id, err)
			}
		}
	}
}

func (s *suite) resumed() {
	first, second := s.open(), s.open()
	w, id := s.create(first)
	s.add(w, plan.Entry{Kind: plan.KindWrite, Text: "one"})
	s.close(w)
	w, r := s.resume(second, id)
	s.counted(r, 2)
	if r.State != plan.Stopped || r.Entries[1].Text != "one" {
		s.Errorf("got %+v", r)
	}
	if got := s.load(first, id).State; got != plan.Running {
		s.Errorf("taken over: got %s, want running", got)
	}
	s.add(w, plan.Entry{Kind: plan.KindWrite, Text: "two"})
	s.end(w, plan.Done)
	r = s.load(first, id)
	s.counted(r, 4)
	if r.State != plan.Done || r.Entries[2].Text != "two" {
		s.Errorf("got %+v", r)
	}
}

func (s *suite) busy() {
	first, second := s.open(), s.open()
	w, id := s.create(first)
	refused := func(want string) {
		s.Helper()
		for _, store := range []journal.Store{first, second} {
			_, _, err := store.Resume(s.ctx(), id, plan.Actor{})
			busy, ok := errors.AsType[*journal.BusyError](err)
			if !ok || busy.Holder.ID != id || busy.Holder.Who != want {
				s.Fatalf("got %v, want a BusyError that names %s", err, want)
			}
		}
	}
	refused("ann")
	s.close(w)
	w, _ = s.resume(second, id)
	s.add(w, plan.Entry{Kind: plan.KindResume, By: &plan.Actor{Who: "bob", Host: "hostB", PID: 4712}, Started: time.Now()})
	refused("bob")
	s.close(w)
}

func (s *suite) again() {
	store := s.open()
	w, id := s.create(store)
	s.end(w, plan.Done)
	w, r := s.resume(store, id)
	if r.State != plan.Done {
		s.Errorf("got %s, want done", r.State)
	}
	s.add(w, plan.Entry{Kind: plan.KindUndo, State: "begun"})
	if got := s.load(store, id); got.State != plan.Running || !got.Ended.IsZero() {
		s.Errorf("while it is undone: got %s, ended %s", got.State, got.Ended)
	}
	s.end(w, plan.Undone)
	if got := s.load(store, id).State; got != plan.Undone {
		s.Errorf("got %s, want undone", got)
	}
}

func (s *suite) inverses() {
	store := s.open()
	w, id := s.create(store)
	large, err := json.Marshal(bytes.Repeat([]byte("<mailbox>"), 200_000)) // above 2 MB
	if err != nil {
		s.Fatal(err)
	}
	e := plan.Entry{Kind: plan.KindIntent, Changes: []plan.Change{
		{System: "a", What: "small", Inverse: json.RawMessage(`1`)}, {System: "a", What: "none"}, {System: "a", What: "large", Inverse: large},
	}}
	s.add(w, e)
	if string(e.Changes[2].Inverse) != string(large) {
		s.Error("writing an entry changed it")
	}
	s.add(w, plan.Entry{Kind: plan.KindResult})
	s.close(w)
	whole, err := store.Whole(s.ctx(), id)
	if err != nil {
		s.Fatal(err)
	}
	w, r := s.resume(s.open(), id)
	s.counted(r, 3)
	got := r.Entries[1]
	if !bytes.Equal(whole.Entries[1].Changes[2].Inverse, large) {
		s.Error("the whole run lacks its large inverse")
	}
	if got.Aside != "" || string(got.Changes[0].Inverse) != `1` || got.Changes[1].Inverse != nil || !bytes.Equal(got.Changes[2].Inverse, large) {
		s.Errorf("aside %q; got inverses of %d, %d and %d bytes, want 1, 0 and %d", got.Aside, len(got.Changes[0].Inverse), len(got.Changes[1].Inverse), len(got.Changes[2].Inverse), len(large))
	}
	s.end(w, plan.Done)
}

func (s *suite) fingerprint() {
	print := func(store journal.Store, secret string) string {
		s.Helper()
		got, err := store.Fingerprint(secret)
		if err != nil {
			s.Fatal(err)
		}
		return got
	}
	store := s.open()
	one := print(store, "hunter2")
	if again := print(s.open(), "hunter2"); again != one {
		s.Errorf("the same secret gives %s and %s", one, again)
	}
	other, err := s.Open(s.New(s.T))
	if err != nil {
		s.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // only its key was used
	if one == print(store, "hunter3") || one == print(other, "hunter2") || strings.Contains(one, "hunter") {
		s.Errorf("%s says too much or too little", one)
	}
}
