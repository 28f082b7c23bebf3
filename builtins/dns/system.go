package dns

import (
	"context"
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// Reader is the half of a DNS server that cannot change anything. Names are full, without the final dot;
// letter case is of no account. Errors are *value.Failure.
type Reader interface {
	// Name is the name that the site gives the server.
	Name() string
	// Lookup gives the record set at exactly this name: CNAMEs are not followed. A set that does not exist is empty,
	// but where a wildcard answers for the name, its records seem to be the name's own.
	Lookup(ctx context.Context, name, typ string) ([]Record, error)
	// Zone finds the zone of the server that holds name, by its SOA. CodeNotThere: the server holds none.
	Zone(ctx context.Context, name string) (Zone, error)
	// Zones are the zones that the server is known to hold; it may hold more.
	Zones() []string
	// Authorities are the authoritative servers behind this name, each to be asked on its own.
	Authorities() []Authority
}

// System is a DNS server that accepts updates.
type System interface {
	Reader
	// Update makes all swaps of u or none, and asks every authoritative server afterwards: their answers decide,
	// not the reply to the update. behind names the servers that did not show the new state in time although
	// another one did. CodeConflict: a set was not as the update says; CodeRefused: the server or a rule refused.
	Update(ctx context.Context, u Update) (behind []string, err error)
}

// Systems finds the DNS servers of a site.
type Systems interface {
	Server(name string) (System, error)
	Servers() []string
}

// Zone is a zone as its SOA describes it.
type Zone struct {
	Name string
	TTL  uint32 // seconds, for records that are added without one: the SOA's last field
}

// Lookup asks for the record set at exactly one name.
type Lookup func(ctx context.Context, name, typ string) ([]Record, error)

// Authority is one authoritative server, known by its address.
type Authority struct {
	Address string
	Lookup  Lookup
}

// Swap is one record set before and after. All records of a set have the same TTL.
type Swap struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	Old  []Record `json:"old,omitempty"`
	New  []Record `json:"new,omitempty"`
}

// Idle says whether the swap changes nothing.
func (s Swap) Idle() bool { return Equal(s.Old, s.New) }

// Update is what happens to one zone at once: a compare-and-swap of record sets.
type Update struct {
	Zone  string `json:"zone"`
	Swaps []Swap `json:"swaps"`
}

// Inverse is the update that takes u back.
func (u Update) Inverse() Update {
	back := Update{Zone: u.Zone}
	for _, s := range slices.Backward(u.Swaps) {
		back.Swaps = append(back.Swaps, Swap{Name: s.Name, Type: s.Type, Old: s.New, New: s.Old})
	}
	return back
}

// CheckRules says whether the zone would break a rule of DNS after u: a CNAME stands alone at its name, and a zone
// keeps an NS. A server may ignore such an update without a word, so this is asked before anything is sent.
func CheckRules(ctx context.Context, r Reader, u Update) error {
	after := func(ctx context.Context, name, typ string) ([]Record, error) {
		for _, s := range u.Swaps {
			if s.Type == typ && strings.EqualFold(s.Name, name) {
				return s.New, nil
			}
		}
		return r.Lookup(ctx, name, typ)
	}
	for _, s := range u.Swaps {
		if s.Type == "NS" && len(s.New) == 0 && strings.EqualFold(s.Name, u.Zone) {
			return value.Failf(value.CodeRefused, "cannot delete the last NS of zone %q", u.Zone).
				Hint("add the new NS first: a zone without one cannot be found")
		}
		if len(s.New) == 0 {
			continue
		}
		var err error
		if s.Type == "CNAME" {
			err = checkAlone(ctx, s, u.Zone, after)
		} else {
			err = checkNoCNAME(ctx, s, after)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkAlone(ctx context.Context, s Swap, zone string, after Lookup) error {
	if len(s.New) > 1 {
		return value.Failf(value.CodeRefused, "%q cannot have two CNAMEs: %s", s.Name, printed(s.New)).
			Hint("use DNS REPLACE to point it elsewhere")
	}
	if strings.EqualFold(s.Name, zone) {
		return value.Failf(value.CodeRefused, "cannot add a CNAME at %q: it is the zone's own name, which has other records", s.Name).
			Hint("give it A and MX records instead")
	}
	for _, typ := range Types() {
		if typ == "CNAME" {
			continue
		}
		other, err := after(ctx, s.Name, typ)
		if err != nil {
			return err
		}
		if len(other) > 0 {
			return value.Failf(value.CodeRefused, "cannot add a CNAME at %q: it has %s %s", s.Name, typ, printed(other)).
				Hint("a CNAME stands alone at its name: delete the %s first", typ)
		}
	}
	return nil
}

func checkNoCNAME(ctx context.Context, s Swap, after Lookup) error {
	cname, err := after(ctx, s.Name, "CNAME")
	if err != nil {
		return err
	}
	if len(cname) > 0 {
		return value.Failf(value.CodeRefused, "cannot add %s at %q: it is a CNAME of %s", s.Type, s.Name, cname[0].Data).
			Hint("a CNAME stands alone at its name: delete the CNAME first")
	}
	return nil
}

// holder finds the first server of the site that holds name, and the zone it is in. A server that does not answer
// is passed over, and named only if no other one holds the name.
func holder(ctx context.Context, all Systems, name string) (System, Zone, error) {
	var silent error
	var known []string
	for _, server := range all.Servers() {
		sys, err := all.Server(server)
		if err != nil {
			return nil, Zone{}, err
		}
		zone, err := sys.Zone(ctx, name)
		if err == nil {
			return sys, zone, nil
		}
		if ctx.Err() != nil {
			return nil, Zone{}, err
		}
		if !notThere(err) {
			silent = err
		}
		known = append(known, sys.Zones()...)
	}
	if silent != nil {
		return nil, Zone{}, silent
	}
	f := value.Failf(value.CodeNotThere, "no DNS server of this site holds %q", name)
	if len(known) > 0 {
		f.Hint("they hold %s", strings.Join(known, ", "))
	}
	return nil, Zone{}, f
}

func notThere(err error) bool {
	return value.HasCode(err, value.CodeNotThere)
}

// inZone finds the server that holds the very zone that a statement names.
func inZone(ctx context.Context, all Systems, text string) (System, Zone, error) {
	name, err := FullName(text)
	if err != nil {
		return nil, Zone{}, err
	}
	sys, zone, err := holder(ctx, all, name)
	if err != nil {
		return nil, Zone{}, err
	}
	return sys, zone, isZone(zone, name)
}

func isZone(z Zone, name string) error {
	if strings.EqualFold(z.Name, name) {
		return nil
	}
	return value.Failf(value.CodeNotThere, "%q is not a zone: it is a name in the zone %q", name, z.Name).
		Hint("write the zone %s and the name relative to it", z.Name)
}
