package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/renameio/v2"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// runFlags are those of the subcommands that run a script or go on with a run.
type runFlags struct {
	plan   string        // file of the approved plan
	within time.Duration // in which somebody must confirm; 0 for no such thing
	attend bool
	accept bool // of resume: the script or site may differ
}

func runCommand(fs *flag.FlagSet) runner {
	f := &runFlags{}
	f.common(fs)
	fs.DurationVar(&f.within, "confirm-within", 0, "undo what the run has changed unless standin confirm RUN is said within this time of its end")
	return func(a *app, ctx context.Context, args []string) error { return a.run(ctx, args, *f) }
}

func (f *runFlags) common(fs *flag.FlagSet) {
	fs.StringVar(&f.plan, "plan", "", "the approved plan, as standin plan -o saved it: stop where reality differs from it")
	fs.BoolVar(&f.attend, "attend", false, "when a step fails wait for retry, skip or stop, at this terminal or from another")
}

// run runs a script for real.
func (a *app) run(ctx context.Context, args []string, f runFlags) error {
	if len(args) == 0 {
		return errNoScript()
	}
	file, err := a.loadSite()
	if err != nil {
		return err
	}
	s, err := a.prepare(ctx, args, file.names())
	if err != nil {
		return err
	}
	return a.begin(ctx, file, s, f)
}

// ready prepares SCRIPT NAME=VALUE … and opens the site that it is for.
func (a *app) ready(ctx context.Context, args []string) (*site, *script, error) {
	if len(args) == 0 {
		return nil, nil, errNoScript()
	}
	file, err := a.loadSite()
	if err != nil {
		return nil, nil, err
	}
	s, err := a.prepare(ctx, args, file.names())
	if err != nil {
		return nil, nil, err
	}
	site, err := a.open(ctx, file)
	return site, s, err
}

// execution is one process's part of a run.
type execution struct {
	app   *app
	site  *site
	s     *script
	flags runFlags
	h     *plan.Header
	j     journal.Writer
	was   *journal.Run // the run as other processes have left it; nil for a run that begins
	child []plan.Child

	walk      *plan.Walk
	cancelled atomic.Bool   // somebody wants it undone
	confirmed chan struct{} // somebody wants it kept
	order     *plan.Order   // that the run goes on with; nil for none
	after     int           // ID of the last order that was taken
	since     time.Time     // when this process took the run up
}

// begin begins a run of a prepared script, with its own journal and locks.
func (a *app) begin(ctx context.Context, file *siteFile, s *script, f runFlags) error {
	site, err := a.siteOf(file)
	if err != nil {
		return err
	}
	x := &execution{app: a, site: site, s: s, flags: f, h: a.header(site, s)}
	x.h.Within = f.within.Milliseconds()
	approved, err := x.approved()
	if err != nil {
		return errors.Join(err, site.close())
	}
	if x.j, err = site.journals.Create(ctx, x.h); err != nil {
		return errors.Join(fmt.Errorf("cannot begin a run: %w", err), site.close())
	}
	return x.whole(ctx, approved)
}

// whole takes the locks, opens the systems, runs and closes all again.
func (x *execution) whole(ctx context.Context, approved *plan.Approved) error {
	err := x.j.Lock(ctx, x.locks())
	if err == nil {
		err = x.rejoin()
	}
	if err == nil {
		err = x.site.systemsUp(ctx)
	}
	if err != nil {
		err = x.deny(err)
	} else {
		err = x.execute(ctx, approved)
	}
	return errors.Join(err, x.j.Close(), x.site.close())
}

// deny ends a run that could not get its locks or systems. One that was taken up stays as it was.
func (x *execution) deny(err error) error {
	var locked *journal.LockedError
	message := err
	if errors.As(err, &locked) {
		err = x.locked(locked)
	}
	if x.was == nil {
		e := &plan.Entry{Kind: plan.KindEnd, State: string(plan.Failed), Error: message.Error(), Ended: time.Now()}
		err = errors.Join(err, x.j.Append(e, true))
	}
	return err
}

// locked names who holds a lock.
func (x *execution) locked(held *journal.LockedError) error {
	fmt.Fprintf(x.app.stderr, "standin: %v\nhint: standin show %s --follow shows how it goes; standin stop %[2]s stops it after its step\n", held, held.Holder.ID)
	return ended{exitLocked}
}

// config is what the walks of this execution share.
func (x *execution) config() plan.Config {
	return plan.Config{
		ID: x.h.ID, Lookup: x.site.guarded(x.site.systems), Journal: x.j, Overrides: x.site.file.overrides,
		Events: x.app.events(), Out: x.app.out(), Ask: x.app.asker(), Load: x.app.loader(x.s.set, x.site.file.names(), false),
		Result: x.app.answers(x.s), Secrets: x.s.secrets(), Hide: x.app.hidden(), Held: x.j.Held, Attended: x.flags.attend, Impact: x.impact,
	}
}

// execute runs the script from its first statement; what the past has is taken from there.
func (x *execution) execute(ctx context.Context, approved *plan.Approved) error {
	a := x.app
	program, err := a.compile(x.s.checked, false)
	if err != nil {
		return err
	}
	out := &lasting{w: a.stdout}
	a.stdout = out
	c := x.config()
	c.Approved = approved
	if err := x.takeUp(&c); err != nil {
		return err
	}
	x.walk, x.confirmed = plan.New(c), make(chan struct{})
	told := x.told(c.Events)
	ctx, stop := a.interrupts(ctx, x.walk)
	defer stop()
	running, done, err := x.heed(ctx)
	if err != nil {
		return a.said(x.walk, err)
	}
	err = program.Run(x.walk.Start(running), x.walk, x.s.params)
	done()
	if err == nil && x.h.Within > 0 {
		err = x.window(ctx)
	}
	if x.cancelled.Load() {
		stop()
		err = x.undoNow(context.WithoutCancel(ctx))
		told(plan.Undone, err)
		if err == nil {
			err = ended{exitFailed} // what the script is for was not reached
		}
		return errors.Join(err, out.lost(x.h.ID))
	}
	err = ending(x.walk, x.j, err)
	told("", err)
	return errors.Join(a.said(x.walk, err), out.lost(x.h.ID))
}

// ending journals how a run, a child run or a session ended, and gives its error on. Those that can go on keep an open
// end. A journal that cannot be written outweighs how the run ended.
func ending(w *plan.Walk, j plan.Journal, err error) error {
	state, code := outcome(err)
	if state == plan.Waiting || state == plan.Stopped {
		return err
	}
	e := &plan.Entry{Kind: plan.KindEnd, State: string(state), Code: code, Ended: time.Now(), Place: plan.FailedAt(err)}
	if _, told := errors.AsType[ended](err); state == plan.Failed && !told {
		first, _, _ := strings.Cut(err.Error(), "\n")
		e.Error = w.Redact(first)
	}
	if lost := j.Append(e, true); lost != nil {
		return errors.Join(&plan.JournalError{Err: lost}, err)
	}
	return err
}

// savePlan saves a plan to be approved.
func (a *app) savePlan(site *site, s *script, p *plan.Plan) error {
	if s.save == "" {
		return nil
	}
	h := a.header(site, s)
	saved := plan.Saved{Format: plan.SavedFormat, Script: s.path, Params: h.Params, Files: h.Files, Made: time.Now(), Plan: p}
	text, err := json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(s.save, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot write the plan %q: %w", s.save, cause(err))
	}
	return nil
}

// approved reads the plan that the run may not leave, nil for none.
func (x *execution) approved() (*plan.Approved, error) {
	if x.flags.plan == "" {
		return nil, nil
	}
	text, err := os.ReadFile(x.flags.plan)
	if err != nil {
		return nil, wrong("standin plan SCRIPT -o FILE makes one", "cannot read the plan %q: %v", x.flags.plan, cause(err))
	}
	var saved plan.Saved
	if err := json.Unmarshal(text, &saved); err != nil || saved.Format != plan.SavedFormat || saved.Plan == nil {
		return nil, wrong("standin plan SCRIPT -o FILE makes one", "%q is not a plan that this program can read", x.flags.plan)
	}
	for name, want := range saved.Files {
		if got, ok := x.h.Files[name]; !ok || got != want {
			return nil, wrong("plan it again and have that approved", "the plan %q was made for another %s", x.flags.plan, name)
		}
	}
	for name, want := range saved.Params {
		if got := x.h.Params[name]; got != want {
			return nil, wrong("plan it again with these values, or run it with those",
				"the plan %q was made with %s=%s, this run has %s", x.flags.plan, name, want, value.Quote(got))
		}
	}
	if len(saved.Missing) > 0 {
		return nil, wrong("a plan that could not predict everything cannot be approved", "the plan %q could not predict %s", x.flags.plan, saved.Missing[0])
	}
	x.h.Plan = hash(text)
	return plan.Approve(saved.Plan), nil
}
