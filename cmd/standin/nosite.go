package main

import (
	"context"
	"io"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/value"
)

// noSite gives the systems of a call without a site file: this machine's own network and programs, and nothing else.
func (a *app) noSite() builtins.Systems {
	n := nowhere{a.thisHost()}
	return builtins.Systems{Mirror: n, Cluster: n, DNS: n, Directory: n, Exchange: n, Core: n}
}

// nowhere has no system but the host it runs on.
type nowhere struct{ here core.System }

func noSystem() error { return value.Failf(value.CodeNotThere, "%v", errNoSite).Hint("%s", siteHint) }

func (n nowhere) Host(agent string) (core.System, error) {
	if agent == "" {
		return n.here, nil
	}
	return nil, noSystem()
}

func (nowhere) Mirror() (mirror.System, error)                      { return nil, noSystem() }
func (nowhere) Defaults() (source, target string)                   { return "", "" }
func (nowhere) Cluster(string) (cluster.System, error)              { return nil, noSystem() }
func (nowhere) Clusters() []string                                  { return nil }
func (nowhere) Server(string) (dns.System, error)                   { return nil, noSystem() }
func (nowhere) Servers() []string                                   { return nil }
func (nowhere) Directory(string) (directory.System, error)          { return nil, noSystem() }
func (nowhere) Log(context.Context, string) (io.WriteCloser, error) { return nil, noSystem() }
func (nowhere) Options(string) ([]byte, error)                      { return nil, noSystem() }
func (nowhere) Gate(context.Context, string, string, bool) error    { return noSystem() }
func (nowhere) Organisation(context.Context, directory.Login) (string, directory.System, error) {
	return "", nil, noSystem()
}
