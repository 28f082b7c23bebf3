package main

import (
	"context"
	"net/netip"
	"path/filepath"

	clusterembedded "github.com/standin-project/standin/builtins/cluster/embedded"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/core"
	coreembedded "github.com/standin-project/standin/builtins/core/embedded"
	directoryembedded "github.com/standin-project/standin/builtins/directory/embedded"
	dnsembedded "github.com/standin-project/standin/builtins/dns/embedded"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent"
	"github.com/standin-project/standin/runtime/value"
)

// embeddedHost is the host of an agent on the embedded network.
func (n *network) embeddedHost(name string) core.System {
	return coreembedded.New(coreembedded.Options{
		Agent: name, Down: func() bool { return name != "" && n.site.agents.Down(name) },
		Owner: n.owner, Resolve: n.resolve, Programs: n.programs,
	})
}

// owner finds the cluster group that has an address online. A cluster that does not answer owns nothing that answers.
func (n *network) owner(ctx context.Context, addr netip.Addr) (coreembedded.Owner, bool, error) {
	for _, name := range n.clusters.names {
		m, err := n.state(ctx, name)
		if value.HasCode(err, value.CodeUnreachable) {
			continue
		}
		if err != nil {
			return coreembedded.Owner{}, false, err
		}
		if group, network, serving, ok := m.Serves(addr); ok {
			return coreembedded.Owner{Cluster: name, Group: group, Name: network, Serving: serving}, true, nil
		}
	}
	return coreembedded.Owner{}, false, nil
}

func (n *network) state(ctx context.Context, cluster string) (*model.Cluster, error) {
	c, err := n.clusters.get(cluster)
	if err != nil {
		return nil, err
	}
	return c.State(ctx)
}

// initSystems writes the state of a new site's embedded systems to dir.
func initSystems(s *siteFile, dir string, users int) error {
	set := mirror.Set{Name: "mailstores", Saved: true, Rules: []mirror.Rule{{Path: `E:\Exchsrvr`, Recurse: true}}}
	for name, e := range s.Agents {
		folder := filepath.Join(dir, e.Folder)
		if err := agent.Init(agent.Config{Name: name, Folder: folder, Volumes: e.Volumes}, set); err != nil {
			return err
		}
		role := mirror.RoleTarget
		if name == s.Defaults.Source {
			role = mirror.RoleSource
		}
		if err := agent.Claim(folder, set.Name, role); err != nil {
			return err
		}
	}
	if err := clusterembedded.Init(dir); err != nil {
		return err
	}
	if err := dnsembedded.Init(filepath.Join(dir, "dns1")); err != nil {
		return err
	}
	return directoryembedded.Init(filepath.Join(dir, "ad"), directoryembedded.Fresh{Users: users})
}
