package mirror

import (
	"context"
	"fmt"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

func (s *session) orphanCommands() []def.Command {
	docs := map[string]string{
		"connection": connectionDoc["connection"], "folder": "a folder of the target where they are kept, under their own paths",
		"age":   "only what has not changed for so long",
		"count": "how many files may go although that is more than the site's limit",
	}
	pick := func(names ...string) map[string]string {
		some := map[string]string{}
		for _, n := range names {
			some[n] = docs[n]
		}
		return some
	}
	return []def.Command{
		{
			Signature: sig.Signature{
				Usage:   "ORPHANS START <connection:id> [DELETE | MOVE TO <folder:path>] [OLDER THAN <age:duration>] [UP TO <count:number>]",
				Summary: "Removes what the target has and the set has not, or moves it aside, and waits until that is done; what an EXCLUDE rule covers is never touched.",
				Docs:    docs, Result: "how many files were removed", Effect: sig.Final,
				Example: `$c = CONNECT mailstores TO west MAP EXACT; ORPHANS START $c MOVE TO E:\Aside OLDER THAN 1h;`,
			},
			Observe: s.sweep,
		},
		{
			Signature: sig.Signature{
				Usage:   "ORPHANS LIST <connection:id> [OLDER THAN <age:duration>]",
				Summary: "Lists what the target has and the set has not.", Docs: pick("connection", "age"),
				Result: "a map: count, bytes, list (the paths of the first 100)", Effect: sig.Reads,
				Example: "$c = CONNECT mailstores TO west MAP EXACT; ORPHANS LIST $c;",
			},
			Read: func(ctx context.Context, c *def.Call) (value.Value, error) {
				_, d, err := s.compare(ctx, c, Compare{OlderThan: c.Duration("age", 0)})
				if err != nil {
					return nil, err
				}
				return value.From(map[string]any{"count": d.Orphans, "bytes": d.OrphanBytes, "list": d.Orphaned}), nil
			},
		},
	}
}

func (s *session) sweep(ctx context.Context, c *def.Call) (*def.Action, error) {
	sweep := Sweep{OlderThan: c.Duration("age", 0)}
	sweep.UpTo, _ = c.Int("count")
	if folder := c.Text("folder"); folder != "" {
		var err error
		if sweep.MoveTo, err = CleanPath(folder); err != nil {
			return nil, err
		}
	}
	st, d, err := s.compare(ctx, c, Compare{OlderThan: sweep.OlderThan})
	if err != nil {
		return nil, err
	}
	if d.Orphans == 0 {
		return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("connection %d has no orphans", st.ID)}, nil
	}
	sys, err := s.systems.Mirror()
	if err != nil {
		return nil, err
	}
	if err := directed(ctx, sys, st.Connection, asMirror(false)); err != nil {
		return nil, err
	}
	return turned(ctx, sys, st.Connection, asMirror(false), &def.Action{
		Done: plan.No, Changes: []plan.Change{orphanChange(st.Connection, d, sweep)},
		Do: func(ctx context.Context) (value.Value, error) {
			n, err := sys.Sweep(ctx, st.Source, st.ID, sweep)
			return value.Int(n), err
		},
	})
}

// compare compares both sides of a call's connection.
func (s *session) compare(ctx context.Context, c *def.Call, how Compare) (Status, Difference, error) {
	sys, st, err := s.connection(ctx, c)
	if err != nil {
		return st, Difference{}, err
	}
	if st.Connection, err = current(ctx, sys, st.Connection); err != nil {
		return st, Difference{}, err
	}
	d, err := sys.Compare(ctx, st.Connection, how)
	return st, d, err
}

func (s *session) compareCommands() []def.Command {
	return []def.Command{
		{
			Signature: sig.Signature{
				Usage:   "VERIFY <connection:id> [CHECKSUM]",
				Summary: "Compares both sides by size, time and attributes, with CHECKSUM also every block; it changes nothing.",
				Docs:    connectionDoc, Effect: sig.Reads,
				Result: "a map: equal, files, bytes, differ, differ_bytes, orphans, not_carried, errors, and the first 100 of each as " +
					"differing, orphaned, not_carried_list",
				Example: "$c = CONNECT mailstores TO west MAP EXACT; VERIFY $c CHECKSUM;",
			},
			Read: func(ctx context.Context, c *def.Call) (value.Value, error) {
				_, d, err := s.compare(ctx, c, Compare{Checksum: c.Has("CHECKSUM")})
				if err != nil {
					return nil, err
				}
				return d.value(), nil
			},
		},
		{
			Signature: sig.Signature{
				Usage:   "VERIFY <connection:id> [CHECKSUM] REPAIR",
				Summary: "Compares both sides and starts a mirror of what differs.",
				Docs:    connectionDoc, Effect: sig.Final, Result: "the mirror's number, 0 if nothing differs",
				Example: "$c = CONNECT mailstores TO west MAP EXACT; VERIFY $c CHECKSUM REPAIR;",
			},
			Observe: s.repair,
		},
	}
}

func (s *session) repair(ctx context.Context, c *def.Call) (*def.Action, error) {
	st, d, err := s.compare(ctx, c, Compare{Checksum: c.Has("CHECKSUM")})
	if err != nil {
		return nil, err
	}
	if d.Differ == 0 {
		return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("both sides of connection %d are equal", st.ID)}, nil
	}
	sys, err := s.systems.Mirror()
	if err != nil {
		return nil, err
	}
	return start(ctx, sys, st, Mirror{Compare: Compare{Checksum: c.Has("CHECKSUM")}})
}

func (d Difference) value() value.Value {
	return value.From(map[string]any{
		"equal": d.Differ == 0 && d.Orphans == 0 && len(d.Errors) == 0,
		"files": d.Files, "bytes": d.Bytes, "differ": d.Differ, "differ_bytes": d.DifferBytes,
		"orphans": d.Orphans, "not_carried": d.NotCarried, "errors": d.Errors,
		"differing": d.Differing, "orphaned": d.Orphaned, "not_carried_list": d.NotCarriedListed,
	})
}
