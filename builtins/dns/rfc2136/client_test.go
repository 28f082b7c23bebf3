package rfc2136_test

import (
	"testing"
	"time"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/dnstest"
	"github.com/standin-project/standin/builtins/dns/rfc2136"
	"github.com/standin-project/standin/runtime/value"
)

// client reaches a real server with its key of the algorithm.
func client(t *testing.T, algorithm string, s *dnstest.Server) *rfc2136.Client {
	t.Helper()
	c, err := rfc2136.New(rfc2136.Config{
		Name: "dns1", Servers: []string{s.Address}, Key: &rfc2136.Key{Name: s.Keys[algorithm], Secret: s.Secret, Algorithm: algorithm},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBind(t *testing.T) {
	t.Parallel()
	dnstest.Run(t, func(t *testing.T) dns.System { return client(t, "hmac-sha256", dnstest.Bind(t)) })
}

func TestKnot(t *testing.T) {
	t.Parallel()
	dnstest.Run(t, func(t *testing.T) dns.System { return client(t, "hmac-sha512", dnstest.Knot(t)) })
}

// appears is the update that adds a host.
func appears() dns.Update {
	return dns.Update{Zone: "example.test", Swaps: []dns.Swap{{Name: host, Type: "A", New: dnstest.Set(host, "A", 300, "192.0.2.2")}}}
}

// TestWrongKey: real servers refuse a signature in their own ways.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *dnstest.Server{"bind": dnstest.Bind, "knot": dnstest.Knot} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			name := s.Keys["hmac-sha256"]
			for _, key := range []*rfc2136.Key{
				nil, {Name: name, Secret: wrong}, {Name: "nobody", Secret: s.Secret}, {Name: name, Secret: s.Secret, Algorithm: "hmac-sha512"},
			} {
				c := reach(t, func(cfg *rfc2136.Config) { cfg.Key = key }, s.Address)
				_, err := c.Update(t.Context(), appears())
				wantFailure(t, err, value.CodeRefused, "does not change zone example.test")
			}
		})
	}
}

// TestSecondaryFollows: an update counts as shown everywhere once the secondary has transferred it.
func TestSecondaryFollows(t *testing.T) {
	t.Parallel()
	primary := dnstest.Bind(t)
	secondary := dnstest.BindSecondary(t, primary)
	c := reach(t, func(cfg *rfc2136.Config) {
		cfg.Key = &rfc2136.Key{Name: primary.Keys["hmac-sha512"], Secret: primary.Secret, Algorithm: "hmac-sha512"}
		cfg.Settle = time.Minute
	}, secondary.Address, primary.Address)
	if behind, err := c.Update(t.Context(), appears()); err != nil || len(behind) > 0 {
		t.Fatalf("got behind %v, %v", behind, err)
	}
	for _, a := range c.Authorities() {
		if set, err := a.Lookup(t.Context(), host, "A"); err != nil || len(set) != 1 {
			t.Errorf("%s: got %v, %v", a.Address, set, err)
		}
	}
}

// TestServersThatDoNotFollow: two primaries that know nothing of each other, of which only the first is updated.
func TestServersThatDoNotFollow(t *testing.T) {
	t.Parallel()
	a, b := dnstest.Bind(t), dnstest.Knot(t)
	key := &rfc2136.Key{Name: a.Keys["hmac-sha256"], Secret: a.Secret}
	c := reach(t, func(cfg *rfc2136.Config) { cfg.Key = key }, a.Address, b.Address)
	if behind, err := c.Update(t.Context(), appears()); err != nil || len(behind) != 1 || behind[0] != b.Address {
		t.Errorf("got behind %v, %v, want %s", behind, err, b.Address)
	}
}
