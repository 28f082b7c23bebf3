package trial

import "fmt"

// Sites is how many different sites the seeds make: a test prepares each once and copies it.
const Sites = 36

// Site says how a site comes to be.
type Site struct {
	Users int // mailboxes
	// Story is what has happened to it: the words of calls of the program, in order.
	Story [][]string
	// Files are written before the story begins: paths below the site's folder, in slashes, and their texts.
	Files map[string]string
}

// NewSite gives the site of a seed. All seeds that leave the same remainder by Sites have the same one.
func NewSite(seed uint64) *Site {
	d := roll(seed%Sites, 1)
	s := &Site{Users: pick(d, 0, 1, 3, 3, 5, 5, 20, 20, 50), Files: map[string]string{}}
	do := func(command ...string) { s.Story = append(s.Story, append([]string{"do"}, command...)) }
	if d.chance(40) {
		s.Files["east/E/Exchsrvr/MAILROOT/vsi 1/Queue/new mail.EML"] = "Subject: hello"
		s.Files["west/E/Exchsrvr/MAILROOT/vsi 1/Queue/only west.EML"] = "Subject: nobody sent it"
	}
	s.groups(d, do)
	s.records(d, do)
	if d.chance(50) {
		do("REPSET", "CREATE", "docs")
		do("REPSET", "RULE", "ADD", `E:\Docs`, "TO", "docs")
		if d.chance(70) {
			do("REPSET", "SAVE", "docs")
		}
		s.Files["east/E/Docs/plan.txt"] = "a plan"
		s.Files["east/E/Docs/deep/more.txt"] = "more of it"
	}
	mirrored := d.chance(60)
	if mirrored {
		do("CLUSTER", "east", "GROUP", "Exchange Group", "ONLINE")
	}
	if d.chance(40) {
		do("CLUSTER", "west", "RESOURCE", "Exchange IP Address", "ONLINE")
		do("CLUSTER", "west", "RESOURCE", "Disk E:", "ONLINE")
	}
	if d.chance(15) {
		do("CLUSTER", "east", "NODE", "east2", "STANDBY")
	}
	held := d.chance(10)
	if held {
		do("CLUSTER", "west", "GROUP", "Exchange Group", "HOLD")
	}
	s.disaster(d, mirrored && !held)
	return s
}

// groups adds a group that the commands of a fresh site do not know.
func (s *Site) groups(d dice, do func(...string)) {
	for _, cluster := range []string{"east", "west"} {
		if d.chance(45) {
			continue
		}
		do("CLUSTER", cluster, "GROUP", "Web Group", "CREATE")
		create := func(name, kind, properties string) {
			do("CLUSTER", cluster, "RESOURCE", name, "CREATE", "GROUP", "Web Group", "TYPE", kind, properties)
		}
		create("Web Address", "IP Address", map[string]string{"east": "(address=10.1.0.80)", "west": "(address=10.1.0.81)"}[cluster])
		service := "(service=w3svc)"
		if d.chance(25) {
			service = `(service=w3svc,fails=broken)`
		}
		create("Web Service", "Generic Service", service)
		if d.chance(70) {
			do("CLUSTER", cluster, "RESOURCE", "Web Service", "ADD", "DEPENDENCY", "Web Address")
		}
		if d.chance(30) {
			do("CLUSTER", cluster, "RESOURCE", "Web Address", "ONLINE")
		}
	}
}

// records adds DNS records and moves mailboxes.
func (s *Site) records(d dice, do func(...string)) {
	if d.chance(60) {
		do("DNS", "ADD", "mydomain.com", "www", "A", "10.1.0.20")
	}
	if d.chance(30) {
		do("DNS", "ADD", "mydomain.com", "www", "A", "10.1.0.21")
		do("DNS", "ADD", "1.10.in-addr.arpa", "20.0", "PTR", "www.mydomain.com")
	}
	if d.chance(30) {
		do("DNS", "ADD", "mydomain.com", "shop", "CNAME", "www.mydomain.com")
	}
	for n := 1; n <= min(s.Users, 3) && d.chance(40); n++ {
		do("EXCHANGE", "MOVE", "MAILBOX", fmt.Sprintf("user%05d", n), "TO", "EXCH1", "Sales Store (EXCH1)")
	}
}

// disaster takes a cluster away, and may let the other one stand in for it.
func (s *Site) disaster(d dice, ready bool) {
	call := func(words ...string) { s.Story = append(s.Story, words) }
	switch n := d.IntN(100); {
	case n < 8:
		call("site", "fail", "east")
	case n < 13:
		call("site", "fail", "west")
	case n < 27 && ready:
		call("site", "fail", "east")
		call("run", "--yes", "failover.dtcl")
		call("site", "heal", "east")
	}
}
