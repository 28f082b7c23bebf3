package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

type undoFlags struct{ to string }

func undoCommand(fs *flag.FlagSet) runner {
	f := &undoFlags{}
	fs.StringVar(&f.to, "to", "", "title of the STEP that is the first to be taken back; the run can then be resumed from there")
	return func(a *app, ctx context.Context, args []string) error { return a.undo(ctx, args, *f) }
}

// undo takes back what a run has changed, last first. One that was cut off goes on where it was.
func (a *app) undo(ctx context.Context, args []string, f undoFlags) error {
	if len(args) != 1 {
		return wrong("usage: standin undo RUN [--to STEP]; standin runs lists them", "got %d arguments, want one run", len(args))
	}
	site, err := a.storeOnly()
	if err != nil {
		return err
	}
	x := &execution{app: a, site: site}
	if err := x.takeBackOver(ctx, args[0]); err != nil {
		return errors.Join(err, site.close())
	}
	err = x.script(ctx)
	if err == nil {
		err = x.children(ctx)
	}
	if err == nil {
		err = x.j.Lock(ctx, x.undoLocks())
	}
	if err == nil {
		err = x.j.Append(&plan.Entry{Kind: plan.KindResume, By: actor(), Text: "undo", Started: time.Now()}, true)
	}
	if err == nil {
		err = site.systemsUp(ctx)
	}
	if err != nil {
		err = x.deny(err)
	} else {
		x.walk = plan.New(x.config())
		stoppable, stop := a.interrupts(ctx, x.walk)
		told, state := x.told(x.walk.Events), plan.Undone
		if f.to != "" {
			state = plan.Stopped
		}
		err = x.back(stoppable, f)
		told(state, err)
		stop()
	}
	return errors.Join(err, x.j.Close(), site.close())
}

// takeBackOver takes a run over to undo it.
func (x *execution) takeBackOver(ctx context.Context, id string) (err error) {
	x.j, x.was, err = x.site.journals.Resume(ctx, id, *actor())
	var busy *journal.BusyError
	switch {
	case errors.As(err, &busy):
		fmt.Fprintf(x.app.stderr, "standin: run %s cannot be undone: %v\nhint: standin cancel %[1]s stops it and takes back what it has changed\n", id, busy)
		return ended{exitLocked}
	case errors.Is(err, journal.ErrNoRun):
		return wrong("standin runs lists them", "no run %q on this site", id)
	case err != nil:
		return fmt.Errorf("cannot take run %s over: %w", id, err)
	}
	h := x.was.Header
	x.h = &h
	switch {
	case h.Parent != "":
		err = wrong("standin undo "+h.Parent, "run %s is a script that run %s has run", id, h.Parent)
	case x.was.State == plan.Undone:
		err = wrong("standin show "+id+" tells what was taken back", "run %s is undone already", id)
	}
	if err != nil {
		err = errors.Join(err, x.j.Close())
	}
	return err
}

// script reads the script of a run that has UNDO blocks to run; without any the journal is enough.
func (x *execution) script(ctx context.Context) error {
	if plan.HasBlocks(x.was.Entries) {
		return x.prepare(ctx, nil)
	}
	set, err := commands()
	x.s = &script{path: x.h.Script, set: set}
	return err
}

// undoNow takes back what this process itself has changed.
func (x *execution) undoNow(ctx context.Context) error {
	was, err := x.site.journals.Whole(ctx, x.h.ID)
	if err != nil {
		return err
	}
	x.was = was
	x.walk = plan.New(x.config())
	ctx, stop := x.app.interrupts(ctx, x.walk)
	defer stop()
	return x.back(ctx, undoFlags{})
}

// back takes the run back and journals how that ended.
func (x *execution) back(ctx context.Context, f undoFlags) error {
	if err := x.children(ctx); err != nil {
		return err
	}
	c := x.config()
	c.Stops = x.walk
	blocks := plan.Blocks{}
	if plan.HasBlocks(x.was.Entries) {
		program, err := x.app.compile(x.s.checked, false)
		if err != nil {
			return err
		}
		c.Past = plan.NewPast(x.was.Entries)
		if blocks, err = plan.GatherBlocks(ctx, c, program, x.s.params); err != nil {
			return x.app.said(plan.New(c), err)
		}
	}
	got, err := plan.TakeBack(ctx, c, plan.Undo{Entries: x.was.Entries, Children: x.child, To: f.to}, blocks)
	var point *plan.PointError
	switch {
	case errors.As(err, &point):
		fmt.Fprintf(x.app.stderr, "standin: refused by rule point-of-no-return: %v\nhint: the way back is a failback (failback.dtcl); nothing was taken back; in a drill --override point-of-no-return --reason \"…\" takes it back all the same\n", point)
		return ended{exitFailed}
	case err != nil:
		return x.app.said(plan.New(c), err)
	}
	return x.toldBack(got, f)
}

// toldBack journals and prints what was taken back and what was not.
func (x *execution) toldBack(got *plan.TakenBack, f undoFlags) error {
	e := &plan.Entry{Kind: plan.KindEnd, State: string(plan.Undone), Ended: time.Now()}
	switch {
	case len(got.Failed) > 0:
		e.State, e.Error = string(plan.Failed), fmt.Sprintf("%d changes could not be taken back", len(got.Failed))
	case f.to != "":
		e = &plan.Entry{Kind: plan.KindUndo, State: "back", Of: got.From, Text: f.to, Started: time.Now()}
	}
	if err := x.j.Append(e, true); err != nil {
		return &plan.JournalError{Err: err}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "undone: %s taken back", count(got.Changes, "change"))
	if got.Blocks > 0 {
		fmt.Fprintf(&b, ", %s run", count(got.Blocks, "UNDO block"))
	}
	fmt.Fprintf(&b, " in %s\n", got.Took.Round(time.Millisecond))
	for _, c := range got.Kept {
		fmt.Fprintf(&b, "kept, as it cannot be undone: %s\n", c)
	}
	for _, c := range got.Failed {
		what := c.What
		if c.System != "" {
			what = c.Change.String()
		}
		fmt.Fprintf(&b, "not taken back: %s: %v\n", what, c.Err)
		for _, hint := range plan.AsFailure(c.Err).Hints {
			fmt.Fprintf(&b, "hint: %s\n", hint)
		}
	}
	fmt.Fprint(x.app.stderr, plan.New(x.config()).Redact(b.String()))
	if len(got.Failed) > 0 {
		fmt.Fprintf(x.app.stderr, "hint: mend that, then standin undo %s tries these again\n", x.h.ID)
		return ended{exitFailed}
	}
	if f.to != "" {
		fmt.Fprintf(x.app.stderr, "standin: standin resume %s goes on from there\n", x.h.ID)
	}
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
