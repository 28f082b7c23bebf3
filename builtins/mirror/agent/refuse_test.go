package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
	"github.com/standin-project/standin/runtime/value"
)

// A state that cannot be kept is not in force: a takeover that failed has not happened.
func TestFailedSave(t *testing.T) {
	s, dir := pairOf(t, Options{})
	ctx := t.Context()
	old, err := s.Marker(ctx, "west", "mail")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "west/agent/state.json")
	if err := os.Rename(file, file+" kept"); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(file, "in the way"), nil)
	taken := mirror.Marker{Set: "mail", Role: mirror.RoleSource, Generation: 2, TakenFrom: "east"}
	if err := s.Mark(ctx, "west", old, taken); !value.HasCode(err, value.CodeFailed) {
		t.Fatalf("got %v", err)
	}
	if err := s.PutSet(ctx, "west", mirror.Set{Name: "new"}); err == nil {
		t.Fatal("it was kept")
	}
	if got, _ := s.Marker(ctx, "west", "mail"); got != old {
		t.Fatalf("the marker is %v, want %v", got, old)
	}
	if sets, _ := s.Sets(ctx, "west"); len(sets) != 0 {
		t.Fatalf("got %v", sets)
	}
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	if err := s.Mark(ctx, "west", old, taken); err != nil {
		t.Fatal(err)
	}
}

// A mirror that waits for a cycle of its connection's replication ends with who asked for it, and when it is stopped.
func TestWaitingMirrorEnds(t *testing.T) {
	s, dir := pairOf(t, Options{})
	write(t, filepath.Join(mail(dir, "east"), "a"), []byte("x"))
	n := s.nodes["east"]
	n.carrying(1) <- struct{}{} // as a long cycle does
	tired := errors.New("nobody waits any more")
	for name, end := range map[string]func(cancel context.CancelCauseFunc) error{
		"the caller": func(cancel context.CancelCauseFunc) error { cancel(tired); return nil },
		"a stop": func(context.CancelCauseFunc) error {
			return s.ControlMirror(t.Context(), "east", 1, mirror.Stop)
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := s.StartMirror(ctx, "east", 1, mirror.Mirror{})
			ended <- err
		}()
		for len(n.running()) == 0 {
			time.Sleep(time.Millisecond)
		}
		if err := end(cancel); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := <-ended; !errors.Is(err, tired) && !errors.Is(err, errStopped) {
			t.Fatalf("%s: got %v", name, err)
		}
		cancel(nil)
	}
	<-n.carrying(1)
	if last := mirrored(t, s, mirror.Mirror{}); last.Error != "" {
		t.Fatal(last.Error)
	}
	same(t, dir)
}

// A refusal reaches a peer that is sending and does not read what the target's walk sends it, whole frames before it.
func TestRefusalBehindAWalk(t *testing.T) {
	s, dir := pairOf(t, Options{})
	huge := filepath.Join(mail(dir, "west"), "huge")
	write(t, huge, nil)
	if err := os.Truncate(huge, 128<<30); err != nil { // a hole, whose sums are more than any buffer holds
		t.Skip(err)
	}
	m, err := s.nodes["east"].session(t.Context(), hello{
		Connection: mirror.Connection{ID: 1, Source: "east", Target: "west", Set: "mail", Rules: rules}, Purpose: carry,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	send := func(kind wire.Kind, body ...[]byte) {
		t.Helper()
		if err := m.conn.Send(kind, body...); err != nil {
			t.Fatal(err)
		}
	}
	item := func(path string) []byte {
		it := wire.Item{Path: path, Info: tree.Info{Type: tree.File, Mode: 0o600, Links: 1}}
		return it.Append(nil)
	}
	send(wire.Walk, []byte{1})
	send(wire.Put, item("new"))
	for off := range int64(500) {
		send(wire.Data, binary.AppendUvarint(nil, uint64(off*tree.BlockSize)), make([]byte, tree.BlockSize))
	}
	send(wire.Put, item("in the middle of another"))
	for range 500 {
		send(wire.Data, []byte{0}, make([]byte, tree.BlockSize))
	}
	if err := m.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		kind, body, err := m.conn.Receive()
		if err != nil {
			t.Fatalf("no refusal came: %v", err)
		}
		if kind == wire.Refuse {
			if err := refusal(body); !value.HasCode(err, value.CodeRefused) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if kind < wire.Root || kind > wire.Report {
			t.Fatalf("out of step: frame %d", kind)
		}
	}
}
