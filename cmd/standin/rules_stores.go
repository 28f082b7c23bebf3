package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/plan"
)

// agentOf names the agent that runs on a cluster's nodes.
func (s *site) agentOf(cluster string) string {
	if agent := s.file.Clusters[cluster].Agent; agent != "" {
		return agent
	}
	return cluster
}

// addressesOf are the addresses of a cluster's agent.
func (s *site) addressesOf(cluster string) []string {
	var all []string
	for _, a := range s.file.Agents[s.agentOf(cluster)].Addresses {
		if addr, err := netip.ParseAddr(a); err == nil {
			all = append(all, addr.Unmap().String())
		}
	}
	return all
}

// storeSet is a replication set between two agents whose data the service of a group uses.
type storeSet struct {
	claim
	set, peer string
	inbound   *mirror.Inbound // what brings the data here; nil where they go out from here
}

// stores finds the sets whose data the service of a group uses as theirs: those that a connection carries from or to a
// disk of the group under the same paths, and those whose data are the site's own although nothing carries them now. A
// target that nothing mirrors to and that has taken nothing over has a copy, which it may mount. Of an agent that does
// not answer the worst is assumed.
func (w *owning) stores(ctx context.Context, cluster string, m *model.Cluster, group string) []storeSet {
	agents, err := w.systems.Mirror.Mirror()
	if err != nil {
		return nil
	}
	here, err := agents.Resolve(w.site.agentOf(cluster))
	if err != nil {
		return nil // the cluster has no agent: nothing is mirrored from or to it
	}
	var all []storeSet
	add := func(set, peer string, in *mirror.Inbound) {
		pair := []string{here, peer}
		slices.Sort(pair)
		all = append(all, storeSet{claim{claimStores, fmt.Sprintf("set %s of %s, %s", set, pair[0], pair[1])}, set, peer, in})
	}
	var disks []string
	for _, r := range m.Members(group) {
		switch {
		case r.IsSource():
			peer, err := agents.Resolve(r.Params["target"])
			mark, unread := agents.Marker(ctx, here, r.Params["set"])
			if err == nil && (unread != nil || mark.Role == mirror.RoleSource) {
				add(r.Params["set"], peer, nil)
			}
		case r.Type == model.PhysicalDisk && r.Params["disk"] != "":
			disks = append(disks, r.Params["disk"])
		}
	}
	inbound, _ := agents.Inbound(ctx, here)
	for _, in := range inbound {
		mark, unread := agents.Marker(ctx, here, in.Set)
		uses := in.Connected || unread == nil && mark.TakenFrom == in.Source
		if uses && len(in.Map) == 0 && onDisks(disks, mirror.Roots(in.Rules)) {
			add(in.Set, in.Source, &in)
		}
	}
	outbound, _ := agents.Connections(ctx, here)
	for _, st := range outbound {
		if len(st.Map) == 0 && onDisks(disks, mirror.Roots(st.Rules)) {
			add(st.Set, st.Target, nil)
		}
	}
	return all
}

// onDisks says whether one of the paths lies on one of the disks.
func onDisks(disks, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return slices.ContainsFunc(disks, func(d string) bool { return len(p) >= len(d) && strings.EqualFold(p[:len(d)], d) })
	})
}

// whole refuses to mount stores on data that a mirror has not brought whole: the rule data-state.
func (w *owning) whole(ctx context.Context, cluster string, then *model.Cluster, brings []claim) error {
	for _, g := range then.Groups {
		for _, s := range w.stores(ctx, cluster, then, g.Name) {
			if s.inbound == nil || s.inbound.Data != mirror.Bad || !slices.Contains(brings, s.claim) {
				continue
			}
			err := plan.Breach(ctx, plan.Refusal{
				Rule:   plan.RuleDataState,
				Found:  fmt.Sprintf("the data of set %q on %s are %s: no mirror from %s has completed", s.set, s.inbound.Target, s.inbound.Data, s.peer),
				Wanted: fmt.Sprintf("%s or %s data before group %q mounts its stores", mirror.Good, mirror.Crash, g.Name),
				Hints:  []string{"let the mirror complete, or go back to the last good state"},
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
