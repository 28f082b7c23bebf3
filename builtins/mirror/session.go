package mirror

import (
	"context"
	"fmt"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// session finds the agents that commands speak of.
type session struct{ systems Systems }

// chosen is the key under which a branch of a run remembers the agent that it has chosen by that word.
type chosen string

const (
	chosenSource chosen = "SOURCE"
	chosenTarget chosen = "TARGET"
)

// agent gives the agent that was chosen, "" for none.
func (which chosen) agent(ctx context.Context) string {
	name, _ := plan.Recall(ctx, which).(string)
	return name
}

func (s *session) sessionCommands() []def.Command {
	agent := map[string]string{"agent": "name or address of an agent"}
	return []def.Command{
		{
			Signature: sig.Signature{
				Usage: "SOURCE <agent>", Summary: "Makes an agent the source of the commands that follow.",
				Docs: agent, Effect: sig.Session, Example: "SOURCE east;",
			},
			Read: s.choose(chosenSource),
		},
		{
			Signature: sig.Signature{
				Usage: "TARGET <agent>", Summary: "Makes an agent the target that STATUS TARGET tells of when it names none.",
				Docs: agent, Effect: sig.Session, Example: "TARGET west;",
			},
			Read: s.choose(chosenTarget),
		},
		{
			Signature: sig.Signature{
				Usage:   "LOGIN <agent> <user> <password:secret>",
				Summary: "Asks an agent for access; an embedded agent grants all of it to the user who runs the program.",
				Docs:    map[string]string{"agent": agent["agent"], "user": "who asks", "password": "the user's password"},
				Result:  "1 for looking, 2 for everything; no access is a failure", Effect: sig.Session,
				Example: `LOGIN east operator "secret";`,
			},
			Read: s.login,
		},
		{
			Signature: sig.Signature{
				Usage: "LOGOUT", Summary: "Goes back to the site's default source and target.",
				Effect: sig.Session, Example: "LOGOUT;",
			},
			Read: func(ctx context.Context, _ *def.Call) (value.Value, error) {
				plan.Remember(ctx, chosenSource, "")
				plan.Remember(ctx, chosenTarget, "")
				return value.Int(0), nil
			},
		},
	}
}

func (s *session) choose(which chosen) func(context.Context, *def.Call) (value.Value, error) {
	return func(ctx context.Context, c *def.Call) (value.Value, error) {
		sys, err := s.systems.Mirror()
		if err != nil {
			return nil, err
		}
		name, err := sys.Resolve(c.Text("agent"))
		if err != nil {
			return nil, err
		}
		plan.Remember(ctx, which, name)
		return value.Int(0), nil
	}
}

func (s *session) login(ctx context.Context, c *def.Call) (value.Value, error) {
	sys, err := s.systems.Mirror()
	if err != nil {
		return nil, err
	}
	name, err := sys.Resolve(c.Text("agent"))
	if err != nil {
		return nil, err
	}
	level, err := sys.Login(ctx, name, c.Text("user"), c.Secret("password"))
	if err != nil {
		return nil, err
	}
	if level == NoAccess {
		return nil, value.Failf(value.CodeRefused, "agent %q grants %q no access", name, c.Text("user"))
	}
	return value.Int(int64(level)), nil
}

// sourceAgent names the source: SOURCE's, else the site's default.
func (s *session) sourceAgent(ctx context.Context) (string, error) {
	if name := chosenSource.agent(ctx); name != "" {
		return name, nil
	}
	name, _ := s.systems.Defaults()
	if name == "" {
		return "", value.Failf(value.CodeNoSource, "no source was chosen").Hint("say SOURCE <agent>")
	}
	return name, nil
}

// targetAgent names the target: TARGET's, else the site's default.
func (s *session) targetAgent(ctx context.Context) (string, error) {
	if name := chosenTarget.agent(ctx); name != "" {
		return name, nil
	}
	_, name := s.systems.Defaults()
	if name == "" {
		return "", value.Failf(value.CodeBadParameter, "no target was chosen").Hint("say TARGET <agent>")
	}
	return name, nil
}

// open gives the agents and the name of the source.
func (s *session) open(ctx context.Context) (System, string, error) {
	sys, err := s.systems.Mirror()
	if err != nil {
		return nil, "", err
	}
	name, err := s.sourceAgent(ctx)
	if err == nil {
		name, err = sys.Resolve(name)
	}
	return sys, name, err
}

// connection finds the connection of a call at the source.
func (s *session) connection(ctx context.Context, c *def.Call) (System, Status, error) {
	sys, source, err := s.open(ctx)
	if err != nil {
		return nil, Status{}, err
	}
	id, _ := c.Int("connection")
	st, err := find(ctx, sys, source, id)
	return sys, st, err
}

// find gives one connection of a source.
func find(ctx context.Context, r Reader, source string, id int64) (Status, error) {
	all, err := r.Connections(ctx, source)
	if err != nil {
		return Status{}, err
	}
	var known []string
	for _, st := range all {
		if st.ID == id {
			return st, nil
		}
		known = append(known, fmt.Sprint(st.ID))
	}
	f := value.Failf(value.CodeNotThere, "agent %q has no connection %d", source, id)
	if len(known) == 0 {
		return Status{}, f.Hint("CONNECT makes one")
	}
	return Status{}, f.Hint("it has %s; SOURCE <agent> chooses another agent", strings.Join(known, ", "))
}

// remembered finds the connection of a call on the target's side, which works without the source. While data are being
// brought back, SOURCE is who has them: then the connection that they came by is meant as well.
func (s *session) remembered(ctx context.Context, c *def.Call) (System, Inbound, error) {
	sys, source, err := s.open(ctx)
	if err != nil {
		return nil, Inbound{}, err
	}
	id, _ := c.Int("connection")
	var came *Inbound
	for _, t := range sys.Agents() {
		all, err := sys.Inbound(ctx, t)
		if err != nil {
			continue // one that is away cannot be the target that is asked for
		}
		for _, in := range all {
			switch {
			case in.ID == id && in.Source == source:
				return sys, in, nil
			case in.ID == id && in.Target == source && came == nil:
				came = &in
			}
		}
	}
	if came != nil {
		return sys, *came, nil
	}
	return nil, Inbound{}, value.Failf(value.CodeNotThere, "no target that answers knows connection %d of %q", id, source).
		Hint("STATUS TARGET <target> lists what a target knows; SOURCE <agent> says whose connection is meant")
}
