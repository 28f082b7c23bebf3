package model

import (
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/value"
)

// This file finds things by name, and says which names there are.

// Node finds a node by its name in any case; nil if there is none.
func (c *Cluster) Node(name string) *Node {
	return find(c.Nodes, name, func(n *Node) string { return n.Name })
}

// Group finds a group by its name in any case; nil if there is none.
func (c *Cluster) Group(name string) *Group {
	return find(c.Groups, name, func(g *Group) string { return g.Name })
}

// Resource finds a resource by its name in any case; nil if there is none.
func (c *Cluster) Resource(name string) *Resource {
	return find(c.Resources, name, func(r *Resource) string { return r.Name })
}

func find[T any](all []*T, name string, nameOf func(*T) string) *T {
	for _, x := range all {
		if strings.EqualFold(nameOf(x), name) {
			return x
		}
	}
	return nil
}

// FindGroup finds a group, or fails with the names there are. FindResource and FindNode are alike.
func (c *Cluster) FindGroup(name string) (*Group, error) {
	if g := c.Group(name); g != nil {
		return g, nil
	}
	return nil, c.noGroup(name)
}

// FindResource finds a resource, or fails with the names there are.
func (c *Cluster) FindResource(name string) (*Resource, error) {
	if r := c.Resource(name); r != nil {
		return r, nil
	}
	return nil, c.noResource(name)
}

// FindNode finds a node, or fails with the names there are.
func (c *Cluster) FindNode(name string) (*Node, error) {
	if n := c.Node(name); n != nil {
		return n, nil
	}
	return nil, c.noNode(name)
}

func (c *Cluster) noGroup(name string) error {
	return c.noSuch("group", name, names(c.Groups, func(g *Group) string { return g.Name }))
}

func (c *Cluster) noResource(name string) error {
	return c.noSuch("resource", name, names(c.Resources, func(r *Resource) string { return r.Name }))
}

func (c *Cluster) noNode(name string) error {
	return c.noSuch("node", name, names(c.Nodes, func(n *Node) string { return n.Name }))
}

func names[T any](all []T, nameOf func(T) string) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = nameOf(x)
	}
	return out
}

// noSuch is the failure of a wrong name.
func (c *Cluster) noSuch(kind, name string, known []string) error {
	f := value.Failf(value.CodeNotThere, "cluster %q has no %s %q", c.Name, kind, name)
	suggest(f, name, known)
	if len(known) == 0 {
		return f.Hint("it has no %ss at all", kind)
	}
	return f.Hint("its %ss: %s", kind, quoted(known))
}

func suggest(f *value.Failure, got string, known []string) *value.Failure {
	if s := diag.Suggest(got, known); s != "" {
		f.Hint("did you mean %q?", s)
	}
	return f
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = `"` + n + `"`
	}
	return strings.Join(q, ", ")
}
