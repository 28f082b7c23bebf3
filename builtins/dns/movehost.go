package dns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

func (v verbs) moveHost() def.Command {
	return def.Command{
		Signature: sig.Signature{
			Usage:   "DNS MOVE HOST <host:fqdn> FROM <from:address> TO <to:address>",
			Summary: "Moves a host to another address: its A or AAAA first, then its PTR in the reverse zones.",
			Docs: map[string]string{
				"host": "the host's full name",
				"from": "the address that it leaves",
				"to":   "the address that it gets",
			},
			Example: `DNS MOVE HOST exch1.mydomain.com FROM 10.1.0.5 TO 10.1.1.9;`,
		},
		Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
			host, err := FullName(c.Text("host"))
			if err != nil {
				return nil, err
			}
			from, to, err := addresses(c.Text("from"), c.Text("to"))
			if err != nil {
				return nil, err
			}
			forward, err := v.forward(ctx, host, from, to)
			if err != nil {
				return nil, err
			}
			reverse, left, err := v.reverse(ctx, host, from, to)
			if err != nil {
				return nil, err
			}
			a, err := action(ctx, c, append(forward, reverse...), fmt.Sprintf("%s is at %s already", host, to))
			if err != nil || a.Do == nil {
				return a, err
			}
			do := a.Do
			a.Do = func(ctx context.Context) (value.Value, error) {
				for _, note := range left {
					c.Say("%s", note)
				}
				return do(ctx)
			}
			return a, nil
		},
	}
}

func addresses(from, to string) (a, b netip.Addr, err error) {
	if a, err = netip.ParseAddr(from); err == nil {
		b, err = netip.ParseAddr(to)
	}
	switch {
	case err != nil:
		return a, b, value.Failf(value.CodeBadParameter, "cannot move a host: %w", err)
	case a.Is4() != b.Is4():
		return a, b, value.Failf(value.CodeBadParameter, "cannot move a host from %s to %s: they are of different kinds", a, b).
			Hint("use DNS DELETE and DNS ADD")
	case a == b:
		return a, b, value.Failf(value.CodeBadParameter, "cannot move a host from %s to the same address", a)
	}
	return a, b, nil
}

// forward is the edit of the host's address records.
func (v verbs) forward(ctx context.Context, host string, from, to netip.Addr) ([]edit, error) {
	sys, zone, err := holder(ctx, v.systems, host)
	if err != nil {
		return nil, err
	}
	p, err := find(ctx, sys, zone, host+".", addressType(from))
	if err != nil {
		return nil, err
	}
	leaves := Record{Name: host, Type: p.typ, TTL: p.usualTTL(), Data: from.String()}
	comes := leaves
	comes.Data = to.String()
	if err := p.want(ctx, leaves, comes); err != nil {
		return nil, err
	}
	want := with(without(p.old, leaves), comes)
	return []edit{{sys, Update{zone.Name, []Swap{{p.name, p.typ, p.old, want}}}}}, nil
}

// reverse are the edits of the host's PTRs: one if both addresses are in one zone, else the one that comes before the one
// that goes, whose TTL it takes over: a run that is cut off between them finds it there. An address in a reverse zone
// that no server of the site holds has no PTR to keep; left says which.
func (v verbs) reverse(ctx context.Context, host string, from, to netip.Addr) (edits []edit, left []string, err error) {
	var ttl *uint32 // of the PTR that goes
	for _, address := range []netip.Addr{from, to} {
		p, err := v.pointer(ctx, address)
		if notThere(err) {
			left = append(left, fmt.Sprintf("%s; the PTR of %s is left to its owner", err, address))
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		ptr := Record{Name: p.name, Type: "PTR", TTL: p.usualTTL(), Data: host}
		want := p.old
		switch {
		case address == from && Has(p.old, ptr):
			ttl = &ptr.TTL
			want = without(p.old, ptr)
		case address == to && !Has(p.old, ptr):
			if ttl != nil && len(p.old) == 0 {
				ptr.TTL = *ttl
			}
			want = with(p.old, ptr)
		}
		edits = join(edits, edit{p.sys, Update{p.zone.Name, []Swap{{p.name, p.typ, p.old, want}}}})
	}
	slices.Reverse(edits)
	return edits, left, nil
}

// join puts two edits of one zone into one message.
func join(edits []edit, e edit) []edit {
	for i, o := range edits {
		if o.sys.Name() == e.sys.Name() && strings.EqualFold(o.update.Zone, e.update.Zone) {
			edits[i].update.Swaps = append(o.update.Swaps, e.update.Swaps...)
			return edits
		}
	}
	return append(edits, e)
}

// pointer finds where an address's PTRs are: at its name in the reverse tree, or where a CNAME there sends readers
// (RFC 2317: networks smaller than a byte have zones of their own).
func (v verbs) pointer(ctx context.Context, a netip.Addr) (*place, error) {
	name := ReverseName(a)
	for range maxChain {
		sys, zone, err := holder(ctx, v.systems, name)
		if err != nil {
			return nil, err
		}
		cname, err := sys.Lookup(ctx, name, "CNAME")
		if err != nil {
			return nil, err
		}
		if len(cname) == 0 {
			return find(ctx, sys, zone, name+".", "PTR")
		}
		name = cname[0].Data
	}
	return nil, value.Failf(value.CodeConflict, "cannot find the PTR of %s: more than %d CNAMEs lead from its reverse name", a, maxChain)
}
