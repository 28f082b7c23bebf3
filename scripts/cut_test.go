package scripts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/scripts"
)

// never is what the source had received and not sent on when it was lost.
const never = "MAILROOT/vsi 1/Queue/never left the source.EML"

// TestCuts cuts every runbook off after each of its statements in turn and runs it again from the top: that must end as
// a run does that was not cut off, and what was kept aside must be what the source had.
func TestCuts(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred runs")
	}
	kept := filepath.Join("west", "E", "Never left")
	for _, c := range []struct {
		runbook string
		before  []string
	}{
		{"failover", lost},
		{"wan-failover", lost},
		{"failback", moved},
		{"wan-failback", wanMoved},
		{"switchover", mirrored},
		{"test-failover", mirrored},
		{"add-store", waiting},
		{"service-pack", waiting},
	} {
		t.Run(c.runbook, func(t *testing.T) {
			t.Parallel()
			name := c.runbook + ".dtcl"
			base := newSite(t, c.before, "--users", "3")
			if strings.HasSuffix(c.runbook, "failback") {
				base.write(t, "east", never)
			}
			uncut := base.clone(t)
			uncut.line(t, "run "+name)
			want, aside := uncut.observed(t), uncut.files(t, kept)
			for _, at := range cuts(t, name) {
				s := base.clone(t)
				out, err := s.try(split("run " + s.edit(t, name, at, "EXIT 9;")))
				switch code := exitCode(err); {
				case code == 0: // a branch that this story does not take
					continue
				case code != 9:
					t.Fatalf("%s cut off after line %d: %v\n%s", name, at, err, out)
				}
				if out, err = s.try(split("run " + name)); err != nil {
					t.Errorf("%s cut off after line %d does not run again: %v\n%s", name, at, err, out)
					continue
				}
				if got := s.observed(t); !reflect.DeepEqual(got, want) {
					t.Errorf("%s cut off after line %d and run again ends otherwise: %s", name, at, differing("", got, want))
				}
				if got := s.files(t, kept); !reflect.DeepEqual(got, aside) {
					t.Errorf("%s cut off after line %d and run again kept:\n%v\nwant:\n%v", name, at, got, aside)
				}
			}
		})
	}
}

// TestTwoCycles fails over and back twice: each failback keeps what its own failure left on the source.
func TestTwoCycles(t *testing.T) {
	t.Parallel()
	site := newSite(t, mirrored)
	for cycle, folder := range []string{"east 2", "east 4"} {
		way := []string{"", "wan-"}[cycle]
		here, there := fmt.Sprintf("%s.%d", never, cycle), fmt.Sprintf("MAILROOT/vsi 1/Queue/written on the target.%d", cycle)
		site.line(t, "site fail east")
		site.line(t, "run "+way+"failover.dtcl")
		site.write(t, "west", there)
		site.line(t, "site heal east")
		site.write(t, "east", here)
		site.line(t, "run "+way+"failback.dtcl")
		aside := site.files(t, filepath.Join("west", "E", "Never left", folder))
		if aside[here] == "" || aside[there] != "" {
			t.Errorf("%q holds:\n%v", folder, aside)
		}
		if east := site.mail(t, "east"); east[there] == "" || east[here] != "" {
			t.Errorf("after cycle %d the source has:\n%v", cycle+1, east)
		}
	}
}

// TestSourceComesUp brings the source's group up by itself while the target stands in: nothing of either side is lost.
func TestSourceComesUp(t *testing.T) {
	t.Parallel()
	const offline = `CLUSTER east GROUP "Exchange Group" OFFLINE`
	site := newSite(t, moved)
	site.write(t, "west", "written on the target.EML")
	site.refused(t, `do CLUSTER east GROUP "Exchange Group" ONLINE`, "refused by rule one-owner")
	site.line(t, `do --override one-owner --reason "nodes start by themselves" CLUSTER east GROUP "Exchange Group" ONLINE`)
	site.write(t, "east", never)
	site.refused(t, "run failback.dtcl", offline)
	site.refused(t, "run failover.dtcl", offline)
	site.line(t, "do "+offline)
	site.line(t, "run failback.dtcl")
	if east := site.mail(t, "east"); east["written on the target.EML"] == "" {
		t.Errorf("the source has:\n%v", east)
	}
	if aside := site.files(t, filepath.Join("west", "E", "Never left", "east 2")); aside[never] == "" {
		t.Errorf("what the source received by itself is lost:\n%v", aside)
	}
}

// TestStayOnTarget gives a failback up before the data are given back, as its first lines say.
func TestStayOnTarget(t *testing.T) {
	t.Parallel()
	site := newSite(t, moved)
	want := site.observed(t)["directory"]
	at := lineOf(t, "failback.dtcl", "WAIT ON QUEUE $back EMPTY")
	if out, err := site.try(split("run " + site.edit(t, "failback.dtcl", at, "EXIT 9;"))); exitCode(err) != 9 {
		t.Fatalf("%v\n%s", err, out)
	}
	site.line(t, `do CLUSTER east GROUP "Exchange Group" OFFLINE`)
	site.line(t, "run failover.dtcl")
	if got := site.observed(t)["directory"]; !reflect.DeepEqual(got, want) {
		t.Errorf("the directory differs: %s", differing("", got, want))
	}
	site.line(t, "run failback.dtcl")
}

// TestMadeConnection fails back to a target without a source connection of its own: the one that is made is removed again,
// by a run that was cut off and run again too.
func TestMadeConnection(t *testing.T) {
	t.Parallel()
	site := newSite(t, then([]string{`do CLUSTER west RESOURCE "Source Connection" DELETE`}, moved...))
	at := lineOf(t, "failback.dtcl", "CLUSTER $target RESOURCE $address OFFLINE")
	if out, err := site.try(split("run " + site.edit(t, "failback.dtcl", at, "EXIT 9;"))); exitCode(err) != 9 {
		t.Fatalf("%v\n%s", err, out)
	}
	const temporary = "Failback Connection"
	if !strings.Contains(site.call(t, "site", "show", "--json"), temporary) {
		t.Errorf("no %q was made", temporary)
	}
	site.line(t, "run failback.dtcl")
	if strings.Contains(site.call(t, "site", "show", "--json"), temporary) {
		t.Errorf("%q is left", temporary)
	}
}

// TestGiveUp gives a failover up before its point of no return, as its first lines say.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	site := newSite(t, waiting)
	want := site.mail(t, "east")
	site.line(t, "site fail east")
	at := lineOf(t, "failover.dtcl", "TAKEOVER")
	if out, err := site.try(split("run " + site.edit(t, "failover.dtcl", at, "EXIT 9;"))); exitCode(err) != 9 {
		t.Fatalf("%v\n%s", err, out)
	}
	site.line(t, "site heal east")
	site.refused(t, "run failback.dtcl", "RELEASE 1 DISCARD CHANGES")
	site.line(t, "do RELEASE 1 DISCARD CHANGES")
	site.line(t, `do CLUSTER east GROUP "Exchange Group" ONLINE`)
	site.line(t, "run preflight.dtcl person=FALSE")
	if got := site.mail(t, "east"); !reflect.DeepEqual(got, want) {
		t.Errorf("the source has:\n%v\nwant:\n%v", got, want)
	}
}

// TestLastSync changes a file in place, to the same size and time, after all else has been sent: the last mirror of a
// planned move must still carry it.
func TestLastSync(t *testing.T) {
	for _, c := range []struct {
		runbook, from, to string
		before            []string
	}{
		{"failback.dtcl", "west", "east", moved},
		{"wan-failback.dtcl", "west", "east", wanMoved},
		{"switchover.dtcl", "east", "west", mirrored},
	} {
		t.Run(c.runbook, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, c.before)
			change := filepath.Join(t.TempDir(), "change.sh")
			script := fmt.Sprintf("f='%s/%s/E/Exchsrvr/MDBDATA/priv1.edb'; cp -p \"$f\" \"$0.time\"\n"+
				"printf LASTMAIL | dd of=\"$f\" bs=1 seek=5000 conv=notrunc && touch -r \"$0.time\" \"$f\"\n", site.dir, c.from)
			if err := os.WriteFile(change, []byte(script), 0o644); err != nil {
				t.Fatal(err)
			}
			at := lineOf(t, c.runbook, "CONFIRM \"")
			site.line(t, "run "+site.edit(t, c.runbook, at, fmt.Sprintf("EXEC sh %q EFFECT CHANGES;", change)))
			text, err := os.ReadFile(filepath.Join(site.dir, c.to, "E", "Exchsrvr", "MDBDATA", "priv1.edb"))
			if err != nil || !strings.HasPrefix(string(text[5000:]), "LASTMAIL") {
				t.Errorf("the last change did not arrive (%v)", err)
			}
		})
	}
}

// TestDrillKeepsToItself runs the test failover where its names belong to others, and where the replica differs.
func TestDrillKeepsToItself(t *testing.T) {
	for _, c := range []struct {
		name, want string
		before     []string
	}{
		{"a resource of its name", `name another group with drill=`, []string{
			`do CLUSTER west RESOURCE "Test Group Stores" CREATE GROUP "Exchange Group" TYPE "Generic Service"`}},
		{"a group of its name", `name another group with drill=`, []string{`do CLUSTER west GROUP "Test Group" CREATE`}},
		{"a set of its name", `name another one with drill=`, []string{
			`do REPSET CREATE "Test Group"`, `do REPSET RULE ADD "E:\Other" TO "Test Group"`}},
		{"a replica that differs", "the replica is not equal to the source", []string{
			`do CLUSTER east RESOURCE "Source Connection" OFFLINE`, `do CONNECT mailstores TO west MAP EXACT NOMIRROR`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, then(mirrored, c.before...))
			site.write(t, "east", never)
			before := site.observed(t)
			site.refused(t, "run test-failover.dtcl", c.want)
			if got := site.observed(t); !reflect.DeepEqual(got, before) {
				t.Errorf("the test changed the site: %s", differing("", got, before))
			}
		})
	}
}

// cuts gives the lines at whose ends a runbook is cut off: the statements after its last REQUIRE that do something.
func cuts(t *testing.T, name string) []int {
	t.Helper()
	var at []int
	for i, line := range runbook(t, name) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "REQUIRE"):
			at = nil
		case strings.HasSuffix(line, ";") && !idle.MatchString(line):
			at = append(at, i+1)
		}
	}
	return at
}

// idle matches lines after which the world is as it was before: a comment, a REQUIRE's text, what only waits or prints.
var idle = regexp.MustCompile(`^(//|"|WAIT|WRITE|EXIT|CONFIRM|\$faults|POINT)`)

// lineOf gives the number of the line that begins a statement with this text.
func lineOf(t *testing.T, name, text string) int {
	t.Helper()
	at := slices.IndexFunc(runbook(t, name), func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), text) })
	if at < 0 {
		t.Fatalf("%s has no line %q", name, text)
	}
	return at + 1
}

func runbook(t *testing.T, name string) []string {
	t.Helper()
	text, err := scripts.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// edit copies the runbooks beside the site, with one more line after line at of one of them, and gives that one's path.
func (s *site) edit(t *testing.T, name string, at int, line string) string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(s.dir), "edited")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, scripts.FS); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(slices.Insert(runbook(t, name), at, line), "\n")
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// clone copies a site with all times and attributes of its files.
func (s *site) clone(t *testing.T) *site {
	t.Helper()
	c := &site{filepath.Join(t.TempDir(), "site")}
	if out, err := exec.Command("cp", "-a", s.dir, c.dir).CombinedOutput(); err != nil {
		t.Fatalf("cannot copy the site: %v\n%s", err, out)
	}
	return c
}

// refused runs a line that must fail and say want.
func (s *site) refused(t *testing.T, line, want string) {
	t.Helper()
	out, err := s.try(split(line))
	if err == nil || !strings.Contains(out, want) {
		t.Errorf("%s: got %v and:\n%s\nwant a refusal that says %q", line, err, out, want)
	}
}

// observed is the whole observable state of the site but for times and serials.
func (s *site) observed(t *testing.T) map[string]any {
	t.Helper()
	var state map[string]any
	if err := json.Unmarshal([]byte(s.call(t, "site", "show", "--json")), &state); err != nil {
		t.Fatal(err)
	}
	prune(state)
	for _, c := range state["connections"].([]any) {
		delete(c.(map[string]any), "id") // counts how often they were made
	}
	return state
}

// differing names the first places where two states differ.
func differing(at string, got, want any) string {
	g, isMap := got.(map[string]any)
	w, both := want.(map[string]any)
	if !isMap || !both {
		if reflect.DeepEqual(got, want) {
			return ""
		}
		return fmt.Sprintf("\n%s: got %v, want %v", at, got, want)
	}
	var all string
	for key := range w {
		all += differing(at+"/"+key, g[key], w[key])
	}
	for key := range g {
		if _, known := w[key]; !known {
			all += fmt.Sprintf("\n%s/%s: got %v, want none", at, key, g[key])
		}
	}
	return all
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}
