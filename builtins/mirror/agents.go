package mirror

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

func (s *session) agentCommands() []def.Command {
	agent := map[string]string{"agent": "name or address of an agent"}
	return []def.Command{
		{
			Signature: sig.Signature{
				Usage: "AGENT <agent> STATUS", Summary: "Tells what an agent is set to and what it has; one that is away is no failure.",
				Docs: agent, Effect: sig.Reads, Example: "AGENT east STATUS;",
				Result: "a map: name, up, addresses; and, NONE while it is not up: reconnect_at_source_start, checksum_on_difference, " +
					"version, clock (a time as now() gives it), volumes (a map from each volume to a map: free, size, in bytes)",
			},
			Read: s.agentStatus,
		},
		{
			Signature: sig.Signature{
				Usage: "AGENT <agent> SET (RECONNECT | CHECKSUM) (ON | OFF)",
				Summary: "Sets what a source does by itself: with RECONNECT it mirrors what differs when it comes back, instead of " +
					"waiting for its cluster resource; with CHECKSUM every DIFFERENT means DIFFERENT,CHECKSUM.",
				Docs: agent, Effect: sig.Changes, Example: "AGENT east SET CHECKSUM OFF;",
			},
			Observe: s.configure,
			Undo:    s.undoConfigure,
		},
	}
}

func (s *session) agentStatus(ctx context.Context, c *def.Call) (value.Value, error) {
	sys, err := s.systems.Mirror()
	if err != nil {
		return nil, err
	}
	name, err := sys.Resolve(c.Text("agent"))
	if err != nil {
		return nil, err
	}
	a, err := sys.Agent(ctx, name)
	if err != nil {
		return nil, err
	}
	status := map[string]any{
		"name": a.Name, "up": a.Up, "addresses": a.Addresses,
		"reconnect_at_source_start": nil, "checksum_on_difference": nil, "version": nil, "clock": nil, "volumes": nil,
	}
	if a.Up {
		volumes := map[string]any{}
		for name, v := range a.Volumes {
			volumes[name] = map[string]any{"free": v.Free, "size": v.Size}
		}
		status["reconnect_at_source_start"], status["checksum_on_difference"] = a.Settings.Reconnect, a.Settings.Checksum
		status["version"], status["clock"] = a.Version, a.Clock.UTC().Format("2006-01-02T15:04:05.000Z")
		status["volumes"] = volumes
	}
	return value.From(status), nil
}

// settingChange is what undo needs to bring one setting of an agent back. Others may have been changed since.
type settingChange struct {
	Agent   string `json:"agent"`
	Setting string `json:"setting"`
	Old     bool   `json:"old"`
}

func (s *session) configure(ctx context.Context, c *def.Call) (*def.Action, error) {
	sys, err := s.systems.Mirror()
	if err != nil {
		return nil, err
	}
	name, err := sys.Resolve(c.Text("agent"))
	if err != nil {
		return nil, err
	}
	old, err := settings(ctx, sys, name)
	if err != nil {
		return nil, err
	}
	word, set := "CHECKSUM", old
	if c.Has("RECONNECT") {
		word = "RECONNECT"
	}
	was, on := *set.named(word), c.Has("ON")
	if was == on {
		return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("%s of agent %q is %s already", word, name, onOff(on))}, nil
	}
	*set.named(word) = on
	inverse, _ := json.Marshal(settingChange{Agent: name, Setting: word, Old: was}) // such a struct always encodes
	return &def.Action{
		Done: plan.No,
		Changes: []plan.Change{{
			System: "agent " + name, What: "setting " + word, From: onOff(was), To: onOff(on), Inverse: inverse,
		}},
		Do: func(ctx context.Context) (value.Value, error) { return value.Int(0), sys.Configure(ctx, name, set) },
	}, nil
}

func (s *session) undoConfigure(ctx context.Context, inverse json.RawMessage) error {
	var was settingChange
	if err := json.Unmarshal(inverse, &was); err != nil {
		return err
	}
	sys, err := s.systems.Mirror()
	if err != nil {
		return err
	}
	set, err := settings(ctx, sys, was.Agent)
	if err != nil {
		return err
	}
	*set.named(was.Setting) = was.Old
	return sys.Configure(ctx, was.Agent, set)
}

// named gives the setting that AGENT SET calls so.
func (s *Settings) named(word string) *bool {
	if word == "RECONNECT" {
		return &s.Reconnect
	}
	return &s.Checksum
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// settings gives the settings of an agent that answers.
func settings(ctx context.Context, r Reader, agent string) (Settings, error) {
	a, err := r.Agent(ctx, agent)
	if err == nil && !a.Up {
		err = value.Failf(value.CodeUnreachable, "agent %q does not answer", agent).
			Hint("AGENT %s STATUS says what is known of it", agent)
	}
	return a.Settings, err
}

// asSet gives a mirror as the agent that sends it carries it out.
func asSet(ctx context.Context, r Reader, agent string, m Mirror) (Mirror, error) {
	set, err := settings(ctx, r, agent)
	if set.Checksum && !m.All && !m.Newer {
		m.Checksum = true
	}
	return m, err
}
