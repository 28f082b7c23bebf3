package builtins_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// inverse is a changing command where it has something to do, and what of that cannot be undone.
type inverse struct {
	usage  string // of its record, up to the first operand or a later one that tells it from others
	before string // what has happened on the site
	line   string
	// keeps are the beginnings of the changes that cannot be undone; blurs are what they leave behind, as show calls it.
	keeps, blurs []string
	// here says that the change ends with the process that made it: it is looked at there.
	here bool
	// prepare and meanwhile hold mirrors before and after what has happened.
	prepare, meanwhile func(w *world)
	// away is an agent that does not answer any more after what has happened.
	away string
	// asks says that a resumed run asks whether it was done.
	asks bool
	// unseen says that nothing of the change can be seen; old, that another command is the same and was cut off everywhere.
	unseen, old bool
}

const (
	online    = `CLUSTER east GROUP "Exchange Group" ONLINE; SOURCE east; WAIT ON MIRROR 1 IDLE TIMEOUT 1m; `
	connected = `CONNECT mailstores TO west MAP EXACT; `
	mirrored  = connected + `MIRROR START 1; WAIT ON MIRROR 1 IDLE TIMEOUT 1m; `
	spare     = `CLUSTER west GROUP spare CREATE; CLUSTER west RESOURCE x CREATE GROUP spare TYPE "Generic Service" (service=x); `
	setup     = `EXCHFAILOVER -SETUP -FAILOVER -s EXCH1 -t EXCH2; `
	over      = `EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2; `
)

// What a mirror has carried is not brought back, nor what its connection then tells of it.
var (
	carries = []string{`mirror of "mailstores"`}
	sent    = []string{"trees", "data", "applied", "mirror", "error", "state", "generation", "failed"}
)

func hold(w *world)    { w.gate.set(true) }
func release(w *world) { w.gate.set(false) }

func inverses() []inverse {
	return slices.Concat(mirrorInverses(), clusterInverses(), []inverse{
		{usage: "DNS ADD", line: `DNS ADD mydomain.com mail2 A 10.1.1.9 TTL 60;`},
		{usage: "DNS ADD", line: `DNS ADD mydomain.com exch1 A 10.1.1.9 TTL 60;`},
		{usage: "DNS DELETE", line: `DNS DELETE mydomain.com WebMail CNAME;`},
		{usage: "DNS REPLACE", line: `DNS REPLACE mydomain.com @ MX 10 exch1.mydomain.com WITH 20 exch2.mydomain.com;`},
		{usage: "DNS TTL", line: `DNS TTL mydomain.com exch1 A 60;`},
		{usage: "DNS MOVE HOST", line: `DNS MOVE HOST exch1.mydomain.com FROM 10.1.0.5 TO 10.1.1.9;`},
		{usage: "DNSCMD <server:dnsserver> /RecordAdd", line: `dnscmd dns1 /RecordAdd mydomain.com @ MX 20 exch2.mydomain.com`, old: true},
		{usage: "DNSCMD <server:dnsserver> /RecordDelete", line: `dnscmd dns1 /RecordDelete mydomain.com WebMail CNAME exch1.mydomain.com /f`, old: true},
		{usage: "EXCHFAILOVER (", line: setup},
		{usage: "EXCHFAILOVER (", line: over},
		{usage: "EXCHFAILOVER (", before: setup, line: `EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2 -onlypublicfolders;`},
		{usage: "EXCHFAILOVER (", before: over, line: `EXCHFAILOVER -FAILBACK -s EXCH1 -t EXCH2;`},
		{usage: "EXCHFAILOVER -o", line: `EXCHFAILOVER -o options.txt -FAILOVER;`, old: true},
		{usage: "EXCHANGE MOVE MAILBOX", line: `EXCHANGE MOVE MAILBOX user00001 TO EXCH2 "Mailbox Store (EXCH2)";`},
		{usage: "EXCHANGE BINDING ADD", line: `EXCHANGE BINDING ADD 10.1.0.5 TO EXCH2;`},
		{usage: "EXCHANGE BINDING REMOVE", line: `EXCHANGE BINDING REMOVE 10.1.0.5 FROM EXCH1;`},
		{usage: "EXEC", line: `EXEC true EFFECT CHANGES;`, keeps: []string{"program true"}, asks: true, unseen: true},
	})
}

func mirrorInverses() []inverse {
	return []inverse{
		{usage: "AGENT", line: `AGENT east SET CHECKSUM OFF;`},
		{usage: "AGENT", before: `AGENT east SET RECONNECT ON;`, line: `AGENT east SET RECONNECT OFF;`},
		{usage: "REPSET CREATE", line: `REPSET CREATE other;`},
		{usage: "REPSET DELETE", line: `REPSET DELETE mailstores;`},
		{usage: "REPSET SAVE", before: `REPSET RULE ADD E:\x TO mailstores;`, line: `REPSET SAVE mailstores;`},
		{usage: "REPSET RENAME", line: `REPSET RENAME mailstores TO mail;`},
		{usage: "REPSET RULE ADD", line: `REPSET RULE ADD E:\Exchsrvr\logs EXCLUDE TO mailstores;`},
		{usage: "REPSET RULE REMOVE", line: `REPSET RULE REMOVE E:\Exchsrvr FROM mailstores;`},
		{usage: "CONNECT", line: `CONNECT mailstores TO west MAP EXACT;`},
		{usage: "CONNECT", before: `REPSET CREATE other; REPSET RULE ADD E:\other TO other; REPSET SAVE other;`, line: `CONNECT other TO west MAP E:\other TO E:\theirs;`},
		{usage: "CONNECT", before: mirrored + `DISCONNECT 1;`, line: `CONNECT mailstores TO west MAP EXACT;`},
		{usage: "CONNECT", before: mirrored + `DISCONNECT 1;`, line: `CONNECT mailstores TO west MAP BASE E:\Base;`},
		{usage: "CONNECT", line: `CONNECT mailstores TO west MAP EXACT MIRROR;`, keeps: carries, blurs: slices.Concat(sent, []string{"inbound of west"})},
		{usage: "DISCONNECT", before: connected, line: `DISCONNECT 1;`},
		{usage: "DISCONNECT", before: mirrored, line: `DISCONNECT 1;`},
		{usage: "DISCONNECT", before: mirrored, line: `DISCONNECT 1;`, away: "west"},
		{usage: "DISCONNECT", before: mirrored + `TAKEOVER 1;`, line: `DISCONNECT 1;`},
		{usage: "MIRROR START", before: connected, line: `MIRROR START 1 DIFFERENT,CHECKSUM;`, keeps: carries, blurs: sent},
		{usage: "MIRROR STOP", before: connected + `MIRROR START 1; MIRROR PAUSE 1;`, line: `MIRROR STOP 1;`, here: true,
			prepare: hold, meanwhile: release},
		{usage: "MIRROR PAUSE", before: connected + `MIRROR START 1;`, line: `MIRROR PAUSE 1;`, here: true, prepare: hold},
		{usage: "MIRROR RESUME", before: connected + `MIRROR START 1; MIRROR PAUSE 1;`, line: `MIRROR RESUME 1;`, here: true, prepare: hold},
		{usage: "REPLICATION START", before: connected, line: `REPLICATION START 1;`, here: true,
			keeps: []string{`data of "mailstores"`}, blurs: sent},
		{usage: "REPLICATION STOP", before: mirrored + `REPLICATION START 1;`, line: `REPLICATION STOP 1;`, here: true},
		{usage: "RESTORE", before: mirrored + `TAKEOVER 1;`, line: `RESTORE mailstores FROM west TO east;`,
			keeps: []string{`mirror of "mailstores"`}, blurs: slices.Concat(sent, []string{"inbound of east", "markers of east"})},
		{usage: "ORPHANS START", before: mirrored, line: `ORPHANS START 1;`, keeps: []string{"orphans of"}, blurs: sent},
		{usage: "VERIFY", before: connected, line: `VERIFY 1 REPAIR;`, keeps: carries, blurs: sent},
		{usage: "TAKEOVER", before: mirrored, line: `TAKEOVER 1;`},
		{usage: "RELEASE", before: connected + `MIRROR START 1 DIFFERENT ORPHANS; WAIT ON MIRROR 1 IDLE TIMEOUT 1m; TAKEOVER 1;`, line: `RELEASE 1;`},
		{usage: "RELEASE", before: mirrored + `TAKEOVER 1;`, line: `RELEASE 1 DISCARD CHANGES;`},
	}
}

func clusterInverses() []inverse {
	// What comes online under a Source Connection is mirrored; that it then was cannot be undone.
	source := func(in inverse) inverse {
		in.keeps, in.blurs = append(in.keeps, carries...), append(in.blurs, sent...)
		in.blurs = append(in.blurs, "inbound of west")
		return in
	}
	cases := []inverse{
		source(inverse{usage: "CLUSTER <cluster> GROUP <group> ONLINE", line: `CLUSTER east GROUP "Exchange Group" ONLINE;`}),
		{usage: "CLUSTER <cluster> GROUP <group> ONLINE", line: `CLUSTER west GROUP "Exchange Group" ONLINE;`},
		{usage: "CLUSTER <cluster> GROUP <group> OFFLINE", before: online, line: `CLUSTER east GROUP "Exchange Group" OFFLINE;`},
		{usage: "CLUSTER <cluster> GROUP <group> OFFLINE", before: `CLUSTER west GROUP "Exchange Group" ONLINE;`, line: `CLUSTER west GROUP "Exchange Group" OFFLINE;`},
		{usage: "CLUSTER <cluster> GROUP <group> MOVE", before: online, line: `CLUSTER east GROUP "Exchange Group" MOVE TO east2;`, keeps: carries},
		{usage: "CLUSTER <cluster> GROUP <group> MOVE", line: `CLUSTER east GROUP "Exchange Group" MOVE;`, asks: true},
		{usage: "CLUSTER <cluster> GROUP <group> CREATE", line: `CLUSTER west GROUP spare CREATE;`},
		{usage: "CLUSTER <cluster> GROUP <group> DELETE", before: `CLUSTER west GROUP first CREATE; CLUSTER west GROUP second CREATE;`, line: `CLUSTER west GROUP first DELETE;`},
		{usage: "CLUSTER <cluster> GROUP <group> HOLD", line: `CLUSTER east GROUP "Exchange Group" HOLD;`},
		{usage: "CLUSTER <cluster> GROUP <group> RELEASE", before: `CLUSTER east GROUP "Exchange Group" HOLD;`, line: `CLUSTER east GROUP "Exchange Group" RELEASE;`},
		{usage: "CLUSTER <cluster> RESOURCE <resource> ONLINE", line: `CLUSTER west RESOURCE "Exchange System Attendant" ONLINE;`},
		// A degraded one is tried again, here to be refused again: its target holds the newer data.
		{usage: "CLUSTER <cluster> RESOURCE <resource> ONLINE", before: `CLUSTER west RESOURCE "Source Connection" ONLINE;`, line: `CLUSTER west RESOURCE "Source Connection" ONLINE;`, unseen: true},
		source(inverse{usage: "CLUSTER <cluster> RESOURCE <resource> ONLINE", line: `CLUSTER east RESOURCE "Source Connection" ONLINE;`,
			before: `CLUSTER east RESOURCE "Disk E:" ONLINE; REPSET RULE ADD E:\x TO mailstores; CLUSTER east RESOURCE "Source Connection" ONLINE; REPSET SAVE mailstores;`}),
		{usage: "CLUSTER <cluster> RESOURCE <resource> OFFLINE", before: online, line: `CLUSTER east RESOURCE "Source Connection" OFFLINE;`},
		{usage: "CLUSTER <cluster> RESOURCE <resource> DELETE", line: `CLUSTER west RESOURCE "Source Connection" DELETE;`},
		{usage: "CLUSTER <cluster> RESOURCE <resource> FAIL", before: online, line: `CLUSTER east RESOURCE "Exchange IP Address" FAIL;`},
		{usage: "CLUSTER <cluster> RESOURCE <resource> CREATE", line: `CLUSTER west RESOURCE "Source IP Address" CREATE GROUP "Exchange Group" TYPE "IP Address" (address=10.1.0.5);`},
		{usage: "CLUSTER <cluster> RESOURCE <resource> ADD", line: `CLUSTER west RESOURCE "Source Connection" ADD DEPENDENCY "Exchange IP Address";`},
		{usage: "CLUSTER <cluster> RESOURCE <resource> REMOVE", line: `CLUSTER west RESOURCE "Exchange System Attendant" REMOVE DEPENDENCY "Disk E:";`},
		{usage: "CLUSTER <cluster> NODE <node> STANDBY", before: spare + online, line: `CLUSTER east NODE east1 STANDBY;`, keeps: carries},
		{usage: "CLUSTER <cluster> NODE <node> STANDBY", before: `CLUSTER west NODE west2 STANDBY; CLUSTER west RESOURCE "Disk E:" ONLINE;`, line: `CLUSTER west NODE west1 STANDBY;`},
		{usage: "CLUSTER <cluster> NODE <node> ACTIVE", before: `CLUSTER west NODE west2 STANDBY;`, line: `CLUSTER west NODE west2 ACTIVE;`},
		{usage: "CLUSTER <cluster> NODE <node> ACTIVE", before: `CLUSTER west NODE west2 FENCE;`, line: `CLUSTER west NODE west2 ACTIVE;`,
			keeps: []string{`node "west2"`}, blurs: []string{"cluster west", "notes west"}},
		{usage: "CLUSTER <cluster> NODE <node> FENCE", line: `CLUSTER west NODE west2 FENCE;`, keeps: []string{`node "west2"`}, blurs: []string{"cluster west", "notes west"}},
	}
	for _, old := range []struct{ usage, before, line string }{
		{"CLUSTER /cluster:<cluster> GROUP <group> /ONLINE", "", `cluster /cluster:west group "Exchange Group" /ONLINE`},
		{"CLUSTER /cluster:<cluster> GROUP <group> /OFFLINE", `CLUSTER west GROUP "Exchange Group" ONLINE;`, `cluster /cluster:west group "Exchange Group" /OFFLINE`},
		{"CLUSTER /cluster:<cluster> GROUP <group> (/MOVE", "", `cluster /cluster:west group "Exchange Group" /MOVE:west2`},
		{"CLUSTER /cluster:<cluster> (RES | RESOURCE) <resource> /ONLINE", "", `cluster /cluster:west res "Exchange IP Address" /online`},
		{"CLUSTER /cluster:<cluster> (RES | RESOURCE) <resource> /OFFLINE", `CLUSTER west RESOURCE "Exchange IP Address" ONLINE;`, `cluster /cluster:west res "Exchange IP Address" /offline`},
		{"CLUSTER /cluster:<cluster> (RES | RESOURCE) <resource> /FAIL", "", `cluster /cluster:west res "Disk E:" /FAIL`},
	} {
		cases = append(cases, inverse{usage: old.usage, before: old.before, line: old.line, old: true})
	}
	return cases
}

// Every command that changes something has its case here.
func TestEveryChangeHasItsInverse(t *testing.T) {
	cases := inverses()
	all := builtins.All(builtins.Systems{})
	for i := range all {
		c := &all[i]
		if c.Effect != sig.Changes && c.Effect != sig.Final {
			continue
		}
		tried := slices.ContainsFunc(cases, func(in inverse) bool { return strings.HasPrefix(c.Usage, in.usage) })
		if !tried {
			t.Errorf("no case undoes %s", c.Usage)
		}
		if (c.Undo == nil) != (c.Effect == sig.Final) {
			t.Errorf("%s: has the effect %q and an undo: %v", c.Usage, c.Effect, c.Undo != nil)
		}
	}
}

// errCut is what cuts a run off.
var errCut = errors.New("cut off")

// cutAfter lets so many writes pass and no more, as a process that dies there.
func cutAfter(writes int) func(context.Context) error {
	var asked atomic.Int64
	return func(context.Context) error {
		if asked.Add(1) > int64(writes) {
			return errCut
		}
		return nil
	}
}

// wasCut says whether a run or undo ended because it was cut off.
func wasCut(t *testing.T, err error) bool {
	t.Helper()
	var lost *plan.LostError
	if err != nil && !errors.As(err, &lost) {
		t.Fatal(err)
	}
	return err != nil
}

// Each change is taken back exactly: after the whole run, after one that was cut off before any of its writes, after one
// that was cut off and resumed, twice, and after an undo that was cut off. A resumed run ends as one that was not cut off.
func TestUndoRestores(t *testing.T) {
	site := newSite(t)
	for i, in := range inverses() {
		t.Run(fmt.Sprintf("%d %s", i, in.line), func(t *testing.T) {
			t.Parallel()
			if in.here {
				in.tryHere(t, site)
			} else {
				in.try(t, site)
			}
		})
	}
}

// trial is one way through a case.
type trial struct {
	*testing.T
	inverse
	start map[string]any // as the site was before
	whole map[string]any // and after an undisturbed run
	twice int            // how often something was undone: every third time it is undone again
}

func (in inverse) try(t *testing.T, site string) {
	site = copied(t, site)
	visit(t, site, func(w *world) {
		if in.before != "" {
			must(t, w.run(in.before, &notebook{}, nil))
		}
		if in.away != "" {
			must(t, w.agents.Fail(in.away))
		}
	})
	tr := &trial{T: t, inverse: in}
	visit(t, site, func(w *world) { tr.start = w.show() })
	done, note := copied(t, site), &notebook{}
	visit(t, done, func(w *world) { must(t, w.run(in.line, note, nil)) })
	visit(t, done, func(w *world) { tr.whole = w.show() })
	tr.changed(note)
	if in.old {
		tr.undone(copied(t, done), note, "undone")
		return
	}
	for writes := 0; ; writes = next(writes) {
		half, cut := copied(t, done), false
		visit(t, half, func(w *world) {
			_, err := w.undo(note, cutAfter(writes))
			cut = wasCut(t, err)
		})
		tr.undone(half, note, "undone in two goes, cut off after %d writes", writes)
		if !cut {
			break
		}
	}
	for writes := 0; ; writes = next(writes) {
		half, note, cut := copied(t, site), &notebook{}, false
		visit(t, half, func(w *world) { cut = wasCut(t, w.run(in.line, note, cutAfter(writes))) })
		if !cut {
			break
		}
		tr.resumed(copied(t, half), note.copy(), writes)
		tr.undone(half, note, "cut off after %d writes and undone", writes)
	}
}

// next is the write before which a run is cut off after it was before this one. Of a long run's later ones every third is
// tried: the systems' own tests try each.
func next(write int) int {
	if write < 8 {
		return write + 1
	}
	return write + 3
}

// visit opens a site for as long as f takes.
func visit(t *testing.T, site string, f func(w *world)) {
	t.Helper()
	w := enter(t, site)
	defer w.leave()
	f(w)
}

// changed holds the changes of a run to what is said of them.
func (tr *trial) changed(note *notebook) {
	tr.Helper()
	kinds := map[string]bool{}
	for _, c := range builtins.All(builtins.Systems{}) {
		if strings.HasPrefix(c.Usage, tr.usage) {
			kinds[c.System] = true
			for _, kind := range c.Reaches {
				kinds[kind] = true
			}
		}
	}
	if reflect.DeepEqual(tr.start, tr.whole) != tr.unseen && !tr.here {
		tr.Errorf("%s: whether anything of it can be seen: %v", tr.line, tr.unseen)
	}
	var kept []string
	entries := note.entries
	for _, ch := range note.children {
		entries = append(entries, ch.entries...)
	}
	for _, e := range entries {
		for _, c := range e.Changes {
			if kind, _, _ := strings.Cut(c.System, " "); !kinds[kind] && len(note.children) == 0 {
				tr.Errorf("%s changes %q, which is not of the kinds %v that the record names", tr.line, c.System, kinds)
			}
			if c.Inverse == nil {
				kept = append(kept, c.What)
			}
		}
	}
	for _, want := range tr.keeps {
		if !slices.ContainsFunc(kept, func(what string) bool { return strings.HasPrefix(what, want) }) {
			tr.Errorf("%s: %s has an inverse", tr.line, want)
		}
	}
	for _, what := range kept {
		if !slices.ContainsFunc(tr.keeps, func(want string) bool { return strings.HasPrefix(what, want) }) {
			tr.Errorf("%s: %s has no inverse", tr.line, what)
		}
	}
}

// undone takes a run back, twice, and compares with the start.
func (tr *trial) undone(site string, note *notebook, how string, args ...any) {
	tr.Helper()
	visit(tr.T, site, func(w *world) { tr.takeBack(w, note, how, args...) })
	visit(tr.T, site, func(w *world) {
		tr.same(w, tr.start, tr.blurs, how, args...)
		if tr.twice++; tr.twice%3 == 1 {
			tr.takeBack(w, note, how+" twice", args...)
			tr.same(w, tr.start, tr.blurs, how+" twice", args...)
		}
	})
}

func (tr *trial) takeBack(w *world, note *notebook, how string, args ...any) {
	tr.Helper()
	got, err := w.undo(note, nil)
	must(tr.T, err)
	for _, f := range got.Failed {
		tr.Errorf("%s: %s: %s was not taken back: %v", tr.line, fmt.Sprintf(how, args...), f.What, f.Err)
	}
}

// resumed goes on with a run that was cut off: it must end as one that was not, and be undone as one.
func (tr *trial) resumed(site string, note *notebook, writes int) {
	tr.Helper()
	if tr.asks {
		visit(tr.T, site, func(w *world) {
			var waiting *plan.WaitingError
			if err := w.run(tr.line, note, nil); !errors.As(err, &waiting) {
				tr.Errorf("%s: cut off after %d writes and resumed: got %v, want a question", tr.line, writes, err)
			}
		})
		return
	}
	visit(tr.T, site, func(w *world) { must(tr.T, w.run(tr.line, note, nil)) })
	visit(tr.T, site, func(w *world) { tr.same(w, tr.whole, nil, "cut off after %d writes and resumed", writes) })
	if writes%4 == 1 { // what is undone is what the first process recorded, wherever it ended
		tr.undone(site, note, "cut off after %d writes, resumed and undone", writes)
	}
}

// same fails the test unless the site is as wanted.
func (tr *trial) same(w *world, want map[string]any, blurs []string, how string, args ...any) {
	tr.Helper()
	got := w.show(blurs...)
	if want = prune(clone(want), blurs).(map[string]any); !reflect.DeepEqual(got, want) {
		tr.Errorf("%s: %s:%s", tr.line, fmt.Sprintf(how, args...), differing("", got, want))
	}
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := map[string]any{}
		for key, member := range v {
			c[key] = clone(member)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = clone(v[i])
		}
		return c
	}
	return v
}

// differing names the first places where two states differ.
func differing(at string, got, want any) string {
	g, isMap := got.(map[string]any)
	w, both := want.(map[string]any)
	if !isMap || !both {
		if reflect.DeepEqual(got, want) {
			return ""
		}
		return fmt.Sprintf("\n%s: got %v, want %v", at, got, want)
	}
	var all string
	for key := range w {
		all += differing(at+"/"+key, g[key], w[key])
	}
	for key := range g {
		if _, known := w[key]; !known {
			all += fmt.Sprintf("\n%s/%s: got %v, want none", at, key, g[key])
		}
	}
	return all
}

// tryHere tries a change that ends with its process.
func (in inverse) tryHere(t *testing.T, site string) {
	begin := func() (*world, *trial) {
		w := enter(t, copied(t, site))
		if in.prepare != nil {
			in.prepare(w)
		}
		must(t, w.run(in.before, &notebook{}, nil))
		if in.meanwhile != nil {
			in.meanwhile(w)
		}
		return w, &trial{T: t, inverse: in, start: w.show(in.blurs...)}
	}
	for writes := 0; ; writes++ {
		w, tr := begin()
		note := &notebook{}
		cut := wasCut(t, w.run(in.line, note, cutAfter(writes)))
		w.gate.set(in.prepare != nil)
		if !cut {
			tr.changed(note)
			_, err := w.undo(note, cutAfter(1))
			wasCut(t, err)
		}
		for range 2 {
			tr.takeBack(w, note, "cut off after %d writes and undone", writes)
			tr.same(w, tr.start, in.blurs, "cut off after %d writes and undone", writes)
		}
		w.leave()
		if !cut {
			return
		}
	}
}

// What somebody else has changed since stays as it is; the undo says what it found, and goes on with all else.
func TestUndoLeavesTheChangesOfOthers(t *testing.T) {
	site := newSite(t)
	for _, x := range []struct{ line, others, want string }{
		{`REPSET CREATE other;`, `REPSET RULE ADD E:\x TO other;`, `replication set "other" of agent "east": got E:\x INCLUDE,RECURSE (not saved), want no rules (not saved)`},
		{`REPSET DELETE mailstores;`, `REPSET CREATE mailstores;`, `replication set "mailstores" of agent "east": got no rules (not saved), want none`},
		{mirrored + `TAKEOVER 1;`, `RELEASE 1 DISCARD CHANGES;`, `the owner of "mailstores" on agent "west": got target, generation 3, want taken over from east, generation 2`},
		{connected + `DISCONNECT 1;`, `CONNECT mailstores TO west MAP EXACT;`, `connection 1 of agent "east": got connection 2 "mailstores" east → west, want none`},
		{mirrored + `REPLICATION START 1; REPLICATION STOP 1;`, `DISCONNECT 1;`, `the replication of connection 1 of agent "east": east has no connection 1`},
		{connected + `DISCONNECT 1;`, `REPSET CREATE other; REPSET RULE ADD E:\Exchsrvr\logs TO other; REPSET SAVE other; CONNECT other TO west MAP EXACT;`,
			`connection 1 of agent "east": "E:\Exchsrvr\logs" on west is the target of connection 2`},
		{`DNS TTL mydomain.com exch1 A 60;`, `DNS REPLACE mydomain.com exch1 A 10.1.0.5 WITH 10.9.9.9;`, `A exch1.mydomain.com: got 10.9.9.9 (ttl 60), want 10.1.0.5 (ttl 60)`},
		{`EXCHANGE MOVE MAILBOX user00001 TO EXCH2 "Mailbox Store (EXCH2)";`, `EXCHANGE MOVE MAILBOX user00001 TO EXCH2 "Sales Store (EXCH2)";`, `homeMDB: got ["CN=Sales Store (EXCH2)`},
		{over, `EXCHFAILOVER -FAILBACK -s EXCH1 -t EXCH2;`, `the record "failover-exch1-to-exch2": it is closed`},
		{`CLUSTER west RESOURCE "Disk E:" ONLINE;`, `CLUSTER west RESOURCE "Exchange System Attendant" ONLINE;`, `resource "Disk E:" of cluster "west": that would also change resource "Exchange System Attendant": Online → Offline`},
		{`CLUSTER west GROUP spare CREATE;`, `CLUSTER west GROUP spare MOVE TO west2;`, `group "spare" of cluster "west": got empty, on west2, want empty, on west1`},
	} {
		t.Run(x.line, func(t *testing.T) {
			t.Parallel()
			dir, note := copied(t, site), &notebook{}
			visit(t, dir, func(w *world) {
				must(t, w.run(`AGENT west SET CHECKSUM OFF; `+x.line, note, nil))
				must(t, w.run(x.others, &notebook{}, nil))
				got, err := w.undo(note, nil)
				must(t, err)
				if !slices.ContainsFunc(got.Failed, func(f plan.FailedUndo) bool {
					return value.HasCode(f.Err, value.CodeRefused) && strings.Contains(f.Err.Error(), x.want) && len(plan.AsFailure(f.Err).Hints) > 0
				}) {
					t.Errorf("want a refusal that says %s", x.want)
					for _, f := range got.Failed {
						t.Errorf("got %v", f.Err)
					}
				}
				if about, err := w.agents.Agent(t.Context(), "west"); err != nil || !about.Settings.Checksum {
					t.Errorf("the change before it was not taken back: %+v, %v", about.Settings, err)
				}
			})
		})
	}
}

// A mirror that its process left behind goes on with the run that is resumed, under its number, and held if it was.
func TestMirrorsAreTakenUp(t *testing.T) {
	site := newSite(t)
	var left string
	visit(t, site, func(w *world) {
		w.gate.set(true)
		must(t, w.run(connected+`MIRROR START 1; REPSET CREATE other; REPSET RULE ADD E:\other TO other; REPSET SAVE other; `+
			`CONNECT other TO west MAP E:\other TO E:\o; MIRROR START 2; MIRROR PAUSE 2;`, &notebook{}, nil))
		left = copied(t, site) // as a process leaves it that is killed
	})
	must(t, os.MkdirAll(filepath.Join(left, "east", "E", "other"), 0o755))
	visit(t, left, func(w *world) {
		began, err := w.agents.Connections(t.Context(), "east")
		must(t, err)
		w.agents.TakeUp(t.Context(), began[0].Last.Started)
		must(t, w.run(`WAIT ON MIRROR 1 IDLE TIMEOUT 1m;`, &notebook{}, nil))
		now, err := w.agents.Connections(t.Context(), "east")
		must(t, err)
		if now[0].Last.Number != 1 || now[0].Last.Error != "" || now[0].Data != "Good" || now[1].Last.State != "Paused" {
			t.Errorf("taken up, the mirrors are %+v and %+v", now[0], now[1])
		}
	})
}
