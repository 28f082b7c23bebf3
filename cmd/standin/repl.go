package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/repl"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// session is what one sitting at the prompt keeps: the open site, variables and functions, and one journal.
type session struct {
	app     *app
	console *repl.Console
	set     *sig.Set
	names   map[string][]string
	checks  check.Session
	machine *vm.Session
	site    *site // nil without a site: only what touches no system works
	journal journal.Writer
	walk    *plan.Walk
	failed  bool // some statement failed
}

// repl reads statements from a person or a pipe and carries each out at once.
func (a *app) repl(ctx context.Context, _ []string) (err error) {
	set, err := commands()
	if err != nil {
		return err
	}
	person := isTerminal(a.stdin) && isTerminal(a.stdout)
	console, err := repl.Open(repl.Config{
		In: a.stdin, Out: a.stdout, Err: a.stderr, Person: person, Editor: person && a.terminal(a.stdout), History: historyFile(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, console.Close()) }()
	own := *a // what the session prints goes past the line that is being typed
	own.stdout, own.stderr = console.Stdout, console.Stderr
	s := &session{app: &own, console: console, set: set, machine: vm.NewSession(lower.Options{})}
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.end(s.run(ctx))
}

// run talks until the session ends. A hang-up ends it as a Ctrl-D does, so that the journal is closed and mirrors end well.
func (s *session) run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(s.walk.Start(ctx), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := s.console.Run(ctx, repl.Language{
		Set: s.set, Names: s.names, Variables: s.machine.Variables, Help: s.app.explainWords,
		Eval: func(ctx context.Context, src *diag.Source) error { return s.afterwards(s.eval(ctx, src)) },
		Plan: func(ctx context.Context, src *diag.Source) error { return s.afterwards(s.plan(ctx, src)) },
	})
	if ctx.Err() != nil {
		return repl.ErrInterrupted
	}
	return err
}

func historyFile() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "standin", "history")
}

// open opens the site that there is; without one the prompt still computes and explains.
func (s *session) open(ctx context.Context) error {
	file, err := s.app.loadSite()
	if errors.Is(err, errNoSite) {
		s.begin(builtins.Lookup(builtins.All(s.app.noSite())), plan.Discard{}, "")
		return nil
	}
	if err != nil {
		return err
	}
	if s.site, err = s.app.open(ctx, file); err != nil {
		return err
	}
	s.names = file.names()
	h := s.app.header(s.site, &script{path: "repl", src: &diag.Source{Name: "<repl>"}})
	if s.journal, err = s.site.journals.Create(ctx, h); err != nil {
		return errors.Join(err, s.site.close())
	}
	s.begin(s.site.guarded(s.site.systems), s.journal, h.ID)
	return nil
}

func (s *session) begin(lookup plan.Lookup, j plan.Journal, id string) {
	var held func(context.Context) error
	if s.journal != nil {
		held = s.journal.Held
	}
	s.walk = plan.New(plan.Config{
		ID: id, Lookup: lookup, Journal: j, Held: held, Events: s.events(), Out: s.app.out(),
		Ask:  &prompt{read: s.console.Ask, yes: s.app.yes, person: s.console.Person, screen: s.app.stderr},
		Load: s.app.loader(s.set, s.names, false), Hide: s.app.hidden(),
	})
}

// events leaves out what a person has just typed or is about to be asked.
func (s *session) events() plan.Events {
	print := s.app.events()
	if !s.console.Person || s.app.json {
		return print
	}
	return func(e plan.Event) {
		if e.Kind != plan.EventWait && e.Kind != plan.EventAsk {
			print(e)
		}
	}
}

// check checks one input in the light of those before.
func (s *session) check(src *diag.Source) (*check.Program, error) {
	file, ds := syntax.Parse(src, syntax.Options{OldLine: s.set.OldLine})
	p, more := check.Check(file, s.set, check.Options{Names: s.names, Load: s.app.load, Session: &s.checks})
	if ds = s.app.seen(p, diag.Sort(append(ds, more...)), s.set); len(ds) > 0 {
		return nil, s.app.diagnostics(ds)
	}
	return p, nil
}

func (s *session) eval(ctx context.Context, src *diag.Source) error {
	p, err := s.check(src)
	if err != nil {
		return err
	}
	given, err := s.params(ctx, p)
	if err != nil {
		return err
	}
	if err := s.lock(ctx, p, given); err != nil {
		return err
	}
	s.walk.Result = s.app.answers(&script{checked: p, answer: true})
	ds, err := s.machine.Run(ctx, p, s.walk, given)
	if len(ds) > 0 {
		return s.app.diagnostics(ds)
	}
	s.checks.Keep(p) // also after a failure: what was assigned before it is there
	return err
}

// lock takes the locks of the systems that an input may change; the session keeps them to its end.
func (s *session) lock(ctx context.Context, p *check.Program, given map[string]value.Value) error {
	if s.site == nil {
		return nil
	}
	x := &execution{app: s.app, site: s.site, s: &script{checked: p, params: given}, j: s.journal}
	names := x.locks()
	if len(names) == 0 {
		return nil
	}
	err := s.journal.Lock(ctx, names)
	if locked, ok := errors.AsType[*journal.LockedError](err); ok {
		return x.locked(locked)
	}
	return err
}

// plan says what an input would do, from the session's variables on; the session stays as it is.
func (s *session) plan(ctx context.Context, src *diag.Source) error {
	p, err := s.check(src)
	if err != nil {
		return err
	}
	if s.site == nil {
		return wrong("name one with --site", "a plan needs a site")
	}
	given, err := s.params(ctx, p)
	if err != nil {
		return err
	}
	program, ds := s.machine.Plan(p)
	if len(ds) > 0 {
		return s.app.diagnostics(ds)
	}
	return s.app.planProgram(ctx, s.site, &script{path: "<repl>", src: src, checked: p, set: s.set, params: given}, program, s.walk)
}

// params gives PARAMs their values; a person is asked for those that come from nowhere.
func (s *session) params(ctx context.Context, p *check.Program) (map[string]value.Value, error) {
	given := map[string]value.Value{}
	for _, d := range p.Params {
		if !s.console.Person || d.From != "" || d.Default != nil {
			continue
		}
		ask := s.console.Ask
		if strings.EqualFold(d.Type.Text, "SECRET") {
			if !s.console.Editor {
				continue // fill reads it from the terminal without showing it
			}
			ask = s.console.AskSecret
		}
		text, err := ask(ctx, fmt.Sprintf("%s (%s): ", d.Name.Text, d.Doc))
		if err != nil {
			return nil, err
		}
		if given[d.Name.Text], err = typed(d, text); err != nil {
			return nil, err
		}
		plan.Learn(ctx, s.app.learn(given[d.Name.Text]))
	}
	return given, s.app.fill(ctx, p, given)
}

// afterwards prints what went wrong; the session goes on unless the script said EXIT or the journal is gone.
func (s *session) afterwards(err error) error {
	var (
		exit *vm.Exit
		lost *plan.JournalError
		call *wrongCall
		asks *plan.WaitingError
		e    ended
	)
	s.failed = s.failed || err != nil
	switch {
	case err == nil || errors.As(err, &e): // it is printed
		return nil
	case errors.As(err, &exit):
		return ended{exit.Code}
	case errors.As(err, &lost):
		return err
	case errors.As(err, &call):
		s.app.code(err)
		return nil
	case errors.As(err, &asks):
		fmt.Fprintf(s.app.stderr, "standin: %s\nhint: type it at a terminal, or start with --yes for what need not be typed\n", s.walk.Redact(asks.Error()))
		return nil
	}
	s.app.explain(s.walk, err)
	return nil
}

// end ends the session's run, waits for mirrors that run, and gives the call's exit code.
func (s *session) end(err error) error {
	var e ended
	switch {
	case errors.As(err, &e):
		err = e
	case errors.Is(err, repl.ErrInterrupted):
		err = ended{exitInterrupted}
	case err == nil && s.failed && !s.console.Person:
		err = ended{exitFailed}
	}
	if s.site == nil {
		return err
	}
	return errors.Join(ending(s.walk, s.journal, err), s.journal.Close(), s.site.close())
}
