package main

import (
	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/cluster"
	clusteroverlay "github.com/standin-project/standin/builtins/cluster/overlay"
	"github.com/standin-project/standin/builtins/directory"
	directoryoverlay "github.com/standin-project/standin/builtins/directory/overlay"
	"github.com/standin-project/standin/builtins/dns"
	dnsoverlay "github.com/standin-project/standin/builtins/dns/overlay"
	mirroroverlay "github.com/standin-project/standin/builtins/mirror/overlay"
)

// copied gives systems that begin as these are, and of which a change stays in memory. scripts says whether bringing a
// resource online also walks its script.
func (s *site) copied(of builtins.Systems, scripts bool) (builtins.Systems, error) {
	var systems builtins.Systems
	var run cluster.ScriptRunner
	if scripts {
		run = s.scriptRunner(&systems)
	}
	clusters := &table[cluster.System]{kind: s.clusters.kind, names: s.clusters.names, got: map[string]cluster.System{},
		open: func(name string) (cluster.System, error) {
			under, err := of.Cluster.Cluster(name)
			if err != nil {
				return nil, err
			}
			return clusteroverlay.New(under, s.file.dir, run), nil
		}}
	servers := &table[dns.System]{kind: s.dns.kind, names: s.dns.names, got: map[string]dns.System{},
		open: func(name string) (dns.System, error) {
			under, err := of.DNS.Server(name)
			if err != nil {
				return nil, err
			}
			return dnsoverlay.New(under), nil
		}}
	directories := &table[directory.System]{kind: s.directories.kind, names: s.directories.names, got: map[string]directory.System{},
		open: func(name string) (directory.System, error) {
			under, err := of.Directory.Directory(name)
			if err != nil {
				return nil, err
			}
			return directoryoverlay.New(under), nil
		}}
	agents, err := of.Mirror.Mirror()
	if err != nil {
		return systems, err
	}
	source, target := of.Mirror.Defaults()
	systems = s.wire(mirroroverlay.New(agents), clusters, servers, directories, true)
	copied, err := systems.Mirror.Mirror()
	systems.Mirror = &agentSystems{copied, source, target}
	return systems, err
}
