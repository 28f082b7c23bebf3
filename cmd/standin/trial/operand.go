package trial

import (
	"fmt"
	"strings"
)

// form picks a command of the place's realm with one of these effects.
func (g *gen) form(effects ...effect) form {
	var fit []form
	total, linked := 0, g.facts.links > 0 || g.chance(10)
	for _, f := range forms() {
		for _, e := range effects {
			if f.effect == e && f.realm&g.realm != 0 && (!f.linked() || linked) {
				fit = append(fit, f)
				total += f.weight
			}
		}
	}
	n := g.IntN(total)
	for _, f := range fit {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	panic("trial: the weights do not add up")
}

// command writes a command with one of these effects, without its semicolon.
func (g *gen) command(effects ...effect) string { return g.form(effects...).text(g) }

// cond writes a condition; those that look at a system look only at their realm's.
func (g *gen) cond() string {
	c := g.plainCond()
	switch n := g.IntN(100); {
	case n < 10:
		return "NOT (" + c + ")"
	case n < 18:
		return "(" + c + ") " + pick(g.dice, "AND", "OR") + " (" + g.plainCond() + ")"
	}
	return c
}

func (g *gen) plainCond() string {
	var ways []string
	if g.realm&(east|west) != 0 {
		ways = append(ways, fmt.Sprintf(`(CLUSTER %s STATUS).state = "Up"`, g.cluster()),
			fmt.Sprintf(`(CLUSTER %s GROUP "Exchange Group" STATUS).state = "%s"`, g.cluster(), pick(g.dice, "Online", "Offline")),
			fmt.Sprintf(`(CLUSTER %s RESOURCE "Source Connection" STATUS).degraded`, g.cluster()))
	}
	if g.realm&names != 0 {
		ways = append(ways, "len((DNS QUERY www.mydomain.com A)) > 0")
	}
	if g.realm&boxes != 0 && !g.parallel {
		ways = append(ways, `(EXCHANGE MAILBOXES EXCH2).total > 0`, `(EXCHANGE FAILOVER EXCH1 TO EXCH2 STATUS).state = "open"`)
	}
	if g.realm&agents != 0 {
		ways = append(ways, fmt.Sprintf(`len((STATUS TARGET %s).connections) > 0`, pick(g.dice, "east", "west")),
			`(AGENT east STATUS).up`, `contains((REPSET LIST), "docs")`)
	}
	if g.realm&core != 0 {
		ways = append(ways, fmt.Sprintf(`(PROBE %s PING).answered`, g.address()))
	}
	if len(ways) == 0 || g.chance(35) {
		return g.number() + pick(g.dice, " < ", " = ", " >= ") + g.number()
	}
	return pick(g.dice, ways...)
}

// number writes a number.
func (g *gen) number() string {
	if len(g.vars) > 0 && g.chance(60) {
		return pick(g.dice, g.vars...)
	}
	return fmt.Sprint(g.IntN(4))
}

// rarely gives wrong in a few cases.
func (g *gen) rarely(wrong, right string) string {
	if g.chance(4) {
		return wrong
	}
	return right
}

func (g *gen) cluster() string {
	switch {
	case g.realm&(east|west) == east:
		return "east"
	case g.realm&(east|west) == west || g.facts.down == "east" && g.chance(80):
		return "west"
	case g.facts.down == "west" && g.chance(80):
		return "east"
	}
	return pick(g.dice, "east", "east", "west")
}

func (g *gen) node(cluster string) string {
	return g.rarely("nowhere", cluster+pick(g.dice, "1", "2", "2"))
}

// group picks a group of a cluster, or for CREATE one that may not be there.
func (g *gen) group(cluster, words string) string {
	if words == "CREATE" || g.chance(4) {
		name := pick(g.dice, "Web Group", "Spare Group")
		g.facts.add(g.facts.groups, cluster, name)
		return name
	}
	if g.parallel && g.realm == web {
		return "Web Group"
	}
	if g.chance(50) && words != "DELETE" {
		return "Exchange Group"
	}
	return pick(g.dice, g.facts.groups[cluster]...)
}

func (g *gen) resource(cluster string) string {
	if g.parallel && g.realm == web {
		return pick(g.dice, "Web Address", "Web Service", "Web Disk")
	}
	return g.rarely("No such resource", pick(g.dice, g.facts.resources[cluster]...))
}

// create makes a resource, in a group that it makes sure to be there if it can.
func (g *gen) create() string {
	c := g.cluster()
	group, name := "Web Group", pick(g.dice, "Web Address", "Web Service", "Web Disk")
	if g.realm != web && g.chance(60) {
		group = pick(g.dice, g.facts.groups[c]...)
	}
	if g.realm != web && g.chance(30) {
		name = "Source IP Address"
	}
	g.facts.add(g.facts.resources, c, name)
	return fmt.Sprintf(`CLUSTER %s RESOURCE "%s" CREATE GROUP "%s" TYPE %s`, c, name, group, g.kind(c, name))
}

// kind is the type of a resource of that name, in a few cases another one.
func (g *gen) kind(cluster, name string) string {
	address := map[string]string{"east": "10.1.0.80", "west": "10.1.0.81"}[cluster]
	kinds := map[string]string{
		"Web Address": fmt.Sprintf(`"IP Address" (address=%s)`, address), "Web Disk": `"Physical Disk"`,
		"Web Service":       pick(g.dice, `"Generic Service" (service=w3svc)`, `"Generic Service" (service=w3svc)`, `"Generic Service" (service=w3svc, fails="it is a drill")`),
		"Source IP Address": `"IP Address" (address=10.1.0.5, mask=255.255.0.0)`,
	}
	if g.chance(8) {
		return pick(g.dice, `"IP Address"`, `"No such type"`, kinds["Web Disk"])
	}
	return kinds[name]
}

func (g *gen) address() string {
	return pick(g.dice, "10.1.0.5", "10.1.0.5", "10.1.1.9", "10.1.0.80", "10.1.0.20")
}

// mine says whether a record belongs to the place's realm.
func (g *gen) mine(r record) bool {
	switch r.name {
	case "exch1", "exch2", "WebMail", "Mail", "@", "5.0", "9.1", "20.0":
		return g.realm&hosts != 0
	}
	return g.realm&names != 0
}

// known picks a record that is there, or in a few cases any.
func (g *gen) known() record {
	var all []record
	for _, r := range g.facts.records {
		if g.mine(r) {
			all = append(all, r)
		}
	}
	if len(all) == 0 || g.chance(15) {
		return g.fresher()
	}
	return pick(g.dice, all...)
}

// fresher gives a record that may not be there.
func (g *gen) fresher() record {
	r := record{zone: g.rarely("no.such.zone", domain)}
	switch {
	case g.realm&names == 0 && g.chance(30):
		r = record{reverse, "20.0", "PTR", "www.mydomain.com"}
	case g.realm&names == 0:
		r.name, r.kind = pick(g.dice, "exch1", "@"), "TXT"
		if r.name == "@" {
			r.kind = "MX"
		}
	default:
		r.name, r.kind = pick(g.dice, "www", "www", "shop", "mail2"), pick(g.dice, "A", "A", "A", "TXT", "CNAME")
	}
	if g.realm&names != 0 && len(g.vars) > 0 && g.chance(25) {
		r.name = fmt.Sprintf(`"www${%s}"`, pick(g.dice, g.vars...))
	}
	if g.realm&names != 0 && g.host != "" && !g.function && g.chance(40) {
		r.name = g.host
	}
	r.data = g.data(r.kind)
	if !strings.Contains(r.name, "$") {
		g.facts.records = append(g.facts.records, r)
	}
	return r
}

func (g *gen) data(kind string) string {
	switch kind {
	case "A":
		return g.rarely("10.1.0.300", pick(g.dice, "10.1.0.20", "10.1.0.20", "10.1.0.21", "10.1.0.5"))
	case "CNAME":
		return pick(g.dice, "exch1.mydomain.com", "exch2.mydomain.com", "www.mydomain.com")
	case "MX":
		return pick(g.dice, "10 exch1.mydomain.com", "10 exch2.mydomain.com")
	case "PTR":
		return pick(g.dice, "exch1.mydomain.com", "exch2.mydomain.com")
	}
	return `"a text"`
}

// full is the whole name of a record, as a query asks for it.
func (g *gen) full(name, kind string) string {
	switch {
	case kind == "PTR":
		return name + ".1.10.in-addr.arpa"
	case name == "@":
		return "mydomain.com"
	case strings.HasPrefix(name, "$"):
		return fmt.Sprintf(`"${%s}.mydomain.com"`, name)
	case strings.HasPrefix(name, `"`):
		return strings.TrimSuffix(name, `"`) + `.mydomain.com"`
	}
	return name + ".mydomain.com"
}

func (g *gen) set() string {
	return g.rarely("nothing", pick(g.dice, g.facts.sets...))
}

func (g *gen) path() string {
	return pick(g.dice, `E:\Docs`, `E:\Docs\deep`, `E:\Exchsrvr`, `E:\Exchsrvr\MTADATA`)
}

func (g *gen) other() string {
	if g.source == "east" {
		return "west"
	}
	return "east"
}

func (g *gen) connection() string {
	if len(g.ids) > 0 && g.chance(75) {
		return pick(g.dice, g.ids...)
	}
	return g.rarely("9", fmt.Sprint(1+g.IntN(max(1, g.facts.links))))
}

func (g *gen) exchfailover() string {
	way := pick(g.dice, "-failover", "-failover", "-setup -failover", "-failover -test")
	if g.moved = g.moved || g.chance(10); g.moved && g.chance(50) {
		way = pick(g.dice, "-failback", "-setup -failback")
	}
	g.moved = g.moved || way == "-failover"
	more := pick(g.dice, "", "", "-norus", "-nospn", "-nopublicfolders", "-onlypublicfolders")
	return strings.TrimSpace(fmt.Sprintf("EXCHFAILOVER %s -s EXCH1 -t %s -l /dev/null %s", way, g.rarely("EXCH3", "EXCH2"), more))
}
