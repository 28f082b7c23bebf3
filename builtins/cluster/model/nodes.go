package model

import (
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// This file moves groups between nodes.

// mayRun says whether every member of the group may run on the node.
func (c *Cluster) mayRun(group string, n *Node) bool {
	for _, r := range c.Members(group) {
		owners := r.Params[ParamOwners]
		if owners == "" {
			continue
		}
		if !slices.ContainsFunc(strings.Split(owners, ","), func(o string) bool {
			return strings.EqualFold(strings.TrimSpace(o), n.Name)
		}) {
			return false
		}
	}
	return true
}

// next gives the first node after the group's owner that can run it; nil if there is none.
func (c *Cluster) next(g *Group) *Node {
	at := slices.IndexFunc(c.Nodes, func(n *Node) bool { return strings.EqualFold(n.Name, g.Owner) })
	for i := 1; i < len(c.Nodes)+1; i++ {
		n := c.Nodes[(at+i)%len(c.Nodes)]
		if n.State() == Up && !strings.EqualFold(n.Name, g.Owner) && c.mayRun(g.Name, n) {
			return n
		}
	}
	return nil
}

// settle makes sure that a group that starts is owned by a node that can run it.
func (b *builder) settle(g *Group) error {
	if n := b.c.Node(g.Owner); n != nil && n.State() == Up && b.c.mayRun(g.Name, n) {
		return nil
	}
	n := b.c.next(g)
	if n == nil {
		return value.Failf(value.CodeConflict, "cluster %q has no node that can run group %q", b.c.Name, g.Name).
			Hint("see CLUSTER %s NODES; bring one back with CLUSTER %s NODE <node> ACTIVE", b.c.Name, b.c.Name)
	}
	b.own(g, n.Name, false)
	return nil
}

func (b *builder) own(g *Group, node string, ran bool) {
	name, from := g.Name, g.Owner
	b.add(Step{What: `group "` + name + `"`, From: "on " + from, To: "on " + node,
		Inverse: &Op{Verb: GroupMove, Group: name, Node: from, Ran: ran},
		Make: func(c *Cluster) {
			if g := c.Group(name); g != nil {
				g.Owner = node
			}
		}})
}

// move takes what runs of a group offline, gives it to another node and brings the same online there. Where nothing
// runs any node may own the group: it finds another one when it starts.
func (b *builder) move(g *Group, to string) error {
	n := b.c.next(g)
	if to != "" {
		n = b.c.Node(to)
		if n == nil {
			return b.c.noNode(to)
		}
	}
	if n == nil {
		return b.c.nowhere(g)
	}
	if strings.EqualFold(n.Name, g.Owner) {
		return b.finish(g)
	}
	members := running(b.c.Members(g.Name))
	if len(members) > 0 && (n.State() != Up || !b.c.mayRun(g.Name, n)) {
		why := map[NodeState]string{Up: "is not a possible owner of all its resources", Standby: "is in standby", Fenced: "is fenced"}[n.State()]
		return value.Failf(value.CodeConflict, "cannot move group %q to node %q of cluster %q: the node %s", g.Name, n.Name, b.c.Name, why).
			Hint("see CLUSTER %s NODES", b.c.Name)
	}
	if g.Held && len(members) > 0 {
		return held(b.c, g)
	}
	b.stop(members, stopping{back: true})
	b.own(g, n.Name, len(members) > 0)
	return b.start(g, members)
}

// finish brings online what a move that was cut off had left offline.
func (b *builder) finish(g *Group) error { return b.start(g, running(b.c.Members(g.Name))) }

func (c *Cluster) nowhere(g *Group) error {
	return value.Failf(value.CodeConflict, "cluster %q has no other node that can run group %q", c.Name, g.Name).
		Hint("see CLUSTER %s NODES", c.Name)
}

func held(c *Cluster, g *Group) error {
	return value.Failf(value.CodeConflict, "group %q of cluster %q is held: it may not start", g.Name, c.Name).
		Hint("let it start with CLUSTER %s GROUP %q RELEASE", c.Name, g.Name)
}

func (b *builder) hold(g *Group, on bool) {
	if g.Held == on {
		return
	}
	words, back := [2]string{"released", "held"}, GroupRelease
	if !on {
		words, back = [2]string{"held", "released"}, GroupHold
	}
	name := g.Name
	b.add(Step{What: `group "` + name + `"`, From: words[0], To: words[1], Inverse: &Op{Verb: back, Group: name},
		Make: func(c *Cluster) {
			if g := c.Group(name); g != nil {
				g.Held = on
			}
		}})
}

func (b *builder) setNode(n *Node, standby, fenced bool, inverse *Op) {
	name, from := n.Name, n.State()
	to := (&Node{Standby: standby, Fenced: fenced}).State()
	b.add(Step{What: `node "` + name + `"`, From: string(from), To: string(to), Inverse: inverse,
		Make: func(c *Cluster) {
			if n := c.Node(name); n != nil {
				n.Standby, n.Fenced = standby, fenced
			}
		}})
}

// standby empties a node first and marks it last, so that undoing the steps backwards finds the node active.
func (b *builder) standby(n *Node) error {
	if n.Fenced {
		return value.Failf(value.CodeConflict, "node %q of cluster %q is fenced", n.Name, b.c.Name).
			Hint("bring it back with CLUSTER %s NODE %s ACTIVE", b.c.Name, n.Name)
	}
	if n.Standby {
		return nil
	}
	for _, g := range b.c.Groups {
		if err := b.leave(g, n); err != nil {
			return err
		}
	}
	b.setNode(n, true, false, &Op{Verb: NodeActive, Node: n.Name})
	return nil
}

// leave takes a group away from a node.
func (b *builder) leave(g *Group, n *Node) error {
	members := running(b.c.Members(g.Name))
	switch {
	case !strings.EqualFold(g.Owner, n.Name):
		return b.finish(g)
	case len(members) == 0:
		return nil
	case b.c.next(g) == nil || g.Held:
		b.stop(members, stopping{})
		return nil
	}
	return b.move(g, "")
}

// activate lets groups run on a node again; nothing moves back by itself.
func (b *builder) activate(n *Node) {
	switch n.State() {
	case Standby:
		b.setNode(n, false, false, &Op{Verb: NodeStandby, Node: n.Name})
	case Fenced: // undoing this would cut a node's power: nobody gets that without saying so
		b.setNode(n, false, false, nil)
	}
}

// fence cuts a node off. What ran there is gone at once, and starts again on another node if there is one.
func (b *builder) fence(n *Node) {
	if !n.Fenced {
		b.setNode(n, n.Standby, true, nil)
	}
	for _, g := range b.c.Groups {
		if strings.EqualFold(g.Owner, n.Name) {
			again := b.c.next(g) != nil && !g.Held
			b.stop(running(b.c.Members(g.Name)), stopping{lost: true, back: again})
		}
		_ = b.finish(g) // fencing is never refused: what cannot start stays offline
	}
	for i := range b.steps {
		b.steps[i].Inverse = nil
	}
}

// FenceAll takes the whole cluster away: every node is off, nothing is online.
func (c *Cluster) FenceAll() {
	for _, n := range c.Nodes {
		n.Fenced = true
	}
	for _, r := range c.Resources {
		r.State, r.Wanted, r.Note = Offline, false, ""
	}
}

// UnfenceAll brings the nodes back; nothing starts by itself, and held groups stay held.
func (c *Cluster) UnfenceAll() {
	for _, n := range c.Nodes {
		n.Fenced = false
	}
}
