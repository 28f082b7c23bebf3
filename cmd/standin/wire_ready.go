package main

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/model"
	clusteroverlay "github.com/standin-project/standin/builtins/cluster/overlay"
	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/directory"
	directoryoverlay "github.com/standin-project/standin/builtins/directory/overlay"
	"github.com/standin-project/standin/builtins/dns"
	dnsoverlay "github.com/standin-project/standin/builtins/dns/overlay"
	"github.com/standin-project/standin/builtins/exchange"
	"github.com/standin-project/standin/builtins/mirror"
	mirroroverlay "github.com/standin-project/standin/builtins/mirror/overlay"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// rehearsal is a plan whose look at the systems is noted, and for which some of them count as gone.
type rehearsal struct {
	lost []string // clusters and agents, by the names that the site file has

	mu      sync.Mutex
	lacking map[string][]string // directory → what the account may not write
	silent  map[string]bool     // directories that do not tell rights
	scripts map[string]bool     // files of resources' scripts that ran
}

func newRehearsal(lost []string) *rehearsal {
	return &rehearsal{lost: lost, lacking: map[string][]string{}, silent: map[string]bool{}, scripts: map[string]bool{}}
}

// gone says whether a cluster or an agent counts as gone.
func (r *rehearsal) gone(name string) bool {
	return slices.ContainsFunc(r.lost, func(l string) bool { return strings.EqualFold(l, name) })
}

// rehearsed gives the systems as planned does, with those that r counts as gone taken away: a cluster reads as fenced,
// an agent does not answer.
func (s *site) rehearsed(r *rehearsal) builtins.Systems {
	var systems builtins.Systems
	run := s.scriptRunner(&systems)
	noting := func(ctx context.Context, sc cluster.Script) error {
		r.mu.Lock()
		r.scripts[sc.File] = true
		r.mu.Unlock()
		return run(ctx, sc)
	}
	clusters := &table[cluster.System]{kind: s.clusters.kind, names: s.clusters.names, got: map[string]cluster.System{},
		open: func(name string) (cluster.System, error) {
			under, err := s.clusters.get(name)
			if err != nil {
				return nil, err
			}
			return clusteroverlay.New(rehearsedCluster{under, r.gone(name)}, s.file.dir, noting), nil
		}}
	servers := over(s.dns, func(d dns.System) dns.System { return dnsoverlay.New(d) })
	directories := over(s.directories, func(d directory.System) directory.System { return directoryoverlay.New(d) })
	systems = s.wire(mirroroverlay.New(&rehearsedAgents{s.agents, r}), clusters, servers, directories, true)
	systems.Core = rehearsedHosts{systems.Core, s.agents, r}
	systems.Exchange = rehearsedOrganisation{systems.Exchange, r}
	return systems
}

// rehearsedCluster reads as fenced when it counts as gone.
type rehearsedCluster struct {
	cluster.Reader
	gone bool
}

func (c rehearsedCluster) State(ctx context.Context) (*model.Cluster, error) {
	m, err := c.Reader.State(ctx)
	if err != nil || !c.gone {
		return m, err
	}
	m = m.Clone()
	m.FenceAll()
	return m, nil
}

// rehearsedAgents are the agents, of which those that count as gone do not answer.
type rehearsedAgents struct {
	mirror.Reader
	r *rehearsal
}

func (a *rehearsedAgents) ask(names ...string) error {
	for _, name := range names {
		if a.r.gone(name) {
			return value.Failf(value.CodeUnreachable, "agent %q does not answer: it is planned as gone", name)
		}
	}
	return nil
}

func (a *rehearsedAgents) Agent(ctx context.Context, name string) (mirror.Agent, error) {
	about, err := a.Reader.Agent(ctx, name)
	if err == nil && a.r.gone(name) {
		about = mirror.Agent{Name: about.Name, Addresses: about.Addresses}
	}
	return about, err
}

func (a *rehearsedAgents) Login(ctx context.Context, agent, user, password string) (mirror.Level, error) {
	if err := a.ask(agent); err != nil {
		return mirror.NoAccess, err
	}
	return a.Reader.Login(ctx, agent, user, password)
}

func (a *rehearsedAgents) Sets(ctx context.Context, agent string) ([]mirror.Set, error) {
	if err := a.ask(agent); err != nil {
		return nil, err
	}
	return a.Reader.Sets(ctx, agent)
}

func (a *rehearsedAgents) Survey(ctx context.Context, agent string, set mirror.Set) (mirror.Survey, error) {
	if err := a.ask(agent); err != nil {
		return mirror.Survey{}, err
	}
	return a.Reader.Survey(ctx, agent, set)
}

func (a *rehearsedAgents) Connections(ctx context.Context, agent string) ([]mirror.Status, error) {
	if err := a.ask(agent); err != nil {
		return nil, err
	}
	return a.Reader.Connections(ctx, agent)
}

func (a *rehearsedAgents) NextID(ctx context.Context, agent string) (int64, error) {
	if err := a.ask(agent); err != nil {
		return 0, err
	}
	return a.Reader.NextID(ctx, agent)
}

func (a *rehearsedAgents) Inbound(ctx context.Context, agent string) ([]mirror.Inbound, error) {
	if err := a.ask(agent); err != nil {
		return nil, err
	}
	return a.Reader.Inbound(ctx, agent)
}

func (a *rehearsedAgents) Marker(ctx context.Context, agent, set string) (mirror.Marker, error) {
	if err := a.ask(agent); err != nil {
		return mirror.Marker{}, err
	}
	return a.Reader.Marker(ctx, agent, set)
}

func (a *rehearsedAgents) Compare(ctx context.Context, c mirror.Connection, how mirror.Compare) (mirror.Difference, error) {
	if err := a.ask(c.Source, c.Target); err != nil {
		return mirror.Difference{}, err
	}
	return a.Reader.Compare(ctx, c, how)
}

// rehearsedHosts are the hosts, of which those of agents that count as gone cannot be asked.
type rehearsedHosts struct {
	core.Systems
	agents mirror.Reader
	r      *rehearsal
}

func (h rehearsedHosts) Host(agent string) (core.System, error) {
	host, err := h.Systems.Host(agent)
	if agent == "" || err != nil {
		return host, err
	}
	name, err := h.agents.Resolve(agent)
	if err == nil && h.r.gone(name) {
		return goneHost{name}, nil
	}
	return host, err
}

// goneHost answers nothing.
type goneHost struct{ agent string }

var _ core.System = goneHost{}

func (g goneHost) err() error {
	return value.Failf(value.CodeUnreachable, "agent %q is not reachable: it is planned as gone", g.agent).Hint("ask from another agent")
}

func (g goneHost) Probe(context.Context, core.Probe) (core.Answer, error) {
	return core.Answer{}, g.err()
}
func (g goneHost) Query(context.Context, core.Program) (core.Output, error) {
	return core.Output{}, g.err()
}
func (g goneHost) Exec(context.Context, core.Program) (core.Output, error) {
	return core.Output{}, g.err()
}

// rehearsedOrganisation notes what the directory says of rights.
type rehearsedOrganisation struct {
	exchange.Systems
	r *rehearsal
}

func (o rehearsedOrganisation) Organisation(ctx context.Context, login directory.Login) (string, directory.System, error) {
	name, d, err := o.Systems.Organisation(ctx, login)
	if err != nil {
		return name, d, err
	}
	return name, rehearsedDirectory{d, name, o.r}, nil
}

type rehearsedDirectory struct {
	directory.System
	name string
	r    *rehearsal
}

func (d rehearsedDirectory) Writable(ctx context.Context, dn string, attrs ...string) (plan.Answer, []string, error) {
	answer, missing, err := d.System.Writable(ctx, dn, attrs...)
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	switch {
	case err != nil:
	case answer == plan.Unknown:
		d.r.silent[d.name] = true
	case answer == plan.No:
		what := strings.Join(missing, ", ") + " of " + dn
		if !slices.Contains(d.r.lacking[d.name], what) {
			d.r.lacking[d.name] = append(d.r.lacking[d.name], what)
		}
	}
	return answer, missing, err
}
