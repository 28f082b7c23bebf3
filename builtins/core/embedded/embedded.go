// Package embedded is the network of an embedded site: who answers follows from what its clusters have online.
package embedded

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/runtime/value"
)

// Owner is the group that holds an address.
type Owner struct {
	Cluster string
	Group   string
	Name    string // the network name, "" while it is offline
	Serving bool   // the network name and the service are online
}

// Options are what the network is made from.
type Options struct {
	// Agent is the name of the agent whose host this is, "" for the one that runs the script.
	Agent string
	// Down says whether the agent's host is away; nil means never.
	Down func() bool
	// Owner finds the group that has an address online.
	Owner func(ctx context.Context, addr netip.Addr) (Owner, bool, error)
	// Resolve gives the addresses of a name, none if it has none.
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
	// Programs runs programs.
	Programs core.System
}

// New makes a host of an embedded site.
func New(opt Options) core.System { return host{opt} }

type host struct{ Options }

// ports are those that a mail server listens on.
var ports = []int{25, 80, 110, 135, 143, 443}

func (h host) up() error {
	if h.Down == nil || !h.Down() {
		return nil
	}
	return value.Failf(value.CodeUnreachable, "agent %q is not reachable", h.Agent).Hint("ask from another agent")
}

// Probe answers for the group that holds the address.
func (h host) Probe(ctx context.Context, p core.Probe) (core.Answer, error) {
	if err := h.up(); err != nil {
		return core.Answer{}, err
	}
	addr, err := h.resolve(ctx, p.Host)
	if err != nil {
		return core.Answer{}, err
	}
	if !addr.IsValid() {
		return core.Answer{Detail: "no address for name " + strconv.Quote(p.Host)}, nil
	}
	owner, ok, err := h.Owner(ctx, addr)
	if err != nil {
		return core.Answer{}, err
	}
	if !ok {
		return core.Answer{Address: addr.String(), Detail: "nobody holds the address"}, nil
	}
	a := answer(owner, p)
	a.Address = addr.String()
	return a, nil
}

func (h host) resolve(ctx context.Context, name string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Unmap(), nil
	}
	all, err := h.Resolve(ctx, name)
	if err != nil || len(all) == 0 {
		return netip.Addr{}, err
	}
	return all[0].Unmap(), nil
}

func answer(o Owner, p core.Probe) core.Answer {
	holder := "held by group " + strconv.Quote(o.Group) + " of cluster " + strconv.Quote(o.Cluster)
	switch p.Kind {
	case core.Ping, core.ARP:
		return core.Answer{Answered: true, Detail: holder}
	case core.TCP:
		if !o.Serving || !slices.Contains(ports, p.Port) {
			return core.Answer{Detail: "connection refused, " + holder}
		}
		banner := "220 " + strings.ToLower(o.Name) + " ESMTP ready"
		if p.Expect != "" && !strings.Contains(banner, p.Expect) {
			return core.Answer{Detail: "got " + strconv.Quote(banner) + ", want " + strconv.Quote(p.Expect)}
		}
		return core.Answer{Answered: true, Detail: banner}
	}
	if !o.Serving {
		return core.Answer{Detail: "connection refused, " + holder}
	}
	return core.Answer{Answered: true, Detail: "200 OK", Status: 200}
}

// Query runs a program that only reads.
func (h host) Query(ctx context.Context, p core.Program) (core.Output, error) {
	if err := h.up(); err != nil {
		return core.Output{}, err
	}
	return h.Programs.Query(ctx, p)
}

// Exec runs a program.
func (h host) Exec(ctx context.Context, p core.Program) (core.Output, error) {
	if err := h.up(); err != nil {
		return core.Output{}, err
	}
	return h.Programs.Exec(ctx, p)
}
