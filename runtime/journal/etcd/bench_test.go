package etcd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/journal/etcd/etcdtest"
	"github.com/standin-project/standin/runtime/plan"
)

func start(b *testing.B) (journal.Store, journal.Writer, string) {
	b.Helper()
	s := open(b, address(etcdtest.Start(b, 1).Endpoints()))
	w, id := create(b, s)
	b.Cleanup(func() { w.Close() })
	lock(b, w, "group")
	return s, w, id
}

func BenchmarkAppend(b *testing.B) {
	_, w, _ := start(b)
	for b.Loop() {
		if err := w.Append(&plan.Entry{Kind: plan.KindIntent, Place: "1.2", Command: "CLUSTER west GROUP G ONLINE"}, true); err != nil {
			b.Fatal(err)
		}
	}
}

// Held is asked before every effect.
func BenchmarkHeld(b *testing.B) {
	_, w, _ := start(b)
	for b.Loop() {
		if err := w.Held(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// A run of ten thousand changes is read.
func BenchmarkLoad(b *testing.B) {
	s, w, id := start(b)
	for range 30_000 {
		if err := w.Append(&plan.Entry{Kind: plan.KindResult, Place: "1.2", Command: "CLUSTER west GROUP G ONLINE"}, false); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Append(&plan.Entry{Kind: plan.KindEnd, State: "done"}, true); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r, err := s.Load(b.Context(), id); err != nil || len(r.Entries) != 30_002 {
			b.Fatal(err)
		}
	}
}

// Listing is what an operator does first: a thousand runs that have ended.
func BenchmarkList(b *testing.B) {
	s, _, _ := start(b)
	for range 1000 {
		w, err := s.Create(b.Context(), &plan.Header{Script: "x.dtcl", Texts: map[string]string{"x.dtcl": strings.Repeat("WRITE 1;\n", 1000)}})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Append(&plan.Entry{Kind: plan.KindEnd, State: "done", Ended: time.Now()}, true); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if runs, err := s.List(b.Context()); err != nil || len(runs) != 1001 {
			b.Fatal(len(runs), err)
		}
	}
}
