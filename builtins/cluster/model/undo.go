package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// This file takes changes back.

// interrupted ends the note of a resource whose script was cut off.
const interrupted = ".dtcl was interrupted"

// Interrupted is the note of a resource whose script was cut off: it is neither online nor offline.
func Interrupted(event string) string { return event + interrupted }

// Undoing gives the steps that take one change back. back is the inverse of its Step, and left is the Step's To: how the
// change left its object. There are no steps where the object already is as it was before, also because the change was
// never made. The object may have come to rest anywhere between the two; what somebody else has made of it since is
// refused (CodeRefused), and so is what would change another object too.
//
// A resource that the change brought online is taken offline only while its group is on the node of back.
func (c *Cluster) Undoing(back Op, left string) ([]Step, error) {
	if err := c.Reachable(); err != nil {
		return nil, err
	}
	what, now := c.object(back)
	if c.asBefore(back, now, left) {
		return nil, nil
	}
	if now != left && !c.between(back, now) {
		if r := c.Resource(back.Resource); r != nil && r.Degraded() && now == string(r.State) {
			now += " (" + r.Note + ")"
		}
		return nil, c.changed(back, what, "got "+orNone(now)+", want "+orNone(left))
	}
	if why := c.lacks(back); why != "" {
		return nil, c.changed(back, what, why)
	}
	steps, err := c.Steps(back)
	if value.HasCode(err, value.CodeConflict, value.CodeNotThere) {
		return nil, c.changed(back, what, err.Error())
	}
	for _, s := range steps {
		if !strings.HasPrefix(s.What, what) {
			return nil, c.changed(back, what, fmt.Sprintf("that would also change %s: %s → %s", s.What, orNone(s.From), orNone(s.To)))
		}
	}
	return steps, err
}

// object names what back brings back, and says how it is now in the words of a Step; "" is for what is not there.
func (c *Cluster) object(back Op) (what, now string) {
	switch back.Verb {
	case GroupCreate, GroupDelete, GroupMove, GroupHold, GroupRelease:
		what = `group "` + back.Group + `"`
		if g := c.Group(back.Group); g != nil {
			now = c.groupWords(g, back.Verb)
		}
		return what, now
	case NodeStandby, NodeActive:
		if n := c.Node(back.Node); n != nil {
			now = string(n.State())
		}
		return `node "` + back.Node + `"`, now
	}
	if r := c.Resource(back.Resource); r != nil {
		now = c.resourceWords(r, back)
	}
	return `resource "` + back.Resource + `"`, now
}

func (c *Cluster) groupWords(g *Group, v Verb) string {
	switch {
	case v == GroupMove:
		return "on " + g.Owner
	case v == GroupHold || v == GroupRelease:
		if g.Held {
			return "held"
		}
		return "released"
	case len(c.Members(g.Name)) > 0:
		return fmt.Sprintf("%d resources, on %s", len(c.Members(g.Name)), g.Owner)
	}
	return "empty, on " + g.Owner
}

func (c *Cluster) resourceWords(r *Resource, back Op) string {
	switch back.Verb {
	case DependencyAdd, DependencyRemove:
		if r.dependsOn(back.On) {
			return `depends on "` + back.On + `"`
		}
		return ""
	case ResourceCreate, ResourceDelete:
		words := describe(r)
		if r.State != Offline {
			words += ", " + strings.ToLower(string(r.State))
		}
		if back.Verb == ResourceDelete && len(r.Depends) > 0 {
			words += ", depends on " + quoted(r.Depends)
		}
		return words
	}
	return string(r.State)
}

// asBefore says whether an object already is as back would make it, although back itself may find something to do: a
// group whose move was cut off would start.
func (c *Cluster) asBefore(back Op, now, left string) bool {
	r := c.Resource(back.Resource)
	switch back.Verb {
	case GroupMove:
		return now == "on "+back.Node
	case GroupCreate:
		return now != "" && now != left && strings.EqualFold(now, "empty, on "+back.Node)
	case ResourceOnline:
		return r != nil && r.State == Online && r.Note == back.Note
	case ResourceFail:
		return r != nil && r.State == Failed
	case ResourceOffline:
		elsewhere := back.Node != "" && r != nil && !strings.EqualFold(c.Group(r.Group).Owner, back.Node)
		return elsewhere || r != nil && r.State == Offline && !r.Wanted
	case ResourceCreate:
		return r != nil && describe(r) == describe(back.New)
	case DependencyAdd:
		return now != ""
	case GroupDelete, ResourceDelete, DependencyRemove:
		return now == ""
	case GroupHold:
		return now == "held"
	case GroupRelease:
		return now == "released"
	case NodeStandby:
		return now == string(Standby)
	case NodeActive:
		return now == string(Up)
	}
	return false
}

// between says whether a resource is on its way from what it was before to what the change wanted: its process ended
// there, or it could not come online.
func (c *Cluster) between(back Op, now string) bool {
	r := c.Resource(back.Resource)
	switch {
	case r == nil:
		return false
	case r.State == Pending || strings.HasSuffix(r.Note, interrupted):
		return back.Verb == ResourceOnline || back.Verb == ResourceOffline || back.Verb == ResourceFail
	case back.Verb == ResourceOffline:
		return now == string(Failed) || now == string(Offline) // offline and wanted: a move was cut off
	}
	return false
}

// lacks says what back cannot do without and is not there any more.
func (c *Cluster) lacks(back Op) string {
	if back.Verb == GroupMove && back.Ran {
		if n := c.Node(back.Node); n != nil && n.State() != Up { // where it is it can run, there it could not
			return fmt.Sprintf("it ran on %s, which is %s now", n.Name, strings.ToLower(string(n.State())))
		}
	}
	if back.Verb != ResourceCreate {
		return ""
	}
	for _, d := range back.New.Depends {
		if c.Resource(d) == nil {
			return fmt.Sprintf("it depended on %q, which is not there", d)
		}
	}
	return ""
}

// changed is the refusal to take a change back.
func (c *Cluster) changed(back Op, what, why string) error {
	f := value.Failf(value.CodeRefused, "cannot take back what was made of %s of cluster %q: %s", what, c.Name, why)
	return f.Hint("somebody changed it since; if it shall be as before: %s", back.line(c.Name))
}

// line is the command that carries the operation out.
func (op Op) line(cluster string) string {
	at := "CLUSTER " + cluster + " "
	group, resource := fmt.Sprintf("%sGROUP %q ", at, op.Group), fmt.Sprintf("%sRESOURCE %q ", at, op.Resource)
	switch op.Verb {
	case GroupMove:
		return group + "MOVE TO " + op.Node
	case NodeStandby, NodeActive:
		return at + "NODE " + op.Node + " " + lastWord(op.Verb)
	case DependencyAdd, DependencyRemove:
		return fmt.Sprintf("%s%s DEPENDENCY %q", resource, lastWord(op.Verb), op.On)
	case ResourceCreate:
		return fmt.Sprintf("%sCREATE GROUP %q TYPE %q", resource, op.New.Group, op.New.Type)
	}
	if slices.Contains([]Verb{GroupCreate, GroupDelete, GroupHold, GroupRelease}, op.Verb) {
		return group + lastWord(op.Verb)
	}
	return resource + lastWord(op.Verb)
}

func lastWord(v Verb) string {
	_, word, _ := strings.Cut(string(v), " ")
	return strings.ToUpper(word)
}

func orNone(words string) string {
	if words == "" {
		return "none"
	}
	return words
}
