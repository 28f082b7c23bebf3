// Package embedded is a cluster in one process that keeps its state in a file.
package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/cluster/sim"
	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/value"
)

// Options are what a cluster is opened with.
type Options struct {
	// Root is the folder that relative paths count from: the site's.
	Root string
	// RunScript runs a script of a source connection; nil runs none.
	RunScript cluster.ScriptRunner
}

// Cluster is an embedded cluster. Its file is the only truth: every read reads it, every change replaces it.
type Cluster struct {
	*sim.Cluster
	file *file
}

// Open opens the cluster that is kept in a file.
func Open(path string, opt Options) (*Cluster, error) {
	f := &file{path: path}
	if _, err := f.Load(context.Background()); err != nil {
		return nil, err
	}
	return &Cluster{Cluster: sim.New(f, opt.Root, opt.RunScript), file: f}, nil
}

// Writes says how many times the state was written since Open.
func (c *Cluster) Writes() int64 { return c.file.writes.Load() }

// Fail takes the cluster away: all its nodes are fenced, nothing is online any more.
func (c *Cluster) Fail(ctx context.Context) error {
	return c.file.Update(ctx, func(m *model.Cluster) error { m.FenceAll(); return nil })
}

// Heal brings the nodes back. Nothing starts by itself, and held groups stay held.
func (c *Cluster) Heal(ctx context.Context) error {
	return c.file.Update(ctx, func(m *model.Cluster) error { m.UnfenceAll(); return nil })
}

// Show gives the observable state, for comparing sites: no times, no messages.
func (c *Cluster) Show(ctx context.Context) (map[string]any, error) {
	m, err := c.State(ctx)
	if err != nil {
		return nil, err
	}
	nodes, groups := make(map[string]any), make(map[string]any)
	for _, n := range m.Nodes {
		nodes[n.Name] = string(n.State())
	}
	for _, g := range m.Groups {
		resources := make(map[string]any)
		for _, r := range m.Members(g.Name) {
			resources[r.Name] = showResource(r)
		}
		groups[g.Name] = map[string]any{
			"state": string(m.GroupState(g.Name)), "owner": g.Owner, "held": g.Held, "resources": resources,
		}
	}
	return map[string]any{"nodes": nodes, "groups": groups, "fenced": m.Gone()}, nil
}

func showResource(r *model.Resource) map[string]any {
	params := make(map[string]any, len(r.Params))
	for k, v := range r.Params {
		params[k] = v
	}
	depends := make([]any, len(r.Depends))
	for i, d := range r.Depends {
		depends[i] = d
	}
	return map[string]any{
		"state": string(r.State), "type": r.Type, "depends": depends, "parameters": params, "degraded": r.Degraded(),
	}
}

// file is a store in one JSON file.
type file struct {
	path   string
	mu     sync.Mutex
	writes atomic.Int64
}

func (f *file) Load(ctx context.Context) (*model.Cluster, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, value.Failf(value.CodeNotThere, "cannot open the embedded cluster: %w", err).
			Hint("standin site init makes a site with its clusters")
	}
	if err != nil {
		return nil, value.Failf(value.CodeUnreachable, "cannot open the embedded cluster: %w", err)
	}
	var m model.Cluster
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, value.Failf(value.CodeFailed, "cannot read the embedded cluster in %q: %w", f.path, err).
			Hint("restore the file from a copy, or make the site anew with standin site init")
	}
	return &m, nil
}

func (f *file) Update(ctx context.Context, change func(*model.Cluster) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, err := f.Load(ctx)
	if err != nil {
		return err
	}
	if err := change(m); err != nil {
		return err
	}
	if err := write(f.path, m); err != nil {
		return value.Failf(value.CodeFailed, "cannot save the embedded cluster: %w", err).Hint("see to space and rights there")
	}
	f.writes.Add(1)
	return nil
}

// write replaces the file in one piece; when it returns, the new state outlives a power cut.
func write(path string, m *model.Cluster) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(data, '\n'), 0o644)
}

// Init writes the clusters of a fresh site: site/clusters/east.json and west.json.
func Init(site string) error {
	dir := filepath.Join(site, "clusters")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, m := range Fresh() {
		if err := write(filepath.Join(dir, m.Name+".json"), m); err != nil {
			return fmt.Errorf("cannot write cluster %q: %w", m.Name, err)
		}
	}
	return nil
}
