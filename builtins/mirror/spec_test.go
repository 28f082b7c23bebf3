package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// What scripts see, line by line.
func TestTranscripts(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"ids count from 1 per agent, and a number is used once", `
			$a = CONNECT mailstores TO west MAP EXACT;
			$b = CONNECT mailstores TO 10.1.1.9 MAP EXACT NOMIRROR;
			DISCONNECT 1;
			$c = CONNECT mailstores TO west MAP EXACT;
			SOURCE west;
			REPSET CREATE own; REPSET RULE ADD E:\own TO own; REPSET SAVE own;
			$d = CONNECT own TO east MAP BASE E:\copy;
			WRITE $a, " ", $b, " ", $c, " ", $d;`, "1 1 2 1"},
		{"a connection does nothing until it is told to", `
			$c = CONNECT mailstores TO west MAP EXACT; $s = STATUS CON $c;
			WRITE $s.mirror, ",", $s.number, ",", $s.replication, ",", $s.state, ",", $s.data;`, "Idle,0,Stopped,Online,Bad"},
		{"MIRROR makes a new connection mirror at once", `
			$c = CONNECT mailstores TO west MAP EXACT MIRROR; WAIT ON MIRROR $c COMPLETE TIMEOUT 1m; $s = STATUS CON $c;
			WRITE $s.mirror, ",", $s.number, ",", $s.files, ",", $s.data;`, "Idle,1,3,Good"},
		{"several pairs map several roots, the longest of each first", `
			REPSET RULE ADD F:\logs TO mailstores; REPSET SAVE mailstores;
			$c = CONNECT mailstores TO west MAP E:\ TO E:\all, E:\Exchsrvr TO E:\mail, F:\logs TO E:\logs;
			MIRROR START $c; WAIT ON MIRROR $c IDLE TIMEOUT 1m;
			WRITE (VERIFY $c CHECKSUM).equal;`, "true"},
		{"DIFFERENT compares blocks while the source is set to", `
			WRITE (AGENT east STATUS).checksum_on_difference;
			AGENT east SET CHECKSUM OFF;
			WRITE (AGENT 10.1.0.5 STATUS).checksum_on_difference, (AGENT west STATUS).checksum_on_difference;`, "true falsetrue"},
		{"an agent tells what it has", `
			$a = AGENT west STATUS; WRITE $a.name, ",", $a.up, ",", $a.reconnect_at_source_start;
			WRITE $a.volumes["E:"].free > 0, since($a.clock) < 60000;`, "west,true,false truetrue"},
		{"what is counted is told", `
			$c = CONNECT mailstores TO west MAP EXACT; MIRROR START $c; WAIT ON MIRROR $c IDLE TIMEOUT 1m;
			WRITE (STATS $c).files, ",", (STATS)[0].bytes, ",", (STATUS TARGET west).state;`, "3,66,Online"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, dir := fresh(t)
			must(t, os.MkdirAll(dir+"/east/F/logs", 0o755))
			out, _, err := run(t, s, test.script)
			if got := strings.Join(strings.Fields(out), " "); got != test.want || err != nil {
				t.Fatalf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hide changes a file of the source so that size and time do not tell.
func hide(t *testing.T, dir string) {
	t.Helper()
	path := folderOf(dir, "east", "priv1.edb")
	info, err := os.Stat(path)
	must(t, err)
	b, err := os.ReadFile(path)
	must(t, err)
	b[0]++
	must(t, os.WriteFile(path, b, 0o644))
	must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// The setting of the source, and no other agent's, makes DIFFERENT mean DIFFERENT,CHECKSUM; the plan says which it is.
func TestChecksumSetting(t *testing.T) {
	const mirrored = "MIRROR START 1 %; WAIT ON MIRROR 1 IDLE TIMEOUT 1m; WRITE (VERIFY 1 CHECKSUM).equal;"
	for _, test := range []struct{ name, set, kind, want, to string }{
		{"on", "", "DIFFERENT", "true", "as on east, block by block"},
		{"off", "AGENT east SET CHECKSUM OFF; ", "DIFFERENT", "false", "as on east"},
		{"off, but said", "AGENT east SET CHECKSUM OFF; ", "DIFFERENT,CHECKSUM", "true", "as on east, block by block"},
		{"off at the target", "AGENT west SET CHECKSUM OFF; ", "DIFFERENT", "true", "as on east, block by block"},
		{"on, but only what is newer", "", "DIFFERENT,NEWER", "false", "as on east, where it is newer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, dir := fresh(t)
			if _, _, err := run(t, s, "CONNECT mailstores TO west MAP EXACT; MIRROR START 1; WAIT ON MIRROR 1 IDLE TIMEOUT 1m;"); err != nil {
				t.Fatal(err)
			}
			hide(t, dir)
			script := test.set + strings.Replace(mirrored, "%", test.kind, 1)
			p := predict(t, s, script)
			if last := p.Changes[len(p.Changes)-1]; last.To != test.to {
				t.Errorf("the plan says %q, want %q", last.To, test.to)
			}
			out, changes, err := run(t, s, script)
			if err != nil || strings.TrimSpace(out) != test.want {
				t.Errorf("equal is %s, want %s; %v", out, test.want, err)
			}
			if last := changes[len(changes)-1]; last.To != test.to {
				t.Errorf("the run says %q, want %q", last.To, test.to)
			}
		})
	}
}

// A source that comes back does nothing by itself, unless it is set to; and then never over newer data.
func TestReconnect(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"off", "", "1,,Remirror required"},
		{"on", "AGENT east SET RECONNECT ON;", "2,,Online"},
		{"on, but the target took over", "AGENT east SET RECONNECT ON; TAKEOVER 1;", "2,Restore required,Restore required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, dir := fresh(t)
			site := s.System.(*agent.Site)
			const protect = "CONNECT mailstores TO west MAP EXACT; MIRROR START 1; WAIT ON MIRROR 1 IDLE TIMEOUT 1m; "
			if _, _, err := run(t, s, protect+test.script); err != nil {
				t.Fatal(err)
			}
			must(t, site.Fail("east"))
			if out, _, err := run(t, s, "WRITE (AGENT east STATUS).up, (AGENT east STATUS).clock = NONE;"); err != nil || out != "falsetrue\n" {
				t.Fatalf("%q, %v", out, err)
			}
			hide(t, dir)
			must(t, site.Heal("east"))
			must(t, site.Heal("east")) // which is up: nothing comes back
			_, _, _ = run(t, s, "WAIT ON MIRROR 1 IDLE TIMEOUT 1m;")
			st, err := s.Connections(context.Background(), "east")
			must(t, err)
			d, err := s.Compare(context.Background(), st[0].Connection, mirror.Compare{Checksum: true})
			must(t, err)
			number, words, _ := strings.Cut(test.want, ",")
			refused, _, _ := strings.Cut(words, ",")
			if got := st[0].Last; got.Number != int64(number[0]-'0') || !strings.HasPrefix(got.Error, refused) {
				t.Errorf("mirror %d, %q; want %s", got.Number, got.Error, test.want)
			}
			if sent := d.Differ == 0; sent != (test.name == "on") {
				t.Errorf("equal is %v", sent)
			}
		})
	}
}

// A mirror that did not end well fails the wait for it, by its number; a later one that did makes it hold again.
func TestWaitNamesTheMirrorThatFailed(t *testing.T) {
	s, dir := fresh(t)
	if _, _, err := run(t, s, "CONNECT mailstores TO west MAP EXACT; MIRROR START 1; WAIT ON MIRROR 1 IDLE TIMEOUT 1m;"); err != nil {
		t.Fatal(err)
	}
	must(t, os.Rename(folderOf(dir, "east"), dir+"/away"))
	_, _, err := run(t, s, "MIRROR START 1 DIFFERENT ORPHANS; WAIT ON MIRROR 1 IDLE TIMEOUT 1m;")
	if err == nil || !strings.Contains(message(err), "mirror 2 of connection 1 did not complete: 3 orphans on west were kept") {
		t.Fatalf("got %v", err)
	}
	if out, _, err := run(t, s, "WRITE (STATUS CON 1).orphans_due;"); err != nil || !strings.HasPrefix(out, "since ") {
		t.Fatalf("got %q, %v", out, err)
	}
	must(t, os.Rename(dir+"/away", folderOf(dir, "east")))
	if out, _, err := run(t, s, "MIRROR START 1 DIFFERENT ORPHANS; WAIT ON MIRROR 1 IDLE TIMEOUT 1m; WRITE (STATUS CON 1).orphans_due, (STATUS CON 1).number;"); err != nil || out != "3\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

// The source's own online.dtcl, run when it comes back, is refused, and the status says why.
func TestReturningSource(t *testing.T) {
	s, dir := fresh(t)
	if _, _, err := run(t, s, failover); err != nil {
		t.Fatal(err)
	}
	write(t, folderOf(dir, "west", "priv1.edb"), "what users wrote after the failover")
	_, _, err := run(t, s, "$conid = CONNECT mailstores TO west MAP EXACT NOMIRROR; MIRROR START $conid DIFFERENT,CHECKSUM ORPHANS;")
	if err == nil || !strings.Contains(message(err), "Restore required") {
		t.Fatalf("got %v", err)
	}
	write(t, folderOf(dir, "west", "new"), "and this")
	for _, script := range []string{"ORPHANS START 1;", "REPLICATION START 1;", "VERIFY 1 REPAIR;"} {
		if _, _, err := run(t, s, script); err == nil || !strings.Contains(message(err), "Restore required") {
			t.Fatalf("%s: got %v", script, err)
		}
	}
	out, _, err := run(t, s, "WRITE (STATUS CON 1).state, \",\", (STATUS TARGET west).state, \",\", (STATUS TARGET west).connections[0].owner;")
	if err != nil || out != "Restore required,Restore required,true\n" {
		t.Fatalf("got %q, %v", out, err)
	}
	if b, _ := os.ReadFile(folderOf(dir, "west", "priv1.edb")); string(b) != "what users wrote after the failover" {
		t.Fatalf("got %q", b)
	}
}

// said gives an error with its ways out.
func said(err error) string {
	if d, ok := errors.AsType[*diag.Diagnostic](err); ok {
		return d.Message + "\n" + strings.Join(d.Hints, "\n")
	}
	if f, ok := errors.AsType[*value.Failure](err); ok {
		return f.Message + "\n" + strings.Join(f.Hints, "\n")
	}
	return fmt.Sprint(err)
}

// After a takeover the old source may have what never left it: whatever comes to it by itself, a resource's online.dtcl
// on any MOVE say, is refused with the way out, until somebody says RESTORE.
func TestOnlyRestoreGoesOverASource(t *testing.T) {
	s, dir := fresh(t)
	if _, _, err := run(t, s, failover); err != nil {
		t.Fatal(err)
	}
	write(t, folderOf(dir, "east", "priv1.edb"), "what never left the source")
	write(t, folderOf(dir, "east", "nor this"), "nor this")
	for _, script := range []string{
		"$c = CONNECT mailstores TO east MAP EXACT NOMIRROR; MIRROR START $c DIFFERENT,CHECKSUM;",
		"CONNECT mailstores TO east MAP EXACT; ORPHANS START 1;",
		"CONNECT mailstores TO east MAP EXACT; REPLICATION START 1;",
	} {
		planned := predict(t, s, "SOURCE west; "+script)
		_, _, err := run(t, s, "SOURCE west; "+script)
		for _, err := range []error{planned.Failure, err} {
			if got := said(err); !strings.Contains(got, "Restore required") ||
				!strings.Contains(got, "RESTORE mailstores FROM west TO east") {
				t.Fatalf("%s: got %v", script, got)
			}
		}
	}
	out, _, err := run(t, s, `SOURCE west; WRITE (STATUS CON 1).state, ",", (STATUS TARGET east).state;`)
	if err != nil || out != "Restore required,Restore required\n" {
		t.Fatalf("got %q, %v", out, err)
	}
	if b, _ := os.ReadFile(folderOf(dir, "east", "priv1.edb")); string(b) != "what never left the source" {
		t.Fatalf("got %q", b)
	}
	const back = "RESTORE mailstores FROM west TO east CHECKSUM; SOURCE west; WAIT ON RESTORE 1 COMPLETE TIMEOUT 1m; " +
		"MIRROR START 1 DIFFERENT ORPHANS; WAIT ON MIRROR 1 IDLE TIMEOUT 1m; WRITE (STATUS CON 1).state, \",\", (VERIFY 1 CHECKSUM).equal;"
	if out, _, err := run(t, s, back); err != nil || out != "Online,true\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

// A store that is changed in place, its size and time as they were, is no equal one: RELEASE keeps it, and so does
// WAIT ON QUEUE while the source compares block by block.
func TestHiddenChangeIsNoEmptyQueue(t *testing.T) {
	s, dir := fresh(t)
	const back = "RESTORE mailstores FROM west TO east CHECKSUM; SOURCE west; WAIT ON RESTORE 1 COMPLETE TIMEOUT 1m;"
	if _, _, err := run(t, s, failover+back); err != nil {
		t.Fatal(err)
	}
	hide(t, dir)
	for script, want := range map[string]string{
		"RELEASE 1;": `that east has not, the first: E:\Exchsrvr\priv1.edb`,
		"SOURCE west; WAIT ON QUEUE 1 EMPTY TIMEOUT 50ms;":                              "priv1.edb; compared block by block",
		"SOURCE west; AGENT west SET CHECKSUM OFF; WAIT ON QUEUE 1 EMPTY TIMEOUT 50ms;": "",
	} {
		_, _, err := run(t, s, script)
		if want == "" && err != nil || want != "" && !strings.Contains(said(err), want) {
			t.Errorf("%s: got %v, want %q", script, err, want)
		}
		must(t, s.Configure(context.Background(), "west", mirror.Settings{Checksum: true}))
	}
}

// What one branch of a PARALLEL chooses is not what another one speaks of, nor what comes after it.
func TestBranchesChooseForThemselves(t *testing.T) {
	s, _ := fresh(t)
	const script = `
		SOURCE east;
		PARALLEL DO
			STEP "a" DO
				SOURCE west;
				REPSET CREATE there;
			END
			STEP "b" DO
				REPSET CREATE here;
			END
		END
		REPSET CREATE after;`
	if _, _, err := run(t, s, script); err != nil {
		t.Fatal(said(err))
	}
	for agent, want := range map[string]string{"east": "after here mailstores", "west": "mailstores there"} {
		sets, err := s.Sets(context.Background(), agent)
		must(t, err)
		var names []string
		for _, set := range sets {
			names = append(names, set.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s has %s, want %s", agent, got, want)
		}
	}
}

// cutOff is agents whose comparisons are followed by the end of the run.
type cutOff struct {
	mirror.System
	end func()
}

func (c cutOff) Compare(ctx context.Context, conn mirror.Connection, how mirror.Compare) (mirror.Difference, error) {
	defer c.end()
	return c.System.Compare(ctx, conn, how)
}

// A wait that is cancelled says why, in the words of who cancelled it.
func TestCancelledWait(t *testing.T) {
	s, _ := fresh(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the operator went home")
	_, lookup := commands(t, site{cutOff{s.System, func() { cancel(why) }}})
	w := plan.New(plan.Config{Lookup: lookup, Out: io.Discard})
	err := load(t, "CONNECT mailstores TO west MAP EXACT; WAIT ON QUEUE 1 EMPTY;", false).Run(w.Start(ctx), w, nil)
	if got := said(err); !strings.Contains(got, why.Error()) || strings.Contains(got, "last seen") {
		t.Fatalf("got %v", got)
	}
}
