package model_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/runtime/value"
)

// What somebody else has made of an object since stays as it is: the refusal says what was found and the way out.
func TestUndoLeavesTheChangesOfOthers(t *testing.T) {
	online := func(r string) model.Op { return model.Op{Verb: model.ResourceOnline, Resource: r} }
	offline := func(r string) model.Op { return model.Op{Verb: model.ResourceOffline, Resource: r} }
	spare := func(disk string) model.Op {
		return model.Op{Verb: model.ResourceCreate, Resource: "spare", New: &model.Resource{
			Name: "spare", Type: model.PhysicalDisk, Group: "mail", Params: map[string]string{"disk": disk}}}
	}
	group := func(v model.Verb, node string) model.Op { return model.Op{Verb: v, Group: "mail", Node: node} }
	node := func(v model.Verb) model.Op { return model.Op{Verb: v, Node: "west2"} }
	for _, x := range []struct {
		name         string
		start        model.State
		change       model.Op
		others       []model.Op
		found, wayTo string
	}{
		{"it was taken offline and failed", model.Online, offline("source"), []model.Op{{Verb: model.ResourceFail, Resource: "source", Note: "drill"}},
			`resource "source" of cluster "west": got Failed, want Offline`, `CLUSTER west RESOURCE "source" ONLINE`},
		{"something came online that needs it", model.Offline, online("disk"), []model.Op{online("source")},
			`resource "disk" of cluster "west": that would also change resource "source"`, `RESOURCE "disk" OFFLINE`},
		{"what it needs went offline", model.Online, offline("source"), []model.Op{offline("disk")},
			`resource "source" of cluster "west" depends on "disk", which is offline`, `RESOURCE "source" ONLINE`},
		{"it was brought online again, but degraded", model.Online, offline("source"), []model.Op{
			{Verb: model.ResourceOnline, Resource: "source", Quiet: true, Note: model.Degrade("no answer")}},
			`got Online (degraded: no answer), want Offline`, `RESOURCE "source" ONLINE`},
		{"its group moved on", model.Offline, group(model.GroupMove, "west2"), []model.Op{group(model.GroupMove, "west3")},
			`group "mail" of cluster "west": got on west3, want on west2`, `GROUP "mail" MOVE TO west1`},
		{"its group moved and runs there now", model.Offline, group(model.GroupMove, "west2"), []model.Op{online("disk")},
			"that would also change resource \"disk\"", `GROUP "mail" MOVE TO west1`},
		{"what was created is online", model.Offline, spare("F:"), []model.Op{online("spare")}, `(disk=F:), online, want `, `RESOURCE "spare" DELETE`},
		{"what was created is another one now", model.Offline, spare("F:"), []model.Op{{Verb: model.ResourceDelete, Resource: "spare"}, spare("G:")},
			`(disk=G:), want Physical Disk in group "mail" (disk=F:)`, `RESOURCE "spare" DELETE`},
		{"what was created depends on something", model.Offline, spare("F:"),
			[]model.Op{{Verb: model.DependencyAdd, Resource: "spare", On: "disk"}}, `(disk=F:), depends on "disk"`, `RESOURCE "spare" DELETE`},
		{"something depends on what was created", model.Offline, spare("F:"),
			[]model.Op{{Verb: model.DependencyAdd, Resource: "name", On: "spare"}}, `"name" depends on it`, `RESOURCE "spare" DELETE`},
		{"another one has the name of what was deleted", model.Offline, model.Op{Verb: model.ResourceDelete, Resource: "source"},
			[]model.Op{{Verb: model.ResourceCreate, New: &model.Resource{Name: "source", Type: model.PhysicalDisk, Group: "mail"}}},
			`got Physical Disk in group "mail", want none`, `RESOURCE "source" CREATE GROUP "mail" TYPE "Standin Source Connection"`},
		{"what it depended on is gone", model.Offline, model.Op{Verb: model.ResourceDelete, Resource: "source"},
			[]model.Op{{Verb: model.ResourceDelete, Resource: "attendant"}, {Verb: model.ResourceDelete, Resource: "disk"}},
			`it depended on "disk", which is not there`, "CREATE"},
		{"a created group is used", model.Offline, model.Op{Verb: model.GroupCreate, Group: "spare"},
			[]model.Op{{Verb: model.ResourceCreate, New: &model.Resource{Name: "x", Type: model.PhysicalDisk, Group: "spare"}}},
			`got 1 resources, on west1, want empty, on west1`, `GROUP "spare" DELETE`},
		{"a dependency is in use", model.Offline, model.Op{Verb: model.DependencyAdd, Resource: "disk", On: "address"},
			[]model.Op{online("disk")}, `"disk" is online`, `RESOURCE "disk" REMOVE DEPENDENCY "address"`},
		{"the resource is gone", model.Offline, model.Op{Verb: model.DependencyRemove, Resource: "source", On: "disk"},
			[]model.Op{{Verb: model.ResourceDelete, Resource: "source"}}, `has no resource "source"`, "ADD DEPENDENCY"},
		{"the group is gone", model.Offline, group(model.GroupHold, ""), []model.Op{
			{Verb: model.ResourceDelete, Resource: "source"}, {Verb: model.ResourceDelete, Resource: "attendant"}, {Verb: model.ResourceDelete, Resource: "disk"},
			{Verb: model.ResourceDelete, Resource: "name"}, {Verb: model.ResourceDelete, Resource: "address"}, group(model.GroupDelete, "")},
			`got none, want held`, `GROUP "mail" RELEASE`},
		{"the node was fenced", model.Offline, node(model.NodeStandby), []model.Op{node(model.NodeFence)},
			`node "west2" of cluster "west": got Fenced, want Standby`, "NODE west2 ACTIVE"},
		{"groups run on the node", model.Online, node(model.NodeActive), []model.Op{group(model.GroupMove, "west2")},
			`that would also change `, "NODE west2 STANDBY"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := exchange(x.start)
			c.Nodes = append(c.Nodes, &model.Node{Name: "west3"})
			if x.change.Verb == model.NodeActive {
				apply(t, c, node(model.NodeStandby))
			}
			steps, err := c.Steps(x.change)
			if err != nil || len(steps) != 1 {
				t.Fatalf("got %d steps, %v, want one", len(steps), err)
			}
			steps[0].Make(c)
			for _, op := range x.others {
				apply(t, c, op)
			}
			back, err := c.Undoing(*steps[0].Inverse, steps[0].To)
			if !value.HasCode(err, value.CodeRefused) || !strings.Contains(err.Error(), x.found) {
				t.Fatalf("got %d steps, %v, want a refusal that says %s", len(back), err, x.found)
			}
			if hint := err.(*value.Failure).Hints[0]; !strings.Contains(hint, x.wayTo) {
				t.Errorf("got the hint %s, want %s in it", hint, x.wayTo)
			}
		})
	}
}

// A move that has not begun is not undone by taking down what runs, and none of a cluster that is gone is.
func TestUndoOfAMoveThatDidNotBegin(t *testing.T) {
	c := exchange(model.Online)
	steps, err := c.Steps(model.Op{Verb: model.GroupMove, Group: "mail", Node: "west2"})
	if err != nil || len(steps) != 11 {
		t.Fatalf("got %d steps, %v, want 11", len(steps), err)
	}
	for _, s := range steps {
		if back, err := c.Undoing(*s.Inverse, s.To); err != nil || len(back) > 0 {
			t.Errorf("%s: %s → %s is undone by %d steps, %v, want none", s.What, s.From, s.To, len(back), err)
		}
	}
	c.FenceAll()
	if _, err := c.Undoing(*steps[0].Inverse, steps[0].To); !value.HasCode(err, value.CodeUnreachable) {
		t.Errorf("got %v of a cluster that is gone, want that it is not reachable", err)
	}
}

// A group does not go back to a node that cannot run it: it runs where it is, as it was.
func TestUndoOfAMoveFromANodeThatIsGone(t *testing.T) {
	for _, gone := range []model.Verb{model.NodeFence, model.NodeStandby} {
		c := exchange(model.Online)
		want := c.Clone()
		steps, err := c.Steps(model.Op{Verb: model.GroupMove, Group: "mail", Node: "west2"})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			s.Make(c)
		}
		apply(t, c, model.Op{Verb: gone, Node: "west1"})
		for _, s := range slices.Backward(steps) {
			back, err := c.Undoing(*s.Inverse, s.To)
			if strings.HasPrefix(s.What, "group") != value.HasCode(err, value.CodeRefused) {
				t.Fatalf("%s: %s → %s: got %v", s.What, s.From, s.To, err)
			}
			if err != nil && !strings.Contains(err.Error(), `group "mail" of cluster "west": it ran on west1, which is `) {
				t.Errorf("got %v", err)
			}
			for _, b := range back {
				b.Make(c)
			}
		}
		for i, r := range c.Resources {
			if was := want.Resources[i]; r.State != was.State || r.Note != was.Note {
				t.Errorf("resource %q is %s, was %s", r.Name, r.State, was.State)
			}
		}
		if owner := c.Group("mail").Owner; owner != "west2" {
			t.Errorf("the group is on %s, want west2", owner)
		}
	}
}
