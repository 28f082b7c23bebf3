package sim_test

import (
	"context"
	"encoding/json"
	"errors"
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
