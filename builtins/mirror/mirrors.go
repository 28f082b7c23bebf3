package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

const startExample = "$c = CONNECT mailstores TO west MAP EXACT; MIRROR START $c DIFFERENT,CHECKSUM ORPHANS;"

func (s *session) mirrorCommands() []def.Command {
	commands := []def.Command{{
		Signature: sig.Signature{
			Usage: "MIRROR START <connection:id> [FULL | DIFFERENT[,(NEWER|CHECKSUM)]] [ORPHANS]",
			Summary: "Starts a mirror, which runs on by itself: FULL (the default) sends all, DIFFERENT what differs in " +
				"size or time, NEWER only what is newer at the source, CHECKSUM the blocks that differ; " +
				"ORPHANS then removes what only the target has.",
			Docs: map[string]string{
				"connection": connectionDoc["connection"] + "; what a mirror overwrites at the target cannot be brought back",
			},
			Result: "the mirror's number", Effect: sig.Final, Example: startExample,
		},
		Observe: s.startMirror,
	}}
	for _, v := range []struct {
		word, summary string
		verb          Verb
	}{
		{"STOP", "Stops a connection's mirror; what it has not carried yet is missing at the target.", Stop},
		{"PAUSE", "Holds a connection's mirror until RESUME.", Pause},
		{"RESUME", "Lets a mirror that PAUSE holds go on.", Resume},
	} {
		commands = append(commands, def.Command{
			Signature: sig.Signature{
				Usage: "MIRROR " + v.word + " <connection:id>", Summary: v.summary, Docs: connectionDoc, Effect: sig.Changes,
				Example: startExample + " $result = MIRROR " + v.word + " $c;", // it may have ended before
			},
			Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) { return s.control(ctx, c, v.verb) },
			Undo:    s.undoControl,
		})
	}
	return append(commands, s.replicationCommand("START", true), s.replicationCommand("STOP", false), s.restoreCommand())
}

func mirrorOf(c *def.Call) Mirror {
	return Mirror{
		Compare: Compare{All: !c.Has("DIFFERENT"), Newer: c.Has("NEWER"), Checksum: c.Has("CHECKSUM")},
		Orphans: c.Has("ORPHANS"),
	}
}

func (s *session) startMirror(ctx context.Context, c *def.Call) (*def.Action, error) {
	sys, st, err := s.connection(ctx, c)
	if err != nil {
		return nil, err
	}
	return start(ctx, sys, st, mirrorOf(c))
}

// start observes a mirror that is to be started. There is always one more to start, so a started one proves itself.
func start(ctx context.Context, sys System, st Status, m Mirror) (*def.Action, error) {
	m, err := asSet(ctx, sys, st.Source, m)
	switch {
	case err != nil:
		return nil, err
	case goesOn(st, m):
		return &def.Action{
			Done: plan.Yes, Why: fmt.Sprintf("mirror %d of connection %d goes on", st.Last.Number, st.ID), Result: value.Int(st.Last.Number),
		}, nil
	case st.Last.Running():
		return nil, value.Failf(value.CodeConflict, "mirror %d of connection %d is running", st.Last.Number, st.ID).
			Hint("WAIT ON MIRROR %d IDLE TIMEOUT <duration>, or MIRROR STOP %d", st.ID, st.ID)
	}
	conn, err := current(ctx, sys, st.Connection)
	if err != nil {
		return nil, err
	}
	changes, err := mirrorChanges(ctx, sys, conn, m, Sweep{})
	if err != nil {
		return nil, err
	}
	return turned(ctx, sys, conn, asMirror(m.Restore), &def.Action{
		Done: plan.No, Changes: changes,
		Do: func(ctx context.Context) (value.Value, error) {
			n, err := sys.StartMirror(ctx, st.Source, st.ID, m)
			return value.Int(n), err
		},
		Verify: func(ctx context.Context) (plan.Answer, error) {
			now, err := find(ctx, sys, st.Source, st.ID)
			if err != nil {
				return plan.Unknown, err
			}
			if now.Last.Number > st.Last.Number {
				return plan.Yes, nil
			}
			return plan.No, nil
		},
	})
}

// goesOn says whether a mirror that is to be started runs already: it was taken up again for a run that goes on, whose
// command had no answer yet when its process ended.
func goesOn(st Status, m Mirror) bool {
	return st.Last.Running() && st.Last.TakenUp && st.Last.Options == m
}

// current gives a connection with the rules that its set has now.
func current(ctx context.Context, r Reader, c Connection) (Connection, error) {
	sets, err := r.Sets(ctx, c.Source)
	if err != nil {
		return c, err
	}
	if set := findSet(sets, c.Set); set != nil {
		c.Rules = set.Rules
		return c, usable(*set)
	}
	return c, nil // deleted: the connection keeps its rules
}

// mirrorChanges foretells a mirror from a look at both sides by size and time.
func mirrorChanges(ctx context.Context, sys System, c Connection, m Mirror, sweep Sweep) ([]plan.Change, error) {
	if err := directed(ctx, sys, c, asMirror(m.Restore)); err != nil {
		return nil, err
	}
	how := m.Compare
	how.Checksum, how.OlderThan = false, sweep.OlderThan
	d, err := sys.Compare(ctx, c, how)
	if err != nil {
		return nil, err
	}
	system := "agent " + c.Target
	changes := []plan.Change{{
		System: system, What: fmt.Sprintf("mirror of %q to %s", c.Set, c.Target),
		From: foretold(m, d), To: "as on " + c.Source + kindOf(m),
		Count: int(d.Differ),
	}}
	if m.All {
		changes[0].Count = int(d.Files)
	}
	if m.Orphans && d.Orphans > 0 {
		changes = append(changes, orphanChange(c, d, sweep))
	}
	return changes, nil
}

// foretold says what a look by size and time found; a mirror by blocks may find more.
func foretold(m Mirror, d Difference) string {
	if m.All { // whatever the target has: also what an earlier mirror of the same plan would have sent
		return fmt.Sprintf("%d files to send, %d bytes", d.Files, d.Bytes)
	}
	if m.Checksum {
		return fmt.Sprintf("%d entries differ in size or time, %d bytes", d.Differ, d.DifferBytes)
	}
	return fmt.Sprintf("%d entries to send, %d bytes", d.Differ, d.DifferBytes)
}

func orphanChange(c Connection, d Difference, sweep Sweep) plan.Change {
	to := "removed"
	if sweep.MoveTo != "" {
		to = "moved to " + sweep.MoveTo
	}
	return plan.Change{
		System: "agent " + c.Target, What: fmt.Sprintf("orphans of %q on %s", c.Set, c.Target),
		From: fmt.Sprintf("%d entries, %d bytes", d.Orphans, d.OrphanBytes), To: to, Count: int(d.Orphans),
	}
}

// kindOf gives a mirror's kind in the words of MIRROR START.
func kindOf(m Mirror) string {
	switch {
	case m.All:
		return ", everything sent"
	case m.Newer:
		return ", where it is newer"
	case m.Checksum:
		return ", block by block"
	}
	return ""
}

func (s *session) control(ctx context.Context, c *def.Call, verb Verb) (*def.Action, error) {
	sys, st, err := s.connection(ctx, c)
	if err != nil {
		return nil, err
	}
	state := st.Last.State
	to := map[Verb]string{Stop: Idle, Pause: Paused, Resume: Mirroring}[verb]
	switch {
	case verb == Stop && !st.Last.Running(), verb == Pause && state == Paused,
		verb == Resume && st.Last.Running() && state != Paused:
		return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("the mirror of connection %d is %s already", st.ID, state)}, nil
	case !st.Last.Running():
		return nil, value.Failf(value.CodeConflict, "no mirror of connection %d is running", st.ID).
			Hint("MIRROR START %d starts one", st.ID)
	}
	before := ended{Connection: st.Connection, Last: st.Last}
	inverse, _ := json.Marshal(controlled{before, verb}) // such a struct always encodes
	return &def.Action{
		Done: plan.No,
		Changes: []plan.Change{{
			System: "agent " + st.Source, What: fmt.Sprintf("mirror of %q to %s", st.Set, st.Target), From: state, To: to, Inverse: inverse,
		}},
		Do: func(ctx context.Context) (value.Value, error) {
			return value.Int(0), sys.ControlMirror(ctx, st.Source, st.ID, verb)
		},
		Verify: func(context.Context) (plan.Answer, error) { return plan.Yes, nil }, // ControlMirror waits until it has obeyed
	}, nil
}

func (s *session) replicationCommand(word string, on bool) def.Command {
	summary := "Sends changes again and again as the source makes them, as long as the agent runs; it removes nothing."
	if !on {
		summary = "Ends what REPLICATION START began."
	}
	return def.Command{
		Signature: sig.Signature{
			Usage: "REPLICATION " + word + " <connection:id>", Summary: summary, Docs: connectionDoc, Effect: sig.Changes,
			Example: "$c = CONNECT mailstores TO west MAP EXACT; REPLICATION " + word + " $c;",
		},
		Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
			sys, st, err := s.connection(ctx, c)
			if err != nil {
				return nil, err
			}
			from, to := Stopped, Replicating
			inverse, _ := json.Marshal(replicated{st.Source, st.ID, !on}) // such a struct always encodes
			if !on {
				from, to = st.Replication, Stopped
			}
			if on == (st.Replication != Stopped) {
				return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("the replication of connection %d is %s", st.ID, st.Replication)}, nil
			}
			if on {
				if err := directed(ctx, sys, st.Connection, asMirror(false)); err != nil {
					return nil, err
				}
			}
			a := &def.Action{
				Done: plan.No,
				Changes: []plan.Change{{
					System: "agent " + st.Source, What: fmt.Sprintf("replication of %q to %s", st.Set, st.Target),
					From: from, To: to, Inverse: inverse,
				}},
				Do: func(ctx context.Context) (value.Value, error) {
					return value.Int(0), sys.Replicate(ctx, st.Source, st.ID, on)
				},
			}
			if !on {
				return a, nil
			}
			a.Changes = append(a.Changes, plan.Change{
				System: "agent " + st.Target, What: fmt.Sprintf("data of %q on %s", st.Set, st.Target),
				From: "as they are", To: "follow " + st.Source,
			})
			return turned(ctx, sys, st.Connection, asMirror(false), a)
		},
		Undo: s.undoReplication,
	}
}

func (s *session) restoreCommand() def.Command {
	return def.Command{
		Signature: sig.Signature{
			Usage: "RESTORE <set> FROM <target:agent> TO <source:agent> [CHECKSUM] [ORPHANS]",
			Summary: "Mirrors a set's data back from the target that took them over to where they came from, over whatever " +
				"never left there; the other direction is refused by the roots' markers.",
			Docs: map[string]string{
				"set": setDoc["set"], "target": "the agent that has the data", "source": "the agent that gets them back",
			},
			Result: "the id of the connection that carries it, of the agent that has the data: SOURCE it, then WAIT ON RESTORE",
			Effect: sig.Changes,
			Example: "$c = CONNECT mailstores TO west MAP EXACT; MIRROR START $c; WAIT ON MIRROR $c IDLE TIMEOUT 1m; " +
				"TAKEOVER $c; RESTORE mailstores FROM west TO east;",
		},
		Observe: s.restore,
		Undo:    s.undoConnect,
	}
}

func (s *session) restore(ctx context.Context, c *def.Call) (*def.Action, error) {
	sys, err := s.systems.Mirror()
	if err != nil {
		return nil, err
	}
	from, err := sys.Resolve(c.Text("target"))
	if err != nil {
		return nil, err
	}
	to, err := sys.Resolve(c.Text("source"))
	if err != nil {
		return nil, err
	}
	back, err := wayBack(ctx, sys, from, to, c.Text("set"))
	if err != nil {
		return nil, err
	}
	m, err := asSet(ctx, sys, from, Mirror{
		Compare: Compare{Checksum: c.Has("CHECKSUM")}, Orphans: c.Has("ORPHANS"), Restore: true,
	})
	if err != nil {
		return nil, err
	}
	changes, err := mirrorChanges(ctx, sys, back, m, Sweep{})
	if err != nil {
		return nil, err
	}
	before, known, err := made(ctx, sys, back)
	if err != nil {
		return nil, err
	}
	if goesOn(before, m) {
		return &def.Action{
			Done: plan.Yes, Why: fmt.Sprintf("mirror %d of connection %d goes on", before.Last.Number, before.ID), Result: value.Int(before.ID),
		}, nil
	}
	if !known {
		back.ID = before.ID
		change, err := connecting(ctx, sys, back)
		if err != nil {
			return nil, err
		}
		changes = slices.Insert(changes, 0, change)
	}
	return turned(ctx, sys, back, asMirror(true), &def.Action{
		Done: plan.No, Changes: changes,
		Do: func(ctx context.Context) (value.Value, error) {
			id := before.ID
			if !known {
				back.ID = 0
				if id, err = sys.Connect(ctx, back); err != nil {
					return nil, err
				}
			}
			_, err := sys.StartMirror(ctx, from, id, m)
			return value.Int(id), err
		},
		Verify: func(ctx context.Context) (plan.Answer, error) {
			now, err := find(ctx, sys, from, before.ID)
			if err != nil || now.Last.Number <= before.Last.Number {
				return plan.No, err
			}
			return plan.Yes, nil
		},
	})
}

// wayBack gives the connection that brings a set's data back to where they came from.
func wayBack(ctx context.Context, r Reader, from, to, set string) (Connection, error) {
	all, err := r.Inbound(ctx, from)
	if err != nil {
		return Connection{}, err
	}
	for _, in := range all {
		if in.Source == to && in.Set == set {
			return Reverse(in.Connection)
		}
	}
	return Connection{}, value.Failf(value.CodeNotThere, "agent %q has nothing of replication set %q of %q", from, set, to).
		Hint("STATUS TARGET %s lists what it has", from)
}

// made finds a connection that carries what c does; where there is none, it has only the id that the next one gets.
func made(ctx context.Context, r Reader, c Connection) (st Status, known bool, err error) {
	all, err := r.Connections(ctx, c.Source)
	if err != nil {
		return st, false, err
	}
	for _, have := range all {
		if have.Set == c.Set && have.Target == c.Target {
			return have, true, nil
		}
	}
	st.ID, err = r.NextID(ctx, c.Source)
	return st, false, err
}
