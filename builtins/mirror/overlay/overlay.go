// Package overlay is the agents as a plan sees them: read for real, changed only in memory.
package overlay

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/value"
)

// overlay answers with what the reader says until something was written, then with what was written.
type overlay struct {
	mirror.Reader
	mu     sync.Mutex
	agents map[string]*memory
	equal  map[path]bool // what was mirrored
	swept  map[path]bool // whose target has no orphans any more
}

// path is what a mirror makes equal.
type path struct{ source, target, set string }

// memory is one agent as the plan has changed it. It is read once, at the first look.
type memory struct {
	settings    mirror.Settings
	sets        []mirror.Set
	connections []mirror.Status
	next        int64
	inbound     []mirror.Inbound
	markers     map[string]mirror.Marker // those that were looked at
}

// New makes an overlay.
func New(reader mirror.Reader) mirror.System {
	return &overlay{Reader: reader, agents: map[string]*memory{}, equal: map[path]bool{}, swept: map[path]bool{}}
}

// agent gives what is known of an agent. One that does not answer is asked again each time.
func (o *overlay) agent(ctx context.Context, name string) (*memory, error) {
	if m := o.agents[name]; m != nil {
		return m, nil
	}
	m := &memory{markers: map[string]mirror.Marker{}}
	about, err := o.Reader.Agent(ctx, name)
	if err != nil {
		return nil, err
	}
	m.settings = about.Settings
	if m.sets, err = o.Reader.Sets(ctx, name); err != nil {
		return nil, err
	}
	if m.connections, err = o.Reader.Connections(ctx, name); err != nil {
		return nil, err
	}
	if m.next, err = o.Reader.NextID(ctx, name); err != nil {
		return nil, err
	}
	if m.inbound, err = o.Reader.Inbound(ctx, name); err != nil {
		return nil, err
	}
	o.agents[name] = m
	return m, nil
}

func (o *overlay) marker(ctx context.Context, agent, set string) (mirror.Marker, error) {
	m, err := o.agent(ctx, agent)
	if err != nil {
		return mirror.Marker{}, err
	}
	if _, seen := m.markers[set]; !seen {
		got, err := o.Reader.Marker(ctx, agent, set)
		if err != nil {
			return mirror.Marker{}, err
		}
		m.markers[set] = got
	}
	return m.markers[set], nil
}

// with runs f on what is known of an agent.
func (o *overlay) with(ctx context.Context, agent string, f func(*memory) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, err := o.agent(ctx, agent)
	if err != nil {
		return err
	}
	return f(m)
}

func (o *overlay) Agent(ctx context.Context, name string) (mirror.Agent, error) {
	about, err := o.Reader.Agent(ctx, name)
	if err != nil || !about.Up {
		return about, err
	}
	err = o.with(ctx, name, func(m *memory) error { about.Settings = m.settings; return nil })
	return about, err
}

func (o *overlay) Configure(ctx context.Context, agent string, set mirror.Settings) error {
	return o.with(ctx, agent, func(m *memory) error { m.settings = set; return nil })
}

func (o *overlay) Sets(ctx context.Context, agent string) (sets []mirror.Set, err error) {
	err = o.with(ctx, agent, func(m *memory) error { sets = slices.Clone(m.sets); return nil })
	return sets, err
}

func (o *overlay) Connections(ctx context.Context, agent string) (all []mirror.Status, err error) {
	err = o.with(ctx, agent, func(m *memory) error { all = slices.Clone(m.connections); return nil })
	return all, err
}

func (o *overlay) NextID(ctx context.Context, agent string) (id int64, err error) {
	err = o.with(ctx, agent, func(m *memory) error { id = m.next; return nil })
	return id, err
}

func (o *overlay) Inbound(ctx context.Context, agent string) (all []mirror.Inbound, err error) {
	err = o.with(ctx, agent, func(m *memory) error { all = slices.Clone(m.inbound); return nil })
	return all, err
}

func (o *overlay) Marker(ctx context.Context, agent, set string) (mirror.Marker, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.marker(ctx, agent, set)
}

// Compare compares for real, except what the plan has mirrored: those sides are equal then, in both directions.
func (o *overlay) Compare(ctx context.Context, c mirror.Connection, how mirror.Compare) (mirror.Difference, error) {
	forth, back := path{c.Source, c.Target, c.Set}, path{c.Target, c.Source, c.Set}
	o.mu.Lock()
	equal := (o.equal[forth] || o.equal[back] && o.swept[back]) && !how.All
	o.mu.Unlock()
	how.Checksum = how.Checksum && !equal // what differs does not count then: no block needs to be read
	d, err := o.Reader.Compare(ctx, c, how)
	if err != nil {
		return d, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if equal {
		d.Differ, d.DifferBytes, d.Differing = 0, 0, nil
	}
	if o.swept[forth] || o.equal[back] {
		d.Orphans, d.OrphanBytes, d.Orphaned = 0, 0, nil
	}
	return d, nil
}

func (o *overlay) PutSet(ctx context.Context, agent string, set mirror.Set) error {
	return o.with(ctx, agent, func(m *memory) error {
		m.sets = append(dropped(m.sets, set.Name), set)
		slices.SortFunc(m.sets, func(a, b mirror.Set) int { return compareText(a.Name, b.Name) })
		return nil
	})
}

func (o *overlay) DropSet(ctx context.Context, agent, set string) error {
	return o.with(ctx, agent, func(m *memory) error { m.sets = dropped(m.sets, set); return nil })
}

func dropped(sets []mirror.Set, name string) []mirror.Set {
	return slices.DeleteFunc(slices.Clone(sets), func(s mirror.Set) bool { return s.Name == name })
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (o *overlay) Connect(ctx context.Context, c mirror.Connection) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	source, err := o.agent(ctx, c.Source)
	if err != nil {
		return 0, err
	}
	target, err := o.agent(ctx, c.Target)
	if err != nil {
		return 0, err
	}
	if err := mirror.Taken(target.inbound, c); err != nil {
		return 0, err
	}
	mine, theirs, err := o.admit(ctx, c, mirror.AdmitConnection)
	if err != nil {
		return 0, err
	}
	if c.ID == 0 {
		c.ID = source.next
	}
	source.next = max(source.next, c.ID+1)
	target.inbound = mirror.Attach(target.inbound, c, theirs.Generation)
	in, _ := mirror.Recall(target.inbound, c)
	source.connections = append(slices.Clone(source.connections), mirror.Status{
		Connection: c, Last: mirror.Run{State: mirror.Idle}, Replication: mirror.Stopped,
		TargetState: mirror.Online, Data: in.Data, Generation: mine.Generation,
	})
	return c.ID, nil
}

// admission decides by the markers of a source and its target what the target's then is.
type admission func(c mirror.Connection, from, over mirror.Marker) (mirror.Marker, error)

// toMirror is the admission of a mirror, or of a restore.
func toMirror(restore bool) admission {
	return func(c mirror.Connection, from, over mirror.Marker) (mirror.Marker, error) {
		return mirror.Admit(c, from, over, restore)
	}
}

// admit does what an agent does when a source comes: it makes or replaces the markers, or refuses.
func (o *overlay) admit(ctx context.Context, c mirror.Connection, by admission) (mine, theirs mirror.Marker, err error) {
	if mine, err = o.marker(ctx, c.Source, c.Set); err != nil {
		return mine, theirs, err
	}
	if theirs, err = o.marker(ctx, c.Target, c.Set); err != nil {
		return mine, theirs, err
	}
	if mine.Generation == 0 {
		mine = mirror.FirstMarker(c.Set)
	}
	if theirs, err = by(c, mine, theirs); err != nil {
		return mine, theirs, err
	}
	o.agents[c.Source].markers[c.Set] = mine
	o.agents[c.Target].markers[c.Set] = theirs
	return mine, theirs, nil
}

func (o *overlay) Disconnect(ctx context.Context, source string, id int64) error {
	return o.onConnection(ctx, source, id, func(m *memory, st *mirror.Status) error {
		c := st.Connection
		m.connections = slices.DeleteFunc(m.connections, func(s mirror.Status) bool { return s.ID == id })
		if target, err := o.agent(ctx, c.Target); err == nil {
			target.inbound = mirror.Change(target.inbound, c, func(in *mirror.Inbound) { in.Connected = false })
		}
		return nil
	})
}

// Retract takes a Connect back.
func (o *overlay) Retract(ctx context.Context, c mirror.Connection, was *mirror.Inbound) error {
	return o.with(ctx, c.Source, func(m *memory) error {
		m.connections = slices.DeleteFunc(slices.Clone(m.connections), func(s mirror.Status) bool { return s.ID == c.ID })
		target, err := o.agent(ctx, c.Target)
		if err == nil {
			target.inbound = mirror.Retract(target.inbound, c, was)
		}
		return err
	})
}

// Revive takes a Disconnect back.
func (o *overlay) Revive(ctx context.Context, st mirror.Status) error {
	c := st.Connection
	return o.with(ctx, c.Source, func(m *memory) error {
		mine, err := o.marker(ctx, c.Source, c.Set)
		if err != nil {
			return err
		}
		now := mirror.Status{
			Connection: c, Last: st.Last, OrphansDue: st.OrphansDue, Replication: mirror.Stopped, TargetState: mirror.Online, Generation: mine.Generation,
		}
		theirs, err := o.marker(ctx, c.Target, c.Set)
		if err == nil {
			target := o.agents[c.Target]
			if err := mirror.Taken(target.inbound, c); err != nil {
				return err
			}
			target.inbound = mirror.Revive(target.inbound, c, theirs.Generation)
			in, _ := mirror.Recall(target.inbound, c)
			now.Data = in.Data
		} else if !value.HasCode(err, value.CodeUnreachable) {
			return err
		}
		m.connections = append(slices.DeleteFunc(slices.Clone(m.connections), func(s mirror.Status) bool { return s.ID == c.ID }), now)
		return nil
	})
}

// onConnection runs f on a connection that may be changed.
func (o *overlay) onConnection(ctx context.Context, source string, id int64, f func(*memory, *mirror.Status) error) error {
	return o.with(ctx, source, func(m *memory) error {
		m.connections = slices.Clone(m.connections)
		for i := range m.connections {
			if m.connections[i].ID == id {
				return f(m, &m.connections[i])
			}
		}
		return value.Failf(value.CodeNotThere, "%s has no connection %d", source, id)
	})
}

// StartMirror starts a mirror that has completed at once: a plan counts on what it does.
func (o *overlay) StartMirror(ctx context.Context, source string, id int64, opt mirror.Mirror) (number int64, err error) {
	err = o.onConnection(ctx, source, id, func(m *memory, st *mirror.Status) error {
		mine, theirs, err := o.admit(ctx, st.Connection, toMirror(opt.Restore))
		if err != nil {
			return err
		}
		target, err := o.agent(ctx, st.Target)
		if err != nil {
			return err
		}
		for _, set := range m.sets {
			if set.Name == st.Set {
				st.Rules = set.Rules
			}
		}
		if err := mirror.Taken(target.inbound, st.Connection); err != nil {
			return err
		}
		number = st.Last.Number + 1
		st.Last = mirror.Run{Number: number, Options: opt, State: mirror.Idle, Started: time.Now(), Ended: time.Now()}
		st.Data, st.TargetState, st.Generation = mirror.Good, mirror.Online, mine.Generation
		if opt.Orphans {
			st.OrphansDue = ""
		}
		key := path{st.Source, st.Target, st.Set}
		o.equal[key] = true
		o.swept[key] = o.swept[key] || opt.Orphans
		target.inbound = mirror.Attach(target.inbound, st.Connection, theirs.Generation)
		target.inbound = mirror.Change(target.inbound, st.Connection, func(in *mirror.Inbound) { in.Data = mirror.Good })
		return nil
	})
	return number, err
}

// ControlMirror finds nothing to control that the plan started: those mirrors have completed.
func (o *overlay) ControlMirror(ctx context.Context, source string, id int64, verb mirror.Verb) error {
	return o.onConnection(ctx, source, id, func(_ *memory, st *mirror.Status) error {
		st.Last.State = map[mirror.Verb]string{
			mirror.Stop: mirror.Idle, mirror.Pause: mirror.Paused, mirror.Resume: mirror.Mirroring,
		}[verb]
		if verb == mirror.Stop && st.Last.Running() {
			st.Last.Ended, st.Last.Error = st.Last.Started, mirror.WasStopped
		}
		return nil
	})
}

func (o *overlay) Replicate(ctx context.Context, source string, id int64, on bool) error {
	return o.onConnection(ctx, source, id, func(_ *memory, st *mirror.Status) error {
		st.Replication = mirror.Stopped
		if on {
			st.Replication = mirror.Replicating
		}
		return nil
	})
}

func (o *overlay) Sweep(ctx context.Context, source string, id int64, s mirror.Sweep) (int64, error) {
	var c mirror.Connection
	err := o.onConnection(ctx, source, id, func(_ *memory, st *mirror.Status) error {
		c = st.Connection
		_, _, err := o.admit(ctx, c, toMirror(false))
		return err
	})
	if err != nil {
		return 0, err
	}
	d, err := o.Compare(ctx, c, mirror.Compare{OlderThan: s.OlderThan})
	if err != nil {
		return 0, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.swept[path{c.Source, c.Target, c.Set}] = true
	return d.Orphans, nil
}

func (o *overlay) Mark(ctx context.Context, agent string, old, new mirror.Marker) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	set := new.Set
	now, err := o.marker(ctx, agent, set)
	if err != nil {
		return err
	}
	if now != old {
		return value.Failf(value.CodeConflict, "the root of %q on %s is %q, not %q", new.Set, agent, now, old)
	}
	if new.Generation == 0 {
		new = mirror.Marker{}
	}
	o.agents[agent].markers[set] = new
	return nil
}
