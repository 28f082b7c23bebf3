package exchange

import (
	"context"
	"fmt"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// organisation is an opened organisation.
type organisation struct {
	name string
	dir  directory.System
	info directory.Info
}

func (c commands) open(ctx context.Context) (*organisation, error) {
	name, d, err := c.Organisation(ctx, directory.Login{})
	if err != nil {
		return nil, err
	}
	info, err := d.Info(ctx)
	return &organisation{name, d, info}, err
}

func (o *organisation) server(ctx context.Context, name string) (*server, error) {
	return readServer(ctx, o.dir, o.info, name)
}

func (o *organisation) two(ctx context.Context, source, target string) (s, t *server, err error) {
	if s, err = o.server(ctx, source); err != nil {
		return nil, nil, err
	}
	t, err = o.server(ctx, target)
	return s, t, err
}

func (c commands) serverStatus(ctx context.Context, call *def.Call) (value.Value, error) {
	o, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	s, err := o.server(ctx, call.Text("server"))
	if err != nil {
		return nil, err
	}
	return value.From(map[string]any{"name": s.name, "dn": s.dn, "version": s.version, "group": directory.Name(s.adminGroup()),
		"routing": s.routingGroup, "fqdn": s.fqdn, "stores": len(s.stores)}), nil
}

func (c commands) stores(ctx context.Context, call *def.Call) (value.Value, error) {
	o, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	s, err := o.server(ctx, call.Text("server"))
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, st := range s.stores {
		list = append(list, st.asMap())
	}
	return value.From(list), nil
}

func (s *store) asMap() map[string]any {
	kind := "mailbox"
	if s.public {
		kind = "public"
	}
	return map[string]any{"name": s.name, "group": s.group, "kind": kind, "database": s.database, "streaming": s.slv,
		"file": s.file(), "prefix": s.prefix, "logs": s.logs, "system": s.system, "overwrite": s.overwritable}
}

func (c commands) mailboxCounts(ctx context.Context, call *def.Call) (value.Value, error) {
	o, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	s, err := o.server(ctx, call.Text("server"))
	if err != nil {
		return nil, err
	}
	total, counts := 0, map[string]int{}
	j := &job{dir: o.dir, info: o.info}
	err = j.mailboxes(ctx, s, func(e *directory.Entry) {
		total++
		counts[directory.Fold(e.Get("homeMDB"))]++
	})
	if err != nil {
		return nil, err
	}
	elsewhere := total
	list := []any{}
	for _, st := range privateStores(s) {
		n := counts[directory.Fold(st.dn)]
		elsewhere -= n
		list = append(list, map[string]any{"group": st.group, "store": st.name, "count": n})
	}
	return value.From(map[string]any{"total": total, "stores": list, "elsewhere": elsewhere}), nil
}

func (c commands) pairsCommand(ctx context.Context, call *def.Call) (value.Value, error) {
	o, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	source, target, err := o.two(ctx, call.Text("source"), call.Text("target"))
	if err != nil {
		return nil, err
	}
	opt := &options{}
	if err := opt.addRules(call); err != nil {
		return nil, err
	}
	p := pairStores(source, target, opt.rules)
	if err := p.failure(); err != nil {
		return nil, err
	}
	list := []any{}
	for _, q := range p.pairs {
		list = append(list, map[string]any{"source": q.source.title(), "target": q.target.title(), "file": q.source.file()})
	}
	return value.From(list), nil
}

func (c commands) recordStatus(ctx context.Context, call *def.Call) (value.Value, error) {
	o, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	r, _, err := readRecord(ctx, o.dir, recordKey(call.Text("source"), call.Text("target")))
	if err != nil {
		return nil, err
	}
	moved := map[string]any{}
	if r != nil {
		for kind, b := range r.Moved {
			moved[kind] = b.count()
		}
	}
	return value.From(map[string]any{"state": r.state(), "moved": moved}), nil
}

// observeMove finds one mailbox and says what moving it takes. Only the directory is changed, as EXCHFAILOVER does;
// what is in the mailbox stays in the store's files.
func (c commands) observeMove(ctx context.Context, call *def.Call) (*def.Action, error) {
	o, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	s, err := o.server(ctx, call.Text("server"))
	if err != nil {
		return nil, err
	}
	to, err := s.mailboxStore(call.Text("store"))
	if err != nil {
		return nil, err
	}
	e, err := o.mailbox(ctx, call.Text("user"))
	if err != nil {
		return nil, err
	}
	edits := rehome(e, to)
	if len(edits) == 0 {
		return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("mailbox %q is on %q already", call.Text("user"), to.title())}, nil
	}
	moving := one(e.DN, edits)
	return &def.Action{Done: plan.No,
		Changes: []plan.Change{{System: "directory " + o.name, What: fmt.Sprintf("mailbox %q: %s", directory.Name(e.DN), strings.Join(attributes(edits), ", ")),
			From: e.Get("homeMDB"), To: to.dn, Inverse: inverse{Batches: moving}.raw()}},
		Do: func(ctx context.Context) (value.Value, error) { return value.Int(0), moving.apply(ctx, o.dir, nil) },
	}, nil
}

// mailboxStore finds a mailbox store by its name, or by group,store where two groups have one of that name.
func (s *server) mailboxStore(name string) (*store, error) {
	var found []*store
	for _, st := range privateStores(s) {
		if strings.EqualFold(st.name, name) || strings.EqualFold(st.title(), name) {
			found = append(found, st)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return nil, value.Failf(value.CodeNotThere, "%d mailbox stores %q on %s, want 1", len(found), name, s.name).
		Hint("its mailbox stores are: %s", titles(privateStores(s)))
}

// mailbox finds one mailbox by logon name, address or name in the directory.
func (o *organisation) mailbox(ctx context.Context, user string) (*directory.Entry, error) {
	var found []*directory.Entry
	u := directory.Escape(user)
	err := o.dir.Search(ctx, directory.Query{Base: o.info.Default, Scope: directory.Subtree,
		Filter: "(&(homeMDB=*)(|(sAMAccountName=" + u + ")(mail=" + u + ")(cn=" + u + "))(!(objectClass=msExchSystemMailbox)))",
		Attrs:  []string{"homeMDB", "homeMTA", "msExchHomeServerName"}}, collect(&found))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, value.Failf(value.CodeNotThere, "%d mailboxes are called %q, want 1", len(found), user).
			Hint("a mailbox is found by its logon name, its address or its full name")
	}
	return found[0], nil
}
