package model

import (
	"maps"
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// This file creates and deletes groups, resources and dependencies.

func (b *builder) createGroup(op Op) error {
	if b.c.Group(op.Group) != nil {
		return nil
	}
	if op.Group == "" {
		return value.Failf(value.CodeBadParameter, "a group needs a name")
	}
	g := Group{Name: op.Group, Owner: op.Node, Held: op.Held}
	if g.Owner == "" { // the first node that is up, else the first: it finds another when it starts
		i := slices.IndexFunc(b.c.Nodes, func(n *Node) bool { return n.State() == Up })
		g.Owner = b.c.Nodes[max(i, 0)].Name
	}
	b.add(Step{What: `group "` + g.Name + `"`, To: "empty, on " + g.Owner, Inverse: &Op{Verb: GroupDelete, Group: g.Name},
		Make: func(c *Cluster) {
			g := g
			c.Groups = insert(c.Groups, op.At, &g)
		}})
	return nil
}

func (b *builder) deleteGroup(op Op) error {
	g := b.c.Group(op.Group)
	if g == nil {
		return nil
	}
	if members := b.c.Members(g.Name); len(members) > 0 {
		return value.Failf(value.CodeConflict, "cannot delete group %q of cluster %q: it has resources (%s)", g.Name, b.c.Name,
			quoted(names(members, func(r *Resource) string { return r.Name }))).
			Hint("delete them first")
	}
	name, at := g.Name, slices.Index(b.c.Groups, g)+1
	b.add(Step{What: `group "` + name + `"`, From: "empty, on " + g.Owner,
		Inverse: &Op{Verb: GroupCreate, Group: name, Node: g.Owner, Held: g.Held, At: at},
		Make: func(c *Cluster) {
			c.Groups = slices.DeleteFunc(c.Groups, func(g *Group) bool { return strings.EqualFold(g.Name, name) })
		}})
	return nil
}

func (b *builder) createResource(op Op) error {
	r := op.New.clone()
	r.State, r.Wanted = Offline, false
	if r.Name == "" {
		return value.Failf(value.CodeBadParameter, "a resource needs a name")
	}
	if err := r.typed(); err != nil {
		return err
	}
	g := b.c.Group(r.Group)
	if g == nil {
		return b.c.noGroup(r.Group)
	}
	r.Group = g.Name
	if old := b.c.Resource(r.Name); old != nil {
		if old.Type == r.Type && old.Group == r.Group && maps.Equal(old.Params, r.Params) {
			return nil
		}
		return value.Failf(value.CodeConflict, "cluster %q has a resource %q already: %s", b.c.Name, old.Name, describe(old)).
			Hint("choose another name, or delete it first with CLUSTER %s RESOURCE %q DELETE", b.c.Name, old.Name)
	}
	if owners := r.Params[ParamOwners]; owners != "" {
		for _, o := range strings.Split(owners, ",") {
			if b.c.Node(strings.TrimSpace(o)) == nil {
				return b.c.noNode(strings.TrimSpace(o))
			}
		}
	}
	b.add(Step{What: `resource "` + r.Name + `"`, To: describe(r), Inverse: &Op{Verb: ResourceDelete, Resource: r.Name},
		Make: func(c *Cluster) { c.Resources = insert(c.Resources, op.At, r.clone()) }})
	return nil
}

// insert puts x at a place that counts from 1; 0, and one behind the end, is the end.
func insert[T any](all []T, at int, x T) []T {
	if at < 1 || at > len(all) {
		return append(all, x)
	}
	return slices.Insert(all, at-1, x)
}

// describe says what a resource is, in one line.
func describe(r *Resource) string {
	s := r.Type + ` in group "` + r.Group + `"`
	if len(r.Params) == 0 {
		return s
	}
	var params []string
	for _, k := range slices.Sorted(maps.Keys(r.Params)) {
		params = append(params, k+"="+r.Params[k])
	}
	return s + " (" + strings.Join(params, ", ") + ")"
}

func (b *builder) deleteResource(op Op) error {
	r := b.c.Resource(op.Resource)
	if r == nil {
		return nil
	}
	if r.running() {
		return value.Failf(value.CodeConflict, "cannot delete resource %q of cluster %q: it is %s", r.Name, b.c.Name, strings.ToLower(string(r.State))).
			Hint("take it offline first with CLUSTER %s RESOURCE %q OFFLINE", b.c.Name, r.Name)
	}
	if users := b.c.Dependents(r.Name); len(users) > 0 {
		return value.Failf(value.CodeConflict, "cannot delete resource %q of cluster %q: %s depends on it", r.Name, b.c.Name,
			quoted(names(users, func(r *Resource) string { return r.Name }))).
			Hint("remove the dependency first with CLUSTER %s RESOURCE %q REMOVE DEPENDENCY %q", b.c.Name, users[0].Name, r.Name)
	}
	b.stop([]*Resource{r}, stopping{}) // one that failed: undoing all this makes it fail again
	name, old, at := r.Name, r.clone(), slices.Index(b.c.Resources, r)+1
	b.add(Step{What: `resource "` + name + `"`, From: describe(r), Inverse: &Op{Verb: ResourceCreate, Resource: name, New: old, At: at},
		Make: func(c *Cluster) {
			c.Resources = slices.DeleteFunc(c.Resources, func(r *Resource) bool { return strings.EqualFold(r.Name, name) })
		}})
	return nil
}

func (b *builder) addDependency(r *Resource, name string) error {
	on := b.c.Resource(name)
	if on == nil {
		return b.c.noResource(name)
	}
	if r.dependsOn(on.Name) {
		return nil
	}
	refuse := func(why, hint string) error {
		return value.Failf(value.CodeConflict, "cannot make resource %q of cluster %q depend on %q: %s", r.Name, b.c.Name, on.Name, why).
			Hint("%s", hint)
	}
	switch {
	case slices.Contains(b.c.needs(on), r):
		return refuse("that would be a circle", "look at what it depends on: CLUSTER "+b.c.Name+" RESOURCE \""+on.Name+"\" STATUS")
	case !strings.EqualFold(r.Group, on.Group):
		return refuse(`it is in group "`+on.Group+`", not in "`+r.Group+`"`, "a resource depends only on resources of its own group")
	case on.IsSource():
		return refuse("a source connection must never take others down", "depend on the disk instead")
	case r.running() && !b.c.LiveDependencies:
		return refuse(`"`+r.Name+`" is online`, "take it offline first")
	case r.running() && on.State != Online:
		return refuse(`"`+on.Name+`" is not online`, "bring it online first")
	}
	b.depend(r, on.Name, true)
	return nil
}

// removeDependency of a resource that is not there has nothing to remove.
func (b *builder) removeDependency(r *Resource, name string, back bool) error {
	if !r.dependsOn(name) {
		return nil
	}
	on := b.c.Resource(name)
	offline := []*Resource{r, on}
	if back {
		offline = offline[:1]
	}
	for _, x := range offline {
		if x.running() && !b.c.LiveDependencies {
			return value.Failf(value.CodeConflict, "cannot remove the dependency of resource %q of cluster %q on %q: %q is online", r.Name, b.c.Name, on.Name, x.Name).
				Hint("take both offline first")
		}
	}
	b.depend(r, on.Name, false)
	return nil
}

// depend keeps dependencies sorted, so that adding one back leaves no trace.
func (b *builder) depend(r *Resource, on string, add bool) {
	name, words := r.Name, `depends on "`+on+`"`
	s := Step{What: `resource "` + name + `"`}
	if add {
		s.To, s.Inverse = words, &Op{Verb: DependencyRemove, Resource: name, On: on, Back: true}
	} else {
		s.From, s.Inverse = words, &Op{Verb: DependencyAdd, Resource: name, On: on}
	}
	s.Make = func(c *Cluster) {
		r := c.Resource(name)
		if r == nil {
			return
		}
		r.Depends = slices.DeleteFunc(r.Depends, func(d string) bool { return strings.EqualFold(d, on) })
		if add {
			r.Depends = append(r.Depends, on)
			slices.Sort(r.Depends)
		}
	}
	b.add(s)
}
