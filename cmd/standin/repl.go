package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

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
	set     *sig.Set
	names   map[string][]string
	checks  check.Session
	machine *vm.Session
	site    *site // nil without a site: only what touches no system works
	journal *journal.File
	walk    *plan.Walk
}

// repl reads statements from a person or a pipe and carries each out at once.
func (a *app) repl(ctx context.Context, _ []string) error {
	set, err := commands()
	if err != nil {
		return err
	}
	s := &session{app: a, set: set, machine: vm.NewSession(lower.Options{})}
	if err := s.open(ctx); err != nil {
		return err
	}
	person := a.terminal(a.stdin) && a.terminal(a.stdout)
	failed := false
	err = repl.Run(ctx, repl.Config{
		Set: set, In: a.stdin, Out: a.stdout, Err: a.stderr, Terminal: person, History: historyFile(), Names: s.names,
		Eval: func(ctx context.Context, src *diag.Source) error {
			err := s.eval(ctx, src)
			failed = failed || err != nil
			return s.afterwards(err, person)
		},
		Plan: func(ctx context.Context, src *diag.Source) error { return s.afterwards(s.plan(ctx, src), person) },
		Help: a.explainWords,
	})
	err = errors.Join(err, s.close(err))
	var e ended
	if errors.As(err, &e) {
		return e
	}
	if err == nil && failed && !person {
		return ended{exitFailed}
	}
	return err
}

func historyFile() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "standin_history")
}

// open opens the site that there is; without one the prompt still computes and explains.
func (s *session) open(ctx context.Context) error {
	file, err := s.app.loadSite()
	if errors.Is(err, errNoSite) {
		return s.begin(builtins.Lookup(builtins.All(noSite())), plan.Discard{}, "")
	}
	if err != nil {
		return err
	}
	if s.site, err = s.app.open(ctx, file); err != nil {
		return err
	}
	s.names = file.names()
	h := s.app.header(file, &script{path: "repl", src: &diag.Source{Name: "<repl>"}})
	if s.journal, err = s.site.journals.Create(h); err != nil {
		return errors.Join(err, s.site.close())
	}
	return s.begin(builtins.Lookup(builtins.All(s.site.systems)), s.journal, h.ID)
}

func (s *session) begin(lookup plan.Lookup, j plan.Journal, id string) error {
	s.walk = plan.New(plan.Config{
		ID: id, Lookup: lookup, Journal: j, Events: s.app.events(), Out: s.app.out(), Ask: s.app.asker(),
		Load: s.app.loader(s.set, s.names, false),
	})
	return nil
}

// check checks one input in the light of those before.
func (s *session) check(src *diag.Source) (*check.Program, []*diag.Diagnostic) {
	file, ds := syntax.Parse(src, syntax.Options{OldLine: s.set.OldLine})
	p, more := check.Check(file, s.set, check.Options{Names: s.names, Load: s.app.load, Session: &s.checks})
	return p, diag.Sort(append(ds, more...))
}

func (s *session) eval(ctx context.Context, src *diag.Source) error {
	p, ds := s.check(src)
	if len(ds) > 0 {
		return s.app.diagnostics(ds)
	}
	given := map[string]value.Value{}
	if err := s.app.fill(p, given); err != nil {
		return err
	}
	s.walk.Result = s.app.answers(&script{checked: p, answer: true})
	ds, err := s.machine.Run(s.walk.Start(ctx), p, s.walk, given)
	if len(ds) > 0 {
		return s.app.diagnostics(ds)
	}
	s.checks.Keep(p) // also after a failure: what was assigned before it is there
	return err
}

// plan says what an input would do.
func (s *session) plan(ctx context.Context, src *diag.Source) error {
	p, ds := s.check(src)
	if len(ds) > 0 {
		return s.app.diagnostics(ds)
	}
	if s.site == nil {
		return wrong("name one with --site", "a plan needs a site")
	}
	return s.app.planOn(ctx, s.site, &script{path: "<repl>", src: src, checked: p, set: s.set})
}

// afterwards prints what went wrong; the session goes on unless the script said EXIT or the journal is gone.
func (s *session) afterwards(err error, person bool) error {
	var (
		exit *vm.Exit
		lost *plan.JournalError
		e    ended
	)
	switch {
	case err == nil || errors.As(err, &e):
		return nil
	case errors.As(err, &exit):
		if exit.Code == 0 {
			return io.EOF
		}
		return ended{exit.Code}
	case errors.As(err, &lost):
		return err
	}
	s.app.explain(err)
	return nil
}

// close ends the session's run and waits for mirrors that run.
func (s *session) close(err error) error {
	if s.site == nil {
		return nil
	}
	state := plan.Done
	var e ended
	if errors.As(err, &e) && e.code != 0 {
		state = plan.Failed
	}
	return errors.Join(s.journal.Append(endOf(state), true), s.journal.Close(), s.site.close())
}
