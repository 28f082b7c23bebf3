// Package overlay is a cluster as a plan sees it: read for real, changed only in memory.
package overlay

import (
	"context"
	"sync"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/cluster/sim"
)

// New makes an overlay. It reads the cluster once, at its first use; root and run are as for the driver.
func New(reader cluster.Reader, root string, run cluster.ScriptRunner) cluster.System {
	return sim.New(&memory{reader: reader}, root, run)
}

// memory is a store that begins with what the reader says.
type memory struct {
	reader cluster.Reader
	mu     sync.Mutex
	state  *model.Cluster // nil until the reader has answered
}

func (m *memory) Load(ctx context.Context) (*model.Cluster, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	return state.Clone(), nil
}

func (m *memory) Update(ctx context.Context, change func(*model.Cluster) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	state, err := m.read(ctx)
	if err != nil {
		return err
	}
	next := state.Clone()
	if err := change(next); err != nil {
		return err
	}
	m.state = next
	return nil
}

func (m *memory) read(ctx context.Context) (*model.Cluster, error) {
	if m.state == nil {
		state, err := m.reader.State(ctx)
		if err != nil {
			return nil, err
		}
		m.state = state
	}
	return m.state, nil
}
