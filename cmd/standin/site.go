package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/plan"
)

const siteUsage = "usage: standin site init DIR [--users N] | show | check | fail NAME | heal NAME"

func siteCommand(fs *flag.FlagSet) runner {
	users := fs.Int("users", 100, "mailboxes of a new site, 0 to 1000000")
	return func(a *app, ctx context.Context, args []string) error { return a.siteVerb(ctx, *users, args) }
}

// siteVerb makes, shows, checks, breaks and mends a site.
func (a *app) siteVerb(ctx context.Context, users int, args []string) error {
	if len(args) == 0 {
		return wrong(siteUsage, "no verb of site given")
	}
	verb, rest := args[0], args[1:]
	want := map[string]int{"init": 1, "show": 0, "check": 0, "fail": 1, "heal": 1}
	n, known := want[verb]
	if !known {
		hint := siteUsage
		if near := diag.Suggest(verb, slices.Collect(maps.Keys(want))); near != "" {
			hint = fmt.Sprintf("did you mean %q? %s", near, siteUsage)
		}
		return wrong(hint, "unknown verb %q of site", verb)
	}
	if len(rest) != n {
		return wrong(siteUsage, "site %s: got %d arguments, want %d", verb, len(rest), n)
	}
	if verb == "init" {
		return a.siteInit(rest[0], users)
	}
	file, err := a.loadSite()
	if err != nil {
		return err
	}
	s, err := a.open(ctx, file)
	if err != nil {
		return err
	}
	defer s.close() //nolint:errcheck // nothing of these verbs is left to be written
	switch verb {
	case "show":
		return a.siteShow(ctx, s)
	case "check":
		return a.siteCheck(ctx, s)
	default:
		return a.siteBreak(ctx, s, verb, rest[0])
	}
}

// stateful is a system of the site itself: its state is part of the site's.
type stateful interface {
	Show(ctx context.Context) (map[string]any, error)
}

// breakable is a system that can be taken away, to try what happens then.
type breakable interface {
	Fail(ctx context.Context) error
	Heal(ctx context.Context) error
}

// show gives the observable state of every system of the site: clusters, dns, directory, trees, connections.
func (s *site) show(ctx context.Context) (map[string]any, error) {
	clusters, directories := map[string]any{}, map[string]any{}
	for _, name := range s.clusters.names {
		c, err := s.clusters.get(name)
		if err != nil {
			return nil, err
		}
		if e, ok := c.(stateful); ok {
			if clusters[name], err = e.Show(ctx); err != nil {
				return nil, err
			}
		}
	}
	servers, err := s.showDNS(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range s.directories.names {
		d, err := s.directories.get(name)
		if err != nil {
			return nil, err
		}
		if directories[name], err = directory.Show(ctx, d); err != nil {
			return nil, err
		}
	}
	agents, err := s.agents.Show(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"clusters": clusters, "dns": servers, "directory": directories,
		"trees": agents["trees"], "connections": agents["connections"],
	}, nil
}

// showDNS gives the records of the site's own DNS servers, by server and zone.
func (s *site) showDNS(ctx context.Context) (map[string]any, error) {
	servers := map[string]any{}
	for _, name := range s.dns.names {
		d, err := s.dns.get(name)
		if err != nil {
			return nil, err
		}
		if e, ok := d.(stateful); ok {
			if servers[name], err = e.Show(ctx); err != nil {
				return nil, err
			}
		}
	}
	return servers, nil
}

func (a *app) siteShow(ctx context.Context, s *site) error {
	state, err := s.show(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.encode(state)
	}
	_, err = fmt.Fprint(a.stdout, outline(state, ""))
	return err
}

// outline prints nested maps as indented lines, keys sorted.
func outline(v any, in string) string {
	var b strings.Builder
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			switch child := v[k].(type) {
			case map[string]any, []any, []string, []map[string]any:
				fmt.Fprintf(&b, "%s%s:\n%s", in, k, outline(child, in+"  "))
			default:
				fmt.Fprintf(&b, "%s%s: %v\n", in, k, child)
			}
		}
	case []string:
		for _, s := range v {
			fmt.Fprintf(&b, "%s%s\n", in, s)
		}
	case []map[string]any:
		for _, m := range v {
			b.WriteString(outline(m, in))
		}
	case []any:
		for _, x := range v {
			switch x := x.(type) {
			case map[string]any, []any:
				b.WriteString(outline(x, in))
			default:
				fmt.Fprintf(&b, "%s%v\n", in, x)
			}
		}
	}
	return b.String()
}

// siteCheck asks every system of the site file whether it answers.
func (a *app) siteCheck(ctx context.Context, s *site) error {
	failed := false
	say := func(kind, name string, err error) {
		failed = failed || err != nil
		said := "answers"
		if err != nil {
			said = a.hidden().Redact(err.Error())
		}
		if a.json {
			a.encode(map[string]any{"system": kind, "name": name, "answers": err == nil, "detail": said}) //nolint:errcheck // the exit code says it too
			return
		}
		fmt.Fprintf(a.stdout, "%s %s: %s\n", kind, name, said)
	}
	for _, name := range s.agents.Agents() {
		_, err := s.agents.Sets(ctx, name)
		say("agent", name, err)
	}
	for _, name := range s.clusters.names {
		c, err := s.clusters.get(name)
		if err == nil {
			_, err = c.State(ctx)
		}
		say("cluster", name, err)
	}
	for _, name := range s.dns.names {
		d, err := s.dns.get(name)
		if err == nil {
			err = zonesAnswer(ctx, d)
		}
		say("DNS server", name, err)
	}
	for _, name := range s.directories.names {
		d, err := s.directories.get(name)
		if err == nil {
			_, err = d.Info(ctx)
		}
		say("directory", name, err)
	}
	if failed {
		return ended{exitFailed}
	}
	return nil
}

func zonesAnswer(ctx context.Context, d dns.Reader) error {
	for _, zone := range d.Zones() {
		if _, err := d.Zone(ctx, zone); err != nil {
			return err
		}
	}
	return nil
}

// siteBreak takes an embedded cluster and its agent away, or brings them back.
func (a *app) siteBreak(ctx context.Context, s *site, verb, name string) error {
	agent, aerr := s.agents.Resolve(name)
	c, cerr := s.clusters.get(name)
	if aerr != nil && cerr != nil {
		return wrong(strings.Join(plan.AsFailure(cerr).Hints, "; "), "%v", cerr)
	}
	if e, ok := c.(breakable); cerr == nil && ok {
		change := e.Fail
		if verb == "heal" {
			change = e.Heal
		}
		if err := change(ctx); err != nil {
			return err
		}
		if err := a.tellBroken(verb, "cluster", name, "it reads as fenced", "nothing starts by itself"); err != nil {
			return err
		}
	}
	if aerr == nil {
		change := s.agents.Fail
		if verb == "heal" {
			change = s.agents.Heal
		}
		if err := change(agent); err != nil {
			return err
		}
		return a.tellBroken(verb, "agent", agent, "it does not answer", "it answers")
	}
	return nil
}

// tellBroken says what has become of a system that was taken away or brought back.
func (a *app) tellBroken(verb, kind, name, away, back string) error {
	state, then := "taken away", away
	if verb == "heal" {
		state, then = "back", back
	}
	if a.json {
		return a.encode(map[string]string{"system": kind, "name": name, "state": state})
	}
	_, err := fmt.Fprintf(a.stderr, "%s %s: %s; %s\n", kind, name, state, then)
	return err
}
