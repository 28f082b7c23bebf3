// Package overlay is a DNS server as a plan would leave it: updates are remembered and never sent.
package overlay

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/runtime/value"
)

// Server answers from the updates that it was given, and from the real server where there is none.
type Server struct {
	dns.Reader

	updates sync.Mutex // one update after the other

	mu   sync.Mutex
	sets map[key][]dns.Record
}

var _ dns.System = (*Server)(nil)

type key struct{ name, typ string }

func keyOf(name, typ string) key { return key{strings.ToLower(name), typ} }

// New lays an overlay over a server.
func New(under dns.Reader) *Server {
	return &Server{Reader: under, sets: make(map[key][]dns.Record)}
}

// Lookup gives the set as the updates left it.
func (s *Server) Lookup(ctx context.Context, name, typ string) ([]dns.Record, error) {
	return s.over(s.Reader.Lookup)(ctx, name, typ)
}

// Authorities show what was updated everywhere: a plan holds every wait for granted.
func (s *Server) Authorities() []dns.Authority {
	all := s.Reader.Authorities()
	for i := range all {
		all[i].Lookup = s.over(all[i].Lookup)
	}
	return all
}

func (s *Server) over(under dns.Lookup) dns.Lookup {
	return func(ctx context.Context, name, typ string) ([]dns.Record, error) {
		s.mu.Lock()
		set, changed := s.sets[keyOf(name, typ)]
		s.mu.Unlock()
		if changed {
			return slices.Clone(set), nil
		}
		return under(ctx, name, typ)
	}
}

// Update remembers u if a server would take it.
func (s *Server) Update(ctx context.Context, u dns.Update) (behind []string, err error) {
	s.updates.Lock()
	defer s.updates.Unlock()
	if err := dns.CheckRules(ctx, s, u); err != nil {
		return nil, err
	}
	for _, swap := range u.Swaps {
		now, err := s.Lookup(ctx, swap.Name, swap.Type)
		if err != nil {
			return nil, err
		}
		if !dns.SameData(now, swap.Old) {
			return nil, value.Failf(value.CodeConflict, "%s %s changed meanwhile", swap.Type, swap.Name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, swap := range u.Swaps {
		set := slices.Clone(swap.New)
		dns.Sort(set)
		s.sets[keyOf(swap.Name, swap.Type)] = set
	}
	return nil, nil
}
