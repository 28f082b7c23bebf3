package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/watch"
)

// checkup is one readiness check under way.
type checkup struct {
	app       *app
	site      *site
	s         *script
	flags     *readyFlags
	rehearsal *rehearsal
	verdict   *watch.Verdict
	plan      *plan.Plan
	redact    func(string) string
}

// Names of the checks, as findings show them.
const (
	checkPlan        = "plan"
	checkUnknown     = "unknown"
	checkUnreachable = "unreachable"
	checkState       = "state"
	checkDrift       = "drift"
	checkRights      = "rights"
	checkData        = "data"
	checkCapacity    = "capacity"
	checkPlace       = "place"
	checkClock       = "clock"
	checkCertificate = "certificate"
)

// found adds a finding.
func (c *checkup) found(sev watch.Severity, check, object, got, want, hint string) {
	f := watch.Finding{Severity: sev, Check: check, Object: object, Got: c.redact(got), Want: c.redact(want), Hint: c.redact(hint)}
	if !slices.Contains(c.verdict.Findings, f) {
		c.verdict.Findings = append(c.verdict.Findings, f)
	}
}

// all makes every check in turn. One that cannot be made is a finding.
func (c *checkup) all(ctx context.Context) error {
	c.redact = c.app.hidden().Redact
	if err := c.predict(ctx); err != nil {
		return err
	}
	c.rights()
	c.systems(ctx)
	c.connections(ctx)
	c.places(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.verdict.Settle(len(c.plan.Missing) == 0)
	return nil
}

// predict plans the runbook and notes what would stop it.
func (c *checkup) predict(ctx context.Context) error {
	program, err := c.app.compile(c.s.checked, true)
	if err != nil {
		return err
	}
	systems := func() builtins.Systems { return c.site.rehearsed(c.rehearsal) }
	if c.plan, err = c.app.predict(ctx, c.site, c.s, program, nil, systems); err != nil {
		return err
	}
	for _, ch := range c.plan.Changes {
		c.verdict.Changes++
		c.verdict.Objects += max(ch.Count, 1)
	}
	c.ends()
	for _, why := range c.plan.Missing {
		c.found(watch.Cannot, checkUnknown, c.s.path, why, "a plan that predicts everything",
			"standin plan "+c.s.path+" shows what hangs on it")
	}
	return nil
}

// Kinds of a plan's lines, as its JSON spells them.
const (
	lineRequire = "require"
	lineFails   = "fails"
	lineEnd     = "end"
	lineAsk     = "ask"
	lineManual  = "manual"
)

// ends notes each way in which the run would not end well, and the questions that it would put.
func (c *checkup) ends() {
	var last plan.Line // that does not hold or fails
	for _, l := range c.plan.Lines {
		switch string(l.Kind) {
		case lineRequire, lineFails:
			if l.Why != "" && !l.Only {
				last = l
			}
		case lineAsk, lineManual:
			if !l.Only {
				c.verdict.Asks = append(c.verdict.Asks, l.Text)
			}
		case lineEnd:
			c.end(l, last)
		}
	}
}

// end notes one end that is not well; last is what came before it.
func (c *checkup) end(l, last plan.Line) {
	hint := hints(l.Err)
	if hint == "" {
		hint = "standin plan " + c.s.path + " shows how far it would come"
	}
	object := last.Line
	if object == "" {
		object = c.s.path
	}
	switch {
	case string(last.Kind) == lineRequire && strings.Contains(l.Text, last.Text):
		if len(c.rehearsal.lost) == 0 && len(c.site.file.Clusters) > 1 {
			hint += "; --lost NAME plans it as if that site were gone"
		}
		c.found(watch.Stops, checkPlan, object, "it does not hold", last.Text, hint)
	case string(last.Kind) == lineFails && strings.Contains(l.Text, last.Why):
		c.found(watch.Stops, checkPlan, object, last.Why, last.Text+" to go well", hint)
	default:
		c.found(watch.Stops, checkPlan, c.s.path, firstLine(l.Text), "an end with exit code 0", hint)
	}
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// hints are the ways out that an error knows.
func hints(err error) string {
	var (
		d *diag.Diagnostic
		f *value.Failure
	)
	switch {
	case errors.As(err, &d):
		return strings.Join(d.Hints, "; ")
	case errors.As(err, &f):
		return strings.Join(f.Hints, "; ")
	}
	return ""
}

// rights notes what the directory said of rights while the plan asked: one that is missing for a step that a run leaves
// out stops nothing, and is work for a person.
func (c *checkup) rights() {
	for _, name := range slices.Sorted(maps.Keys(c.rehearsal.lacking)) {
		lacks := c.rehearsal.lacking[name]
		c.found(watch.Warns, checkRights, "directory "+name,
			fmt.Sprintf("an account that may not write %s", lacks[0])+more(len(lacks)-1),
			"every right that the runbook needs", "EXCHFAILOVER -rights -s SOURCE -t TARGET lists every grant")
	}
	for _, name := range slices.Sorted(maps.Keys(c.rehearsal.silent)) {
		c.found(watch.Cannot, checkRights, "directory "+name, "no answer about rights: the server does not tell them",
			"the rights of the account", "a drill on a test user (preflight.dtcl) shows them")
	}
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// figures are what changes from day to day in the words of a change: sizes, counts, generations.
var figures = regexp.MustCompile(`[0-9]+`)
