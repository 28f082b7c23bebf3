package report

import (
	"fmt"
	"slices"

	"github.com/standin-project/standin/runtime/plan"
)

// undo takes an entry of an undoing: its beginning, one change taken back, or its end at a step.
func (g *grower) undo(e *plan.Entry) {
	u := g.undoing()
	switch {
	case e.State == "begun" && u == nil:
		if g.undoneFrom < 0 {
			g.undoneFrom = g.index
		}
		title := "undo"
		if e.Text != "" {
			title = "undo back to " + e.Text
		}
		g.base = g.add(e, &Item{Kind: KindUndo, Title: title, Started: g.began(e), Ended: g.ended(e), open: true})
		g.r.Undoing = append(g.r.Undoing, Undoing{To: e.Text, By: g.by, State: Unfinished, Started: g.began(e)})
	case e.State == "back":
		g.undone(e, Done)
		g.forget(e.Of)
		g.undoneFrom = -1
	case e.What != "" && u != nil:
		switch e.State {
		case "done":
			u.Undone++
		case "kept":
			u.Kept++
		case "failed":
			u.Failed++
			g.fail(e, Failure{What: "undo of " + e.What})
		}
	}
	if e.What != "" {
		g.undos = append(g.undos, *e)
	}
}

// undoing is the one at work, nil for none.
func (g *grower) undoing() *Undoing {
	if n := len(g.r.Undoing); n > 0 && g.r.Undoing[n-1].State == Unfinished && g.base.Kind == KindUndo {
		return &g.r.Undoing[n-1]
	}
	return nil
}

// undone ends the undoing at work.
func (g *grower) undone(e *plan.Entry, state string) {
	u := g.undoing()
	if u == nil {
		return
	}
	u.State, u.Ended = state, later(g.ended(e), u.Started)
	g.base.open, g.base.State, g.base.Ended = false, state, u.Ended
	g.base = g.top
}

// forget marks what was begun from an entry on as undone: what comes at those places is new.
func (g *grower) forget(from int) {
	for _, it := range g.at {
		for i := range it.Attempts {
			if a := &it.Attempts[i]; a.seq >= from {
				if a.Undone = true; a.open {
					a.open, a.State = false, Left
				}
			}
		}
		if it.open && it.Kind != KindUndo {
			it.open, it.State = false, Left
		}
	}
	for place, all := range g.changes {
		g.changes[place] = slices.DeleteFunc(all, func(i int) bool { return g.r.Changes[i].Seq >= from })
	}
}

func (g *grower) end(e *plan.Entry) {
	u := g.undoing()
	if u == nil {
		if g.child == "" {
			g.r.Code, g.r.Error = e.Code, e.Error
		}
		if e.Error != "" && e.Error != exitText(e.Code) && !g.told("", e.Error) {
			g.fail(e, Failure{What: "the run"})
		}
		return
	}
	state := Done
	if e.State != string(plan.Undone) {
		state = Failed
		g.r.Error = e.Error
	}
	g.undone(e, state)
}

// exitText is what the end of a run says that its script ended with EXIT.
func exitText(code int) string { return fmt.Sprintf("exit %d", code) }
