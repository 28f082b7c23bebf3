package cluster

import (
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
)

// Commands gives the vocabulary of clusters over s. A nil s is enough for help and check.
func Commands(s Systems) []def.Command {
	k := kit{s}
	all := def.Of("cluster", groupCommands(k), resourceCommands(k), nodeCommands(k), clusterCommands(k), oldCommands(k))
	for i := range all {
		all[i].Docs = docs(all[i].Usage)
	}
	return all
}

func groupCommands(k kit) []def.Command {
	group := func(v model.Verb) opOf {
		return func(c *def.Call) model.Op {
			return model.Op{Verb: v, Group: c.Text("group"), Node: c.Text("node")}
		}
	}
	return []def.Command{
		k.change(group(model.GroupOnline), sig.Signature{
			Usage:   "CLUSTER <cluster> GROUP <group> ONLINE [WAIT <duration>]",
			Summary: "Brings every resource of a group online, each after what it depends on.",
			Example: `CLUSTER east GROUP "Exchange Group" ONLINE;`,
		}),
		k.change(group(model.GroupOffline), sig.Signature{
			Usage:   "CLUSTER <cluster> GROUP <group> OFFLINE [WAIT <duration>]",
			Summary: "Takes every resource of a group offline, each before what it depends on.",
			Example: `CLUSTER west GROUP "Exchange Group" OFFLINE;`,
		}),
		k.change(group(model.GroupMove), sig.Signature{
			Usage:   "CLUSTER <cluster> GROUP <group> MOVE [TO <node>] [WAIT <duration>]",
			Summary: "Moves a group to another node of its cluster: to the one named, else to the next that can run it.",
			Example: `CLUSTER east GROUP "Exchange Group" MOVE TO east2;`,
		}),
		{Read: k.group, Signature: sig.Signature{
			Usage:   "CLUSTER <cluster> GROUP <group> STATUS [WAIT <duration>]",
			Summary: "Says how a group is.",
			Result:  groupResult,
			Effect:  sig.Reads,
			Example: `WRITE (CLUSTER east GROUP "Exchange Group" STATUS).state;`,
		}},
		k.change(group(model.GroupCreate), sig.Signature{
			Usage:   "CLUSTER <cluster> GROUP <group> CREATE [WAIT <duration>]",
			Summary: "Creates an empty group.",
			Example: `CLUSTER west GROUP "Spare Group" CREATE;`,
		}),
		k.change(group(model.GroupDelete), sig.Signature{
			Usage:   "CLUSTER <cluster> GROUP <group> DELETE [WAIT <duration>]",
			Summary: "Deletes a group that has no resources.",
			Example: `CLUSTER west GROUP "Spare Group" DELETE;`,
		}),
		k.change(group(model.GroupHold), sig.Signature{
			Usage:   "CLUSTER <cluster> GROUP <group> HOLD [WAIT <duration>]",
			Summary: "Keeps a group from starting, also after its nodes start again; what is online stays online.",
			Example: `CLUSTER east GROUP "Exchange Group" HOLD;`,
		}),
		k.change(group(model.GroupRelease), sig.Signature{
			Usage:   "CLUSTER <cluster> GROUP <group> RELEASE [WAIT <duration>]",
			Summary: "Lets a held group start again; it does not start it.",
			Example: `CLUSTER east GROUP "Exchange Group" RELEASE;`,
		}),
	}
}

func resourceCommands(k kit) []def.Command {
	resource := func(v model.Verb) opOf {
		return func(c *def.Call) model.Op {
			return model.Op{Verb: v, Resource: c.Text("resource"), On: c.Text("dependency"), Note: failNote(v)}
		}
	}
	return []def.Command{
		k.change(resource(model.ResourceOnline), sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCE <resource> ONLINE [WAIT <duration>]",
			Summary: "Brings a resource online, after all that it depends on; a degraded source connection is tried again.",
			Example: `CLUSTER east RESOURCE "Disk E:" ONLINE;`,
		}),
		k.change(resource(model.ResourceOffline), sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCE <resource> OFFLINE [WAIT <duration>]",
			Summary: "Takes a resource offline, after all that depends on it.",
			Example: `CLUSTER west RESOURCE "Exchange Network Name" OFFLINE;`,
		}),
		{Read: k.resource, Signature: sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCE <resource> STATUS [WAIT <duration>]",
			Summary: "Says how a resource is.",
			Result:  resourceResult,
			Effect:  sig.Reads,
			Example: `WRITE (CLUSTER east RESOURCE "Exchange IP Address" STATUS).state;`,
		}},
		k.change(resource(model.ResourceDelete), sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCE <resource> DELETE [WAIT <duration>]",
			Summary: "Deletes a resource that is offline and that nothing depends on.",
			Example: `CLUSTER west RESOURCE "Source IP Address" DELETE;`,
		}),
		k.change(resource(model.ResourceFail), sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCE <resource> FAIL [WAIT <duration>]",
			Summary: "Makes a resource fail, as in a drill; what depends on it goes offline first.",
			Example: `CLUSTER east RESOURCE "Disk E:" FAIL;`,
		}),
		k.change(newResource, sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCE <resource> CREATE GROUP <group> TYPE <type> [<properties>] [WAIT <duration>]",
			Summary: "Creates a resource, offline and without dependencies.",
			Example: `CLUSTER west RESOURCE "Source IP Address" CREATE GROUP "Exchange Group" TYPE "IP Address" (address=10.1.0.5, mask=255.255.0.0);`,
		}),
		k.change(resource(model.DependencyAdd), sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCE <resource> ADD DEPENDENCY <dependency> [WAIT <duration>]",
			Summary: "Makes a resource depend on another one of its group; it must be offline where the cluster's rules ask for that.",
			Example: `CLUSTER west RESOURCE "Source Connection" ADD DEPENDENCY "Exchange IP Address";`,
		}),
		k.change(resource(model.DependencyRemove), sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCE <resource> REMOVE DEPENDENCY <dependency> [WAIT <duration>]",
			Summary: "Ends a dependency; both resources must be offline where the cluster's rules ask for that.",
			Example: `CLUSTER west RESOURCE "Exchange System Attendant" REMOVE DEPENDENCY "Disk E:";`,
		}),
	}
}

func failNote(v model.Verb) string {
	if v == model.ResourceFail {
		return "failed by command"
	}
	return ""
}

func nodeCommands(k kit) []def.Command {
	node := func(v model.Verb) opOf {
		return func(c *def.Call) model.Op { return model.Op{Verb: v, Node: c.Text("node")} }
	}
	return []def.Command{
		k.change(node(model.NodeStandby), sig.Signature{
			Usage:   "CLUSTER <cluster> NODE <node> STANDBY [WAIT <duration>]",
			Summary: "Empties a node: its groups move to another one or, if none can run them, go offline.",
			Example: `CLUSTER east NODE east2 STANDBY;`,
		}),
		k.change(node(model.NodeActive), sig.Signature{
			Usage:   "CLUSTER <cluster> NODE <node> ACTIVE [WAIT <duration>]",
			Summary: "Lets groups run on a node again; nothing moves back by itself.",
			Example: `CLUSTER east NODE east2 ACTIVE;`,
		}),
		k.change(node(model.NodeFence), sig.Signature{
			Usage:   "CLUSTER <cluster> NODE <node> FENCE [WAIT <duration>]",
			Summary: "Cuts a node off; what ran there starts again on another node if one can run it.",
			Effect:  sig.Final,
			Example: `CLUSTER east NODE east2 FENCE;`,
		}),
		{Read: k.node, Signature: sig.Signature{
			Usage:   "CLUSTER <cluster> NODE <node> STATUS [WAIT <duration>]",
			Summary: "Says how a node is.",
			Result:  nodeResult,
			Effect:  sig.Reads,
			Example: `WRITE (CLUSTER east NODE east1 STATUS).state;`,
		}},
	}
}

func clusterCommands(k kit) []def.Command {
	return []def.Command{
		{Read: k.cluster, Signature: sig.Signature{
			Usage:   "CLUSTER <cluster> STATUS",
			Summary: "Says how a cluster is; one that was fenced still answers this, and the STATUS of its parts.",
			Result:  clusterResult,
			Effect:  sig.Reads,
			Example: `WRITE (CLUSTER east STATUS).state;`,
		}},
		{Read: k.groups, Signature: sig.Signature{
			Usage:   "CLUSTER <cluster> GROUPS",
			Summary: "Lists a cluster's groups.",
			Result:  "a list of maps as GROUP … STATUS gives them",
			Effect:  sig.Reads,
			Example: `FOR $g IN (CLUSTER east GROUPS) DO WRITE $g.name, ": ", $g.state; END`,
		}},
		{Read: k.resources, Signature: sig.Signature{
			Usage:   "CLUSTER <cluster> RESOURCES",
			Summary: "Lists a cluster's resources.",
			Result:  "a list of maps as RESOURCE … STATUS gives them",
			Effect:  sig.Reads,
			Example: `FOR $r IN (CLUSTER east RESOURCES) DO WRITE $r.name, ": ", $r.state; END`,
		}},
		{Read: k.nodes, Signature: sig.Signature{
			Usage:   "CLUSTER <cluster> NODES",
			Summary: "Lists a cluster's nodes.",
			Result:  "a list of maps as NODE … STATUS gives them",
			Effect:  sig.Reads,
			Example: `FOR $n IN (CLUSTER east NODES) DO WRITE $n.name, ": ", $n.state; END`,
		}},
		{Read: k.owner, Signature: sig.Signature{
			Usage:   "CLUSTER <cluster> OWNER OF <group>",
			Summary: "Says which node owns a group.",
			Result:  "the node's name",
			Effect:  sig.Reads,
			Example: `WRITE (CLUSTER east OWNER OF "Exchange Group");`,
		}},
		{Read: k.wait, Signature: sig.Signature{
			Usage:   "WAIT ON CLUSTER <cluster> GROUP <group> (ONLINE | OFFLINE) TIMEOUT <duration>",
			Summary: "Waits until a group is online or offline; returns at once where it is so already.",
			Effect:  sig.Waits,
			Example: `WAIT ON CLUSTER east GROUP "Exchange Group" OFFLINE TIMEOUT 5m;`,
		}},
	}
}

// What the STATUS commands give.
const (
	groupResult = "a map: name, state (Online, Offline, Partial Online, Pending or Failed), owner (a node), held, " +
		"resources (a list of names), cluster, fenced (TRUE when all nodes are known to be off)"
	resourceResult = "a map: name, state (Online, Offline, Pending or Failed), type, group, owner (a node), depends (a list of names), " +
		"parameters (a map), note (why it failed or is degraded), degraded, cluster, fenced"
	nodeResult    = "a map: name, state (Up, Standby or Fenced), groups (a list of the names it owns), cluster, fenced"
	clusterResult = "a map: name, state (Up or Fenced), fenced, nodes, groups and resources (each a map of name → state)"
)
