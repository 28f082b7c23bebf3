package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/report"
)

// noise writes any entries in any order: places in and below each other, times that go back, or are missing, or are those
// of no clock.
func noise(r *rand.Rand) report.Run {
	places := []string{
		"", "1", "1@1/1.1", "1@2/1.1", "1@undo/1.2", "2", "2|1/2.1", "2|2/2.1@1/2.1.1", "2|2/2.1", "3>", "3>1", "3>1@1/1.1", "4~2", "4~x", "@", "|1/",
		"5@99999999999999999999/1", "6|-1/x", ">>|@1/", "mirror.dtcl:f.1+1", "7|1/8|1/9@1/10>11",
	}
	kinds := []plan.Kind{
		plan.KindRun, plan.KindStep, plan.KindStep, plan.KindStep, plan.KindRead, plan.KindIntent, plan.KindResult, plan.KindResult, plan.KindWait,
		plan.KindWrite, plan.KindAsk, plan.KindAsk, plan.KindMark, plan.KindResume, plan.KindOrder, plan.KindRule, plan.KindUndo, plan.KindUndo, plan.KindEnd, "new",
	}
	states := []string{"", "begun", "done", "failed", "skipped", "asked", "answered", "back", "kept", "undone", "running", "refused"}
	one := func(of []string) string { return of[r.IntN(len(of))] }
	at := func() time.Time {
		switch r.IntN(12) {
		case 0:
			return time.Time{}
		case 1:
			return time.Unix(r.Int64()>>r.IntN(30), 0)
		}
		return night().Add(time.Duration(r.Int64N(int64(5 * time.Hour))))
	}
	run := report.Run{State: plan.State(one([]string{"running", "waiting", "stopped", "failed", "done", "undone", "?"})), Alive: r.IntN(2) == 0}
	run.ID, run.Parent = one([]string{"a", "b", "c"}), one([]string{"", "a", "b"})
	run.Place = one(places)
	for i := range r.IntN(60) {
		e := plan.Entry{
			Seq: i + 1, Kind: kinds[r.IntN(len(kinds))], Place: one(places), State: one(states), Attempt: r.IntN(4) - 1, Code: r.IntN(3) - 1,
			Text: one([]string{"", "a text", "undo", "ünïcödé ✓", strings.Repeat("long", 60)}), Line: one([]string{"", "x.dtcl:3", ":"}),
			Command: one([]string{"", "TAKEOVER 1", "TAKEOVER", "VERIFY 1", "WAIT ON QUEUE 1 EMPTY", "DNS ADD x"}), Before: one([]string{"", "yes", "no"}),
			Error: one([]string{"", "it failed", "exit 1"}), What: one([]string{"", "dns d: a"}), Of: r.IntN(60), Run: one([]string{"", "b"}), Started: at(), Ended: at(),
		}
		switch e.Kind {
		case plan.KindIntent:
			e.Changes = []plan.Change{{System: "dns d", What: "a", To: "b", Count: r.IntN(3)}, {System: "agent west", What: "o"}}[:r.IntN(3)]
		case plan.KindRead:
			e.Result = []any{nil, "x", map[string]any{"equal": true}, map[string]any{"connections": []any{map[string]any{"id": 1.0, "target": "d", "applied": "2026-11-22T02:00:00Z"}, 3}}, map[string]any{"id": json.Number("1"), "applied": 7}}[r.IntN(5)]
		case plan.KindAsk:
			e.Result = "yes"
		}
		if r.IntN(4) == 0 {
			e.By = &plan.Actor{Who: one([]string{"", "ann"}), Host: one([]string{"", "h"})}
		}
		run.Entries = append(run.Entries, e)
	}
	return run
}

// torn makes a journal of a story incomplete: cut off, entries missing or in another order.
func torn(r *rand.Rand, run report.Run) report.Run {
	run.Entries = slices.Clone(run.Entries)
	if len(run.Entries) > 1 {
		run.Entries = run.Entries[:1+r.IntN(len(run.Entries)-1)]
	}
	for range r.IntN(4) {
		if i := r.IntN(len(run.Entries)); i > 0 {
			run.Entries = slices.Delete(run.Entries, i, i+1)
		}
	}
	if r.IntN(2) == 0 && len(run.Entries) > 3 {
		i := 1 + r.IntN(len(run.Entries)-2)
		run.Entries[i], run.Entries[i+1] = run.Entries[i+1], run.Entries[i]
	}
	run.State = []plan.State{plan.Running, plan.Waiting, plan.Stopped, plan.Failed, plan.Done, plan.Undone}[r.IntN(6)]
	return run
}

// Whatever a journal holds, there is a report, its times add up, it shows every step and change, and it can be read.
func FuzzAnyJournalGivesAReport(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7))
		made := night().Add(time.Duration(r.Int64N(int64(10*time.Hour))) - time.Hour)
		if r.IntN(2) == 0 {
			run, child := theNight()
			sound(t, report.Build(made, torn(r, run), torn(r, child)), nil)
			sound(t, report.Build(made, torn(r, theReturn())), nil)
			return
		}
		run := noise(r)
		sound(t, report.Build(made, run, noise(r), noise(r), noise(r)), run.Entries)
	})
}

// sound tests what holds for every report.
func sound(t *testing.T, r *report.Report, entries []plan.Entry) {
	t.Helper()
	if s := r.Time; s.Machine < 0 || s.People < 0 || s.Nobody < 0 || s.Machine+s.People+s.Nobody != s.Total {
		t.Errorf("machine %s + people %s + nobody %s is not the total %s", s.Machine, s.People, s.Nobody, s.Total)
	}
	places, changes := map[string]bool{}, map[string]bool{}
	var walk func(items []*report.Item)
	walk = func(items []*report.Item) {
		for _, it := range items {
			places[it.Place] = true
			if it.Took < 0 || it.Ended.Before(it.Started) {
				t.Errorf("%s %q took %s, from %s to %s", it.Kind, it.Title, it.Took, it.Started, it.Ended)
			}
			for _, a := range it.Attempts {
				if a.Took < 0 || a.State == "" {
					t.Errorf("attempt %d of %q took %s and is %q", a.Attempt, it.Title, a.Took, a.State)
				}
			}
			walk(it.Items)
		}
	}
	walk(r.Timeline)
	for _, c := range r.Changes {
		changes[c.System+c.What] = true
	}
	for _, e := range entries {
		if e.Kind == plan.KindStep && !places[e.Place] {
			t.Errorf("the step at %q is not in the report", e.Place)
		}
		for _, c := range e.Changes {
			if !changes[c.System+c.What] {
				t.Errorf("the change of %s is not in the report", c)
			}
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(text.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	page, _ := page(t, r)
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, page)
		}
	}
}
