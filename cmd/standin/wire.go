package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/cluster"
	clusterembedded "github.com/standin-project/standin/builtins/cluster/embedded"
	clusteroverlay "github.com/standin-project/standin/builtins/cluster/overlay"
	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/core/host"
	coreoverlay "github.com/standin-project/standin/builtins/core/overlay"
	"github.com/standin-project/standin/builtins/directory"
	directoryembedded "github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/builtins/directory/notes"
	directoryoverlay "github.com/standin-project/standin/builtins/directory/overlay"
	"github.com/standin-project/standin/builtins/dns"
	dnsembedded "github.com/standin-project/standin/builtins/dns/embedded"
	dnsoverlay "github.com/standin-project/standin/builtins/dns/overlay"
	"github.com/standin-project/standin/builtins/dns/rfc2136"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent"
	mirroroverlay "github.com/standin-project/standin/builtins/mirror/overlay"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// thisHost is the host that the program runs on. The programs that it runs get no variable that holds a secret.
func (a *app) thisHost() core.System { return host.Host{Hides: a.hidden().Holds} }

// site is an open site: its systems, each opened when it is first asked for.
type site struct {
	app      *app
	file     *siteFile
	systems  builtins.Systems
	journals journal.Store

	agents      *agent.Site
	clusters    *table[cluster.System]
	dns         *table[dns.System]
	directories *table[directory.System]

	mu      sync.Mutex // held from looking for one of these to having opened it: PARALLEL opens side by side
	servers map[string]*directoryembedded.Server
	clients map[account]directory.System
	closers []func(context.Context) error

	owners owners // what the changes at hand bring online

	closing atomic.Bool
	late    atomic.Bool // a mirror failed after its run had ended
}

// account is a directory bound as a login.
type account struct {
	directory string
	login     directory.Login
}

// later has f called when the site is closed.
func (s *site) later(f func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, f)
}

// table finds systems of one kind by name and opens each once.
type table[T any] struct {
	kind  string
	names []string
	open  func(name string) (T, error)
	mu    sync.Mutex
	got   map[string]T
}

func tableOf[T, E any](kind string, entries map[string]E, open func(name string) (T, error)) *table[T] {
	return &table[T]{kind: kind, names: slices.Sorted(maps.Keys(entries)), open: open, got: map[string]T{}}
}

// over gives a table of the same names whose systems wrap those of t.
func over[T any](t *table[T], wrap func(T) T) *table[T] {
	return &table[T]{kind: t.kind, names: t.names, got: map[string]T{}, open: func(name string) (T, error) {
		under, err := t.get(name)
		if err != nil {
			return under, err
		}
		return wrap(under), nil
	}}
}

func (t *table[T]) get(name string) (T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, known := range t.names {
		if !strings.EqualFold(known, name) {
			continue
		}
		if got, ok := t.got[known]; ok {
			return got, nil
		}
		opened, err := t.open(known)
		if err == nil {
			t.got[known] = opened
		}
		return opened, err
	}
	var none T
	f := value.Failf(value.CodeNotThere, "the site has no %s %q", t.kind, name)
	if near := diag.Suggest(name, t.names); near != "" {
		return none, f.Hint("did you mean %q?", near)
	}
	return none, f.Hint("it has %s", strings.Join(t.names, ", "))
}

// open opens a site with its systems.
func (a *app) open(ctx context.Context, file *siteFile) (*site, error) {
	s, err := a.siteOf(file)
	if err != nil {
		return nil, err
	}
	return s, s.enter(ctx)
}

// siteOf opens the store of a site's runs, without its systems.
func (a *app) siteOf(file *siteFile) (*site, error) {
	store, err := a.openStore(file)
	if err != nil {
		return nil, err
	}
	if a.between != nil {
		store = a.between(store)
	}
	s := &site{
		app: a, file: file, journals: store,
		servers: map[string]*directoryembedded.Server{}, clients: map[account]directory.System{},
	}
	s.later(func(context.Context) error { return store.Close() })
	s.learnSite()
	return s, nil
}

// enter opens the systems; it closes the site when it fails. Embedded systems live in this process, so processes on one
// embedded site take turns.
func (s *site) enter(ctx context.Context) error {
	if err := s.systemsUp(ctx); err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

func (s *site) systemsUp(ctx context.Context) error {
	file := s.file
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	configs := make([]agent.Config, 0, len(file.Agents))
	for _, name := range slices.Sorted(maps.Keys(file.Agents)) {
		e := file.Agents[name]
		configs = append(configs, agent.Config{Name: name, Addresses: e.Addresses, Folder: file.at(e.Folder), Volumes: e.Volumes})
	}
	agents, err := agent.Open(ctx, configs, agent.Options{Progress: s.progress})
	if err != nil {
		return err
	}
	s.agents = agents
	s.later(agents.Close)
	s.clusters = tableOf("cluster", file.Clusters, s.openCluster)
	s.dns = tableOf("DNS server", file.DNS, s.openDNS)
	s.directories = tableOf("directory", file.Directories, s.openDirectory)
	s.systems = s.wire(agents, s.clusters, s.dns, s.directories, false)
	return nil
}

// planned gives the systems as a plan sees them: read for real, written in memory only.
func (s *site) planned() builtins.Systems {
	var systems builtins.Systems
	run := s.scriptRunner(&systems)
	clusters := over(s.clusters, func(c cluster.System) cluster.System { return clusteroverlay.New(c, s.file.dir, run) })
	servers := over(s.dns, func(d dns.System) dns.System { return dnsoverlay.New(d) })
	directories := over(s.directories, func(d directory.System) directory.System { return directoryoverlay.New(d) })
	systems = s.wire(mirroroverlay.New(s.agents), clusters, servers, directories, true)
	return systems
}

// wire makes the systems that the commands ask for out of tables of real ones or of overlays.
func (s *site) wire(agents mirror.System, clusters *table[cluster.System], servers *table[dns.System], directories *table[directory.System], planning bool) builtins.Systems {
	n := &network{site: s, clusters: clusters, servers: servers, agents: agents, programs: s.app.thisHost()}
	x := &organisation{site: s, directories: directories, clusters: clusters, agents: agents, hosts: n, log: appendLog}
	x.bind = x.bindAs
	if planning {
		n.programs = coreoverlay.New(n.programs)
		x.log, x.bind = noLog, x.bindPlanned
	}
	return builtins.Systems{
		Mirror:    &agentSystems{agents, s.file.Defaults.Source, s.file.Defaults.Target},
		Cluster:   clusterSystems{clusters},
		DNS:       dnsSystems{servers},
		Directory: directorySystems{directories},
		Exchange:  x,
		Core:      n,
	}
}

// agentSystems are the agents with those that commands mean when a script says neither SOURCE nor TARGET.
type agentSystems struct {
	agents         mirror.System
	source, target string
}

func (a *agentSystems) Mirror() (mirror.System, error)    { return a.agents, nil }
func (a *agentSystems) Defaults() (source, target string) { return a.source, a.target }

type clusterSystems struct{ t *table[cluster.System] }

func (c clusterSystems) Cluster(name string) (cluster.System, error) { return c.t.get(name) }
func (c clusterSystems) Clusters() []string                          { return c.t.names }

type dnsSystems struct{ t *table[dns.System] }

func (d dnsSystems) Server(name string) (dns.System, error) { return d.t.get(name) }
func (d dnsSystems) Servers() []string                      { return d.t.names }

type directorySystems struct{ t *table[directory.System] }

func (d directorySystems) Directory(name string) (directory.System, error) { return d.t.get(name) }
func (d directorySystems) Directories() []string                           { return d.t.names }

func (s *site) openCluster(name string) (cluster.System, error) {
	e := s.file.Clusters[name]
	return clusterembedded.Open(s.file.at(e.State), clusterembedded.Options{Root: s.file.dir, RunScript: s.scriptRunner(&s.systems)})
}

func (s *site) openDNS(name string) (dns.System, error) {
	e := s.file.DNS[name]
	if e.Driver == "embedded" {
		server, err := dnsembedded.Open(s.file.at(e.Folder), name)
		if err != nil {
			return nil, err
		}
		s.later(func(context.Context) error { return server.Close() })
		return server, nil
	}
	c := rfc2136.Config{Name: name, Servers: e.Servers, Zones: e.Zones}
	if e.TSIG != "" {
		secret, err := s.secret(e.Secret)
		if err != nil {
			return nil, err
		}
		c.Key = &rfc2136.Key{Name: e.TSIG, Secret: secret, Algorithm: e.Algorithm}
	}
	return rfc2136.New(c)
}

func (s *site) openDirectory(name string) (directory.System, error) {
	return s.directoryAs(name, directory.Login{})
}

// directoryAs opens a directory bound as an account, each once; the zero Login is the one of the site file.
func (s *site) directoryAs(name string, login directory.Login) (directory.System, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := account{name, login}
	if d, ok := s.clients[key]; ok {
		return d, nil
	}
	c, err := s.directoryConfig(name, login)
	if err != nil {
		return nil, err
	}
	client, err := ldap.New(c)
	if err != nil {
		return nil, err
	}
	s.clients[key] = client
	s.closers = append(s.closers, func(context.Context) error { return client.Close() })
	return client, nil
}

// directoryConfig says how a directory is reached as an account; an embedded one is started for it.
func (s *site) directoryConfig(name string, login directory.Login) (ldap.Config, error) {
	e := s.file.Directories[name]
	var c ldap.Config
	switch e.Driver {
	case "embedded":
		server, err := s.directoryServer(name, s.file.at(e.Folder))
		if err != nil {
			return c, err
		}
		c = ldap.Config{URL: server.URL(), Notes: server.Notes()}
	case "ldap":
		c = ldap.Config{URL: e.URL, StartTLS: e.StartTLS, Default: e.Base, Login: directory.Login{User: e.User}}
		if e.Notes != "" {
			c.Notes = notes.Folder(s.file.at(e.Notes))
		}
		var err error
		if e.CA != "" {
			if c.CA, err = os.ReadFile(s.file.at(e.CA)); err != nil {
				return c, fmt.Errorf("directory %q: cannot read ca_file: %w", name, err)
			}
		}
		if c.Login.Password, err = s.secret(e.Password); err != nil {
			return c, err
		}
	}
	if login.User != "" {
		if login.Password == "" && strings.EqualFold(login.User, c.Login.User) {
			login.Password = c.Login.Password
		}
		c.Login = login
	}
	return c, nil
}

// directoryServer starts an embedded directory once. The caller holds mu.
func (s *site) directoryServer(name, folder string) (*directoryembedded.Server, error) {
	if server := s.servers[name]; server != nil {
		return server, nil
	}
	server, err := directoryembedded.Open(folder)
	if err != nil {
		return nil, err
	}
	s.servers[name] = server
	s.closers = append(s.closers, func(context.Context) error { return server.Close() })
	return server, nil
}

// secret reads a secret from the file that the site file names; one final newline is not part of it.
func (s *site) secret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(s.file.at(path))
	if err != nil {
		return "", fmt.Errorf("cannot read a secret of the site file: %w", err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	s.app.learn(value.Secret(secret))
	return secret, nil
}

// takeTurn waits until no other process uses the site's embedded systems.
func (s *site) takeTurn(ctx context.Context) error {
	f, err := os.Open(s.file.dir) // the folder itself is locked: who only looks writes nothing
	if err != nil {
		return fmt.Errorf("cannot use the site in %q: %w", s.file.dir, cause(err))
	}
	for told := false; ; told = true {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			s.later(func(context.Context) error { return f.Close() })
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return errors.Join(fmt.Errorf("cannot lock the site in %q: %w", s.file.dir, err), f.Close())
		case !told:
			fmt.Fprintf(s.app.stderr, "standin: waiting for %s on this site\n", s.holder(ctx))
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), f.Close())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// holder names who uses the site: its running run, or a process that keeps no journal.
func (s *site) holder(ctx context.Context) string {
	runs, _ := s.journals.List(ctx)
	for _, r := range slices.Backward(runs) {
		if r.State == plan.Running && r.Parent == "" && r.PID != os.Getpid() {
			return fmt.Sprintf("run %s (%s by %s@%s, process %d)", r.ID, r.Script, r.Who, r.Host, r.PID)
		}
	}
	return "another process"
}

// mirrorProgress is how far a mirror has come.
type mirrorProgress = agent.Progress

// progress shows how a mirror comes along, and notes one that fails when no script is left to see it.
func (s *site) progress(p mirrorProgress) {
	s.app.progress(p)
	if s.closing.Load() && p.Error != "" && p.Error != mirror.WasStopped {
		s.late.Store(true)
	}
}

// close waits for mirrors that run, and ends every system, the last opened first. A mirror that fails here makes the
// call fail; progress has said why.
func (s *site) close() error {
	s.closing.Store(true)
	s.mu.Lock()
	closers := s.closers
	s.closers = nil
	s.mu.Unlock()
	var errs []error
	for _, c := range slices.Backward(closers) {
		errs = append(errs, c(context.Background()))
	}
	if s.late.Load() {
		errs = append(errs, ended{exitFailed})
	}
	return errors.Join(errs...)
}
