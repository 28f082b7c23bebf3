package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/standin-project/standin/cmd/standin/trial"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/scripts"
)

// lose leaves out of two states of a site what a run has changed that cannot be taken back, as the plan and undo tell.
func lose(root told, children []told, states ...map[string]any) (whole bool) {
	parts := map[string][]string{"agent": {"trees", "connections"}, "cluster": {"clusters", "connections", "trees"}, "dns": {"dns"}, "directory": {"directory"}}
	whole = true
	for _, r := range append(children, root) {
		for _, e := range r.entries {
			if e.Kind != plan.KindIntent {
				continue
			}
			for _, c := range e.Changes {
				if len(c.Inverse) > 0 {
					continue
				}
				whole = false
				kind, _, _ := strings.Cut(c.System, " ")
				for _, part := range parts[kind] {
					for _, state := range states {
						delete(state, part)
					}
				}
			}
		}
	}
	return whole
}

// marked says whether a run has passed its point of no return.
func marked(r told) bool {
	for _, e := range r.entries {
		if e.Kind == plan.KindMark {
			return true
		}
	}
	return false
}

// undone runs a script and takes it back, killed at an entry on the way if kill says so. It says how the site then
// differs from what it was; whole says whether all that it had changed was to be taken back.
func undone(t testing.TB, l *lab, kill func(size int) string, args ...string) (wrong string, whole bool) {
	t.Helper()
	before := l.observed(t)
	l.call(append([]string{"run", "--yes", "--quiet"}, args...)...)
	root, children := l.latest(t)
	if blocks(root) {
		return "", false // what they do is the script's
	}
	if marked(root) {
		during := l.observed(t)
		_, said, code := l.call("undo", root.ID)
		if code != exitFailed || !strings.Contains(said, "point-of-no-return") {
			return fmt.Sprintf("undo after the point of no return: exit %d, %s", code, said), true
		}
		return differing("", l.observed(t), during), true
	}
	if kill != nil {
		cmd, out := l.process(kill(2*len(root.entries)), "undo", root.ID)
		if err := cmd.Run(); err != nil && !killed(err) && cmd.ProcessState.ExitCode() != exitFailed {
			return fmt.Sprintf("undo: %v\n%s", err, out), true
		}
	}
	now, _ := l.latest(t)
	var said string
	// What could not be taken back at once may be, once all that was done before it has been.
	for tries := 0; tries < 2 && now.State != plan.Undone; tries++ {
		_, said, _ = l.call("undo", root.ID)
		now, _ = l.latest(t)
	}
	if now.State != plan.Undone {
		if away(now) {
			return "", false
		}
		return fmt.Sprintf("undo leaves the run %s\n%s%s", now.State, said, l.journal(t, root.ID)), true
	}
	after := l.observed(t)
	whole = lose(root, children, before, after)
	if d := differing("", after, before); d != "" {
		return "run and undo have not left the site as it was:\n" + d + l.journal(t, root.ID), whole
	}
	return "", whole
}

// away says whether a run could not be taken back only because a system does not answer, a safety rule refuses it, or it
// follows on what cannot be taken back, as undo has told.
func away(r told) bool {
	failed, kept := map[string]plan.Entry{}, map[string]bool{} // by what was to be taken back: the last word counts
	for _, e := range r.entries {
		switch {
		case e.Kind == plan.KindRule && e.State == "refused":
			return true
		case e.Kind == plan.KindUndo && e.State == "kept":
			kept[systemOf(e)] = true
		case e.Kind == plan.KindUndo && e.What != "":
			failed[fmt.Sprint(e.Run, e.Of, e.What)] = e
		}
	}
	any := false
	for _, e := range failed {
		switch {
		case e.Error == "":
		case strings.Contains(e.Error, "does not answer"), strings.Contains(e.Error, "is not reachable"), kept[systemOf(e)]:
			any = true
		default:
			return false
		}
	}
	return any
}

// systemOf is the system that an entry of undo is about.
func systemOf(e plan.Entry) string {
	system, _, _ := strings.Cut(e.What, ": ")
	return system
}

// blocks says whether a run has begun a step with an UNDO block.
func blocks(r told) bool {
	for _, e := range r.entries {
		if e.Kind == plan.KindStep && e.Undo {
			return true
		}
	}
	return false
}

// TestUndoRestores runs generated scripts on generated sites and takes them back: the site is as before. Every other one
// is killed while it is taken back, and taken back again.
func TestUndoRestores(t *testing.T) {
	sites := newSites(t)
	var all, wholly atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		from := number(t, "STANDIN_SEED", 0)
		for n := range number(t, "STANDIN_TRIALS", 30) {
			seed := uint64(from + n)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				var kill func(int) string
				if seed%2 == 1 {
					kill = func(size int) string { return fmt.Sprintf("after:%d", 2+int(seed/2)%max(size, 1)) }
				}
				script := trial.NewScript(seed)
				try := func(s *trial.Script) string {
					l := sites.get(t, seed).clone(t)
					path := l.write(t, s)
					if _, _, code := l.call("check", path); code != exitDone {
						return ""
					}
					wrong, whole := undone(t, l, kill, path)
					if all.Add(1); whole {
						wholly.Add(1)
					}
					return wrong
				}
				wrong := try(script)
				if wrong == "" {
					return
				}
				least := trial.Shrink(script, number(t, "STANDIN_SHRINK", 150), func(s *trial.Script) bool {
					still := try(s)
					if still != "" {
						wrong = still
					}
					return still != ""
				})
				t.Errorf("seed %d, on the site %v: %s\nthe script:\n%s", seed, trial.NewSite(seed).Story, wrong, least)
			})
		}
	})
	t.Logf("%d of %d runs were taken back wholly", wholly.Load(), all.Load())
	if all.Load() >= 60 && wholly.Load() < all.Load()/3 {
		t.Errorf("only %d of %d runs could be taken back wholly: the scripts try too little", wholly.Load(), all.Load())
	}
}

// TestUndoOfRunbooks takes every shipped runbook back, killed on the way too; those with a point of no return refuse.
func TestUndoOfRunbooks(t *testing.T) {
	for _, s := range scripts.List() {
		for _, way := range []string{"at once", "killed on the way"} {
			t.Run(s.Name+" "+way, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				l.must(t, "site", "init", l.site, "--users", "5")
				for _, words := range runbookSite(t, s.Name) {
					l.must(t, words...)
				}
				var kill func(int) string
				if way != "at once" {
					kill = func(size int) string { return fmt.Sprintf("after:%d", 2+size/8) }
				}
				if wrong, _ := undone(t, l, kill, s.Name); wrong != "" {
					t.Error(wrong)
				}
			})
		}
	}
}
