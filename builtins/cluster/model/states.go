package model

import (
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// This file brings resources online and takes them offline.

// set changes one resource's state. wanted says whether it is to be online once all is done.
func (b *builder) set(r *Resource, to State, wanted bool, note string, script *Script) {
	name, from := r.Name, r.State
	s := Step{What: `resource "` + name + `"`, From: string(from), To: string(to), Inverse: inverseOf(r), Script: script}
	if to == Online {
		s.Inverse.Node = b.c.Group(r.Group).Owner
	}
	if r.Degraded() {
		s.From += " (" + r.Note + ")"
	}
	if script != nil {
		s.What += " (runs " + script.Event + ".dtcl on " + script.Node + ")"
	}
	s.Make = func(c *Cluster) {
		if r := c.Resource(name); r != nil {
			r.State, r.Wanted, r.Note = to, wanted, note
		}
	}
	b.add(s)
}

// inverseOf gives the operation that brings a resource back to the state it is in now.
func inverseOf(r *Resource) *Op {
	verb := ResourceOffline
	switch r.State {
	case Online:
		verb = ResourceOnline
	case Failed:
		verb = ResourceFail
	}
	return &Op{Verb: verb, Resource: r.Name, Note: r.Note, Quiet: true}
}

func (b *builder) script(r *Resource, event string) *Script {
	if !r.IsSource() {
		return nil
	}
	return &Script{Resource: r.Name, Node: b.c.Group(r.Group).Owner, Event: event}
}

func (b *builder) setOnline(r *Resource) {
	switch why := r.Params[ParamFails]; {
	case why != "" && r.IsSource():
		b.set(r, Online, true, Degrade(why), nil)
	case why != "":
		b.set(r, Failed, false, why, nil)
	default:
		b.set(r, Online, true, "", b.script(r, "online"))
	}
}

// restore makes a resource online as it was, with what its note said.
func (b *builder) restore(r *Resource, note string) error {
	if r.State == Online && r.Note == note {
		return nil
	}
	for _, on := range b.c.needs(r)[1:] {
		if on != nil && on.State != Online {
			return value.Failf(value.CodeConflict, "resource %q of cluster %q depends on %q, which is %s",
				r.Name, b.c.Name, on.Name, strings.ToLower(string(on.State))).Hint("bring that online first")
		}
	}
	if err := b.settle(b.c.Group(r.Group)); err != nil {
		return err
	}
	b.set(r, Online, true, note, nil)
	return nil
}

// start brings resources of one group online, in order. One whose dependencies did not come online stays as it is.
func (b *builder) start(g *Group, members []*Resource) error {
	ready := func(r *Resource) bool {
		return !slices.ContainsFunc(r.Depends, func(d string) bool {
			on := b.c.Resource(d)
			return on != nil && on.State != Online
		})
	}
	for _, r := range b.c.startOrder(members) {
		if r.State == Online || !ready(r) {
			continue
		}
		if err := b.settle(g); err != nil {
			return err
		}
		b.setOnline(r)
	}
	return nil
}

// How a resource goes offline.
type stopping struct {
	lost  bool // its node is gone: no script runs there
	quiet bool // nor does one here
	back  bool // it comes online again elsewhere
	note  string
	// noted is the resource that gets the note.
	noted string
}

// stop takes resources offline, in order.
func (b *builder) stop(members []*Resource, how stopping) {
	for _, r := range b.c.stopOrder(members) {
		if r.State == Offline && r.Wanted == how.back {
			continue
		}
		var script *Script
		if r.State != Offline && !how.lost && !how.quiet {
			script = b.script(r, "offline")
		}
		note := ""
		if r.Name == how.noted {
			note = how.note
		}
		b.set(r, Offline, how.back, note, script)
	}
}

// running gives those that are online or on their way, or were before a move that was cut off.
func running(all []*Resource) []*Resource {
	return slices.DeleteFunc(all, func(r *Resource) bool { return !r.running() && !r.Wanted })
}

func (r *Resource) running() bool { return r.State == Online || r.State == Pending }
