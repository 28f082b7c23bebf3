package clustertest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/runtime/value"
)

// Properties applies random operations, a new cluster for each seed, and checks after each what must always hold.
func Properties(t *testing.T, seeds uint64, fresh func() *model.Cluster, open Open) {
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 1))
		sys := open(t, fresh(), func(context.Context, cluster.Script) error {
			if rnd.IntN(3) == 0 {
				return value.Failf(value.CodeUnreachable, "agent %q is not reachable", "east")
			}
			return nil
		})
		for range 40 {
			op := randomOp(rnd)
			before, err := sys.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			steps, refused := before.Steps(op)
			err = sys.Apply(t.Context(), op)
			after, serr := sys.State(t.Context())
			if serr != nil {
				t.Fatal(serr)
			}
			if (err == nil) != (refused == nil && after.Unmet(op) == nil) {
				t.Fatalf("seed %d: %+v: the model expects %v, the cluster says %v", seed, op, refused, err)
			}
			holds(t, seed, op, after)
			if err == nil {
				ensured(t, seed, op, after)
				undone(t, seed, op, before, steps)
			}
		}
	}
}

// holds checks a cluster at rest: nothing is online without what it needs, or on a node that is not there.
func holds(t *testing.T, seed uint64, op model.Op, m *model.Cluster) {
	t.Helper()
	for _, r := range m.Resources {
		if r.State == model.Pending || r.Wanted != (r.State == model.Online) {
			t.Errorf("seed %d: after %+v resource %q is %s, and wanted %v", seed, op, r.Name, r.State, r.Wanted)
		}
		if r.State != model.Online {
			continue
		}
		for _, d := range r.Depends {
			if on := m.Resource(d); on == nil || on.State != model.Online {
				t.Errorf("seed %d: after %+v resource %q is online without %q", seed, op, r.Name, d)
			}
		}
		if owner := m.Node(m.Group(r.Group).Owner); owner == nil || owner.State() != model.Up {
			t.Errorf("seed %d: after %+v resource %q is online on a node that is not up", seed, op, r.Name)
		}
	}
}

// ensured checks that the same operation again has nothing to do.
func ensured(t *testing.T, seed uint64, op model.Op, m *model.Cluster) {
	t.Helper()
	if op.Verb == model.GroupMove && op.Node == "" { // it moves on to the next node
		return
	}
	if op.Verb == model.ResourceOnline && m.Resource(op.Resource).Degraded() { // it is tried again
		return
	}
	if steps, err := m.Steps(op); err != nil || len(steps) > 0 {
		t.Errorf("seed %d: %+v done again has %d steps, %v", seed, op, len(steps), err)
	}
}

// undone checks that the inverses of all steps, the last one first, bring the model back to where it was: however many of
// the steps were made, and however many were taken back before.
func undone(t *testing.T, seed uint64, op model.Op, before *model.Cluster, steps []model.Step) {
	t.Helper()
	if slices.ContainsFunc(steps, func(s model.Step) bool { return s.Inverse == nil }) {
		return
	}
	m := before.Clone()
	for made := range len(steps) + 1 {
		after := m.Clone()
		for back := range len(steps) + 1 {
			once := after.Clone()
			takenBack(t, seed, op, once, steps[len(steps)-back:])
			takenBack(t, seed, op, once, steps)
			compare(t, seed, op, once, before)
		}
		if made < len(steps) {
			steps[made].Make(m)
		}
	}
}

// takenBack takes steps back, the last one first.
func takenBack(t *testing.T, seed uint64, op model.Op, m *model.Cluster, steps []model.Step) {
	t.Helper()
	for _, s := range slices.Backward(steps) {
		back, err := m.Undoing(*s.Inverse, s.To)
		if err != nil {
			t.Fatalf("seed %d: undo of %+v: %s: %v", seed, op, s.What, err)
		}
		for _, b := range back {
			b.Make(m)
		}
	}
}

// compare fails the test unless two clusters have the same objects, in the same order.
func compare(t *testing.T, seed uint64, op model.Op, m, before *model.Cluster) {
	t.Helper()
	got, want := objects(m), objects(before)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("seed %d: %+v undone: %s\n got %s\nwant %s", seed, op, name, got[name], want[name])
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("seed %d: %+v undone leaves %v", seed, op, got)
	}
}

// objects is every object of a cluster as text.
func objects(m *model.Cluster) map[string]string {
	all := make(map[string]string)
	for i, r := range m.Resources {
		all[fmt.Sprint("resource ", i)] = r.Name
	}
	for i, g := range m.Groups {
		all[fmt.Sprint("group ", i)] = g.Name
	}
	for _, r := range m.Resources {
		all["resource "+r.Name] = fmt.Sprint(r.State, r.Wanted, r.Note, r.Depends, r.Group, r.Params)
	}
	for _, g := range m.Groups {
		all["group "+g.Name] = fmt.Sprint(*g)
	}
	for _, n := range m.Nodes {
		all["node "+n.Name] = fmt.Sprint(*n)
	}
	return all
}

func randomOp(rnd *rand.Rand) model.Op {
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	groups := []string{"Exchange Group", "Spare Group", "Nowhere"}
	resources := []string{"Exchange IP Address", "Exchange Network Name", "Disk E:", "Exchange System Attendant", "Source Connection", "Spare Disk"}
	op := model.Op{Verb: model.Verb(pick(
		string(model.GroupOnline), string(model.GroupOnline), string(model.GroupOffline), string(model.GroupMove), string(model.GroupCreate),
		string(model.GroupDelete), string(model.GroupHold), string(model.GroupRelease), string(model.GroupRelease),
		string(model.ResourceOnline), string(model.ResourceOnline), string(model.ResourceOffline), string(model.ResourceFail),
		string(model.ResourceCreate), string(model.ResourceDelete), string(model.DependencyAdd), string(model.DependencyRemove),
		string(model.NodeStandby), string(model.NodeActive), string(model.NodeActive), string(model.NodeFence),
	))}
	switch op.Verb {
	case model.GroupMove:
		op.Group, op.Node = pick(groups...), pick("", "west1", "west2")
	case model.GroupOnline, model.GroupOffline, model.GroupCreate, model.GroupDelete, model.GroupHold, model.GroupRelease:
		op.Group = pick(groups...)
	case model.NodeStandby, model.NodeActive, model.NodeFence:
		op.Node = pick("west1", "west2")
	case model.ResourceCreate:
		op.Resource = "Spare Disk"
		op.New = &model.Resource{Name: op.Resource, Type: model.PhysicalDisk, Group: pick(groups...)}
	default:
		op.Resource, op.On = pick(resources...), pick(resources...)
	}
	return op
}
