package file_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/journal/file"
	"github.com/standin-project/standin/runtime/plan"
)

// mount mounts a file system of the test's own; where that is not possible the test is skipped.
func mount(t *testing.T, dir string, args ...string) {
	t.Helper()
	out, err := exec.Command("mount", append(args, dir)...).CombinedOutput()
	if err != nil {
		t.Skipf("a disk cannot be made here: %v: %s", err, out)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) }) //nolint:errcheck // it may have been unmounted
}

// fill appends synced entries until one fails, and gives how many did not.
func fill(t *testing.T, w interface {
	Append(*plan.Entry, bool) error
}) (written int, failed error) {
	t.Helper()
	for n := range 100_000 {
		if err := w.Append(&plan.Entry{Kind: plan.KindIntent, Text: fmt.Sprintf("%d %s", n, strings.Repeat("x", n%700))}, true); err != nil {
			return n, err
		}
	}
	t.Fatal("the disk never fills")
	return 0, nil
}

// A run whose disk is full stops at once, and goes on when there is space.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, "-t", "tmpfs", "-o", "size=128k", "tmpfs")
	s := file.Open(filepath.Join(dir, "runs"))
	w, id := create(t, s)
	written, first := fill(t, w)
	if !errors.Is(first, unix.ENOSPC) {
		t.Fatalf("got %v, want ENOSPC", first)
	}
	if written == 0 {
		t.Fatal("nothing was written")
	}
	size := len(read(t, filepath.Join(dir, "runs", id+".journal")))
	for range 3 {
		if again := w.Append(&plan.Entry{Kind: plan.KindEnd}, false); !errors.Is(again, first) {
			t.Errorf("got %v, want the first failure", again)
		}
	}
	if now := len(read(t, filepath.Join(dir, "runs", id+".journal"))); now != size {
		t.Errorf("after the failure %d bytes were written", now-size)
	}
	if _, err := s.Create(t.Context(), &plan.Header{Script: "y.dtcl"}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a run on a full disk: got %v, want ENOSPC", err)
	}
	if err := s.Send(t.Context(), id, &plan.Order{Kind: plan.OrderStop}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("an order on a full disk: got %v, want ENOSPC", err)
	}
	if runs, err := s.List(t.Context()); err != nil || len(runs) != 1 {
		t.Errorf("got %d runs, %v; want the one that could be begun", len(runs), err)
	}
	w.Close()

	mount(t, dir, "-o", "remount,size=1m")
	goesOn(t, s, id, written)
	if err := s.Send(t.Context(), id, &plan.Order{Kind: plan.OrderStop}); err != nil {
		t.Errorf("an order when there is space: %v", err)
	}
}

// goesOn takes a run over and tests that all is there that was written durably.
func goesOn(t *testing.T, s *file.Store, id string, written int) {
	t.Helper()
	w, r, err := s.Resume(t.Context(), id, plan.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	// The entry whose writing failed may be whole: nobody was told that it is.
	if n := len(r.Entries) - 1; n != written && n != written+1 {
		t.Errorf("got %d entries after the header, want the %d that were written", n, written)
	}
	add(t, w, plan.Entry{Kind: plan.KindEnd, State: "done"})
	w.Close()
	if r := load(t, s, id); r.State != plan.Done || r.Torn || r.Damaged {
		t.Errorf("it ends as %s, torn %v, damaged %v", r.State, r.Torn, r.Damaged)
	}
}

// A run whose disk dies under it stops at once, and goes on when the disk is mounted again.
func TestADiskThatDies(t *testing.T) {
	for _, tool := range []string{"mkfs.xfs", "xfs_io"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("no disk can be made to die here:", err)
		}
	}
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 400<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.xfs", "-q", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.xfs: %v\n%s", err, out)
	}
	mount(t, dir, "-o", "loop", image)
	s := file.Open(filepath.Join(dir, "runs"))
	w, id := create(t, s)
	if err := w.Lock(t.Context(), []string{"group"}); err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		add(t, w, plan.Entry{Kind: plan.KindIntent, Text: fmt.Sprint(n)})
	}
	if out, err := exec.Command("xfs_io", "-x", "-c", "shutdown", dir).CombinedOutput(); err != nil {
		t.Fatalf("xfs_io: %v\n%s", err, out)
	}
	first := w.Append(&plan.Entry{Kind: plan.KindIntent}, true)
	if !errors.Is(first, unix.EIO) {
		t.Fatalf("got %v, want EIO", first)
	}
	if again := w.Append(&plan.Entry{Kind: plan.KindIntent}, true); !errors.Is(again, first) {
		t.Errorf("got %v, want the first failure", again)
	}
	w.Close()
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	mount(t, dir, "-o", "loop", image)
	goesOn(t, s, id, 100)
}
