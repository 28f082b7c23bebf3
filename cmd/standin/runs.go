package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

func runsCommand(fs *flag.FlagSet) runner {
	all := fs.Bool("all", false, "list the child runs too: scripts that a cluster resource ran")
	return func(a *app, ctx context.Context, args []string) error {
		switch {
		case len(args) == 0:
			return a.runs(ctx, *all)
		case len(args) == 1 && args[0] == "merge":
			return a.merge(ctx)
		}
		return wrong("usage: standin runs [--all] [merge]", "runs: got %q, want nothing or merge", args)
	}
}

// runLine is one run as `runs --json` prints it; the names are held fixed.
type runLine struct {
	ID      string     `json:"id"`
	Script  string     `json:"script"`
	State   plan.State `json:"state"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended"` // null while it has not ended
	Parent  string     `json:"parent,omitempty"`
	Glass   string     `json:"break_glass,omitempty"` // why it was journaled on its own host
}

// runs lists the runs of the site, oldest first, with or without child runs.
func (a *app) runs(ctx context.Context, all bool) error {
	file, err := a.loadSite()
	if err != nil {
		return err
	}
	store, err := a.openStore(file)
	if err != nil {
		return err
	}
	defer store.Close()
	runs, away := store.List(ctx)
	if away != nil && len(runs) == 0 {
		return fmt.Errorf("cannot read the runs: %w", away)
	}
	out := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	if !a.json && len(runs) > 0 {
		fmt.Fprintln(out, "RUN\tSTATE\tSTARTED\tTOOK\tSCRIPT")
	}
	for _, r := range runs {
		if r.Parent != "" && !all {
			continue
		}
		if a.json {
			l := runLine{ID: r.ID, Script: r.Script, State: r.State, Started: r.Started, Parent: r.Parent, Glass: r.BreakGlass}
			if !r.Ended.IsZero() {
				l.Ended = &r.Ended
			}
			if err := a.encode(l); err != nil {
				return err
			}
			continue
		}
		took := ""
		if !r.Ended.IsZero() {
			took = r.Ended.Sub(r.Started).Round(time.Millisecond).String()
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.State, r.Started.Format(time.DateTime), took, r.Script)
	}
	if away != nil {
		away = fmt.Errorf("only the runs of this host are listed: %w", away)
	}
	return errors.Join(out.Flush(), away)
}

func showCommand(fs *flag.FlagSet) runner {
	follow := fs.Bool("follow", false, "print entries as they come, until the run ends")
	return func(a *app, ctx context.Context, args []string) error { return a.show(ctx, args, *follow) }
}

// show prints the journal of a run, one entry a line.
func (a *app) show(ctx context.Context, args []string, follow bool) error {
	if len(args) != 1 {
		return wrong("usage: standin show RUN; standin runs lists them", "got %d arguments, want one run", len(args))
	}
	site, err := a.storeOnly()
	if err != nil {
		return err
	}
	defer site.close()
	r, err := site.journals.Load(ctx, args[0])
	if errors.Is(err, journal.ErrNoRun) {
		return wrong("standin runs lists them", "no run %q on this site", args[0])
	}
	if err != nil {
		return err
	}
	if follow {
		if err := site.journals.Follow(ctx, r.ID, 0, a.printEntry); err != nil {
			return err
		}
		if r, err = site.journals.Load(ctx, r.ID); err != nil {
			return err
		}
	} else {
		for _, e := range r.Entries {
			if err := a.printEntry(e); err != nil {
				return err
			}
		}
	}
	if !a.json {
		fmt.Fprintf(a.stdout, "state: %s\n", r.State)
	}
	return nil
}

func (a *app) printEntry(e plan.Entry) error {
	if a.json {
		return a.encode(&e)
	}
	_, err := fmt.Fprintln(a.stdout, entryLine(&e))
	return err
}

// entryLine prints a journal entry for a person.
func entryLine(e *plan.Entry) string {
	at := e.Ended
	if at.IsZero() {
		at = e.Started
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%4d %s %-6s %-14s", e.Seq, at.Local().Format(time.TimeOnly), e.Kind, e.Place)
	switch {
	case e.Header != nil:
		fmt.Fprintf(&b, " %s by %s@%s", e.Header.Script, e.Header.Who, e.Header.Host)
	case e.Command != "":
		b.WriteString(" " + e.Command)
	case e.Text != "":
		b.WriteString(" " + e.Text)
	}
	if e.Rule != "" {
		fmt.Fprintf(&b, ": rule %s", e.Rule)
	}
	if e.By != nil {
		fmt.Fprintf(&b, " by %s@%s", e.By.Who, e.By.Host)
	}
	if e.State != "" {
		b.WriteString(" (" + e.State + ")")
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.Error != "" {
		b.WriteString(": " + e.Error)
	}
	for _, c := range e.Changes {
		b.WriteString("\n       " + c.String())
	}
	return b.String()
}

// version prints the program's version.
func (a *app) version(context.Context, []string) error {
	if a.json {
		return a.encode(map[string]string{"version": version()})
	}
	_, err := fmt.Fprintf(a.stdout, "standin %s\n", version())
	return err
}
