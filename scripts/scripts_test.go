package scripts_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/scripts"
)

var update = flag.Bool("update", false, "rewrite the golden plans and runs")

// program is the built command, made once for all tests.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withProgram(m))
}

func withProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "standin-scripts-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "standin")
	out, err := exec.Command("go", "build", "-o", program, "../cmd/standin").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// What has happened to a fresh site before a runbook is planned and run: lines as a user would type them.
var (
	fresh    []string
	mirrored = then(fresh, `do CLUSTER east GROUP "Exchange Group" ONLINE`)
	lost     = then(mirrored, "site fail east")
	moved    = then(lost, "run failover.dtcl", "site heal east")
	wanMoved = then(lost, "run wan-failover.dtcl", "site heal east")
)

func then(before []string, more ...string) []string { return slices.Concat(before, more) }

var stories = []struct {
	runbook string
	before  []string
}{
	{"online", fresh},
	{"offline", mirrored},
	{"preflight", mirrored},
	{"failover", lost},
	{"failback", moved},
	{"wan-failover", lost},
	{"wan-failback", wanMoved},
	{"switchover", mirrored},
	{"test-failover", mirrored},
	{"add-store", mirrored},
	{"service-pack", mirrored},
}

// TestGolden plans and runs every shipped runbook on the embedded site, without arguments, and compares with the golden
// files. The plan must leave the site as it was.
func TestGolden(t *testing.T) {
	told := map[string]bool{}
	for _, s := range stories {
		told[s.runbook+".dtcl"] = true
		t.Run(s.runbook, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, s.before)
			untouched := site.call(t, "site", "show", "--json")
			golden(t, s.runbook+".plan", site.call(t, "plan", s.runbook+".dtcl"))
			if got := site.call(t, "site", "show", "--json"); got != untouched {
				t.Errorf("the plan changed the site:\nbefore: %s\nafter:  %s", untouched, got)
			}
			golden(t, s.runbook+".run", site.call(t, "run", "--yes", s.runbook+".dtcl"))
		})
	}
	for _, s := range scripts.List() {
		if !told[s.Name] {
			t.Errorf("%s has no golden plan and run", s.Name)
		}
	}
}

// TestThereAndBack fails over and back and compares the site with what it was.
func TestThereAndBack(t *testing.T) {
	for _, way := range []string{"", "wan-"} {
		t.Run(way+"failover", func(t *testing.T) {
			t.Parallel()
			site := newSite(t, mirrored)
			before := site.call(t, "site", "show", "--json")
			for _, line := range []string{"site fail east", "run " + way + "failover.dtcl", "site heal east", "run " + way + "failback.dtcl"} {
				site.line(t, line)
			}
			if got := site.call(t, "site", "show", "--json"); comparable(got) != comparable(before) {
				t.Errorf("got:\n%s\nwant:\n%s", comparable(got), comparable(before))
			}
		})
	}
}

// comparable drops what a failover and failback leave behind on purpose: serials, and counts of connections and mirrors.
func comparable(show string) string {
	return regexp.MustCompile(`(?s)"connections":.*?"dns":|"[a-z_]*(time|serial)": [^,\n]*`).ReplaceAllString(show, "")
}

// TestTitles holds every runbook to a first line that says what it is for.
func TestTitles(t *testing.T) {
	for _, s := range scripts.List() {
		if s.Title == "" || strings.Contains(s.Title, "\n") {
			t.Errorf("%s: got the title %q, want one line", s.Name, s.Title)
		}
	}
}

// site is an embedded site in a folder of its own.
type site struct{ dir string }

func newSite(t *testing.T, before []string) *site {
	t.Helper()
	s := &site{filepath.Join(t.TempDir(), "site")}
	s.call(t, "site", "init", s.dir)
	mail := filepath.Join(s.dir, "east", "E", "Exchsrvr", "MDBDATA")
	if err := os.MkdirAll(mail, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"priv1.edb": 300_000, "priv1.stm": 70_000, "E00.log": 5_000} {
		if err := os.WriteFile(filepath.Join(mail, name), bytes.Repeat([]byte(name), size/len(name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range before {
		s.line(t, line)
	}
	return s
}

var word = regexp.MustCompile(`"[^"]*"|\S+`)

// line runs a line as a shell would.
func (s *site) line(t *testing.T, line string) string {
	t.Helper()
	words := word.FindAllString(line, -1)
	for i, w := range words {
		words[i] = strings.Trim(w, `"`)
	}
	if words[0] == "run" {
		words = append([]string{"run", "--yes"}, words[1:]...)
	}
	return s.call(t, words...)
}

// call runs the program on the site and gives what it printed, both outputs in their order.
func (s *site) call(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = filepath.Dir(s.dir) // so that runbooks are found by their names, not in this folder
	cmd.Env = append(os.Environ(), "STANDIN_SITE="+s.dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("standin %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// normal replaces what differs from run to run.
func normal(text string) string {
	for _, r := range []struct{ pattern, with string }{
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`, "<time>"},
		{`\b\d{2}:\d{2}:\d{2}(\.\d+)?\b`, "<time>"},
		{`\b(\d+h)?(\d+m)?\d+(\.\d+)?(ms|µs|s)\b`, "<duration>"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:<port>"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	got = normal(got)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test ./scripts -update rewrites it after you have read the difference\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}
