package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/journal/file"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// weightless are records whose changes cost nothing: what is left are the walk and its journal. during is called inside
// each change.
func weightless(during func()) plan.Lookup {
	known := builtins.Lookup(builtins.All(builtins.Systems{}))
	return func(s *sig.Signature) (*plan.Record, error) {
		rec, err := known(s)
		if err != nil || s.Effect != sig.Changes {
			return rec, err
		}
		return &plan.Record{System: rec.System, Undo: rec.Undo, Observe: func(context.Context, *plan.Call) (*plan.Action, error) {
			return &plan.Action{
				Done:    plan.No,
				Changes: []plan.Change{{System: "agent east", What: "setting CHECKSUM", From: "off", To: "on", Inverse: []byte(`{"agent":"east"}`)}},
				Do:      func(context.Context) (value.Value, error) { during(); return value.Int(0), nil },
				Verify:  func(context.Context) (plan.Answer, error) { return plan.Yes, nil },
			}, nil
		}}, nil
	}
}

// compiled makes a program of a script's text.
func compiled(b testing.TB, text string) *vm.Program {
	b.Helper()
	a := testApp(io.Discard, "")
	set, err := commands()
	if err != nil {
		b.Fatal(err)
	}
	p, ds := a.checked(&diag.Source{Name: "cost.dtcl", Text: text}, set, nil)
	if len(ds) > 0 {
		b.Fatal(ds[0])
	}
	program, err := a.compile(p, false)
	if err != nil {
		b.Fatal(err)
	}
	return program
}

// walked runs a program with a journal of its own.
func walked(b testing.TB, store journal.Store, program plan.Program, during func()) {
	ctx := context.Background()
	h := &plan.Header{Script: "cost.dtcl"}
	j, err := store.Create(ctx, h)
	if err != nil {
		b.Error(err)
		return
	}
	w := plan.New(plan.Config{ID: h.ID, Lookup: weightless(during), Journal: j, Out: io.Discard})
	if err := program.Run(w.Start(ctx), w, nil); err != nil {
		b.Error(err)
	}
	if err := j.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkJournaledSteps runs 10,000 trivial steps with their journal, and in turn with them as many bare appends of as
// many bytes with an fsync each: the ratio is what a journal costs beyond the disk.
func BenchmarkJournaledSteps(b *testing.B) {
	const rounds, turns = 20, 500
	program := compiled(b, fmt.Sprintf("FOR $i = 1 TO %d DO\nSTEP \"s\" DO AGENT east SET CHECKSUM ON; END\nEND\n", turns))
	folder := b.TempDir()
	store := file.Open(folder)
	bare, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	walked(b, store, program, func() {})
	line := []byte(strings.Repeat("x", bytesIn(b, folder)/turns))
	var journaled, plain time.Duration
	for b.Loop() {
		for range rounds {
			begun := time.Now()
			walked(b, store, program, func() {})
			journaled += time.Since(begun)
			begun = time.Now()
			for range turns {
				if _, err := bare.Write(line); err != nil {
					b.Fatal(err)
				}
				if err := unix.Fdatasync(int(bare.Fd())); err != nil {
					b.Fatal(err)
				}
			}
			plain += time.Since(begun)
		}
	}
	n := float64(b.N)
	b.ReportMetric(journaled.Seconds()*1000/n, "ms/10000-steps")
	b.ReportMetric(plain.Seconds()*1000/n, "ms/10000-appends")
	b.ReportMetric(journaled.Seconds()/plain.Seconds(), "ratio")
}

// bytesIn gives how long the files of a folder are together.
func bytesIn(b testing.TB, folder string) int {
	b.Helper()
	names, err := os.ReadDir(folder)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, name := range names {
		if info, err := name.Info(); err == nil && info.Mode().IsRegular() {
			n += int(info.Size())
		}
	}
	return n
}

// BenchmarkResume resumes runs of 10,000 steps that wait at their end.
func BenchmarkResume(b *testing.B) {
	base := newLab(b)
	base.must(b, "site", "init", base.site, "--users", "0")
	path := filepath.Join(base.scripts, "steps.dtcl")
	script := "FOR $i = 1 TO 10000 DO\nSTEP \"s\" DO AGENT east SET CHECKSUM ON; END\nEND\nCONFIRM \"Go on?\";\n"
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		b.Fatal(err)
	}
	if _, said, code := base.call("run", "--quiet", path); code != exitStopped {
		b.Fatalf("exit %d\n%s", code, said)
	}
	root, _ := base.latest(b)
	for b.Loop() {
		b.StopTimer()
		l := base.clone(b)
		b.StartTimer()
		l.must(b, "resume", "--quiet", "--yes", root.ID)
	}
}

// many is a runbook of a common size, all of whose parts are at work at once.
const many = `
PARAM $group TEXT = "Exchange Group" "a group";
USE "cluster";
USE "mirror";
USE "exchange";
$names = ["one", "two", "three"];
FOR $name IN $names DO
    WRITE "preparing ", $name, " of ", $group;
END
STEP "first" RETRY 2 EVERY 1s DO
    AGENT east SET CHECKSUM ON;
END
PARALLEL DO
    STEP "left" DO AGENT west SET CHECKSUM ON; END
    STEP "middle" DO AGENT west SET RECONNECT ON; END
    STEP "right" DO AGENT west SET RECONNECT OFF; END
END
TRY
    AGENT east SET RECONNECT ON;
ON ERROR $e DO
    WRITE $e.message;
END
`

// BenchmarkThousandRuns has 1,000 runbooks at work in one process, each with a journal of its own, and reports what one
// of them takes of the memory and how much longer all of them take than one after the other.
func BenchmarkThousandRuns(b *testing.B) {
	const runs = 1000
	var memory, together, alone float64
	for b.Loop() {
		store := file.Open(b.TempDir())
		programs := make([]*vm.Program, runs)
		for i := range programs {
			programs[i] = compiled(b, many)
		}
		begun := time.Now()
		for _, p := range programs[:runs/10] {
			walked(b, store, p, func() {})
		}
		alone += time.Since(begun).Seconds() * 10

		var arrived, ended sync.WaitGroup
		before := used()
		goOn := make(chan struct{})
		arrived.Add(3 * runs)
		begun = time.Now()
		for _, p := range programs {
			n := 0
			var mu sync.Mutex
			during := func() {
				mu.Lock()
				n++
				wait := n > 1 && n <= 4 // the three branches
				mu.Unlock()
				if wait {
					arrived.Done()
					<-goOn
				}
			}
			ended.Go(func() { walked(b, store, p, during) })
		}
		arrived.Wait()
		waited := time.Now()
		memory += used() - before
		stopped := time.Since(waited)
		close(goOn)
		ended.Wait()
		together += (time.Since(begun) - stopped).Seconds()
	}
	b.ReportMetric(memory/float64(b.N)/runs/1024, "KiB/run")
	b.ReportMetric(together/alone, "together/alone")
}

// used is the memory that is in use after a collection, in bytes: heap and stacks.
func used() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
