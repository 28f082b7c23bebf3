package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// killVariable makes the program under test kill itself at a boundary of its journals: "before:7" or "after:7" is its
// seventh entry, those of child runs counted too.
const killVariable = "STANDIN_TEST_KILL"

// killer is a store whose process dies at a boundary.
type killer struct {
	journal.Store
	at     int64
	before bool
	count  atomic.Int64
}

// killing gives what the variable asks for; nil for nothing.
func killing(text string) func(journal.Store) journal.Store {
	when, number, ok := strings.Cut(text, ":")
	if !ok {
		return nil
	}
	at, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil
	}
	return func(s journal.Store) journal.Store { return &killer{Store: s, at: at, before: when == "before"} }
}

func (k *killer) Create(ctx context.Context, h *plan.Header) (journal.Writer, error) {
	n := k.entry()
	w, err := k.Store.Create(ctx, h)
	k.written(n)
	return k.writer(w, err)
}

func (k *killer) Resume(ctx context.Context, id string, by plan.Actor) (journal.Writer, *journal.Run, error) {
	w, r, err := k.Store.Resume(ctx, id, by)
	w, err = k.writer(w, err)
	return w, r, err
}

func (k *killer) writer(w journal.Writer, err error) (journal.Writer, error) {
	if err != nil {
		return nil, err
	}
	return &killedWriter{w, k}, nil
}

func (k *killer) entry() int64 {
	n := k.count.Add(1)
	if n == k.at && k.before {
		die()
	}
	return n
}

func (k *killer) written(n int64) {
	if n == k.at && !k.before {
		die()
	}
}

type killedWriter struct {
	journal.Writer
	k *killer
}

func (w *killedWriter) Append(e *plan.Entry, sync bool) error {
	n := w.k.entry()
	err := w.Writer.Append(e, sync)
	w.k.written(n)
	return err
}

// die ends the process as a power cut does: nothing is written, flushed or said any more.
func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // nobody is left to hear of it
	select {}
}

// process is a call of the program in a process of its own.
func (l *lab) process(kill string, args ...string) (*exec.Cmd, *output) {
	cmd := exec.Command("standin", args...)
	cmd.Dir = l.scripts
	cmd.Env = append(os.Environ(), "STANDIN_SITE="+l.site, killVariable+"="+kill)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	l.outputs = append(l.outputs, out)
	return cmd, out
}

// printed counts how often the lab's processes have printed a line, together.
func (l *lab) printed(text string) int {
	n := 0
	for _, out := range l.outputs {
		for _, line := range lines(out.String()) {
			if line == text {
				n++
			}
		}
	}
	return n
}

// killed says whether a process was ended by SIGKILL.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// story is a runbook and the site that it is killed on.
type story struct {
	name   string
	script string
	base   *lab
	want   map[string]any // of the site after a run that nobody killed
	writes map[string]int // lines that the script WRITEs then
	counts map[string]any // writes of its systems
	took   time.Duration
	size   int // entries of the run's journal and of its children's
}

// newStory prepares a site, and runs the script on a copy of it without a crash.
func newStory(t testing.TB, script string, users int, before ...[]string) *story {
	t.Helper()
	s := &story{name: script, script: script, base: newLab(t)}
	s.base.must(t, "site", "init", s.base.site, "--users", fmt.Sprint(users))
	for _, words := range before {
		s.base.must(t, words...)
	}
	whole := s.clone(t)
	begun := time.Now()
	cmd, out := whole.process("", "run", "--yes", script)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s does not run: %v\n%s", script, err, out)
	}
	s.took = time.Since(begun)
	root, children := whole.latest(t)
	for _, r := range append(children, root) {
		s.size += len(r.entries)
	}
	s.want, s.writes, s.counts = whole.observed(t), written(root), whole.serials(t)
	if problem := unsound(root, children); problem != "" {
		t.Fatalf("the journal of a run that nobody killed: %s", problem)
	}
	return s
}

// clone copies the site, with the scripts of the matrix.
func (s *story) clone(t testing.TB) *lab {
	t.Helper()
	l := s.base.clone(t)
	files, err := filepath.Glob("testdata/matrix/*.dtcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(l.scripts, filepath.Base(f)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// written counts the lines that a run has written.
func written(r told) map[string]int {
	n := map[string]int{}
	for _, e := range r.entries {
		if e.Kind == plan.KindWrite {
			n[e.Text]++
		}
	}
	return n
}

// unsound says what is wrong with the journal of a run that ended: an intent without a result, or anything that has two.
func unsound(root told, children []told) string {
	for _, r := range append([]told{root}, children...) {
		ended := map[string]int{}
		var intents []string
		last := 0
		for _, e := range r.entries {
			if e.Seq != last+1 {
				return fmt.Sprintf("run %s: entry %d follows entry %d", r.ID, e.Seq, last)
			}
			last = e.Seq
			switch e.Kind {
			case plan.KindIntent:
				intents = append(intents, e.Place)
			case plan.KindResult, plan.KindRead, plan.KindWrite, plan.KindMark:
				if e.Place != "" {
					ended[e.Place]++
				}
			}
		}
		for place, n := range ended {
			if n != 1 {
				return fmt.Sprintf("run %s: the statement at %s ended %d times", r.ID, place, n)
			}
		}
		if r.Parent != "" && r.State != plan.Done {
			continue // a child that was cut off: its parent's command ran another one
		}
		for _, place := range intents {
			if ended[place] == 0 {
				return fmt.Sprintf("run %s: the intent at %s has no result", r.ID, place)
			}
		}
	}
	return ""
}

// resumed resumes the youngest run until it ends, and says how it differs from one that was not killed. What was killed
// must read as stopped, as waiting or as one of the other states.
func (s *story) resumed(t testing.TB, l *lab, other ...plan.State) string {
	t.Helper()
	root, _ := l.latest(t)
	if root.Script != s.script { // it was killed before it existed
		cmd, out := l.process("", "run", "--yes", s.script)
		if err := cmd.Run(); err != nil {
			return fmt.Sprintf("the run does not begin again: %v\n%s", err, out)
		}
	} else if root.State != plan.Done {
		if !slices.Contains(append(other, plan.Stopped, plan.Waiting), root.State) {
			return fmt.Sprintf("a killed run reads as %s", root.State)
		}
		cmd, out := l.process("", "resume", "--yes", root.ID)
		if err := cmd.Run(); err != nil {
			return fmt.Sprintf("resume: %v\n%s\n%s", err, out, l.journal(t, root.ID))
		}
	}
	root, children := l.latest(t)
	if root.State != plan.Done {
		return fmt.Sprintf("the run ends as %s\n%s", root.State, l.journal(t, root.ID))
	}
	if problem := unsound(root, children); problem != "" {
		return problem + "\n" + l.journal(t, root.ID)
	}
	if got := written(root); fmt.Sprint(got) != fmt.Sprint(s.writes) {
		return fmt.Sprintf("the script wrote %v, want %v", got, s.writes)
	}
	for text, n := range s.writes {
		if got := l.printed(text); got > n {
			return fmt.Sprintf("%q was printed %d times, want at most %d", text, got, n)
		}
	}
	if d := differing("", l.serials(t), s.counts); d != "" {
		return "the systems were written another number of times:\n" + d + l.journal(t, root.ID)
	}
	if d := differing("", l.observed(t), s.want); d != "" {
		return "the site differs from that of a run that was not killed:\n" + d + l.journal(t, root.ID)
	}
	return ""
}

// journal prints the end of a run for whoever looks for the cause.
func (l *lab) journal(t testing.TB, id string) string {
	t.Helper()
	all := strings.Split(l.must(t, "show", id), "\n")
	return strings.Join(all[max(0, len(all)-30):], "\n")
}

// kills is how many crashes a test tries: some by default, STANDIN_KILLS of them to be sure.
func kills(t testing.TB) int { return number(t, "STANDIN_KILLS", 20) }

func mirroredSite() [][]string {
	return [][]string{{"do", "CLUSTER", "east", "GROUP", "Exchange Group", "ONLINE"}}
}

func lostSite() [][]string { return append(mirroredSite(), []string{"site", "fail", "east"}) }

// stories are what is killed.
func stories(t *testing.T) []*story {
	users := 2000
	if kills(t) < 100 {
		users = 50
	}
	return []*story{newStory(t, "failover.dtcl", users, lostSite()...), newStory(t, "everything.dtcl", 5, mirroredSite()...)}
}

// TestKilledAtEveryBoundary kills a run before and after entries of its journal, and resumes it.
func TestKilledAtEveryBoundary(t *testing.T) {
	for _, s := range stories(t) {
		t.Run(s.name, func(t *testing.T) {
			var points []string
			for n := 1; n <= s.size; n++ {
				points = append(points, fmt.Sprintf("before:%d", n), fmt.Sprintf("after:%d", n))
			}
			if n := kills(t); n < len(points) && n < 100 {
				rand.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
				points = points[:n]
			}
			for _, point := range points {
				t.Run(point, func(t *testing.T) {
					t.Parallel()
					l := s.clone(t)
					cmd, out := l.process(point, "run", "--yes", s.script)
					if err := cmd.Run(); !killed(err) && err != nil {
						t.Fatalf("got %v, want it killed\n%s", err, out)
					}
					if wrong := s.resumed(t, l); wrong != "" {
						t.Errorf("killed %s an entry: %s", point, wrong)
					}
				})
			}
		})
	}
}

// TestKilledAtAnyInstant kills a run at random instants, the resumed one too, and resumes it until it ends.
func TestKilledAtAnyInstant(t *testing.T) {
	for _, s := range stories(t) {
		t.Run(s.name, func(t *testing.T) {
			for n := range kills(t) {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					t.Parallel()
					l := s.clone(t)
					cmd, _ := l.process("", "run", "--yes", s.script)
					killAt(t, cmd, rand.N(s.took))
					if root, _ := l.latest(t); n%3 == 0 && root.Script == s.script && root.State != plan.Done {
						again, _ := l.process("", "resume", "--yes", root.ID)
						killAt(t, again, rand.N(s.took))
					}
					if wrong := s.resumed(t, l); wrong != "" {
						t.Error(wrong)
					}
				})
			}
		})
	}
}

// killAt starts a process and kills it after a while, unless it has ended by then.
func killAt(t testing.TB, cmd *exec.Cmd, after time.Duration) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() }) //nolint:errcheck // it may have ended
	defer timer.Stop()
	if err := cmd.Wait(); err != nil && !killed(err) {
		t.Fatalf("the run ended by itself: %v\n%s", err, cmd.Stdout)
	}
}

// TestTornEntry cuts the last entry of a killed run's journal off at its bytes: what is left of it counts as nothing.
func TestTornEntry(t *testing.T) {
	s := newStory(t, "everything.dtcl", 5, mirroredSite()...)
	points := []int{2, 3, 9, s.size / 3, s.size / 2, s.size - 2}
	if kills(t) < 100 {
		points = []int{3 + rand.IntN(s.size-4), s.size / 2}
	}
	for _, at := range points {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			dead := s.clone(t)
			cmd, out := dead.process(fmt.Sprintf("after:%d", at), "run", "--yes", s.script)
			if err := cmd.Run(); !killed(err) {
				t.Fatalf("got %v, want it killed\n%s", err, out)
			}
			path, text := dead.youngest(t)
			last := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
			var cuts []int
			for n := last; n < len(text); n++ {
				cuts = append(cuts, n)
			}
			if n := max(kills(t)/4, 3); n < len(cuts) {
				rand.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
				cuts = append(cuts[:n], last, len(text)-1)
			}
			for _, n := range cuts {
				t.Run(fmt.Sprintf("byte %d of %d", n-last, len(text)-last), func(t *testing.T) {
					t.Parallel()
					l := dead.clone(t)
					l.scripts = dead.scripts
					if err := os.Truncate(filepath.Join(l.site, "runs", path), int64(n)); err != nil {
						t.Fatal(err)
					}
					if wrong := s.resumed(t, l); wrong != "" {
						t.Error(wrong)
					}
				})
			}
		})
	}
}

// youngest gives the journal that was written last, by its name in the folder of the runs.
func (l *lab) youngest(t testing.TB) (name string, text []byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(l.site, "runs", "*.journal"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no journals (%v)", err)
	}
	slices.SortFunc(paths, func(a, b string) int { return modified(t, b).Compare(modified(t, a)) })
	text, err = os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(paths[0]), text
}

func modified(t testing.TB, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// TestUndoKilledAtEveryBoundary takes a run back, killed before and after entries of its journal, and then once more: the
// site is as it was before the run, but for the copies that were mirrored.
func TestUndoKilledAtEveryBoundary(t *testing.T) {
	s := newStory(t, "everything.dtcl", 5, mirroredSite()...)
	done := s.clone(t)
	cmd, out := done.process("", "run", "--yes", s.script)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root, children := done.latest(t)
	intents := 0
	for _, r := range append(children, root) {
		for _, e := range r.entries {
			intents += len(e.Changes)
		}
	}
	var points []string
	for n := 1; n <= intents+4; n++ {
		points = append(points, fmt.Sprintf("before:%d", n), fmt.Sprintf("after:%d", n))
	}
	if n := kills(t); n < len(points) && n < 100 {
		rand.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
		points = points[:n]
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			l := done.clone(t)
			l.scripts = done.scripts
			cmd, out := l.process(point, "undo", root.ID)
			if err := cmd.Run(); !killed(err) && err != nil {
				t.Fatalf("got %v, want it killed\n%s", err, out)
			}
			if now, _ := l.latest(t); now.State != plan.Undone {
				again, out := l.process("", "undo", root.ID)
				if err := again.Run(); err != nil {
					t.Fatalf("undo again: %v\n%s", err, out)
				}
			}
			before, after := s.base.observed(t), l.observed(t)
			lose(root, children, before, after)
			if d := differing("", after, before); d != "" {
				t.Errorf("the site is not as before:\n%s%s", d, l.journal(t, root.ID))
			}
		})
	}
}

// A run that a safety rule ended, killed while it ends, ends the same way when it is resumed: the refusal is not asked
// for again before somebody says so.
func TestKilledWhileARefusedRunEnds(t *testing.T) {
	base := newLab(t)
	base.must(t, "site", "init", base.site, "--users", "0")
	for _, words := range mirroredSite() {
		base.must(t, words...)
	}
	s := &story{base: base, script: "refused.dtcl"}
	whole := s.clone(t)
	if cmd, out := whole.process("", "run", "--yes", s.script); cmd.Run() == nil {
		t.Fatalf("no rule refuses it:\n%s", out)
	}
	want, root, children := whole.observed(t), told{}, []told(nil)
	root, children = whole.latest(t)
	size := len(root.entries)
	for _, c := range children {
		size += len(c.entries)
	}
	for n := 3; n < size; n++ {
		t.Run(fmt.Sprintf("after:%d", n), func(t *testing.T) {
			t.Parallel()
			l := s.clone(t)
			cmd, out := l.process(fmt.Sprintf("after:%d", n), "run", "--yes", s.script)
			if err := cmd.Run(); !killed(err) {
				t.Fatalf("got %v, want it killed\n%s", err, out)
			}
			root, _ := l.latest(t)
			again, out := l.process("", "resume", "--yes", root.ID)
			if again.Run(); again.ProcessState.ExitCode() != exitFailed || !strings.Contains(out.String(), "one-owner") { //nolint:errcheck // its exit code says it
				t.Errorf("exit %d, want 1 and the rule's name\n%s", again.ProcessState.ExitCode(), out)
			}
			if d := differing("", l.observed(t), want); d != "" {
				t.Errorf("the site differs from that of a run that was not killed:\n%s%s", d, l.journal(t, root.ID))
			}
		})
	}
}
