package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/journal/etcd"
	"github.com/standin-project/standin/runtime/journal/etcd/etcdtest"
	"github.com/standin-project/standin/runtime/journal/journaltest"
	"github.com/standin-project/standin/runtime/plan"
)

// lease is short, so that tests need not wait long for one that runs out.
const lease = 2 * time.Second

// An address is a prefix, a lease and the members: "/site 2s http://… http://…".
var backend = journaltest.Backend{Open: func(address string) (journal.Store, error) {
	parts := strings.Fields(address)
	lease, err := time.ParseDuration(parts[1])
	if err != nil {
		return nil, err
	}
	return etcd.Open(etcd.Config{Prefix: parts[0], Endpoints: parts[2:], Lease: lease})
}}

func TestMain(m *testing.M) { os.Exit(backend.Main(m)) }

func address(endpoints []string) string { return leased(lease, endpoints) }

func leased(lease time.Duration, endpoints []string) string {
	return fmt.Sprintf("/site%d %s %s", rand.Uint64(), lease, strings.Join(endpoints, " "))
}

func open(t testing.TB, address string) journal.Store {
	t.Helper()
	s, err := backend.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t testing.TB, s journal.Store) (journal.Writer, string) {
	t.Helper()
	h := &plan.Header{Script: "x.dtcl", Who: "ann", Host: "hostA"}
	w, err := s.Create(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return w, h.ID
}

func lock(t testing.TB, w journal.Writer, name string) {
	t.Helper()
	if err := w.Lock(t.Context(), []string{name}); err != nil {
		t.Fatal(err)
	}
}

// until takes a lock when its holder has lost it.
func until(t *testing.T, w journal.Writer, name string) {
	t.Helper()
	for {
		err := w.Lock(t.Context(), []string{name})
		if err == nil {
			return
		}
		if _, locked := errors.AsType[*journal.LockedError](err); !locked {
			t.Fatal(err)
		}
	}
}

func texts(t *testing.T, s journal.Store, id string) []string {
	t.Helper()
	r, err := s.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i, e := range r.Entries {
		if e.Seq != i+1 {
			t.Fatalf("entry %d has the seq %d", i+1, e.Seq)
		}
		if e.Kind != plan.KindRun && e.Kind != plan.KindEnd {
			all = append(all, e.Text)
		}
	}
	return all
}

func TestStore(t *testing.T) {
	b, cluster := backend, etcdtest.Start(t, 1)
	b.New = func(*testing.T) string { return address(cluster.Endpoints()) }
	b.Run(t)
}

// A network that loses requests, and answers to requests that were carried out, changes nothing but the time.
func TestStoreOverALossyNetwork(t *testing.T) {
	b, cluster := backend, etcdtest.Start(t, 1)
	to, err := url.Parse(cluster.Endpoints()[0])
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:    &lossy{rng: rand.New(rand.NewPCG(3, 4))},
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	defer proxy.Close()
	b.New = func(*testing.T) string { return leased(4*lease, []string{proxy.URL}) } // what is lost costs time
	b.Run(t)
}

type lossy struct {
	mu  sync.Mutex
	rng *rand.Rand
}

var errLost = errors.New("lost")

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	fate := l.rng.IntN(12)
	l.mu.Unlock()
	if fate == 0 {
		return nil, errLost
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && fate < 4 {
		answer.Body.Close()
		return nil, errLost
	}
	return answer, err
}

// What the store has taken is there once, whatever becomes of the members; and a run goes on through an election.
func TestAKilledLeaderLosesNothingAndRepeatsNothing(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	at := address(cluster.Endpoints())
	s := open(t, at)
	w, id := create(t, s)
	lock(t, w, "group")
	var want []string
	for round := range 3 {
		killed := make(chan int)
		go func() {
			leader := cluster.Leader()
			cluster.Kill(leader)
			killed <- leader
		}()
		for n, dead := 0, -1; dead < 0 || n < 20; n++ {
			text := fmt.Sprintf("%d.%d", round, n)
			if err := w.Append(&plan.Entry{Kind: plan.KindIntent, Text: text}, n%3 > 0); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			want = append(want, text)
			select {
			case dead = <-killed:
				n = 0
				cluster.Run(dead)
			default:
			}
			if err := w.Held(t.Context()); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	}
	if err := w.Append(&plan.Entry{Kind: plan.KindEnd, State: "done"}, true); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, open(t, at), id); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A holder that was stopped for longer than its lease wakes up believing that it holds the lock.
func TestAHolderThatWakesUpLateIsRefused(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	for _, successor := range []bool{true, false} {
		for _, next := range []string{"held", "append late", "lock another"} {
			t.Run(fmt.Sprintf("%s, successor %v", next, successor), func(t *testing.T) {
				t.Parallel()
				at := address(cluster.Endpoints())
				s := open(t, at)
				late := journaltest.Start(t, at)
				late.Do("lock group")
				late.Do("append before")
				late.Do("held")
				late.Stop()
				mine, _ := create(t, s)
				other := "group"
				if !successor {
					other = "group that was locked with it"
					stopped(t, s, late.ID)
				}
				until(t, mine, other)
				late.Continue()
				if got := late.Say(next); !strings.HasPrefix(got, "refused *journal.LostError: group is not held any more") {
					t.Errorf("%s: %s", next, got)
				}
				if got := late.Say("held"); !strings.HasPrefix(got, "refused *journal.LostError") {
					t.Errorf("and then: %s", got)
				}
				if got := texts(t, s, late.ID); len(got) != 1 {
					t.Errorf("the late one's journal has %v, want what it wrote before", got)
				}
				if err := mine.Held(t.Context()); err != nil {
					t.Errorf("the other holder does not go on: %v", err)
				}
				if err := mine.Append(&plan.Entry{Kind: plan.KindIntent}, true); err != nil {
					t.Errorf("the other holder does not go on: %v", err)
				}
				mine.Close()
			})
		}
	}
}

// stopped waits until etcd has seen that a run's lease has run out.
func stopped(t *testing.T, s journal.Store, id string) {
	t.Helper()
	for {
		r, err := s.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Alive {
			return
		}
	}
}

// A run that was taken over belongs to who has taken it: the first writer cannot add to it.
func TestARunThatWasTakenOverIsNotWrittenByTheFirst(t *testing.T) {
	at := address(etcdtest.Start(t, 1).Endpoints())
	s := open(t, at)
	late := journaltest.Start(t, at)
	late.Do("append before")
	late.Stop()
	stopped(t, s, late.ID)
	w, r, err := s.Resume(t.Context(), late.ID, plan.Actor{Who: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Entries) != 2 {
		t.Fatalf("got %d entries", len(r.Entries))
	}
	if err := w.Append(&plan.Entry{Kind: plan.KindResume, Text: "mine"}, true); err != nil {
		t.Fatal(err)
	}
	late.Continue()
	if got := late.Say("append late"); !strings.HasPrefix(got, "refused *journal.LostError: the run") {
		t.Error(got)
	}
	if err := w.Append(&plan.Entry{Kind: plan.KindWrite, Text: "too"}, true); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got := strings.Join(texts(t, s, late.ID), " "); got != "before mine too" {
		t.Errorf("got %s", got)
	}
}

// A later taking of a lock has a higher token, whenever its run began.
func TestTokensGrowWithEveryTakingOfALock(t *testing.T) {
	at := address(etcdtest.Start(t, 1).Endpoints())
	s := open(t, at)
	early, _ := create(t, s)
	first, id := create(t, s)
	lock(t, first, "group")
	one := first.Token()
	e := plan.Entry{Kind: plan.KindIntent}
	if err := first.Append(&e, true); err != nil || e.Token != one {
		t.Errorf("the intent has the token %d (%v), want %d", e.Token, err, one)
	}
	first.Close()
	lock(t, early, "group")
	if two := early.Token(); two <= one {
		t.Errorf("the second taking has the token %d, not above %d", two, one)
	}
	early.Close()
	again, _, err := s.Resume(t.Context(), id, plan.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Token() <= one {
		t.Errorf("the resumed run has the token %d, not above %d", again.Token(), one)
	}
	again.Close()
}

// A child cannot begin under a parent that has lost its lease.
func TestNoChildBeginsUnderALostParent(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	at := address(cluster.Endpoints())
	s := open(t, at)
	parent, id := create(t, s)
	lock(t, parent, "group")
	cluster.Delete(strings.Fields(at)[0] + "/locks/group")
	if err := parent.Append(&plan.Entry{Kind: plan.KindIntent}, true); err == nil {
		t.Fatal("an intent was journaled without the lock")
	}
	child, err := s.Create(t.Context(), &plan.Header{Script: "online.dtcl", Parent: id})
	if _, lost := errors.AsType[*journal.LostError](err); !lost {
		t.Errorf("got %v, %v, want a LostError", child, err)
	}
	parent.Close()
}

// Locks that somebody has removed by hand are lost, though the lease is there.
func TestALockThatWasRemovedByHandIsLost(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	at := address(cluster.Endpoints())
	w, _ := create(t, open(t, at))
	lock(t, w, "group")
	cluster.Delete(strings.Fields(at)[0] + "/locks/group")
	if _, lost := errors.AsType[*journal.LostError](w.Append(&plan.Entry{Kind: plan.KindIntent}, true)); !lost {
		t.Error("an intent was journaled without the lock")
	}
	if _, lost := errors.AsType[*journal.LostError](w.Held(t.Context())); !lost {
		t.Error("the lock still counts as held")
	}
	w.Close()
}

func TestADamagedJournalIsNotGoneOnWith(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	at := address(cluster.Endpoints())
	s := open(t, at)
	w, id := create(t, s)
	for range 3 {
		if err := w.Append(&plan.Entry{Kind: plan.KindIntent}, true); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	cluster.Delete(strings.Fields(at)[0] + "/runs/" + id + "/entries/0000000003")
	r, err := s.Load(t.Context(), id)
	if err != nil || !r.Damaged || len(r.Entries) != 3 {
		t.Errorf("got %+v, %v", r, err)
	}
	_, _, err = s.Resume(t.Context(), id, plan.Actor{})
	if d, ok := errors.AsType[*journal.DamagedError](err); !ok || d.Seq != 3 {
		t.Errorf("got %v, want entry 3 named", err)
	}
	if err := s.Follow(t.Context(), id, 0, func(plan.Entry) error { return nil }); err == nil {
		t.Error("a follower does not see the damage")
	}
}

// A cluster without a majority is named, in bounded time.
func TestAClusterThatDoesNotAnswerIsNamed(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	s := open(t, address(cluster.Endpoints()))
	w, id := create(t, s)
	lock(t, w, "group")
	cluster.Kill(0)
	cluster.Kill(1)
	_, err := s.List(t.Context())
	if u, ok := errors.AsType[*journal.UnreachableError](err); !ok || !strings.Contains(u.Error(), cluster.Endpoints()[0]) {
		t.Errorf("got %v, want an UnreachableError that names the members", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Load(ctx, id); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was cancelled gives %v", err)
	}
	if err := w.Append(&plan.Entry{Kind: plan.KindIntent}, true); err == nil {
		t.Error("an intent was journaled without a majority")
	}
	if _, lost := errors.AsType[*journal.LostError](w.Held(t.Context())); !lost {
		t.Error("the lock counts as held, but nobody can tell")
	}
	first := w.Append(&plan.Entry{Kind: plan.KindIntent}, true)
	cluster.Run(0)
	cluster.Leader()
	if again := w.Append(&plan.Entry{Kind: plan.KindIntent}, true); !errors.Is(again, first) {
		t.Errorf("got %v, want the first failure: %v", again, first)
	}
	w.Close()
}

// Who has no certificate of the cluster's authority is not let in, and a cluster of another authority is not trusted.
func TestCertificates(t *testing.T) {
	cluster, files := etcdtest.StartTLS(t, 1)
	_, strange := etcdtest.StartTLS(t, 1)
	try := func(files etcdtest.Files) error {
		config, err := etcd.TLS(files.CA, files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		s, err := etcd.Open(etcd.Config{Prefix: "/site", Endpoints: cluster.Endpoints(), Lease: lease, TLS: config})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		w, err := s.Create(t.Context(), &plan.Header{Script: "x.dtcl"})
		if err != nil {
			return err
		}
		return w.Close()
	}
	if err := try(files); err != nil {
		t.Errorf("with the right certificate: %v", err)
	}
	for what, files := range map[string]etcdtest.Files{
		"no certificate": {CA: files.CA}, "another authority's certificate": {CA: files.CA, Cert: strange.Cert, Key: strange.Key},
		"another authority": {CA: strange.CA, Cert: files.Cert, Key: files.Key},
	} {
		if err := try(files); err == nil {
			t.Errorf("%s: let in", what)
		} else {
			t.Log(err)
		}
	}
	if _, err := etcd.TLS("", files.Cert, files.Cert); err == nil || !strings.Contains(err.Error(), files.Cert) {
		t.Errorf("a key that is none: got %v, want its file named", err)
	}
	if _, err := etcd.TLS(files.Key, "", ""); err == nil || !strings.Contains(err.Error(), files.Key) {
		t.Errorf("a CA that is none: got %v, want its file named", err)
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	for _, c := range []etcd.Config{
		{Lease: lease}, {Endpoints: []string{"http://127.0.0.1:1"}, Lease: time.Second},
		{Endpoints: []string{"http://127.0.0.1:1"}, Lease: 2500 * time.Millisecond},
	} {
		if _, err := etcd.Open(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
