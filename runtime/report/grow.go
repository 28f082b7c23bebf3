package report

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

// longRead is what a reading command must take to stand on the timeline.
const longRead = time.Second

// grower makes the timeline and the lists of a report from one journal, entry by entry.
type grower struct {
	r     *Report
	run   *Run
	child string           // the run's id if it is a child run
	top   *Item            // its Items are the run's timeline
	base  *Item            // where entries go: top, or the undoing at work
	at    map[string]*Item // steps, PARALLELs, branches, RUNs and commands by their places
	asked map[string]int   // questions that stand open: places → indices of r.Questions

	changes map[string][]int    // places → indices of r.Changes
	failed  map[string][]string // what the failures inside of a place have said
	work    []busy
	signs   []time.Time // of life: one an entry, never falling
	now     time.Time   // the last of them
	undos   []plan.Entry

	index      int // of the entry at hand
	undoneFrom int // index of the entry that began the last undoing
	by         *plan.Actor
	parent     *grower // of a child run
	born       string  // place of the command that ran it
	item       *Item   // that stands for it
}

func grow(r *Report, run *Run, child string) *grower {
	top := &Item{}
	g := &grower{
		r: r, run: run, child: child, top: top, base: top,
		at: map[string]*Item{}, asked: map[string]int{}, changes: map[string][]int{}, failed: map[string][]string{},
		undoneFrom: -1,
	}
	g.by = &plan.Actor{Who: run.Who, Host: run.Host, PID: run.PID}
	for i, e := range run.Entries {
		g.index = i
		e.Started, e.Ended = sane(e.Started), sane(e.Ended)
		g.now = later(g.now, later(e.Started, e.Ended))
		g.signs = append(g.signs, g.now)
		g.take(&e)
	}
	return g
}

// sane gives no time for one that no clock shows, so that spans of time cannot overflow.
func sane(t time.Time) time.Time {
	if y := t.UTC().Year(); y < 1970 || y > 2200 {
		return time.Time{}
	}
	return t
}

// began and ended give an entry's times, for one that has none when it was written.
func (g *grower) began(e *plan.Entry) time.Time { return first(e.Started, e.Ended, g.now) }
func (g *grower) ended(e *plan.Entry) time.Time {
	return later(first(e.Ended, e.Started, g.now), g.began(e))
}

func first(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func (g *grower) take(e *plan.Entry) {
	if g.base == g.top {
		switch e.Kind {
		case plan.KindRun, plan.KindResume, plan.KindOrder, plan.KindRule, plan.KindUndo, plan.KindEnd:
		default:
			g.undoneFrom = -1 // the run goes on
		}
	}
	switch e.Kind {
	case plan.KindStep:
		g.step(e)
	case plan.KindIntent:
		g.intent(e)
	case plan.KindResult, plan.KindRead, plan.KindWait:
		g.result(e)
	case plan.KindAsk:
		g.ask(e)
	case plan.KindWrite:
		g.inside(e)
		g.r.Written = append(g.r.Written, Line{g.child, e.Text, g.began(e)})
	case plan.KindMark:
		at := g.began(e)
		g.add(e, &Item{Kind: KindMark, Title: "point of no return", Started: at, Ended: at})
	case plan.KindResume:
		g.r.Resumes = append(g.r.Resumes, Resume{e.By, e.Text, e.Header != nil, g.began(e)})
		g.by = e.By
	case plan.KindOrder:
		text, _ := e.Result.(string)
		g.r.Orders = append(g.r.Orders, Order{e.Text, text, e.By, e.Started, g.ended(e)})
	case plan.KindRule:
		g.rule(e)
	case plan.KindUndo:
		g.undo(e)
	case plan.KindEnd:
		g.end(e)
	}
}

// inside gives the item that an entry belongs into, and widens those around it to hold its times.
func (g *grower) inside(e *plan.Entry) *Item {
	in := g.base
	from, to := g.began(e), g.ended(e)
	all := hops(e.Place)
	if i := slices.IndexFunc(all, func(h hop) bool { return h.kind == '!' }); i >= 0 {
		all = all[i:] // an UNDO block belongs to the undoing, not to where its step stood
	}
	for _, h := range all {
		in = g.hop(in, h, e)
		if in.Kind != KindStep {
			in.Started, in.Ended = earlier(first(in.Started, from), from), later(in.Ended, to)
		}
	}
	return in
}

// hop goes down into a step, a branch or a nested RUN.
func (g *grower) hop(in *Item, h hop, e *plan.Entry) *Item {
	switch h.kind {
	case '@':
		return g.stepAt(in, h.of)
	case '!':
		return g.container(in, h.below, func() *Item { return &Item{Kind: KindBlock, Title: blockOf + g.stepTitle(h.of)} })
	case '|':
		p := g.container(in, h.of, func() *Item { return &Item{Kind: KindParallel, Title: "PARALLEL"} })
		from, to := g.began(e), g.ended(e)
		p.Started, p.Ended = earlier(first(p.Started, from), from), later(p.Ended, to)
		return g.container(p, h.below, func() *Item { return &Item{Kind: KindBranch, Title: fmt.Sprintf("branch %d", h.n), branch: h.n} })
	}
	r := g.container(in, h.below, func() *Item { return &Item{Kind: KindRun, guessed: true} })
	if file, _, ok := strings.Cut(e.Line, ":"); ok && r.guessed {
		r.Title = "RUN " + path.Base(file)
		r.guessed = !inBody(e.Place) || len(hops(e.Place)) > 0 && hops(e.Place)[len(hops(e.Place))-1] != h
	}
	return r
}

func (g *grower) container(in *Item, place string, fresh func() *Item) *Item {
	if it := g.at[place]; it != nil {
		return it
	}
	it := fresh()
	it.Place = place
	g.at[place] = it
	in.Items = append(in.Items, it)
	return it
}

// stepAt gives the step at a place, also one whose beginning is not in the journal.
func (g *grower) stepAt(in *Item, place string) *Item {
	return g.container(in, place, func() *Item {
		return &Item{Kind: KindStep, Title: "a step whose beginning is not in the journal", Turn: turn(place)}
	})
}

// add puts a new item where its entry belongs.
func (g *grower) add(e *plan.Entry, it *Item) *Item {
	in := g.inside(e)
	if s := g.at[e.Place]; s != nil && s.Kind == KindStep {
		in = s // a question about the step itself
	}
	it.Place, it.Line, it.Turn = e.Place, e.Line, turn(e.Place)
	in.Items = append(in.Items, it)
	return it
}

// stepTitle is the title of the step at a place; the place if there is none.
func (g *grower) stepTitle(place string) string {
	if it := g.at[place]; it != nil && it.Kind == KindStep {
		return it.Title
	}
	return place
}

// blockOf begins the title of what a step's UNDO block did.
const blockOf = "UNDO block of "

// around is the title of the innermost step around a place.
func (g *grower) around(place string) string {
	for _, h := range slices.Backward(hops(place)) {
		switch h.kind {
		case '@':
			return g.stepTitle(h.of)
		case '!':
			return blockOf + g.stepTitle(h.of)
		}
	}
	return ""
}

func (g *grower) step(e *plan.Entry) {
	it := g.stepAt(g.inside(e), e.Place)
	it.Title, it.Line, it.Turn = e.Text, e.Line, turn(e.Place)
	at := g.ended(e)
	last := len(it.Attempts) - 1
	n := e.Attempt
	switch e.State {
	case "begun":
		if n < 1 {
			n = last + 2
		}
		if last >= 0 && it.Attempts[last].open && it.Attempts[last].Attempt == n {
			return // the process that began it has died, and another goes on with it
		}
		if last >= 0 && it.Attempts[last].State == Failed {
			g.work = append(g.work, busy{e.Place, span{it.Attempts[last].Ended, at}}) // the pause
		}
		it.Attempts = append(it.Attempts, Attempt{Attempt: n, Started: at, Ended: at, open: true, seq: e.Seq})
	case "done", "failed":
		if last < 0 || !it.Attempts[last].open {
			from := g.began(e)
			if last >= 0 {
				from = later(from, it.Attempts[last].Ended)
			}
			it.Attempts = append(it.Attempts, Attempt{Attempt: max(n, 1), Started: earlier(from, at), seq: e.Seq})
			last++
		}
		a := &it.Attempts[last]
		a.open, a.State, a.Ended = false, e.State, later(at, a.Started)
		if e.State == Failed {
			a.Error, a.Hint = e.Error, e.Hint
			g.attemptFailed(it, a, e)
		}
	case "skipped":
		it.State, it.Why = Skipped, "its WHEN is false"
		if last >= 0 {
			it.Why = "somebody said to go on without it"
			if a := &it.Attempts[last]; a.open {
				a.open, a.State = false, Left
			}
		}
		it.Ended = at
		it.Started = first(it.Started, at)
		return
	}
	it.State = ""
}

// attemptFailed lists a failed attempt, unless what failed in it is listed already.
func (g *grower) attemptFailed(it *Item, a *Attempt, e *plan.Entry) {
	if g.told(fmt.Sprintf("%s@%d/", e.Place, a.Attempt), e.Error) {
		return
	}
	g.fail(e, Failure{What: fmt.Sprintf("STEP %q", it.Title), Attempt: a.Attempt, Step: it.Title})
}

// told says whether a message says again what a failure inside of a place has said; "" is the whole journal.
func (g *grower) told(below, message string) bool {
	return slices.ContainsFunc(g.failed[below], func(said string) bool { return said != "" && strings.Contains(message, said) })
}

// fail lists a failure.
func (g *grower) fail(e *plan.Entry, f Failure) {
	f.Run, f.Line, f.Error, f.Hint, f.Time = g.child, e.Line, e.Error, e.Hint, g.ended(e)
	if f.Step == "" {
		f.Step = g.around(e.Place)
	}
	g.r.Failures = append(g.r.Failures, f)
	said := firstLine(f.Error)
	g.failed[""] = append(g.failed[""], said)
	for _, h := range hops(e.Place) {
		g.failed[h.below] = append(g.failed[h.below], said)
	}
}

func (g *grower) intent(e *plan.Entry) {
	if it := g.at[e.Place]; it == nil || !it.open {
		it := g.add(e, &Item{Kind: KindCommand, Title: e.Command, Started: g.began(e), Ended: g.ended(e), open: true})
		g.at[e.Place] = it
	} else {
		g.inside(e) // it was cut off and is done again
	}
	for _, c := range e.Changes {
		if g.known(e.Place, c) {
			continue // the first intent knows what was there before
		}
		g.changes[e.Place] = append(g.changes[e.Place], len(g.r.Changes))
		g.r.Changes = append(g.r.Changes, Change{
			Run: g.child, Seq: e.Seq, Step: g.around(e.Place), Line: e.Line, Command: e.Command,
			System: c.System, What: c.What, From: c.From, To: c.To, Count: max(c.Count, 1),
			Undoable: c.Inverse != nil || e.Aside != "", State: InDoubt, Started: g.began(e), place: e.Place,
		})
	}
}

func (g *grower) known(place string, c plan.Change) bool {
	return slices.ContainsFunc(g.changes[place], func(i int) bool {
		return g.r.Changes[i].System == c.System && g.r.Changes[i].What == c.What
	})
}

// result takes how a command, read or wait ended, and a wait that begins.
func (g *grower) result(e *plan.Entry) {
	began := e.Kind == plan.KindWait && e.State == "begun"
	it := g.at[e.Place]
	if it == nil || !it.open {
		it = g.newResult(e)
	} else {
		g.inside(e)
	}
	if e.Code < 0 {
		g.fail(e, Failure{What: title(e)})
	}
	if it == nil || began {
		return
	}
	it.open, it.Ended, it.State = false, later(g.ended(e), it.Started), Done
	switch {
	case e.Code < 0:
		it.State, it.Error = Failed, e.Error
	case e.Before == plan.Yes.String():
		it.State = Already
	}
	g.work = append(g.work, busy{e.Place, span{it.Started, it.Ended}})
	if e.Code >= 0 {
		for _, i := range g.changes[e.Place] {
			g.r.Changes[i].State = Made
		}
	}
}

// newResult makes the item of a command that has none: it reads, it waits, or the world was as it wanted it already.
// What reads quickly and well is not on the timeline.
func (g *grower) newResult(e *plan.Entry) *Item {
	if w := g.at["?"+e.Place]; w != nil && e.Kind == plan.KindWait {
		g.inside(e)
		return nil // a MANUAL, whose question is the item
	}
	it := &Item{Kind: KindCommand, Title: title(e), Started: g.began(e), Ended: g.ended(e), open: true}
	switch e.Kind {
	case plan.KindWait:
		it.Kind = KindWait
	case plan.KindRead:
		if e.Code >= 0 && it.Ended.Sub(it.Started) < longRead {
			g.inside(e)
			g.work = append(g.work, busy{e.Place, span{it.Started, it.Ended}})
			return nil
		}
	}
	g.at[e.Place] = g.add(e, it)
	return it
}

// title names a statement: its command, or else its text.
func title(e *plan.Entry) string {
	switch {
	case e.Command != "":
		return e.Command
	case e.Text != "":
		return e.Text
	case e.Kind == plan.KindWait:
		return "WAIT"
	}
	return "a command"
}

func (g *grower) ask(e *plan.Entry) {
	i, open := g.asked[e.Place]
	if !open {
		i = len(g.r.Questions)
		q := Question{Text: e.Text, Line: e.Line, Asked: g.began(e), place: e.Place}
		g.r.Questions = append(g.r.Questions, q)
		g.asked[e.Place] = i
		it := g.add(e, &Item{Kind: KindQuestion, Title: e.Text, Started: q.Asked, Ended: q.Asked, open: true})
		g.at["?"+e.Place] = it
	} else {
		g.inside(e)
	}
	if e.State != "answered" {
		return
	}
	q, it := &g.r.Questions[i], g.at["?"+e.Place]
	q.Answered = later(g.ended(e), q.Asked)
	q.By, q.Answer = e.By, "yes"
	if q.By == nil {
		q.By = g.by // whoever sat at the run's own process
	}
	if text, _ := e.Result.(string); text != "" {
		q.Answer = text
	}
	it.State = Done
	if e.Error != "" {
		q.Answer, it.State = "no", Failed
	}
	it.open, it.Ended = false, q.Answered
	delete(g.asked, e.Place)
}

func (g *grower) rule(e *plan.Entry) {
	g.inside(e)
	if e.Error != "" {
		g.fail(e, Failure{What: title(e), Rule: e.Rule})
		return
	}
	g.r.Overrides = append(g.r.Overrides, Override{e.Rule, e.Reason, e.Text, e.Command, e.Line, e.By, g.began(e)})
}
