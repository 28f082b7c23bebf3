package trial

import (
	"fmt"
	"slices"
	"strings"
)

// realm is what a command touches. Branches of a PARALLEL have realms that do not touch each other's.
type realm uint

const (
	east realm = 1 << iota
	west
	web   // the resources of either cluster that run no scripts
	names // records of www, shop and mail2
	hosts // all other records
	boxes // mailboxes
	exch  // what EXCHFAILOVER changes
	bind  // addresses of web access
	agents
	core
	everywhere = east | west | web | names | hosts | boxes | exch | bind | agents | core
)

// effect is what a command is, as far as a script's text asks.
type effect int

const (
	does effect = iota
	sees
	mirrors // it may start a mirror, which goes on by itself
	session
)

// form is one way to write a command.
type form struct {
	usage  string // of the command table
	realm  realm
	effect effect
	weight int
	text   func(g *gen) string
}

// linked says whether a command wants a connection.
func (f form) linked() bool { return strings.Contains(f.usage, "<connection:id>") }

// LeftOut says of each command that no generated script has why not.
func LeftOut() map[string]string {
	return map[string]string{
		"MIRROR PAUSE <connection:id>":           "only a mirror that runs can be held: when it ends is the machine's business",
		"MIRROR RESUME <connection:id>":          "the same",
		"REPLICATION START <connection:id>":      "how much it has carried when the process ends is the machine's business",
		"LOGIN <agent> <user> <password:secret>": "an embedded agent grants all to whoever runs the program; secrets have tests of their own",
		"EXCHFAILOVER -o <options:path> [-FAILOVER] [-FAILBACK] [-s <source>] [-t <target>] [-l <log:path>] [-norus] [-nospn] " +
			"[-nopublicfolders] [-onlypublicfolders] [-r [<rule:pairing>]]… [-SETUP] [-test] [-u <user>[:<password:secret>]] [-typed <sentence:text>]": "its file's options are those of the other form",
		"WAIT ON CLUSTER <cluster> GROUP <group> (ONLINE | OFFLINE) TIMEOUT <duration>":                "written by gen.level, where it holds",
		"WAIT ON DNS <name:text> <type:text> <data:text>… [ON ALL SERVERS] TIMEOUT <timeout:duration>": "the same",
		"WAIT ON QUEUE <connection:id> EMPTY [TIMEOUT <limit:duration>]":                               "whether it ever holds is the mirror's business",
		"WAIT ON MIRROR <connection:id> (IDLE | COMPLETE) [TIMEOUT <limit:duration>]":                  "written by gen.settle, behind what starts a mirror",
		"WAIT ON RESTORE <connection:id> (IDLE | COMPLETE) [TIMEOUT <limit:duration>]":                 "the same",
		"WAIT ON VERIFY <connection:id> (IDLE | COMPLETE) [TIMEOUT <limit:duration>]":                  "the same",
	}
}

// Usages are the usage lines of the commands that generated scripts have.
func Usages() []string {
	var all []string
	for _, f := range forms() {
		if !slices.Contains(all, f.usage) {
			all = append(all, f.usage)
		}
	}
	return all
}

// forms is the table of commands.
func forms() []form {
	return slices.Concat(clusterForms(), oldClusterForms(), dnsForms(), exchangeForms(), setForms(), connectionForms(), otherForms())
}

func clusterForms() []form {
	const both = east | west
	group := func(usage string, e effect, weight int, words string) form {
		return form{"CLUSTER <cluster> GROUP <group> " + usage + " [WAIT <duration>]", both, e, weight, func(g *gen) string {
			c := g.cluster()
			return fmt.Sprintf(`CLUSTER %s GROUP "%s" %s`, c, g.group(c, words), words)
		}}
	}
	resource := func(usage string, e effect, weight int, words string) form {
		return form{"CLUSTER <cluster> RESOURCE <resource> " + usage + " [WAIT <duration>]", both | web, e, weight, func(g *gen) string {
			c := g.cluster()
			return fmt.Sprintf(`CLUSTER %s RESOURCE "%s" %s`, c, g.resource(c), words)
		}}
	}
	node := func(usage string, e effect, weight int) form {
		return form{"CLUSTER <cluster> NODE <node> " + usage + " [WAIT <duration>]", both, e, weight, func(g *gen) string {
			c := g.cluster()
			return fmt.Sprintf(`CLUSTER %s NODE %s %s`, c, g.node(c), usage)
		}}
	}
	move := group("MOVE [TO <node>]", mirrors, 3, "MOVE")
	moveTo := form{move.usage, both, mirrors, 2, func(g *gen) string {
		c := g.cluster()
		return fmt.Sprintf(`CLUSTER %s GROUP "%s" MOVE TO %s WAIT 1m`, c, g.group(c, ""), g.node(c))
	}}
	create := form{"CLUSTER <cluster> RESOURCE <resource> CREATE GROUP <group> TYPE <type> [<properties>] [WAIT <duration>]", both | web, does, 5,
		func(g *gen) string {
			return g.create()
		}}
	depends := func(words string) form {
		return form{"CLUSTER <cluster> RESOURCE <resource> " + words + " DEPENDENCY <dependency> [WAIT <duration>]", both | web, does, 2,
			func(g *gen) string {
				c := g.cluster()
				return fmt.Sprintf(`CLUSTER %s RESOURCE "%s" %s DEPENDENCY "%s"`, c, g.resource(c), words, g.resource(c))
			}}
	}
	look := func(words string) form {
		return form{"CLUSTER <cluster> " + words, both, sees, 1, func(g *gen) string { return "CLUSTER " + g.cluster() + " " + words }}
	}
	return []form{
		group("ONLINE", mirrors, 9, "ONLINE"), group("OFFLINE", mirrors, 8, "OFFLINE"), move, moveTo,
		group("STATUS", sees, 6, "STATUS"), group("CREATE", does, 3, "CREATE"), group("DELETE", does, 2, "DELETE"),
		group("HOLD", does, 2, "HOLD"), group("RELEASE", does, 2, "RELEASE"),
		resource("ONLINE", mirrors, 7, "ONLINE"), resource("OFFLINE", mirrors, 6, "OFFLINE"), resource("STATUS", sees, 4, "STATUS"),
		resource("DELETE", does, 3, "DELETE"), resource("FAIL", mirrors, 2, "FAIL"), create, depends("ADD"), depends("REMOVE"),
		node("STANDBY", mirrors, 2), node("ACTIVE", mirrors, 2), node("FENCE", mirrors, 1), node("STATUS", sees, 1),
		look("STATUS"), look("GROUPS"), look("RESOURCES"), look("NODES"),
		{"CLUSTER <cluster> OWNER OF <group>", both, sees, 1, func(g *gen) string {
			c := g.cluster()
			return fmt.Sprintf(`CLUSTER %s OWNER OF "%s"`, c, g.group(c, ""))
		}},
	}
}

func oldClusterForms() []form {
	const both = east | west
	group := func(usage string, e effect, words string) form {
		return form{"CLUSTER /cluster:<cluster> GROUP <group> " + usage, both, e, 1, func(g *gen) string {
			c := g.cluster()
			return fmt.Sprintf(`cluster /cluster:"%s" group "%s" %s`, c, g.group(c, ""), words)
		}}
	}
	resource := func(usage string, e effect, words string) form {
		return form{"CLUSTER /cluster:<cluster> (RES | RESOURCE) <resource> " + usage, both | web, e, 1, func(g *gen) string {
			c := g.cluster()
			return fmt.Sprintf(`cluster /cluster:"%s" res "%s" %s`, c, g.resource(c), words)
		}}
	}
	return []form{
		group("/ONLINE", mirrors, "/online"), group("/OFFLINE", mirrors, "/offline"), group("/STATUS", sees, "/status"),
		group("(/MOVE[:<node>] | /MOVETO[:<node>])", mirrors, "/move"),
		resource("/ONLINE", mirrors, "/online"), resource("/OFFLINE", mirrors, "/offline"), resource("/FAIL", mirrors, "/fail"),
		resource("/STATUS", sees, "/status"),
	}
}

func dnsForms() []form {
	there := func(usage string, weight int, text func(g *gen, r record) string) form {
		return form{usage, names | hosts, does, weight, func(g *gen) string { return text(g, g.known()) }}
	}
	fresh := func(usage string, weight int, words string) form {
		return form{usage, names | hosts, does, weight, func(g *gen) string {
			r := g.fresher()
			return fmt.Sprintf(words, r.zone, r.name, r.kind, r.data)
		}}
	}
	gone := func(words string) func(g *gen, r record) string {
		return func(g *gen, r record) string {
			g.facts.records = slices.DeleteFunc(g.facts.records, func(k record) bool { return k == r })
			return fmt.Sprintf(words, r.zone, r.name, r.kind, r.data)
		}
	}
	const del = "DNS DELETE <zone:text> <name:text> <type:text> [<data:text>…]"
	return []form{
		fresh("DNS ADD <zone:text> <name:text> <type:text> <data:text>… [TTL <seconds>]", 8, "DNS ADD %s %s %s %s"),
		fresh("DNS ADD <zone:text> <name:text> <type:text> <data:text>… [TTL <seconds>]", 2, "DNS ADD %s %s %s %s TTL 60"),
		there(del, 5, gone("DNS DELETE %s %s %s %s")),
		there(del, 2, func(_ *gen, r record) string { return fmt.Sprintf("DNS DELETE %s %s %s", r.zone, r.name, r.kind) }),
		there("DNS REPLACE <zone:text> <name:text> <type:text> <old:text>… WITH <new:text>…", 6, func(g *gen, r record) string {
			data := g.data(r.kind)
			for i, k := range g.facts.records {
				if k == r {
					g.facts.records[i].data = data
				}
			}
			return fmt.Sprintf("DNS REPLACE %s %s %s %s WITH %s", r.zone, r.name, r.kind, r.data, data)
		}),
		there("DNS TTL <zone:text> <name:text> <type:text> <seconds>", 3, func(g *gen, r record) string {
			return fmt.Sprintf("DNS TTL %s %s %s %d", r.zone, r.name, r.kind, pick(g.dice, 60, 300, 900))
		}),
		{"DNS MOVE HOST <host:fqdn> FROM <from:address> TO <to:address>", hosts, does, 3, func(g *gen) string {
			return fmt.Sprintf("DNS MOVE HOST %s FROM %s TO %s", g.rarely("exch2.mydomain.com", "exch1.mydomain.com"),
				pick(g.dice, "10.1.0.5", "10.1.0.5", "10.1.1.9"), pick(g.dice, "10.1.1.9", "10.1.0.20", "10.1.0.5"))
		}},
		fresh("DNSCMD <server:dnsserver> /RecordAdd <zone:text> <name:text> [<ttl:seconds>] <type:text> <data:text>…", 2, "dnscmd dns1 /RecordAdd %s %s %s %s"),
		there("DNSCMD <server:dnsserver> /RecordDelete <zone:text> <name:text> <type:text> [<data:text>…] [/f]", 2, gone("dnscmd dns1 /RecordDelete %s %s %s %s /f")),
		{"DNS QUERY <name:text> <type:text> [ON <server:dnsserver>]", names | hosts, sees, 4, func(g *gen) string {
			r := g.known()
			return fmt.Sprintf("DNS QUERY %s %s", g.full(r.name, r.kind), r.kind)
		}},
	}
}

func exchangeForms() []form {
	look := func(usage, words string) form {
		return form{usage, exch, sees, 1, func(*gen) string { return words }}
	}
	return []form{
		{"EXCHFAILOVER (-FAILOVER | -FAILBACK) -s <source> -t <target> [-o <options:path>] [-l <log:path>] [-norus] [-nospn] [-nopublicfolders] " +
			"[-onlypublicfolders] [-r [<rule:pairing>]]… [-SETUP] [-test] [-u <user>[:<password:secret>]] [-typed <sentence:text>]",
			exch, does, 9, (*gen).exchfailover},
		look("EXCHFAILOVER -rights -s <source> -t <target>", "EXCHFAILOVER -rights -s EXCH1 -t EXCH2"),
		look("EXCHFAILOVER -?", "EXCHFAILOVER -?"), look("EXCHFAILOVER -??", "EXCHFAILOVER -??"),
		look("EXCHANGE SERVER <server:text> STATUS", "EXCHANGE SERVER EXCH1 STATUS"),
		look("EXCHANGE STORES <server:text>", "EXCHANGE STORES EXCH2"),
		look("EXCHANGE MAILBOXES <server:text>", "EXCHANGE MAILBOXES EXCH1"),
		look("EXCHANGE PAIRS <source:text> <target:text> [-r [<rule:pairing>]]…", "EXCHANGE PAIRS EXCH1 EXCH2"),
		look("EXCHANGE FAILOVER <source:text> TO <target:text> STATUS", "EXCHANGE FAILOVER EXCH1 TO EXCH2 STATUS"),
		{"EXCHANGE MOVE MAILBOX <user:text> TO <server:text> <store:text>", boxes, does, 6, func(g *gen) string {
			server := pick(g.dice, "EXCH1", "EXCH2")
			store := g.rarely("Public Folder Store", pick(g.dice, "Mailbox Store", "Sales Store"))
			return fmt.Sprintf(`EXCHANGE MOVE MAILBOX user%05d TO %s "%s (%s)"`, 1+g.IntN(max(1, min(4, g.facts.users))), server, store, server)
		}},
		{"EXCHANGE BINDING ADD <address> TO <server:text>", bind, does, 3, func(g *gen) string {
			return fmt.Sprintf("EXCHANGE BINDING ADD %s TO %s", g.address(), pick(g.dice, "EXCH1", "EXCH2"))
		}},
		{"EXCHANGE BINDING REMOVE <address> FROM <server:text>", bind, does, 3, func(g *gen) string {
			return fmt.Sprintf("EXCHANGE BINDING REMOVE %s FROM %s", g.address(), pick(g.dice, "EXCH1", "EXCH2"))
		}},
		{"DIRECTORY <directory> STATUS", exch, sees, 1, func(*gen) string { return "DIRECTORY ad STATUS" }},
		{"DIRECTORY <directory> QUERY <base:text> <filter:text> [<attribute:text>]…", exch, sees, 1, func(g *gen) string {
			return fmt.Sprintf(`DIRECTORY ad QUERY "DC=mydomain,DC=com" "(mailNickname=user%05d)" mailNickname`, 1+g.IntN(6))
		}},
	}
}

func setForms() []form {
	set := func(usage string, weight int, text func(g *gen) string) form {
		return form{"REPSET " + usage, agents, does, weight, text}
	}
	return []form{
		set("CREATE <set>", 2, func(g *gen) string {
			name := pick(g.dice, "docs", "more")
			g.facts.sets = append(g.facts.sets, name)
			return "REPSET CREATE " + name
		}),
		set("DELETE <set>", 1, func(g *gen) string { return "REPSET DELETE " + g.set() }),
		set("SAVE <set>", 3, func(g *gen) string { return "REPSET SAVE " + g.set() }),
		set("RENAME <set> TO <name:set>", 1, func(g *gen) string {
			return "REPSET RENAME " + g.set() + " TO " + pick(g.dice, "more", "docs", "moved")
		}),
		set("RULE ADD <path> [INCLUDE|EXCLUDE][,(RECURSE|NORECURSE)] TO <set>", 4, func(g *gen) string {
			return fmt.Sprintf(`REPSET RULE ADD "%s" %s TO %s`, g.path(), pick(g.dice, "", "INCLUDE,RECURSE", "EXCLUDE", "INCLUDE,NORECURSE"), g.set())
		}),
		set("RULE REMOVE <path> FROM <set>", 2, func(g *gen) string { return fmt.Sprintf(`REPSET RULE REMOVE "%s" FROM %s`, g.path(), g.set()) }),
		{"REPSET DISPLAY <set>", agents, sees, 2, func(g *gen) string { return "REPSET DISPLAY " + g.set() }},
		{"REPSET CALCULATE <set>", agents, sees, 1, func(g *gen) string { return "REPSET CALCULATE " + g.set() }},
		{"REPSET LIST", agents, sees, 1, func(*gen) string { return "REPSET LIST" }},
		{"AGENT <agent> SET (RECONNECT | CHECKSUM) (ON | OFF)", agents, does, 3, func(g *gen) string {
			return fmt.Sprintf("AGENT %s SET %s %s", pick(g.dice, "east", "west"), pick(g.dice, "RECONNECT", "CHECKSUM"), pick(g.dice, "ON", "OFF"))
		}},
		{"AGENT <agent> STATUS", agents, sees, 2, func(g *gen) string { return "AGENT " + pick(g.dice, "east", "west") + " STATUS" }},
	}
}

func connectionForms() []form {
	on := func(usage string, e effect, weight int, words ...string) form {
		return form{usage, agents, e, weight, func(g *gen) string { return fmt.Sprintf(pick(g.dice, words...), g.connection()) }}
	}
	return []form{
		{"CONNECT <set> TO <target:agent> MAP (EXACT | BASE <base:path> | <from:path> TO <to:path> [, <from:path> TO <to:path>]…) [MIRROR|NOMIRROR]",
			agents, mirrors, 8, func(g *gen) string {
				return fmt.Sprintf(`CONNECT %s TO %s MAP %s`, g.set(), g.rarely(g.source, g.other()),
					pick(g.dice, "EXACT NOMIRROR", "EXACT NOMIRROR", "EXACT MIRROR", `"E:\Docs" TO "E:\Copies"`, `BASE "E:\Base"`))
			}},
		on("DISCONNECT <connection:id>", mirrors, 3, "DISCONNECT %s"),
		on("MIRROR START <connection:id> [FULL | DIFFERENT[,(NEWER|CHECKSUM)]] [ORPHANS]", mirrors, 7, "MIRROR START %s", "MIRROR START %s FULL ORPHANS",
			"MIRROR START %s DIFFERENT", "MIRROR START %s DIFFERENT,CHECKSUM ORPHANS", "MIRROR START %s DIFFERENT,NEWER"),
		on("MIRROR STOP <connection:id>", mirrors, 1, "MIRROR STOP %s"),
		on("REPLICATION STOP <connection:id>", mirrors, 1, "REPLICATION STOP %s"),
		{"RESTORE <set> FROM <target:agent> TO <source:agent> [CHECKSUM] [ORPHANS]", agents, mirrors, 2, func(g *gen) string {
			return fmt.Sprintf("RESTORE %s FROM %s TO %s %s", g.set(), g.other(), g.source, pick(g.dice, "", "CHECKSUM", "CHECKSUM ORPHANS"))
		}},
		on("ORPHANS START <connection:id> [DELETE | MOVE TO <folder:path>] [OLDER THAN <age:duration>] [UP TO <count:number>]", mirrors, 3,
			"ORPHANS START %s", "ORPHANS START %s DELETE", `ORPHANS START %s MOVE TO "E:\Aside"`),
		on("ORPHANS LIST <connection:id> [OLDER THAN <age:duration>]", sees, 2, "ORPHANS LIST %s"),
		on("VERIFY <connection:id> [CHECKSUM]", sees, 3, "VERIFY %s", "VERIFY %s CHECKSUM"),
		on("VERIFY <connection:id> [CHECKSUM] REPAIR", mirrors, 2, "VERIFY %s REPAIR", "VERIFY %s CHECKSUM REPAIR"),
		on("TAKEOVER <connection:id> [APPLY QUEUE | DISCARD QUEUE]", mirrors, 3, "TAKEOVER %s", "TAKEOVER %s APPLY QUEUE"),
		on("RELEASE <connection:id> [DISCARD CHANGES]", mirrors, 3, "RELEASE %s", "RELEASE %s DISCARD CHANGES"),
		on("STATUS CON <connection:id>", sees, 3, "STATUS CON %s"),
		on("STATS [<connection:id>]", sees, 1, "STATS %s"),
		{"STATUS TARGET [<target:agent>]", agents, sees, 2, func(g *gen) string { return "STATUS TARGET " + pick(g.dice, "east", "west") }},
	}
}

func otherForms() []form {
	return []form{
		{"SOURCE <agent>", agents, session, 1, func(g *gen) string { return "SOURCE " + g.source }},
		{"TARGET <agent>", agents, session, 1, func(g *gen) string { return "TARGET " + g.other() }},
		{"LOGOUT", agents, session, 1, func(*gen) string { return "LOGOUT" }},
		{"PROBE <host> (PING | ARP | TCP <port:number> [EXPECT <text>] | HTTP <url:text>) [FROM <agent>]", core, sees, 3, func(g *gen) string {
			return fmt.Sprintf("PROBE %s %s", g.address(), pick(g.dice, "PING", "ARP FROM west", "TCP 25 EXPECT \"220\"", "TCP 25 FROM east"))
		}},
		{"EXEC <program> [<args>…] [ON <agent>] EFFECT READS", core, sees, 1, func(*gen) string { return "EXEC echo hello EFFECT READS" }},
		{"EXEC <program> [<args>…] [ON <agent>] EFFECT CHANGES", core, does, 1, func(*gen) string { return "EXEC true EFFECT CHANGES" }},
	}
}
