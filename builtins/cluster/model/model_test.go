package model_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/cluster/model"
)

// exchange is a cluster whose resources are all in one state.
func exchange(state model.State) *model.Cluster {
	r := func(name, kind, param, v string, depends ...string) *model.Resource {
		return &model.Resource{Name: name, Type: kind, Group: "mail", State: state, Depends: depends, Params: map[string]string{param: v}}
	}
	return &model.Cluster{
		Name:   "west",
		Nodes:  []*model.Node{{Name: "west1"}, {Name: "west2"}},
		Groups: []*model.Group{{Name: "mail", Owner: "west1"}},
		Resources: []*model.Resource{
			r("source", model.SourceConnection, "set", "mailstores", "disk"),
			r("attendant", model.SystemAttendant, "path", `E:\Exchsrvr`, "disk", "name"),
			r("disk", model.PhysicalDisk, "disk", "E:"),
			r("name", model.NetworkName, "name", "EXCH2", "address"),
			r("address", model.IPAddress, "address", "10.1.1.9"),
		},
	}
}

// apply makes all steps of an operation.
func apply(t *testing.T, c *model.Cluster, op model.Op) string {
	t.Helper()
	steps, err := c.Steps(op)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range steps {
		s.Make(c)
		all = append(all, s.What+": "+s.To)
	}
	return strings.Join(all, "\n")
}

func TestStepsDoNotTouchTheClusterTheyAreFor(t *testing.T) {
	c := exchange(model.Offline)
	if _, err := c.Steps(model.Op{Verb: model.GroupOnline, Group: "mail"}); err != nil || c.GroupState("mail") != model.Offline {
		t.Errorf("the group is %s, %v", c.GroupState("mail"), err)
	}
}

// Whatever the order of creation: online after what it needs with the source connection last, offline before it with the
// source connection just before its disk.
func TestOrder(t *testing.T) {
	c := exchange(model.Offline)
	want := strings.Join([]string{`resource "disk": Online`, `resource "address": Online`, `resource "name": Online`,
		`resource "attendant": Online`, `resource "source" (runs online.dtcl on west1): Online`}, "\n")
	if got := apply(t, c, model.Op{Verb: model.GroupOnline, Group: "mail"}); got != want {
		t.Errorf("online:\n%s\nwant\n%s", got, want)
	}
	want = strings.Join([]string{`resource "attendant": Offline`, `resource "name": Offline`, `resource "address": Offline`,
		`resource "source" (runs offline.dtcl on west1): Offline`, `resource "disk": Offline`}, "\n")
	if got := apply(t, c, model.Op{Verb: model.GroupOffline, Group: "mail"}); got != want {
		t.Errorf("offline:\n%s\nwant\n%s", got, want)
	}
}

func TestGroupState(t *testing.T) {
	for _, x := range []struct {
		all     model.State
		but     string
		is      model.State
		want    model.State
		because string
	}{
		{model.Online, "", "", model.Online, "all are online"},
		{model.Offline, "", "", model.Offline, "none is"},
		{model.Online, "disk", model.Offline, model.PartialOnline, "one is not"},
		{model.Online, "disk", model.Pending, model.Pending, "one is on its way"},
		{model.Online, "disk", model.Failed, model.Failed, "one failed"},
		{model.Pending, "disk", model.Failed, model.Failed, "failed goes before pending"},
		{model.Online, "source", model.Failed, model.PartialOnline, "a source connection takes nobody down"},
		{model.Offline, "source", model.Failed, model.Offline, "nothing is online"},
	} {
		c := exchange(x.all)
		if x.but != "" {
			c.Resource(x.but).State = x.is
		}
		if got := c.GroupState("mail"); got != x.want {
			t.Errorf("all %s but %q %s: got %s, want %s, as %s", x.all, x.but, x.is, got, x.want, x.because)
		}
	}
	if got := exchange(model.Online).GroupState("none"); got != model.Offline {
		t.Errorf("a group without resources is %s", got)
	}
}

// Windows since 2008 lets dependencies change while resources are online.
func TestLiveDependencies(t *testing.T) {
	c := exchange(model.Online)
	add := model.Op{Verb: model.DependencyAdd, Resource: "source", On: "address"}
	remove := model.Op{Verb: model.DependencyRemove, Resource: "source", On: "address"}
	if _, err := c.Steps(add); err == nil {
		t.Error("a dependency is added to a resource that is online")
	}
	c.LiveDependencies = true
	apply(t, c, add)
	if !c.Dependents("address")[0].IsSource() {
		t.Error("the dependency was not added")
	}
	apply(t, c, remove)
	if got := len(c.Dependents("address")); got != 1 {
		t.Errorf("%d depend on the address, want 1", got)
	}
	apply(t, c, model.Op{Verb: model.ResourceOffline, Resource: "address"})
	if _, err := c.Steps(add); err == nil {
		t.Error("what is online comes to depend on what is not")
	}
}

// In a drill a resource is told how to fail; a source connection is degraded, as it is by its script.
func TestFails(t *testing.T) {
	c := exchange(model.Offline)
	c.Resource("source").Params[model.ParamFails] = "no target"
	c.Resource("name").Params[model.ParamFails] = "duplicate name"
	online := model.Op{Verb: model.GroupOnline, Group: "mail"}
	apply(t, c, online)
	if r := c.Resource("source"); r.State != model.Online || !r.Degraded() {
		t.Errorf("the source connection is %s, %q", r.State, r.Note)
	}
	if err := c.Unmet(online); err == nil || !strings.Contains(err.Error(), `resource "name" failed: duplicate name`) {
		t.Errorf("got %v", err)
	}
	if got := c.Resource("attendant").State; got != model.Offline {
		t.Errorf("the attendant is %s without its name", got)
	}
}

func TestServes(t *testing.T) {
	addr := netip.MustParseAddr("10.1.1.9")
	c := exchange(model.Online)
	if group, name, serving, ok := c.Serves(addr); group != "mail" || name != "EXCH2" || !serving || !ok {
		t.Errorf("online: %q %q %v %v", group, name, serving, ok)
	}
	if _, _, _, ok := c.Serves(netip.MustParseAddr("10.1.1.8")); ok {
		t.Error("it serves an address that it does not have")
	}
	apply(t, c, model.Op{Verb: model.ResourceOffline, Resource: "name"})
	if group, name, serving, ok := c.Serves(addr); group != "mail" || name != "" || serving || !ok {
		t.Errorf("without its name: %q %q %v %v", group, name, serving, ok)
	}
	apply(t, c, model.Op{Verb: model.ResourceOffline, Resource: "address"})
	if _, _, _, ok := c.Serves(addr); ok {
		t.Error("it serves an address that is offline")
	}
}

func TestOperationsThatAreNone(t *testing.T) {
	c := exchange(model.Offline)
	for _, op := range []model.Op{
		{}, {Verb: "group dance", Group: "mail"}, {Verb: model.GroupCreate},
		{Verb: model.ResourceCreate, New: &model.Resource{Type: model.PhysicalDisk, Group: "mail"}},
	} {
		if _, err := c.Steps(op); err == nil {
			t.Errorf("%+v is accepted", op)
		}
	}
}
