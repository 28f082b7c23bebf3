package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/report"
)

func reportCommand(fs *flag.FlagSet) runner {
	html := fs.String("html", "", "write the report to this file as one page for a browser, in place of printing it; - is standard output")
	return func(a *app, ctx context.Context, args []string) error { return a.report(ctx, args, *html) }
}

// report says what a run and its child runs did, from their journals alone: as text, as JSON, or as a page in the file
// html.
func (a *app) report(ctx context.Context, args []string, html string) error {
	if len(args) != 1 {
		return wrong("usage: standin report RUN [--html FILE]; standin runs lists the runs", "got %d arguments, want one run", len(args))
	}
	r, err := a.reportOf(ctx, args[0])
	if err != nil {
		return err
	}
	if html != "" {
		if err := a.page(r, html); err != nil || !a.json {
			return err
		}
	}
	if a.json {
		return a.encode(r)
	}
	return r.Text(a.stdout)
}

// reportOf makes the report of a run.
func (a *app) reportOf(ctx context.Context, id string) (*report.Report, error) {
	site, err := a.storeOnly()
	if err != nil {
		return nil, err
	}
	defer site.close()
	run, err := site.loadForReport(ctx, id)
	if errors.Is(err, journal.ErrNoRun) {
		return nil, wrong("standin runs lists them", "no run %q on this site", id)
	}
	if err != nil {
		return nil, err
	}
	below, err := site.descendants(ctx, id)
	if err != nil {
		return nil, err
	}
	var children []report.Run
	for _, c := range below {
		children = append(children, reported(c))
	}
	return report.Build(time.Now(), reported(run), children...), nil
}

// loadForReport loads a run, with the inverses that are kept aside where they can be read: they tell which changes can be
// undone.
func (s *site) loadForReport(ctx context.Context, id string) (*journal.Run, error) {
	r, err := s.journals.Load(ctx, id)
	if err != nil || !slices.ContainsFunc(r.Entries, func(e plan.Entry) bool { return e.Aside != "" }) {
		return r, err
	}
	if whole, err := s.journals.Whole(ctx, id); err == nil {
		return whole, nil
	}
	return r, nil
}

// descendants are the child runs of a run, their child runs and so on, oldest first.
func (s *site) descendants(ctx context.Context, id string) ([]*journal.Run, error) {
	all, err := s.journals.List(ctx)
	var away *journal.UnreachableError
	if err != nil && !errors.As(err, &away) { // the runs of this host are listed all the same
		return nil, fmt.Errorf("cannot read the child runs of %s: %w", id, err)
	}
	family := map[string]bool{id: true}
	var found []*journal.Run
	for grew := true; grew; {
		grew = false
		for _, r := range all {
			if !family[r.Parent] || family[r.ID] {
				continue
			}
			whole, err := s.loadForReport(ctx, r.ID)
			if err != nil {
				return nil, fmt.Errorf("cannot read child run %s: %w", r.ID, err)
			}
			family[r.ID], grew = true, true
			found = append(found, whole)
		}
	}
	return found, nil
}

func reported(r *journal.Run) report.Run {
	return report.Run{Header: r.Header, State: r.State, Entries: r.Entries, Alive: r.Alive, Torn: r.Torn, Damaged: r.Damaged}
}

// page writes a report as a page.
func (a *app) page(r *report.Report, path string) error {
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		return err
	}
	if path == "-" {
		_, err := a.stdout.Write(b.Bytes())
		return err
	}
	if err := renameio.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("cannot write the report %q: %w", path, cause(err))
	}
	if !a.quiet {
		fmt.Fprintf(a.stderr, "standin: the report of run %s is in %s\n", r.Run, path)
	}
	return nil
}
