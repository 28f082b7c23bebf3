package exchange_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// takeBack takes changes back, the last one first, and gives what could not be.
func (s *site) takeBack(changes []plan.Change) error {
	s.t.Helper()
	cmd, _ := s.parse(failover)
	var failed []error
	for _, c := range slices.Backward(changes) {
		if err := cmd.Undo(s.t.Context(), c.Inverse); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// A run that was cut off anywhere is undone by what it recorded first: at once, after it was run again, and after the undo
// itself was cut off.
func TestUndoAfterACut(t *testing.T) {
	const setup = "EXCHFAILOVER -SETUP -FAILOVER -s EXCH1 -t EXCH2"
	for _, test := range []struct{ before, line string }{{"", setup}, {"", failover}, {setup, failover}, {failover, failback}} {
		s := newSite(t, embedded.Fresh{Users: 5})
		if test.before != "" {
			s.must(test.before)
		}
		start, note := s.ldif(), s.note()
		restored := func(how string, n int) {
			t.Helper()
			if got := s.ldif(); got != start || s.note() != note {
				t.Fatalf("%s, cut off after %d writes and undone %s, left:\n%s\nnote %.60q, want %.60q", test.line, n, how, diff(start, got), s.note(), note)
			}
		}
		for n := 0; ; n++ {
			cut := s.dies(test.line, n)
			changes := s.changes
			s.undo(changes)
			restored("at once", n)
			if s.dies(test.line, n); cut {
				s.must(test.line)
			}
			s.wrap = &serial{&breaker{s.dir, n / 2}, make(chan struct{}, 1)}
			half := s.takeBack(changes)
			if s.wrap = nil; half != nil && !errors.Is(half, errDied) {
				t.Fatal(half)
			}
			s.undo(changes)
			restored("in two goes after it was run again", n)
			s.undo(changes)
			restored("twice", n)
			if !cut {
				break
			}
		}
	}
}

// note is the record of the failover.
func (s *site) note() string {
	s.t.Helper()
	note, err := s.dir.Note(s.t.Context(), "failover-exch1-to-exch2")
	if err != nil {
		s.t.Fatal(err)
	}
	return string(note)
}

// What somebody else has changed since stays as it is, and is named with what was wanted; all else goes back.
func TestUndoLeavesTheChangesOfOthers(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 6})
	before := s.ldif()
	s.must(failover)
	changes := s.changes
	const user = "CN=user00003,CN=Users,DC=mydomain,DC=com"
	s.must(`EXCHANGE MOVE MAILBOX user00003 TO EXCH2 "Sales Store (EXCH2)"`)
	moved := s.changes
	s.must("EXCHANGE BINDING REMOVE 10.1.0.5 FROM EXCH2")
	err := s.takeBack(changes)
	if !value.HasCode(err, value.CodeRefused) || !strings.Contains(err.Error(), user) ||
		!strings.Contains(err.Error(), `homeMDB: got ["CN=Sales Store (EXCH2)`) || !strings.Contains(err.Error(), `want ["CN=Mailbox Store (EXCH2)`) {
		t.Fatalf("got %v, want the mailbox with what was found and wanted", err)
	}
	e, err := s.dir.Entry(t.Context(), user, "homeMDB", "msExchHomeServerName")
	if err != nil || directory.Name(e.Get("homeMDB")) != "Sales Store (EXCH2)" || !strings.HasSuffix(e.Get("msExchHomeServerName"), "EXCH2") {
		t.Errorf("the mailbox that somebody moved is half undone: %+v, %v", e, err)
	}
	if n := s.users("EXCH1"); n != 5 {
		t.Errorf("got %d mailboxes back on EXCH1, want the other 5", n)
	}
	s.undo(moved)
	if s.undo(changes); s.ldif() != before {
		t.Errorf("undone again when the mailbox is as it was left, the directory differs:\n%s", diff(before, s.ldif()))
	}
}

// The record of a failover that was failed back since is another one: it stays.
func TestUndoLeavesAnotherFailoversRecord(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 3})
	s.must(failover)
	changes := s.changes
	s.must(failback)
	note := s.note()
	err := s.takeBack(changes[:1])
	if !value.HasCode(err, value.CodeRefused) || !strings.Contains(err.Error(), "it is closed") || s.note() != note {
		t.Errorf("got %v and the record %.40q, want a refusal and the record %.40q", err, s.note(), note)
	}
}

// counting counts what a directory is asked.
type counting struct {
	directory.System
	entries, searches atomic.Int64
}

func (c *counting) Entry(ctx context.Context, dn string, attrs ...string) (*directory.Entry, error) {
	c.entries.Add(1)
	return c.System.Entry(ctx, dn, attrs...)
}

func (c *counting) Search(ctx context.Context, q directory.Query, found func(*directory.Entry) error) error {
	c.searches.Add(1)
	return c.System.Search(ctx, q, found)
}

// Many mailboxes are read by one search for each change, not one by one.
func TestUndoOfManyReadsAtOnce(t *testing.T) {
	const users = 1000
	s := newSite(t, embedded.Fresh{Users: users})
	before := s.ldif()
	s.must(failover)
	changes := s.changes
	gone := &counting{System: s.dir}
	s.wrap = gone
	s.undo(changes)
	if entries, searches := gone.entries.Load(), gone.searches.Load(); entries > 200 || searches > int64(len(changes)) {
		t.Errorf("%d mailboxes were undone with %d reads of one entry and %d searches", users, entries, searches)
	}
	if s.wrap = nil; s.ldif() != before {
		t.Errorf("the directory differs:\n%s", diff(before, s.ldif()))
	}
}
