package core

import (
	"context"
	"strconv"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// Commands gives the commands that touch no system of the site. A nil s is enough for help and check.
func Commands(s Systems) []def.Command {
	k := kit{s}
	program := map[string]string{
		"program": "a program by its path, or by its name in PATH",
		"args":    "its arguments, one after the other; no shell reads them",
		"agent":   "the agent whose host runs it; without ON the host that runs the script",
	}
	// Who answers follows from what the clusters have online and what DNS says; a program may look at and change anything.
	network, everything := []string{"agent", "cluster", "dns"}, []string{"agent", "cluster", "dns", "directory"}
	return def.Of("host", []def.Command{
		{Reaches: network, Read: k.probe, Signature: sig.Signature{
			Usage:   "PROBE <host> (PING | ARP | TCP <port:number> [EXPECT <text>] | HTTP <url:text>) [FROM <agent>]",
			Summary: "Asks whether a host answers; that it does not is an answer, not a failure.",
			Docs: map[string]string{
				"host":  "a name or an address",
				"port":  "a TCP port",
				"text":  "a text that must come from the host before it counts as answering",
				"url":   "a path on the host, or a whole URL; the host is asked even where the URL's name leads elsewhere",
				"agent": "the agent to ask from; without FROM the host that runs the script",
			},
			Result:  "a map: answered (TRUE or FALSE), detail (what was seen), host, address, kind, status (of HTTP, else 0)",
			Effect:  sig.Reads,
			Example: `IF ((PROBE 10.1.0.5 TCP 25 EXPECT "220").answered) THEN WRITE "mail answers"; END`,
		}},
		{Reaches: everything, Read: k.query, Signature: sig.Signature{
			Usage:   "EXEC <program> [<args>…] [ON <agent>] EFFECT READS",
			Summary: "Runs a program that only reads; a plan runs it too.",
			Docs:    program,
			Result:  execResult,
			Effect:  sig.Reads,
			Example: `WRITE (EXEC uname EFFECT READS).output;`,
		}},
		{Reaches: everything, Observe: k.exec, Signature: sig.Signature{
			Usage:   "EXEC <program> [<args>…] [ON <agent>] EFFECT CHANGES",
			Summary: "Runs a program that changes something; a plan only prints it, and undo cannot take it back.",
			Docs:    program,
			Result:  execResult,
			Effect:  sig.Final,
			Example: `EXEC true EFFECT CHANGES;`,
		}},
	})
}

const execResult = "a map: output and errors (what the program printed on its two outputs, without the final newline); " +
	"another exit code than 0 fails the command"

type kit struct{ systems Systems }

func (k kit) probe(ctx context.Context, c *def.Call) (value.Value, error) {
	p := Probe{Host: c.Text("host"), Expect: c.Text("text"), URL: c.Text("url")}
	for _, kind := range []Kind{Ping, ARP, TCP, HTTP} {
		if c.Has(string(kind)) {
			p.Kind = kind
		}
	}
	if port, ok := c.Int("port"); ok {
		if port < 1 || port > 65535 {
			return nil, value.Failf(value.CodeBadParameter, "got port %d, want 1 to 65535", port)
		}
		p.Port = int(port)
	}
	host, err := k.systems.Host(c.Text("agent"))
	if err != nil {
		return nil, err
	}
	a, err := host.Probe(ctx, p)
	if err != nil {
		return nil, err
	}
	return value.From(map[string]any{
		"answered": a.Answered, "detail": a.Detail, "host": p.Host, "address": a.Address, "kind": string(p.Kind), "status": a.Status,
	}), nil
}

func (k kit) query(ctx context.Context, c *def.Call) (value.Value, error) {
	p, err := program(c)
	if err != nil {
		return nil, err
	}
	host, err := k.systems.Host(c.Text("agent"))
	if err != nil {
		return nil, err
	}
	return result(host.Query(ctx, p))
}

// exec never finds its work done: what a program does is known to nobody but the program.
func (k kit) exec(_ context.Context, c *def.Call) (*def.Action, error) {
	p, err := program(c)
	if err != nil {
		return nil, err
	}
	host, err := k.systems.Host(c.Text("agent"))
	if err != nil {
		return nil, err
	}
	system, ran := "host", false
	if agent := c.Text("agent"); agent != "" {
		system = "agent " + agent
	}
	return &def.Action{
		Done:    plan.No,
		Blind:   "what program " + p.String() + " had done when it was cut off is known to nobody but the program",
		Changes: []plan.Change{{System: system, What: "program " + p.String(), To: "runs"}},
		Do: func(ctx context.Context) (value.Value, error) {
			if err := plan.StillHeld(ctx); err != nil {
				return nil, err
			}
			v, err := result(host.Exec(ctx, p))
			ran = err == nil
			return v, err
		},
		Verify: func(context.Context) (plan.Answer, error) {
			if ran {
				return plan.Yes, nil
			}
			return plan.Unknown, nil
		},
	}, nil
}

// program reads what to run. A secret may not be among the arguments: every user of a host can see them.
func program(c *def.Call) (Program, error) {
	p := Program{Path: c.Text("program")}
	if p.Path == "" {
		return p, value.Failf(value.CodeBadParameter, "got no program, want a path or a name")
	}
	for i, v := range c.All("args") {
		s, ok := value.AsText(v)
		if !ok {
			return p, value.Failf(value.CodeBadParameter, "argument %d of program %q: want a text or a number that is not secret", i+1, p.Path).
				Hint("give a secret to the program in a file that only it can read")
		}
		p.Args = append(p.Args, s)
	}
	return p, nil
}

// String writes the program as a person would type it, with quotes where a blank asks for them.
func (p Program) String() string {
	words := make([]string, 0, len(p.Args)+1)
	for _, w := range append([]string{p.Path}, p.Args...) {
		if w == "" || strings.ContainsAny(w, " \t\n\"'") {
			w = strconv.Quote(w)
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

func result(out Output, err error) (value.Value, error) {
	if err != nil {
		return nil, err
	}
	if out.Unknown != "" {
		return value.Unknown(out.Unknown), nil
	}
	return value.From(map[string]any{
		"output": strings.TrimSuffix(out.Stdout, "\n"), "errors": strings.TrimSuffix(out.Stderr, "\n"),
	}), nil
}
