// Package directorytest is the suite that every directory must pass.
package directorytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// Users is how many mailboxes the directory that open gives must hold: user00001 and on, as embedded.Fresh makes them.
const Users = 1203

// Run holds a directory against what directory.System promises. Every open gives a fresh one.
func Run(t *testing.T, open func(t *testing.T) directory.System) {
	for name, test := range map[string]func(*testing.T, directory.System){
		"info":          testInfo,
		"entry":         testEntry,
		"search":        testSearch,
		"filters":       testFilters,
		"stop":          testStop,
		"modify":        testModify,
		"second writer": testSecondWriter,
		"all or none":   testAllOrNone,
		"many writers":  testManyWriters,
		"cancel":        testCancel,
		"notes":         testNotes,
		"rights":        testRights,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func user(t *testing.T, s directory.System, n int) *directory.Entry {
	t.Helper()
	info, err := s.Info(t.Context())
	must(t, err)
	var found *directory.Entry
	must(t, s.Search(t.Context(), directory.Query{Base: info.Default, Scope: directory.Subtree,
		Filter: fmt.Sprintf("(sAMAccountName=user%05d)", n)}, func(e *directory.Entry) error {
		found = e
		return nil
	}))
	if found == nil {
		t.Fatalf("no user %d", n)
	}
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code int) {
	t.Helper()
	var f *value.Failure
	if !errors.As(err, &f) || f.Code != code {
		t.Fatalf("got %v, want a failure with code %d", err, code)
	}
}

func testInfo(t *testing.T, s directory.System) {
	info, err := s.Info(t.Context())
	must(t, err)
	if info.Server == "" || !directory.Under(info.Configuration, info.Default) || info.Default == "" {
		t.Fatalf("got %+v", info)
	}
}

func testEntry(t *testing.T, s directory.System) {
	u := user(t, s, 1)
	e, err := s.Entry(t.Context(), u.DN, "homeMDB", "sAMAccountName", "noSuchThing")
	must(t, err)
	if e.Get("SAMACCOUNTNAME") != "user00001" || e.Get("homemdb") == "" || len(e.Attrs) != 2 {
		t.Fatalf("got %+v", e)
	}
	_, err = s.Entry(t.Context(), "CN=nobody,"+directory.Parent(u.DN))
	wantCode(t, err, value.CodeNotThere)
}

func testSearch(t *testing.T, s directory.System) {
	info, err := s.Info(t.Context())
	must(t, err)
	seen := map[string]bool{}
	must(t, s.Search(t.Context(), directory.Query{Base: info.Default, Scope: directory.Subtree,
		Filter: "(&(objectClass=user)(homeMDB=*))", Attrs: []string{"sAMAccountName"}}, func(e *directory.Entry) error {
		if len(e.Attrs) != 1 {
			t.Errorf("got %+v, want one attribute", e)
		}
		seen[e.Get("sAMAccountName")] = true
		return nil
	}))
	if len(seen) != Users {
		t.Fatalf("got %d users, want %d", len(seen), Users)
	}
	none := directory.Query{Base: "OU=nowhere," + info.Default, Scope: directory.Subtree, Filter: "(objectClass=*)"}
	wantCode(t, s.Search(t.Context(), none, func(*directory.Entry) error { return nil }), value.CodeNotThere)
}

func testFilters(t *testing.T, s directory.System) {
	u := user(t, s, 12)
	for filter, want := range map[string]int{
		"(sAMAccountName=USER00012)":                                                        1,
		"(&(sAMAccountName=user0001*)(!(sAMAccountName=user00012)))":                        8, // 14 is in another container
		"(|(sAMAccountName=user00001)(sAMAccountName=user00002))":                           2,
		"(&(sAMAccountName=us*000*12)(homeMDB=*))":                                          1,
		"(noSuchAttribute=*)":                                                               0,
		"(&(sAMAccountName=user00012)(homeMDB=" + directory.Escape(u.Get("homeMDB")) + "))": 1,
	} {
		n := 0
		must(t, s.Search(t.Context(), directory.Query{Base: directory.Parent(u.DN), Scope: directory.OneLevel, Filter: filter,
			Attrs: []string{"cn"}}, func(*directory.Entry) error { n++; return nil }))
		if n != want {
			t.Errorf("%s: got %d, want %d", filter, n, want)
		}
	}
}

func testStop(t *testing.T, s directory.System) {
	info, err := s.Info(t.Context())
	must(t, err)
	enough, n := errors.New("enough"), 0
	err = s.Search(t.Context(), directory.Query{Base: info.Default, Scope: directory.Subtree, Filter: "(homeMDB=*)"},
		func(*directory.Entry) error {
			if n++; n == 3 {
				return enough
			}
			return nil
		})
	if !errors.Is(err, enough) || n != 3 {
		t.Fatalf("got %v after %d", err, n)
	}
	user(t, s, 1) // and the directory still answers
}

// rehome is the modification that takes u to another server.
func rehome(u *directory.Entry, from, to string) directory.Modification {
	return directory.Modification{DN: u.DN, Edits: []directory.Edit{{Attr: "msExchHomeServerName", Old: []string{from}, New: []string{to}}}}
}

func testModify(t *testing.T, s directory.System) {
	u := user(t, s, 3)
	old := u.Get("msExchHomeServerName")
	must(t, s.Modify(t.Context(), rehome(u, old, "/o=x/cn=Ünïcode, with; marks=1 ")))
	if got := user(t, s, 3).Get("msExchHomeServerName"); got != "/o=x/cn=Ünïcode, with; marks=1 " {
		t.Fatalf("got %q", got)
	}
	n := 0
	must(t, s.Search(t.Context(), directory.Query{Base: directory.Parent(u.DN), Scope: directory.OneLevel,
		Filter: "(msExchHomeServerName=/o=x/*)", Attrs: []string{"cn"}}, func(e *directory.Entry) error { n++; return nil }))
	if n != 1 {
		t.Fatalf("got %d entries by the new value, want 1", n)
	}
	must(t, s.Modify(t.Context(), rehome(u, "/o=x/cn=Ünïcode, with; marks=1 ", old)))
	gone := directory.Modification{DN: "CN=nobody," + directory.Parent(u.DN), Edits: []directory.Edit{{Attr: "description", New: []string{"x"}}}}
	wantCode(t, s.Modify(t.Context(), gone), value.CodeNotThere)
}

func testSecondWriter(t *testing.T, s directory.System) {
	u := user(t, s, 4)
	old := u.Get("msExchHomeServerName")
	must(t, s.Modify(t.Context(), rehome(u, old, "first")))
	wantCode(t, s.Modify(t.Context(), rehome(u, old, "second")), value.CodeConflict)
	if got := user(t, s, 4).Get("msExchHomeServerName"); got != "first" {
		t.Fatalf("got %q, want the first writer's", got)
	}
	again := directory.Modification{DN: u.DN, Edits: []directory.Edit{{Attr: "homeMDB", New: []string{u.Get("homeMDB")}}}}
	wantCode(t, s.Modify(t.Context(), again), value.CodeConflict)
}

func testAllOrNone(t *testing.T, s directory.System) {
	u := user(t, s, 5)
	m := rehome(u, u.Get("msExchHomeServerName"), "moved")
	m.Edits = append(m.Edits, directory.Edit{Attr: "homeMTA", Old: []string{"CN=never there," + directory.Parent(u.DN)}})
	wantCode(t, s.Modify(t.Context(), m), value.CodeConflict)
	if got := user(t, s, 5).Get("msExchHomeServerName"); got == "moved" {
		t.Fatal("half of a refused modification was made")
	}
}

func testManyWriters(t *testing.T, s directory.System) {
	u := user(t, s, 6)
	old := u.Get("msExchHomeServerName")
	var wait sync.WaitGroup
	results := make([]error, 16)
	for i := range results {
		wait.Go(func() { results[i] = s.Modify(t.Context(), rehome(u, old, fmt.Sprint("writer ", i))) })
	}
	wait.Wait()
	won := slices.DeleteFunc(results, func(err error) bool { return err != nil })
	if len(won) != 1 {
		t.Fatalf("got %d writers that won, want 1", len(won))
	}
}

func testCancel(t *testing.T, s directory.System) {
	info, err := s.Info(t.Context())
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Entry(ctx, info.Default); err == nil {
		t.Fatal("got an entry after the context ended")
	}
	if _, err := s.Entry(t.Context(), info.Default); err != nil {
		t.Fatalf("got %v from the next request", err)
	}
}

func testNotes(t *testing.T, s directory.System) {
	const key = `failover "EXCH1" to EXCH2/..`
	note, err := s.Note(t.Context(), key)
	must(t, err)
	if note != nil {
		t.Fatalf("got %q, want none", note)
	}
	must(t, s.SetNote(t.Context(), key, []byte("one")))
	must(t, s.SetNote(t.Context(), key, []byte("two")))
	if note, err = s.Note(t.Context(), key); err != nil || string(note) != "two" {
		t.Fatalf("got %q, %v", note, err)
	}
	must(t, s.SetNote(t.Context(), key, nil))
	if note, err = s.Note(t.Context(), key); err != nil || note != nil {
		t.Fatalf("got %q, %v after it was removed", note, err)
	}
}

func testRights(t *testing.T, s directory.System) {
	u := user(t, s, 7)
	answer, missing, err := s.Writable(t.Context(), u.DN, "homeMDB")
	must(t, err)
	if answer == plan.No || missing != nil {
		t.Fatalf("got %v, %v, want yes or unknown", answer, missing)
	}
}
