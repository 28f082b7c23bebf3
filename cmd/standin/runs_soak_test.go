package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/cmd/standin/trial"
	"github.com/standin-project/standin/runtime/plan"
)

// TestSoak runs random scripts on random sites for as long as STANDIN_SOAK says, such as 30m: each once in this process,
// and once in processes that are killed and resumed; both sites must end the same. Then the run is taken back, and the
// site must be as before. The process in which all runs have ended must not have grown: no goroutine, file or memory is
// left over.
func TestSoak(t *testing.T) {
	text := os.Getenv("STANDIN_SOAK")
	if text == "" {
		t.Skip("make soak runs it")
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	sites := newSites(t)
	var first, last usage
	rounds, crashes, resumed := 0, 0, 0
	for begun := time.Now(); time.Since(begun) < length; rounds++ {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			k, r := soak(t, sites, seed)
			crashes, resumed = crashes+k, resumed+r
		})
		if now := inUse(t); rounds == trial.Sites { // every site has been prepared about once
			first = now
		} else if last = now; t.Failed() {
			break
		}
	}
	t.Logf("%d rounds, %d crashes, %d resumed; used after %d rounds: %v, at the end: %v", rounds, crashes, resumed, trial.Sites, first, last)
	if rounds > 2*trial.Sites && (last.goroutines > first.goroutines || last.files > first.files || last.memory > first.memory+16<<20) {
		t.Errorf("the process has grown from %v to %v", first, last)
	}
}

// usage is what this process has in use.
type usage struct {
	goroutines, files int
	memory            uint64 // of the heap, after a collection, in bytes
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d KiB", u.goroutines, u.files, u.memory>>10)
}

func inUse(t testing.TB) usage {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// soak is one round. It says how often the run was killed, and how often it was resumed.
func soak(t *testing.T, sites *sites, seed uint64) (crashes, resumed int) {
	script := trial.NewScript(seed)
	base := sites.get(t, seed)
	before := base.observed(t)
	whole := base.clone(t)
	begun := time.Now()
	_, said, code := whole.call("run", "--yes", "--quiet", whole.write(t, script))
	took := time.Since(begun)

	l := base.clone(t)
	path := l.write(t, script)
	cmd, out := l.process("", "run", "--yes", "--quiet", path)
	for ended := false; !ended; {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if crashes < 4 { // then it is left alone
			timer := time.AfterFunc(rand.N(2*took), func() { cmd.Process.Kill() }) //nolint:errcheck // it may have ended
			defer timer.Stop()
		}
		got, died := exitOf(cmd.Wait())
		root, _ := l.latest(t)
		switch {
		case died && root.Script != path: // it was killed before it existed
			cmd, out = l.process("", "run", "--yes", "--quiet", path)
		case died && root.State != plan.Done && root.State != plan.Failed:
			resumed++
			cmd, out = l.process("", "resume", "--yes", "--quiet", root.ID)
		case died:
			ended, got = true, root.entries[len(root.entries)-1].Code
		default:
			ended = true
		}
		if died {
			crashes++
		}
		if got == exitStopped && strings.Contains(fmt.Sprint(out), "was interrupted. Was it done?") {
			return crashes, resumed // nobody here can tell
		}
		if ended && got != code {
			t.Errorf("exit %d after %d crashes, want %d\n%s\nthe run that was not killed: %s\n%s", got, crashes, code, out, said, script)
			return crashes, resumed
		}
	}
	root, children := l.latest(t)
	if problem := unsound(root, children); problem != "" {
		t.Errorf("%s\n%s\n%s", problem, l.journal(t, root.ID), script)
	}
	if d := differing("", l.observed(t), whole.observed(t)); d != "" {
		t.Errorf("killed %d times and resumed, the site differs:\n%s%s\n%s", crashes, d, l.journal(t, root.ID), script)
		return crashes, resumed
	}
	l.takenBack(t, script, root, children, before)
	return crashes, resumed
}

// exitOf gives a process's exit code, and whether it was killed.
func exitOf(err error) (code int, died bool) {
	if err == nil {
		return exitDone, false
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && !killed(err) {
		return exit.ExitCode(), false
	}
	return 0, true
}

// takenBack undoes the run of a script, and compares the site with what it was before.
func (l *lab) takenBack(t *testing.T, script *trial.Script, root told, children []told, before map[string]any) {
	t.Helper()
	if marked(root) || blocks(root) {
		return
	}
	var said string
	now := root
	for tries := 0; tries < 2 && now.State != plan.Undone; tries++ {
		_, said, _ = l.call("undo", root.ID)
		now, _ = l.latest(t)
	}
	if now.State != plan.Undone {
		if !away(now) {
			t.Errorf("undo leaves the run %s: %s\n%s", now.State, said, script)
		}
		return
	}
	after := l.observed(t)
	lose(root, children, before, after)
	if d := differing("", after, before); d != "" {
		t.Errorf("undo has not left the site as it was:\n%s%s\n%s", strings.TrimSpace(d), l.journal(t, root.ID), script)
	}
}
