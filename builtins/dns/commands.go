package dns

import (
	"context"
	"fmt"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// Commands are the records of DNS. s is asked for servers only when a command runs: nil is enough for help and check.
func Commands(s Systems) []def.Command {
	v := verbs{systems: s}
	all := []def.Command{v.add(), v.delete(), v.replace(), v.ttl(), v.moveHost(), v.oldAdd(), v.oldDelete()}
	for i := range all {
		all[i].Effect = sig.Changes
		all[i].Undo = v.undo
	}
	return def.Of("dns", all, []def.Command{v.query(), v.wait()})
}

// verbs are the commands' functions over the servers of a site.
type verbs struct{ systems Systems }

// docs picks the descriptions of slots that many commands have.
func docs(slots ...string) map[string]string {
	all := map[string]string{
		"zone": "the zone, as its SOA names it",
		"name": "the record's name: relative to the zone, @ for the zone itself, or full",
		"type": "A AAAA CNAME MX NS PTR SRV or TXT",
		"data": "the record's data: an address, a name, <preference> <name> for MX, <priority> <weight> <port> <name> for SRV, texts for TXT; " +
			"a name with a dot in it is full, any other is relative to the zone",
		"seconds": "how long resolvers may keep the answer",
		"server":  "a DNS server of the site",
	}
	picked := make(map[string]string, len(slots))
	for _, s := range slots {
		picked[s] = all[s]
	}
	return picked
}

// place is the record set that a statement is about.
type place struct {
	sys  System
	zone Zone
	name string
	typ  string
	old  []Record
}

// find reads the operands <name> and <type> in the zone and looks the set up.
func find(ctx context.Context, sys System, zone Zone, name, typ string) (*place, error) {
	typ, err := ParseType(typ)
	if err != nil {
		return nil, err
	}
	if name, err = NameIn(zone.Name, name); err != nil {
		return nil, err
	}
	old, err := sys.Lookup(ctx, name, typ)
	if len(old) > 0 {
		name = old[0].Name // a set has one spelling of its name
	}
	return &place{sys, zone, name, typ, old}, err
}

// record makes a record of the place.
func (p *place) record(operands []string) (Record, error) {
	data, err := ParseData(p.zone.Name, p.typ, operands)
	return Record{Name: p.name, Type: p.typ, TTL: p.usualTTL(), Data: data}, err
}

// usualTTL is the TTL of records that are added without one.
func (p *place) usualTTL() uint32 {
	if len(p.old) > 0 {
		return p.old[0].TTL
	}
	return p.zone.TTL
}

// become is the action that makes the set be want.
func (p *place) become(ctx context.Context, c *def.Call, want []Record, why string) (*def.Action, error) {
	u := Update{Zone: p.zone.Name, Swaps: []Swap{{Name: p.name, Type: p.typ, Old: p.old, New: want}}}
	return action(ctx, c, []edit{{p.sys, u}}, why)
}

func (p *place) String() string { return p.typ + " " + p.name }

// with is set with r, without without it; both leave set alone.
func with(set []Record, r Record) []Record { return append(without(set, r), r) }

func without(set []Record, r Record) []Record {
	var rest []Record
	for _, o := range set {
		if !o.Same(r) {
			rest = append(rest, o)
		}
	}
	return rest
}

// withTTL gives every record of set the TTL: a set has one.
func withTTL(set []Record, ttl uint32) []Record {
	all := make([]Record, len(set))
	for i, r := range set {
		r.TTL = ttl
		all[i] = r
	}
	return all
}

// seconds reads a TTL operand.
func seconds(c *def.Call, slot string) (ttl uint32, given bool, err error) {
	n, given := c.Int(slot)
	if n < 0 || n > 1<<31-1 {
		return 0, given, value.Failf(value.CodeBadParameter, "got a TTL of %d seconds, want 0 to 2147483647", n)
	}
	return uint32(n), given, nil
}

func (v verbs) add() def.Command {
	return def.Command{
		Signature: sig.Signature{
			Usage:   "DNS ADD <zone:text> <name:text> <type:text> <data:text>… [TTL <seconds>]",
			Summary: "Adds a record to a zone; one that is there already is left as it is.",
			Docs:    docs("zone", "name", "type", "data", "seconds"),
			Example: `DNS ADD mydomain.com mail2 A 10.1.1.9 TTL 300;`,
		},
		Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
			sys, zone, err := inZone(ctx, v.systems, c.Text("zone"))
			if err != nil {
				return nil, err
			}
			return observeAdd(ctx, c, sys, zone, c.Texts("data"), "seconds")
		},
	}
}

func observeAdd(ctx context.Context, c *def.Call, sys System, zone Zone, data []string, ttlSlot string) (*def.Action, error) {
	ttl, given, err := seconds(c, ttlSlot)
	if err != nil {
		return nil, err
	}
	p, err := find(ctx, sys, zone, c.Text("name"), c.Text("type"))
	if err != nil {
		return nil, err
	}
	r, err := p.record(data)
	if err != nil {
		return nil, err
	}
	if !given {
		ttl = r.TTL
	}
	return p.become(ctx, c, withTTL(with(p.old, r), ttl), fmt.Sprintf("%s %s is there already", p, r.Data))
}

func (v verbs) delete() def.Command {
	return def.Command{
		Signature: sig.Signature{
			Usage:   "DNS DELETE <zone:text> <name:text> <type:text> [<data:text>…]",
			Summary: "Deletes a record from a zone, or without data all records of the type at the name; what is not there needs no deleting.",
			Docs:    docs("zone", "name", "type", "data"),
			Example: `DNS DELETE mydomain.com WebMail CNAME exch1.mydomain.com;`,
		},
		Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
			sys, zone, err := inZone(ctx, v.systems, c.Text("zone"))
			if err != nil {
				return nil, err
			}
			return observeDelete(ctx, c, sys, zone)
		},
	}
}

func observeDelete(ctx context.Context, c *def.Call, sys System, zone Zone) (*def.Action, error) {
	p, err := find(ctx, sys, zone, c.Text("name"), c.Text("type"))
	if err != nil {
		return nil, err
	}
	data := c.Texts("data")
	if len(data) == 0 {
		return p.become(ctx, c, nil, fmt.Sprintf("there is no %s", p))
	}
	r, err := p.record(data)
	if err != nil {
		return nil, err
	}
	return p.become(ctx, c, without(p.old, r), fmt.Sprintf("there is no %s %s", p, r.Data))
}

func (v verbs) replace() def.Command {
	d := docs("zone", "name", "type")
	d["old"] = "the data of the record that goes"
	d["new"] = "the data of the record that comes; it gets the old one's TTL"
	return def.Command{
		Signature: sig.Signature{
			Usage:   "DNS REPLACE <zone:text> <name:text> <type:text> <old:text>… WITH <new:text>…",
			Summary: "Replaces a record by another one at once, so that no client meets the name without either.",
			Docs:    d,
			Example: `DNS REPLACE mydomain.com @ MX 10 exch1.mydomain.com WITH 10 exch2.mydomain.com;`,
		},
		Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
			sys, zone, err := inZone(ctx, v.systems, c.Text("zone"))
			if err != nil {
				return nil, err
			}
			p, err := find(ctx, sys, zone, c.Text("name"), c.Text("type"))
			if err != nil {
				return nil, err
			}
			from, err := p.record(c.Texts("old"))
			if err != nil {
				return nil, err
			}
			to, err := p.record(c.Texts("new"))
			if err != nil {
				return nil, err
			}
			return p.swap(ctx, c, from, to)
		},
	}
}

func (p *place) swap(ctx context.Context, c *def.Call, from, to Record) (*def.Action, error) {
	if err := p.want(ctx, from, to); err != nil {
		return nil, err
	}
	want := p.old
	if !from.Same(to) {
		want = with(without(p.old, from), to)
	}
	return p.become(ctx, c, want, fmt.Sprintf("%s is %s already", p, to.Data))
}

// want says whether the set has a record to replace: from, or already the one that replaces it.
func (p *place) want(ctx context.Context, from, to Record) error {
	if Has(p.old, from) || Has(p.old, to) {
		return nil
	}
	f := value.Failf(value.CodeConflict, "%s is not as the statement says: got %s, want %s", p, orNone(p.old), from.Data)
	if len(p.old) > 0 {
		return f.Hint("name the data it has, or look with DNS QUERY %s %s", p.name, p.typ)
	}
	cname, err := p.sys.Lookup(ctx, p.name, "CNAME")
	if err != nil {
		return err
	}
	if len(cname) > 0 && p.typ != "CNAME" {
		return f.Hint("%s is a CNAME of %s: name that host", p.name, cname[0].Data)
	}
	return f.Hint("use DNS ADD where there is nothing to replace")
}

func (v verbs) ttl() def.Command {
	return def.Command{
		Signature: sig.Signature{
			Usage:   "DNS TTL <zone:text> <name:text> <type:text> <seconds>",
			Summary: "Sets how long resolvers may keep the records of a name and type, ahead of a planned move.",
			Docs:    docs("zone", "name", "type", "seconds"),
			Example: `DNS TTL mydomain.com exch1 A 60;`,
		},
		Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
			ttl, _, err := seconds(c, "seconds")
			if err != nil {
				return nil, err
			}
			sys, zone, err := inZone(ctx, v.systems, c.Text("zone"))
			if err != nil {
				return nil, err
			}
			p, err := find(ctx, sys, zone, c.Text("name"), c.Text("type"))
			if err != nil {
				return nil, err
			}
			if len(p.old) == 0 {
				return nil, value.Failf(value.CodeNotThere, "there is no %s", p).Hint("DNS TTL changes records that are there; DNS ADD … TTL adds one")
			}
			return p.become(ctx, c, withTTL(p.old, ttl), fmt.Sprintf("%s has the TTL %d already", p, ttl))
		},
	}
}

func (v verbs) oldAdd() def.Command {
	d := docs("server", "zone", "name", "type", "data")
	d["ttl"] = "how long resolvers may keep the answer, in seconds"
	return def.Command{
		Signature: sig.Signature{
			Usage:   "DNSCMD <server:dnsserver> /RecordAdd <zone:text> <name:text> [<ttl:seconds>] <type:text> <data:text>…",
			Summary: "Adds a record to a zone of one server; the old program's form of DNS ADD.",
			Docs:    d,
			Example: `dnscmd dns1 /RecordAdd mydomain.com @ MX 20 exch2.mydomain.com`,
			OldLine: true,
		},
		Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
			sys, zone, err := v.named(ctx, c)
			if err != nil {
				return nil, err
			}
			return observeAdd(ctx, c, sys, zone, c.Texts("data"), "ttl")
		},
	}
}

func (v verbs) oldDelete() def.Command {
	d := docs("server", "zone", "name", "type", "data")
	return def.Command{
		Signature: sig.Signature{
			Usage:   "DNSCMD <server:dnsserver> /RecordDelete <zone:text> <name:text> <type:text> [<data:text>…] [/f]",
			Summary: "Deletes a record from a zone of one server; the old program's form of DNS DELETE, which asks nothing with or without /f.",
			Docs:    d,
			Example: `dnscmd dns1 /RecordDelete mydomain.com WebMail CNAME exch1.mydomain.com /f`,
			OldLine: true,
		},
		Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
			sys, zone, err := v.named(ctx, c)
			if err != nil {
				return nil, err
			}
			return observeDelete(ctx, c, sys, zone)
		},
	}
}

// named finds the server and the zone that an old program's line names.
func (v verbs) named(ctx context.Context, c *def.Call) (System, Zone, error) {
	sys, err := v.systems.Server(c.Text("server"))
	if err != nil {
		return nil, Zone{}, err
	}
	name, err := FullName(c.Text("zone"))
	if err != nil {
		return nil, Zone{}, err
	}
	zone, err := sys.Zone(ctx, name)
	if err != nil {
		return nil, Zone{}, err
	}
	return sys, zone, isZone(zone, name)
}
