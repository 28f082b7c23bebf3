package embedded

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/rfc2136"
)

// zone is one zone. It is never changed: an update makes the next one.
type zone struct {
	origin string // canonical: lower case, with the final dot
	path   string // of its file
	names  map[string][]mdns.RR
}

func canonical(name string) string { return mdns.CanonicalName(name) }

// parseZone reads a zone file. It must say its $ORIGIN; $INCLUDE is refused.
func parseZone(text, path string) (*zone, error) {
	z := &zone{path: path, names: make(map[string][]mdns.RR)}
	parser := mdns.NewZoneParser(strings.NewReader(text), "", path)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if soa, ok := rr.(*mdns.SOA); ok {
			z.origin = canonical(soa.Hdr.Name)
		}
		z.put(rr.Header().Name, append(z.names[canonical(rr.Header().Name)], rr))
	}
	if err := parser.Err(); err != nil {
		return nil, fmt.Errorf("cannot read zone file %q: %w", path, err)
	}
	if z.origin == "" || z.origin == "." {
		return nil, fmt.Errorf("cannot read zone file %q: it has no SOA of a zone", path)
	}
	for name := range z.names {
		if !mdns.IsSubDomain(z.origin, name) {
			return nil, fmt.Errorf("cannot read zone file %q: %q is not in the zone %q", path, name, z.origin)
		}
	}
	return z, nil
}

// text writes the zone file: the SOA, then the records in order, names relative to the zone.
func (z *zone) text() []byte {
	var b bytes.Buffer
	soa := z.soa()
	fmt.Fprintf(&b, "; Kept by standin: edit it only while nothing uses the site.\n$ORIGIN %s\n$TTL %d\n", z.origin, soa.Minttl)
	for _, rr := range z.sorted() {
		h := rr.Header()
		fields := []string{relative(h.Name, z.origin)}
		if h.Ttl != soa.Minttl {
			fields = append(fields, fmt.Sprint(h.Ttl))
		}
		fields = append(fields, mdns.TypeToString[h.Rrtype], dataOf(rr))
		b.WriteString(strings.Join(fields, "\t") + "\n")
	}
	return b.Bytes()
}

// dataOf is a record's data as zone files have it.
func dataOf(rr mdns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

func relative(name, origin string) string {
	if canonical(name) == origin {
		return "@"
	}
	return name[:len(name)-len(origin)-1]
}

func (z *zone) sorted() []mdns.RR {
	all := slices.Concat(slices.Collect(maps.Values(z.names))...)
	slices.SortFunc(all, func(a, b mdns.RR) int {
		return cmp.Or(
			slices.Compare(fromRoot(a), fromRoot(b)),
			cmp.Compare(order(a), order(b)),
			cmp.Compare(dataOf(a), dataOf(b)))
	})
	return all
}

func fromRoot(rr mdns.RR) []string {
	labels := mdns.SplitDomainName(canonical(rr.Header().Name))
	slices.Reverse(labels)
	return labels
}

// order puts the SOA before the other types, which go by name.
func order(rr mdns.RR) string {
	if rr.Header().Rrtype == mdns.TypeSOA {
		return ""
	}
	return mdns.TypeToString[rr.Header().Rrtype]
}

func (z *zone) soa() *mdns.SOA {
	for _, rr := range z.names[z.origin] {
		if soa, ok := rr.(*mdns.SOA); ok {
			return soa
		}
	}
	return nil
}

// set gives the records of a name and type.
func (z *zone) set(name string, typ uint16) []mdns.RR {
	var set []mdns.RR
	for _, rr := range z.names[canonical(name)] {
		if rr.Header().Rrtype == typ {
			set = append(set, rr)
		}
	}
	return set
}

// exists says whether the name or one below it has records.
func (z *zone) exists(name string) bool {
	if len(z.names[name]) > 0 {
		return true
	}
	for other := range z.names {
		if strings.HasSuffix(other, "."+name) {
			return true
		}
	}
	return false
}

// clone gives a copy whose names can be set anew; the records are shared and never changed.
func (z *zone) clone() *zone {
	return &zone{origin: z.origin, path: z.path, names: maps.Clone(z.names)}
}

// put replaces the records of a name.
func (z *zone) put(name string, rrs []mdns.RR) {
	if len(rrs) == 0 {
		delete(z.names, canonical(name))
		return
	}
	z.names[canonical(name)] = rrs
}

// bump raises the serial, past 0 when it wraps.
func (z *zone) bump() {
	old := z.soa()
	soa := mdns.Copy(old).(*mdns.SOA)
	soa.Serial = max(soa.Serial+1, 1)
	rest := slices.DeleteFunc(slices.Clone(z.names[z.origin]), func(rr mdns.RR) bool { return rr == mdns.RR(old) })
	z.put(z.origin, append(rest, soa))
}

// show gives the records for people; the SOA is left out since its serial is no state that anyone compares.
func (z *zone) show() []any {
	var records []dns.Record
	for _, rr := range z.sorted() {
		if rr.Header().Rrtype != mdns.TypeSOA {
			records = append(records, rfc2136.FromRR(rr))
		}
	}
	dns.Sort(records)
	all := make([]any, len(records))
	for i, r := range records {
		all[i] = map[string]any{"name": r.Name, "type": r.Type, "ttl": int64(r.TTL), "data": r.Data}
	}
	return all
}
