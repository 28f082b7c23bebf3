package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/runtime/plan"
)

// claim is something that may be online at one site at most: an address, a network name, or the stores of a set.
type claim struct{ kind, name string }

const (
	claimAddress = "address"
	claimName    = "name"
	claimStores  = "stores of"
)

func (c claim) String() string { return c.kind + " " + c.name }

func compareClaims(a, b claim) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
}

// owners remembers what the changes at hand bring online, so that two at once do not bring the same.
type owners struct {
	mu      sync.Mutex
	pending map[claim]string // → cluster
}

// reserve notes claims as on their way at a cluster; other says where one of them is on its way already.
func (o *owners) reserve(cluster string, claims []claim) (release func(), busy *claim, other string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range claims {
		if at, is := o.pending[c]; is && at != cluster {
			return nil, &c, at
		}
	}
	if o.pending == nil {
		o.pending = map[claim]string{}
	}
	for _, c := range claims {
		o.pending[c] = cluster
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, c := range claims {
			delete(o.pending, c)
		}
	}, nil, ""
}

// owning is one change put before the rules one-owner and data-state.
type owning struct {
	site    *site
	systems builtins.Systems
	change  *plan.Guarded
}

// check refuses a change that brings online what is, or may be, online at another site. What it brings online counts as
// such until done is called.
func (o *owners) check(ctx context.Context, w *owning) (done func(), err error) {
	after, err := w.site.copied(w.systems, false)
	if err != nil {
		return nil, err
	}
	// One that does not go well is judged by what it had done until then.
	_ = w.change.Rehearse(ctx, builtins.Lookup(builtins.All(after)))
	releases := []func(){}
	done = func() {
		for _, release := range releases {
			release()
		}
	}
	for _, name := range w.clusters() {
		was, err := state(ctx, w.systems, name)
		if err != nil {
			return done, err
		}
		then, err := state(ctx, after, name)
		if err != nil {
			return done, err
		}
		brings := w.brings(ctx, name, was, then)
		release, busy, other := o.reserve(name, brings)
		if busy != nil {
			found := fmt.Sprintf("another branch of this run is bringing the %s online at cluster %q", busy, other)
			return done, plan.Breach(ctx, oneOwner(found, "one site to have it online"))
		}
		releases = append(releases, release)
		if err := w.allowed(ctx, name, was, then, brings); err != nil {
			return done, err
		}
	}
	return done, ctx.Err()
}

// clusters are those that the change is made on.
func (w *owning) clusters() []string {
	var names []string
	for _, c := range w.change.Changes {
		if name, ok := strings.CutPrefix(c.System, "cluster "); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func state(ctx context.Context, systems builtins.Systems, cluster string) (*model.Cluster, error) {
	c, err := systems.Cluster.Cluster(cluster)
	if err != nil {
		return nil, err
	}
	return c.State(ctx)
}

// brings are the claims that the change brings online at a cluster.
func (w *owning) brings(ctx context.Context, cluster string, was, then *model.Cluster) []claim {
	held := w.holds(ctx, cluster, was)
	var news []claim
	for c := range w.holds(ctx, cluster, then) {
		if _, had := held[c]; !had {
			news = append(news, c)
		}
	}
	slices.SortFunc(news, compareClaims)
	return news
}

// holds gives what a cluster has online, or is about to, with the group that has it.
func (w *owning) holds(ctx context.Context, cluster string, m *model.Cluster) map[claim]string {
	held := map[claim]string{}
	serving := map[string]bool{}
	for _, r := range m.Resources {
		if r.State != model.Online && r.State != model.Pending {
			continue
		}
		switch r.Type {
		case model.IPAddress:
			held[claim{claimAddress, address(r)}] = r.Group
		case model.NetworkName:
			held[claim{claimName, strings.ToUpper(r.Params[model.ParamName])}] = r.Group
		case model.SystemAttendant, model.GenericService, model.GenericApplication:
			serving[r.Group] = true
		}
	}
	for group := range serving {
		for _, s := range w.stores(ctx, cluster, m, group) {
			held[s.claim] = group
		}
	}
	return held
}

// address gives an address resource's address as it is compared.
func address(r *model.Resource) string {
	if a, err := netip.ParseAddr(r.Params[model.ParamAddress]); err == nil {
		return a.Unmap().String()
	}
	return r.Params[model.ParamAddress]
}

// allowed puts a change of one cluster before the rules.
func (w *owning) allowed(ctx context.Context, cluster string, was, then *model.Cluster, brings []claim) error {
	if err := w.whole(ctx, cluster, then, brings); err != nil {
		return err
	}
	if len(brings) > 0 {
		for _, other := range w.site.clusters.names {
			if other == cluster {
				continue
			}
			if err := w.offline(ctx, cluster, other, brings); err != nil {
				return err
			}
		}
	}
	return w.free(ctx, cluster, was, then)
}

func oneOwner(found, wanted string, hints ...string) plan.Refusal {
	return plan.Refusal{Rule: plan.RuleOneOwner, Found: found, Wanted: wanted, Hints: hints}
}

// offline makes sure that another cluster has none of the claims online.
func (w *owning) offline(ctx context.Context, cluster, other string, brings []claim) error {
	m, err := state(ctx, w.systems, other)
	if err != nil && ctx.Err() == nil {
		return w.unseen(ctx, cluster, other, brings, err)
	}
	if err != nil || m.Gone() {
		return err
	}
	held := w.holds(ctx, other, m)
	both := map[string][]string{} // by group
	for _, c := range brings {
		if group, is := held[c]; is {
			both[group] = append(both[group], c.String())
		}
	}
	for _, group := range slices.Sorted(maps.Keys(both)) {
		found := fmt.Sprintf("group %q of cluster %q has online: %s", group, other, strings.Join(both[group], ", "))
		hint := fmt.Sprintf("CLUSTER %s GROUP %q OFFLINE takes it offline there", other, group)
		if err := plan.Breach(ctx, oneOwner(found, "it to be offline there, or the cluster to be fenced", hint)); err != nil {
			return err
		}
	}
	return nil
}

// unseen decides about a cluster that does not tell what it has online: no answer is no proof. What is a cluster's own
// for sure is none of another's business.
func (w *owning) unseen(ctx context.Context, cluster, other string, brings []claim, why error) error {
	own := w.own(cluster)
	brings = slices.DeleteFunc(slices.Clone(brings), func(c claim) bool { return own[c] || !w.concerns(c, other) })
	if len(brings) == 0 {
		return nil
	}
	here, err := state(ctx, w.systems, cluster)
	if err != nil {
		return err
	}
	return w.site.off(ctx, w.systems.Core, plan.RuleOneOwner, here, other, why)
}

// off decides about a cluster that does not tell what it has online, for a rule that wants it offline: neither this host
// nor the agent of the cluster that stands in nor a witness may reach it, and a person must have seen that it is off.
func (s *site) off(ctx context.Context, hosts core.Systems, rule string, here *model.Cluster, other string, why error) error {
	agent := s.agentOf(here.Name)
	breach := func(more string, hints ...string) error {
		return plan.Breach(ctx, plan.Refusal{
			Rule: rule, Found: fmt.Sprintf("cluster %q does not tell what it has online (%v)", other, why) + more,
			Wanted: fmt.Sprintf("to see it offline there, or that nobody reaches %q", other), Hints: hints,
		})
	}
	witness := s.file.Defaults.Witness
	if witness == "" || witness == agent || witness == s.agentOf(other) {
		return breach(", and no witness can look for it", `witness = "<agent>" under [defaults] of the site file names an agent at a third place`)
	}
	for _, from := range []string{"", agent, witness} {
		who := "agent " + from
		if from == "" {
			who = "this host"
		}
		reached, at, err := s.reaches(ctx, hosts, from, here, other)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return breach(fmt.Sprintf(", and %s cannot look for it: %v", who, err))
		case reached:
			return breach(fmt.Sprintf(", but %s answers %s", at, who), "find out why it answers and its cluster does not")
		}
	}
	return plan.Affirm(ctx, other+" is powered off", fmt.Sprintf(
		"Cluster %q does not answer, and neither this host nor agents %s and %s reach it. Type it when you have seen that its nodes are off",
		other, agent, witness))
}

// reaches says whether anybody answers at the addresses of a cluster's agent. Those that stand in here already are no
// sign of it.
func (s *site) reaches(ctx context.Context, hosts core.Systems, from string, here *model.Cluster, other string) (bool, string, error) {
	host, err := hosts.Host(from)
	if err != nil {
		return false, "", err
	}
	addresses := s.addressesOf(other)
	if len(addresses) == 0 {
		return false, "", fmt.Errorf("the site file has no address of agent %q", s.agentOf(other))
	}
	for _, a := range addresses {
		if addr, err := netip.ParseAddr(a); err == nil {
			if _, _, _, ours := here.Serves(addr); ours {
				continue
			}
		}
		answer, err := host.Probe(ctx, core.Probe{Kind: core.Ping, Host: a})
		if err != nil || answer.Answered {
			return answer.Answered, a, err
		}
	}
	return false, "", nil
}

// own are the claims that are a cluster's own by the site file: its agent's addresses and its servers' names.
func (w *owning) own(cluster string) map[claim]bool {
	own := map[claim]bool{}
	for _, a := range w.site.addressesOf(cluster) {
		own[claim{claimAddress, a}] = true
	}
	for name, s := range w.site.file.Exchange.Servers {
		if strings.EqualFold(s.Cluster, cluster) {
			own[claim{claimName, strings.ToUpper(name)}] = true
		}
	}
	return own
}

// concerns says whether an unseen cluster may have a claim online: stores only where its agent has a part in the set.
func (w *owning) concerns(c claim, other string) bool {
	return c.kind != claimStores || slices.Contains(strings.FieldsFunc(c.name, func(r rune) bool { return r == ' ' || r == ',' }), w.site.agentOf(other))
}

// free makes sure that nobody on the subnet holds an address that is made or comes online at a cluster whose own it is
// not: the address of a server that another site stands in for.
func (w *owning) free(ctx context.Context, cluster string, was, then *model.Cluster) error {
	own := w.own(cluster)
	for _, r := range then.Resources {
		if r.Type != model.IPAddress || own[claim{claimAddress, address(r)}] {
			continue
		}
		old := was.Resource(r.Name)
		if comes := r.State == model.Online && (old == nil || old.State != model.Online); old != nil && !comes {
			continue
		}
		found := ""
		host, err := w.systems.Core.Host(w.site.agentOf(cluster))
		if err == nil {
			var answer core.Answer
			answer, err = host.Probe(ctx, core.Probe{Kind: core.ARP, Host: address(r)})
			found = fmt.Sprintf("address %s answers an ARP request: %s", address(r), answer.Detail)
			if err == nil && !answer.Answered {
				continue
			}
		}
		if err != nil {
			found = fmt.Sprintf("address %s could not be asked for by ARP: %v", address(r), err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := plan.Breach(ctx, oneOwner(found, "nobody to hold it before cluster "+cluster+" does")); err != nil {
			return err
		}
	}
	return nil
}
