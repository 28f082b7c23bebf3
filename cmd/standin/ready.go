package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/watch"
)

// readyFlags are those of `standin ready`.
type readyFlags struct {
	lost    nameList
	every   time.Duration
	lag     time.Duration // above which data that is not sent is worth a warning
	listen  string
	tls     watch.TLS
	webhook string
	status  string
}

// nameList is a flag that may be given several times.
type nameList []string

var _ flag.Value = (*nameList)(nil)

func (l *nameList) String() string { return strings.Join(*l, ",") }

// Set adds a name.
func (l *nameList) Set(name string) error {
	*l = append(*l, name)
	return nil
}

// leastEvery is the shortest time between two checks: each reads every system of the site.
const leastEvery = time.Second

func readyCommand(fs *flag.FlagSet) runner {
	f := &readyFlags{}
	fs.Var(&f.lost, "lost", "plan as if this cluster and agent were gone; may be given again")
	fs.DurationVar(&f.lag, "lag", 15*time.Minute, "warn when data is not sent and the target's last change is older than this")
	fs.DurationVar(&f.every, "every", 0, "check again and again, this long after each other, and print what changes")
	fs.StringVar(&f.listen, "listen", "", "with --every: serve a page, /metrics, /ready and /status.json here; loopback only without mutual TLS")
	fs.StringVar(&f.tls.Cert, "tls-cert", "", "of --listen: the PEM file of our certificate")
	fs.StringVar(&f.tls.Key, "tls-key", "", "of --listen: the PEM file of its key")
	fs.StringVar(&f.tls.CA, "tls-ca", "", "of --listen: the PEM file of the authority that callers' certificates come from")
	fs.StringVar(&f.webhook, "webhook", "", "with --every: POST the verdict as JSON to this URL when it changes")
	fs.StringVar(&f.status, "status", "", "write the verdict as JSON to this file, whole or not at all")
	return func(a *app, ctx context.Context, args []string) error { return a.readiness(ctx, args, f) }
}

// readiness checks once, or again and again.
func (a *app) readiness(ctx context.Context, args []string, f *readyFlags) error {
	if len(args) == 0 {
		return errNoScript()
	}
	if err := f.check(); err != nil {
		return err
	}
	if f.every > 0 {
		return a.keepReady(ctx, args, f)
	}
	v, err := a.verdict(ctx, args, f)
	if err != nil {
		return err
	}
	if err := f.save(v); err != nil {
		return err
	}
	if a.json {
		err = a.encode(v)
	} else {
		err = v.Print(a.stdout)
	}
	if err != nil {
		return err
	}
	switch v.State {
	case watch.Ready:
		return nil
	case watch.Unpredictable:
		return ended{exitPlan}
	}
	return ended{exitFailed}
}

// check refuses flags that mean nothing together.
func (f *readyFlags) check() error {
	switch {
	case f.every < 0 || f.every > 0 && f.every < leastEvery:
		return wrong("each check reads every system of the site", "--every: got %s, want %s or more", f.every, leastEvery)
	case f.every == 0 && f.listen != "":
		return wrong("add --every 10m", "--listen serves what --every finds; --every is missing")
	case f.every == 0 && f.webhook != "":
		return wrong("add --every 10m", "--webhook tells what --every finds; --every is missing")
	case f.lag <= 0:
		return wrong("", "--lag: got %s, want more than 0", f.lag)
	}
	return nil
}

// gone gives the names in the site file's spelling of what --lost names.
func (f *readyFlags) gone(site *siteFile) ([]string, error) {
	known := slices.Sorted(maps.Keys(site.Clusters))
	known = append(known, slices.Sorted(maps.Keys(site.Agents))...)
	var names []string
	for _, name := range f.lost {
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
		if i < 0 {
			hint := "the site has " + strings.Join(slices.Compact(slices.Sorted(slices.Values(known))), ", ")
			if near := diag.Suggest(name, known); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, wrong(hint, "--lost: the site has no cluster or agent %q", name)
		}
		if !slices.Contains(names, known[i]) {
			names = append(names, known[i])
		}
	}
	return names, nil
}

// verdict checks a runbook once. The error is about the call or this program; what stops the runbook stands in the
// verdict.
func (a *app) verdict(ctx context.Context, args []string, f *readyFlags) (*watch.Verdict, error) {
	began := time.Now()
	site, s, err := a.ready(ctx, args)
	if err != nil {
		return nil, err
	}
	lost, err := f.gone(site.file)
	if err != nil {
		return nil, errors.Join(err, site.close())
	}
	c := &checkup{app: a, site: site, s: s, flags: f, rehearsal: newRehearsal(lost), verdict: &watch.Verdict{
		Script: s.path, Params: given(args[1:], s), Lost: lost, Checked: began,
		Findings: []watch.Finding{}, Connections: []watch.Connection{},
	}}
	c.verdict.Host, _ = os.Hostname() //nolint:errcheck // a host without a name has none to show
	err = c.all(ctx)
	if err == nil {
		c.verdict.Took = time.Since(began).Seconds()
		err = c.stamp(ctx)
	}
	return c.verdict, errors.Join(err, site.close())
}

// given are the arguments that may be shown.
func given(args []string, s *script) []string {
	var shown []string
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if d := param(s.checked, name); d != nil && strings.EqualFold(d.Type.Text, "SECRET") {
			arg = name + "=•••"
		}
		shown = append(shown, arg)
	}
	return shown
}
