package plan

import (
	"context"
	"maps"
	"sync"
)

// memory is what session commands (SOURCE, TARGET) have chosen. A STEP and a RUN share the one around them; a branch of
// a PARALLEL works on a copy, as it does of the variables, and what it chose ends with it.
type memory struct {
	mu    sync.Mutex
	known map[any]any
}

func (m *memory) copy() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{known: maps.Clone(m.known)}
}

// restore makes m what was was.
func (m *memory) restore(was *memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = was.known
}

// Remember keeps v under key for the commands that follow in the same branch of the run; it does nothing outside a walk.
func Remember(ctx context.Context, key, v any) {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	if !ok {
		return
	}
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	if s.memory.known == nil {
		s.memory.known = map[any]any{}
	}
	s.memory.known[key] = v
}

// Recall gives what was kept under key, nil if nothing was.
func Recall(ctx context.Context, key any) any {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	if !ok {
		return nil
	}
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return s.memory.known[key]
}
