package scripts_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
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
	// The target waits as the runbooks leave it: with its own address and disk online.
	waiting  = then(mirrored, `do CLUSTER west RESOURCE "Exchange IP Address" ONLINE`, `do CLUSTER west RESOURCE "Disk E:" ONLINE`)
	lost     = then(mirrored, "site fail east")
	moved    = then(lost, "run failover.dtcl", "site heal east")
	wanMoved = then(lost, "run wan-failover.dtcl", "site heal east")
)

func then(before []string, more ...string) []string { return slices.Concat(before, more) }

var stories = []struct {
	runbook string
	before  []string
	params  []string
}{
	{"online", fresh, nil},
	{"offline", mirrored, nil},
	{"preflight", waiting, []string{"person=FALSE"}},
	{"failover", lost, nil},
	{"failback", moved, nil},
	{"wan-failover", lost, nil},
	{"wan-failback", wanMoved, nil},
	{"switchover", mirrored, nil},
	{"test-failover", mirrored, nil},
	{"add-store", mirrored, nil},
	{"service-pack", mirrored, nil},
}

// TestGolden plans and runs every shipped runbook on the embedded site and compares with the golden files. The plan
// must leave the site as it was, and foretell every change of the run.
func TestGolden(t *testing.T) {
	told := map[string]bool{}
	for _, s := range stories {
		told[s.runbook+".dtcl"] = true
		t.Run(s.runbook, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, s.before)
			untouched := site.call(t, "site", "show", "--json")
			plan := site.call(t, then([]string{"plan", s.runbook + ".dtcl"}, s.params...)...)
			golden(t, s.runbook+".plan", plan)
			if got := site.call(t, "site", "show", "--json"); got != untouched {
				t.Errorf("the plan changed the site:\nbefore: %s\nafter:  %s", untouched, got)
			}
			run := site.call(t, then([]string{"run", "--yes", s.runbook + ".dtcl"}, s.params...)...)
			golden(t, s.runbook+".run", run)
			if foretold, made := changes(plan), changes(run); foretold != made {
				t.Errorf("the plan foretold:\n%s\nthe run changed:\n%s", foretold, made)
			}
		})
	}
	for _, s := range scripts.List() {
		if !told[s.Name] {
			t.Errorf("%s has no golden plan and run", s.Name)
		}
	}
}

// changes gives the lines of a plan or run that tell a change. Only a plan says of one that it cannot be undone.
func changes(output string) string {
	var told []string
	for _, line := range strings.Split(output, "\n") {
		if line = strings.TrimSuffix(strings.TrimLeft(line, " "), "   (cannot be undone)"); regexp.MustCompile(`^[~+-] `).MatchString(line) {
			told = append(told, line)
		}
	}
	return strings.Join(told, "\n")
}

// TestRefusals runs runbooks where they must not run: they say what does not hold, and change nothing.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []string
		line   string
		want   string
	}{
		{"the source still serves", mirrored, "run failover.dtcl", "the source's group is seen offline"},
		{"the source still serves, across subnets", mirrored, "run wan-failover.dtcl", "the source's group is seen offline"},
		{"nothing was ever mirrored", then(fresh, "site fail east"), "run failover.dtcl", "the target has data of the source"},
		{"the wrong way round", mirrored, "run failover.dtcl source=west target=east source_server=EXCH2 target_server=EXCH1", "the direction is right"},
		{"the source is lost", lost, "run switchover.dtcl", "a lost source needs failover.dtcl"},
		{"the source is not back", then(lost, "run failover.dtcl"), "run failback.dtcl", "the source's cluster is back"},
		{"nothing was failed over", then(mirrored, `do CLUSTER east GROUP "Exchange Group" OFFLINE`), "run failback.dtcl", "the direction is right"},
		{"back by the other way", moved, "run wan-failback.dtcl", "run failback.dtcl"},
		{"back by the other way, across subnets", wanMoved, "run failback.dtcl", "run wan-failback.dtcl"},
		{"over again by the other way", then(moved, "site fail east"), "run wan-failover.dtcl", "run failover.dtcl"},
		{"over again by the other way, across subnets", then(wanMoved, "site fail east"), "run failover.dtcl", "run wan-failover.dtcl"},
		{"a failover that was cut off", then(lost, "do TARGET west", "site heal east", "do TAKEOVER 1"), "run failback.dtcl", "run failover.dtcl"},
		{"a new store while the target stands in", moved, "run add-store.dtcl", "the source serves"},
		{"a service pack while the target stands in", moved, "run service-pack.dtcl", "the source serves"},
		{"nobody types that mail may be lost", moved, "run failback.dtcl keep=FALSE", "lose what never left the source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, c.before)
			stores := site.mail(t, "east")
			site.refused(t, c.line, c.want)
			if !maps.Equal(site.mail(t, "east"), stores) {
				t.Error("the source's mail stores changed")
			}
		})
	}
}

// TestPreflight makes mistakes on a site: the preflight finds every one of them in one run.
func TestPreflight(t *testing.T) {
	site := newSite(t, then(mirrored,
		`do AGENT west SET CHECKSUM OFF`,
		`do AGENT east SET RECONNECT ON`,
		`do EXCHANGE MOVE MAILBOX user00002 TO EXCH2 "First Storage Group,Mailbox Store (EXCH2)"`,
		`do DNS DELETE mydomain.com exch2 A`,
		`do CLUSTER west NODE west2 STANDBY`,
		`do REPSET RULE ADD "E:\Exchsrvr\Second Storage Group" EXCLUDE TO mailstores`,
	))
	out, err := site.try(split("run preflight.dtcl person=FALSE user=nobody"))
	if err == nil {
		t.Error("the preflight found nothing")
	}
	for _, want := range []string{
		`FAULT  no mailbox in "First Storage Group,Mailbox Store (EXCH2)", got 1`,
		`FAULT  agent west mirrors differences by block checksums: AGENT west SET CHECKSUM ON`,
		`FAULT  agent east waits for its cluster after a restart: AGENT east SET RECONNECT OFF`,
		`FAULT  "Disk E:" is online on west`,
		`FAULT  user nobody has a mailbox in a paired store of EXCH1`,
		`FAULT  exch2.mydomain.com is 10.1.1.9, and the other way round`,
		`FAULT  node west2 of west is up`,
		`FAULT  set mailstores has the same rules on agent west as on east`,
		`FAULT  set mailstores covers E:\Exchsrvr\Second Storage Group\sales.edb`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the preflight does not say %q:\n%s", want, out)
		}
	}
}

// TestOrphansEdit makes the edit that online.dtcl invites to: the mirror then removes what only the target has.
func TestOrphansEdit(t *testing.T) {
	const line = "$mirror = MIRROR START $conid DIFFERENT,CHECKSUM;"
	site := newSite(t, fresh)
	script := filepath.Join(site.dir, "scripts", "east1", "online.dtcl")
	text, err := os.ReadFile(script)
	if err != nil || strings.Count(string(text), line) != 1 {
		t.Fatalf("%s has no line %q of its own (%v)", script, line, err)
	}
	edited := strings.Replace(string(text), "CHECKSUM;", "CHECKSUM ORPHANS;", 1)
	if err := os.WriteFile(script, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	site.write(t, "west", "MAILROOT/vsi 1/Queue/only here.EML")
	site.line(t, mirrored[0])
	if east, west := site.mail(t, "east"), site.mail(t, "west"); !maps.Equal(east, west) {
		t.Errorf("the mail stores differ:\neast: %v\nwest: %v", east, west)
	}
}

// TestLayout holds every runbook and module to the one layout, and to being without mistakes on a fresh site.
func TestLayout(t *testing.T) {
	site := newSite(t, fresh)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{".", "../stdlib"} {
		files, err := filepath.Glob(filepath.Join(here, folder, "*.dtcl"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no scripts in %s (%v)", folder, err)
		}
		site.call(t, then([]string{"check"}, files...)...)
		if out, err := site.try(then([]string{"fmt", "-d"}, files...)); err != nil {
			t.Errorf("not in the one layout; standin fmt -w writes it:\n%s", out)
		}
	}
}

// TestThereAndBack fails over and back while users write, and compares both sites with what they were.
func TestThereAndBack(t *testing.T) {
	for _, way := range []string{"", "wan-"} {
		t.Run(way+"failover", func(t *testing.T) {
			t.Parallel()
			site := newSite(t, waiting)
			before := site.settled(t)
			site.line(t, "site fail east")
			site.line(t, "run "+way+"failover.dtcl")
			site.write(t, "west", "MAILROOT/vsi 1/Queue/written on the target.EML")
			site.line(t, "site heal east")
			site.write(t, "east", "MAILROOT/vsi 1/Queue/never left the source.EML")
			site.line(t, "run "+way+"failback.dtcl")
			if got := site.settled(t); !reflect.DeepEqual(got, before) {
				t.Errorf("got:\n%s\nwant:\n%s", indent(got), indent(before))
			}
			east, west := site.mail(t, "east"), site.mail(t, "west")
			if !maps.Equal(east, west) || east["MAILROOT/vsi 1/Queue/written on the target.EML"] == "" {
				t.Errorf("the mail stores differ, or lack what users wrote:\neast: %v\nwest: %v", east, west)
			}
			if _, err := os.Stat(filepath.Join(site.dir, "west", "E", "Never left", "east 2", "MAILROOT", "vsi 1", "Queue", "never left the source.EML")); err != nil {
				t.Errorf("what never left the source is lost: %v", err)
			}
		})
	}
}

// settled is the state of the site's clusters, DNS and directory without what a failover and failback change for good:
// serials, and the mark that lets a store be overwritten, which Exchange takes off as it mounts the store.
func (s *site) settled(t *testing.T) map[string]any {
	t.Helper()
	state := s.observed(t)
	delete(state, "connections")
	delete(state, "trees")
	return state
}

func prune(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.HasSuffix(key, "time") || strings.HasSuffix(key, "serial") || strings.EqualFold(key, "msExchPatchMDB") {
				delete(v, key)
				continue
			}
			prune(member)
		}
	case []any:
		for _, item := range v {
			prune(item)
		}
	}
}

func indent(v any) string {
	text, _ := json.MarshalIndent(v, "", " ") // it came from JSON
	return string(text)
}

// write puts a mail where users write it.
func (s *site) write(t *testing.T, side, path string) {
	t.Helper()
	path = filepath.Join(s.dir, side, "E", "Exchsrvr", filepath.FromSlash(path))
	if err := os.WriteFile(path, []byte("Subject: "+path), 0o644); err != nil {
		t.Fatal(err)
	}
}

// mail is the content of one side's mail stores by path.
func (s *site) mail(t *testing.T, side string) map[string]string {
	t.Helper()
	return s.files(t, filepath.Join(side, "E", "Exchsrvr"))
}

// files gives the hash of each file of a folder of the site by path; none if the folder is not there.
func (s *site) files(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	tree := os.DirFS(filepath.Join(s.dir, folder))
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tree, path)
		files[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
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

// newSite makes a site, given options of site init, and does what has happened to it.
func newSite(t *testing.T, before []string, options ...string) *site {
	t.Helper()
	s := &site{filepath.Join(t.TempDir(), "site")}
	s.call(t, then([]string{"site", "init", s.dir}, options...)...)
	for _, line := range before {
		s.line(t, line)
	}
	return s
}

var word = regexp.MustCompile(`"[^"]*"|\S+`)

// split takes a line apart as a shell would; every run gets --yes.
func split(line string) []string {
	words := word.FindAllString(line, -1)
	for i, w := range words {
		words[i] = strings.Trim(w, `"`)
	}
	if words[0] == "run" {
		words = slices.Insert(words, 1, "--yes")
	}
	return words
}

func (s *site) line(t *testing.T, line string) {
	t.Helper()
	s.call(t, split(line)...)
}

// call runs the program on the site and gives what it printed; it must succeed.
func (s *site) call(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.try(args)
	if err != nil {
		t.Fatalf("standin %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// try runs the program on the site and gives what it printed, both outputs in their order.
func (s *site) try(args []string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = filepath.Dir(s.dir) // so that runbooks are found by their names, not in this folder
	cmd.Env = append(os.Environ(), "STANDIN_SITE="+s.dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// normal replaces what differs from run to run, and drops the progress of mirrors, which run beside the script.
func normal(text string) string {
	for _, r := range []struct{ pattern, with string }{
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`, "<time>"},
		{`\b\d{2}:\d{2}:\d{2}(\.\d+)?\b`, "<time>"},
		{`done in \S+`, "done in <duration>"},
		{`(?m)^mirror \d+ of .*\n`, ""},
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
