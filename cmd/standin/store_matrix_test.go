package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/plan"
)

// needs skips a test where there is not what it needs.
func needs(t testing.TB, what string, there bool) {
	t.Helper()
	if !there {
		t.Skipf("this test needs %s", what)
	}
}

// onto mounts something over the folder of a site's runs and copies what was in there into it.
func (l *lab) onto(t testing.TB, mount func(folder string) error) {
	t.Helper()
	runs := filepath.Join(l.site, "runs")
	aside := t.TempDir()
	if out, err := exec.Command("cp", "-a", runs+"/.", aside).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := mount(runs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(runs, unix.MNT_DETACH) }) //nolint:errcheck // it may have been unmounted
	if out, err := exec.Command("cp", "-a", aside+"/.", runs).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// mounts says whether this process may mount.
func mounts(t testing.TB) bool {
	folder := t.TempDir()
	return os.Getuid() == 0 && unix.Mount("tmpfs", folder, "tmpfs", 0, "size=64k") == nil && unix.Unmount(folder, 0) == nil
}

// TestFullDisk runs a script whose journal meets a full disk: it stops before the change that it cannot record, says why,
// and goes on once there is room.
func TestFullDisk(t *testing.T) {
	needs(t, "root, to mount a small file system", mounts(t))
	s := newStory(t, "everything.dtcl", 5, mirroredSite()...)
	for n := range max(kills(t)/4, 3) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			l := s.clone(t)
			l.onto(t, func(folder string) error { return unix.Mount("tmpfs", folder, "tmpfs", 0, "size=1m") })
			ballast := filepath.Join(l.site, "runs", "ballast")
			fill(t, ballast, int64(n%12)*4096)
			cmd, out := l.process("", "run", "--yes", s.script)
			err := cmd.Run()
			if err == nil {
				t.Skip("there was room enough")
			}
			if !strings.Contains(out.String(), "no space left on device") {
				t.Errorf("got %v, want words on the full disk:\n%s", err, out)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			// One that found no room for its locks has failed, before it did anything.
			if wrong := s.resumed(t, l, plan.Failed); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// fill writes a file that leaves so many bytes of its file system free.
func fill(t testing.TB, path string, leave int64) {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, int64(st.Bavail)*st.Bsize-leave), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDeadDisk shuts the file system down that holds a run's journal, as a disk does that dies: what was not synced is
// gone, and every later access fails. The run stops, and goes on when the disk is back.
func TestDeadDisk(t *testing.T) {
	_, noMake := exec.LookPath("mkfs.xfs")
	_, noIO := exec.LookPath("xfs_io")
	needs(t, "root and xfsprogs, to shut a file system down", noMake == nil && noIO == nil && mounts(t))
	s := newStory(t, "everything.dtcl", 5, mirroredSite()...)
	for n := range max(kills(t)/8, 2) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			l := s.clone(t)
			image := filepath.Join(t.TempDir(), "disk")
			sh(t, "truncate", "-s", "320M", image)
			sh(t, "mkfs.xfs", "-q", image)
			mount := func(folder string) error {
				out, err := exec.Command("mount", "-o", "loop", image, folder).CombinedOutput()
				if err != nil {
					return fmt.Errorf("mount: %w: %s", err, out)
				}
				return nil
			}
			l.onto(t, mount)
			runs := filepath.Join(l.site, "runs")
			sh(t, "sync", "-f", runs)
			cmd, out := l.process("", "run", "--yes", s.script)
			dies := time.AfterFunc(rand.N(s.took), func() { exec.Command("xfs_io", "-x", "-c", "shutdown", runs).Run() }) //nolint:errcheck // seen below
			err := cmd.Run()
			if dies.Stop() || err == nil {
				t.Skip("the run was quicker than the disk's death")
			}
			if !strings.Contains(out.String(), "input/output error") {
				t.Errorf("got %v, want words on the dead disk:\n%s", err, out)
			}
			sh(t, "umount", runs)
			if err := mount(runs); err != nil {
				t.Fatal(err)
			}
			if wrong := s.resumed(t, l); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

func sh(t testing.TB, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// TestTwoRunsAtOnce starts the same change of one site many times at once: one goes on, and every other one is refused
// and told by whom.
func TestTwoRunsAtOnce(t *testing.T) {
	l := newLab(t)
	l.must(t, "site", "init", l.site, "--users", "0")
	pipe := filepath.Join(l.scripts, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("CLUSTER west GROUP \"Spare Group\" CREATE;\n$go = EXEC cat %q EFFECT READS;\nCLUSTER west GROUP \"Spare Group\" HOLD;\n", pipe)
	if err := os.WriteFile(filepath.Join(l.scripts, "two.dtcl"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	type ending struct {
		code int
		said string
		pid  int
	}
	ends := make(chan ending)
	const all = 5
	for range all {
		cmd, out := l.process("", "run", "two.dtcl")
		go func() {
			cmd.Run() //nolint:errcheck // its exit code says it
			ends <- ending{cmd.ProcessState.ExitCode(), out.String(), cmd.ProcessState.Pid()}
		}()
	}
	var refused []ending
	for range all - 1 {
		refused = append(refused, <-ends)
	}
	if err := os.WriteFile(pipe, []byte("go"), 0o600); err != nil { // whoever waits reads it, and only one does
		t.Fatal(err)
	}
	winner := <-ends
	if winner.code != exitDone {
		t.Errorf("the one that goes on: exit %d\n%s", winner.code, winner.said)
	}
	for _, r := range refused {
		if r.code != 4 || !strings.Contains(r.said, fmt.Sprintf("process %d", winner.pid)) || !strings.Contains(r.said, "two.dtcl") {
			t.Errorf("got exit %d and %q, want 4 and who holds it (process %d)", r.code, r.said, winner.pid)
		}
	}
	done := 0
	for _, r := range l.runs(t) {
		if r.State == plan.Done {
			done++
		}
		if r.State != plan.Done && len(keys(changesOf(r))) > 0 {
			t.Errorf("run %s, which reads as %s, has changed %v", r.ID, r.State, changesOf(r))
		}
	}
	if done != 1 {
		t.Errorf("%d runs went on, want 1", done)
	}
}

func changesOf(r told) []plan.Change {
	var all []plan.Change
	for _, e := range r.entries {
		if e.Kind == plan.KindIntent {
			all = append(all, e.Changes...)
		}
	}
	return all
}
