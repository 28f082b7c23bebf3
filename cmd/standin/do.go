package main

import (
	"context"
	"errors"
	"flag"
	"strings"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
)

// do carries out one command given as arguments; our own flags stand before its first word.
func (a *app) do(ctx context.Context, args []string) error {
	fs := newFlags("standin do")
	a.common.flags(fs)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return a.help(ctx, nil)
		}
		return wrong("our own flags stand before the command's first word", "%v", err)
	}
	if fs.NArg() == 0 {
		return wrong("usage: standin do COMMAND …; standin help lists the commands", "no command given")
	}
	return a.once(ctx, fs.Args())
}

// dtcl is the program under its old name: commands at once, -f SCRIPT, -i.
func (a *app) dtcl(args []string) error {
	ctx := context.Background()
	if len(args) == 0 {
		return a.repl(ctx, nil)
	}
	switch args[0] {
	case "-i":
		return a.repl(ctx, nil)
	case "-f":
		return a.dispatch("run", args[1:])
	}
	return a.do(ctx, args)
}

// once runs one statement of argv. What touches no system needs no site and no journal.
func (a *app) once(ctx context.Context, args []string) error {
	set, err := commands()
	if err != nil {
		return err
	}
	file, ds := syntax.ParseArgs(args, syntax.Options{OldLine: set.OldLine})
	if len(ds) > 0 {
		return a.diagnostics(ds)
	}
	p, ds := check.Check(file, set, check.Options{Load: a.load})
	if len(ds) > 0 {
		return a.diagnostics(ds)
	}
	s := &script{path: "do " + strings.Join(args, " "), src: file.Source, checked: p, set: set, answer: true}
	if !touches(p) {
		return a.bare(ctx, s)
	}
	site, err := a.loadSite()
	if err != nil {
		return err
	}
	if _, ds := check.Check(file, set, check.Options{Names: site.names(), Load: a.load}); len(ds) > 0 {
		return a.diagnostics(ds)
	}
	s.path = "do " + file.Source.Redacted()
	opened, err := a.open(ctx, site)
	if err != nil {
		return err
	}
	defer opened.close()
	return a.runOn(ctx, opened, s)
}

// touches says whether a statement has a command at all: WAIT, WRITE and the like touch no system.
func touches(p *check.Program) bool { return len(p.Calls) > 0 || len(p.Runs) > 0 }

// bare runs a statement without a site.
func (a *app) bare(ctx context.Context, s *script) error {
	program, err := a.compile(s.checked, false)
	if err != nil {
		return err
	}
	w := plan.New(plan.Config{
		Lookup: func(g *sig.Signature) (*plan.Record, error) {
			return builtins.Lookup(builtins.All(builtins.Systems{}))(g)
		},
		Out: a.out(), Ask: a.asker(), Events: func(plan.Event) {},
	})
	ctx, stop := a.interrupts(ctx, w)
	defer stop()
	err = program.Run(w.Start(ctx), w, nil)
	_, code := outcome(err)
	if err != nil {
		a.explain(err)
	}
	if code == exitDone {
		return nil
	}
	return ended{code}
}
