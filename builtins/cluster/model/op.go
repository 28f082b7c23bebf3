package model

import (
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// Verb says what an operation does.
type Verb string

// The verbs. All of them ensure: where the cluster already is as they want it, they change nothing.
const (
	GroupOnline      Verb = "group online"
	GroupOffline     Verb = "group offline"
	GroupMove        Verb = "group move"
	GroupCreate      Verb = "group create"
	GroupDelete      Verb = "group delete"
	GroupHold        Verb = "group hold"
	GroupRelease     Verb = "group release"
	ResourceOnline   Verb = "resource online"
	ResourceOffline  Verb = "resource offline"
	ResourceFail     Verb = "resource fail"
	ResourceCreate   Verb = "resource create"
	ResourceDelete   Verb = "resource delete"
	DependencyAdd    Verb = "dependency add"
	DependencyRemove Verb = "dependency remove"
	NodeStandby      Verb = "node standby"
	NodeActive       Verb = "node active"
	NodeFence        Verb = "node fence"
)

// Op is one operation on a cluster, as data: a journal keeps the inverse of a change as one.
type Op struct {
	Verb     Verb      `json:"verb"`
	Group    string    `json:"group,omitempty"`
	Resource string    `json:"resource,omitempty"`
	Node     string    `json:"node,omitempty"`  // for a move "" means the next one that can; see Undoing for OFFLINE
	Held     bool      `json:"held,omitempty"`  // a created group is held from the start
	On       string    `json:"on,omitempty"`    // the other end of a dependency
	Back     bool      `json:"back,omitempty"`  // it takes a dependency back: that asks for no more than adding it did
	Note     string    `json:"note,omitempty"`  // why the resource fails; of an inverse the note that comes back
	Quiet    bool      `json:"quiet,omitempty"` // no script runs: what the scripts of a change have changed is taken back too
	Ran      bool      `json:"ran,omitempty"`   // of an inverse move: its group ran there, and is to run there again
	New      *Resource `json:"new,omitempty"`   // what is created
	At       int       `json:"at,omitempty"`    // and its place among its like, counted from 1; 0 is the last
}

// Step is one change of one object.
type Step struct {
	What, From, To string
	// Inverse brings From back; nil if that cannot be done.
	Inverse *Op
	// Make makes the change.
	Make func(*Cluster)
	// Script is set where the change runs a script.
	Script *Script
}

// Script says which script a step runs.
type Script struct {
	Resource string
	Node     string
	Event    string // "online" or "offline"
}

// Steps gives the changes that op makes, in order; none when the cluster already is as op wants it.
// The steps say what is expected: a script that fails may end its step differently (see Unmet).
func (c *Cluster) Steps(op Op) ([]Step, error) {
	b := &builder{c: c.Clone()}
	if op.Verb != NodeFence {
		if err := c.Reachable(); err != nil {
			return nil, err
		}
	}
	err := b.build(op)
	return b.steps, err
}

// Reachable fails when there is nobody to ask: all nodes are fenced.
func (c *Cluster) Reachable() error {
	if !c.Gone() {
		return nil
	}
	return value.Failf(value.CodeUnreachable, "cluster %q is not reachable: all its nodes are fenced", c.Name).
		Hint("bring its nodes back first; until then only STATUS answers, with what is known")
}

// Next gives the node that a group would move to: the first after its owner that can run it.
func (c *Cluster) Next(group string) (string, error) {
	if err := c.Reachable(); err != nil {
		return "", err
	}
	g, err := c.FindGroup(group)
	if err != nil {
		return "", err
	}
	n := c.next(g)
	if n == nil {
		return "", c.nowhere(g)
	}
	return n.Name, nil
}

// Unmet says why the cluster is not as op wants it, naming the resources that failed; nil if it is.
func (c *Cluster) Unmet(op Op) error {
	var want []*Resource
	what := ""
	switch op.Verb {
	case GroupOnline:
		want, what = c.Members(op.Group), `group "`+op.Group+`"`
	case ResourceOnline:
		r := c.Resource(op.Resource)
		if r == nil || op.Quiet {
			return nil
		}
		want, what = c.needs(r), `resource "`+r.Name+`"`
		if r.Degraded() && strings.Contains(r.Note, scriptFailed) {
			return c.cannotStart(what, r.Note)
		}
	}
	var failed, waiting []string
	for _, r := range want {
		switch {
		case r.State == Failed:
			failed = append(failed, `resource "`+r.Name+`" failed: `+r.Note)
		case r.State != Online:
			waiting = append(waiting, `resource "`+r.Name+`" is `+strings.ToLower(string(r.State)))
		}
	}
	if len(failed) == 0 {
		failed = waiting
	}
	if len(failed) == 0 {
		return nil
	}
	return c.cannotStart(what, strings.Join(failed, "; "))
}

func (c *Cluster) cannotStart(what, why string) error {
	return value.Failf(value.CodeFailed, "cannot bring %s online in cluster %q: %s", what, c.Name, why).
		Hint("remove the cause, then bring it online again: what is online stays")
}

// builder makes steps, each on the cluster as the ones before leave it.
type builder struct {
	c     *Cluster
	steps []Step
}

func (b *builder) add(s Step) {
	s.Make(b.c)
	b.steps = append(b.steps, s)
}

func (b *builder) build(op Op) error {
	switch op.Verb {
	case GroupCreate:
		return b.createGroup(op)
	case GroupDelete:
		return b.deleteGroup(op)
	case GroupOnline, GroupOffline, GroupMove, GroupHold, GroupRelease:
		g, err := b.c.FindGroup(op.Group)
		if err != nil {
			return err
		}
		return b.group(g, op)
	case ResourceCreate:
		return b.createResource(op)
	case ResourceDelete:
		return b.deleteResource(op)
	case ResourceOnline, ResourceOffline, ResourceFail, DependencyAdd, DependencyRemove:
		r, err := b.c.FindResource(op.Resource)
		if err != nil {
			return err
		}
		return b.resource(r, op)
	case NodeStandby, NodeActive, NodeFence:
		n, err := b.c.FindNode(op.Node)
		if err != nil {
			return err
		}
		return b.node(n, op)
	}
	return value.Failf(value.CodeNotCommand, "cluster %q: %q is not an operation", b.c.Name, op.Verb)
}

func (b *builder) group(g *Group, op Op) error {
	switch op.Verb {
	case GroupOnline:
		if g.Held && b.c.GroupState(g.Name) != Online {
			return held(b.c, g)
		}
		return b.start(g, b.c.Members(g.Name))
	case GroupOffline:
		b.stop(b.c.Members(g.Name), stopping{})
	case GroupMove:
		return b.move(g, op.Node)
	case GroupHold:
		b.hold(g, true)
	case GroupRelease:
		b.hold(g, false)
	}
	return nil
}

func (b *builder) resource(r *Resource, op Op) error {
	switch op.Verb {
	case ResourceOnline:
		switch {
		case op.Quiet:
			return b.restore(r, op.Note)
		case r.Degraded(): // a person asks for it: try again
			b.setOnline(r)
			return nil
		}
		return b.start(b.c.Group(r.Group), b.c.needs(r))
	case ResourceOffline:
		b.stop(append(running(b.c.neededBy(r)[1:]), r), stopping{quiet: op.Quiet, note: op.Note, noted: r.Name})
	case ResourceFail:
		if r.State != Failed {
			b.stop(running(b.c.neededBy(r)[1:]), stopping{})
			b.set(r, Failed, false, op.Note, nil)
		}
	case DependencyAdd:
		return b.addDependency(r, op.On)
	case DependencyRemove:
		return b.removeDependency(r, op.On, op.Back)
	}
	return nil
}

func (b *builder) node(n *Node, op Op) error {
	switch op.Verb {
	case NodeStandby:
		return b.standby(n)
	case NodeActive:
		b.activate(n)
	case NodeFence:
		b.fence(n)
	}
	return nil
}
