// Package rfc2136 drives DNS servers that take dynamic updates: BIND, Knot, PowerDNS, Windows, Samba.
package rfc2136

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// Config says how a server is reached.
type Config struct {
	// Name is the site's name of the server.
	Name string
	// Servers are the addresses of the zones' authoritative servers, primaries first, port 53 if they name none. The
	// first that answers is asked and updated; after an update all of them are asked.
	Servers []string
	// Zones are zones that it is known to hold; it is asked for others all the same.
	Zones []string
	// Key signs updates; nil sends them unsigned.
	Key *Key
	// Timeout is that of one try, 2 s if it is 0; Tries is how often a server is asked that does not answer, 3 if
	// it is 0; Settle is how long servers get to show an update, 2 s if it is 0.
	Timeout time.Duration
	Tries   int
	Settle  time.Duration
}

// Client is a DNS server reached over the network. It keeps no connection open and is safe for concurrent use.
type Client struct {
	cfg    Config
	ask    exchange // with retries
	once   exchange
	recent atomic.Int32 // index of the server that answered last: one that is lost costs its time-outs once
}

var _ dns.System = (*Client)(nil)

// New makes a client; nothing is asked yet.
func New(cfg Config) (*Client, error) {
	if len(cfg.Servers) == 0 {
		return nil, value.Failf(value.CodeBadParameter, "DNS server %q has no address", cfg.Name).Hint("name its servers in the site file")
	}
	cfg.Servers = slices.Clone(cfg.Servers)
	for i, s := range cfg.Servers {
		cfg.Servers[i] = withPort(s)
	}
	if err := checkKey(cfg); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.Tries == 0 {
		cfg.Tries = 3
	}
	if cfg.Settle == 0 {
		cfg.Settle = 2 * time.Second
	}
	once := direct(cfg.Timeout, cfg.Key)
	return &Client{cfg: cfg, once: once, ask: retrying(once, cfg.Tries)}, nil
}

func checkKey(cfg Config) error {
	if cfg.Key == nil {
		return nil
	}
	known := []string{mdns.HmacSHA256, mdns.HmacSHA384, mdns.HmacSHA512}
	if !slices.Contains(known, cfg.Key.algorithm()) {
		return value.Failf(value.CodeBadParameter, "DNS server %q: got TSIG algorithm %q, want hmac-sha256, hmac-sha384 or hmac-sha512",
			cfg.Name, cfg.Key.Algorithm)
	}
	if _, err := base64.StdEncoding.DecodeString(cfg.Key.Secret); err != nil || cfg.Key.Secret == "" {
		return value.Failf(value.CodeBadParameter, "DNS server %q: the secret of TSIG key %q is not base64", cfg.Name, cfg.Key.Name).
			Hint("use the secret that tsig-keygen printed")
	}
	return nil
}

// Name is the site's name of the server.
func (c *Client) Name() string { return c.cfg.Name }

// Zones are the zones that the site file names.
func (c *Client) Zones() []string { return slices.Clone(c.cfg.Zones) }

// Authorities are the servers of the configuration.
func (c *Client) Authorities() []dns.Authority {
	all := make([]dns.Authority, len(c.cfg.Servers))
	for i, server := range c.cfg.Servers {
		all[i] = dns.Authority{Address: server, Lookup: func(ctx context.Context, name, typ string) ([]dns.Record, error) {
			return c.lookupAt(ctx, c.ask, server, name, typ)
		}}
	}
	return all
}

// Lookup asks the servers for a record set until one answers.
func (c *Client) Lookup(ctx context.Context, name, typ string) (set []dns.Record, err error) {
	err = c.first(ctx, func(server string) error {
		set, err = c.lookupAt(ctx, c.ask, server, name, typ)
		return err
	})
	return set, err
}

// first calls f for one server after the other, that of the last answer first, until one does it or refuses for all.
// The error is that of the last one, but rather a refusal than a silence.
func (c *Client) first(ctx context.Context, f func(server string) error, passed ...int) (err error) {
	start := int(c.recent.Load())
	for i := range c.cfg.Servers {
		at := (start + i) % len(c.cfg.Servers)
		last := f(c.cfg.Servers[at])
		if err == nil || last == nil || !silent(last) {
			err = last
		}
		if !silent(last) && !value.HasCode(last, passed...) {
			c.recent.Store(int32(at))
			return err
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

func silent(err error) bool { return value.HasCode(err, value.CodeUnreachable) }

// query asks one server and gives its reply, if it answered for its own zones.
func (c *Client) query(ctx context.Context, ask exchange, server, name string, typ uint16) (*mdns.Msg, error) {
	m := new(mdns.Msg)
	m.SetQuestion(mdns.Fqdn(name), typ)
	m.RecursionDesired = false
	m.SetEdns0(ednsSize, false)
	r, err := ask(ctx, server, m)
	if err != nil {
		return nil, c.noAnswer(ctx, server, err)
	}
	referral := slices.ContainsFunc(r.Ns, func(rr mdns.RR) bool { return rr.Header().Rrtype == mdns.TypeNS })
	switch {
	case r.Rcode != mdns.RcodeSuccess && r.Rcode != mdns.RcodeNameError && r.Rcode != mdns.RcodeRefused && r.Rcode != mdns.RcodeNotAuth:
		return nil, c.refusal(server, "cannot answer for "+name, r)
	case !r.Authoritative && !referral:
		return nil, value.Failf(value.CodeNotThere, "DNS server %q holds no zone of %q", c.cfg.Name, name).
			Hint("name an authoritative server in the site file, not a resolver")
	}
	return r, nil
}

func (c *Client) noAnswer(ctx context.Context, server string, err error) error {
	if ctx.Err() != nil {
		return value.Failf(value.CodeCancelled, "stopped asking DNS server %q at %s: %w", c.cfg.Name, server, ctx.Err())
	}
	if errors.Is(err, errUnverified) {
		return value.Failf(value.CodeRefused, "DNS server %q at %s: %w", c.cfg.Name, server, err).Hint(keyHint)
	}
	return value.Failf(value.CodeUnreachable, "DNS server %q does not answer at %s: %w", c.cfg.Name, server, err).
		Hint("see that it runs and that port 53 is open over UDP and TCP")
}

// lookupAt asks one server for a record set. The records of a delegation stand outside the answer section.
func (c *Client) lookupAt(ctx context.Context, ask exchange, server, name, typ string) ([]dns.Record, error) {
	code := mdns.StringToType[typ]
	r, err := c.query(ctx, ask, server, name, code)
	if err != nil {
		return nil, err
	}
	var set []dns.Record
	for _, rr := range slices.Concat(r.Answer, r.Ns, r.Extra) {
		if h := rr.Header(); h.Rrtype == code && strings.EqualFold(h.Name, mdns.Fqdn(name)) {
			set = append(set, FromRR(rr))
		}
	}
	dns.Sort(set)
	return set, nil
}

// Zone asks for the SOA of name: a server that has none there tells that of the zone in its refusal.
func (c *Client) Zone(ctx context.Context, name string) (zone dns.Zone, err error) {
	err = c.first(ctx, func(server string) error {
		zone, err = c.zoneAt(ctx, server, name)
		return err
	})
	return zone, err
}

func (c *Client) zoneAt(ctx context.Context, server, name string) (dns.Zone, error) {
	r, err := c.query(ctx, c.ask, server, name, mdns.TypeSOA)
	if err != nil {
		return dns.Zone{}, err
	}
	if slices.ContainsFunc(r.Answer, func(rr mdns.RR) bool { return rr.Header().Rrtype == mdns.TypeCNAME }) {
		_, parent, _ := strings.Cut(name, ".") // the SOA told is that of the CNAME's target
		return c.zoneAt(ctx, server, parent)
	}
	for _, rr := range slices.Concat(r.Answer, r.Ns) {
		if soa, ok := rr.(*mdns.SOA); ok {
			return dns.Zone{Name: strings.TrimSuffix(soa.Hdr.Name, "."), TTL: soa.Minttl}, nil
		}
	}
	return dns.Zone{}, value.Failf(value.CodeNotThere, "DNS server %q holds no zone of %q", c.cfg.Name, name)
}

// Update sends the message, and then lets the servers' answers decide: one that took it may have changed nothing, one
// whose reply was lost or does not verify may have changed everything.
func (c *Client) Update(ctx context.Context, u dns.Update) (behind []string, err error) {
	if err := dns.CheckRules(ctx, c, u); err != nil {
		return nil, err
	}
	m, err := message(u)
	if err != nil {
		return nil, err
	}
	m.SetEdns0(ednsSize, false)
	sent := c.submit(ctx, m, u)
	settle := c.cfg.Settle
	if sent != nil {
		settle = 0
	}
	behind = c.awaited(ctx, u, settle)
	switch {
	case len(behind) < len(c.cfg.Servers):
		return behind, nil
	case sent != nil:
		return nil, sent
	case ctx.Err() != nil:
		return nil, value.Failf(value.CodeCancelled, "stopped while DNS server %q changed zone %q: %w", c.cfg.Name, u.Zone, ctx.Err())
	}
	return nil, value.Failf(value.CodeRefused, "DNS server %q took the update of zone %q but does not show it", c.cfg.Name, u.Zone).
		Hint("the server ignores what breaks its rules; its log says which")
}

// submit gives the update to the first server that takes it; a secondary that does not is passed over. A copy that
// arrives twice does no harm: the second one's prerequisites fail.
func (c *Client) submit(ctx context.Context, m *mdns.Msg, u dns.Update) error {
	return c.first(ctx, func(server string) error {
		if err := plan.StillHeld(ctx); err != nil {
			return err
		}
		r, err := c.ask(ctx, server, m)
		switch {
		case err != nil:
			return c.noAnswer(ctx, server, err)
		case r.Rcode == mdns.RcodeSuccess:
			return nil
		}
		return c.refusal(server, "does not change zone "+u.Zone, r)
	}, value.CodeRefused)
}

const keyHint = "compare the TSIG key's name, secret and algorithm, and the clocks: they may differ by 300 s at most"

// refusal says what a reply's code means.
func (c *Client) refusal(server, what string, r *mdns.Msg) error {
	reply := mdns.RcodeToString[r.Rcode]
	if opt := r.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*mdns.EDNS0_EDE); ok && ede.ExtraText != "" {
				reply += ", " + ede.ExtraText
			}
		}
	}
	if t := r.IsTsig(); t != nil && t.Error != 0 {
		reply += ", " + mdns.RcodeToString[int(t.Error)]
	}
	fail := func(code int) *value.Failure {
		return value.Failf(code, "DNS server %q at %s %s: it answered %s", c.cfg.Name, server, what, reply)
	}
	switch r.Rcode {
	case mdns.RcodeYXDomain, mdns.RcodeYXRrset, mdns.RcodeNXRrset, mdns.RcodeNameError:
		return fail(value.CodeConflict).Hint("a record was changed meanwhile, or a wildcard answers for a name that has none: look with DNS QUERY and run it again")
	case mdns.RcodeRefused:
		return fail(value.CodeRefused).Hint("allow the site's TSIG key to update the zone; the server's log says what it refuses")
	case mdns.RcodeNotAuth:
		return fail(value.CodeRefused).Hint(keyHint)
	case mdns.RcodeNotImplemented:
		return fail(value.CodeRefused).Hint("the server takes no dynamic updates")
	}
	return fail(value.CodeFailed)
}

// awaited asks all servers until they show the update or the time is over, and gives those that do not.
func (c *Client) awaited(ctx context.Context, u dns.Update, settle time.Duration) []string {
	deadline := time.Now().Add(settle)
	shown := make([]bool, len(c.cfg.Servers))
	var wg sync.WaitGroup
	for i, server := range c.cfg.Servers {
		wg.Go(func() {
			for {
				shown[i] = c.shows(ctx, server, u)
				if shown[i] || ctx.Err() != nil || time.Now().After(deadline) {
					return
				}
				pause(ctx, 50*time.Millisecond)
			}
		})
	}
	wg.Wait()
	var behind []string
	for i, server := range c.cfg.Servers {
		if !shown[i] {
			behind = append(behind, server)
		}
	}
	return behind
}

// shows says whether a server answers as it should after u: what came is there and what went is gone, whatever others
// changed since. It is asked once: a lost server must not hold up a change that another one shows.
func (c *Client) shows(ctx context.Context, server string, u dns.Update) bool {
	for _, s := range u.Swaps {
		set, err := c.lookupAt(ctx, c.once, server, s.Name, s.Type)
		missing := func(r dns.Record) bool { return !kept(r, s.Old) && !kept(r, set) }
		left := func(r dns.Record) bool { return !dns.Has(s.New, r) && dns.Has(set, r) }
		if err != nil || slices.ContainsFunc(s.New, missing) || slices.ContainsFunc(s.Old, left) {
			return false
		}
	}
	return true
}
