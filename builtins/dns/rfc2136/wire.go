package rfc2136

import (
	"slices"
	"strings"

	mdns "github.com/miekg/dns"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/runtime/value"
)

// ToRR gives the record as the library has it.
func ToRR(r dns.Record) (mdns.RR, error) {
	typ, known := mdns.StringToType[r.Type]
	if !known || !slices.Contains(dns.Types(), r.Type) {
		return nil, value.Failf(value.CodeBadParameter, "%q is not a type of DNS record", r.Type)
	}
	data := r.Data
	if hasName(typ) {
		data = mdns.Fqdn(data)
	}
	header := mdns.RR_Header{Name: mdns.Fqdn(r.Name), Rrtype: typ, Class: mdns.ClassINET, Ttl: r.TTL}
	rr, err := mdns.NewRR(header.String() + data)
	if err != nil {
		return nil, value.Failf(value.CodeBadParameter, "cannot write %s %s %s as a record: %w", r.Type, r.Name, r.Data, err)
	}
	return rr, nil
}

// FromRR gives the library's record as people write it.
func FromRR(rr mdns.RR) dns.Record {
	h := rr.Header()
	data := strings.TrimPrefix(rr.String(), h.String())
	if hasName(h.Rrtype) && data != "." && !strings.HasSuffix(data, " .") {
		data = strings.TrimSuffix(data, ".")
	}
	return dns.Record{
		Name: strings.TrimSuffix(h.Name, "."), Type: mdns.TypeToString[h.Rrtype], TTL: h.Ttl, Data: data,
	}
}

// hasName says whether the data of a type ends with a name.
func hasName(typ uint16) bool {
	switch typ {
	case mdns.TypeCNAME, mdns.TypeMX, mdns.TypeNS, mdns.TypePTR, mdns.TypeSRV:
		return true
	}
	return false
}

func toRRs(records []dns.Record) ([]mdns.RR, error) {
	rrs := make([]mdns.RR, len(records))
	for i, r := range records {
		rr, err := ToRR(r)
		if err != nil {
			return nil, err
		}
		rrs[i] = rr
	}
	return rrs, nil
}

// message writes an update. Its prerequisites make it a compare-and-swap: the server refuses it if a set is not as
// the update's Old, or if a CNAME would meet other records.
func message(u dns.Update) (*mdns.Msg, error) {
	m := new(mdns.Msg)
	m.SetUpdate(mdns.Fqdn(u.Zone))
	for _, s := range u.Swaps {
		old, err := toRRs(s.Old)
		if err != nil {
			return nil, err
		}
		if len(old) > 0 {
			m.Used(old)
		} else {
			m.RRsetNotUsed(bare(s.Name, s.Type))
		}
		requireAlone(m, u, s)
	}
	return m, change(m, u)
}

// requireAlone adds the prerequisites by which a CNAME that comes is alone and nothing comes beside one. Sets that u
// swaps itself are required to be as it says already.
func requireAlone(m *mdns.Msg, u dns.Update, s dns.Swap) {
	if len(s.New) == 0 || len(s.Old) > 0 {
		return
	}
	var others []string
	for _, typ := range dns.Types() {
		if (s.Type == "CNAME") != (typ == "CNAME") && !swaps(u, s.Name, typ) {
			others = append(others, typ)
		}
	}
	if s.Type == "CNAME" && len(others) == len(dns.Types())-1 {
		m.NameNotUsed(bare(s.Name, "ANY")) // keeps out records of unknown types too
		return
	}
	for _, typ := range others {
		m.RRsetNotUsed(bare(s.Name, typ))
	}
}

func swaps(u dns.Update, name, typ string) bool {
	return slices.ContainsFunc(u.Swaps, func(s dns.Swap) bool { return s.Type == typ && strings.EqualFold(s.Name, name) })
}

func bare(name, typ string) []mdns.RR {
	return []mdns.RR{&mdns.ANY{Hdr: mdns.RR_Header{Name: mdns.Fqdn(name), Rrtype: mdns.StringToType[typ]}}}
}

// change writes what becomes of the sets. Servers carry a message out in order and ignore without a word what breaks
// a rule on the way, so NSs come before others go, and all else comes after. A record whose TTL changes is deleted
// and added: Knot leaves the TTL of one that is there already alone.
func change(m *mdns.Msg, u dns.Update) error {
	var early, gone, come []dns.Record
	for _, s := range u.Swaps {
		for _, r := range s.Old {
			if !kept(r, s.New) {
				gone = append(gone, r)
			}
		}
		for _, r := range s.New {
			switch {
			case kept(r, s.Old):
			case r.Type == "NS" && !dns.Has(s.Old, r):
				early = append(early, r)
			default:
				come = append(come, r)
			}
		}
	}
	first, err := toRRs(early)
	if err != nil {
		return err
	}
	deletes, err := toRRs(gone)
	if err != nil {
		return err
	}
	adds, err := toRRs(come)
	if err != nil {
		return err
	}
	m.Insert(first)
	m.Remove(deletes)
	m.Insert(adds)
	return nil
}

func kept(r dns.Record, set []dns.Record) bool {
	return slices.ContainsFunc(set, func(o dns.Record) bool { return o.Same(r) && o.TTL == r.TTL })
}
