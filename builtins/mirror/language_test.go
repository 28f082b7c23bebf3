package mirror_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent"
	"github.com/standin-project/standin/builtins/mirror/mirrortest"
	"github.com/standin-project/standin/builtins/mirror/overlay"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/vm"
)

// site is the agents as the commands find them.
type site struct{ mirror.System }

func (s site) Mirror() (mirror.System, error)    { return s.System, nil }
func (s site) Defaults() (source, target string) { return "east", "west" }
func (s site) planned() mirror.Systems           { return site{overlay.New(s.System)} }
func folderOf(dir, agent string, path ...string) string {
	return filepath.Join(append([]string{dir, agent, "E", "Exchsrvr"}, path...)...)
}

// fresh makes two embedded agents, the source with some mail.
func fresh(t *testing.T) (site, string) {
	t.Helper()
	dir := t.TempDir()
	var configs []agent.Config
	for _, name := range []string{"east", "west"} {
		cfg := agent.Config{Name: name, Addresses: []string{map[string]string{"east": "10.1.0.5", "west": "10.1.1.9"}[name]}, Folder: filepath.Join(dir, name), Volumes: map[string]string{"E:": "E", "F:": "F"}}
		set := mirror.Set{Name: "mailstores", Saved: true, Rules: []mirror.Rule{{Path: `E:\Exchsrvr`, Recurse: true}}}
		if err := agent.Init(cfg, set); err != nil {
			t.Fatal(err)
		}
		configs = append(configs, cfg)
	}
	s, err := agent.Open(t.Context(), configs, agent.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	for _, name := range []string{"priv1.edb", "priv1.stm", "logs/E00.log"} {
		path := folderOf(dir, "east", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("the mail of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return site{s}, dir
}

func commands(t *testing.T, s mirror.Systems) (*sig.Set, plan.Lookup) {
	t.Helper()
	all := mirror.Commands(s)
	var sigs []*sig.Signature
	records := map[string]*def.Command{}
	for i := range all {
		sigs = append(sigs, &all[i].Signature)
		records[all[i].Usage] = &all[i]
	}
	set, err := sig.NewSet(sigs)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Validate(); err != nil {
		t.Fatal(err)
	}
	return set, func(s *sig.Signature) (*plan.Record, error) {
		c := records[s.Usage]
		return &plan.Record{Read: c.Read, Observe: c.Observe, Undo: c.Undo}, nil
	}
}

// load reads a script and refuses one with a mistake.
func load(t *testing.T, script string, planning bool) *vm.Program {
	t.Helper()
	set, _ := commands(t, nil)
	file, ds := syntax.Parse(&diag.Source{Name: "example.dtcl", Text: script + "\n"}, syntax.Options{OldLine: set.OldLine})
	p, more := check.Check(file, set, check.Options{Names: map[string][]string{"agent": {"east", "west"}}})
	for _, d := range append(ds, more...) {
		t.Fatalf("%s: %v", script, d)
	}
	unit, ds := lower.Lower(p, lower.Options{Plan: planning})
	if len(ds) > 0 {
		t.Fatal(ds[0])
	}
	return vm.Load(unit)
}

// intents is a journal that keeps the changes, and by which record.
type intents struct {
	mu  sync.Mutex // branches of a PARALLEL write at the same time
	all []plan.Change
}

func (j *intents) Append(e *plan.Entry, _ bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Kind == plan.KindIntent {
		j.all = append(j.all, e.Changes...)
	}
	return nil
}

// run runs a script and gives what it wrote and changed.
func run(t *testing.T, s site, script string) (out string, changes []plan.Change, err error) {
	t.Helper()
	var journal intents
	var written strings.Builder
	_, lookup := commands(t, s)
	w := plan.New(plan.Config{Lookup: lookup, Journal: &journal, Out: &written})
	err = load(t, script, false).Run(w.Start(t.Context()), w, nil)
	return written.String(), journal.all, err
}

func predict(t *testing.T, s site, script string) *plan.Plan {
	t.Helper()
	lookup := func() plan.Lookup { _, l := commands(t, s.planned()); return l }
	p, err := plan.Predict(t.Context(), plan.Config{Out: &strings.Builder{}}, lookup, load(t, script, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every record's example runs on a fresh site, and its plan says what it then does.
func TestExamples(t *testing.T) {
	for _, c := range mirror.Commands(nil) {
		t.Run(c.Usage, func(t *testing.T) {
			s, _ := fresh(t)
			planned := predict(t, s, c.Example)
			if planned.Failure != nil || len(planned.Missing) > 0 {
				t.Fatalf("the plan: %v, missing %v", planned.Failure, planned.Missing)
			}
			_, changes, err := run(t, s, c.Example)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(c.Usage, "MIRROR STOP") || strings.Contains(c.Usage, "MIRROR PAUSE") || strings.Contains(c.Usage, "MIRROR RESUME") {
				return // a mirror that a plan has completed may still be running
			}
			if got, want := told(changes), told(planned.Changes); got != want {
				t.Errorf("the run changed\n%s\nthe plan said\n%s", got, want)
			}
		})
	}
}

// told is what a plan says of changes: what from what to what, and whether it can be undone. An inverse also holds times.
func told(changes []plan.Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintln(&b, c, c.Inverse != nil)
	}
	return b.String()
}

// A record explains each of its slots and nothing else.
func TestDocs(t *testing.T) {
	for _, c := range mirror.Commands(nil) {
		slots := map[string]bool{}
		for _, m := range regexp.MustCompile("<([^>:]+)(:[^>]+)?>").FindAllStringSubmatch(c.Usage, -1) {
			slots[m[1]] = true
			if c.Docs[m[1]] == "" {
				t.Errorf("%s: does not explain %s", c.Usage, m[1])
			}
		}
		for slot := range c.Docs {
			if !slots[slot] {
				t.Errorf("%s: explains %q", c.Usage, slot)
			}
		}
		if c.Summary == "" || c.Example == "" || c.Effect == sig.Reads && c.Result == "" {
			t.Errorf("%s: lacks a summary, an example or a result", c.Usage)
		}
	}
}

const failover = `
	$c = CONNECT mailstores TO west MAP EXACT;
	MIRROR START $c DIFFERENT,CHECKSUM ORPHANS;
	WAIT ON MIRROR $c IDLE TIMEOUT 1m;
	WAIT ON QUEUE $c EMPTY TIMEOUT 1m;
	TAKEOVER $c;
`

const failback = `
	SOURCE west; TARGET east;
	$data = (STATUS TARGET west).connections[0];
	$back = RESTORE mailstores FROM west TO east CHECKSUM;
	WAIT ON RESTORE $back COMPLETE TIMEOUT 1m;
	ORPHANS START $back MOVE TO "E:\Never left";
	MIRROR START $back DIFFERENT,CHECKSUM ORPHANS;
	WAIT ON MIRROR $back COMPLETE TIMEOUT 1m;
	WAIT ON QUEUE $back EMPTY TIMEOUT 1m;
	RELEASE $data.id;
	DISCONNECT $back;
	SOURCE east; TARGET west;
	MIRROR START 1 DIFFERENT,CHECKSUM ORPHANS;
	WAIT ON MIRROR 1 IDLE TIMEOUT 1m;
	WRITE (STATUS CON 1).data, " ", (STATUS CON 1).state, " ", (STATUS CON 1).generation;
`

// The whole story: over, back, and protected again, with nothing lost on either side and every plan true.
func TestFailoverAndBack(t *testing.T) {
	s, dir := fresh(t)
	follow := func(script string) string {
		t.Helper()
		planned := predict(t, s, script)
		out, changes, err := run(t, s, script)
		if err != nil || planned.Failure != nil {
			t.Fatalf("%v; the plan: %v", err, planned.Failure)
		}
		if got, want := told(changes), told(planned.Changes); got != want {
			t.Errorf("the run changed\n%s\nthe plan said\n%s", got, want)
		}
		return out
	}
	follow(failover)
	write(t, folderOf(dir, "east", "never left"), "received and not sent on")
	write(t, folderOf(dir, "west", "priv1.edb"), "what users wrote after the failover")
	write(t, folderOf(dir, "west", "new"), "and this")
	if out := follow(failback); out != "Good Online 3\n" {
		t.Errorf("got %q", out)
	}
	diffs, err := mirrortest.Same(folderOf(dir, "east"), folderOf(dir, "west"))
	if err != nil || len(diffs) > 0 {
		t.Errorf("%v, %v", diffs, err)
	}
	if b, _ := os.ReadFile(folderOf(dir, "east", "priv1.edb")); string(b) != "what users wrote after the failover" {
		t.Errorf("got %q", b)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "east/E/Never left/Exchsrvr/never left")); string(b) != "received and not sent on" {
		t.Errorf("what never left: %q", b)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What a mirror must not do, it says before it does anything.
func TestRefusals(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"the old source after a takeover", failover + "MIRROR START $c;", "Restore required: .* west is taken over from east, generation 2"},
		{"giving back what the source has not", failover + "RELEASE 1;", ""},
		{"a set that is not saved", `REPSET CREATE x; REPSET RULE ADD E:\x TO x; CONNECT x TO west MAP EXACT;`, `replication set "x" is not saved`},
		{"a set whose name is spelled otherwise", "CONNECT MailStores TO west MAP EXACT;", `no replication set "MailStores"`},
		{"a path that leads out", `REPSET RULE ADD E:\a\..\b TO mailstores;`, `".." may not be a part of it`},
		{"a path that no pair covers", `CONNECT mailstores TO west MAP F:\x TO F:\y;`, `no MAP pair says where "E:\\Exchsrvr" goes`},
		{"a wait that does not come", "$c = CONNECT mailstores TO west MAP EXACT; WAIT ON QUEUE $c EMPTY TIMEOUT 50ms;", "last seen: 7 entries to send, the first: E:.Exchsrvr"},
		{"an old source's replication", failover + "REPLICATION START $c;", "Restore required"},
		{"a wait for a mirror that is held", "$c = CONNECT mailstores TO west MAP EXACT; $n = MIRROR START $c; " +
			"MIRROR PAUSE $c; WAIT ON MIRROR $c IDLE TIMEOUT 50ms;", "last seen: mirror 1 is Paused|no mirror of connection 1 is running"},
		{"a path that another connection has", "CONNECT mailstores TO west MAP EXACT; REPSET CREATE x; " +
			`REPSET RULE ADD E:\Exchsrvr\logs TO x; REPSET SAVE x; CONNECT x TO west MAP EXACT;`, "is the target of connection 1 of east"},
		{"a connection that never was", "DISCONNECT 5;", `agent "east" has no connection 5`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := fresh(t)
			planned := predict(t, s, test.script)
			_, _, err := run(t, s, test.script)
			// A plan assumes that a wait comes, and that what it starts has ended by then.
			if foretold := planned.Failure != nil; foretold != (err != nil) && !strings.Contains(test.name, "wait") {
				t.Errorf("the plan: %v, the run: %v", planned.Failure, err)
			}
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !regexp.MustCompile(test.want).MatchString(message(err)) {
				t.Fatalf("got %v, want %s", err, test.want)
			}
		})
	}
}

func message(err error) string {
	if d, ok := err.(*diag.Diagnostic); ok {
		return d.Message
	}
	return err.Error()
}

// RELEASE keeps data that only the target has, unless it is told to lose them.
func TestReleaseAsksForTheQueue(t *testing.T) {
	s, dir := fresh(t)
	if _, _, err := run(t, s, failover); err != nil {
		t.Fatal(err)
	}
	write(t, folderOf(dir, "west", "priv1.edb"), "only here")
	if _, _, err := run(t, s, "RELEASE 1;"); err == nil || !strings.Contains(message(err), "that east has not") {
		t.Fatalf("got %v", err)
	}
	if _, _, err := run(t, s, "RELEASE 1 DISCARD CHANGES; MIRROR START 1; WAIT ON MIRROR 1 IDLE TIMEOUT 1m;"); err != nil {
		t.Fatal(err)
	}
}

// Undo brings every change back by what it recorded, the last one first.
func TestUndo(t *testing.T) {
	for _, script := range []string{
		"CONNECT mailstores TO west MAP EXACT;",
		"$c = CONNECT mailstores TO west MAP EXACT; DISCONNECT $c;",
		`REPSET CREATE x; REPSET RULE ADD E:\x EXCLUDE,NORECURSE TO x; REPSET SAVE x; REPSET RENAME x TO y; REPSET DELETE mailstores;`,
		"$c = CONNECT mailstores TO west MAP EXACT; TAKEOVER $c; RELEASE $c;",
		"AGENT west SET CHECKSUM OFF; AGENT west SET RECONNECT ON; AGENT west SET RECONNECT ON;",
	} {
		s, _ := fresh(t)
		before := look(t, s)
		var undo []func() error
		_, lookup := commands(t, s)
		journal := journalFunc(func(e *plan.Entry) {
			for _, c := range e.Changes {
				undo = append(undo, func() error { return undoWith(t, lookup, c) })
			}
		})
		w := plan.New(plan.Config{Lookup: lookup, Journal: journal, Out: &strings.Builder{}})
		if err := load(t, script, false).Run(w.Start(t.Context()), w, nil); err != nil {
			t.Fatal(err)
		}
		for _, u := range slices.Backward(undo) {
			if err := u(); err != nil {
				t.Errorf("%s: %v", script, err)
			}
		}
		if after := look(t, s); after != before {
			t.Errorf("%s: got\n%s\nwant\n%s", script, after, before)
		}
	}
}

type journalFunc func(*plan.Entry)

func (f journalFunc) Append(e *plan.Entry, _ bool) error {
	if e.Kind == plan.KindIntent {
		f(e)
	}
	return nil
}

// undoWith finds the record that a change is undone by: the one whose kind of object it names.
func undoWith(t *testing.T, lookup plan.Lookup, c plan.Change) error {
	t.Helper()
	kind, _, _ := strings.Cut(c.What, " ")
	usage := map[string]string{"connection": "CONNECT", "replication": "REPSET CREATE", "owner": "TAKEOVER", "setting": "AGENT <agent> SET"}[kind]
	if kind == "connection" && c.To == "" {
		usage = "DISCONNECT"
	}
	for _, cmd := range mirror.Commands(nil) {
		if !strings.HasPrefix(cmd.Usage, usage) {
			continue
		}
		r, err := lookup(&cmd.Signature)
		if err != nil {
			return err
		}
		return r.Undo(t.Context(), c.Inverse)
	}
	t.Fatalf("nothing undoes %+v", c)
	return nil
}

// look describes sets and connections of both agents.
func look(t *testing.T, s site) string {
	t.Helper()
	var all []any
	for _, name := range s.Agents() {
		sets, err := s.Sets(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		connections, err := s.Connections(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		ids := []int64{}
		for _, c := range connections {
			ids = append(ids, c.ID)
		}
		about, err := s.Agent(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sets, ids, about.Settings)
	}
	b, _ := json.Marshal(all)
	return string(b)
}
