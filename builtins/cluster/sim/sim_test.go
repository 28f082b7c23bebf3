package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/embedded"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/cluster/sim"
)

// store keeps a state in memory and refuses all writes but the first few.
type store struct {
	state *model.Cluster
	left  int
}

var errCut = errors.New("cut off")

func (s *store) Load(context.Context) (*model.Cluster, error) { return s.state.Clone(), nil }

func (s *store) Update(_ context.Context, change func(*model.Cluster) error) error {
	if s.left == 0 {
		return errCut
	}
	s.left--
	return change(s.state)
}

const enough = 1000

// An operation that is cut off at any write and done again ends where it would have ended at once.
func TestCutOffAtEveryWrite(t *testing.T) {
	const group = "Exchange Group"
	for _, x := range []struct{ before, op model.Op }{
		{model.Op{Verb: model.GroupRelease, Group: group}, model.Op{Verb: model.GroupOnline, Group: group}},
		{model.Op{Verb: model.GroupOnline, Group: group}, model.Op{Verb: model.GroupOffline, Group: group}},
		{model.Op{Verb: model.GroupOnline, Group: group}, model.Op{Verb: model.ResourceOffline, Resource: "Disk E:"}},
		{model.Op{Verb: model.GroupOnline, Group: group}, model.Op{Verb: model.ResourceFail, Resource: "Disk E:", Note: "broken"}},
		{model.Op{Verb: model.GroupOnline, Group: group}, model.Op{Verb: model.GroupMove, Group: group, Node: "west2"}},
		{model.Op{Verb: model.GroupOnline, Group: group}, model.Op{Verb: model.NodeStandby, Node: "west1"}},
		{model.Op{Verb: model.GroupOnline, Group: group}, model.Op{Verb: model.NodeFence, Node: "west1"}},
	} {
		want := finish(t, x.before, x.op, enough)
		for left := range enough {
			if got := finish(t, x.before, x.op, left); !same(got, want) {
				t.Errorf("%s cut off after %d writes and done again differs", x.op.Verb, left)
			}
			if left > 20 {
				break
			}
		}
	}
}

// stopped is how a script ends whose run was told to stop.
type stopped struct{}

func (stopped) Error() string { return "stopped between two commands" }
func (stopped) Pauses()       {}

// A script that was stopped leaves its resource to be done again: the operation ends as it would have at once, or is undone
// as if nothing had been.
func TestAScriptThatWasStopped(t *testing.T) {
	const group = "Exchange Group"
	nothing, online := model.Op{Verb: model.GroupRelease, Group: group}, model.Op{Verb: model.GroupOnline, Group: group}
	for _, x := range []struct {
		before, op model.Op
		scripts    int
	}{
		{nothing, online, 1}, {online, model.Op{Verb: model.GroupOffline, Group: group}, 1}, {online, model.Op{Verb: model.GroupMove, Group: group, Node: "west2"}, 2},
	} {
		want := finish(t, x.before, x.op, enough)
		for at := range x.scripts {
			s, scripts := &store{state: embedded.Fresh()[1], left: enough}, -1000
			c := sim.New(s, "", func(context.Context, cluster.Script) error {
				if scripts++; scripts == at+1 {
					return stopped{}
				}
				return nil
			})
			if err := c.Apply(t.Context(), x.before); err != nil {
				t.Fatal(err)
			}
			start := s.state.Clone()
			steps, err := start.Steps(x.op)
			if err != nil {
				t.Fatal(err)
			}
			scripts = 0
			if err := c.Apply(t.Context(), x.op); !errors.Is(err, stopped{}) {
				t.Fatalf("%s: got %v, want that it was stopped", x.op.Verb, err)
			}
			undone := &store{state: s.state.Clone(), left: enough}
			takeBack(t, undone, steps)
			if !same(undone.state, start) {
				t.Errorf("%s, stopped in script %d and undone, differs", x.op.Verb, at+1)
			}
			if err := c.Apply(t.Context(), x.op); err != nil {
				t.Fatal(err)
			}
			if !same(s.state, want) {
				t.Errorf("%s, stopped in script %d and done again, differs", x.op.Verb, at+1)
			}
		}
	}
}

// A source connection goes back to what it was, degraded or not, and no script runs for that: it would change things anew.
func TestUndoRunsNoScript(t *testing.T) {
	const group, source = "Exchange Group", "Source Connection"
	fails := errors.New("no such set")
	for name, x := range map[string]struct {
		before []error // how its online.dtcl ended, each time it was asked for
		op     model.Op
		ends   error
	}{
		"taken offline":                   {[]error{nil}, model.Op{Verb: model.ResourceOffline, Resource: source}, nil},
		"taken offline, with a complaint": {[]error{nil}, model.Op{Verb: model.ResourceOffline, Resource: source}, fails},
		"degraded, and taken offline":     {[]error{fails}, model.Op{Verb: model.GroupOffline, Group: group}, nil},
		"degraded, and not any more":      {[]error{fails}, model.Op{Verb: model.ResourceOnline, Resource: source}, nil},
		"brought online":                  {nil, model.Op{Verb: model.GroupOnline, Group: group}, nil},
		"brought online, but degraded":    {nil, model.Op{Verb: model.GroupOnline, Group: group}, fails},
		"moved, and degraded there":       {[]error{nil}, model.Op{Verb: model.GroupMove, Group: group, Node: "west2"}, fails},
	} {
		s, ends := &store{state: embedded.Fresh()[1], left: enough}, error(nil)
		c := sim.New(s, "", func(context.Context, cluster.Script) error { return ends })
		if err := c.Apply(t.Context(), model.Op{Verb: model.GroupRelease, Group: group}); err != nil {
			t.Fatal(err)
		}
		for _, ends = range x.before {
			if err := c.Apply(t.Context(), model.Op{Verb: model.GroupOnline, Group: group}); err != nil {
				t.Fatal(err)
			}
		}
		ends = x.ends
		start := s.state.Clone()
		steps, err := start.Steps(x.op)
		if err != nil || len(steps) == 0 {
			t.Fatalf("%s: got %d steps, %v", name, len(steps), err)
		}
		if err := c.Apply(t.Context(), x.op); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		takeBack(t, s, steps)
		if !same(s.state, start) {
			t.Errorf("%s, and undone: got %+v, want %+v", name, s.state.Resource(source), start.Resource(source))
		}
	}
}

// takeBack takes steps back, the last one first.
func takeBack(t *testing.T, s *store, steps []model.Step) {
	t.Helper()
	c := sim.New(s, "", func(context.Context, cluster.Script) error { return errors.New("a script ran") })
	for _, step := range slices.Backward(steps) {
		back, err := s.state.Undoing(*step.Inverse, step.To)
		if err != nil {
			t.Fatal(err)
		}
		if len(back) == 0 {
			continue
		}
		if err := c.Apply(t.Context(), *step.Inverse); err != nil {
			t.Fatal(err)
		}
	}
}

// finish applies before, then op with so many writes, then op again, and gives the state at the end.
func finish(t *testing.T, before, op model.Op, writes int) *model.Cluster {
	t.Helper()
	s := &store{state: embedded.Fresh()[1], left: enough}
	c := sim.New(s, "", func(context.Context, cluster.Script) error { return nil })
	if err := c.Apply(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	s.left = writes
	if err := c.Apply(t.Context(), op); err != nil && !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	s.left = enough
	if err := c.Apply(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	return s.state
}

func same(a, b *model.Cluster) bool {
	one, err1 := json.Marshal(a)
	two, err2 := json.Marshal(b)
	return errors.Join(err1, err2) == nil && string(one) == string(two)
}
