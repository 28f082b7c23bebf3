// Package dnstest holds every DNS driver to the same behaviour, and starts the real servers that it is tried on.
package dnstest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/runtime/value"
)

//go:embed zones
var zoneFiles embed.FS

// Zones are the zone files that a server under test must hold, by the zone's name.
func Zones() map[string]string {
	all := make(map[string]string)
	for _, name := range []string{"example.test", "2.0.192.in-addr.arpa", "128/25.2.0.192.in-addr.arpa"} {
		text, err := zoneFiles.ReadFile("zones/" + FileName(name))
		if err != nil {
			panic(err) // the files are part of this program
		}
		all[name] = string(text)
	}
	return all
}

// FileName is the name of a zone's file: the slash of classless reverse zones is none in a path.
func FileName(zone string) string { return strings.ReplaceAll(zone, "/", "-") + ".zone" }

// Run holds a driver to the contract of dns.System. open gives a server with fresh Zones.
func Run(t *testing.T, open func(t *testing.T) dns.System) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s dns.System)
	}{
		{"looks up every type", looksUp},
		{"finds zones by their SOA", findsZones},
		{"changes every type and back", changesEveryType},
		{"keeps one TTL a set", keepsOneTTL},
		{"refuses what has changed meanwhile", refusesStale},
		{"is all or nothing", allOrNothing},
		{"keeps CNAMEs alone", keepsCNAMEsAlone},
		{"turns an A into a CNAME at once", turnsIntoCNAME},
		{"replaces the last NS but does not delete it", replacesLastNS},
		{"keeps texts as they are", keepsTexts},
		{"loses no concurrent update", losesNone},
		{"is what a model says it is, and undone is as before", followsModel},
		{"returns soon when it is cancelled", cancels},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Set makes a record set from the data of each record.
func Set(name, typ string, ttl uint32, data ...string) []dns.Record {
	var set []dns.Record
	for _, d := range data {
		set = append(set, dns.Record{Name: name, Type: typ, TTL: ttl, Data: d})
	}
	return set
}

// Want fails the test unless the server has exactly the set.
func Want(t testing.TB, s dns.Reader, name, typ string, want []dns.Record) {
	t.Helper()
	got, err := s.Lookup(t.Context(), name, typ)
	if err != nil {
		t.Fatalf("%s %s: %v", typ, name, err)
	}
	if !dns.Equal(got, want) {
		t.Fatalf("%s %s: got %v, want %v", typ, name, got, want)
	}
}

func update(t testing.TB, s dns.System, zone string, swaps ...dns.Swap) {
	t.Helper()
	behind, err := s.Update(t.Context(), dns.Update{Zone: zone, Swaps: swaps})
	if err != nil || len(behind) > 0 {
		t.Fatalf("update of %s: %v, behind %v", zone, err, behind)
	}
}

func wantCode(t testing.TB, err error, codes ...int) {
	t.Helper()
	var f *value.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure with one of the codes %d", err, codes)
	}
	for _, code := range codes {
		if f.Code == code {
			return
		}
	}
	t.Fatalf("got code %d (%v), want one of %d", f.Code, f, codes)
}

func swap(name, typ string, old, new []dns.Record) dns.Swap {
	return dns.Swap{Name: name, Type: typ, Old: old, New: new}
}

func looksUp(t *testing.T, s dns.System) {
	for _, want := range [][]dns.Record{
		Set("mail1.example.test", "A", 300, "192.0.2.10"),
		Set("mail1.example.test", "AAAA", 300, "2001:db8::10"),
		Set("www.example.test", "CNAME", 300, "mail1.example.test"),
		Set("example.test", "MX", 300, "10 mail1.example.test", "20 mail2.example.test"),
		Set("example.test", "NS", 300, "dns1.example.test"),
		Set("_ldap._tcp.example.test", "SRV", 300, "0 100 389 mail1.example.test"),
		Set("text.example.test", "TXT", 300, `"v=spf1 mx -all"`),
		Set("10.2.0.192.in-addr.arpa", "PTR", 300, "mail1.example.test"),
		Set("sub.example.test", "NS", 300, "ns.elsewhere.test"),
	} {
		Want(t, s, want[0].Name, want[0].Type, want)
	}
	Want(t, s, "MAIL1.Example.TEST", "A", Set("mail1.example.test", "A", 300, "192.0.2.10"))
	Want(t, s, "www.example.test", "A", nil)
	Want(t, s, "nobody.example.test", "A", nil)
	Want(t, s, "_tcp.example.test", "TXT", nil)
	_, err := s.Lookup(t.Context(), "www.elsewhere.test", "A")
	wantCode(t, err, value.CodeNotThere)
}

func findsZones(t *testing.T, s dns.System) {
	for name, want := range map[string]string{
		"example.test":                  "example.test",
		"mail1.example.test":            "example.test",
		"www.example.test":              "example.test",
		"a.b.c.example.test":            "example.test",
		"77.2.0.192.in-addr.arpa":       "2.0.192.in-addr.arpa",
		"129.2.0.192.in-addr.arpa":      "2.0.192.in-addr.arpa",
		"1.128/25.2.0.192.IN-ADDR.arpa": "128/25.2.0.192.in-addr.arpa",
	} {
		zone, err := s.Zone(t.Context(), name)
		if err != nil || !strings.EqualFold(zone.Name, want) || zone.TTL != 300 {
			t.Errorf("zone of %s: got %v, %v, want %s with TTL 300", name, zone, err, want)
		}
	}
	for _, name := range []string{"elsewhere.test", "host.sub.example.test"} {
		_, err := s.Zone(t.Context(), name)
		wantCode(t, err, value.CodeNotThere)
	}
}

func changesEveryType(t *testing.T, s dns.System) {
	for _, c := range []struct{ typ, one, two string }{
		{"A", "192.0.2.1", "192.0.2.2"},
		{"AAAA", "2001:db8::1", "2001:db8::2"},
		{"CNAME", "mail1.example.test", "host.elsewhere.test"},
		{"MX", "10 mail1.example.test", "0 ."},
		{"NS", "ns1.elsewhere.test", "ns2.elsewhere.test"},
		{"PTR", "mail1.example.test", "mail2.example.test"},
		{"SRV", "0 1 25 mail1.example.test", "65535 0 0 mail2.example.test"},
		{"TXT", `"one"`, `"two" "and more"`},
	} {
		name := "new-" + strings.ToLower(c.typ) + ".example.test"
		one, two := Set(name, c.typ, 60, c.one), Set(name, c.typ, 120, c.two)
		there := dns.Update{Zone: "example.test", Swaps: []dns.Swap{swap(name, c.typ, nil, one)}}
		update(t, s, there.Zone, there.Swaps...)
		Want(t, s, name, c.typ, one)
		update(t, s, there.Zone, swap(name, c.typ, one, two))
		Want(t, s, name, c.typ, two)
		update(t, s, there.Zone, swap(name, c.typ, two, one))
		update(t, s, there.Zone, there.Inverse().Swaps...)
		Want(t, s, name, c.typ, nil)
	}
}

func keepsOneTTL(t *testing.T, s dns.System) {
	old := Set("example.test", "MX", 300, "10 mail1.example.test", "20 mail2.example.test")
	low := Set("example.test", "MX", 30, "10 mail1.example.test", "20 mail2.example.test")
	update(t, s, "example.test", swap("example.test", "MX", old, low))
	Want(t, s, "example.test", "MX", low)
	more := append(Set("example.test", "MX", 40, "30 dns1.example.test"), Set("example.test", "MX", 40, low[0].Data, low[1].Data)...)
	update(t, s, "example.test", swap("example.test", "MX", low, more))
	Want(t, s, "example.test", "MX", more)
}

func refusesStale(t *testing.T, s dns.System) {
	const name = "mail1.example.test"
	real := Set(name, "A", 300, "192.0.2.10")
	next := Set(name, "A", 300, "192.0.2.20")
	for _, stale := range [][]dns.Record{nil, Set(name, "A", 300, "192.0.2.11"), Set(name, "A", 300, "192.0.2.10", "192.0.2.11")} {
		_, err := s.Update(t.Context(), dns.Update{Zone: "example.test", Swaps: []dns.Swap{swap(name, "A", stale, next)}})
		wantCode(t, err, value.CodeConflict)
		Want(t, s, name, "A", real)
	}
}

func allOrNothing(t *testing.T, s dns.System) {
	_, err := s.Update(t.Context(), dns.Update{Zone: "example.test", Swaps: []dns.Swap{
		swap("mail2.example.test", "A", Set("mail2.example.test", "A", 300, "192.0.2.11"), Set("mail2.example.test", "A", 300, "192.0.2.21")),
		swap("mail1.example.test", "A", nil, Set("mail1.example.test", "A", 300, "192.0.2.20")),
	}})
	wantCode(t, err, value.CodeConflict)
	Want(t, s, "mail1.example.test", "A", Set("mail1.example.test", "A", 300, "192.0.2.10"))
	Want(t, s, "mail2.example.test", "A", Set("mail2.example.test", "A", 300, "192.0.2.11"))
}

func keepsCNAMEsAlone(t *testing.T, s dns.System) {
	for _, bad := range []dns.Swap{
		swap("www.example.test", "A", nil, Set("www.example.test", "A", 300, "192.0.2.1")),
		swap("mail1.example.test", "CNAME", nil, Set("mail1.example.test", "CNAME", 300, "mail2.example.test")),
	} {
		_, err := s.Update(t.Context(), dns.Update{Zone: "example.test", Swaps: []dns.Swap{bad}})
		wantCode(t, err, value.CodeConflict, value.CodeRefused)
		Want(t, s, bad.Name, bad.Type, nil)
	}
}

func turnsIntoCNAME(t *testing.T, s dns.System) {
	const name = "mail2.example.test"
	a, cname := Set(name, "A", 300, "192.0.2.11"), Set(name, "CNAME", 300, "mail1.example.test")
	u := dns.Update{Zone: "example.test", Swaps: []dns.Swap{swap(name, "A", a, nil), swap(name, "CNAME", nil, cname)}}
	update(t, s, u.Zone, u.Swaps...)
	Want(t, s, name, "A", nil)
	Want(t, s, name, "CNAME", cname)
	update(t, s, u.Zone, u.Inverse().Swaps...)
	Want(t, s, name, "A", a)
	Want(t, s, name, "CNAME", nil)
}

func replacesLastNS(t *testing.T, s dns.System) {
	old, next := Set("example.test", "NS", 300, "dns1.example.test"), Set("example.test", "NS", 300, "dns2.example.test")
	_, err := s.Update(t.Context(), dns.Update{Zone: "example.test", Swaps: []dns.Swap{swap("example.test", "NS", old, nil)}})
	wantCode(t, err, value.CodeRefused)
	Want(t, s, "example.test", "NS", old)
	update(t, s, "example.test", swap("example.test", "NS", old, next))
	Want(t, s, "example.test", "NS", next)
}

func keepsTexts(t *testing.T, s dns.System) {
	for _, operands := range [][]string{{`a "quoted" \ text; with $signs`}, {"", "two"}, {"ünï", "\x00\xff\t"}, {strings.Repeat("long ", 100)}} {
		data, err := dns.ParseData("example.test", "TXT", operands)
		if err != nil {
			t.Fatal(err)
		}
		set := Set("odd.example.test", "TXT", 300, data)
		update(t, s, "example.test", swap("odd.example.test", "TXT", nil, set))
		Want(t, s, "odd.example.test", "TXT", set)
		update(t, s, "example.test", swap("odd.example.test", "TXT", set, nil))
	}
}

// losesNone lets several add to one set at once: each reads, adds its own and is refused if another came between.
func losesNone(t *testing.T, s dns.System) {
	const name = "busy.example.test"
	var all []dns.Record
	var wg sync.WaitGroup
	for i := range 5 {
		own := dns.Record{Name: name, Type: "A", TTL: 300, Data: fmt.Sprintf("192.0.2.%d", 100+i)}
		all = append(all, own)
		wg.Go(func() {
			for {
				old, err := s.Lookup(t.Context(), name, "A")
				if err != nil {
					t.Error(err)
					return
				}
				_, err = s.Update(t.Context(), dns.Update{Zone: "example.test", Swaps: []dns.Swap{swap(name, "A", old, append(old[:len(old):len(old)], own))}})
				var f *value.Failure
				if errors.As(err, &f) && f.Code == value.CodeConflict {
					continue
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
		})
	}
	wg.Wait()
	Want(t, s, name, "A", all)
}

func cancels(t *testing.T, s dns.System) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Update(ctx, dns.Update{Zone: "example.test", Swaps: []dns.Swap{
		swap("late.example.test", "A", nil, Set("late.example.test", "A", 300, "192.0.2.1")),
	}})
	wantCode(t, err, value.CodeCancelled)
	Want(t, s, "late.example.test", "A", nil)
}
