package report

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

// Build makes the report of a run from its journal and those of its child runs; children of other runs do no harm. made
// is the time now, to which a run that goes on is counted. Any sequence of entries gives a report.
func Build(made time.Time, run Run, children ...Run) *Report {
	r := &Report{
		Run: run.ID, Script: run.Script, Parent: run.Parent, State: run.State, Alive: run.Alive,
		By:   plan.Actor{Who: run.Who, Host: run.Host, PID: run.PID},
		Site: run.Site, Version: run.Version, Zone: run.Zone, Params: run.Params, Files: run.Files, Plan: run.Plan, Alone: run.BreakGlass,
		Made: made,
		Data: []Lag{}, Timeline: []*Item{}, Changes: []Change{}, Questions: []Question{}, Failures: []Failure{},
		Overrides: []Override{}, Orders: []Order{}, Resumes: []Resume{}, Gaps: []Gap{}, Undoing: []Undoing{},
		Children: []Child{}, Written: []Line{},
	}
	r.note(&run)
	main := grow(r, &run, "")
	families := r.adopt(main, run.ID, children)
	r.limits(main, families)
	r.Gaps = gaps(main, families)
	if last := lastSign(families); r.State == plan.Waiting && !run.Alive && last.Before(r.Until) {
		r.Gaps = append(r.Gaps, Gap{From: last, To: r.Until, Took: Millis(r.Until.Sub(last))})
	}
	r.close(main, families)
	for _, g := range families[1:] {
		r.hang(g)
	}
	r.account(main)
	r.inOrder(families)
	r.takenBack(main.undos)
	r.Data = lags(run.Entries)
	r.Timeline = append(r.Timeline, main.top.Items...)
	return r
}

func (r *Report) note(run *Run) {
	if run.Torn {
		r.Notes = append(r.Notes, fmt.Sprintf("the journal of run %s was cut off inside its last entry, which is not in this report", run.ID))
	}
	if run.Damaged {
		r.Notes = append(r.Notes, fmt.Sprintf("the journal of run %s is damaged: entries are missing from this report", run.ID))
	}
}

// adopt grows the child runs, oldest first, and hangs each below the command that ran it. It gives the growers of the
// run itself and of all its descendants.
func (r *Report) adopt(main *grower, id string, children []Run) []*grower {
	all := []*grower{main}
	by := map[string]*grower{id: main}
	rest := slices.DeleteFunc(slices.Clone(children), func(c Run) bool { return c.Parent == "" || c.ID == id })
	slices.SortStableFunc(rest, func(a, b Run) int { return birth(&a).Compare(birth(&b)) })
	for grew := true; grew; {
		grew = false
		var left []Run
		for _, c := range rest {
			parent := by[c.Parent]
			if parent == nil || by[c.ID] != nil {
				left = append(left, c)
				continue
			}
			grew = true
			r.note(&c)
			g := grow(r, &c, c.ID)
			g.parent, g.born = parent, c.Place
			g.item = r.childItem(g)
			by[c.ID] = g
			all = append(all, g)
		}
		rest = left
	}
	return all
}

// birth is when a run began.
func birth(run *Run) time.Time {
	for i := range run.Entries {
		if t := first(sane(run.Entries[i].Started), sane(run.Entries[i].Ended)); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// childItem makes the item of a child run.
func (r *Report) childItem(g *grower) *Item {
	run := g.run
	it := &Item{Kind: KindChild, Title: shortPath(run.Script), Run: run.ID, Started: birth(run), Ended: g.now, Items: g.top.Items}
	switch run.State {
	case plan.Done, plan.Failed, plan.Undone:
		it.State = string(run.State)
	}
	for i := range slices.Backward(run.Entries) {
		if e := &run.Entries[i]; e.Kind == plan.KindEnd {
			if e.Error != exitText(e.Code) {
				it.Error = e.Error
			}
			break
		}
	}
	r.Children = append(r.Children, Child{run.ID, run.Script, run.Parent, run.State, it.Error})
	for i := range r.Changes {
		if c := &r.Changes[i]; c.Run == run.ID && c.Step == "" {
			c.Step = it.Title
		}
	}
	return it
}

// hang puts a child run below the command whose script it is.
func (r *Report) hang(g *grower) {
	it := g.item
	in := g.parent.at[g.born]
	if in == nil || g.born == "" {
		in = around(g.parent.top, it.Started)
	}
	at := slices.IndexFunc(in.Items, func(o *Item) bool { return o.Started.After(it.Started) })
	if at < 0 {
		at = len(in.Items)
	}
	in.Items = slices.Insert(in.Items, at, it)
}

// inOrder puts the lists of a run with child runs in the order of time.
func (r *Report) inOrder(all []*grower) {
	if len(all) < 2 {
		return
	}
	slices.SortStableFunc(r.Changes, func(a, b Change) int { return a.Started.Compare(b.Started) })
	slices.SortStableFunc(r.Failures, func(a, b Failure) int { return a.Time.Compare(b.Time) })
	slices.SortStableFunc(r.Written, func(a, b Line) int { return a.Time.Compare(b.Time) })
}

// around finds the innermost step or command that an instant lies in.
func around(in *Item, t time.Time) *Item {
	for _, it := range slices.Backward(in.Items) {
		if it.Kind != KindChild && !it.Started.After(t) && (it.open || !it.Ended.Before(t)) {
			return around(it, t)
		}
	}
	return in
}

// shortPath is the file of a script and its folder: the node, for the script of a cluster resource.
func shortPath(script string) string {
	if !strings.HasPrefix(script, "/") {
		return script
	}
	return path.Join(path.Base(path.Dir(script)), path.Base(script))
}

// limits finds where the run began and where its account of time ends: at its end; now, while it goes on or waits; or at
// the last sign of life before it stopped or was taken back.
func (r *Report) limits(main *grower, all []*grower) {
	entries := main.run.Entries
	r.Started = first(birth(main.run), sane(r.Made))
	stop := main.lastUndo(len(entries))
	for stop > 0 && stop < len(entries) && entries[stop-1].Kind == plan.KindResume {
		stop--
	}
	if stop > 0 {
		r.Until = main.signs[stop-1]
	}
	if stop == len(entries) {
		if stop > 0 && entries[stop-1].Kind == plan.KindEnd {
			r.Ended = r.Until
		} else {
			r.Until = lastSign(all)
		}
		if r.State == plan.Running || r.State == plan.Waiting {
			r.Until = later(r.Until, r.Made)
		}
	} else {
		for _, g := range all[1:] {
			r.Until = later(r.Until, g.lastBefore(main.signs[stop]))
		}
	}
	if stop < len(entries) && slices.ContainsFunc(entries[:stop], func(e plan.Entry) bool { return e.Kind == plan.KindEnd }) {
		r.Ended = r.Until
	}
	r.Until = later(r.Until, r.Started)
	r.spans.whole = span{r.Started, later(r.Until, lastSign(all))}
}

// lastUndo gives the index of the entry that began an undoing after which nothing of the run comes, or none.
func (g *grower) lastUndo(none int) int {
	if g.undoneFrom < 0 {
		return none
	}
	return g.undoneFrom
}

func lastSign(all []*grower) (last time.Time) {
	for _, g := range all {
		last = later(last, g.now)
	}
	return last
}

// gaps finds the times in which no process of the run lived: each ends where another takes the run up.
func gaps(main *grower, all []*grower) []Gap {
	found := []Gap{}
	entries := main.run.Entries
	for i := 1; i < len(entries); i++ {
		e := &entries[i]
		undoes := e.Kind == plan.KindUndo && e.State == "begun" && entries[i-1].Kind == plan.KindEnd
		if e.Kind != plan.KindResume && !undoes {
			continue
		}
		gap := Gap{From: main.signs[i-1], To: main.signs[i]}
		for _, g := range all[1:] {
			gap.From = later(gap.From, g.lastBefore(gap.To))
		}
		if !gap.From.Before(gap.To) {
			continue
		}
		gap.Took = Millis(gap.To.Sub(gap.From))
		gap.After = entries[i-1].Kind == plan.KindEnd && i >= main.lastUndo(len(entries))-1
		found = append(found, gap)
	}
	return found
}

// lastBefore is the last sign of life up to an instant.
func (g *grower) lastBefore(t time.Time) (last time.Time) {
	i, _ := slices.BinarySearchFunc(g.signs, t, func(s, t time.Time) int {
		if s.After(t) {
			return 1
		}
		return -1
	})
	if i == 0 {
		return last
	}
	return g.signs[i-1]
}

// close ends what is still open, and sums up how long everything took.
func (r *Report) close(main *grower, all []*grower) {
	for _, g := range all {
		state, until := Left, r.Until
		if g.run.State == plan.Running || g.run.State == plan.Waiting || g.run.State == plan.Stopped {
			state = Unfinished
		}
		if g != main && state == Left {
			until = g.now
		}
		for _, it := range g.top.Items {
			settle(it, state, until)
		}
		if it := g.item; it != nil && it.State == "" {
			it.State, it.Ended = state, later(it.Ended, until)
		}
	}
	for _, g := range all {
		if g.item != nil {
			g.item.Took = Millis(g.item.Ended.Sub(g.item.Started))
		}
	}
	for i := range r.Undoing {
		u := &r.Undoing[i]
		if u.Ended.IsZero() {
			u.Took = Millis(later(main.now, u.Started).Sub(u.Started))
			continue
		}
		u.Took = Millis(u.Ended.Sub(u.Started))
	}
}

// settle ends an item and those inside of it; child runs are settled by their own state.
func settle(it *Item, state string, until time.Time) {
	if it.Kind == KindChild {
		return
	}
	for i := range it.Attempts {
		a := &it.Attempts[i]
		if a.open {
			a.State, a.Ended = state, later(a.Ended, until)
		}
		a.Took = Millis(a.Ended.Sub(a.Started))
		it.State = a.State
		it.Started, it.Ended = first(it.Started, a.Started), later(it.Ended, a.Ended)
	}
	if it.open {
		it.State, it.Ended = state, later(it.Ended, until)
	}
	for _, in := range it.Items {
		settle(in, state, until)
		if it.Kind == KindStep && len(it.Attempts) == 0 && it.State != Skipped { // its own entries are missing
			it.Started, it.Ended = first(it.Started, in.Started), later(it.Ended, in.Ended)
		}
	}
	if it.Kind == KindParallel {
		slices.SortStableFunc(it.Items, func(a, b *Item) int { return a.branch - b.branch })
	}
	it.Ended = later(it.Ended, it.Started)
	it.Took = Millis(it.Ended.Sub(it.Started))
}

// account divides the time, and tells each question and gap its part.
func (r *Report) account(main *grower) {
	var (
		work   = main.work // what child runs do is inside their commands' time
		asked  []asking
		nobody []span
	)
	for _, it := range main.at { // what goes on while a question stands open
		if it.open && it.Kind != KindQuestion {
			work = append(work, busy{it.Place, span{it.Started, it.Ended}})
		}
	}
	for i := range r.Questions {
		q := &r.Questions[i]
		s := span{q.Asked, later(first(q.Answered, r.Until), q.Asked)}
		asked = append(asked, asking{q.place, s})
		q.Took = Millis(s.long())
		for j := range r.Gaps {
			gap := &r.Gaps[j]
			q.Nobody += Millis(spans{s}.within(gap.From, gap.To).long())
			if !q.Asked.After(gap.From) && !s.to.Before(gap.To) {
				gap.Question = q.Text
			}
		}
	}
	for _, gap := range r.Gaps {
		nobody = append(nobody, span{gap.From, gap.To})
	}
	r.spans = divide(r.spans.whole, asked, work, nobody)
	r.Time = r.spans.times(r.Started, r.Until)
}

// takenBack notes which changes were taken back.
func (r *Report) takenBack(undos []plan.Entry) {
	type key struct {
		run  string
		seq  int
		what string
	}
	at := map[key]int{}
	for i, c := range r.Changes {
		at[key{c.Run, c.Seq, c.System + ": " + c.What}] = i
	}
	for _, e := range undos {
		i, ok := at[key{e.Run, e.Of, e.What}]
		if !ok {
			continue
		}
		c := &r.Changes[i]
		switch e.State {
		case "done":
			c.Undo, c.Error = Undone, ""
		case "kept":
			c.Undo = Kept
		case "failed":
			c.Undo, c.Error = UndoFailed, e.Error
		}
	}
}
