package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/standin-project/standin/runtime/journal"
)

// storeEntry says where the runs of a site are kept: in its folder of runs, or in an etcd cluster for a team on several
// hosts.
type storeEntry struct {
	Driver    string   `toml:"driver"`
	Endpoints []string `toml:"endpoints,omitempty"`
	Prefix    string   `toml:"prefix,omitempty"`
	Lease     string   `toml:"lease,omitempty"`
	CA        string   `toml:"ca_file,omitempty"`
	Cert      string   `toml:"cert_file,omitempty"`
	Key       string   `toml:"key_file,omitempty"`

	lease time.Duration
}

const (
	defaultPrefix = "/standin/"
	defaultLease  = 10 * time.Second
	minLease      = 2 * time.Second
	maxLease      = 10 * time.Minute
)

// remote says whether the runs are kept elsewhere.
func (e *storeEntry) remote() bool { return e != nil && e.Driver == "etcd" }

// validate tests the entry and fills in what it leaves out; path is the site file's.
func (e *storeEntry) validate(path string) error {
	if e == nil {
		return nil
	}
	bad := func(hint, format string, args ...any) error {
		return wrong(hint, "site file %q: [store] %s", path, fmt.Sprintf(format, args...))
	}
	switch e.Driver {
	case "file":
		if len(e.Endpoints) > 0 || e.Prefix+e.Lease+e.CA+e.Cert+e.Key != "" {
			return bad("write driver = \"etcd\", or take the other keys out", "has driver \"file\", which has no other keys")
		}
		return nil
	case "etcd":
	default:
		return bad("the drivers of a store are: file, etcd", "has driver %q", e.Driver)
	}
	if len(e.Endpoints) == 0 {
		return bad(`endpoints = ["https://etcd1:2379", …] names the members`, "has no endpoints")
	}
	for _, endpoint := range e.Endpoints {
		if err := e.endpoint(endpoint); err != nil {
			return bad("name each member as https://HOST:PORT; http:// is for loopback only", "has the endpoint %q: %v", endpoint, err)
		}
	}
	if (e.Cert == "") != (e.Key == "") {
		return bad("", "has one of cert_file and key_file, want both or none")
	}
	if e.Prefix == "" {
		e.Prefix = defaultPrefix
	}
	if e.Lease == "" {
		e.lease = defaultLease
		return nil
	}
	lease, err := time.ParseDuration(e.Lease)
	if err != nil || lease < minLease || lease > maxLease || lease%time.Second != 0 {
		return bad(`lease = "10s" is usual`, "has the lease %q, want whole seconds from %s to %s", e.Lease, minLease, maxLease)
	}
	e.lease = lease
	return nil
}

// endpoint tests the URL of a member. Beyond loopback both sides must show certificates: whoever may write there decides
// what a run undoes.
func (e *storeEntry) endpoint(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return err
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Port() == "" || u.Path != "" || u.RawQuery != "" || u.User != nil:
		return errors.New("it is no such URL")
	case loopback(u.Hostname()):
		return nil
	case u.Scheme != "https":
		return errors.New("it is beyond loopback and has no TLS")
	case e.Cert == "":
		return errors.New("it is beyond loopback, and there is no cert_file and key_file")
	}
	return nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// breaking gives a subcommand that makes runs the flag --break-glass.
func breaking(own func(*flag.FlagSet) runner) func(*flag.FlagSet) runner {
	return func(fs *flag.FlagSet) runner {
		var reason string
		glassFlag(fs, &reason)
		run := own(fs)
		return func(a *app, ctx context.Context, args []string) error {
			a.breakGlass = reason
			return run(a, ctx, args)
		}
	}
}

func glassFlag(fs *flag.FlagSet, reason *string) {
	fs.Func("break-glass", "`REASON`: the store of the runs does not answer: journal on this host, and merge later", func(text string) error {
		if text == "" {
			return errors.New("want a reason, which the journal keeps")
		}
		*reason = text
		return nil
	})
}

// storeHint is the way out when the store of the runs does not answer, "" for any other error.
func storeHint(err error) string {
	if _, away := errors.AsType[*journal.UnreachableError](err); !away {
		return ""
	}
	return "mend the store, or give run, resume, undo or do --break-glass REASON: the run is then journaled on this host, without the locks of the store"
}

// merger is a store that keeps runs on this host until they can be copied to where they belong.
type merger interface {
	Merge(ctx context.Context, each func(r *journal.Run, err error) error) error
}

// merge copies the runs that were journaled on this host with --break-glass to the store of the site.
func (a *app) merge(ctx context.Context) error {
	file, err := a.loadSite()
	if err != nil {
		return err
	}
	store, err := a.openStore(file)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // nothing of it is left to be written
	m, ok := store.(merger)
	if !ok {
		return wrong("the runs are listed by standin runs", "nothing is to be merged: the site's store is its folder of runs")
	}
	failed := false
	err = m.Merge(ctx, func(r *journal.Run, err error) error {
		failed = failed || err != nil
		return a.tellMerged(r, err)
	})
	if err == nil && failed {
		err = ended{exitFailed}
	}
	return err
}

func (a *app) tellMerged(r *journal.Run, err error) error {
	switch {
	case a.json && err != nil:
		return a.encode(map[string]any{"id": r.ID, "merged": false, "error": err.Error()})
	case a.json:
		return a.encode(map[string]any{"id": r.ID, "merged": true})
	case err != nil:
		_, err = fmt.Fprintf(a.stderr, "standin: run %s (%s) stays on this host: %v\n", r.ID, r.Script, err)
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "run %s (%s) is in the store\n", r.ID, r.Script)
	return err
}
