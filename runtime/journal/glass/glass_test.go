package glass_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/journal/etcd"
	"github.com/standin-project/standin/runtime/journal/etcd/etcdtest"
	"github.com/standin-project/standin/runtime/journal/file"
	"github.com/standin-project/standin/runtime/journal/glass"
	"github.com/standin-project/standin/runtime/journal/journaltest"
	"github.com/standin-project/standin/runtime/plan"
)

// An address is "folder reason endpoint prefix".
var backend = journaltest.Backend{Open: func(address string) (journal.Store, error) {
	parts := strings.Fields(address)
	return open(parts[0], strings.Trim(parts[1], "-"), parts[2], parts[3])
}}

func open(dir, reason, endpoint, prefix string) (*glass.Store, error) {
	remote, err := etcd.Open(etcd.Config{Endpoints: []string{endpoint}, Prefix: prefix, Lease: 2 * time.Second})
	if err != nil {
		return nil, err
	}
	return glass.New(remote, file.Open(dir), reason), nil
}

func TestMain(m *testing.M) { os.Exit(backend.Main(m)) }

const nowhere = "http://127.0.0.1:9"

func TestBehindBrokenGlassNothingIsAskedOfTheStoreThatIsGone(t *testing.T) {
	b := backend
	b.New = func(t *testing.T) string { return fmt.Sprint(t.TempDir(), " flood ", nowhere, " /site") }
	b.Run(t)
}

func TestBehindWholeGlassAllIsInTheStore(t *testing.T) {
	b, cluster := backend, etcdtest.Start(t, 1)
	b.New = func(t *testing.T) string {
		return fmt.Sprint(t.TempDir(), " - ", cluster.Endpoints()[0], fmt.Sprintf(" /site%d", rand.Uint64()))
	}
	b.Run(t)
}

// site is a site on two hosts with one store.
type site struct {
	*testing.T
	cluster *etcdtest.Cluster
	dir     string
}

func newSite(t *testing.T) *site { return &site{t, etcdtest.Start(t, 1), t.TempDir()} }

func (s *site) whole(dir string) *glass.Store {
	s.Helper()
	store, err := open(dir, "", s.cluster.Endpoints()[0], "/site")
	if err != nil {
		s.Fatal(err)
	}
	return store
}

func (s *site) broken() *glass.Store {
	s.Helper()
	store, err := open(s.dir, "the other site burns", nowhere, "/site")
	if err != nil {
		s.Fatal(err)
	}
	return store
}

func (s *site) merge(store *glass.Store) map[string]error {
	s.Helper()
	became := map[string]error{}
	if err := store.Merge(s.Context(), func(r *journal.Run, err error) error {
		became[r.ID] = err
		return nil
	}); err != nil {
		s.Fatal(err)
	}
	return became
}

func (s *site) load(store *glass.Store, id string) *journal.Run {
	s.Helper()
	r, err := store.Whole(s.Context(), id)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// run makes a run with a large inverse and an order.
func (s *site) run(store *glass.Store, end bool) string {
	s.Helper()
	h := &plan.Header{Script: "failover.dtcl"}
	w, err := store.Create(s.Context(), h)
	if err != nil {
		s.Fatal(err)
	}
	inverse, err := json.Marshal(strings.Repeat("mailbox ", 100_000))
	if err != nil {
		s.Fatal(err)
	}
	entries := []plan.Entry{{Kind: plan.KindIntent, Changes: []plan.Change{{What: "x", Inverse: inverse}}}, {Kind: plan.KindResult, Result: 1.5}}
	if end {
		entries = append(entries, plan.Entry{Kind: plan.KindEnd, State: "done", Ended: time.Now()})
	}
	for i := range entries {
		if err := w.Append(&entries[i], true); err != nil {
			s.Fatal(err)
		}
	}
	if err := store.Send(s.Context(), h.ID, &plan.Order{Kind: plan.OrderStop, Text: "x"}); err != nil {
		s.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.Fatal(err)
	}
	return h.ID
}

func ids(runs []*journal.Run) []string {
	var all []string
	for _, r := range runs {
		all = append(all, r.ID)
	}
	return all
}

func TestRunsBehindBrokenGlassAreListedAndThenMerged(t *testing.T) {
	s := newSite(t)
	whole := s.whole(s.dir)
	before := s.run(whole, true)
	broken := s.broken()
	done, stopped := s.run(broken, true), s.run(broken, false)
	if was := s.load(broken, done); was.BreakGlass != "the other site burns" {
		t.Errorf("the header gives the reason %q", was.BreakGlass)
	}
	was := []*journal.Run{s.load(broken, done), s.load(broken, stopped)}
	want := []string{before, done, stopped}
	check := func(when string, store *glass.Store) {
		t.Helper()
		runs, err := store.List(t.Context())
		if got := ids(runs); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v (%v), want %v", when, got, err, want)
		}
	}
	check("before it is merged", whole)
	if _, _, err := whole.Resume(t.Context(), stopped, plan.Actor{}); err == nil || !strings.Contains(err.Error(), "standin runs merge") {
		t.Errorf("taking an unmerged run up: got %v, want the way out", err)
	}

	// One that is at work stays.
	w, _, err := broken.Resume(t.Context(), stopped, plan.Actor{Who: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	became := s.merge(whole)
	if _, busy := errors.AsType[*journal.BusyError](became[stopped]); !busy || became[done] != nil || len(became) != 2 {
		t.Errorf("got %v", became)
	}
	check("while one is at work", whole)
	w.Close()
	if became := s.merge(whole); became[stopped] != nil || len(became) != 1 {
		t.Errorf("got %v", became)
	}
	if became := s.merge(whole); len(became) != 0 {
		t.Errorf("all are merged: got %v", became)
	}
	far := s.whole(t.TempDir()) // another host
	check("merged", far)
	for _, r := range was {
		got := s.load(far, r.ID)
		one, _ := json.Marshal(r)
		other, _ := json.Marshal(got)
		if !bytes.Equal(one, other) {
			t.Errorf("run %s came as\n%.300s\nwant\n%.300s", r.ID, other, one)
		}
		if orders, err := far.Orders(t.Context(), r.ID, 0); err != nil || len(orders) != 1 || orders[0].Kind != plan.OrderStop {
			t.Errorf("its orders came as %v, %v", orders, err)
		}
	}
	w, _, err = far.Resume(t.Context(), stopped, plan.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}

// A merge that was cut short anywhere is made whole by the next.
func TestAMergeThatWasCutShortGoesOn(t *testing.T) {
	s := newSite(t)
	id := s.run(s.broken(), true)
	whole := s.whole(s.dir)
	remote, err := etcd.Open(etcd.Config{Endpoints: s.cluster.Endpoints(), Prefix: "/site", Lease: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	full := s.load(whole, id)
	for n := 1; n <= len(full.Entries); n++ { // as an importer that dies after n entries leaves it
		part := *full
		part.Entries = full.Entries[:n]
		if err := remote.Import(t.Context(), &part, nil); err != nil {
			t.Fatalf("%d entries: %v", n, err)
		}
		if runs, err := whole.List(t.Context()); err != nil || len(runs) != 1 {
			t.Errorf("%d entries: the run is listed %d times (%v)", n, len(runs), err)
		}
	}
	// Somebody has gone on with it on another host before it was moved aside here.
	w, r, err := remote.Resume(t.Context(), id, plan.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(&plan.Entry{Kind: plan.KindUndo, State: "begun"}, true); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if became := s.merge(whole); became[id] != nil || len(became) != 1 {
		t.Errorf("got %v", became)
	}
	if got := s.load(s.whole(t.TempDir()), id); len(got.Entries) != len(r.Entries)+1 {
		t.Errorf("got %d entries, want %d", len(got.Entries), len(r.Entries)+1)
	}
}

func TestAnotherRunOfThatIDIsNotOverwritten(t *testing.T) {
	s := newSite(t)
	id := s.run(s.broken(), true)
	remote, err := etcd.Open(etcd.Config{Endpoints: s.cluster.Endpoints(), Prefix: "/site", Lease: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	other := &journal.Run{Header: plan.Header{ID: id, Script: "other.dtcl"}}
	other.Entries = []plan.Entry{{Seq: 1, Kind: plan.KindRun, Header: &other.Header}}
	if err := remote.Import(t.Context(), other, nil); err != nil {
		t.Fatal(err)
	}
	if became := s.merge(s.whole(s.dir)); became[id] == nil || !strings.Contains(became[id].Error(), id) {
		t.Errorf("got %v, want the run named", became)
	}
	if got, err := remote.Load(t.Context(), id); err != nil || got.Script != "other.dtcl" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, id+".journal")); err != nil {
		t.Errorf("the run that could not be merged is not where it was: %v", err)
	}
}

// A secret is the same secret behind the glass, so that a merged run can be resumed with it.
func TestASecretHasOneFingerprintOnBothSides(t *testing.T) {
	s := newSite(t)
	far := s.whole(t.TempDir())
	s.run(far, true) // the first host makes the key
	s.run(s.whole(s.dir), true)
	one, err := far.Fingerprint("hunter2")
	if err != nil {
		t.Fatal(err)
	}
	if two, err := s.broken().Fingerprint("hunter2"); err != nil || one != two {
		t.Errorf("got %s (%v), want %s", two, err, one)
	}
}

// What is on this host can be seen while the store is away.
func TestAStoreThatIsAwayHidesNothingOfThisHost(t *testing.T) {
	s := newSite(t)
	id := s.run(s.broken(), true)
	s.cluster.Kill(0)
	runs, err := s.whole(s.dir).List(t.Context())
	if _, gone := errors.AsType[*journal.UnreachableError](err); !gone || len(runs) != 1 || runs[0].ID != id {
		t.Errorf("got %v, %v", ids(runs), err)
	}
	if got := s.load(s.whole(s.dir), id).State; got != plan.Done {
		t.Errorf("got %s, want done", got)
	}
	if err := s.whole(s.dir).Merge(t.Context(), func(*journal.Run, error) error { return nil }); err == nil {
		t.Error("merged into a store that is away")
	}
}
