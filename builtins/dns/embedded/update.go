package embedded

import (
	"slices"

	mdns "github.com/miekg/dns"

	"github.com/standin-project/standin/builtins/dns"
)

// update is RFC 2136, section 3: it gives the zone after the message, the same one if nothing changed, or the code
// by which the message is refused.
func (z *zone) update(m *mdns.Msg) (next *zone, rcode int) {
	if rcode := z.prerequisites(m.Answer); rcode != mdns.RcodeSuccess {
		return z, rcode
	}
	for _, rr := range m.Ns {
		if rcode := z.scan(rr); rcode != mdns.RcodeSuccess {
			return z, rcode
		}
	}
	next = z.clone()
	changed := false
	for _, rr := range m.Ns {
		switch rr.Header().Class {
		case mdns.ClassINET:
			changed = next.add(rr) || changed
		case mdns.ClassANY:
			changed = next.deleteSet(rr.Header()) || changed
		case mdns.ClassNONE:
			changed = next.deleteRecord(rr) || changed
		}
	}
	if !changed {
		return z, mdns.RcodeSuccess
	}
	next.bump()
	return next, mdns.RcodeSuccess
}

func (z *zone) prerequisites(all []mdns.RR) (rcode int) {
	type set struct {
		name string
		typ  uint16
	}
	want := make(map[set][]mdns.RR)
	for _, rr := range all {
		h := rr.Header()
		if !mdns.IsSubDomain(z.origin, canonical(h.Name)) {
			return mdns.RcodeNotZone
		}
		inUse := len(z.names[canonical(h.Name)]) > 0
		exists := len(z.set(h.Name, h.Rrtype)) > 0
		switch {
		case h.Ttl != 0:
			return mdns.RcodeFormatError
		case h.Class == mdns.ClassANY && h.Rrtype == mdns.TypeANY && !inUse:
			return mdns.RcodeNameError
		case h.Class == mdns.ClassANY && h.Rrtype != mdns.TypeANY && !exists:
			return mdns.RcodeNXRrset
		case h.Class == mdns.ClassNONE && h.Rrtype == mdns.TypeANY && inUse:
			return mdns.RcodeYXDomain
		case h.Class == mdns.ClassNONE && h.Rrtype != mdns.TypeANY && exists:
			return mdns.RcodeYXRrset
		case h.Class == mdns.ClassINET:
			key := set{canonical(h.Name), h.Rrtype}
			want[key] = append(want[key], rr)
		}
	}
	for key, rrs := range want {
		if !sameData(z.set(key.name, key.typ), rrs) {
			return mdns.RcodeNXRrset
		}
	}
	return mdns.RcodeSuccess
}

func sameData(a, b []mdns.RR) bool {
	in := func(set []mdns.RR) func(mdns.RR) bool {
		return func(rr mdns.RR) bool { return !slices.ContainsFunc(set, func(o mdns.RR) bool { return same(o, rr) }) }
	}
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}

// same says whether two records have the same name, type and data. The library compares classes too, which in an
// update say what is to be done.
func same(a, b mdns.RR) bool {
	if a.Header().Rrtype != b.Header().Rrtype {
		return false
	}
	b = mdns.Copy(b)
	b.Header().Class = a.Header().Class
	return mdns.IsDuplicate(a, b)
}

// scan looks at a change before any is made.
func (z *zone) scan(rr mdns.RR) (rcode int) {
	h := rr.Header()
	meta := h.Rrtype == mdns.TypeOPT || h.Rrtype >= 128 && h.Rrtype <= 255 // no data of a zone
	switch {
	case !mdns.IsSubDomain(z.origin, canonical(h.Name)):
		return mdns.RcodeNotZone
	case h.Class == mdns.ClassINET && (meta || !whole(rr)),
		h.Class == mdns.ClassANY && (h.Ttl != 0 || meta && h.Rrtype != mdns.TypeANY),
		h.Class == mdns.ClassNONE && (h.Ttl != 0 || meta),
		h.Class != mdns.ClassINET && h.Class != mdns.ClassANY && h.Class != mdns.ClassNONE:
		return mdns.RcodeFormatError
	case h.Class == mdns.ClassINET && h.Rrtype != mdns.TypeSOA && !slices.Contains(dns.Types(), mdns.TypeToString[h.Rrtype]):
		return mdns.RcodeRefused // the commands know no others
	}
	return mdns.RcodeSuccess
}

// whole says whether the record has all of its data, so that the zone file can hold it: the library takes parts.
func whole(rr mdns.RR) bool {
	_, err := mdns.NewRR(rr.String())
	return err == nil
}

// add adds a record or gives it another TTL. As the standard has it, what a CNAME or the SOA stands against is
// ignored without a word. A set has one TTL: that of the last record that was added.
func (z *zone) add(rr mdns.RR) (changed bool) {
	h := rr.Header()
	old := z.names[canonical(h.Name)]
	isCNAME := func(o mdns.RR) bool { return o.Header().Rrtype == mdns.TypeCNAME }
	if h.Rrtype == mdns.TypeCNAME && len(old) > 0 && !slices.ContainsFunc(old, isCNAME) ||
		h.Rrtype != mdns.TypeCNAME && slices.ContainsFunc(old, isCNAME) || h.Rrtype == mdns.TypeSOA {
		return false
	}
	next := make([]mdns.RR, 0, len(old)+1)
	there := false
	for _, o := range old {
		switch {
		case o.Header().Rrtype != h.Rrtype:
			next = append(next, o)
		case same(o, rr):
			there = true
			next = append(next, withTTL(o, h.Ttl))
			changed = changed || o.Header().Ttl != h.Ttl
		case isCNAME(o):
		default:
			next = append(next, withTTL(o, h.Ttl))
		}
	}
	if !there {
		next, changed = append(next, rr), true
	}
	z.put(h.Name, next)
	return changed
}

func withTTL(rr mdns.RR, ttl uint32) mdns.RR {
	if rr.Header().Ttl == ttl {
		return rr
	}
	rr = mdns.Copy(rr)
	rr.Header().Ttl = ttl
	return rr
}

// deleteSet deletes all records of a type, or of all types, at a name; the SOA and NS of the zone itself stay.
func (z *zone) deleteSet(h *mdns.RR_Header) (changed bool) {
	return z.remove(h.Name, func(rr mdns.RR) bool {
		return h.Rrtype == mdns.TypeANY || rr.Header().Rrtype == h.Rrtype
	}, false)
}

// deleteRecord deletes one record; the SOA and the zone's last NS stay.
func (z *zone) deleteRecord(rr mdns.RR) (changed bool) {
	spareNS := len(z.set(z.origin, mdns.TypeNS)) > 1
	return z.remove(rr.Header().Name, func(o mdns.RR) bool { return same(o, rr) }, spareNS)
}

func (z *zone) remove(name string, doomed func(mdns.RR) bool, apexNS bool) (changed bool) {
	var next []mdns.RR
	for _, rr := range z.names[canonical(name)] {
		typ := rr.Header().Rrtype
		kept := canonical(name) == z.origin && (typ == mdns.TypeSOA || typ == mdns.TypeNS && !apexNS)
		if kept || !doomed(rr) {
			next = append(next, rr)
			continue
		}
		changed = true
	}
	if changed {
		z.put(name, next)
	}
	return changed
}
