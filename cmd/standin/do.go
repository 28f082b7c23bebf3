package main

import (
	"context"
	"errors"
	"flag"
	"strings"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
)

// do carries out one command given as arguments; our own flags stand before its first word.
func (a *app) do(ctx context.Context, args []string) error {
	fs := newFlags("standin do")
	a.common.flags(fs)
	a.over.add(fs)
	glassFlag(fs, &a.breakGlass)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return a.help(ctx, nil)
		}
		return wrong("our own flags stand before the command's first word", "%v", err)
	}
	if fs.NArg() == 0 {
		return wrong("usage: standin do COMMAND …; standin help lists the commands", "no command given")
	}
	return a.word(ctx, fs.Args())
}

// word carries out a command, or HELP, which is a word of the prompt.
func (a *app) word(ctx context.Context, args []string) error {
	if err := a.startWatching(); err != nil {
		return err
	}
	if strings.EqualFold(args[0], "help") {
		if len(args) == 1 {
			args = append(args, "commands")
		}
		return a.help(ctx, args[1:])
	}
	return a.once(ctx, args)
}

// dtcl is the program under its old name: commands at once, -f SCRIPT, -i; our own flags may stand before them.
func (a *app) dtcl(args []string) error {
	fs := newFlags("dtcl")
	a.common.flags(fs)
	script := fs.Bool("f", false, "")
	prompt := fs.Bool("i", false, "")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return a.help(context.Background(), nil)
		}
		return wrong("usage: dtcl COMMAND …, dtcl -f SCRIPT [NAME=VALUE …] or dtcl -i", "%v", err)
	}
	switch {
	case *script:
		return a.dispatch("run", fs.Args())
	case *prompt, fs.NArg() == 0:
		return a.dispatch("repl", fs.Args())
	}
	return a.word(context.Background(), fs.Args())
}

// once runs one statement of argv. What touches no system needs no site and no journal.
func (a *app) once(ctx context.Context, args []string) error {
	set, err := commands()
	if err != nil {
		return err
	}
	file, ds := syntax.ParseArgs(args, syntax.Options{OldLine: set.OldLine})
	if len(ds) > 0 {
		return a.diagnostics(a.careful(ds, set))
	}
	p, ds := check.Check(file, set, check.Options{Load: a.load})
	if len(ds) > 0 {
		return a.diagnostics(a.careful(ds, set))
	}
	a.seen(p, nil, set)
	s := &script{path: "do " + strings.Join(args, " "), src: file.Source, checked: p, set: set, answer: true}
	if !touches(p) {
		return a.bare(ctx, s)
	}
	site, err := a.loadSite()
	if errors.Is(err, errNoSite) && local(p) {
		return a.bare(ctx, s)
	}
	if err != nil {
		return err
	}
	if _, ds := check.Check(file, set, check.Options{Names: site.names(), Load: a.load}); len(ds) > 0 {
		return a.diagnostics(a.careful(ds, set))
	}
	s.path = "do " + file.Source.Redacted()
	return a.begin(ctx, site, s, runFlags{})
}

// touches says whether a statement has a command at all: WAIT, WRITE and the like touch no system.
func touches(p *check.Program) bool { return len(p.Calls) > 0 || len(p.Runs) > 0 }

// local says whether a statement's commands look at the network or run programs of this machine, and change nothing.
func local(p *check.Program) bool {
	here := map[string]bool{}
	for _, c := range core.Commands(nil) {
		here[c.Usage] = true
	}
	for _, c := range p.Calls {
		if s := c.Sig; !here[s.Usage] || s.Effect == sig.Changes || s.Effect == sig.Final {
			return false
		}
	}
	return true
}

// bare runs a statement without a site.
func (a *app) bare(ctx context.Context, s *script) error {
	program, err := a.compile(s.checked, false)
	if err != nil {
		return err
	}
	c := plan.Config{
		Lookup: func(g *sig.Signature) (*plan.Record, error) { return builtins.Lookup(builtins.All(a.noSite()))(g) },
		Out:    a.out(), Ask: a.asker(), Result: a.answers(s), Hide: a.hidden(),
	}
	if a.json {
		c.Events = a.events()
	}
	w := plan.New(c)
	ctx, stop := a.interrupts(ctx, w)
	defer stop()
	return a.said(w, program.Run(w.Start(ctx), w, nil))
}
