package cluster_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/embedded"
	"github.com/standin-project/standin/builtins/cluster/overlay"
	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// site is a site of clusters.
type site map[string]cluster.System

func (s site) Cluster(name string) (cluster.System, error) {
	if c, ok := s[strings.ToLower(name)]; ok {
		return c, nil
	}
	return nil, value.Failf(value.CodeNotThere, "no cluster %q", name)
}

func (s site) Clusters() []string { return []string{"east", "west"} }

// fresh makes a fresh site of embedded clusters whose scripts all end well.
func fresh(t *testing.T) site {
	folder := t.TempDir()
	if err := embedded.Init(folder); err != nil {
		t.Fatal(err)
	}
	s := site{}
	for _, name := range s.Clusters() {
		c, err := embedded.Open(filepath.Join(folder, "clusters", name+".json"), embedded.Options{Root: folder, RunScript: well})
		if err != nil {
			t.Fatal(err)
		}
		s[name] = c
	}
	return s
}

func well(context.Context, cluster.Script) error { return nil }

// planned gives the site as a plan sees it.
func (s site) planned() site {
	o := site{}
	for name, c := range s {
		o[name] = overlay.New(c, "", well)
	}
	return o
}

// commands is the vocabulary over a site, for the language and for the walk.
func commands(t *testing.T, s cluster.Systems) (*sig.Set, plan.Lookup) {
	t.Helper()
	all := cluster.Commands(s)
	var sigs []*sig.Signature
	records := make(map[string]*def.Command)
	for i := range all {
		sigs = append(sigs, &all[i].Signature)
		records[all[i].Usage] = &all[i]
	}
	set, err := sig.NewSet(sigs)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Validate(); err != nil {
		t.Fatal(err)
	}
	return set, func(s *sig.Signature) (*plan.Record, error) {
		c := records[s.Usage]
		return &plan.Record{Read: c.Read, Observe: c.Observe, Undo: c.Undo}, nil
	}
}

// checked reads a script and refuses one with a mistake.
func checked(t *testing.T, script string) *check.Program {
	t.Helper()
	set, _ := commands(t, nil)
	file, ds := syntax.Parse(&diag.Source{Name: "example.dtcl", Text: script}, syntax.Options{OldLine: set.OldLine})
	p, more := check.Check(file, set, check.Options{Names: map[string][]string{"cluster": {"east", "west"}}})
	for _, d := range append(ds, more...) {
		t.Errorf("%s: %v", script, d)
	}
	return p
}

func load(t *testing.T, p *check.Program, planning bool) *vm.Program {
	t.Helper()
	unit, ds := lower.Lower(p, lower.Options{Plan: planning})
	if len(ds) > 0 {
		t.Fatal(ds[0])
	}
	return vm.Load(unit)
}

// changesOf is a journal that keeps the changes of every intent.
type changesOf struct{ all []plan.Change }

func (j *changesOf) Append(e *plan.Entry, _ bool) error {
	if e.Kind == plan.KindIntent {
		j.all = append(j.all, e.Changes...)
	}
	return nil
}

// Every record's example is a statement of the language that runs on a fresh site, and its plan says what it then does.
func TestExamples(t *testing.T) {
	for _, c := range cluster.Commands(nil) {
		t.Run(c.Usage, func(t *testing.T) {
			p := checked(t, c.Example+"\n")
			if t.Failed() {
				return
			}
			s := fresh(t)
			lookup := func() plan.Lookup { _, l := commands(t, s.planned()); return l }
			predicted, err := plan.Predict(t.Context(), plan.Config{Out: &strings.Builder{}}, lookup, load(t, p, true), nil)
			if err != nil || predicted.Failure != nil || len(predicted.Missing) > 0 {
				t.Fatalf("the plan: %v, %v, missing %v", err, predicted.Failure, predicted.Missing)
			}
			var journal changesOf
			_, l := commands(t, s)
			w := plan.New(plan.Config{Lookup: l, Journal: &journal, Out: &strings.Builder{}})
			if err := load(t, p, false).Run(w.Start(t.Context()), w, nil); err != nil {
				t.Fatalf("the run: %v", err)
			}
			want, _ := json.Marshal(predicted.Changes)
			got, _ := json.Marshal(journal.all)
			if string(got) != string(want) {
				t.Errorf("the run changed\n%s\nthe plan said\n%s", got, want)
			}
		})
	}
}

// A record explains each of its slots and nothing else.
func TestDocs(t *testing.T) {
	for _, c := range cluster.Commands(nil) {
		for slot, text := range c.Docs {
			if text == "" || !strings.Contains(c.Usage, "<"+slot+">") {
				t.Errorf("%s: explains %q as %q", c.Usage, slot, text)
			}
		}
		for _, slot := range regexp.MustCompile("<([^>]+)>").FindAllStringSubmatch(c.Usage, -1) {
			if c.Docs[slot[1]] == "" {
				t.Errorf("%s: does not explain %s", c.Usage, slot[0])
			}
		}
		if c.Summary == "" || c.Example == "" || c.Effect == sig.Reads && c.Result == "" {
			t.Errorf("%s: lacks a summary, an example or a result", c.Usage)
		}
	}
}

// The statements of the conformance suite's transcripts are statements of the language too.
func TestTranscriptsAreTheLanguage(t *testing.T) {
	paths, err := filepath.Glob("clustertest/transcripts/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var script strings.Builder
		for line := range strings.Lines(string(text)) {
			if statement, ok := strings.CutPrefix(line, "> "); ok && !strings.HasPrefix(statement, "script ") {
				script.WriteString(strings.TrimSuffix(statement, "\n") + ";\n")
			}
		}
		checked(t, script.String())
	}
}

// Lines of batch files, without a semicolon, with an option on the next line, in any case.
func TestOldLines(t *testing.T) {
	s := fresh(t)
	p := checked(t, `cluster /cluster:"west" group "Exchange Group" /ONLINE
cluster /cluster:"west" res "Exchange IP Address"
/offline
CLUSTER.EXE /CLUSTER:"west" RES "Exchange IP Address" /online
cluster /cluster:"west" group "Exchange Group" /move:"west2"
`)
	_, l := commands(t, s)
	w := plan.New(plan.Config{Lookup: l, Out: &strings.Builder{}})
	if err := load(t, p, false).Run(w.Start(t.Context()), w, nil); err != nil {
		t.Fatal(err)
	}
	m, err := s["west"].State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, g := m.Resource("Exchange IP Address"), m.Group("Exchange Group"); r.State != "Online" || g.Owner != "west2" {
		t.Errorf("the address is %s, the owner %s", r.State, g.Owner)
	}
}

// What a plan cannot know stays unknown: no operation is tried with it.
func TestAnUnknownProperty(t *testing.T) {
	set, lookup := commands(t, fresh(t))
	for _, s := range set.Signatures("CLUSTER") {
		if !strings.Contains(s.Usage, "<properties>") {
			continue
		}
		record, _ := lookup(s)
		c := &def.Call{
			Args: []sig.Arg{{Name: "cluster", Type: "cluster"}, {Name: "properties", Type: "properties"}},
			Vals: []value.Value{value.Text("west"), value.Map(map[string]value.Value{"address": value.Unknown("it was not read")})},
		}
		if a, err := record.Observe(t.Context(), c); err != nil || a.Done != plan.Unknown || a.Why != "it was not read" {
			t.Errorf("got %+v, %v", a, err)
		}
	}
}
