package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/standin-project/standin/cmd/standin/trial"
	"github.com/standin-project/standin/runtime/plan"
)

// number is a number of the environment, such as STANDIN_TRIALS=1000.
func number(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s: got %q, want a number", name, text)
	}
	return n
}

// output is where a call prints: mirrors print beside the script.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// lab is a site in a folder of its own, and the folder of the scripts that are tried on it.
type lab struct {
	site, scripts string
	outputs       []*output // of its processes
}

func newLab(t testing.TB) *lab {
	return &lab{site: filepath.Join(t.TempDir(), "site"), scripts: t.TempDir()}
}

// call runs the program in this process, as a user would call it without a terminal.
func (l *lab) call(args ...string) (stdout, stderr string, code int) {
	var out, said output
	a := testApp(&out, l.site)
	a.stderr, a.yes = &said, false
	code = a.main(append([]string{"standin"}, args...))
	return out.String(), said.String(), code
}

// must runs the program, which must succeed.
func (l *lab) must(t testing.TB, args ...string) string {
	t.Helper()
	out, said, code := l.call(args...)
	if code != exitDone {
		t.Fatalf("standin %s: exit %d\n%s%s", strings.Join(args, " "), code, out, said)
	}
	return out
}

// clone copies a site with all times and attributes of its files, in a new folder for scripts.
func (l *lab) clone(t testing.TB) *lab {
	t.Helper()
	c := newLab(t)
	if out, err := exec.Command("cp", "-a", l.site, c.site).CombinedOutput(); err != nil {
		t.Fatalf("cannot copy the site: %v\n%s", err, out)
	}
	return c
}

// sites prepares each generated site once.
type sites struct {
	dir  string
	mu   sync.Mutex
	made map[uint64]*lab
}

func newSites(t testing.TB) *sites { return &sites{dir: t.TempDir(), made: map[uint64]*lab{}} }

// get gives the prepared site of a seed; it is copied, never used.
func (s *sites) get(t testing.TB, seed uint64) *lab {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := seed % trial.Sites
	if l := s.made[key]; l != nil {
		return l
	}
	site := trial.NewSite(seed)
	l := &lab{site: filepath.Join(s.dir, fmt.Sprint(key))}
	l.must(t, "site", "init", l.site, "--users", fmt.Sprint(site.Users))
	for path, text := range site.Files {
		path = filepath.Join(l.site, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range site.Story {
		l.must(t, words...)
	}
	s.made[key] = l
	return l
}

// write writes a script's files and gives the path of the one to run.
func (l *lab) write(t testing.TB, s *trial.Script) string {
	t.Helper()
	for _, f := range s.Files {
		if err := os.WriteFile(filepath.Join(l.scripts, f.Name), []byte(f.Text()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(l.scripts, s.Files[0].Name)
}

// told is one run as `runs` and `show` tell it.
type told struct {
	runLine
	entries []plan.Entry
}

// runs gives the runs of the site with their entries, oldest first, children too.
func (l *lab) runs(t testing.TB) []told {
	t.Helper()
	var all []told
	for _, line := range lines(l.must(t, "runs", "--all", "--json")) {
		var r told
		if err := json.Unmarshal([]byte(line), &r.runLine); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, e := range lines(l.must(t, "show", r.ID, "--json")) {
			var entry plan.Entry
			if err := json.Unmarshal([]byte(e), &entry); err != nil {
				t.Fatalf("%v: %s", err, e)
			}
			r.entries = append(r.entries, entry)
		}
		all = append(all, r)
	}
	return all
}

// latest gives the youngest run that has no parent, with its children.
func (l *lab) latest(t testing.TB) (root told, children []told) {
	t.Helper()
	all := l.runs(t)
	for _, r := range slices.Backward(all) {
		if r.Parent == "" {
			root = r
			break
		}
	}
	for _, r := range all {
		if r.Parent == root.ID {
			children = append(children, r)
		}
	}
	return root, children
}

func lines(text string) []string {
	var all []string
	s := bufio.NewScanner(strings.NewReader(text))
	s.Buffer(nil, 1<<26)
	for s.Scan() {
		if s.Text() != "" {
			all = append(all, s.Text())
		}
	}
	return all
}

// files gives each file of the site with a hash of what it holds, the folder of the runs apart.
func (l *lab) files(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	tree := os.DirFS(l.site)
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "runs" {
			return err
		}
		if d.IsDir() {
			all[path+"/"] = ""
			return nil
		}
		text, err := fs.ReadFile(tree, path)
		all[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// observed is what `site show` says, without times and serials.
func (l *lab) observed(t testing.TB) map[string]any {
	t.Helper()
	var state map[string]any
	if err := json.Unmarshal([]byte(l.must(t, "site", "show", "--json")), &state); err != nil {
		t.Fatal(err)
	}
	prune(state)
	return state
}

// serials are the counts that systems keep of the writes that changed something, by their place in `site show`. Those of
// agents count each start of a mirror too, and one that was cut off is started again: they are left out.
func (l *lab) serials(t testing.TB) map[string]any {
	t.Helper()
	var state map[string]any
	if err := json.Unmarshal([]byte(l.must(t, "site", "show", "--json")), &state); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		m, _ := v.(map[string]any)
		for k, v := range m {
			if walk(at+k+"/", v); strings.HasSuffix(k, "serial") {
				all[at+k] = v
			}
		}
	}
	walk("", state)
	maps.DeleteFunc(all, func(at string, _ any) bool { return strings.HasPrefix(at, "trees/") })
	return all
}

// prune leaves out what may differ between two sites that are the same.
func prune(v any) {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(k string, _ any) bool { return strings.HasSuffix(k, "time") || strings.HasSuffix(k, "serial") })
		for _, member := range v {
			prune(member)
		}
	case []any:
		for _, item := range v {
			prune(item)
		}
	}
}

// differing names the places where two states differ.
func differing(at string, got, want any) string {
	if g, isList := got.([]any); isList {
		if w, both := want.([]any); both && len(g) == len(w) {
			var all strings.Builder
			for i := range g {
				all.WriteString(differing(fmt.Sprintf("%s[%d]", at, i), g[i], w[i]))
			}
			return all.String()
		}
	}
	g, isMap := got.(map[string]any)
	w, both := want.(map[string]any)
	if !isMap || !both {
		a, _ := json.Marshal(got) // they came from JSON
		b, _ := json.Marshal(want)
		if bytes.Equal(a, b) {
			return ""
		}
		return fmt.Sprintf("%s: got %s, want %s\n", at, a, b)
	}
	var all strings.Builder
	for _, k := range slices.Sorted(maps.Keys(g)) {
		if _, known := w[k]; !known {
			fmt.Fprintf(&all, "%s/%s: got %v, want none\n", at, k, g[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(w)) {
		all.WriteString(differing(at+"/"+k, g[k], w[k]))
	}
	return all.String()
}

// keys gives changes as texts to compare: what a plan prints of them.
func keys(changes []plan.Change) []string {
	all := make([]string, len(changes))
	for i, c := range changes {
		all[i] = c.String()
	}
	return all
}
