package dns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// maxChain is how many CNAMEs are followed.
const maxChain = 8

func (v verbs) query() def.Command {
	d := docs("type", "server")
	d["name"] = "the full name; an address stands for its name in the reverse tree"
	return def.Command{
		Signature: sig.Signature{
			Usage:   "DNS QUERY <name:text> <type:text> [ON <server:dnsserver>]",
			Summary: "Asks a DNS server of the site for records, following CNAMEs; no records is an empty list.",
			Docs:    d,
			Result:  "a list of maps: name, type, ttl (seconds), data",
			Effect:  sig.Reads,
			Example: `$answer = DNS QUERY exch1.mydomain.com A;`,
		},
		Read: func(ctx context.Context, c *def.Call) (value.Value, error) {
			name, typ, err := question(c)
			if err != nil {
				return nil, err
			}
			sys, err := v.serverFor(ctx, c, name)
			if err != nil {
				return nil, err
			}
			records, err := follow(ctx, name, typ, sys.Lookup)
			if err != nil {
				return nil, err
			}
			return listOf(records), nil
		},
	}
}

// question reads the operands <name> and <type>.
func question(c *def.Call) (name, typ string, err error) {
	if typ, err = ParseType(c.Text("type")); err != nil {
		return "", "", err
	}
	if a, err := netip.ParseAddr(c.Text("name")); err == nil {
		return ReverseName(a), typ, nil
	}
	name, err = FullName(c.Text("name"))
	return name, typ, err
}

func (v verbs) serverFor(ctx context.Context, c *def.Call, name string) (System, error) {
	if server := c.Text("server"); server != "" {
		return v.systems.Server(server)
	}
	sys, _, err := holder(ctx, v.systems, name)
	return sys, err
}

// follow looks name up as a client would: through CNAMEs, as far as the server holds them.
func follow(ctx context.Context, name, typ string, lookup Lookup) ([]Record, error) {
	var found []Record
	for range maxChain {
		set, err := lookup(ctx, name, typ)
		if notThere(err) && len(found) > 0 {
			return found, nil
		}
		if err != nil || len(set) > 0 || typ == "CNAME" {
			return append(found, set...), err
		}
		cname, err := lookup(ctx, name, "CNAME")
		if err != nil || len(cname) == 0 {
			return found, err
		}
		found = append(found, cname[0])
		name = cname[0].Data
	}
	return found, nil
}

func listOf(records []Record) value.Value {
	list := make([]value.Value, len(records))
	for i, r := range records {
		list[i] = value.Map(map[string]value.Value{
			"name": value.Text(r.Name), "type": value.Text(r.Type), "ttl": value.Int(int64(r.TTL)), "data": value.Text(r.Data),
		})
	}
	return value.List(list...)
}

func (v verbs) wait() def.Command {
	d := docs("type", "data")
	d["name"] = "the full name; an address stands for its name in the reverse tree"
	d["timeout"] = "how long to wait"
	return def.Command{
		Signature: sig.Signature{
			Usage:   "WAIT ON DNS <name:text> <type:text> <data:text>… [ON ALL SERVERS] TIMEOUT <timeout:duration>",
			Summary: "Waits until a name has a record, at the site's first server for it or at every authoritative one.",
			Docs:    d,
			Effect:  sig.Waits,
			Example: `WAIT ON DNS exch1.mydomain.com A 10.1.0.5 ON ALL SERVERS TIMEOUT 5s;`,
		},
		Read: func(ctx context.Context, c *def.Call) (value.Value, error) {
			name, typ, err := question(c)
			if err != nil {
				return nil, err
			}
			data, err := ParseData("", typ, c.Texts("data"))
			if err != nil {
				return nil, err
			}
			look := v.first
			if c.Has("ALL") {
				look = v.everywhere
			}
			wanted := func(ctx context.Context) (bool, string) { return look(ctx, name, typ, data) }
			return value.Int(0), waitFor(ctx, fmt.Sprintf("%s %s to be %s", typ, name, data), c.Duration("timeout", 0), wanted)
		},
	}
}

// waitFor asks again and again until the level is reached; a time-out names the last value seen.
func waitFor(ctx context.Context, what string, timeout time.Duration, wanted func(context.Context) (ok bool, seen string)) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last := "no answer"
	for {
		ok, seen := wanted(limited)
		if ok {
			return nil
		}
		if limited.Err() == nil {
			last = seen
		}
		sleep(limited, 500*time.Millisecond)
		if ctx.Err() != nil {
			return value.Failf(value.CodeCancelled, "stopped waiting for %s: %w", what, ctx.Err())
		}
		if limited.Err() != nil {
			return value.Failf(value.CodeTimeout, "waited %s for %s; last seen: %s", timeout, what, last)
		}
	}
}

// first says whether the first server that holds name gives it the data.
func (v verbs) first(ctx context.Context, name, typ, data string) (ok bool, seen string) {
	sys, _, err := holder(ctx, v.systems, name)
	if err != nil {
		return false, err.Error()
	}
	return answers(ctx, name, typ, data, sys.Lookup)
}

// everywhere says whether every authoritative server of every DNS server that the site names and that holds name
// gives it the data; one that does not answer does not.
func (v verbs) everywhere(ctx context.Context, name, typ, data string) (ok bool, seen string) {
	asked := 0
	for _, server := range v.systems.Servers() {
		sys, err := v.systems.Server(server)
		if err != nil {
			return false, err.Error()
		}
		if _, err := sys.Zone(ctx, name); notThere(err) {
			continue
		}
		for _, a := range sys.Authorities() {
			if ok, seen := answers(ctx, name, typ, data, a.Lookup); !ok {
				return false, a.Address + ": " + seen
			}
			asked++
		}
	}
	if asked == 0 {
		return false, fmt.Sprintf("no DNS server of this site holds %q", name)
	}
	return true, ""
}

// answers says whether lookup gives name the data, and what it gives.
func answers(ctx context.Context, name, typ, data string, lookup Lookup) (ok bool, seen string) {
	records, err := follow(ctx, name, typ, lookup)
	if err != nil {
		return false, err.Error()
	}
	var all []string
	for _, r := range records {
		if r.Type == typ && r.Same(Record{Name: r.Name, Type: typ, Data: data}) {
			return true, ""
		}
		all = append(all, r.Type+" "+r.String())
	}
	if len(all) == 0 {
		return false, "no " + typ
	}
	return false, strings.Join(all, ", ")
}
