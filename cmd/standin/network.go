package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/exchange"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// network finds the hosts that can probe and run programs. On a site with embedded clusters the network is embedded
// too: who answers follows from what the clusters have online.
type network struct {
	site     *site
	clusters *table[cluster.System]
	servers  *table[dns.System]
	agents   mirror.Reader
	programs core.System
}

var _ core.Systems = (*network)(nil)

// Host finds the host of an agent; "" is the one that runs the script.
func (n *network) Host(name string) (core.System, error) {
	if name != "" {
		found, err := n.agents.Resolve(name)
		if err != nil {
			return nil, err
		}
		name = found
	}
	if !n.site.file.embedded() {
		if name != "" {
			return nil, value.Failf(value.CodeRefused, "cannot ask from agent %q: only agents of an embedded site can be asked", name).
				Hint("leave FROM and ON out to ask from here")
		}
		return n.programs, nil
	}
	return n.embeddedHost(name), nil
}

// resolve asks the site's DNS servers for the addresses of a name; a short name is looked for in every zone.
func (n *network) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	var found []netip.Addr
	for _, server := range n.servers.names {
		s, err := n.servers.get(server)
		if err != nil {
			return nil, err
		}
		names := []string{strings.TrimSuffix(name, ".")}
		if !strings.Contains(name, ".") {
			names = nil
			for _, zone := range s.Zones() {
				names = append(names, name+"."+zone)
			}
		}
		for _, full := range names {
			addrs, err := addresses(ctx, s, full)
			if err != nil {
				return nil, err
			}
			found = append(found, addrs...)
		}
	}
	return found, nil
}

// addresses follows CNAMEs, as a client's resolver does, and no further than a loop could go.
func addresses(ctx context.Context, s dns.Reader, name string) ([]netip.Addr, error) {
	for range 8 {
		var found []netip.Addr
		for _, typ := range []string{"A", "AAAA"} {
			records, err := s.Lookup(ctx, name, typ)
			if err != nil {
				return nil, absent(err)
			}
			for _, r := range records {
				if a, err := netip.ParseAddr(r.Data); err == nil {
					found = append(found, a)
				}
			}
		}
		cname, err := s.Lookup(ctx, name, "CNAME")
		if len(found) > 0 || err != nil || len(cname) == 0 {
			return found, absent(err)
		}
		name = strings.TrimSuffix(cname[0].Data, ".")
	}
	return nil, nil
}

// absent drops the error that says that there is no such name: that is an answer.
func absent(err error) error {
	if value.HasCode(err, value.CodeNotThere) {
		return nil
	}
	return err
}

// organisation finds the directory of the Exchange organisation and guards it.
type organisation struct {
	site        *site
	directories *table[directory.System]
	clusters    *table[cluster.System]
	agents      mirror.Reader
	hosts       core.Systems
	// What differs in a plan: nothing is logged, and what an account would write is written on the one overlay.
	log  func(path string) (io.WriteCloser, error)
	bind func(name string, login directory.Login) (directory.System, error)
}

var _ exchange.Systems = (*organisation)(nil)

// Organisation opens the directory of the organisation; with a login of its own it binds anew.
func (o *organisation) Organisation(_ context.Context, login directory.Login) (string, directory.System, error) {
	name := o.site.file.Exchange.Directory
	if name == "" {
		return "", nil, value.Failf(value.CodeNotThere, "the site file names no directory for Exchange").
			Hint("add [exchange] directory = \"…\" to %s", siteName)
	}
	if login.User != "" {
		d, err := o.bind(name, login)
		return name, d, err
	}
	d, err := o.directories.get(name)
	return name, d, err
}

// bindAs opens the directory as the account that a command named: its rights count.
func (o *organisation) bindAs(name string, login directory.Login) (directory.System, error) {
	return o.site.directoryAs(name, login)
}

// bindPlanned asks for rights as the account, and plans on the one overlay, which must see every planned change.
func (o *organisation) bindPlanned(name string, login directory.Login) (directory.System, error) {
	bound, err := o.site.directoryAs(name, login)
	if err != nil {
		return nil, err
	}
	planned, err := o.directories.get(name)
	return plannedAs{planned, bound}, err
}

// plannedAs is a directory in a plan as an account meets it: what depends on who asks is asked of the server.
type plannedAs struct {
	directory.System
	account directory.Reader
}

// Info binds: an account that the server does not let in is refused in a plan as in a run.
func (p plannedAs) Info(ctx context.Context) (directory.Info, error) { return p.account.Info(ctx) }

// Writable says what the account may write.
func (p plannedAs) Writable(ctx context.Context, dn string, attrs ...string) (plan.Answer, []string, error) {
	return p.account.Writable(ctx, dn, attrs...)
}

// Log opens a log file for appending; it lies beside the site file unless its path says otherwise. Like any message of
// a run it shows no secret.
func (o *organisation) Log(ctx context.Context, path string) (io.WriteCloser, error) {
	f, err := o.log(o.site.file.at(path))
	if w, ok := plan.From(ctx); ok && err == nil {
		return redacted{f, w}, nil
	}
	return f, err
}

// redacted is a log whose every Write is a whole line.
type redacted struct {
	io.WriteCloser
	walk *plan.Walk
}

func (r redacted) Write(line []byte) (int, error) {
	if _, err := io.WriteString(r.WriteCloser, r.walk.Redact(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Options reads a file of options, relative to where the program was started.
func (o *organisation) Options(path string) ([]byte, error) { return readFile(path) }

func appendLog(path string) (io.WriteCloser, error) {
	return os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

type discardLog struct{ io.Writer }

func (discardLog) Close() error { return nil }

func noLog(string) (io.WriteCloser, error) { return discardLog{io.Discard}, nil }

// Gate refuses to move mailboxes while the giving server may still serve them (rule direction).
func (o *organisation) Gate(ctx context.Context, giving, taking string, _ bool) error {
	from, known := o.server(giving)
	if !known {
		return nil
	}
	to, standsIn := o.server(taking)
	m, err := o.state(ctx, from.Cluster)
	if value.HasCode(err, value.CodeUnreachable) && standsIn {
		m, err = o.unseen(ctx, from.Cluster, to.Cluster, err)
	}
	if err != nil {
		return err
	}
	for _, r := range m.Members(from.Group) {
		if r.Type == model.SystemAttendant && (r.State == model.Online || r.State == model.Pending) {
			err := plan.Breach(ctx, plan.Refusal{
				Rule:   plan.RuleDirection,
				Found:  fmt.Sprintf("server %q gives its mailboxes away, but %q of cluster %q is %s", giving, r.Name, from.Cluster, r.State),
				Wanted: "it to be offline",
				Hints:  []string{fmt.Sprintf("take it offline first: CLUSTER %s RESOURCE %q OFFLINE", from.Cluster, r.Name)},
			})
			if err != nil {
				return err
			}
		}
	}
	if !standsIn || to.Agent == "" {
		return nil
	}
	return o.whole(ctx, from.Agent, to.Agent, taking)
}

// unseen makes sure that a cluster which does not answer is off: then nothing of it serves.
func (o *organisation) unseen(ctx context.Context, cluster, standsIn string, why error) (*model.Cluster, error) {
	here, err := o.state(ctx, standsIn)
	if err != nil {
		return nil, err
	}
	return &model.Cluster{Name: cluster}, o.site.off(ctx, o.hosts, plan.RuleDirection, here, cluster, why)
}

func (o *organisation) state(ctx context.Context, cluster string) (*model.Cluster, error) {
	c, err := o.clusters.get(cluster)
	if err != nil {
		return nil, err
	}
	return c.State(ctx)
}

// whole refuses a target whose data is half a mirror.
func (o *organisation) whole(ctx context.Context, source, target, server string) error {
	inbound, err := o.agents.Inbound(ctx, target)
	if err != nil {
		return err
	}
	for _, in := range inbound {
		if in.Source == source && in.Connected && in.Data == mirror.Bad {
			err := plan.Breach(ctx, plan.Refusal{
				Rule:   plan.RuleDataState,
				Found:  fmt.Sprintf("the data of server %q are %s: mirror %q from %s has not completed", server, in.Data, in.Set, source),
				Wanted: fmt.Sprintf("%s or %s data", mirror.Good, mirror.Crash),
				Hints:  []string{"let the mirror complete, or go back to the last good state, before its stores are mounted"},
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *organisation) server(name string) (exchangeServer, bool) {
	for known, s := range o.site.file.Exchange.Servers {
		if strings.EqualFold(known, name) {
			return s, true
		}
	}
	return exchangeServer{}, false
}
