package agent

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

var _ mirror.System = (*Site)(nil)

// Resolve gives an agent's name by its name or address.
func (s *Site) Resolve(name string) (string, error) {
	n, err := s.node(name)
	if err != nil {
		return "", err
	}
	return n.cfg.Name, nil
}

// Login grants everything: an embedded agent lives in the process of the user who asks.
func (s *Site) Login(_ context.Context, agent, _, _ string) (mirror.Level, error) {
	if _, err := s.up(agent); err != nil {
		return mirror.NoAccess, err
	}
	return mirror.Full, nil
}

// Sets lists an agent's sets by name.
func (s *Site) Sets(_ context.Context, agent string) (sets []mirror.Set, err error) {
	n, err := s.up(agent)
	if err != nil {
		return nil, err
	}
	n.view(func(st *state) {
		for _, name := range slices.Sorted(maps.Keys(st.Sets)) {
			set := st.Sets[name]
			set.Rules = slices.Clone(set.Rules)
			sets = append(sets, set)
		}
	})
	return sets, nil
}

// PutSet makes or replaces a set.
func (s *Site) PutSet(ctx context.Context, agent string, set mirror.Set) error {
	n, err := s.up(agent)
	if err != nil {
		return err
	}
	return n.write(ctx, func(st *state) error { st.Sets[set.Name] = set; return nil })
}

// DropSet removes a set.
func (s *Site) DropSet(ctx context.Context, agent, set string) error {
	n, err := s.up(agent)
	if err != nil {
		return err
	}
	return n.write(ctx, func(st *state) error {
		delete(st.Sets, set)
		delete(st.Identities, set)
		return nil
	})
}

// Survey counts what a set covers.
func (s *Site) Survey(ctx context.Context, agent string, set mirror.Set) (mirror.Survey, error) {
	n, err := s.up(agent)
	if err != nil {
		return mirror.Survey{}, err
	}
	specs, _, err := rootsOf(mirror.Connection{Rules: set.Rules})
	if err != nil {
		return mirror.Survey{}, err
	}
	roots, err := n.hold(specs)
	if err != nil {
		return mirror.Survey{}, err
	}
	defer release(roots)
	return survey(ctx, roots)
}

// NextID is the id that the agent's next connection gets.
func (s *Site) NextID(_ context.Context, agent string) (id int64, err error) {
	n, err := s.up(agent)
	if err != nil {
		return 0, err
	}
	n.view(func(st *state) { id = max(st.LastID, n.reserved) + 1 })
	return id, nil
}

// Connections lists the connections of which agent is the source, by id.
func (s *Site) Connections(_ context.Context, agent string) ([]mirror.Status, error) {
	n, err := s.up(agent)
	if err != nil {
		return nil, err
	}
	return s.statuses(n), nil
}

func (s *Site) statuses(n *node) []mirror.Status {
	var all []mirror.Status
	markers := map[string]mirror.Marker{}
	retrying := map[int64]bool{}
	n.view(func(st *state) {
		maps.Copy(markers, st.Markers)
		for _, c := range st.Connections {
			status := mirror.Status{Connection: c.Connection, Last: c.Last, Replication: mirror.Stopped, OrphansDue: c.OrphansDue}
			if c.Last.Number == 0 {
				status.Last.State = mirror.Idle
			}
			if r := n.runs[c.ID]; r != nil {
				status.Last, retrying[c.ID] = r.now()
			}
			if r := n.replications[c.ID]; r != nil {
				status.Replication, _ = r.word()
			}
			all = append(all, status)
		}
	})
	slices.SortFunc(all, func(a, b mirror.Status) int { return cmp.Compare(a.ID, b.ID) })
	for i := range all {
		s.targetSide(&all[i], markers[all[i].Set], retrying[all[i].ID])
	}
	return all
}

// targetSide completes a status with what its target knows.
func (s *Site) targetSide(status *mirror.Status, mine mirror.Marker, retrying bool) {
	status.Generation, status.Data = mine.Generation, mirror.Bad
	status.TargetState = mirror.Retrying
	target, err := s.up(status.Target)
	if err != nil {
		return
	}
	var in mirror.Inbound
	var marker mirror.Marker
	target.view(func(st *state) {
		marker = st.Markers[status.Set]
		var known bool
		if in, known = mirror.Recall(st.Inbound, status.Connection); known {
			status.Data, status.Applied = in.Data, in.Applied
		}
	})
	_, refused := mirror.Admit(status.Connection, mine, marker, false)
	switch {
	case retrying:
	case refused != nil:
		status.TargetState = mirror.RestoreRequired
	case status.Last.Error != "" || in.Data == mirror.Bad && !status.Last.Running() && status.Last.Number > 0:
		status.TargetState = mirror.RemirrorRequired
	default:
		status.TargetState = mirror.Online
	}
}

// Inbound lists what the agent remembers as a target, by source and id.
func (s *Site) Inbound(_ context.Context, agent string) (all []mirror.Inbound, err error) {
	n, err := s.up(agent)
	if err != nil {
		return nil, err
	}
	n.view(func(st *state) { all = slices.Clone(st.Inbound) })
	return all, nil
}

// Marker gives the marker of a set's root.
func (s *Site) Marker(_ context.Context, agent, set string) (m mirror.Marker, err error) {
	n, err := s.up(agent)
	if err != nil {
		return m, err
	}
	n.view(func(st *state) { m = st.Markers[set] })
	return m, nil
}

// Mark replaces a marker if it still is old, and ends whatever an older generation was doing to this root.
func (s *Site) Mark(ctx context.Context, agent string, old, new mirror.Marker) error {
	n, err := s.up(agent)
	if err != nil {
		return err
	}
	err = n.write(ctx, func(st *state) error {
		if st.Markers[new.Set] != old {
			return value.Failf(value.CodeConflict, "the root of %q on %s is %q, not %q",
				new.Set, agent, st.Markers[new.Set], old).Hint("look with STATUS TARGET %s and try again", agent)
		}
		if st.Markers[new.Set] = new; new.Generation == 0 {
			delete(st.Markers, new.Set)
		}
		return nil
	})
	if err != nil {
		return err
	}
	n.cutSessions(func(r *receiver) bool {
		return r.hello.Connection.Set == new.Set && r.hello.Purpose == carry
	})
	return nil
}

// Compare compares both sides of a connection.
func (s *Site) Compare(ctx context.Context, c mirror.Connection, how mirror.Compare) (mirror.Difference, error) {
	n, err := s.up(c.Source)
	if err != nil {
		return mirror.Difference{}, err
	}
	m, err := n.session(ctx, hello{Connection: c, Purpose: look})
	if err != nil {
		return mirror.Difference{}, err
	}
	defer m.close()
	count := &counter{roots: m.roots, olderThan: olderThan(how.OlderThan)}
	m.how, m.sink = how, count
	err = m.walk()
	count.d.Errors = m.errors
	for _, path := range m.conflicts {
		count.d.Differ++
		count.d.Differing = append(count.d.Differing, printable(path))
	}
	return count.d, err
}

// find gives a connection as it is now.
func (s *Site) find(source string, id int64) (*node, connection, error) {
	n, err := s.up(source)
	if err != nil {
		return nil, connection{}, err
	}
	var c connection
	n.view(func(st *state) {
		if got := st.Connections[id]; got != nil {
			c = *got
		}
	})
	if c.ID == 0 {
		return n, c, value.Failf(value.CodeNotThere, "%s has no connection %d", n.cfg.Name, id).
			Hint("STATUS TARGET <target> lists the connections")
	}
	return n, c, nil
}

// StartMirror starts a mirror. That the target refuses it shows at once.
func (s *Site) StartMirror(ctx context.Context, source string, id int64, opt mirror.Mirror) (int64, error) {
	r, err := s.begin(ctx, source, id, task{opt: opt})
	if err != nil {
		return 0, err
	}
	info, _ := r.now()
	return info.Number, nil
}

// Sweep removes orphans and waits for it.
func (s *Site) Sweep(ctx context.Context, source string, id int64, sweep mirror.Sweep) (int64, error) {
	r, err := s.begin(ctx, source, id, task{opt: mirror.Mirror{Orphans: true}, sweep: sweep, onlyOrphans: true})
	if err != nil {
		return 0, err
	}
	if err := r.wait(ctx); err != nil {
		r.cancel(err)
		<-r.done // what was removed is counted
	}
	info, _ := r.now()
	return info.Removed, r.err
}

// begin starts a task. It runs on when ctx ends, unless it has not come to start by then.
func (s *Site) begin(ctx context.Context, source string, id int64, t task) (*run, error) {
	n, c, err := s.find(source, id)
	if err == nil {
		err = plan.StillHeld(ctx)
	}
	if err != nil {
		return nil, err
	}
	own, cancel := context.WithCancelCause(context.Background())
	r := &run{task: t, node: n, cancel: cancel, done: make(chan struct{})}
	r.pause(t.held)
	if err := n.register(r, c); err != nil {
		cancel(nil)
		return nil, err
	}
	started := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	m, err := r.open(own)
	started()
	if err != nil {
		r.finish(err)
		cancel(nil)
		return nil, err
	}
	r.start(own, m)
	return r, nil
}

// open waits until nothing else carries the connection, a cycle of its replication say, and opens the first session.
func (r *run) open(ctx context.Context) (*merge, error) {
	slot := r.node.carrying(r.conn.ID)
	select {
	case slot <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	m, err := r.node.session(ctx, r.hello())
	if err != nil {
		<-slot
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}
	return m, err
}

// register makes r what its connection is busy with.
func (n *node) register(r *run, c connection) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if busy := n.runs[c.ID]; busy != nil {
		return value.Failf(value.CodeConflict, "mirror %d of connection %d is running", busy.info.Number, c.ID).
			Hint("WAIT ON MIRROR %d IDLE TIMEOUT <duration>, or MIRROR STOP %d", c.ID, c.ID)
	}
	err := n.changeLocked(func(st *state) error {
		if set, ok := st.Sets[c.Set]; ok {
			if !set.Saved {
				return notSaved(set.Name)
			}
			c.Rules = set.Rules
		}
		kept := st.Connections[c.ID]
		if kept == nil {
			return value.Failf(value.CodeNotThere, "connection %d was disconnected meanwhile", c.ID)
		}
		r.conn = c.Connection
		r.info = mirror.Run{Number: c.Last.Number, Options: r.opt, State: mirror.Mirroring, TakenUp: r.goesOn, Started: time.Now()}
		if !r.onlyOrphans {
			if !r.goesOn {
				r.info.Number++
			}
			kept.Last, kept.Paused = r.info, r.paused()
		}
		kept.Rules = c.Rules
		return nil
	})
	if err == nil {
		n.runs[c.ID] = r
	}
	return err
}

func notSaved(set string) error {
	return value.Failf(value.CodeConflict, "replication set %q is not saved", set).Hint("REPSET SAVE %s", set)
}

// ended keeps what became of a mirror.
func (n *node) ended(r *run, info mirror.Run) {
	// A state that cannot be kept now reads as "cut off" later, which is on the safe side.
	_ = n.note(func(st *state) {
		if n.runs[r.conn.ID] == r {
			delete(n.runs, r.conn.ID)
		}
		c := st.Connections[r.conn.ID]
		if c == nil {
			return
		}
		if !r.onlyOrphans {
			c.Last, c.Paused = info, false
		}
		switch {
		case info.Error != "":
			c.OrphansDue = fmt.Sprintf("since %s: %s", info.Ended.UTC().Format(time.RFC3339), info.Error)
		case info.Options.Orphans:
			c.OrphansDue = ""
		}
	})
}

// ControlMirror stops, pauses or resumes a running mirror.
func (s *Site) ControlMirror(ctx context.Context, source string, id int64, verb mirror.Verb) error {
	n, _, err := s.find(source, id)
	if err != nil {
		return err
	}
	n.mu.Lock()
	r := n.runs[id]
	n.mu.Unlock()
	switch {
	case r == nil && verb == mirror.Stop:
		return nil
	case r == nil:
		return value.Failf(value.CodeConflict, "no mirror of connection %d is running", id)
	case verb == mirror.Stop:
		if err := plan.StillHeld(ctx); err != nil {
			return err
		}
		r.stop()
		return r.wait(ctx)
	}
	err = n.write(ctx, func(st *state) error {
		if c := st.Connections[id]; c != nil {
			c.Paused = verb == mirror.Pause
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.pause(verb == mirror.Pause)
	return nil
}

// stopRuns ends the mirror and the replication of a connection.
func (n *node) stopRuns(ctx context.Context, id int64) error {
	n.mu.Lock()
	runs := []*run{n.runs[id], n.replications[id]}
	n.mu.Unlock()
	for _, r := range runs {
		if r == nil {
			continue
		}
		r.stop()
		if err := r.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// survey walks one side only and counts. What cannot be read is not counted.
func survey(ctx context.Context, roots []*held) (mirror.Survey, error) {
	var total mirror.Survey
	for _, h := range roots {
		info, err := h.Stat(h.base)
		if err != nil {
			continue
		}
		if surveyEntry(h, "", info, &total) {
			err = surveyFolder(ctx, h, "", &total)
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// surveyEntry counts one entry and says whether it is a folder to look into.
func surveyEntry(h *held, path string, info tree.Info, total *mirror.Survey) bool {
	v := h.spec.verdict(path, info.Type == tree.Folder)
	switch {
	case v == out:
	case info.Type == tree.Other:
		total.NotCarried++
	case info.Type == tree.Folder:
		total.Folders++
		return true
	default:
		total.Files++
		total.Bytes += info.Size
	}
	return false
}

func surveyFolder(ctx context.Context, h *held, path string, total *mirror.Survey) error {
	d, err := h.dir(path)
	if err != nil {
		return ctx.Err()
	}
	names, _, _ := d.Names()
	var folders []string
	for _, name := range names {
		below := tree.Join(path, name)
		if info, err := d.Stat(name); err == nil && surveyEntry(h, below, info, total) {
			folders = append(folders, below)
		}
	}
	d.Close()
	for _, below := range folders {
		if err := surveyFolder(ctx, h, below, total); err != nil {
			return err
		}
	}
	return ctx.Err()
}
