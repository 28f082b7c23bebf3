package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// kit makes the functions of the records.
type kit struct{ systems Systems }

// opOf makes the operation that a call asks for.
type opOf func(c *def.Call) model.Op

// change completes the record of a verb that changes a cluster.
func (k kit) change(op opOf, s sig.Signature) def.Command {
	if s.Effect == 0 {
		s.Effect = sig.Changes
	}
	cmd := def.Command{Signature: s, Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
		return k.observe(ctx, c, op(c))
	}}
	if s.Effect == sig.Changes {
		cmd.Undo = k.undo
	}
	return cmd
}

func (k kit) observe(ctx context.Context, c *def.Call, op model.Op) (*def.Action, error) {
	sys, err := k.systems.Cluster(c.Text("cluster"))
	if err != nil {
		return nil, err
	}
	if why, ok := unknownProperty(c); ok {
		return &def.Action{Done: plan.Unknown, Why: why}, nil
	}
	state, err := sys.State(ctx)
	if err != nil {
		return nil, err
	}
	blind := ""
	if op.Verb == model.GroupMove && op.Node == "" {
		// The node is chosen here, once: what was journaled is what is done and what is verified.
		if op.Node, err = state.Next(op.Group); err != nil {
			return nil, err
		}
		blind = fmt.Sprintf("without TO <node> it moves on each time, and group %q may have moved already", op.Group)
	}
	steps, err := state.Steps(op)
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		return &def.Action{Done: plan.Yes, Why: "nothing to change: the cluster is already as it should be"}, nil
	}
	a := &def.Action{Done: plan.No, Blind: blind, Changes: changes(state.Name, steps), Do: func(ctx context.Context) (value.Value, error) {
		return nil, apply(ctx, c, sys, op)
	}}
	switch op.Verb {
	case model.GroupMove, model.ResourceOnline: // a move may be wanted again, and a degraded resource tried again
		a.Verify = func(ctx context.Context) (plan.Answer, error) { return verify(ctx, sys, op) }
	}
	return a, nil
}

// inverse is what a Change records: the operation that brings its From back, where, and how the change left its object.
type inverse struct {
	Cluster string   `json:"cluster"`
	Op      model.Op `json:"op"`
	Left    string   `json:"left,omitempty"`
}

func changes(cluster string, steps []model.Step) []plan.Change {
	var all []plan.Change
	for _, s := range steps {
		if s.From == s.To { // tried again, and expected to fail again
			continue
		}
		ch := plan.Change{System: "cluster " + cluster, What: s.What, From: s.From, To: s.To}
		if s.Inverse != nil {
			ch.Inverse, _ = json.Marshal(inverse{cluster, *s.Inverse, s.To}) // plain strings always marshal
		}
		all = append(all, ch)
	}
	return all
}

// apply carries op out, bounded by the call's WAIT, and says which source connections are degraded.
func apply(ctx context.Context, c *def.Call, sys System, op model.Op) error {
	parent := ctx
	if limit := c.Duration("duration", 0); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := sys.Apply(ctx, op)
	if err != nil && ctx.Err() != nil && parent.Err() == nil {
		return value.Failf(value.CodeTimeout, "cluster %q did not come to rest within %s: %w",
			c.Text("cluster"), c.Duration("duration", 0), err).Hint("give it more time with WAIT, or look at its STATUS")
	}
	if err != nil {
		return err
	}
	state, err := sys.State(ctx)
	if err != nil {
		return err
	}
	for _, r := range state.Resources {
		if r.Note != "" && (strings.EqualFold(r.Group, op.Group) || strings.EqualFold(r.Name, op.Resource)) {
			c.Say("resource %q of cluster %q is %s, %s", r.Name, state.Name, strings.ToLower(string(r.State)), r.Note)
		}
	}
	return nil
}

func verify(ctx context.Context, sys System, op model.Op) (plan.Answer, error) {
	state, err := sys.State(ctx)
	if err != nil {
		return plan.Unknown, err
	}
	if op.Verb == model.GroupMove {
		if steps, err := state.Steps(op); err != nil || len(steps) > 0 {
			return plan.No, err
		}
		return plan.Yes, nil
	}
	if err := state.Unmet(op); err != nil {
		return plan.No, err
	}
	return plan.Yes, nil
}

func (k kit) undo(ctx context.Context, data json.RawMessage) error {
	var in inverse
	if err := json.Unmarshal(data, &in); err != nil {
		return value.Failf(value.CodeUnknown, "cannot read what to undo in a cluster: %w", err)
	}
	sys, err := k.systems.Cluster(in.Cluster)
	if err != nil {
		return err
	}
	state, err := sys.State(ctx)
	if err != nil {
		return err
	}
	steps, err := state.Undoing(in.Op, in.Left)
	if err != nil || len(steps) == 0 {
		return err
	}
	return sys.Apply(ctx, in.Op)
}

// newResource is the operation that RESOURCE … CREATE asks for.
func newResource(c *def.Call) model.Op {
	r := &model.Resource{Name: c.Text("resource"), Group: c.Text("group"), Type: c.Text("type"), Params: map[string]string{}}
	members, _ := value.AsMap(c.Val("properties"))
	for key, v := range members {
		r.Params[key] = property(v)
	}
	return model.Op{Verb: model.ResourceCreate, Resource: r.Name, New: r}
}

// unknownProperty says why a plan cannot know one of the call's properties.
func unknownProperty(c *def.Call) (string, bool) {
	members, _ := value.AsMap(c.Val("properties"))
	for _, v := range members {
		if why, ok := value.IsUnknown(v); ok {
			return why, true
		}
	}
	return "", false
}

// property gives a parameter's text; a list is joined by commas, as in owners.
func property(v value.Value) string {
	list, ok := value.AsList(v)
	if !ok {
		s, _ := value.AsText(v)
		return s
	}
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i], _ = value.AsText(x)
	}
	return strings.Join(texts, ",")
}

// poll is how long WAIT ON rests between two looks at a cluster.
const poll = 250 * time.Millisecond

func (k kit) wait(ctx context.Context, c *def.Call) (value.Value, error) {
	want := model.Offline
	if c.Has("ONLINE") {
		want = model.Online
	}
	limit := c.Duration("duration", 0)
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	last := ""
	for {
		got, err := k.groupState(waiting, c)
		switch {
		case err == nil && got == want:
			return nil, nil
		case err == nil:
			last = string(got)
		case errors.Is(err, context.DeadlineExceeded): // the end of the wait, told below
		case !passing(err):
			return nil, err
		default:
			last = err.Error()
		}
		select {
		case <-time.After(poll):
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, value.Failf(value.CodeTimeout, "group %q of cluster %q was not %s within %s: last seen %s",
				c.Text("group"), c.Text("cluster"), strings.ToLower(string(want)), limit, last).
				Hint("see its STATUS for the resource that is in the way")
		}
	}
}

// passing says whether waiting may help: a cluster that does not answer may come back, a wrong name stays wrong.
func passing(err error) bool {
	return value.HasCode(err, value.CodeUnreachable)
}

func (k kit) groupState(ctx context.Context, c *def.Call) (model.State, error) {
	state, err := k.state(ctx, c)
	if err != nil {
		return "", err
	}
	g, err := state.FindGroup(c.Text("group"))
	if err != nil {
		return "", err
	}
	return state.GroupState(g.Name), nil
}

// docs says what each slot of a usage line is.
func docs(usage string) map[string]string {
	all := map[string]string{
		"cluster":    "a cluster of the site file",
		"group":      "a group of the cluster, by its name in any case",
		"resource":   "a resource of the cluster, by its name in any case",
		"node":       "a node of the cluster",
		"dependency": "the resource of the same group that it depends on",
		"type":       "the type's name: " + typeNames(),
		"properties": "the resource's parameters by name, such as address, mask, network, name, disk, path, set, target, owners",
		"duration":   "how long to wait at most, such as 5m",
	}
	used := make(map[string]string)
	for slot, text := range all {
		if strings.Contains(usage, fmt.Sprintf("<%s>", slot)) {
			used[slot] = text
		}
	}
	return used
}

func typeNames() string {
	var names []string
	for _, t := range model.Types() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}
