package mirror

import (
	"context"
	"fmt"
	"time"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

func (s *session) statusCommands() []def.Command {
	return []def.Command{
		{
			Signature: sig.Signature{
				Usage: "STATUS CON <connection:id>", Summary: "Tells the state of a connection.", Docs: connectionDoc,
				Result: "a map: id, set, source, target, mirror, number, error, replication, state (of the target), data, applied, " +
					"generation, files, bytes, total_files, total_bytes, removed, unstable, not_carried, not_carried_list, orphans_due",
				Effect: sig.Reads, Example: "$c = CONNECT mailstores TO west MAP EXACT; STATUS CON $c;",
			},
			Read: func(ctx context.Context, c *def.Call) (value.Value, error) {
				_, st, err := s.connection(ctx, c)
				if err != nil {
					return nil, err
				}
				return st.value(), nil
			},
		},
		{
			Signature: sig.Signature{
				Usage: "STATUS TARGET [<target:agent>]", Summary: "Tells what a target has, from its own memory: the sources need not answer.",
				Docs: map[string]string{"target": "name or address of the target's agent; without it TARGET's, or the site's default"},
				Result: "a map: name, state, connections (a list of maps: id, source, target, set, connected, state, data, applied, " +
					"generation, owner)",
				Effect: sig.Reads, Example: "STATUS TARGET west;",
			},
			Read: s.statusTarget,
		},
		{
			Signature: sig.Signature{
				Usage: "STATS [<connection:id>]", Summary: "Tells the counters of a connection, or of all connections of the source.",
				Docs:   connectionDoc,
				Result: "a map, or a list of maps: id, set, target, mirror, replication, state, data, files, bytes, removed",
				Effect: sig.Reads, Example: "STATS;",
			},
			Read: s.stats,
		},
	}
}

func (st Status) value() value.Value {
	m := st.counters()
	for k, v := range map[string]any{
		"source": st.Source, "number": st.Last.Number, "error": st.Last.Error, "applied": timeWord(st.Applied),
		"generation": st.Generation, "total_files": st.Last.TotalFiles, "total_bytes": st.Last.TotalBytes,
		"unstable": st.Last.Unstable, "not_carried": st.Last.NotCarried, "not_carried_list": st.Last.Listed,
		"orphans_due": st.OrphansDue,
	} {
		m[k] = v
	}
	return value.From(m)
}

func (st Status) counters() map[string]any {
	return map[string]any{
		"id": st.ID, "set": st.Set, "target": st.Target, "mirror": st.Last.State, "replication": st.Replication,
		"state": st.TargetState, "data": st.Data, "files": st.Last.Files, "bytes": st.Last.Bytes, "removed": st.Last.Removed,
	}
}

// timeWord gives a time in UTC to the second; "" for none.
func timeWord(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (s *session) statusTarget(ctx context.Context, c *def.Call) (value.Value, error) {
	sys, err := s.systems.Mirror()
	if err != nil {
		return nil, err
	}
	name := c.Text("target")
	if name == "" {
		if name, err = s.targetAgent(ctx); err != nil {
			return nil, err
		}
	}
	if name, err = sys.Resolve(name); err != nil {
		return nil, err
	}
	all, err := sys.Inbound(ctx, name)
	if err != nil {
		return nil, err
	}
	connections := []any{}
	state := Online
	for _, in := range all {
		word, owner, err := inboundState(ctx, sys, in)
		if err != nil {
			return nil, err
		}
		if in.Connected && word != Online {
			state = word
		}
		connections = append(connections, map[string]any{
			"id": in.ID, "source": in.Source, "target": in.Target, "set": in.Set, "connected": in.Connected,
			"state": word, "data": in.Data, "applied": timeWord(in.Applied), "generation": owner.Generation,
			"owner": owner.Role == RoleSource,
		})
	}
	return value.From(map[string]any{"name": name, "state": state, "connections": connections}), nil
}

// inboundState tells a connection's state as its target sees it.
func inboundState(ctx context.Context, r Reader, in Inbound) (string, Marker, error) {
	mine, err := r.Marker(ctx, in.Target, in.Set)
	if err != nil {
		return "", mine, err
	}
	theirs, err := r.Marker(ctx, in.Source, in.Set)
	switch {
	case mine.Role == RoleSource:
		return RestoreRequired, mine, nil
	case err != nil:
		return Retrying, mine, nil
	}
	if _, refused := Admit(in.Connection, theirs, mine, false); refused != nil {
		return RestoreRequired, mine, nil
	}
	if in.Data == Bad {
		return RemirrorRequired, mine, nil
	}
	return Online, mine, nil
}

func (s *session) stats(ctx context.Context, c *def.Call) (value.Value, error) {
	if _, given := c.Int("connection"); given {
		_, st, err := s.connection(ctx, c)
		if err != nil {
			return nil, err
		}
		return value.From(st.counters()), nil
	}
	sys, source, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	all, err := sys.Connections(ctx, source)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, st := range all {
		list = append(list, st.counters())
	}
	return value.From(list), nil
}

func (s *session) waitCommands() []def.Command {
	docs := map[string]string{"connection": connectionDoc["connection"], "limit": "how long to wait at most"}
	wait := func(usage, summary, example string, level func(context.Context, *def.Call) (bool, string, error)) def.Command {
		return def.Command{
			Signature: sig.Signature{
				Usage: usage, Summary: summary, Docs: docs, Effect: sig.Waits,
				Example: "$c = CONNECT mailstores TO west MAP EXACT; " + example,
			},
			Read: func(ctx context.Context, c *def.Call) (value.Value, error) {
				return await(ctx, c, func(ctx context.Context) (bool, string, error) { return level(ctx, c) })
			},
		}
	}
	return []def.Command{
		wait("WAIT ON MIRROR <connection:id> (IDLE | COMPLETE) [TIMEOUT <limit:duration>]",
			"Waits until the mirror started last has completed; one that failed fails the wait.",
			"MIRROR START $c; WAIT ON MIRROR $c IDLE TIMEOUT 1m;", s.mirrorEnded),
		wait("WAIT ON RESTORE <connection:id> (IDLE | COMPLETE) [TIMEOUT <limit:duration>]",
			"Waits until the restore started last has completed; one that failed fails the wait.",
			"MIRROR START $c; WAIT ON RESTORE $c COMPLETE TIMEOUT 1m;", s.mirrorEnded),
		wait("WAIT ON VERIFY <connection:id> (IDLE | COMPLETE) [TIMEOUT <limit:duration>]",
			"Waits until the mirror that VERIFY REPAIR started has completed.",
			"VERIFY $c REPAIR; WAIT ON VERIFY $c COMPLETE TIMEOUT 1m;", s.mirrorEnded),
		wait("WAIT ON QUEUE <connection:id> EMPTY [TIMEOUT <limit:duration>]",
			"Waits until no mirror runs and a look at both sides finds nothing left to send: at every block while the source's "+
				"setting CHECKSUM is on, else at size and time.",
			"MIRROR START $c; WAIT ON QUEUE $c EMPTY TIMEOUT 1m;", s.queueEmpty),
	}
}

// mirrorEnded is the level of WAIT ON MIRROR.
func (s *session) mirrorEnded(ctx context.Context, c *def.Call) (bool, string, error) {
	_, st, err := s.connection(ctx, c)
	if err != nil {
		return false, "", err
	}
	switch {
	case st.Last.Running():
		return false, fmt.Sprintf("mirror %d is %s, %d of %d files sent", st.Last.Number, st.Last.State, st.Last.Files, st.Last.TotalFiles), nil
	case st.Last.Error != "":
		return false, "", value.Failf(value.CodeFailed, "mirror %d of connection %d did not complete: %s", st.Last.Number, st.ID, st.Last.Error).
			Hint("MIRROR START %d starts another one", st.ID)
	}
	return true, st.Last.State, nil
}

// queueEmpty is the level of WAIT ON QUEUE.
func (s *session) queueEmpty(ctx context.Context, c *def.Call) (bool, string, error) {
	sys, st, err := s.connection(ctx, c)
	if err != nil {
		return false, "", err
	}
	if st.Last.Running() {
		return false, fmt.Sprintf("mirror %d is %s", st.Last.Number, st.Last.State), nil
	}
	if err := admitted(ctx, sys, st.Connection, false); err != nil {
		return false, "", err
	}
	how, err := asSet(ctx, sys, st.Source, Mirror{})
	if err != nil {
		return false, "", err
	}
	d, err := sys.Compare(ctx, st.Connection, how.Compare)
	if err != nil {
		return false, "", err
	}
	compared := "size and time compared"
	if how.Checksum {
		compared = "compared block by block"
	}
	switch {
	case len(d.Errors) > 0:
		return false, "not everything could be read: " + d.Errors[0], nil
	case d.Differ > 0:
		return false, fmt.Sprintf("%d entries to send, the first: %s; %s; replication is %s",
			d.Differ, d.Differing[0], compared, st.Replication), nil
	}
	return true, "", nil
}

// restFactor bounds what waiting costs: it rests so many times as long as a look takes.
const restFactor = 4

// await looks again and again until the level holds.
func await(ctx context.Context, c *def.Call, level func(context.Context) (bool, string, error)) (value.Value, error) {
	limit := c.Duration("limit", 0)
	began := time.Now()
	for rest := 20 * time.Millisecond; ; rest = min(2*rest, time.Second) {
		looked := time.Now()
		holds, seen, err := level(ctx)
		if err != nil || holds {
			return value.Int(0), err
		}
		if limit > 0 && time.Since(began) >= limit {
			return nil, value.Failf(value.CodeTimeout, "it did not come within %v; last seen: %s", limit, seen)
		}
		pause := max(rest, restFactor*time.Since(looked))
		if limit > 0 {
			pause = min(pause, limit-time.Since(began))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
