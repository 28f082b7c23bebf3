package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/watch"
)

// checkedRunbook is what the site keeps of the readiness checks of one runbook with its parameters: the last verdict, and the
// stamp of the last one that was clean.
type checkedRunbook struct {
	Path    string         `json:"path"` // of the script, absolute; its name for a shipped one
	Verdict *watch.Verdict `json:"verdict"`
	Clean   *watch.Stamp   `json:"clean,omitempty"`
}

// readyFolder holds them, beside the journals.
func (s *siteFile) readyFolder() string { return filepath.Join(s.at(s.Runs), "ready") }

// readyFile is where the checks of this runbook with these parameters are kept.
func (c *checkup) readyFile() string {
	v := c.verdict
	key := strings.Join(append(append([]string{c.path()}, v.Params...), v.Lost...), "\x00")
	sum := sha256.Sum256([]byte(key))
	name := strings.TrimSuffix(filepath.Base(v.Script), ".dtcl")
	return filepath.Join(c.site.file.readyFolder(), name+"-"+hex.EncodeToString(sum[:4])+".json")
}

// path is where the script stands, or its name if it is a shipped one.
func (c *checkup) path() string {
	if _, err := os.Stat(c.s.path); err != nil {
		return c.s.src.Name
	}
	path, err := filepath.Abs(c.s.path)
	if err != nil {
		return c.s.path
	}
	return path
}

// stamp compares the runbook with what it was when it last ran or was checked well, and keeps this check.
func (c *checkup) stamp(ctx context.Context) error {
	v := c.verdict
	before := readChecked(c.readyFile())
	now := c.stampNow()
	// A store that does not answer is found by then; the checks, which are kept here, still count.
	stamps, _ := c.app.runStamps(ctx, c.site.journals, filepath.Base(c.s.src.Name)) //nolint:errcheck // see above
	if before.Clean != nil {
		stamps = append(stamps, before.Clean)
		if void := before.Clean.Void(now, c.hashNow); len(void) == 0 {
			if drift := before.Clean.Drift(now); drift != "" {
				c.found(watch.Warns, checkDrift, "plan of "+c.s.path, drift, "the plan of the last clean check",
					"standin plan "+c.s.path+" shows it; nothing was edited, so the systems have changed")
			}
		}
	}
	v.Stamp = watch.Verify(stamps, now, c.hashNow)
	if v.Stamp.State != watch.IsVerified && len(stamps) > 0 {
		c.found(watch.Warns, checkDrift, c.s.path, v.Stamp.Why, "the runbook and the site as they were verified",
			"a drill, or a check that finds nothing in the way, verifies them again")
	}
	v.Settle(len(c.plan.Missing) == 0)
	v.Since = v.Checked
	if before.Verdict != nil && before.Verdict.State == v.State {
		v.Since = before.Verdict.Since
	}
	after := checkedRunbook{Path: c.path(), Verdict: v, Clean: before.Clean}
	if v.State == watch.Ready {
		after.Clean = now
		v.Stamp = watch.Verify(append(stamps, now), now, c.hashNow)
	}
	return c.keep(after)
}

func (c *checkup) keep(after checkedRunbook) error {
	text, err := json.MarshalIndent(after, "", "  ")
	if err != nil {
		return err
	}
	path := c.readyFile()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("cannot keep the check: %w", err)
	}
	if err := durable.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot keep the check: %w", err)
	}
	return nil
}

// readChecked reads what is kept of a runbook's checks; what cannot be read is as if it had never been.
func readChecked(path string) checkedRunbook {
	var k checkedRunbook
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &k) != nil {
		return checkedRunbook{}
	}
	return k
}

// allChecked reads what is kept of every runbook's checks, by file name.
func allChecked(folder string) ([]checkedRunbook, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []checkedRunbook
	for _, e := range entries {
		if k := readChecked(filepath.Join(folder, e.Name())); k.Verdict != nil {
			all = append(all, k)
		}
	}
	return all, nil
}

// stampNow is a stamp of what stands now, as this check saw it.
func (c *checkup) stampNow() *watch.Stamp {
	h := c.app.header(c.site, c.s)
	now := &watch.Stamp{Time: c.verdict.Checked, By: watch.ByCheck, Files: h.Files, Params: h.Params, Scripts: map[string]string{}, Plan: planned(c.plan)}
	for file := range c.rehearsal.scripts {
		now.Scripts[inSite(c.site.file.dir, file)] = c.app.hashIn(c.site, file)
	}
	return now
}

// maxPlanned is how many changes of a plan are kept to compare later ones with.
const maxPlanned = 2000

// planned gives the changes of a plan as a sorted list. What agents would send changes from hour to hour: of that only
// the what is kept, without figures.
func planned(p *plan.Plan) []string {
	if len(p.Changes) > maxPlanned {
		return nil
	}
	lines := make([]string, 0, len(p.Changes))
	for _, ch := range p.Changes {
		line := ch.System + ": " + ch.What
		if strings.HasPrefix(ch.System, "agent ") {
			line = figures.ReplaceAllString(line, "#")
		} else {
			line += ": " + ch.From + " → " + ch.To
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// inSite gives a path below the site's folder relative to it: a site may be moved.
func inSite(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}

// hashNow is the hash of a resource's script as it stands now, "" if it cannot be read.
func (c *checkup) hashNow(script string) string { return c.app.hashIn(c.site, script) }

// hashIn is the hash of a script as a run's header has it; a relative path counts from the site's folder.
func (a *app) hashIn(site *site, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(site.file.dir, filepath.FromSlash(path))
	}
	src, err := a.read(path)
	if err != nil {
		return ""
	}
	return a.header(site, &script{path: path, src: src}).Files[src.Name]
}

// runStamps gives the stamps of the runs of a script, by its base name, that ended well; one that was undone later, as
// a drill is, ended well before.
func (a *app) runStamps(ctx context.Context, store journal.Store, base string) ([]*watch.Stamp, error) {
	runs, err := store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read the runs: %w", err)
	}
	children := map[string][]*journal.Run{}
	for _, r := range runs {
		children[r.Parent] = append(children[r.Parent], r)
	}
	var stamps []*watch.Stamp
	for _, r := range children[""] {
		if shippedName(filepath.Base(r.Script)) != shippedName(base) || strings.HasPrefix(r.Script, "do ") {
			continue
		}
		switch r.State {
		case plan.Done:
		case plan.Undone:
			if whole, err := store.Load(ctx, r.ID); err != nil || !endedWell(whole) {
				continue
			}
		default:
			continue
		}
		stamps = append(stamps, runStamp(r, children[r.ID]))
	}
	return stamps, nil
}

// endedWell says whether a run once ended well.
func endedWell(r *journal.Run) bool {
	return slices.ContainsFunc(r.Entries, func(e plan.Entry) bool { return e.Kind == plan.KindEnd && e.State == string(plan.Done) })
}

func runStamp(r *journal.Run, children []*journal.Run) *watch.Stamp {
	s := &watch.Stamp{Time: r.Ended, By: r.ID, Files: r.Files, Params: r.Params, Scripts: map[string]string{}}
	for _, child := range children {
		s.Scripts[inSite(filepath.Dir(child.Site), child.Script)] = child.Files[child.Script]
	}
	return s
}
