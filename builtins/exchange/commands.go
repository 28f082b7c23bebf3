package exchange

import (
	"context"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

const failoverOptions = "[-l <log:path>] [-norus] [-nospn] [-nopublicfolders] [-onlypublicfolders] [-r [<rule:pairing>]]… " +
	"[-SETUP] [-test] [-u <user>[:<password:secret>]] [-typed <sentence:text>]"

const (
	failoverUsage = "EXCHFAILOVER (-FAILOVER | -FAILBACK) -s <source> -t <target> [-o <options:path>] " + failoverOptions
	fileUsage     = "EXCHFAILOVER -o <options:path> [-FAILOVER] [-FAILBACK] [-s <source>] [-t <target>] " + failoverOptions
)

// Commands are the commands of an Exchange organisation. s may be nil where no command is called.
func Commands(s Systems) []def.Command {
	c := commands{s}
	return def.Of("directory", failoverCommands(c), organisationCommands(c), bindingCommands(c))
}

func failoverCommands(c commands) []def.Command {
	failover := func(usage, summary, example string) def.Command {
		return def.Command{
			Signature: sig.Signature{Usage: usage, Summary: summary, Docs: failoverDocs(), Effect: sig.Changes, OldLine: true, Example: example,
				Result: "the number of objects that were changed; 0 when all stood as wanted"},
			Observe: c.observe,
			Undo:    c.undo,
		}
	}
	read := func(usage, summary, result, example string, f func(context.Context, *def.Call) (value.Value, error)) def.Command {
		return def.Command{
			Signature: sig.Signature{Usage: usage, Summary: summary, Docs: docsFor(usage), Effect: sig.Reads, OldLine: true, Result: result, Example: example},
			Read:      f,
		}
	}
	return []def.Command{
		failover(failoverUsage, "Moves the mailboxes of one Exchange server, and all that names it, to the server that stands in, or back.",
			"EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2 -test;"),
		failover(fileUsage, "Does what a file of options says, together with those given here.",
			"EXCHFAILOVER -o /dev/null -FAILOVER -s EXCH1 -t EXCH2 -test;"),
		read("EXCHFAILOVER -rights -s <source> -t <target>", "Lists every permission that failover and failback need.",
			"a list of maps: direction, object, account, right, why", "EXCHFAILOVER -rights -s EXCH1 -t EXCH2;", c.rightsCommand),
		read("EXCHFAILOVER -?", "Shows the syntax of EXCHFAILOVER.", "a text", "EXCHFAILOVER -?;", func(context.Context, *def.Call) (value.Value, error) {
			return value.Text(failoverUsage), nil
		}),
		read("EXCHFAILOVER -??", "Shows the syntax of EXCHFAILOVER and what each option does.", "a text", "EXCHFAILOVER -??;", func(context.Context, *def.Call) (value.Value, error) {
			return value.Text(failoverUsage + "\n" + strings.Join(optionHelp(), "\n")), nil
		}),
	}
}

func failoverDocs() map[string]string {
	return map[string]string{
		"source":   "the original source server, in both directions",
		"target":   "the original target server, in both directions",
		"log":      "file to append a log to; ExchFailover.log without it",
		"options":  "file that holds more of these options, in any lines; # begins a comment",
		"rule":     "how to pair: group:group or group,store:group,store; without any, all by their names",
		"user":     "account to change the directory with",
		"password": "its password, the only operand whose case matters; left out, the site file's",
		"sentence": "what a failback that has no record of its failover asks to be typed",
	}
}

func docsFor(usage string) map[string]string {
	docs := map[string]string{}
	for slot, doc := range failoverDocs() {
		if strings.Contains(usage, "<"+slot+">") {
			docs[slot] = doc
		}
	}
	return docs
}

func optionHelp() []string {
	return []string{
		"  -FAILOVER           the target takes over from the source",
		"  -FAILBACK           the source gets back what the failover moved",
		"  -s <source>         the original source server",
		"  -t <target>         the original target server",
		"  -l <log>            log file (ExchFailover.log)",
		"  -norus              leave the recipient update services alone",
		"  -nospn              leave the service principal names alone",
		"  -nopublicfolders    leave the public folders alone",
		"  -onlypublicfolders  move the public folders and nothing else",
		"  -o <options>        read more options from a file",
		"  -r                  pair groups and stores by their names",
		"  -r <g>:<h>          pair the stores of group g with those of group h",
		"  -r <g>,<s>:<h>,<t>  pair store s of group g with store t of group h",
		"  -SETUP              only let the stores be overwritten, before they are mounted",
		"  -test               say what would change, and change nothing",
		"  -u <user>:<password>  account to change the directory with",
		"  -typed <sentence>   what a failback without a record asks to be typed",
		"  -rights             list every permission that is needed",
		"  -?, -??             this syntax, without and with descriptions",
	}
}

func organisationCommands(c commands) []def.Command {
	read := func(usage, summary, result, example string, docs map[string]string, f func(context.Context, *def.Call) (value.Value, error)) def.Command {
		return def.Command{Signature: sig.Signature{Usage: usage, Summary: summary, Docs: docs, Effect: sig.Reads, Result: result, Example: example}, Read: f}
	}
	server := map[string]string{"server": "name of an Exchange server"}
	both := map[string]string{"source": "the source server", "target": "the server that stands in for it"}
	pairs := map[string]string{"source": both["source"], "target": both["target"], "rule": failoverDocs()["rule"]}
	return []def.Command{
		read("EXCHANGE SERVER <server:text> STATUS", "Describes an Exchange server.",
			"a map: name, dn, version, group, routing, fqdn, stores (how many)", "EXCHANGE SERVER EXCH1 STATUS;", server, c.serverStatus),
		read("EXCHANGE STORES <server:text>", "Lists the stores of an Exchange server.",
			"a list of maps: name, group, kind (mailbox or public), database, streaming, file, prefix, logs, system, overwrite",
			"EXCHANGE STORES EXCH1;", server, c.stores),
		read("EXCHANGE MAILBOXES <server:text>", "Counts the mailboxes of an Exchange server.",
			"a map: total, stores (a list of maps: group, store, count), elsewhere (on none of its stores)", "EXCHANGE MAILBOXES EXCH1;", server, c.mailboxCounts),
		read("EXCHANGE PAIRS <source:text> <target:text> [-r [<rule:pairing>]]…", "Shows how the stores of two servers are paired.",
			"a list of maps: source, target (each group,store), file", "EXCHANGE PAIRS EXCH1 EXCH2;", pairs, c.pairsCommand),
		read("EXCHANGE FAILOVER <source:text> TO <target:text> STATUS", "Says whether a failover has been made and not yet failed back.",
			"a map: state (none, open or closed), moved (how many objects of each kind)", "EXCHANGE FAILOVER EXCH1 TO EXCH2 STATUS;", both, c.recordStatus),
		{
			Signature: sig.Signature{
				Usage:   "EXCHANGE MOVE MAILBOX <user:text> TO <server:text> <store:text>",
				Summary: "Moves one mailbox in the directory to a store.",
				Docs: map[string]string{"user": "logon name, address or full name of the mailbox", "server": server["server"],
					"store": "name of a mailbox store of that server, or group,store"},
				Effect: sig.Changes, Example: `EXCHANGE MOVE MAILBOX user00001 TO EXCH2 "Mailbox Store (EXCH2)";`,
			},
			Observe: c.observeMove,
			Undo:    c.undo,
		},
	}
}
