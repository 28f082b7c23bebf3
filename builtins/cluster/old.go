package cluster

import (
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
)

// oldCommands are the lines of the cluster program that batch files are full of.
func oldCommands(k kit) []def.Command {
	group := func(v model.Verb) opOf {
		return func(c *def.Call) model.Op {
			return model.Op{Verb: v, Group: c.Text("group"), Node: c.Text("node")}
		}
	}
	resource := func(v model.Verb) opOf {
		return func(c *def.Call) model.Op {
			return model.Op{Verb: v, Resource: c.Text("resource"), Note: failNote(v)}
		}
	}
	all := []def.Command{
		k.change(group(model.GroupOnline), sig.Signature{
			Usage:   "CLUSTER /cluster:<cluster> GROUP <group> /ONLINE",
			Summary: "Brings a group online, as the cluster program does.",
			Example: `cluster /cluster:"east" group "Exchange Group" /ONLINE`,
		}),
		k.change(group(model.GroupOffline), sig.Signature{
			Usage:   "CLUSTER /cluster:<cluster> GROUP <group> /OFFLINE",
			Summary: "Takes a group offline, as the cluster program does.",
			Example: `cluster /cluster:"west" group "Exchange Group" /OFFLINE`,
		}),
		k.change(group(model.GroupMove), sig.Signature{
			Usage:   "CLUSTER /cluster:<cluster> GROUP <group> (/MOVE[:<node>] | /MOVETO[:<node>])",
			Summary: "Moves a group to another node, as the cluster program does.",
			Example: `cluster /cluster:"east" group "Exchange Group" /MOVE:east2`,
		}),
		{Read: k.group, Signature: sig.Signature{
			Usage:   "CLUSTER /cluster:<cluster> GROUP <group> /STATUS",
			Summary: "Says how a group is, as the cluster program does.",
			Result:  groupResult,
			Effect:  sig.Reads,
			Example: `cluster /cluster:"east" group "Exchange Group" /STATUS`,
		}},
		k.change(resource(model.ResourceOnline), sig.Signature{
			Usage:   "CLUSTER /cluster:<cluster> (RES | RESOURCE) <resource> /ONLINE",
			Summary: "Brings a resource online, as the cluster program does.",
			Example: `cluster /cluster:"west" res "Exchange IP Address" /online`,
		}),
		k.change(resource(model.ResourceOffline), sig.Signature{
			Usage:   "CLUSTER /cluster:<cluster> (RES | RESOURCE) <resource> /OFFLINE",
			Summary: "Takes a resource offline, as the cluster program does.",
			Example: `cluster /cluster:"west" res "Exchange IP Address" /offline`,
		}),
		k.change(resource(model.ResourceFail), sig.Signature{
			Usage:   "CLUSTER /cluster:<cluster> (RES | RESOURCE) <resource> /FAIL",
			Summary: "Makes a resource fail, as the cluster program does.",
			Example: `cluster /cluster:"east" res "Disk E:" /FAIL`,
		}),
		{Read: k.resource, Signature: sig.Signature{
			Usage:   "CLUSTER /cluster:<cluster> (RES | RESOURCE) <resource> /STATUS",
			Summary: "Says how a resource is, as the cluster program does.",
			Result:  resourceResult,
			Effect:  sig.Reads,
			Example: `cluster /cluster:"west" res "Exchange IP Address" /STATUS`,
		}},
	}
	for i := range all {
		all[i].OldLine = true
	}
	return all
}
