package embedded_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/core/embedded"
	"github.com/standin-project/standin/builtins/core/host"
	"github.com/standin-project/standin/runtime/value"
)

// network has a group that serves at 10.1.0.5, one that only holds 10.1.1.9, and the name exch1.
func network(down bool) core.System {
	return embedded.New(embedded.Options{
		Agent: "east",
		Down:  func() bool { return down },
		Owner: func(_ context.Context, addr netip.Addr) (embedded.Owner, bool, error) {
			switch addr.String() {
			case "10.1.0.5":
				return embedded.Owner{Cluster: "east", Group: "Exchange Group", Name: "EXCH1", Serving: true}, true, nil
			case "10.1.1.9":
				return embedded.Owner{Cluster: "west", Group: "Exchange Group"}, true, nil
			}
			return embedded.Owner{}, false, nil
		},
		Resolve: func(_ context.Context, name string) ([]netip.Addr, error) {
			if name == "exch1" {
				return []netip.Addr{netip.MustParseAddr("10.1.0.5")}, nil
			}
			return nil, nil
		},
		Programs: host.Host{},
	})
}

func TestProbe(t *testing.T) {
	const holds1, holds2 = `held by group "Exchange Group" of cluster "east"`, `held by group "Exchange Group" of cluster "west"`
	for _, c := range []struct {
		probe core.Probe
		want  core.Answer
	}{
		{core.Probe{Host: "10.1.0.5", Kind: core.Ping}, core.Answer{Answered: true, Address: "10.1.0.5", Detail: holds1}},
		{core.Probe{Host: "exch1", Kind: core.ARP}, core.Answer{Answered: true, Address: "10.1.0.5", Detail: holds1}},
		{core.Probe{Host: "exch9", Kind: core.Ping}, core.Answer{Detail: `no address for name "exch9"`}},
		{core.Probe{Host: "10.1.0.6", Kind: core.ARP}, core.Answer{Address: "10.1.0.6", Detail: "nobody holds the address"}},
		{core.Probe{Host: "exch1", Kind: core.TCP, Port: 25, Expect: "220"}, core.Answer{Answered: true, Address: "10.1.0.5", Detail: "220 exch1 ESMTP ready"}},
		{core.Probe{Host: "exch1", Kind: core.TCP, Port: 25, Expect: "* OK"}, core.Answer{Address: "10.1.0.5", Detail: `got "220 exch1 ESMTP ready", want "* OK"`}},
		{core.Probe{Host: "exch1", Kind: core.TCP, Port: 9}, core.Answer{Address: "10.1.0.5", Detail: "connection refused, " + holds1}},
		{core.Probe{Host: "exch1", Kind: core.HTTP, URL: "/owa"}, core.Answer{Answered: true, Address: "10.1.0.5", Detail: "200 OK", Status: 200}},
		{core.Probe{Host: "10.1.1.9", Kind: core.Ping}, core.Answer{Answered: true, Address: "10.1.1.9", Detail: holds2}},
		{core.Probe{Host: "10.1.1.9", Kind: core.TCP, Port: 25}, core.Answer{Address: "10.1.1.9", Detail: "connection refused, " + holds2}},
		{core.Probe{Host: "10.1.1.9", Kind: core.HTTP, URL: "/"}, core.Answer{Address: "10.1.1.9", Detail: "connection refused, " + holds2}},
	} {
		if got, err := network(false).Probe(t.Context(), c.probe); err != nil || got != c.want {
			t.Errorf("%+v:\n got %+v, %v\nwant %+v", c.probe, got, err, c.want)
		}
	}
}

func TestAHostThatIsAway(t *testing.T) {
	h := network(true)
	_, probed := h.Probe(t.Context(), core.Probe{Host: "10.1.0.5", Kind: core.Ping})
	_, asked := h.Query(t.Context(), core.Program{Path: "true"})
	_, ran := h.Exec(t.Context(), core.Program{Path: "true"})
	for _, err := range []error{probed, asked, ran} {
		var f *value.Failure
		if !errors.As(err, &f) || f.Code != value.CodeUnreachable {
			t.Errorf("got %v, want that the agent is not reachable", err)
		}
	}
}

func TestPrograms(t *testing.T) {
	for _, run := range []func(context.Context, core.Program) (core.Output, error){network(false).Query, network(false).Exec} {
		if out, err := run(t.Context(), core.Program{Path: "echo", Args: []string{"hello"}}); err != nil || out.Stdout != "hello\n" {
			t.Errorf("got %+v, %v", out, err)
		}
	}
}
