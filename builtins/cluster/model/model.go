// Package model is what a cluster is: nodes, groups and resources, and the order in which an operation changes them.
//
// It is pure. The embedded driver makes the changes on a file and a plan's overlay in memory, in the same order.
package model

import (
	"cmp"
	"slices"
	"strings"
)

// State is the state of a resource or a group, in the words of the field.
type State string

// The states. A resource is never PartialOnline.
const (
	Online        State = "Online"
	Offline       State = "Offline"
	PartialOnline State = "Partial Online"
	Pending       State = "Pending"
	Failed        State = "Failed"
)

// NodeState is the state of a node.
type NodeState string

// The states of a node. Nothing runs on a node that is not up.
const (
	Up      NodeState = "Up"
	Standby NodeState = "Standby"
	Fenced  NodeState = "Fenced"
)

// Cluster is everything that is known of a cluster.
type Cluster struct {
	Name string `json:"name"`
	// LiveDependencies lets dependencies be added and removed while resources are online, as Windows does since 2008.
	// Without it the dependent must be offline to add one, and both to remove one.
	LiveDependencies bool        `json:"live_dependencies,omitempty"`
	Nodes            []*Node     `json:"nodes"`
	Groups           []*Group    `json:"groups"`
	Resources        []*Resource `json:"resources"`
}

// Node is a machine of the cluster. A fenced node is known to be off.
type Node struct {
	Name    string `json:"name"`
	Standby bool   `json:"standby,omitempty"`
	Fenced  bool   `json:"fenced,omitempty"`
}

// State gives the node's state; fenced goes before standby.
func (n *Node) State() NodeState {
	switch {
	case n.Fenced:
		return Fenced
	case n.Standby:
		return Standby
	}
	return Up
}

// Group is what moves between nodes as one. A held group does not start.
type Group struct {
	Name  string `json:"name"`
	Owner string `json:"owner"`
	Held  bool   `json:"held,omitempty"`
}

// Resource is one member of a group.
type Resource struct {
	Name    string            `json:"name"`
	Type    string            `json:"type"`
	Group   string            `json:"group"`
	State   State             `json:"state"`
	Wanted  bool              `json:"wanted,omitempty"` // ordered online; differs from State only while a move is under way
	Note    string            `json:"note,omitempty"`   // why it failed or is degraded
	Depends []string          `json:"depends,omitempty"`
	Params  map[string]string `json:"parameters,omitempty"`
}

// Degraded says whether the resource is online without doing all its work.
func (r *Resource) Degraded() bool { return r.State == Online && strings.HasPrefix(r.Note, degraded) }

const (
	degraded     = "degraded: "
	scriptFailed = ".dtcl failed: "
)

// Degrade is the note of a resource that is online although why.
func Degrade(why string) string { return degraded + why }

// ScriptFailed is the note of a resource whose script has a mistake.
func ScriptFailed(event, why string) string { return event + scriptFailed + why }

// Clone copies the cluster, so that one copy can change without the other.
func (c *Cluster) Clone() *Cluster {
	d := *c
	d.Nodes, d.Groups, d.Resources = nil, nil, nil
	for _, n := range c.Nodes {
		n := *n
		d.Nodes = append(d.Nodes, &n)
	}
	for _, g := range c.Groups {
		g := *g
		d.Groups = append(d.Groups, &g)
	}
	for _, r := range c.Resources {
		d.Resources = append(d.Resources, r.clone())
	}
	return &d
}

func (r *Resource) clone() *Resource {
	d := *r
	d.Depends = slices.Clone(r.Depends)
	d.Params = make(map[string]string, len(r.Params))
	for k, v := range r.Params {
		d.Params[k] = v
	}
	return &d
}

// Gone says whether every node is fenced: nothing runs, and nobody is there to ask.
func (c *Cluster) Gone() bool {
	for _, n := range c.Nodes {
		if !n.Fenced {
			return false
		}
	}
	return true
}

// Members gives a group's resources in the order in which they were created.
func (c *Cluster) Members(group string) []*Resource {
	var all []*Resource
	for _, r := range c.Resources {
		if strings.EqualFold(r.Group, group) {
			all = append(all, r)
		}
	}
	return all
}

// Dependents gives the resources that depend directly on the named one.
func (c *Cluster) Dependents(name string) []*Resource {
	var all []*Resource
	for _, r := range c.Resources {
		if r.dependsOn(name) {
			all = append(all, r)
		}
	}
	return all
}

func (r *Resource) dependsOn(name string) bool {
	return slices.ContainsFunc(r.Depends, func(d string) bool { return strings.EqualFold(d, name) })
}

// GroupState derives a group's state from its resources. A source connection that failed leaves its group partly
// online, never failed.
func (c *Cluster) GroupState(group string) State {
	members := c.Members(group)
	online, pending, failed := 0, false, false
	for _, r := range members {
		switch {
		case r.State == Online:
			online++
		case r.State == Pending:
			pending = true
		case r.State == Failed && !r.IsSource():
			failed = true
		}
	}
	switch {
	case failed:
		return Failed
	case pending:
		return Pending
	case online == 0:
		return Offline
	case online == len(members):
		return Online
	}
	return PartialOnline
}

// order sorts resources so that each stands after what it depends on. Where dependencies leave a choice, the order of
// creation decides, with source connections first or last.
func (c *Cluster) order(members []*Resource, sourcesFirst bool) []*Resource {
	roots := slices.Clone(members)
	slices.SortStableFunc(roots, func(a, b *Resource) int {
		if sourcesFirst {
			a, b = b, a
		}
		return cmp.Compare(rank(a), rank(b))
	})
	in := make(map[*Resource]bool, len(members))
	for _, r := range members {
		in[r] = true
	}
	var out []*Resource
	seen := make(map[*Resource]bool, len(members))
	var visit func(r *Resource)
	visit = func(r *Resource) {
		if r == nil || seen[r] {
			return
		}
		seen[r] = true
		for _, d := range r.Depends {
			visit(c.Resource(d))
		}
		if in[r] {
			out = append(out, r)
		}
	}
	for _, r := range roots {
		visit(r)
	}
	return out
}

func rank(r *Resource) int {
	if r.IsSource() {
		return 1
	}
	return 0
}

// startOrder is the order in which members come online. Source connections come last, so that a target that does not
// answer keeps nobody waiting.
func (c *Cluster) startOrder(members []*Resource) []*Resource { return c.order(members, false) }

// stopOrder is the order in which members go offline. Source connections stay until what writes to the disk has
// stopped, so that its last writes still reach the target.
func (c *Cluster) stopOrder(members []*Resource) []*Resource {
	all := c.order(members, true)
	slices.Reverse(all)
	return all
}

// closure gives r and everything reached from it by next, directly or through others.
func closure(r *Resource, next func(*Resource) []*Resource) []*Resource {
	seen := map[*Resource]bool{r: true}
	all := []*Resource{r}
	for i := 0; i < len(all); i++ {
		for _, n := range next(all[i]) {
			if n != nil && !seen[n] {
				seen[n] = true
				all = append(all, n)
			}
		}
	}
	return all
}

// needs gives r and all it depends on.
func (c *Cluster) needs(r *Resource) []*Resource {
	return closure(r, func(r *Resource) []*Resource {
		var all []*Resource
		for _, d := range r.Depends {
			all = append(all, c.Resource(d))
		}
		return all
	})
}

// neededBy gives r and all that depends on it.
func (c *Cluster) neededBy(r *Resource) []*Resource {
	return closure(r, func(r *Resource) []*Resource { return c.Dependents(r.Name) })
}
