package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/cmd/standin/trial"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/scripts"
)

// foretold is a plan as `plan --json` prints it.
type foretold struct {
	changes []string
	unknown bool   // it could not know everything
	sure    bool   // nor had it to guess which way a branch goes
	end     string // how the run would end, if not well
	code    int
}

func planOf(t testing.TB, stdout string, code int) foretold {
	t.Helper()
	p := foretold{sure: true, code: code}
	for _, text := range lines(stdout) {
		var l plan.Line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if !l.Only {
			p.changes = append(p.changes, keys(l.Changes)...)
		}
		switch l.Kind {
		case "unknown":
			p.unknown, p.sure = true, false
		case "branch", "repeats":
			p.sure = false
		case "end":
			p.end = l.Text
		}
	}
	return p
}

// made are the changes of a run and of its child runs, as their intents tell them, each child's behind the intent of the
// command that ran it.
type made struct {
	changes []string
	group   []string // of each: the PARALLEL that it was made in, "" for none
}

func madeBy(root told, children []told) made {
	var m made
	ended := map[string]plan.Entry{}
	for _, e := range root.entries {
		if e.Kind == plan.KindResult {
			ended[e.Place] = e
		}
	}
	taken := map[string]bool{}
	for _, e := range root.entries {
		if e.Kind != plan.KindIntent {
			continue
		}
		group, _, inside := strings.Cut(e.Place, "|")
		if !inside {
			group = ""
		}
		add := func(changes []plan.Change) {
			for _, key := range keys(changes) {
				m.changes, m.group = append(m.changes, key), append(m.group, group)
			}
		}
		add(e.Changes)
		for _, c := range children {
			if taken[c.ID] || c.Started.Before(e.Started) || c.Started.After(ended[e.Place].Ended) {
				continue
			}
			taken[c.ID] = true
			for _, ce := range c.entries {
				if ce.Kind == plan.KindIntent {
					add(ce.Changes)
				}
			}
		}
	}
	return m
}

// until gives what was made before a wait failed: a plan assumes that waits hold. Whether one failed is the second answer.
// The scripts wait for mirrors of connections that may not be there, and do not ask how that ended.
func (r *told) until() (told, bool) {
	for i, e := range r.entries {
		if e.Kind == plan.KindWait && e.Code < 0 && !strings.HasPrefix(e.Command, "WAIT ON MIRROR") {
			return told{r.runLine, r.entries[:i]}, true
		}
	}
	return *r, false
}

// same says where a plan's changes and a run's differ; "" if they are the same. Those of one PARALLEL may come in any order.
func (m made) same(want []string) string {
	got := slices.Clone(m.changes)
	want = slices.Clone(want)
	if len(got) != len(want) {
		return diffOf(got, want)
	}
	for from := 0; from < len(got); {
		to := from + 1
		for m.group[from] != "" && to < len(got) && m.group[to] == m.group[from] {
			to++
		}
		slices.Sort(got[from:to])
		slices.Sort(want[from:to])
		from = to
	}
	if !slices.Equal(got, want) {
		return diffOf(m.changes, want)
	}
	return ""
}

func diffOf(got, want []string) string {
	return fmt.Sprintf("the run changed:\n    %s\nthe plan foretold:\n    %s", strings.Join(got, "\n    "), strings.Join(want, "\n    "))
}

// lie plans a script and runs it, and says what the plan has told wrongly; "" if nothing. sure says whether the plan knew
// everything.
func lie(t testing.TB, l *lab, args ...string) (wrong string, sure bool) {
	t.Helper()
	shown, before := l.must(t, "site", "show", "--json"), l.files(t)
	out, said, code := l.call(append([]string{"plan", "--json"}, args...)...)
	if code == exitWrong {
		t.Fatalf("plan %s: exit %d\n%s%s", strings.Join(args, " "), code, out, said)
	}
	if after := l.files(t); !maps.Equal(after, before) {
		return "the plan changed files of the site", false
	}
	if got := l.must(t, "site", "show", "--json"); got != shown {
		return "the plan changed what site show prints", false
	}
	p := planOf(t, out, code)
	_, said, code = l.call(append([]string{"run", "--yes", "--quiet"}, args...)...)
	root, children := l.latest(t)
	if until, failed := root.until(); failed {
		m := madeBy(until, children)
		if p.sure && !slices.Contains(m.group, "") && len(m.changes) <= len(p.changes) {
			return m.same(p.changes[:len(m.changes)]), false
		}
		return "", false
	}
	m := madeBy(root, children)
	switch {
	case p.unknown:
		return "", false
	case !p.sure:
		for _, c := range m.changes {
			if !slices.Contains(p.changes, c) {
				return "no way through the plan has the change " + c + "\n" + diffOf(m.changes, p.changes), false
			}
		}
		return "", false
	}
	if wrong := m.same(p.changes); wrong != "" {
		return wrong, true
	}
	if p.code != code {
		return fmt.Sprintf("the plan exits with %d (%s), the run with %d: %s", p.code, p.end, code, said), true
	}
	if end := root.entries[len(root.entries)-1]; end.Error != p.end {
		return fmt.Sprintf("the plan ends with %q, the run with %q", p.end, end.Error), true
	}
	return "", true
}

// TestPlanTellsEveryChange plans generated scripts on generated sites and runs them: the plan leaves the site as it is to
// the byte, and what it knows is what happens.
func TestPlanTellsEveryChange(t *testing.T) {
	sites := newSites(t)
	var known, all atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		from := number(t, "STANDIN_SEED", 0)
		for n := range number(t, "STANDIN_TRIALS", 60) {
			seed := uint64(from + n)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				script := trial.NewScript(seed)
				l := sites.get(t, seed).clone(t)
				path := l.write(t, script)
				if out, said, code := l.call("check", path); code != exitDone {
					t.Fatalf("not a correct script: %s%s\n%s", out, said, script)
				}
				wrong, sure := lie(t, l, path)
				all.Add(1)
				if sure {
					known.Add(1)
				}
				if wrong == "" {
					return
				}
				least := trial.Shrink(script, number(t, "STANDIN_SHRINK", 150), func(s *trial.Script) bool {
					c := sites.get(t, seed).clone(t)
					path := c.write(t, s)
					if _, _, code := c.call("check", path); code != exitDone {
						return false
					}
					still, _ := lie(t, c, path)
					if still != "" {
						wrong = still
					}
					return still != ""
				})
				t.Errorf("seed %d, on the site %v: %s\nthe script:\n%s", seed, trial.NewSite(seed).Story, wrong, least)
			})
		}
	})
	t.Logf("%d of %d plans knew everything", known.Load(), all.Load())
	if all.Load() >= 60 && known.Load() < all.Load()/2 {
		t.Errorf("only %d of %d plans knew everything: the scripts try too little", known.Load(), all.Load())
	}
}

// Every command of the language is in generated scripts, or says why not.
func TestGeneratedScriptsSayEverything(t *testing.T) {
	said, out := trial.Usages(), trial.LeftOut()
	known := map[string]bool{}
	for _, c := range builtins.All(builtins.Systems{}) {
		known[c.Usage] = true
		if _, left := out[c.Usage]; left == slices.Contains(said, c.Usage) {
			t.Errorf("%s: left out %v, written %v; want one of the two", c.Usage, left, !left)
		}
	}
	for _, usage := range slices.Concat(said, slices.Collect(maps.Keys(out))) {
		if !known[usage] {
			t.Errorf("%q is no usage line", usage)
		}
	}
}

// What plans have told wrongly: each once found by a generated script.
func TestPlansThatWereWrong(t *testing.T) {
	for _, c := range []struct {
		name, script string
		before       [][]string
	}{
		{"a step is tried again after it has changed something", `
			STEP "x" RETRY 1 EVERY 1ms DO
			    CLUSTER east GROUP "Exchange Group" HOLD;
			    $r = CLUSTER east GROUP "Exchange Group" RELEASE;
			    DNS TTL mydomain.com nobody A 60;
			END`, nil},
		{"a step is not tried again when a safety rule has refused", `
			STEP "x" RETRY 1 EVERY 1ms DO
			    AGENT east SET RECONNECT ON;
			    AGENT east SET RECONNECT OFF;
			    CLUSTER west GROUP "Exchange Group" ONLINE;
			END`, mirroredSite()},
		{"a script that a resource runs gives up because its target is away", `
			CLUSTER west RESOURCE "Source Connection" ONLINE;
			CLUSTER west RESOURCE "Source Connection" ONLINE;`, lostSite()},
		{"a resource runs the same script twice", `
			FOR $i = 1 TO 2 DO
			    CLUSTER east GROUP "Exchange Group" ONLINE;
			    FOR $k = 1 TO 3 DO $w = WAIT ON MIRROR $k IDLE TIMEOUT 1m; END
			    CLUSTER east GROUP "Exchange Group" OFFLINE;
			END`, nil},
		{"everything is sent twice", `
			$c = CONNECT mailstores TO west MAP EXACT MIRROR;
			WAIT ON MIRROR $c IDLE TIMEOUT 1m;
			MIRROR START $c;
			WAIT ON MIRROR $c IDLE TIMEOUT 1m;`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.must(t, "site", "init", l.site, "--users", "3")
			for _, words := range c.before {
				l.must(t, words...)
			}
			path := filepath.Join(l.scripts, "main.dtcl")
			if err := os.WriteFile(path, []byte(c.script), 0o600); err != nil {
				t.Fatal(err)
			}
			if wrong, sure := lie(t, l, path); wrong != "" || !sure {
				t.Errorf("sure %v: %s", sure, wrong)
			}
		})
	}
}

// runbookSite is what has happened to a fresh site where a shipped runbook is for.
func runbookSite(t testing.TB, runbook string) [][]string {
	t.Helper()
	mirrored, lost := mirroredSite(), lostSite()
	moved := append(slices.Clone(lost), []string{"run", "--yes", "failover.dtcl"}, []string{"site", "heal", "east"})
	wan := append(slices.Clone(lost), []string{"run", "--yes", "wan-failover.dtcl"}, []string{"site", "heal", "east"})
	before, known := map[string][][]string{
		"online.dtcl": nil, "offline.dtcl": mirrored, "preflight.dtcl": mirrored, "failover.dtcl": lost, "wan-failover.dtcl": lost,
		"failback.dtcl": moved, "wan-failback.dtcl": wan, "switchover.dtcl": mirrored, "test-failover.dtcl": mirrored,
		"add-store.dtcl": mirrored, "service-pack.dtcl": mirrored,
	}[runbook]
	if !known {
		t.Fatalf("nothing says where %s is for", runbook)
	}
	return before
}

// TestPlansOfRunbooks plans and runs every shipped runbook where it is for.
func TestPlansOfRunbooks(t *testing.T) {
	for _, s := range scripts.List() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.must(t, "site", "init", l.site, "--users", "20")
			for _, words := range runbookSite(t, s.Name) {
				l.must(t, words...)
			}
			if wrong, sure := lie(t, l, s.Name); wrong != "" || !sure {
				t.Errorf("sure %v: %s", sure, wrong)
			}
		})
	}
}
