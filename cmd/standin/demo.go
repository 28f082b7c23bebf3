package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

type demoFlags struct {
	data, keep string
	users      int
}

func demoCommand(fs *flag.FlagSet) runner {
	f := &demoFlags{}
	fs.StringVar(&f.data, "data", "", "a tree of yours to mirror too; it is copied, never touched")
	fs.StringVar(&f.keep, "keep", "", "make the site in this new folder and keep it")
	fs.IntVar(&f.users, "users", 100, "mailboxes of the site")
	return func(a *app, ctx context.Context, _ []string) error { return a.demo(ctx, f) }
}

// demoRun is one telling of the story.
type demoRun struct {
	*app
	dir   string
	began time.Time
	steps []demoStep

	expected manifest // of the mail stores, as the users last left them
	records  map[string]string
	boxes    map[string]string
}

type demoStep struct {
	title string
	took  time.Duration
}

// demo makes a small site, fails it over and back with the shipped runbooks, and verifies every byte and record.
func (a *app) demo(ctx context.Context, f *demoFlags) error {
	dir := f.keep
	if dir == "" {
		tmp, err := os.MkdirTemp("", "standin-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = filepath.Join(tmp, "site")
	}
	inner := *a
	inner.site, inner.yes, inner.json = dir, true, false
	inner.stdout = a.stderr // the demo's own report is its only output on standard output
	d := &demoRun{app: &inner, dir: dir, began: time.Now()}
	for _, s := range d.story(f) {
		fmt.Fprintf(a.stderr, "\n=== %s\n", s.title)
		begun := time.Now()
		if err := s.tell(ctx); err != nil {
			return fmt.Errorf("the demo ended at %q: %w", s.title, err)
		}
		d.steps = append(d.steps, demoStep{s.title, time.Since(begun)})
	}
	return d.report(ctx, a)
}

type chapter struct {
	title string
	tell  func(ctx context.Context) error
}

func (d *demoRun) story(f *demoFlags) []chapter {
	return []chapter{
		{"make a site of two clusters", func(context.Context) error { return d.begin(f) }},
		{"bring the source online: its Source Connection runs online.dtcl and mirrors", d.command("CLUSTER", "east", "GROUP", "Exchange Group", "ONLINE")},
		{"users work on the source", func(context.Context) error { return d.work("east", "monday") }},
		{"mirror what they changed", d.command("MIRROR", "START", "1", "DIFFERENT,CHECKSUM", "ORPHANS")},
		{"the target holds the same", func(context.Context) error { return d.same("west") }},
		{"note what the directory and the DNS say", d.note},
		{"the source site is lost", func(ctx context.Context) error { return d.siteBreakNow(ctx, "fail") }},
		{"what would failover.dtcl do?", func(ctx context.Context) error { return d.plan(ctx, []string{"failover.dtcl"}, "") }},
		{"fail over", func(ctx context.Context) error { return d.run(ctx, []string{"failover.dtcl"}, runFlags{}) }},
		{"what clients see now", d.clients},
		{"users work on the target", func(context.Context) error { return d.work("west", "tuesday") }},
		{"the source site is back", func(ctx context.Context) error { return d.siteBreakNow(ctx, "heal") }},
		{"fail back", func(ctx context.Context) error { return d.run(ctx, []string{"failback.dtcl"}, runFlags{}) }},
		{"what clients see again", d.clients},
	}
}

// command tells a chapter that is one command.
func (d *demoRun) command(words ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		fmt.Fprintf(d.stderr, "standin do %s\n", strings.Join(words, " "))
		return d.once(ctx, words)
	}
}

// begin makes the site and copies the user's tree into the source's mail volume.
func (d *demoRun) begin(f *demoFlags) error {
	if err := d.siteInit(d.dir, f.users); err != nil || f.data == "" {
		return err
	}
	info, err := os.Stat(f.data)
	if err != nil || !info.IsDir() {
		return wrong("name a folder", "cannot use --data %q: %v", f.data, errors.Join(cause(err), notFolder(info)))
	}
	// cp keeps links, holes, times and attributes; a copy of ours would be tested by a mirror of ours.
	cp := exec.Command("cp", "-a", "--sparse=auto", "--", filepath.Clean(f.data)+"/.", d.stores("east", "data"))
	cp.Env = []string{"PATH=" + d.getenv("PATH")} // nothing else of ours: it may hold secrets
	if err := os.MkdirAll(d.stores("east", "data"), 0o755); err != nil {
		return err
	}
	if out, err := cp.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot copy %q: %w: %s", f.data, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func notFolder(info os.FileInfo) error {
	if info != nil && !info.IsDir() {
		return errors.New("it is not a folder")
	}
	return nil
}

// stores is a path below a side's mail stores.
func (d *demoRun) stores(side string, path ...string) string {
	return filepath.Join(append([]string{d.dir, side, "E", "Exchsrvr"}, path...)...)
}

// work changes the mail stores as users do: pages of a database in place, a log that grows, mails that come and go.
func (d *demoRun) work(side, day string) error {
	db, err := os.OpenFile(d.stores(side, "MDBDATA", "priv1.edb"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = db.WriteAt(noise(day, 4096), 5*4096)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	logs, err := os.OpenFile(d.stores(side, "MDBDATA", "E00.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = logs.Write(noise("log of "+day, 10_000))
	if err = errors.Join(err, logs.Close()); err != nil {
		return err
	}
	queue := d.stores(side, "MAILROOT", "vsi 1", "Queue")
	if err := os.WriteFile(filepath.Join(queue, day+".EML"), []byte("Subject: "+day+"\r\n\r\nWritten on "+side+".\r\n"), 0o644); err != nil {
		return err
	}
	old, err := os.ReadDir(queue)
	if err == nil && len(old) > 1 {
		err = os.Remove(filepath.Join(queue, old[0].Name()))
	}
	if err != nil {
		return err
	}
	d.expected, err = survey(d.stores(side))
	fmt.Fprintf(d.stderr, "%s: a database page, a log and the mail queue changed; %d files now\n", side, len(d.expected))
	return err
}

// same compares a side's mail stores with what the users last left.
func (d *demoRun) same(side string) error {
	got, err := survey(d.stores(side))
	if err != nil {
		return err
	}
	if diffs := d.expected.differences(got); len(diffs) > 0 {
		return fmt.Errorf("%d differences on %s, the first: %s", len(diffs), side, diffs[0])
	}
	fmt.Fprintf(d.stderr, "%s: %d files, the same names, bytes, modes, links and times\n", side, len(got))
	return nil
}

func (d *demoRun) siteBreakNow(ctx context.Context, verb string) error {
	return d.onSite(ctx, func(s *site) error { return d.siteBreak(ctx, s, verb, "east") })
}

// onSite opens the site for one chapter, as a process of its own would.
func (d *demoRun) onSite(ctx context.Context, f func(*site) error) error {
	file, err := d.loadSite()
	if err != nil {
		return err
	}
	s, err := d.open(ctx, file)
	if err != nil {
		return err
	}
	return errors.Join(f(s), s.close())
}

// report verifies once more and prints the table of steps; any difference ends the demo with exit code 1.
func (d *demoRun) report(ctx context.Context, a *app) error {
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	for _, s := range append(d.steps, demoStep{"total", time.Since(d.began)}) {
		if a.json {
			a.encode(map[string]any{"step": s.title, "seconds": s.took.Seconds()}) //nolint:errcheck // the last line's error counts
			continue
		}
		fmt.Fprintf(w, "%s\t%8.2f s\n", s.title, s.took.Seconds())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	total, err := d.verify(ctx)
	if err != nil {
		fmt.Fprintf(d.stderr, "standin: NOT verified: %v\n", err)
		return ended{exitFailed}
	}
	if a.json {
		return a.encode(map[string]string{"verified": total})
	}
	_, err = fmt.Fprintln(a.stdout, "verified: "+total)
	return err
}
