package rfc2136_test

import (
	"testing"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/dnstest"
	"github.com/standin-project/standin/builtins/dns/rfc2136"
	"github.com/standin-project/standin/runtime/value"
)

// client reaches a real server with its key.
func client(t *testing.T, s *dnstest.Server) *rfc2136.Client {
	t.Helper()
	c, err := rfc2136.New(rfc2136.Config{
		Name: "dns1", Servers: []string{s.Address}, Key: &rfc2136.Key{Name: s.KeyName, Secret: s.Secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBind(t *testing.T) {
	dnstest.Run(t, func(t *testing.T) dns.System { return client(t, dnstest.Bind(t)) })
}

func TestKnot(t *testing.T) {
	dnstest.Run(t, func(t *testing.T) dns.System { return client(t, dnstest.Knot(t)) })
}

// TestWrongKey: real servers refuse a signature in their own ways.
func TestWrongKey(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *dnstest.Server{"bind": dnstest.Bind, "knot": dnstest.Knot} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			for _, key := range []*rfc2136.Key{nil, {Name: s.KeyName, Secret: wrong}, {Name: "nobody", Secret: s.Secret}, {Name: s.KeyName, Secret: s.Secret, Algorithm: "hmac-sha512"}} {
				c := reach(t, func(cfg *rfc2136.Config) { cfg.Key = key }, s.Address)
				_, err := c.Update(t.Context(), dns.Update{Zone: "example.test", Swaps: []dns.Swap{{
					Name: host, Type: "A", New: dnstest.Set(host, "A", 300, "192.0.2.2"),
				}}})
				wantFailure(t, err, value.CodeRefused, "does not change zone example.test")
			}
		})
	}
}

// TestServersThatDoNotFollow: two primaries that know nothing of each other, of which only the first is updated.
func TestServersThatDoNotFollow(t *testing.T) {
	a, b := dnstest.Bind(t), dnstest.Knot(t)
	c := reach(t, func(cfg *rfc2136.Config) { cfg.Key = &rfc2136.Key{Name: a.KeyName, Secret: a.Secret} }, a.Address, b.Address)
	behind, err := c.Update(t.Context(), dns.Update{Zone: "example.test", Swaps: []dns.Swap{{
		Name: host, Type: "A", New: dnstest.Set(host, "A", 300, "192.0.2.2"),
	}}})
	if err != nil || len(behind) != 1 || behind[0] != b.Address {
		t.Errorf("got behind %v, %v, want %s", behind, err, b.Address)
	}
}
