// Package clustertest is the conformance suite of clusters: transcripts that every implementation answers alike.
package clustertest

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

//go:embed transcripts
var transcripts embed.FS

// Open opens a cluster under test in the state given; run is what its source connections' scripts do.
type Open func(t *testing.T, start *model.Cluster, run cluster.ScriptRunner) cluster.System

// Run plays every transcript on a cluster of its own, and then undoes what it did: the start must be back.
func Run(t *testing.T, fresh func() *model.Cluster, open Open) {
	paths, err := fs.Glob(transcripts, "transcripts/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			want, err := transcripts.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p := newPlayer(t, fresh(), open)
			got := p.play(string(want))
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(source(path), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s answers otherwise (with UPDATE=1 the answers are written into it):\n%s", path, got)
			}
			p.undo()
		})
	}
}

// source is where a transcript stands for the tests of the implementations beside this package.
func source(path string) string { return filepath.Join("..", "clustertest", path) }

// player plays one transcript.
type player struct {
	t       *testing.T
	sys     cluster.System
	name    string
	set     *sig.Set
	records map[*sig.Signature]*def.Command
	start   string
	changes []undoable
	final   bool  // something was done that nobody can undo
	script  error // how the next scripts end
	out     strings.Builder
}

type undoable struct {
	record *def.Command
	change plan.Change
}

func newPlayer(t *testing.T, start *model.Cluster, open Open) *player {
	p := &player{t: t, name: start.Name, records: make(map[*sig.Signature]*def.Command)}
	p.sys = open(t, start, p.run)
	commands := cluster.Commands(p)
	var sigs []*sig.Signature
	for i := range commands {
		p.records[&commands[i].Signature] = &commands[i]
		sigs = append(sigs, &commands[i].Signature)
	}
	set, err := sig.NewSet(sigs)
	if err != nil {
		t.Fatal(err)
	}
	p.set, p.start = set, p.state()
	return p
}

// Cluster and Clusters make the player its own site.
func (p *player) Cluster(name string) (cluster.System, error) {
	if !strings.EqualFold(name, p.name) {
		return nil, value.Failf(value.CodeNotThere, "no cluster %q", name)
	}
	return p.sys, nil
}

func (p *player) Clusters() []string { return []string{p.name} }

// run notes a script that a resource runs, and ends as the transcript said it would.
func (p *player) run(_ context.Context, s cluster.Script) error {
	var params []string
	for _, k := range slices.Sorted(maps.Keys(s.Params)) {
		params = append(params, k+"="+s.Params[k])
	}
	file := strings.TrimPrefix(filepath.ToSlash(s.File), "/site/")
	fmt.Fprintf(&p.out, "runs %s for %q of group %q (%s)\n", file, s.Resource, s.Group, strings.Join(params, ", "))
	return p.script
}

// play answers each statement (a line that begins with >) and keeps comments and blank lines.
func (p *player) play(transcript string) string {
	for _, line := range strings.SplitAfter(transcript, "\n") {
		switch text := strings.TrimSpace(line); {
		case text == "", strings.HasPrefix(line, "#"):
			p.out.WriteString(line)
		case strings.HasPrefix(line, "> script "):
			p.out.WriteString(line)
			p.scriptsEnd(strings.TrimPrefix(text, "> script "))
		case strings.HasPrefix(line, ">"):
			p.out.WriteString(line)
			p.statement(strings.TrimPrefix(text, "> "))
		}
	}
	return p.out.String()
}

func (p *player) scriptsEnd(how string) {
	switch how {
	case "well":
		p.script = nil
	case "unreachable":
		p.script = value.Failf(value.CodeUnreachable, "agent %q is not reachable", "east")
	case "refused":
		p.script = value.Failf(value.CodeRefused, "agent %q refuses an older generation", "east")
	case "wrong":
		p.script = errors.New("line 3: unknown command \"CONECT\"")
	default:
		p.t.Fatalf("script %s: want well, unreachable, refused or wrong", how)
	}
}

func (p *player) statement(text string) {
	record, call := p.bind(text)
	if record == nil {
		return
	}
	call.Say = func(format string, args ...any) { fmt.Fprintf(&p.out, "says "+format+"\n", args...) }
	var v value.Value
	var err error
	if record.Observe != nil {
		v, err = p.change(record, call)
	} else {
		v, err = record.Read(p.t.Context(), call)
	}
	var f *value.Failure
	switch {
	case errors.As(err, &f):
		fmt.Fprintf(&p.out, "! %d %s\n", f.Code, f.Message)
		for _, h := range f.Hints {
			fmt.Fprintf(&p.out, "  hint: %s\n", h)
		}
	case err != nil:
		fmt.Fprintf(&p.out, "! %v\n", err)
	case v != nil:
		data, _ := json.Marshal(value.To(v))
		fmt.Fprintf(&p.out, "= %s\n", data)
	}
}

// change is the walk in small: observe, act, verify.
func (p *player) change(record *def.Command, call *def.Call) (value.Value, error) {
	ctx := p.t.Context()
	a, err := record.Observe(ctx, call)
	if err != nil {
		return nil, err
	}
	if a.Done == plan.Yes {
		p.out.WriteString("already so\n")
		return a.Result, nil
	}
	for _, ch := range a.Changes {
		fmt.Fprintln(&p.out, ch)
		p.changes = append(p.changes, undoable{record, ch})
		p.final = p.final || ch.Inverse == nil
	}
	v, err := a.Do(ctx)
	if err != nil {
		return nil, err
	}
	if a.Verify != nil {
		answer, err := a.Verify(ctx)
		if err != nil || answer != plan.Yes {
			p.t.Errorf("%s: verify answers %s, %v", record.Usage, answer, err)
		}
		return v, nil
	}
	again, err := record.Observe(ctx, call)
	if err != nil || again.Done != plan.Yes {
		p.t.Errorf("%s: observed again it answers %+v, %v", record.Usage, again, err)
	}
	return v, nil
}

// undo brings the start back, change by change, the last one first.
func (p *player) undo() {
	if p.final {
		return
	}
	p.script = nil
	slices.Reverse(p.changes)
	for _, u := range p.changes {
		if err := u.record.Undo(p.t.Context(), u.change.Inverse); err != nil {
			p.t.Errorf("undo of %s: %v", u.change, err)
		}
	}
	if got := p.state(); got != p.start {
		p.t.Errorf("undone, the cluster is not as it was at the start:\n got %s\nwant %s", got, p.start)
	}
}

// state is the whole cluster as text, in an order that does not remember who was created last.
func (p *player) state() string {
	m, err := p.sys.State(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	slices.SortFunc(m.Groups, func(a, b *model.Group) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Resources, func(a, b *model.Resource) int { return strings.Compare(a.Name, b.Name) })
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}
