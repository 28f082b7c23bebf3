package embedded_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/clustertest"
	"github.com/standin-project/standin/builtins/cluster/embedded"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/runtime/value"
)

const group = "Exchange Group"

func TestConformance(t *testing.T) {
	clustertest.Run(t, func() *model.Cluster { return embedded.Fresh()[1] }, open)
}

func TestProperties(t *testing.T) {
	clustertest.Properties(t, 8, func() *model.Cluster { return embedded.Fresh()[1] }, open)
}

// open opens a cluster in a folder of its own.
func open(t *testing.T, start *model.Cluster, run cluster.ScriptRunner) cluster.System {
	path := filepath.Join(t.TempDir(), start.Name+".json")
	data, err := json.Marshal(start)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := embedded.Open(path, embedded.Options{Root: "/site", RunScript: run})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// freshEast makes a fresh site and opens its source cluster.
func freshEast(t *testing.T, run cluster.ScriptRunner) (*embedded.Cluster, string) {
	site := t.TempDir()
	if err := embedded.Init(site); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(site, "clusters", "east.json")
	c, err := embedded.Open(path, embedded.Options{Root: site, RunScript: run})
	if err != nil {
		t.Fatal(err)
	}
	return c, path
}

func groupState(t *testing.T, c cluster.Reader) model.State {
	m, err := c.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m.GroupState(group)
}

func code(err error) int {
	var f *value.Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return 0
}

func TestAFreshSiteIsTheSameEveryTime(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, site := range []string{a, b} {
		if err := embedded.Init(site); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"east.json", "west.json"} {
		one, err1 := os.ReadFile(filepath.Join(a, "clusters", name))
		two, err2 := os.ReadFile(filepath.Join(b, "clusters", name))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if string(one) != string(two) {
			t.Errorf("%s differs between two fresh sites", name)
		}
		if strings.Contains(string(one), a) {
			t.Errorf("%s holds a path of the folder it lies in", name)
		}
	}
}

func TestShow(t *testing.T) {
	c, _ := freshEast(t, nil)
	if err := c.Apply(t.Context(), model.Op{Verb: model.ResourceOnline, Resource: "Exchange Network Name"}); err != nil {
		t.Fatal(err)
	}
	shown, err := c.Show(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(shown, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "show.json")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("Show gives\n%s", got)
	}
}

func TestTheStateOutlivesTheProcess(t *testing.T) {
	c, path := freshEast(t, nil)
	if err := c.Apply(t.Context(), model.Op{Verb: model.GroupOnline, Group: group}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := c.Writes(t.Context()); err != nil || got != 5 {
			t.Errorf("five resources came online in %d writes, want 5 (%v)", got, err)
		}
		if err := c.Heal(t.Context()); err != nil { // it is well already
			t.Fatal(err)
		}
	}
	again, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := groupState(t, again); got != model.Online {
		t.Errorf("opened again the group is %s", got)
	}
}

func TestASiteThatFailsAndHeals(t *testing.T) {
	c, _ := freshEast(t, nil)
	ctx := t.Context()
	for _, op := range []model.Op{
		{Verb: model.NodeStandby, Node: "east2"}, {Verb: model.GroupOnline, Group: group}, {Verb: model.GroupHold, Group: group},
	} {
		if err := c.Apply(ctx, op); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Fail(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := c.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !m.Gone() || m.GroupState(group) != model.Offline {
		t.Errorf("failed, the cluster reads gone %v, group %s", m.Gone(), m.GroupState(group))
	}
	if err := c.Apply(ctx, model.Op{Verb: model.GroupOffline, Group: group}); code(err) != value.CodeUnreachable {
		t.Errorf("a failed cluster takes its group offline: %v", err)
	}
	if err := c.Heal(ctx); err != nil {
		t.Fatal(err)
	}
	if m, err = c.State(ctx); err != nil {
		t.Fatal(err)
	}
	if m.Gone() || m.GroupState(group) != model.Offline {
		t.Errorf("healed, the cluster reads gone %v, group %s: nothing may start by itself", m.Gone(), m.GroupState(group))
	}
	if !m.Group(group).Held || m.Node("east2").State() != model.Standby {
		t.Error("healed, the cluster has forgotten what is held and in standby")
	}
	if err := c.Apply(ctx, model.Op{Verb: model.GroupOnline, Group: group}); code(err) != value.CodeConflict {
		t.Errorf("a held group starts after its nodes came back: %v", err)
	}
}

func TestAClusterLostWhileItsScriptRuns(t *testing.T) {
	var c *embedded.Cluster
	c, _ = freshEast(t, func(ctx context.Context, _ cluster.Script) error { return c.Fail(ctx) })
	err := c.Apply(t.Context(), model.Op{Verb: model.GroupOnline, Group: group})
	if code(err) != value.CodeUnreachable {
		t.Errorf("got %v, want that the cluster is not reachable", err)
	}
	if got := groupState(t, c); got != model.Offline {
		t.Errorf("the lost group reads %s", got)
	}
}

func TestWhileItsScriptRunsAResourceIsPending(t *testing.T) {
	var c *embedded.Cluster
	var seen model.State
	c, _ = freshEast(t, func(ctx context.Context, s cluster.Script) error {
		m, err := c.State(ctx)
		if err != nil {
			return err
		}
		seen = m.Resource(s.Resource).State
		return nil
	})
	if err := c.Apply(t.Context(), model.Op{Verb: model.GroupOnline, Group: group}); err != nil {
		t.Fatal(err)
	}
	if seen != model.Pending {
		t.Errorf("its script sees the resource %s, want Pending", seen)
	}
}

func TestAScriptMayNotChangeItsOwnCluster(t *testing.T) {
	var c *embedded.Cluster
	var inner error
	c, _ = freshEast(t, func(ctx context.Context, _ cluster.Script) error {
		inner = c.Apply(ctx, model.Op{Verb: model.GroupHold, Group: group})
		return nil
	})
	if err := c.Apply(t.Context(), model.Op{Verb: model.GroupOnline, Group: group}); err != nil {
		t.Fatal(err)
	}
	if code(inner) != value.CodeConflict {
		t.Errorf("got %v, want a refusal: the operation would wait for itself", inner)
	}
}

func TestACancelledScriptLeavesNothingPending(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := freshEast(t, func(ctx context.Context, _ cluster.Script) error {
		cancel()
		return ctx.Err()
	})
	if err := c.Apply(ctx, model.Op{Verb: model.GroupOnline, Group: group}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	m, err := c.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := m.Resource("Source Connection"); r.State != model.Failed || r.Note != "online.dtcl was interrupted" {
		t.Errorf("the resource is %s, %q", r.State, r.Note)
	}
}

func TestOperationsTakeTurns(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	c, _ := freshEast(t, func(context.Context, cluster.Script) error {
		close(inside)
		<-leave
		return nil
	})
	done := make(chan error, 1)
	go func() { done <- c.Apply(t.Context(), model.Op{Verb: model.GroupOnline, Group: group}) }()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Apply(ctx, model.Op{Verb: model.GroupHold, Group: group}); !errors.Is(err, context.Canceled) {
		t.Errorf("an operation that waits for its turn got %v, want that it can be cancelled", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	if _, err := embedded.Open(filepath.Join(dir, "none.json"), embedded.Options{}); code(err) != value.CodeNotThere {
		t.Errorf("a missing file: %v", err)
	}
	for _, content := range []string{"", "{", `{"name": 1}`, `{"nodes": [], "color": "red"}`} {
		path := filepath.Join(dir, "bad.json")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := embedded.Open(path, embedded.Options{}); code(err) != value.CodeFailed || !strings.Contains(err.Error(), path) {
			t.Errorf("a file that holds %q: %v", content, err)
		}
	}
}

func TestAFullDiskChangesNothing(t *testing.T) {
	_, path := freshEast(t, nil)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A file whose name is too long for a temporary file beside it stands for a disk that takes no more.
	long := filepath.Join(filepath.Dir(path), strings.Repeat("x", 250))
	if err := os.WriteFile(long, before, 0o644); err != nil {
		t.Fatal(err)
	}
	full, err := embedded.Open(long, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := full.Apply(t.Context(), model.Op{Verb: model.GroupHold, Group: group}); code(err) != value.CodeFailed {
		t.Errorf("a change that cannot be written: %v", err)
	}
	after, err := os.ReadFile(long)
	if err != nil || string(after) != string(before) {
		t.Errorf("the state changed all the same: %v", err)
	}
}
