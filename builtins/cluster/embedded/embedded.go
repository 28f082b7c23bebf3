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
	"reflect"
	"sync"

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

// Writes says how many writes have changed something since the file was made, by whatever process.
func (c *Cluster) Writes(ctx context.Context) (int64, error) {
	s, err := c.file.read(ctx)
	return s.Serial, err
}

// Fail takes the cluster away: all its nodes are fenced, nothing is online any more.
func (c *Cluster) Fail(ctx context.Context) error {
	return c.file.Update(ctx, func(m *model.Cluster) error { m.FenceAll(); return nil })
}

// Heal brings the nodes back. Nothing starts by itself, and held groups stay held.
func (c *Cluster) Heal(ctx context.Context) error {
	return c.file.Update(ctx, func(m *model.Cluster) error { m.UnfenceAll(); return nil })
}

// Show gives the observable state, for comparing sites: no times, no messages. Its serial counts the writes.
func (c *Cluster) Show(ctx context.Context) (map[string]any, error) {
	m, err := c.file.read(ctx)
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
	return map[string]any{"nodes": nodes, "groups": groups, "fenced": m.Gone(), "serial": m.Serial}, nil
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
	path string
	mu   sync.Mutex
}

// saved is what the file holds.
type saved struct {
	*model.Cluster
	// Serial counts the writes that changed something.
	Serial int64 `json:"serial,omitempty"`
}

func (f *file) Load(ctx context.Context) (*model.Cluster, error) {
	s, err := f.read(ctx)
	return s.Cluster, err
}

func (f *file) read(ctx context.Context) (saved, error) {
	if err := ctx.Err(); err != nil {
		return saved{}, err
	}
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return saved{}, value.Failf(value.CodeNotThere, "cannot open the embedded cluster: %w", err).
			Hint("standin site init makes a site with its clusters")
	}
	if err != nil {
		return saved{}, value.Failf(value.CodeUnreachable, "cannot open the embedded cluster: %w", err)
	}
	s := saved{Cluster: &model.Cluster{}}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return saved{}, value.Failf(value.CodeFailed, "cannot read the embedded cluster in %q: %w", f.path, err).
			Hint("restore the file from a copy, or make the site anew with standin site init")
	}
	return s, nil
}

// Update writes nothing where nothing changes.
func (f *file) Update(ctx context.Context, change func(*model.Cluster) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.read(ctx)
	if err != nil {
		return err
	}
	was := s.Clone()
	if err := change(s.Cluster); err != nil {
		return err
	}
	if reflect.DeepEqual(s.Clone(), was) {
		return nil
	}
	s.Serial++
	if err := write(f.path, s); err != nil {
		return value.Failf(value.CodeFailed, "cannot save the embedded cluster: %w", err).Hint("see to space and rights there")
	}
	return nil
}

// write replaces the file in one piece; when it returns, the new state outlives a power cut.
func write(path string, s saved) error {
	data, err := json.MarshalIndent(s, "", "  ")
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
		if err := write(filepath.Join(dir, m.Name+".json"), saved{Cluster: m}); err != nil {
			return fmt.Errorf("cannot write cluster %q: %w", m.Name, err)
		}
	}
	return nil
}
