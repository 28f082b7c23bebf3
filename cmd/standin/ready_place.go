package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/watch"
)

// placeTable says which networks and domains each place is: [places] of the site file.
type placeTable map[string][]string

// validate tests that every entry is an address, a network or a domain.
func (t placeTable) validate(path string) error {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		for _, text := range t[name] {
			if _, ok := network4(text); !ok && strings.ContainsAny(text, "/ :*") {
				return wrong("as 10.1.0.0/16, 10.1.0.9 or east.example.com", "site file %q: places: %s: got %q, want a network, an address or a domain", path, name, text)
			}
		}
	}
	return nil
}

// network4 reads a network or an address, which is a network of one.
func network4(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// of gives the place of an address: that of the longest network which holds it; "" if none does.
func (t placeTable) of(addr netip.Addr) string {
	best, bits := "", -1
	for _, name := range slices.Sorted(maps.Keys(t)) {
		for _, text := range t[name] {
			if p, ok := network4(text); ok && p.Contains(addr.Unmap()) && p.Bits() > bits {
				best, bits = name, p.Bits()
			}
		}
	}
	return best
}

// domain gives the place of a name by the longest domain that it lies in; "" if none.
func (t placeTable) domain(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	best, length := "", 0
	for _, name := range slices.Sorted(maps.Keys(t)) {
		for _, text := range t[name] {
			text = strings.ToLower(strings.Trim(text, "."))
			if (host == text || strings.HasSuffix(host, "."+text)) && len(text) > length {
				best, length = name, len(text)
			}
		}
	}
	return best
}

// resolveTime is how long a name has to resolve for the sake of telling a place.
const resolveTime = 2 * time.Second

// where gives the places of a host, one of each address that its name has; "" stands for one that cannot be told.
func (t placeTable) where(ctx context.Context, host string) []string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if watch.Loopback(host) {
		return t.here()
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return []string{t.of(addr)}
	}
	if place := t.domain(host); place != "" {
		return []string{place}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return []string{""}
	}
	var places []string
	for _, a := range addrs {
		places = append(places, t.of(a))
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// here gives the places of this machine, by the addresses of its interfaces.
func (t placeTable) here() []string {
	var places []string
	addrs, _ := net.InterfaceAddrs() //nolint:errcheck // a machine that does not tell is in no place
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok && !addr.IsLoopback() && t.of(addr) != "" {
				places = append(places, t.of(addr))
			}
		}
	}
	if places == nil {
		return []string{""}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// standing is something that a run needs, with the hosts that it stands on: any one of them is enough, or most of them.
type standing struct {
	object   string
	hosts    []string
	majority bool
}

// places says what a loss of one place would take along: a DNS server, a directory, the store and what is on this host.
func (c *checkup) places(ctx context.Context) {
	table := c.site.file.Places
	all, embedded := c.standings()
	if len(all) == 0 {
		c.found(watch.Cannot, checkPlace, "site file", "embedded systems only ("+strings.Join(embedded, ", ")+"): all of it is on this host",
			"systems that stand in places", "a laboratory cannot show what a loss of a place takes along")
		return
	}
	var untold []string
	for _, s := range all {
		if !c.standing(ctx, table, s) {
			untold = append(untold, s.object)
		}
	}
	if here := table.here(); here[0] == "" {
		untold = append(untold, "this host")
	} else if got := c.kept(); len(here) == 1 && got != "" {
		c.found(watch.Warns, checkPlace, "this host", fmt.Sprintf("%s only in %s", got, here[0]), "another copy elsewhere",
			"run from a host outside the site that may be lost; keep the secret files there too")
	}
	if len(untold) > 0 {
		c.found(watch.Cannot, checkPlace, strings.Join(untold, ", "), "addresses that are in no place of the site file", "the place of each",
			`add [places] to the site file, as east = ["10.1.0.0/16"]`)
	}
}

// standings are the parts of the site that are reached by addresses, and the names of those that are embedded.
func (c *checkup) standings() (all []standing, embedded []string) {
	file := c.site.file
	for _, name := range slices.Sorted(maps.Keys(file.DNS)) {
		if e := file.DNS[name]; e.Driver == "embedded" {
			embedded = append(embedded, "DNS server "+name)
		} else {
			all = append(all, standing{object: "DNS server " + name, hosts: e.Servers})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(file.Directories)) {
		e := file.Directories[name]
		u, err := url.Parse(e.URL)
		if e.Driver == "embedded" || err != nil {
			embedded = append(embedded, "directory "+name)
			continue
		}
		all = append(all, standing{object: "directory " + name, hosts: []string{u.Host}})
	}
	if file.Store.remote() {
		store := standing{object: "store of the runs", majority: true}
		for _, endpoint := range file.Store.Endpoints {
			if u, err := url.Parse(endpoint); err == nil {
				store.hosts = append(store.hosts, u.Host)
			}
		}
		all = append(all, store)
	}
	return all, embedded
}

// standing warns of what one place alone can take away; told says whether all places are known.
func (c *checkup) standing(ctx context.Context, table placeTable, s standing) (told bool) {
	count := map[string]int{}
	for _, host := range s.hosts {
		for _, place := range table.where(ctx, host) {
			if place == "" {
				return false
			}
			count[place]++
		}
	}
	total := 0
	for _, n := range count {
		total += n
	}
	for _, place := range slices.Sorted(maps.Keys(count)) {
		left := total - count[place]
		switch {
		case left == 0:
			c.found(watch.Warns, checkPlace, s.object, "only in "+place, "one in each place that may stay", "a loss of "+place+" takes it along")
		case s.majority && left <= total/2:
			c.found(watch.Warns, checkPlace, s.object, fmt.Sprintf("%d of %d members in %s", count[place], total, place), "no majority in one place",
				"a loss of "+place+" stops it: put one member in a third place; --break-glass runs without it")
		}
	}
	return true
}

// kept says what a run needs that is a file of this host.
func (c *checkup) kept() string {
	secrets := 0
	for _, e := range c.site.file.DNS {
		if e.Secret != "" {
			secrets++
		}
	}
	for _, e := range c.site.file.Directories {
		if e.Password != "" {
			secrets++
		}
	}
	for _, d := range c.s.checked.Params {
		if d.From == "FILE" {
			secrets++
		}
	}
	var parts []string
	if !c.site.file.Store.remote() {
		parts = append(parts, "the store of the runs")
	}
	if secrets > 0 {
		parts = append(parts, fmt.Sprintf("%d secret files", secrets))
	}
	return strings.Join(parts, " and ")
}
