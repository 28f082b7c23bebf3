package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

func resumeCommand(fs *flag.FlagSet) runner {
	f := &runFlags{}
	f.common(fs)
	fs.BoolVar(&f.accept, "accept-changes", false, "go on although the script or the site file was changed, as far as what was recorded still fits")
	return func(a *app, ctx context.Context, args []string) error { return a.resume(ctx, args, *f, nil) }
}

const resumeUsage = "usage: standin resume RUN [NAME=VALUE …]; standin runs lists them"

// resume goes on with a run whose process is gone: one that was killed, stopped, waits for an answer or failed.
func (a *app) resume(ctx context.Context, args []string, f runFlags, order *plan.Order) error {
	if len(args) == 0 {
		return wrong(resumeUsage, "no run given")
	}
	site, err := a.storeOnly()
	if err != nil {
		return err
	}
	x := &execution{app: a, site: site, flags: f, since: time.Now()}
	if done, err := x.takeOver(ctx, args[0]); err != nil || done {
		return errors.Join(err, site.close())
	}
	x.order = order
	err = x.prepare(ctx, args[1:])
	var approved *plan.Approved
	if err == nil {
		approved, err = x.approvedAgain()
	}
	if err != nil {
		return errors.Join(err, x.j.Close(), site.close())
	}
	return x.whole(ctx, approved)
}

// rejoin journals that this process goes on with the run, once it has the run's locks.
func (x *execution) rejoin() error {
	if x.was == nil {
		return nil
	}
	if err := x.again(x.order); err != nil {
		return err
	}
	return x.j.Append(&plan.Entry{Kind: plan.KindResume, By: actor(), Header: x.changed(), Started: time.Now()}, true)
}

// storeOnly opens the store of the site's runs.
func (a *app) storeOnly() (*site, error) {
	file, err := a.loadSite()
	if err != nil {
		return nil, err
	}
	return a.siteOf(file)
}

// actor is who sits at this process.
func actor() *plan.Actor {
	by := &plan.Actor{PID: os.Getpid()}
	by.Host, _ = os.Hostname() //nolint:errcheck // it is for people to read
	if u, err := user.Current(); err == nil {
		by.Who = u.Username
	}
	return by
}

// takeOver takes a run over; done says that there is nothing to go on with.
func (x *execution) takeOver(ctx context.Context, id string) (done bool, err error) {
	x.j, x.was, err = x.site.journals.Resume(ctx, id, *actor())
	var busy *journal.BusyError
	switch {
	case errors.As(err, &busy):
		fmt.Fprintf(x.app.stderr, "standin: run %s cannot be taken over: %v\nhint: standin show %[1]s --follow shows how it goes; standin stop, cancel or kill %[1]s ends it\n", id, busy)
		return false, ended{exitLocked}
	case errors.Is(err, journal.ErrNoRun):
		return false, wrong("standin runs lists them", "no run %q on this site", id)
	case err != nil:
		return false, fmt.Errorf("cannot take run %s over: %w", id, err)
	}
	h := x.was.Header
	x.h = &h
	switch {
	case h.Parent != "":
		err = wrong("standin resume "+h.Parent, "run %s is a script that run %s has run", id, h.Parent)
	case x.was.State == plan.Done, x.was.State == plan.Undone:
		fmt.Fprintf(x.app.stderr, "standin: run %s is %s: nothing is left to do\n", id, x.was.State)
		done = true
	case undoBegun(x.was.Entries):
		err = wrong("standin undo "+id+" goes on with it", "run %s is being undone", id)
	case !strings.HasSuffix(h.Script, ".dtcl") && (strings.HasPrefix(h.Script, "do ") || h.Script == "repl"):
		err = wrong("type it again: every command may be given twice; standin undo "+id+" takes back what it has changed", "%q is no script that could be resumed", h.Script)
	}
	if done || err != nil {
		err = errors.Join(err, x.j.Close())
	}
	return done, err
}

// undoBegun says whether somebody has begun to undo a run, and has not come to where it can go on.
func undoBegun(entries []plan.Entry) bool {
	for _, e := range slices.Backward(entries) {
		if e.Kind == plan.KindUndo {
			return e.State != "back"
		}
	}
	return false
}

// prepare reads the script of a run that goes on, with the values that its PARAMs had.
func (x *execution) prepare(ctx context.Context, args []string) error {
	if x.h.Folder != "" {
		if err := x.enterFolder(x.h.Folder); err != nil {
			return err
		}
	}
	set, err := commands()
	if err != nil {
		return err
	}
	src, err := x.app.read(x.h.Script)
	if err != nil {
		return err
	}
	p, ds := x.app.checked(src, set, x.site.file.names())
	if len(ds) > 0 {
		return x.app.diagnostics(ds)
	}
	x.s = &script{path: x.h.Script, src: src, checked: p, set: set}
	if err := x.unchanged(); err != nil {
		return err
	}
	x.s.params, err = x.params(ctx, p, args)
	return err
}

// enterFolder makes relative paths mean what they meant when the run began.
func (x *execution) enterFolder(dir string) error {
	here, err := os.Getwd()
	if err == nil && here == dir {
		return nil
	}
	for _, path := range []*string{&x.site.file.dir, &x.site.file.path, &x.flags.plan} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if err := os.Chdir(dir); err != nil {
		return wrong("make it again, with the scripts in it", "the run was started in %q: %v", dir, cause(err))
	}
	return nil
}

// unchanged refuses a script or site file that is not the one that the run began with, and shows what is different.
func (x *execution) unchanged() error {
	now := x.app.header(x.site, x.s)
	was := latest(x.was)
	if maps.Equal(now.Files, was.Files) {
		return nil
	}
	names := map[string]bool{}
	for name := range now.Files {
		names[name] = true
	}
	for name := range was.Files {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if now.Files[name] != was.Files[name] {
			x.app.stderr.Write(diff.Diff(name+" (when the run began)", []byte(was.Texts[name]), name, []byte(now.Texts[name]))) //nolint:errcheck // as every message
		}
	}
	if x.flags.accept {
		return nil
	}
	fmt.Fprintf(x.app.stderr, "standin: what run %s runs was changed since it began\nhint: put it back, or say standin resume %[1]s --accept-changes: it goes on as far as what it has done still fits\n", x.h.ID)
	return ended{exitStopped}
}

// latest is the header with the files that the run went on with last.
func latest(r *journal.Run) *plan.Header {
	for _, e := range slices.Backward(r.Entries) {
		if e.Kind == plan.KindResume && e.Header != nil {
			return e.Header
		}
	}
	return &r.Header
}

// changed is the header of a run that goes on with other files, nil if they are the same.
func (x *execution) changed() *plan.Header {
	now := x.app.header(x.site, x.s)
	if maps.Equal(now.Files, latest(x.was).Files) {
		return nil
	}
	now.ID = x.h.ID
	return now
}

// params gives the PARAMs the values that they had. A secret is read or asked for again, and must be the same.
func (x *execution) params(ctx context.Context, p *check.Program, args []string) (map[string]value.Value, error) {
	given := map[string]value.Value{}
	for _, d := range p.Params {
		text, ok := x.h.Params[d.Name.Text]
		if !ok || strings.EqualFold(d.Type.Text, "SECRET") {
			continue
		}
		given[d.Name.Text] = restored(d, text)
	}
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		d := param(p, name)
		if !ok || d == nil {
			return nil, wrong(resumeUsage, "got the argument %q, want NAME=VALUE of a parameter", arg)
		}
		v, err := typed(d, text)
		if err != nil {
			return nil, err
		}
		given[d.Name.Text] = v
	}
	if err := x.app.fill(ctx, p, given); err != nil {
		return nil, err
	}
	for name, was := range x.h.Params {
		if v, ok := given[name]; ok && noted(x.site, v) != was {
			return nil, wrong("a run goes on with the values that it began with", "parameter %s has another value than when run %s began", name, x.h.ID)
		}
	}
	return given, nil
}

// restored reads a PARAM's value as the journal keeps it.
func restored(d *syntax.Param, text string) value.Value {
	t, _ := sig.ParamType(d.Type.Text)
	switch t.Name {
	case "truth":
		return value.Truth(text == "true")
	case "duration", "size", "decimal", "number":
		if v, ok := value.ParseNumber(text); ok {
			return v
		}
	}
	return value.Text(text)
}

// again gives a run that failed the order to try again what failed.
func (x *execution) again(order *plan.Order) error {
	if order == nil && x.was.State == plan.Failed {
		order = &plan.Order{Kind: plan.OrderRetry}
	}
	if order == nil {
		return nil
	}
	order.Place, order.By, order.Time = failedPlace(x.was), *actor(), time.Now()
	e := plan.Entry{
		Seq: x.was.Next(), Kind: plan.KindOrder, Place: order.Place, Text: string(order.Kind), By: &order.By, Started: order.Time, Ended: order.Time,
	}
	if err := x.j.Append(&e, true); err != nil {
		return err
	}
	x.was.Entries = append(x.was.Entries, e)
	return nil
}

// failedPlace is where a run failed, or the question that it waits at.
func failedPlace(r *journal.Run) string {
	last := r.Entries[len(r.Entries)-1]
	if last.Kind == plan.KindEnd {
		return last.Place
	}
	if open := r.Questions(); len(open) > 0 {
		return open[0].Place
	}
	return ""
}

// approvedAgain reads the plan of a run that was begun under one.
func (x *execution) approvedAgain() (*plan.Approved, error) {
	if x.h.Plan != "" && x.flags.plan == "" {
		return nil, wrong("standin resume "+x.h.ID+" --plan FILE, with that plan or one that was made and approved since", "run %s may not leave its approved plan", x.h.ID)
	}
	return x.approved()
}

// takeUp gives the walk what the run has done already.
func (x *execution) takeUp(c *plan.Config) error {
	if x.was == nil {
		return nil
	}
	if err := x.remember(context.Background()); err != nil {
		return err
	}
	c.Past, x.s.past = x.s.past, nil
	x.after = c.Past.LastOrder()
	if requires(x.s.checked) {
		c.Recheck = x.recheck(*c)
	}
	fmt.Fprintf(x.app.stderr, "standin: going on with run %s (%s)\n", x.h.ID, x.h.Script)
	x.site.agents.TakeUp(context.Background(), x.was.Started) // embedded agents lived in the process that is gone
	return nil
}

// recheck takes every REQUIRE again before the first new change.
func (x *execution) recheck(c plan.Config) func(context.Context) error {
	return func(ctx context.Context) error {
		program, err := x.app.compile(x.s.checked, true)
		if err != nil {
			return err
		}
		c.Load = x.app.loader(x.s.set, x.site.file.names(), true)
		return plan.Recheck(ctx, c, program, x.s.params)
	}
}

// requires says whether a script, or one that it runs, has a REQUIRE.
func requires(p *check.Program) bool {
	found := false
	p.File.Walk(func(n syntax.Node) bool {
		_, is := n.(*syntax.Require)
		found = found || is
		return !found
	})
	for _, run := range p.Runs {
		found = found || requires(run)
	}
	return found
}

// children loads the journals of the scripts that the run's commands have run.
func (x *execution) children(ctx context.Context) error {
	x.child = nil
	runs, err := x.site.journals.List(ctx)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.Parent != x.h.ID {
			continue
		}
		whole, err := x.site.journals.Whole(ctx, r.ID)
		if err != nil {
			return err
		}
		x.child = append(x.child, plan.Child{ID: r.ID, Place: r.Place, Change: r.Change, Entries: whole.Entries})
	}
	return nil
}
