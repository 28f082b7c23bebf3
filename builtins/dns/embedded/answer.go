package embedded

import (
	"strings"

	mdns "github.com/miekg/dns"
)

// maxChain is how many CNAMEs one answer follows.
const maxChain = 8

// zones are all zones of a server by origin.
type zones map[string]*zone

// holding finds the zone that a name is in: the one with the longest origin.
func (all zones) holding(name string) *zone {
	for _, i := range append(mdns.Split(name), len(name)) {
		origin := name[i:]
		if origin == "" {
			origin = "."
		}
		if z := all[origin]; z != nil {
			return z
		}
	}
	return nil
}

// answer fills in the reply to a query.
func (all zones) answer(r *mdns.Msg) {
	q := r.Question[0]
	name := canonical(q.Name)
	z := all.holding(name)
	if z == nil || q.Qclass != mdns.ClassINET {
		r.Rcode = mdns.RcodeRefused
		return
	}
	if q.Qtype == mdns.TypeAXFR || q.Qtype == mdns.TypeIXFR {
		r.Rcode = mdns.RcodeNotImplemented
		return
	}
	asked := q.Name
	for range maxChain {
		if cut := z.cut(name); cut != nil {
			z.refer(r, cut)
			return
		}
		r.Authoritative = true
		rrs, known := z.at(name)
		found := pick(rrs, asked, q.Qtype)
		r.Answer = append(r.Answer, found...)
		if len(found) > 0 && q.Qtype != mdns.TypeANY {
			if cname, ok := found[0].(*mdns.CNAME); ok && q.Qtype != mdns.TypeCNAME {
				asked, name = cname.Target, canonical(cname.Target)
				if z = all.holding(name); z != nil {
					continue
				}
			}
		}
		if len(found) == 0 {
			z.deny(r, known)
		}
		return
	}
}

// pick gives the records of a type, or the CNAME that stands for them, under the name that was asked for: a
// wildcard's records have every name.
func pick(rrs []mdns.RR, asked string, typ uint16) []mdns.RR {
	var found []mdns.RR
	for _, rr := range rrs {
		t := rr.Header().Rrtype
		if t != typ && typ != mdns.TypeANY && t != mdns.TypeCNAME {
			continue
		}
		if strings.HasPrefix(rr.Header().Name, "*.") {
			rr = mdns.Copy(rr)
			rr.Header().Name = asked
		}
		found = append(found, rr)
	}
	return found
}

// at gives the records of a name, by way of a wildcard if it does not exist, and whether it is known at all.
func (z *zone) at(name string) (rrs []mdns.RR, known bool) {
	if z.exists(name) {
		return z.names[name], true
	}
	for name != z.origin {
		_, name, _ = strings.Cut(name, ".")
		if z.exists(name) {
			rrs = z.names["*."+name]
			return rrs, len(rrs) > 0
		}
	}
	return nil, false
}

// cut gives the NS set by which a name is delegated to another server.
func (z *zone) cut(name string) []mdns.RR {
	depth := mdns.CountLabel(z.origin)
	labels := mdns.Split(name)
	for i := len(labels) - depth - 1; i >= 0; i-- {
		if ns := z.set(name[labels[i]:], mdns.TypeNS); len(ns) > 0 {
			return ns
		}
	}
	return nil
}

// refer sends the asker to the servers of a delegated zone, with their addresses as far as they are here.
func (z *zone) refer(r *mdns.Msg, cut []mdns.RR) {
	r.Ns = append(r.Ns, cut...)
	for _, rr := range cut {
		host := rr.(*mdns.NS).Ns
		r.Extra = append(r.Extra, z.set(host, mdns.TypeA)...)
		r.Extra = append(r.Extra, z.set(host, mdns.TypeAAAA)...)
	}
}

// deny says that there is no such record, or no such name, and how long that may be believed.
func (z *zone) deny(r *mdns.Msg, known bool) {
	soa := mdns.Copy(z.soa()).(*mdns.SOA)
	soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	r.Ns = append(r.Ns, soa)
	if !known {
		r.Rcode = mdns.RcodeNameError
	}
}
