package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/watch"
)

// Limits beyond which a check warns.
const (
	maxApart     = time.Minute         // of two clocks: Kerberos and signed DNS updates fail at five
	leastValid   = 30 * 24 * time.Hour // that a certificate should still be valid
	leastFree    = 5                   // per cent of an agent's volume
	leastJournal = 64 << 20            // bytes that the store of the runs should have left
)

// systems asks every system of the site that does not count as gone. One that does not answer is a warning: whether it
// stops the runbook is for the plan to say.
func (c *checkup) systems(ctx context.Context) {
	for _, name := range c.site.agents.Agents() {
		if !c.rehearsal.gone(name) {
			c.agent(ctx, name)
		}
	}
	for _, name := range c.site.clusters.names {
		if !c.rehearsal.gone(name) {
			c.cluster(ctx, name)
		}
	}
	for _, name := range c.site.dns.names {
		c.dnsServer(ctx, name)
	}
	for _, name := range c.site.directories.names {
		c.directory(ctx, name)
	}
	c.store(ctx)
}

// silent notes that a system does not answer.
func (c *checkup) silent(object string, err error) {
	hint := strings.Join(plan.AsFailure(err).Hints, "; ")
	c.found(watch.Warns, checkUnreachable, object, err.Error(), "an answer", hint)
}

func (c *checkup) agent(ctx context.Context, name string) {
	object := "agent " + name
	asked := time.Now()
	about, err := c.site.agents.Agent(ctx, name)
	switch {
	case err != nil:
		c.silent(object, err)
		return
	case !about.Up:
		c.found(watch.Warns, checkUnreachable, object, "no answer", "an answer", "")
		return
	}
	c.clock(object, about.Clock, asked)
	for _, v := range slices.Sorted(maps.Keys(about.Volumes)) {
		room := about.Volumes[v]
		if room.Size > 0 && room.Free*100 < room.Size*leastFree {
			c.found(watch.Warns, checkCapacity, fmt.Sprintf("volume %s of agent %s", v, name),
				fmt.Sprintf("%d of %d MiB free", room.Free>>20, room.Size>>20), fmt.Sprintf("%d %% free", leastFree), "")
		}
	}
}

// clock compares a system's clock with the one here; asked is when the question was sent.
func (c *checkup) clock(object string, at, asked time.Time) {
	if at.IsZero() {
		return
	}
	now := time.Now()
	apart := at.Sub(asked.Add(now.Sub(asked) / 2))
	if apart.Abs() <= maxApart+now.Sub(asked)/2 {
		return
	}
	word := "ahead of"
	if apart < 0 {
		word = "behind"
	}
	c.found(watch.Warns, checkClock, object, fmt.Sprintf("a clock %s %s the one here", apart.Abs().Round(time.Second), word),
		"at most "+maxApart.String()+" apart", "Kerberos and signed DNS updates fail at 5m: see to the time service of both")
}

func (c *checkup) cluster(ctx context.Context, name string) {
	object := "cluster " + name
	system, err := c.site.clusters.get(name)
	if err != nil {
		c.silent(object, err)
		return
	}
	m, err := system.State(ctx)
	if err != nil {
		c.silent(object, err)
		return
	}
	if m.Gone() {
		c.found(watch.Warns, checkState, object, "every node fenced", "nodes that are up", "")
		return
	}
	for _, n := range m.Nodes {
		if state := n.State(); state != model.Up {
			c.found(watch.Warns, checkState, fmt.Sprintf("node %s of cluster %s", n.Name, name), string(state), string(model.Up), "")
		}
	}
	for _, r := range m.Resources {
		if r.State == model.Failed || r.Degraded() {
			got := string(r.State)
			if r.Note != "" {
				got += " (" + r.Note + ")"
			}
			c.found(watch.Warns, checkState, fmt.Sprintf("resource %q of cluster %s", r.Name, name), got, "Online or Offline, and whole",
				fmt.Sprintf("CLUSTER %s RESOURCE %q ONLINE tries again", name, r.Name))
		}
	}
}

// dnsServer asks each authoritative server of a name for the zones: an update goes to one and is waited for at all.
func (c *checkup) dnsServer(ctx context.Context, name string) {
	object := "DNS server " + name
	d, err := c.site.dns.get(name)
	if err == nil {
		err = zonesAnswer(ctx, d)
	}
	if err != nil {
		c.silent(object, err)
		return
	}
	zones := d.Zones()
	if len(zones) == 0 {
		return
	}
	for _, s := range d.Authorities() {
		if _, err := s.Lookup(ctx, zones[0], "NS"); err != nil {
			c.silent(object+" at "+s.Address, err)
		}
	}
}

// certified is a system that shows a certificate.
type certified interface {
	Certificates(ctx context.Context) ([]*x509.Certificate, error)
}

func (c *checkup) directory(ctx context.Context, name string) {
	object := "directory " + name
	d, err := c.site.directories.get(name)
	if err == nil {
		_, err = d.Info(ctx)
	}
	if err != nil {
		c.silent(object, err)
		return
	}
	asked := time.Now()
	if root, err := d.Entry(ctx, "", "currentTime"); err == nil {
		c.clock(object, directoryTime(root), asked)
	}
	if s, ok := d.(certified); ok {
		chain, err := s.Certificates(ctx)
		if err != nil {
			c.found(watch.Cannot, checkCertificate, object, err.Error(), "its certificate", "")
		}
		c.certificates(object, chain)
	}
	if ca := c.site.file.Directories[name].CA; ca != "" {
		c.pemFile("ca_file of "+object, c.site.file.at(ca))
	}
}

// directoryTime is what a server's root entry says of its clock; zero where it says nothing.
func directoryTime(root *directory.Entry) time.Time {
	text := root.Get("currentTime")
	if i := strings.IndexAny(text, ".,"); i > 0 {
		text = text[:i] + "Z" // 20261122124741.0Z: parts of a second do not matter here
	}
	at, err := time.Parse("20060102150405Z", text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// certificates warns of each that ends soon.
func (c *checkup) certificates(object string, chain []*x509.Certificate) {
	now := time.Now()
	for i, cert := range chain {
		of := object
		if i > 0 {
			of += fmt.Sprintf(" (issuer %s)", cert.Subject.CommonName)
		}
		switch left := cert.NotAfter.Sub(now); {
		case left <= 0:
			c.found(watch.Stops, checkCertificate, of, "a certificate that ended "+cert.NotAfter.Local().Format(time.DateTime), "a valid one", "renew it")
		case left < leastValid:
			c.found(watch.Warns, checkCertificate, of, fmt.Sprintf("a certificate that ends in %s, %s", watch.Ago(left), cert.NotAfter.Local().Format(time.DateTime)),
				"30 days or more", "renew it")
		}
	}
}

// pemFile looks at the certificates in a file of the site.
func (c *checkup) pemFile(object, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		c.found(watch.Cannot, checkCertificate, object, cause(err).Error(), "a PEM file", "")
		return
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			c.certificates(object, []*x509.Certificate{cert})
		}
	}
}

// connections looks at what every agent remembers as a target, with the real agents: what a loss would lose stands on the
// one that counts as gone.
func (c *checkup) connections(ctx context.Context) {
	all := connectionsNow(ctx, c.site.agents, true)
	c.verdict.Connections = append(c.verdict.Connections, all...)
	for _, in := range all {
		if !in.Owner {
			c.connection(in)
		}
	}
	target := c.site.file.Defaults.Target
	if target != "" && !slices.ContainsFunc(all, func(in watch.Connection) bool { return strings.EqualFold(in.Target, target) }) {
		if about, err := c.site.agents.Agent(ctx, target); err == nil && about.Up {
			c.found(watch.Warns, checkData, "agent "+target, "no connection that comes to it", "a mirror of the source's data",
				"bring the source's group online, or CONNECT and MIRROR START")
		}
	}
}

func (c *checkup) connection(in watch.Connection) {
	object := "data of " + in.Name()
	late := c.verdict.Checked.Sub(in.Applied)
	switch {
	case in.Data == mirror.Bad:
		c.found(watch.Warns, checkData, object, in.Data+": a mirror that has not completed", "a mirror that has completed", "let it complete, or MIRROR START")
	case !in.Connected:
		c.found(watch.Warns, checkData, object, "no connection: the source sends nothing", "a connection that carries changes", "bring the Source Connection online, or CONNECT and MIRROR START")
	case in.Left != nil && in.Left.Entries > 0 && late > c.flags.lag:
		c.found(watch.Warns, checkData, object,
			fmt.Sprintf("%d entries (%d bytes) that are not sent, the last change applied %s ago", in.Left.Entries, in.Left.Bytes, watch.Ago(late)),
			"at most "+c.flags.lag.String(), "MIRROR START sends what differs")
	case in.Left == nil:
		c.found(watch.Cannot, checkData, object, in.Why, "what is left to send", "")
	}
}

// connectionsNow gives what agents remember as targets. compare also looks at both sides for what is left to send, which
// takes as long as walking both trees.
func connectionsNow(ctx context.Context, agents mirror.Reader, compare bool) []watch.Connection {
	all := []watch.Connection{}
	for _, name := range agents.Agents() {
		inbound, err := agents.Inbound(ctx, name)
		if err != nil {
			continue // that the agent does not answer is told of the agent
		}
		for _, in := range inbound {
			all = append(all, connectionNow(ctx, agents, in, compare))
		}
	}
	return all
}

func connectionNow(ctx context.Context, agents mirror.Reader, in mirror.Inbound, compare bool) watch.Connection {
	c := watch.Connection{
		ID: in.ID, Source: in.Source, Target: in.Target, Set: in.Set, Connected: in.Connected, Data: in.Data, Applied: in.Applied,
	}
	if m, err := agents.Marker(ctx, in.Target, in.Set); err == nil {
		c.Owner = m.Role == mirror.RoleSource
	}
	source, err := agents.Agent(ctx, in.Source)
	up := err == nil && source.Up
	c.Protected = up && in.Connected && !c.Owner && in.Data != mirror.Bad
	switch {
	case !up:
		c.Why = fmt.Sprintf("agent %q does not answer", in.Source)
	case c.Owner:
		c.Why = in.Target + " has taken the data over"
	case !compare:
	default:
		d, err := agents.Compare(ctx, in.Connection, mirror.Compare{})
		switch {
		case err != nil:
			c.Why = err.Error()
		case len(d.Errors) > 0:
			c.Why = d.Errors[0]
		default:
			c.Left = &watch.Left{Entries: d.Differ, Bytes: d.DifferBytes}
		}
	}
	return c
}
