package trial

import (
	"maps"
	"slices"
)

// facts are what a generator takes to be there, so that most of what it writes works. It does not follow which way a
// script goes: some of it is wrong, and those commands fail.
type facts struct {
	groups    map[string][]string // by cluster
	resources map[string][]string
	down      string // cluster and agent that were taken away
	records   []record
	sets      []string
	users     int
	links     int // connections of east
}

type record struct{ zone, name, kind, data string }

func (s *Site) facts() *facts {
	exchange := []string{"Exchange IP Address", "Exchange Network Name", "Disk E:", "Exchange System Attendant", "Source Connection"}
	f := &facts{
		groups:    map[string][]string{"east": {"Exchange Group"}, "west": {"Exchange Group"}},
		resources: map[string][]string{"east": slices.Clone(exchange), "west": slices.Clone(exchange)},
		records: []record{
			{domain, "@", "MX", "10 exch1.mydomain.com"}, {domain, "exch1", "A", "10.1.0.5"}, {domain, "exch2", "A", "10.1.1.9"},
			{domain, "WebMail", "CNAME", "exch1.mydomain.com"}, {domain, "Mail", "CNAME", "exch1.mydomain.com"},
			{reverse, "5.0", "PTR", "exch1.mydomain.com"}, {reverse, "9.1", "PTR", "exch2.mydomain.com"},
		},
		sets: []string{"mailstores"}, users: s.Users,
	}
	for _, words := range s.Story {
		f.learn(words)
	}
	return f
}

const (
	domain  = "mydomain.com"
	reverse = "1.10.in-addr.arpa"
)

// learn notes what a call of the site's story has done.
func (f *facts) learn(words []string) {
	switch {
	case words[0] == "site" && words[1] == "fail":
		f.down = words[2]
	case words[0] == "site" && words[1] == "heal":
		f.down = ""
	case words[0] != "do":
	case words[1] == "CLUSTER" && words[3] == "GROUP" && words[5] == "CREATE":
		f.add(f.groups, words[2], words[4])
	case words[1] == "CLUSTER" && words[3] == "RESOURCE" && words[5] == "CREATE":
		f.add(f.resources, words[2], words[4])
	case words[1] == "CLUSTER" && words[4] == "Exchange Group" && words[5] == "ONLINE":
		f.links++
	case words[1] == "DNS" && words[2] == "ADD":
		f.records = append(f.records, record{words[3], words[4], words[5], words[6]})
	case words[1] == "REPSET" && words[2] == "CREATE":
		f.sets = append(f.sets, words[3])
	}
}

func (f *facts) add(to map[string][]string, cluster, name string) {
	if !slices.Contains(to[cluster], name) {
		to[cluster] = append(to[cluster], name)
	}
}

func (f *facts) clone() *facts {
	c := *f
	c.groups, c.resources = maps.Clone(f.groups), maps.Clone(f.resources)
	c.records, c.sets = slices.Clone(f.records), slices.Clone(f.sets)
	return &c
}
