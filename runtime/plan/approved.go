package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Saved is a plan in a file, to be approved and then run.
type Saved struct {
	Format int               `json:"standin_plan"` // 1
	Script string            `json:"script"`
	Params map[string]string `json:"params,omitempty"`
	Files  map[string]string `json:"files"` // hashes of the script, of all that it uses and of the site file
	Made   time.Time         `json:"made_time"`
	*Plan
}

// SavedFormat is the format of plans that this program writes.
const SavedFormat = 1

// Approved is a plan that a run may not leave.
type Approved struct {
	at      map[string][]Line
	attempt *regexp.Regexp // finds a step's attempt in a place: a plan has those that it foretells
}

// Approve makes a plan something to hold a run against.
func Approve(p *Plan) *Approved {
	a := &Approved{map[string][]Line{}, regexp.MustCompile(`@([0-9]+)/`)}
	for _, l := range p.Lines {
		if l.Place != "" {
			a.at[l.Place] = append(a.at[l.Place], l)
		}
	}
	return a
}

// check refuses a command that would do something else than was approved. The zero of it approves everything. begun says
// that an earlier process has begun the command, and has perhaps done a part of it or all.
func (a *Approved) check(w *Walk, c command, act *Action, begun bool) error {
	if a == nil {
		return nil
	}
	place := w.prefix + c.Place
	first := a.attempt.ReplaceAllString(place, "@1/")
	lines, text := a.at[place], w.secrets.text(c.text)
	if len(lines) == 0 {
		lines = a.at[first]
	}
	changes := w.secrets.changes(act.Changes)
	for _, l := range lines {
		switch {
		case l.Text != text:
		case l.Kind == itemAlready && act.Done == Yes, l.Kind == itemCommand && act.Done == No && equal(l.Changes, changes):
			return nil
		case l.Kind == itemCommand && (begun || place != first) && (act.Done == Yes || within(l.Changes, changes)):
			return nil // an attempt that failed, or was cut off, has done a part of it
		}
	}
	e := &DivergedError{At: line(c.at), Got: described(text, act.Done == Yes, changes), Want: "nothing", Approved: true}
	if len(lines) > 0 {
		l := lines[0]
		e.Want = described(l.Text, l.Kind == itemAlready, l.Changes)
		if l.Kind == itemUnknown {
			e.Want = "something that the plan could not predict"
		}
	}
	return e
}

func described(text string, already bool, changes []Change) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", text)
	if already {
		b.WriteString(": already so")
	}
	for _, c := range changes {
		fmt.Fprintf(&b, "\n    %s", c)
	}
	return b.String()
}

func sameChange(a, b Change) bool {
	return a.System == b.System && a.What == b.What && a.From == b.From && a.To == b.To && max(a.Count, 1) == max(b.Count, 1)
}

func equal(a, b []Change) bool { return slices.EqualFunc(a, b, sameChange) }

// within says whether all of b are in a, by what they change and into what.
func within(a, b []Change) bool {
	for _, c := range b {
		if !slices.ContainsFunc(a, func(p Change) bool { return p.System == c.System && p.What == c.What && p.To == c.To }) {
			return false
		}
	}
	return true
}
