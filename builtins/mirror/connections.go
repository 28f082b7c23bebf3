package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

var connectionDoc = map[string]string{"connection": "id of a connection of the source, as CONNECT gave it"}

func (s *session) connectionCommands() []def.Command {
	return []def.Command{
		{
			Signature: sig.Signature{
				Usage: "CONNECT <set> TO <target:agent> MAP (EXACT | BASE <base:path> | " +
					"<from:path> TO <to:path> [, <from:path> TO <to:path>]…) [MIRROR|NOMIRROR]",
				Summary: "Connects a replication set to a target, or finds the connection that is there; " +
					"with MIRROR one that has carried nothing whole yet also starts a full mirror.",
				Docs: map[string]string{
					"set": setDoc["set"], "target": "name or address of the target's agent",
					"base": "a folder of the target below which every path goes, under its drive's letter",
					"from": "a folder of the source", "to": "the folder of the target that it goes to",
				},
				Result: "the connection's id, counted from 1 by the source's agent", Effect: sig.Changes,
				Example: "CONNECT mailstores TO west MAP EXACT;",
			},
			Observe: s.connect,
			Undo:    s.undoConnect,
		},
		{
			Signature: sig.Signature{
				Usage: "DISCONNECT <connection:id>", Summary: "Ends a connection; the data at the target stays.",
				Docs: connectionDoc, Effect: sig.Changes,
				Example: "$c = CONNECT mailstores TO west MAP EXACT; DISCONNECT $c;",
			},
			Observe: s.disconnect,
			Undo:    s.undoDisconnect,
		},
	}
}

// mapping gives the pairs that a CONNECT states.
func mapping(c *def.Call, rules []Rule) ([]Pair, error) {
	if base := c.Text("base"); base != "" {
		base, err := CleanPath(base)
		return BaseMap(rules, base), err
	}
	var pairs []Pair
	to := c.Texts("to")
	for i, from := range c.Texts("from") {
		p := Pair{}
		var err error
		if p.From, err = CleanPath(from); err != nil {
			return nil, err
		}
		if p.To, err = CleanPath(to[i]); err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	for _, root := range Roots(rules) {
		if _, err := MapPath(pairs, root); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

func (s *session) connect(ctx context.Context, c *def.Call) (*def.Action, error) {
	sys, source, set, err := s.set(ctx, c)
	if err != nil {
		return nil, err
	}
	conn := Connection{Source: source, Set: set.Name, Rules: set.Rules}
	if conn.Target, err = sys.Resolve(c.Text("target")); err != nil {
		return nil, err
	}
	if conn.Map, err = mapping(c, set.Rules); err != nil {
		return nil, err
	}
	if conn.Target == source && len(conn.Map) == 0 {
		return nil, value.Failf(value.CodeBadParameter, "agent %q cannot be its own target under the same paths", source).
			Hint("MAP them elsewhere")
	}
	all, err := sys.Connections(ctx, source)
	if err != nil {
		return nil, err
	}
	for _, have := range all {
		if have.Set != conn.Set || have.Target != conn.Target {
			continue
		}
		if c.Has("MIRROR") && have.unmirrored() && slices.Equal(have.Map, conn.Map) {
			return firstMirror(ctx, sys, have)
		}
		if !slices.Equal(have.Map, conn.Map) {
			return nil, value.Failf(value.CodeConflict, "connection %d carries %q to %s under other paths", have.ID, have.Set, have.Target).
				Hint("DISCONNECT %d first", have.ID)
		}
		return &def.Action{
			Done: plan.Yes, Result: value.Int(have.ID),
			Why: fmt.Sprintf("connection %d carries %q from %s to %s already", have.ID, have.Set, source, have.Target),
		}, nil
	}
	if err := usable(set); err != nil {
		return nil, err
	}
	return s.newConnection(ctx, sys, conn, c.Has("MIRROR"))
}

// unmirrored says whether nothing whole has come over a connection, and nothing is on its way.
func (st Status) unmirrored() bool {
	return st.Data == Bad && !st.Last.Running() && (st.Last.Number == 0 || st.Last.Error != "")
}

// firstMirror observes the mirror that CONNECT … MIRROR starts over a connection that is there: a run that had made it may
// have been cut off.
func firstMirror(ctx context.Context, sys System, st Status) (*def.Action, error) {
	a, err := start(ctx, sys, st, Mirror{Compare: Compare{All: true}})
	if err != nil {
		return nil, err
	}
	do := a.Do
	a.Do = func(ctx context.Context) (value.Value, error) {
		_, err := do(ctx)
		return value.Int(st.ID), err
	}
	return a, nil
}

func usable(set Set) error {
	switch {
	case !set.Saved:
		return value.Failf(value.CodeConflict, "replication set %q is not saved", set.Name).Hint("REPSET SAVE %s", set.Name)
	case len(Roots(set.Rules)) == 0:
		return value.Failf(value.CodeConflict, "replication set %q includes nothing", set.Name).
			Hint("REPSET RULE ADD <path> TO %s", set.Name)
	}
	return nil
}

// newConnection observes a connection that has to be made.
func (s *session) newConnection(ctx context.Context, sys System, conn Connection, mirrored bool) (*def.Action, error) {
	id, err := sys.NextID(ctx, conn.Source)
	if err != nil {
		return nil, err
	}
	by := admission(AdmitConnection)
	if mirrored {
		by = asMirror(false)
	}
	if err := directed(ctx, sys, conn, by); err != nil {
		return nil, err
	}
	named := conn
	named.ID = id
	change, err := connecting(ctx, sys, named)
	if err != nil {
		return nil, err
	}
	action := &def.Action{
		Done: plan.No, Changes: []plan.Change{change},
		Do: func(ctx context.Context) (value.Value, error) {
			id, err := sys.Connect(ctx, conn)
			if err == nil && mirrored {
				_, err = sys.StartMirror(ctx, conn.Source, id, Mirror{Compare: Compare{All: true}})
			}
			return value.Int(id), err
		},
	}
	if mirrored {
		changes, err := mirrorChanges(ctx, sys, named, Mirror{Compare: Compare{All: true}}, Sweep{})
		if err != nil {
			return nil, err
		}
		action.Changes = append(action.Changes, changes...)
		action.Verify = func(ctx context.Context) (plan.Answer, error) {
			_, known, err := made(ctx, sys, conn) // its mirror may have failed since: its status says so
			if err != nil || !known {
				return plan.No, err
			}
			return plan.Yes, nil
		}
	}
	return turned(ctx, sys, conn, by, action)
}

// markers gives the markers of both sides of a connection.
func markers(ctx context.Context, r Reader, conn Connection) (from, over Marker, err error) {
	if from, err = r.Marker(ctx, conn.Source, conn.Set); err != nil {
		return from, over, err
	}
	if from.Generation == 0 { // the first CONNECT makes it
		from = FirstMarker(conn.Set)
	}
	over, err = r.Marker(ctx, conn.Target, conn.Set)
	return from, over, err
}

// admitted asks both sides' markers whether the data may go over this connection.
func admitted(ctx context.Context, r Reader, conn Connection, restore bool) error {
	from, over, err := markers(ctx, r, conn)
	if err == nil {
		_, err = Admit(conn, from, over, restore)
	}
	return err
}

func (s *session) disconnect(ctx context.Context, c *def.Call) (*def.Action, error) {
	sys, st, err := s.connection(ctx, c)
	if value.HasCode(err, value.CodeNotThere) {
		return s.wasDisconnected(ctx, c, err)
	}
	if err != nil {
		return nil, err
	}
	inverse, _ := json.Marshal(ended{st.Connection, st.Last, st.OrphansDue, st.Replication != Stopped}) // such a struct always encodes
	return &def.Action{
		Done: plan.No,
		Changes: []plan.Change{{
			System: "agent " + st.Source, What: st.Connection.String(), From: "connected, " + mapWords(st.Map), Inverse: inverse,
		}},
		Do: func(ctx context.Context) (value.Value, error) {
			return value.Int(0), sys.Disconnect(ctx, st.Source, st.ID)
		},
	}, nil
}

// wasDisconnected tells an id that was used once from one that never was.
func (s *session) wasDisconnected(ctx context.Context, c *def.Call, notThere error) (*def.Action, error) {
	sys, source, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	next, err := sys.NextID(ctx, source)
	if err != nil {
		return nil, err
	}
	id, _ := c.Int("connection")
	if id <= 0 || id >= next {
		return nil, notThere
	}
	return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("connection %d is disconnected already", id)}, nil
}

// String names a connection as changes do.
func (c Connection) String() string {
	return fmt.Sprintf("connection %d %q %s → %s", c.ID, c.Set, c.Source, c.Target)
}

func mapWords(pairs []Pair) string {
	if len(pairs) == 0 {
		return "map exact"
	}
	words := make([]string, len(pairs))
	for i, p := range pairs {
		words[i] = p.From + " to " + p.To
	}
	return "map " + strings.Join(words, ", ")
}
