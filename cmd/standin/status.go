package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/watch"
)

func statusCommand(fs *flag.FlagSet) runner {
	compare := fs.Bool("compare", false, "also compare both sides of each connection for what is left to send, which walks both trees")
	return func(a *app, ctx context.Context, _ []string) error { return a.status(ctx, *compare) }
}

// siteStatus is what `standin status` answers; its JSON names are stable.
type siteStatus struct {
	Site     string           `json:"site"`
	Time     time.Time        `json:"time"`
	Runbooks []*runbookStatus `json:"runbooks"`
	// Connections are as the agents tell them now; null when they could not be asked, and Busy says why.
	Connections []watch.Connection `json:"connections"`
	Busy        string             `json:"busy,omitempty"`
	Next        []nextStep         `json:"next"`
}

// runbookStatus is what is known of one runbook.
type runbookStatus struct {
	Script string           `json:"script"`
	Checks []*watch.Verdict `json:"checks"` // the last of each way in which it was checked
	Stamp  watch.Verified   `json:"stamp"`
	Last   *lastRun         `json:"last_run,omitempty"`
}

// lastRun is the last run of a runbook with the time of each step.
type lastRun struct {
	ID      string     `json:"id"`
	State   plan.State `json:"state"`
	Started time.Time  `json:"started_time"`
	Took    float64    `json:"took_seconds"` // until its end; so far, if it has none
	Steps   []stepTime `json:"steps"`
}

type stepTime struct {
	Title    string  `json:"title"`
	State    string  `json:"state"`
	Took     float64 `json:"took_seconds"`
	Attempts int     `json:"attempts,omitempty"`
}

// nextStep is a run that somebody should see to, and the words to type.
type nextStep struct {
	Run   string     `json:"run"`
	State plan.State `json:"state"`
	Why   string     `json:"why"`
	Type  []string   `json:"type"`
}

// status answers: can I fail over now, what would I lose, how long did it take, what is next.
func (a *app) status(ctx context.Context, compare bool) error {
	file, err := a.loadSite()
	if err != nil {
		return err
	}
	site, err := a.siteOf(file)
	if err != nil {
		return err
	}
	runs, err := site.journals.List(ctx)
	if err != nil {
		site.close() //nolint:errcheck // what could not be read says more
		return fmt.Errorf("cannot read the runs: %w", err)
	}
	st := &siteStatus{Site: file.path, Time: time.Now(), Next: []nextStep{}}
	if st.Runbooks, err = a.runbooks(ctx, site, runs); err == nil {
		st.Next, err = nextSteps(ctx, site.journals, runs)
	}
	site.close() //nolint:errcheck // it was only read
	if err != nil {
		return err
	}
	st.Connections, st.Busy = a.connectionsOf(ctx, file, compare)
	if a.json {
		return a.encode(st)
	}
	return st.print(a.stdout)
}

// askTime is how long the systems have to be opened by `status`.
const askTime = 3 * time.Second

// connectionsOf asks the agents, unless a run uses the embedded ones: status never waits for a run.
func (a *app) connectionsOf(ctx context.Context, file *siteFile, compare bool) (all []watch.Connection, busy string) {
	if !idle(file.dir) {
		return nil, "a run uses the site's systems"
	}
	quiet := *a
	quiet.stderr = io.Discard
	opening, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	site, err := quiet.open(opening, file)
	if err != nil {
		return nil, err.Error()
	}
	defer site.close() //nolint:errcheck // it was only read
	return connectionsNow(ctx, site.agents, compare), ""
}

// idle says whether no other process uses the embedded systems of a site's folder.
func idle(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return true // opening the site will say what is wrong
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// runbooks gathers what is known of each runbook that was ever run or checked.
func (a *app) runbooks(ctx context.Context, site *site, runs []*journal.Run) ([]*runbookStatus, error) {
	all := map[string]*runbookStatus{}
	book := func(name string) *runbookStatus {
		if all[name] == nil {
			all[name] = &runbookStatus{Script: name, Checks: []*watch.Verdict{}}
		}
		return all[name]
	}
	checks, err := allChecked(site.file.readyFolder())
	if err != nil {
		return nil, fmt.Errorf("cannot read the checks: %w", err)
	}
	clean := map[string][]*watch.Stamp{}
	paths := map[string]string{}
	for _, k := range checks {
		name := shippedName(filepath.Base(k.Path))
		book(name).Checks = append(book(name).Checks, k.Verdict)
		paths[name] = k.Path
		if k.Clean != nil {
			clean[name] = append(clean[name], k.Clean)
		}
	}
	last := map[string]*journal.Run{}
	for _, r := range runs {
		if r.Parent == "" && !single(r) {
			last[scriptName(r)] = r
			paths[scriptName(r)] = scriptPath(r)
		}
	}
	for name, r := range last {
		if book(name).Last, err = lastOf(ctx, site.journals, r); err != nil {
			return nil, err
		}
	}
	for name, b := range all {
		stamps, err := a.runStamps(ctx, site.journals, name)
		if err != nil {
			return nil, err
		}
		b.Stamp = a.stampOf(site, paths[name], append(stamps, clean[name]...))
	}
	return slices.SortedFunc(maps.Values(all), func(a, b *runbookStatus) int { return cmp.Compare(a.Script, b.Script) }), nil
}

// scriptPath is where a run's script stood: relative paths count from the folder that the run was started in.
func scriptPath(r *journal.Run) string {
	if filepath.IsAbs(r.Script) || r.Folder == "" {
		return r.Script
	}
	path := filepath.Join(r.Folder, r.Script)
	if _, err := os.Stat(path); err != nil {
		return r.Script
	}
	return path
}

// stampOf compares a runbook as it stands now with its stamps. The parameters are those of each stamp: what it would be
// run with next is not known.
func (a *app) stampOf(site *site, path string, stamps []*watch.Stamp) watch.Verified {
	quiet := *a
	quiet.stderr = io.Discard
	set, err := commands()
	if err != nil {
		return watch.Verified{State: watch.NeedsVerified, Why: err.Error()}
	}
	src, err := quiet.read(path)
	if err != nil {
		return watch.Verified{State: watch.NeedsVerified, Why: err.Error()}
	}
	p, mistakes := quiet.checked(src, set, site.file.names())
	if len(mistakes) > 0 {
		return watch.Verified{State: watch.NeedsVerified, Why: "the script has mistakes: " + mistakes[0].Message}
	}
	now := &watch.Stamp{Files: quiet.header(site, &script{path: path, src: src, checked: p}).Files}
	bare := make([]*watch.Stamp, len(stamps))
	for i, s := range stamps {
		own := *s
		own.Params = nil
		bare[i] = &own
	}
	return watch.Verify(bare, now, func(script string) string {
		return quiet.hashIn(site, script)
	})
}

// lastOf describes a run with the time that each of its steps took.
func lastOf(ctx context.Context, store journal.Store, r *journal.Run) (*lastRun, error) {
	whole, err := store.Load(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	ended := r.Ended
	if ended.IsZero() {
		ended = time.Now()
	}
	l := &lastRun{ID: r.ID, State: r.State, Started: r.Started, Took: ended.Sub(r.Started).Seconds(), Steps: []stepTime{}}
	at, begun := map[string]int{}, map[string]time.Time{}
	for _, e := range whole.Entries {
		if e.Kind != plan.KindStep {
			continue
		}
		i, seen := at[e.Place]
		if !seen {
			i = len(l.Steps)
			at[e.Place], begun[e.Place] = i, e.Started
			l.Steps = append(l.Steps, stepTime{Title: e.Text})
		}
		s := &l.Steps[i]
		s.State, s.Attempts = e.State, max(s.Attempts, e.Attempt)
		if !e.Ended.IsZero() {
			s.Took = e.Ended.Sub(begun[e.Place]).Seconds()
		}
	}
	return l, nil
}

// nextSteps lists the runs that wait, are stopped or failed, the oldest first. A failed one is left out once its
// script has run well again.
func nextSteps(ctx context.Context, store journal.Store, runs []*journal.Run) ([]nextStep, error) {
	next := []nextStep{}
	well := map[string]time.Time{}
	for _, r := range runs {
		if r.Parent == "" && r.State == plan.Done {
			well[scriptName(r)] = r.Started
		}
	}
	for _, r := range runs {
		if r.Parent != "" || r.State == plan.Done || r.State == plan.Undone || r.Started.Before(well[scriptName(r)]) || single(r) && r.State != plan.Running {
			continue
		}
		whole, err := store.Load(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		next = append(next, nextOf(whole))
	}
	return next, nil
}

func nextOf(r *journal.Run) nextStep {
	n := nextStep{Run: r.ID, State: r.State, Why: r.Script}
	last := r.Entries[len(r.Entries)-1]
	switch r.State {
	case plan.Waiting:
		n.Why += " asks: " + question(r)
		n.Type = []string{"standin answer " + r.ID + " ANSWER", "standin resume " + r.ID}
	case plan.Stopped:
		n.Why += ": its process is gone or was told to stop"
		n.Type = []string{"standin resume " + r.ID, "standin undo " + r.ID}
	case plan.Failed:
		n.Why += " failed"
		if last.Error != "" {
			n.Why += ": " + last.Error
		}
		n.Type = []string{"standin show " + r.ID, "standin resume " + r.ID, "standin undo " + r.ID}
	case plan.Running:
		n.Why += " is at work: " + r.Holder().String()
		n.Type = []string{"standin show " + r.ID, "standin stop " + r.ID}
	}
	return n
}

// question is the one that stands open.
func question(r *journal.Run) string {
	for _, e := range slices.Backward(r.Entries) {
		if e.Kind == plan.KindAsk && e.State == "asked" {
			return e.Text
		}
	}
	return "a question"
}

// print writes the status for a person.
func (st *siteStatus) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	if len(st.Runbooks) == 0 {
		fmt.Fprintln(out, "No runbook was run or checked here; standin ready SCRIPT checks one.")
	}
	for _, b := range st.Runbooks {
		b.print(out, st.Time)
	}
	for _, c := range st.Connections {
		fmt.Fprintln(out, c.Sentence(st.Time))
	}
	switch {
	case st.Busy != "":
		fmt.Fprintf(out, "data        not asked: %s\n", st.Busy)
	case len(st.Connections) == 0:
		fmt.Fprintln(out, "data        nothing is mirrored: a loss would lose all of it")
	}
	for _, n := range st.Next {
		fmt.Fprintf(out, "next        %s (%s)\n              %s\n", n.Run+": "+n.Why, n.State, strings.Join(n.Type, "\n              "))
	}
	return out.Flush()
}

func (b *runbookStatus) print(out io.Writer, now time.Time) {
	fmt.Fprintf(out, "%s\n", b.Script)
	for _, v := range b.Checks {
		how := ""
		if len(v.Lost) > 0 {
			how = ", as if " + strings.Join(v.Lost, " and ") + " were gone"
		}
		if len(v.Params) > 0 {
			how += ", with " + strings.Join(v.Params, " ")
		}
		fmt.Fprintf(out, "  %s%s: checked %s ago, so since %s\n", v.State, how, watch.Ago(now.Sub(v.Checked)), v.Since.Local().Format(time.DateTime))
		for _, f := range v.Findings {
			if f.Severity == watch.Stops {
				fmt.Fprintf(out, "    %s\n", strings.ReplaceAll(f.String(), "\n", "\n    "))
			}
		}
	}
	fmt.Fprintf(out, "  %s\n", b.Stamp)
	if l := b.Last; l != nil {
		fmt.Fprintf(out, "  last run %s: %s, %s ago, took %s\n", l.ID, l.State, watch.Ago(now.Sub(l.Started)), seconds(l.Took))
		for _, s := range l.Steps {
			note := ""
			if s.State != "done" {
				note = " (" + s.State + ")"
			}
			fmt.Fprintf(out, "    %s\t%s%s\n", s.Title, seconds(s.Took), note)
		}
	}
}

// seconds prints a span for a person.
func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
