package cluster

import (
	"context"
	"strings"

	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/runtime/value"
)

// state reads the call's cluster, within its WAIT.
func (k kit) state(ctx context.Context, c *def.Call) (*model.Cluster, error) {
	sys, err := k.systems.Cluster(c.Text("cluster"))
	if err != nil {
		return nil, err
	}
	if limit := c.Duration("duration", 0); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return sys.State(ctx)
}

// reachable reads the call's cluster and fails if nobody is there to answer.
func (k kit) reachable(ctx context.Context, c *def.Call) (*model.Cluster, error) {
	state, err := k.state(ctx, c)
	if err != nil {
		return nil, err
	}
	return state, state.Reachable()
}

func (k kit) cluster(ctx context.Context, c *def.Call) (value.Value, error) {
	m, err := k.state(ctx, c)
	if err != nil {
		return nil, err
	}
	nodes, groups, resources := map[string]any{}, map[string]any{}, map[string]any{}
	for _, n := range m.Nodes {
		nodes[n.Name] = string(n.State())
	}
	for _, g := range m.Groups {
		groups[g.Name] = string(m.GroupState(g.Name))
	}
	for _, r := range m.Resources {
		resources[r.Name] = string(r.State)
	}
	state := model.Up
	if m.Gone() {
		state = model.Fenced
	}
	return value.From(map[string]any{
		"name": m.Name, "state": string(state), "fenced": m.Gone(),
		"nodes": nodes, "groups": groups, "resources": resources,
	}), nil
}

func (k kit) group(ctx context.Context, c *def.Call) (value.Value, error) {
	m, err := k.state(ctx, c)
	if err != nil {
		return nil, err
	}
	g, err := m.FindGroup(c.Text("group"))
	if err != nil {
		return nil, err
	}
	return groupMap(m, g), nil
}

func (k kit) resource(ctx context.Context, c *def.Call) (value.Value, error) {
	m, err := k.state(ctx, c)
	if err != nil {
		return nil, err
	}
	r, err := m.FindResource(c.Text("resource"))
	if err != nil {
		return nil, err
	}
	return resourceMap(m, r), nil
}

func (k kit) node(ctx context.Context, c *def.Call) (value.Value, error) {
	m, err := k.state(ctx, c)
	if err != nil {
		return nil, err
	}
	n, err := m.FindNode(c.Text("node"))
	if err != nil {
		return nil, err
	}
	return nodeMap(m, n), nil
}

func (k kit) groups(ctx context.Context, c *def.Call) (value.Value, error) {
	m, err := k.reachable(ctx, c)
	if err != nil {
		return nil, err
	}
	return list(m, m.Groups, groupMap), nil
}

func (k kit) resources(ctx context.Context, c *def.Call) (value.Value, error) {
	m, err := k.reachable(ctx, c)
	if err != nil {
		return nil, err
	}
	return list(m, m.Resources, resourceMap), nil
}

func (k kit) nodes(ctx context.Context, c *def.Call) (value.Value, error) {
	m, err := k.reachable(ctx, c)
	if err != nil {
		return nil, err
	}
	return list(m, m.Nodes, nodeMap), nil
}

func (k kit) owner(ctx context.Context, c *def.Call) (value.Value, error) {
	m, err := k.reachable(ctx, c)
	if err != nil {
		return nil, err
	}
	g, err := m.FindGroup(c.Text("group"))
	if err != nil {
		return nil, err
	}
	return value.Text(g.Owner), nil
}

func list[T any](m *model.Cluster, all []T, one func(*model.Cluster, T) value.Value) value.Value {
	out := make([]value.Value, len(all))
	for i, x := range all {
		out[i] = one(m, x)
	}
	return value.List(out...)
}

func groupMap(m *model.Cluster, g *model.Group) value.Value {
	resources := []string{}
	for _, r := range m.Members(g.Name) {
		resources = append(resources, r.Name)
	}
	return value.From(map[string]any{
		"name": g.Name, "state": string(m.GroupState(g.Name)), "owner": g.Owner, "held": g.Held,
		"resources": resources, "cluster": m.Name, "fenced": m.Gone(),
	})
}

func resourceMap(m *model.Cluster, r *model.Resource) value.Value {
	params := make(map[string]any, len(r.Params))
	for k, v := range r.Params {
		params[k] = v
	}
	owner := ""
	if g := m.Group(r.Group); g != nil {
		owner = g.Owner
	}
	return value.From(map[string]any{
		"name": r.Name, "state": string(r.State), "type": r.Type, "group": r.Group, "owner": owner,
		"depends": append([]string{}, r.Depends...), "parameters": params, "note": r.Note, "degraded": r.Degraded(),
		"cluster": m.Name, "fenced": m.Gone(),
	})
}

func nodeMap(m *model.Cluster, n *model.Node) value.Value {
	groups := []string{}
	for _, g := range m.Groups {
		if strings.EqualFold(g.Owner, n.Name) {
			groups = append(groups, g.Name)
		}
	}
	return value.From(map[string]any{
		"name": n.Name, "state": string(n.State()), "groups": groups, "cluster": m.Name, "fenced": m.Gone(),
	})
}
