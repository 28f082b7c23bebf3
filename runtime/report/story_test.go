package report_test

import (
	"encoding/json"
	"time"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/report"
)

// book is a journal as a walk writes it. Times are told from when the run began.
type book struct {
	report.Run
	begun time.Time
	now   time.Duration
}

// night is when the runs of these tests begin.
func night() time.Time {
	return time.Date(2026, 11, 22, 3, 10, 0, 0, time.FixedZone("CET", 3600))
}

func open(id, script string) *book {
	b := &book{begun: night()}
	b.Header = plan.Header{
		ID: id, Script: script, Site: "/srv/lab/standin.toml", Who: "ann", Host: "ops1", PID: 4711, Zone: "CET", Version: "v1",
		Params: map[string]string{"target": "west"}, Files: map[string]string{"standin.toml": "4d20c663"},
	}
	b.add(plan.Entry{Kind: plan.KindRun, Header: &b.Header})
	return b
}

// at goes to a time.
func (b *book) at(d time.Duration) *book {
	b.now = d
	return b
}

func (b *book) time() time.Time { return b.begun.Add(b.now) }

func (b *book) add(e plan.Entry) *book {
	e.Seq = len(b.Entries) + 1
	if e.Started.IsZero() {
		e.Started = b.time()
	}
	b.Entries = append(b.Entries, e)
	return b
}

// step writes an entry of a STEP.
func (b *book) step(place, title, state string, attempt int, err string) *book {
	return b.add(plan.Entry{Kind: plan.KindStep, Place: place, Line: "night.dtcl:9", Text: title, State: state, Attempt: attempt, Error: err, Ended: b.time()})
}

// change writes a command that takes a time, with what it changes.
func (b *book) change(place, command string, took time.Duration, changes ...plan.Change) *book {
	b.add(plan.Entry{Kind: plan.KindIntent, Place: place, Line: "night.dtcl:10", Command: command, Before: "no", Changes: changes})
	return b.result(place, command, took, 0, "")
}

// result writes how a command ended that took a time.
func (b *book) result(place, command string, took time.Duration, code int, err string) *book {
	began := b.time()
	b.now += took
	return b.add(plan.Entry{
		Kind: plan.KindResult, Place: place, Line: "night.dtcl:10", Command: command, Code: code, Error: err, Started: began, Ended: b.time(),
	})
}

func (b *book) wait(place, command string, took time.Duration) *book {
	began := b.time()
	b.add(plan.Entry{Kind: plan.KindWait, Place: place, Line: "night.dtcl:11", Command: command, State: "begun"})
	b.now += took
	return b.add(plan.Entry{Kind: plan.KindWait, Place: place, Line: "night.dtcl:11", Command: command, State: "done", Started: began, Ended: b.time()})
}

func (b *book) ask(place, text string) *book {
	return b.add(plan.Entry{Kind: plan.KindAsk, Place: place, Line: "night.dtcl:5", Text: text, State: "asked"})
}

func (b *book) answer(place, text, answer string, by *plan.Actor, asked time.Duration) *book {
	return b.add(plan.Entry{
		Kind: plan.KindAsk, Place: place, Line: "night.dtcl:5", Text: text, State: "answered", Result: answer, By: by,
		Started: b.begun.Add(asked), Ended: b.time(),
	})
}

func (b *book) end(state plan.State, code int, err string) report.Run {
	b.add(plan.Entry{Kind: plan.KindEnd, State: string(state), Code: code, Error: err, Ended: b.time()})
	return b.is(state)
}

// is gives the run as the store sees it.
func (b *book) is(state plan.State) report.Run {
	b.State = state
	return b.Run
}

func bob() *plan.Actor { return &plan.Actor{Who: "bob", Host: "ops2", PID: 815} }

func ch(system, what, from, to string, n int) plan.Change {
	return plan.Change{System: system, What: what, From: from, To: to, Count: n, Inverse: json.RawMessage(`{"old":"` + from + `"}`)}
}

const (
	off     = "east is powered off"
	repoint = "Repoint 20,000 mailboxes?"
	names   = "Point the names at west"
	mark    = "Mark the target's stores: they may be overwritten, all of them, also those of the public folders"
	move    = "Move the mailboxes and folders to the target server"
)

// theNight is a failover with everything that may happen: questions, a process that dies, one that nobody starts again for
// hours, attempts, branches, a nested RUN, a child run, a rule that is overridden.
func theNight() (report.Run, report.Run) {
	b := open("20261122-021000", "night.dtcl")
	applied := night().Add(-38 * time.Second).UTC().Format(time.RFC3339)
	b.at(time.Second).add(plan.Entry{
		Kind: plan.KindRead, Place: "mirror.dtcl:inbound.1+1", Line: "stdlib/mirror.dtcl:5", Command: "STATUS TARGET west", Ended: night().Add(1200 * time.Millisecond),
		Result: map[string]any{"name": "west", "connections": []any{
			map[string]any{"id": json.Number("2"), "set": "other", "source": "east", "target": "west", "applied": "2026-11-22T01:00:00Z", "data": "Bad"},
			map[string]any{"id": json.Number("1"), "set": "mailstores", "source": "east", "target": "west", "applied": applied, "data": "Good"},
		}},
	})
	b.at(2 * time.Second).add(plan.Entry{Kind: plan.KindWrite, Place: "27", Text: "Last change applied on west: " + applied})
	b.ask("28", off).at(30 * time.Second).add(plan.Entry{Kind: plan.KindOrder, Place: "28", Of: 1, Text: "answer", Result: off, By: bob(), Ended: night().Add(30 * time.Second)})
	b.answer("28", off, off, bob(), 2*time.Second)
	b.at(31*time.Second).step("30", "Take the data over", "begun", 1, "")
	b.change("30@1/30.1", "TAKEOVER 1 APPLY QUEUE", time.Second, ch("agent west", `owner of "mailstores" on west`, "target, generation 1", "taken over from east, generation 2", 0))
	b.step("30", "Take the data over", "done", 1, "")
	theBranches(b)
	b.at(4 * time.Minute).add(plan.Entry{Kind: plan.KindRead, Place: "33>cluster.dtcl:state.1", Line: "stdlib/cluster.dtcl:4", Command: "CLUSTER west STATUS", Ended: night().Add(4 * time.Minute)})
	b.step("33>2", "Look at the target's disks", "begun", 1, "").at(4*time.Minute+20*time.Second).step("33>2", "Look at the target's disks", "done", 1, "")
	b.Entries[len(b.Entries)-2].Line, b.Entries[len(b.Entries)-1].Line = "checks.dtcl:3", "checks.dtcl:3"
	b.at(5*time.Minute).ask("34", repoint)
	b.at(3*time.Hour + 22*time.Minute).add(plan.Entry{Kind: plan.KindResume, By: bob()})
	b.at(3*time.Hour+22*time.Minute+40*time.Second).answer("34", repoint, "yes", nil, 5*time.Minute)
	b.add(plan.Entry{Kind: plan.KindMark, Place: "35", Line: "night.dtcl:30"})
	child := theRest(b)
	return b.end(plan.Done, 0, ""), child
}

func theBranches(b *book) {
	at := func(s float64) *book { return b.at(time.Duration(s * float64(time.Second))) }
	at(40).step("31|2/31.2", mark, "begun", 1, "")
	at(41).step("31|1/31.1", names, "begun", 1, "")
	at(42).result("31|1/31.1@1/31.1.1", "DNS REPLACE mydomain.com @ MX 10 exch1 WITH 10 exch2", 15*time.Second, -1001, "dns1 does not answer")
	b.step("31|1/31.1", names, "failed", 1, "night.dtcl:10:5: dns1 does not answer")
	at(70).step("31|1/31.1", names, "begun", 2, "")
	b.change("31|1/31.1@2/31.1.1", "DNS REPLACE mydomain.com @ MX 10 exch1 WITH 10 exch2", 2*time.Second, ch("dns dns1", "MX mydomain.com", "10 exch1", "10 exch2", 0))
	b.wait("31|1/31.1@2/31.1.2", "WAIT ON DNS mydomain.com MX 10 exch2 TIMEOUT 5m", 40*time.Second)
	b.step("31|1/31.1", names, "done", 2, "")
	at(42).change("31|2/31.2@1/31.2.1", "EXCHFAILOVER -SETUP -FAILOVER -s EXCH1 -t EXCH2", 150*time.Second,
		ch("directory ad", `store "First Storage Group,Mailbox Store (EXCH2)" of EXCH2: may be overwritten by a restore`, "no", "yes", 1))
	b.step("31|2/31.2", mark, "done", 1, "")
	at(200).add(plan.Entry{Kind: plan.KindStep, Place: "32", Line: "night.dtcl:20", Text: "Lead mail to the target", State: "skipped"})
}

func theRest(b *book) report.Run {
	const group = `CLUSTER west GROUP "Exchange Group" ONLINE`
	h := 3*time.Hour + 23*time.Minute
	b.at(h).step("36", "Bring the target's group online", "begun", 1, "")
	b.add(plan.Entry{
		Kind: plan.KindRule, Place: "36@1/36.1", Line: "night.dtcl:31", Command: group, Rule: "one-owner", State: "overridden",
		Reason: "power cut off by hand, seen by ann", By: bob(), Text: "the cluster of east cannot be seen; wanted its group offline",
	})
	b.add(plan.Entry{Kind: plan.KindIntent, Place: "36@1/36.1", Line: "night.dtcl:32", Command: group, Changes: []plan.Change{ch("cluster west", `group "Exchange Group"`, "Offline", "Online", 0)}})
	child := open("20261122-053301", "/srv/lab/scripts/west1/online.dtcl")
	child.Header.Parent, child.Header.Place = b.ID, "36@1/36.1"
	child.Entries[0].Started = b.begun.Add(h + time.Second)
	child.at(h+2*time.Second).result("4", "CONNECT mailstores TO east MAP EXACT NOMIRROR", 3*time.Second, -1001, `agent "east" does not answer`)
	child.add(plan.Entry{Kind: plan.KindWrite, Place: "6", Text: "not mirroring mailstores to east"})
	done := child.end(plan.Failed, 1, "exit 1")
	b.result("36@1/36.1", group, 20*time.Second, 0, "")
	b.wait("36@1/36.2", `WAIT ON CLUSTER west GROUP "Exchange Group" ONLINE TIMEOUT 10m`, 95*time.Second)
	b.step("36", "Bring the target's group online", "done", 1, "")
	b.at(h+3*time.Minute).step("37.1.1", move, "begun", 1, "")
	boxes := ch("directory ad", `mailboxes on "Mailbox Store (EXCH1)": homeMDB`, "EXCH1", "EXCH2", 20000)
	b.add(plan.Entry{Kind: plan.KindIntent, Place: "37.1.1@1/37.1", Line: "night.dtcl:40", Command: "EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2", Changes: []plan.Change{boxes}})
	b.at(h + 12*time.Minute).add(plan.Entry{Kind: plan.KindResume, By: &plan.Actor{Who: "ann", Host: "ops1", PID: 5000}})
	b.at(h+13*time.Minute).change("37.1.1@1/37.1", "EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2", 4*time.Minute, boxes)
	b.step("37.1.1", move, "done", 1, "")
	b.step("37.1.1~2", move, "begun", 1, "").at(h+18*time.Minute).step("37.1.1~2", move, "done", 1, "")
	b.add(plan.Entry{Kind: plan.KindWrite, Place: "40", Text: "EXCH2 stands in for EXCH1."})
	return done
}

// theReturn is a run that failed and was undone the next day, not wholly.
func theReturn() report.Run {
	b := open("20261122-030000", "switch.dtcl")
	b.at(time.Second).step("1", "Move the address", "begun", 1, "")
	b.change("1@1/1.1", "DNS ADD mydomain.com a A 10.1.9.1", 300*time.Millisecond, ch("dns dns1", "A a.mydomain.com", "", "10.1.9.1", 0))
	b.change("1@1/1.2", "MIRROR START 1 FULL", 300*time.Millisecond, plan.Change{System: "agent west", What: "mirror", From: "24 entries differ", To: "as on east"})
	b.change("1@1/1.3", "DNS DELETE mydomain.com b A", 300*time.Millisecond, ch("dns dns1", "A b.mydomain.com", "10.1.9.2", "", 0))
	b.add(plan.Entry{
		Kind: plan.KindRule, Place: "1@1/1.4", Line: "switch.dtcl:8", Command: "DNS DELETE mydomain.com @ MX", Rule: "mail-answers", State: "refused",
		Code: -1002, Error: "refused by rule mail-answers: no site answers for mail; wanted at least one", Hint: `--override mail-answers --reason "…"`,
	})
	b.step("1", "Move the address", "failed", 1, "switch.dtcl:8:5: refused by rule mail-answers: no site answers for mail; wanted at least one")
	b.end(plan.Failed, 1, "switch.dtcl:8:5: refused by rule mail-answers: no site answers for mail; wanted at least one")
	b.at(26 * time.Hour).add(plan.Entry{Kind: plan.KindResume, By: bob(), Text: "undo"})
	b.add(plan.Entry{Kind: plan.KindUndo, State: "begun"})
	undo := func(of int, what, state, err string) {
		b.now += 200 * time.Millisecond
		b.add(plan.Entry{Kind: plan.KindUndo, Of: of, What: what, State: state, Error: err, Ended: b.time()})
	}
	undo(7, "dns dns1: A b.mydomain.com", "failed", "dns1 does not answer")
	undo(5, "agent west: mirror", "kept", "")
	undo(3, "dns dns1: A a.mydomain.com", "done", "")
	return b.end(plan.Failed, 0, "1 change could not be taken back")
}
