package scripts_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestUndo undoes every shipped runbook: the site is as it was before, but for the data that mirrors have carried, which the
// undo says that it keeps.
func TestUndo(t *testing.T) {
	for _, s := range stories {
		t.Run(s.runbook, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, s.before, "--users", "5")
			before := site.shown(t)
			site.call(t, then([]string{"run", "--yes", s.runbook + ".dtcl"}, s.params...)...)
			if s.runbook != "preflight" && reflect.DeepEqual(site.shown(t), before) {
				t.Error("nothing of the run can be seen")
			}
			out := site.call(t, "undo", "--override", "point-of-no-return", "--reason", "to see whether it works", site.lastRun(t))
			after := site.shown(t)
			for _, mirrored := range kept.FindAllStringSubmatch(out, -1) {
				forgive(before, mirrored[1])
				forgive(after, mirrored[1])
			}
			if strings.Contains(out, "not taken back") || !reflect.DeepEqual(after, before) {
				t.Errorf("%s is undone, and this is left: %s\n%s", s.runbook, differing("", after, before), out)
			}
		})
	}
}

// kept matches what undo says of a mirror: the agent that it went to.
var kept = regexp.MustCompile(`(?m)^kept, as it cannot be undone: .* agent (\w+): (?:mirror|orphans) of`)

// forgive leaves out what a mirror to an agent leaves behind: its tree, and what connections then tell of it.
func forgive(state map[string]any, agent string) {
	delete(state["trees"].(map[string]any), agent)
	for _, c := range state["connections"].([]any) {
		for _, told := range []string{"data", "error", "generation", "state"} {
			delete(c.(map[string]any), told)
		}
	}
}

// shown is what site show prints but for times and serials.
func (s *site) shown(t *testing.T) map[string]any {
	t.Helper()
	var state map[string]any
	if err := json.Unmarshal([]byte(s.call(t, "site", "show", "--json")), &state); err != nil {
		t.Fatal(err)
	}
	leaveOut(state)
	return state
}

func leaveOut(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.HasSuffix(key, "time") || strings.HasSuffix(key, "serial") {
				delete(v, key)
				continue
			}
			leaveOut(member)
		}
	case []any:
		for _, item := range v {
			leaveOut(item)
		}
	}
}

// lastRun gives the run that began last.
func (s *site) lastRun(t *testing.T) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(s.call(t, "runs", "--json")), "\n")
	var run struct{ ID string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &run); err != nil {
		t.Fatal(err)
	}
	return run.ID
}

// A command that is given again after its undo makes what it made before, and undo of an undone run changes nothing.
func TestUndoAndAgain(t *testing.T) {
	site := newSite(t, fresh, "--users", "3")
	const online = `do CLUSTER east GROUP "Exchange Group" ONLINE`
	before := site.shown(t)
	for range 2 {
		site.line(t, online)
		up := site.shown(t)
		site.call(t, "undo", site.lastRun(t))
		down := site.shown(t)
		forgive(before, "west")
		if forgive(down, "west"); !reflect.DeepEqual(down, before) {
			t.Fatalf("undone, this is left: %s", differing("", down, before))
		}
		clusters := up["clusters"].(map[string]any)["east"].(map[string]any)["groups"].(map[string]any)["Exchange Group"].(map[string]any)
		if clusters["state"] != "Online" || len(up["connections"].([]any)) != 1 {
			t.Fatalf("brought online, the site is %s", indent(up))
		}
	}
	if _, err := site.try([]string{"undo", site.lastRun(t)}); exitCode(err) != 2 {
		t.Errorf("undo of an undone run ends with %d, want 2", exitCode(err))
	}
}
