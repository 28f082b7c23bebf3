package exchange

import (
	"context"
	"fmt"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// webPort is where a binding that is added answers; Outlook Web Access of Exchange 2000 and 2003 uses HTTP's own port.
const webPort = "80"

// bindingCommands add and remove an address of a server's HTTP virtual servers, for the moments at which a runbook must
// do it apart from the rest of EXCHFAILOVER.
func bindingCommands(c commands) []def.Command {
	docs := map[string]string{"address": "IP address that web access answers at", "server": "name of an Exchange server"}
	command := func(usage, summary, example string, edit func(e *directory.Entry, address string) []directory.Edit) def.Command {
		return def.Command{
			Signature: sig.Signature{Usage: usage, Summary: summary, Docs: docs, Effect: sig.Changes, Example: example},
			Observe: func(ctx context.Context, call *def.Call) (*def.Action, error) {
				return c.observeBindings(ctx, call.Text("server"), call.Text("address"), edit)
			},
			Undo: c.undo,
		}
	}
	return []def.Command{
		command("EXCHANGE BINDING ADD <address> TO <server:text>", "Lets web access of a server answer at an address too.",
			"EXCHANGE BINDING ADD 10.1.0.5 TO EXCH2;", addBinding),
		command("EXCHANGE BINDING REMOVE <address> FROM <server:text>", "Takes an address away from web access of a server.",
			"EXCHANGE BINDING REMOVE 10.1.0.5 FROM EXCH2;", removeBinding),
	}
}

func addBinding(e *directory.Entry, at string) []directory.Edit {
	attr := bindingAttrs()[0]
	b := at + ":" + webPort + ":"
	if have := e.All(attr); directory.Holds(have, b) || answersAll(have, b) {
		return nil
	}
	return []directory.Edit{{Attr: attr, New: []string{b}}}
}

func removeBinding(e *directory.Entry, at string) []directory.Edit {
	var edits []directory.Edit
	for _, attr := range bindingAttrs() {
		for _, b := range e.All(attr) {
			if address(b) == at {
				edits = append(edits, directory.Edit{Attr: attr, Old: []string{b}})
			}
		}
	}
	return edits
}

func (c commands) observeBindings(ctx context.Context, name, at string, edit func(*directory.Entry, string) []directory.Edit) (*def.Action, error) {
	o, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	s, err := o.server(ctx, name)
	if err != nil {
		return nil, err
	}
	var work batches
	var changes []plan.Change
	j := &job{dir: o.dir, info: o.info}
	err = j.virtualServers(ctx, s, func(e *directory.Entry) {
		edits := edit(e, at)
		if len(edits) == 0 {
			return
		}
		work.add(e.DN, edits)
		changes = append(changes, plan.Change{System: "directory " + o.name,
			What: fmt.Sprintf("addresses of the HTTP virtual server %q of %s", directory.Name(e.DN), s.name),
			From: describeBindings(edits, false), To: describeBindings(edits, true), Inverse: inverse{Batches: one(e.DN, edits)}.raw()})
	})
	if err != nil {
		return nil, err
	}
	if len(work) == 0 {
		return &def.Action{Done: plan.Yes, Why: "web access of " + s.name + " is as wanted"}, nil
	}
	return &def.Action{Done: plan.No, Changes: changes, Do: func(ctx context.Context) (value.Value, error) {
		return value.Int(0), work.apply(ctx, o.dir, nil)
	}}, nil
}
