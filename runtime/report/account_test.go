package report_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/report"
)

func is(t *testing.T, r *report.Report, machine, people, nobody time.Duration) {
	t.Helper()
	want := report.Times{Total: report.Millis(machine + people + nobody), Machine: report.Millis(machine), People: report.Millis(people), Nobody: report.Millis(nobody)}
	if r.Time != want {
		t.Errorf("got machine %s, people %s, nobody %s of %s; want %s, %s, %s of %s",
			r.Time.Machine, r.Time.People, r.Time.Nobody, r.Time.Total, want.Machine, want.People, want.Nobody, want.Total)
	}
}

const s = time.Second

// Waiting for a person counts only while nothing else is at work. What the question itself stands in is no work.
func TestPeopleWaitAlone(t *testing.T) {
	for _, c := range []struct {
		name            string
		place           string // of the command that runs beside the question
		machine, people time.Duration
	}{
		{"another branch is at work for 4 of the 12 s", "1|2/1.2@1/1.1", 6 * s, 8 * s},
		{"the command that asks", "1|1/1.1@1/1.1", 2 * s, 12 * s},
		{"nothing of the same PARALLEL", "2", 2 * s, 12 * s},
	} {
		b := open("1", "x.dtcl")
		b.at(s).ask("1|1/1.1@1/1.1", "go?")
		b.at(2*s).change(c.place, "DNS ADD x", 4*s)
		b.at(13*s).answer("1|1/1.1@1/1.1", "go?", "yes", nil, s)
		r := report.Build(night(), b.at(14*s).end(plan.Done, 0, ""))
		t.Run(c.name, func(t *testing.T) { is(t, r, c.machine, c.people, 0) })
	}
}

// The pause before the next attempt of another branch's step is work, and so is a command with its child run that has no
// end yet.
func TestWorkBesideAQuestion(t *testing.T) {
	b := open("1", "x.dtcl")
	b.at(s).step("1|2/1.2", "again", "begun", 1, "").step("1|2/1.2", "again", "failed", 1, "no")
	b.ask("1|1/1.1", "go?")
	b.at(6*s).step("1|2/1.2", "again", "begun", 2, "").step("1|2/1.2", "again", "done", 2, "")
	b.at(7 * s).add(plan.Entry{Kind: plan.KindIntent, Place: "1|2/1.3", Command: "CLUSTER x"})
	child := open("2", "/site/node/online.dtcl")
	child.Header.Parent, child.Header.Place = "1", "1|2/1.3"
	child.at(8*s).change("1", "CONNECT x", 2*s)
	is(t, report.Build(night(), b.is(plan.Stopped), child.end(plan.Done, 0, "")), 1*s+5*s+3*s, 1*s, 0)
	b.at(11*s).answer("1|1/1.1", "go?", "yes", nil, s)
	is(t, report.Build(night(), b.is(plan.Stopped), child.end(plan.Done, 0, "")), 1*s+5*s+4*s, 1*s, 0)
}

// While no process lives, nobody is at work: neither machine nor people, even if a question stands open.
func TestNobodyAtWork(t *testing.T) {
	b := open("1", "x.dtcl")
	b.at(10*s).ask("1", "go?")
	b.at(70 * s).add(plan.Entry{Kind: plan.KindResume, By: bob()})
	b.at(75*s).answer("1", "go?", "yes", nil, 10*s)
	b.at(80 * s).add(plan.Entry{Kind: plan.KindIntent, Place: "2", Command: "DNS ADD x"})
	child := open("2", "/site/node/online.dtcl")
	child.Header.Parent, child.Header.Place = "1", "2"
	child.at(85 * s).add(plan.Entry{Kind: plan.KindWrite, Place: "1", Text: "the last sign of life"})
	b.at(100 * s).add(plan.Entry{Kind: plan.KindResume, By: bob()})
	r := report.Build(night(), b.at(110*s).end(plan.Done, 0, ""), child.is(plan.Stopped))
	is(t, r, 10*s+10*s+10*s, 5*s, 75*s)
	if q := r.Questions[0]; q.Took != report.Millis(65*s) || q.Nobody != report.Millis(60*s) {
		t.Errorf("the question took %s, %s of it nobody was at work", q.Took, q.Nobody)
	}
	if len(r.Gaps) != 2 || r.Gaps[0].Question != "go?" || r.Gaps[1].Question != "" || r.Gaps[1].Took != report.Millis(15*s) {
		t.Errorf("gaps: %+v", r.Gaps)
	}
}

// A run that goes on is counted to the moment of the report; one that waits with nobody there, too, but as nobody's time;
// one that has stopped to its last sign of life.
func TestTimeSoFar(t *testing.T) {
	made := night().Add(60 * s)
	b := open("1", "x.dtcl")
	b.at(10*s).ask("1", "go?")
	waits := b.is(plan.Waiting)
	is(t, report.Build(made, waits), 10*s, 0, 50*s)
	waits.Alive = true
	is(t, report.Build(made, waits), 10*s, 50*s, 0)
	b = open("1", "x.dtcl")
	b.at(10*s).step("1", "one", "begun", 1, "")
	is(t, report.Build(made, b.is(plan.Running)), 60*s, 0, 0)
	r := report.Build(made, b.is(plan.Stopped))
	is(t, r, 10*s, 0, 0)
	if a := r.Timeline[0].Attempts[0]; a.State != report.Unfinished {
		t.Errorf("the attempt is %s", a.State)
	}
}

// Undoing a run later is no part of its time; undoing it back to a step and going on is.
func TestUndoingIsCountedApart(t *testing.T) {
	undone := func(b *book) *book {
		b.at(100 * s).add(plan.Entry{Kind: plan.KindResume, By: bob(), Text: "undo"}).add(plan.Entry{Kind: plan.KindUndo, State: "begun"})
		return b.at(101 * s).add(plan.Entry{Kind: plan.KindUndo, Of: 2, What: "dns dns1: a", State: "done", Ended: night().Add(101 * s)})
	}
	b := open("1", "x.dtcl")
	b.at(s).change("1@1/1", "DNS ADD a", s, ch("dns dns1", "a", "", "b", 0)).end(plan.Done, 0, "")
	r := report.Build(night(), undone(b).end(plan.Undone, 0, ""))
	is(t, r, 2*s, 0, 0)
	if c := r.Changes[0]; c.Undo != report.Undone {
		t.Errorf("the change is %s %s", c.State, c.Undo)
	}
	if u := r.Undoing; len(u) != 1 || u[0].Undone != 1 || u[0].Took != report.Millis(s) || u[0].State != report.Done || u[0].By.Who != "bob" {
		t.Errorf("undoing: %+v", u)
	}

	b = open("1", "x.dtcl")
	b.at(s).change("1@1/1", "DNS ADD a", s, ch("dns dns1", "a", "", "b", 0))
	undone(b).add(plan.Entry{Kind: plan.KindUndo, State: "back", Of: 2})
	b.add(plan.Entry{Kind: plan.KindResume, By: bob()})
	b.at(102*s).change("1@1/1", "DNS ADD a", s, ch("dns dns1", "a", "", "b", 0))
	r = report.Build(night(), b.end(plan.Done, 0, ""))
	is(t, r, 5*s, 0, 98*s)
	if len(r.Changes) != 2 || r.Changes[0].Undo != report.Undone || r.Changes[1].Undo != "" {
		t.Errorf("changes: %+v", r.Changes)
	}
}

// A command that was cut off and done again has made its changes once, and the first intent knows what was there before.
func TestChangeDoneAgain(t *testing.T) {
	b := open("1", "x.dtcl")
	b.add(plan.Entry{Kind: plan.KindIntent, Place: "1", Command: "X", Changes: []plan.Change{ch("d", "a", "old", "new", 0), ch("d", "b", "old", "new", 0)}})
	if c := report.Build(night(), b.is(plan.Stopped)).Changes; len(c) != 2 || c[0].State != report.InDoubt {
		t.Errorf("changes: %+v", c)
	}
	b.at(s).add(plan.Entry{Kind: plan.KindResume})
	b.change("1", "X", s, ch("d", "b", "half", "new", 0))
	r := report.Build(night(), b.end(plan.Done, 0, ""))
	if c := r.Changes; len(c) != 2 || c[0].State != report.Made || c[1].From != "old" || c[1].Seq != 2 {
		t.Errorf("changes: %+v", c)
	}
	if len(r.Timeline) != 1 || r.Timeline[0].Took != report.Millis(2*s) {
		t.Errorf("timeline: %+v", r.Timeline)
	}
}

// The age of the data at a takeover is what the run itself read last before it; else it is not known, and the report says why.
func TestDataAge(t *testing.T) {
	said := func(id any, target string, ago time.Duration) plan.Entry {
		return plan.Entry{Kind: plan.KindRead, Command: "STATUS CON 1", Result: map[string]any{
			"id": id, "target": target, "set": "m", "data": "Crash", "applied": night().Add(10*s - ago).UTC().Format(time.RFC3339),
		}}
	}
	take := plan.Entry{Kind: plan.KindIntent, Place: "9", Command: "TAKEOVER 1", Changes: []plan.Change{{System: "agent west", What: `owner of "m" on west`}}}
	for _, c := range []struct {
		name    string
		entries []plan.Entry
		known   bool
		lag     time.Duration
		why     string
	}{
		{"the last answer counts", []plan.Entry{said(1.0, "west", time.Hour), said(json.Number("1"), "West", 7*s), said(1.0, "south", 2*s), said(2.0, "west", s), take}, true, 7 * s, ""},
		{"a clock that is ahead", []plan.Entry{said(1.0, "west", -5*s), take}, true, 0, ""},
		{"never asked", []plan.Entry{take}, false, 0, "without asking"},
		{"asked afterwards", []plan.Entry{take, said(1.0, "west", s)}, false, 0, "without asking"},
		{"nothing applied", []plan.Entry{{Kind: plan.KindRead, Result: map[string]any{"id": 1.0, "target": "west", "applied": nil}}, take}, false, 0, "applied nothing"},
		{"taken over before", []plan.Entry{{Kind: plan.KindResult, Place: "9", Command: "TAKEOVER 1", Before: "yes"}}, false, 0, "already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open("1", "x.dtcl").at(10 * s)
			for _, e := range c.entries {
				b.add(e)
			}
			data := report.Build(night(), b.end(plan.Done, 0, "")).Data
			if len(data) != 1 || data[0].Known != c.known || data[0].Lag != report.Millis(c.lag) || !strings.Contains(data[0].Why, c.why) {
				t.Errorf("got %+v", data)
			}
		})
	}
	b := open("1", "x.dtcl")
	if data := report.Build(night(), b.end(plan.Done, 0, "")).Data; len(data) != 0 {
		t.Errorf("a run without a takeover: %+v", data)
	}
	b = open("1", "x.dtcl").wait("1", "WAIT ON QUEUE 1 EMPTY TIMEOUT 4h", s)
	b.add(plan.Entry{Kind: plan.KindRead, Command: "VERIFY 12 CHECKSUM", Result: map[string]any{"equal": true}, Started: night().Add(8 * s)})
	data := report.Build(night(), b.at(10*s).add(take).end(plan.Done, 0, "")).Data
	if !data[0].Equal.Equal(night().Add(s)) {
		t.Errorf("nothing was left to send at %s", data[0].Equal)
	}
}

// Hours of waiting do not squeeze seconds of work until nobody can see them.
func TestWorkStaysVisible(t *testing.T) {
	b := open("1", "x.dtcl")
	b.at(10*s).ask("1", "go?").at(5*time.Hour).answer("1", "go?", "yes", nil, 10*s)
	for i := range 40 {
		b.at(time.Duration(6+i) * time.Hour).add(plan.Entry{Kind: plan.KindResume}).at(b.now + s)
		b.add(plan.Entry{Kind: plan.KindWrite, Place: "2", Text: "x"})
	}
	_, tree := page(t, report.Build(night(), b.end(plan.Done, 0, "")))
	work := 0.0
	for n := range tree.Descendants() {
		if n.Type == html.ElementNode && n.Data == "rect" && attr(n, "class") == "b-work" {
			if w, err := strconv.ParseFloat(strings.TrimSuffix(attr(n, "width"), "%"), 64); err == nil && strings.HasSuffix(attr(n, "width"), "%") {
				work += w
			}
		}
	}
	if work < 40 || work > 90 {
		t.Errorf("50 s of work in two days take %.0f %% of the picture", work)
	}
}
