package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

func create(t *testing.T, s *journal.Store) (*journal.File, string) {
	t.Helper()
	h := &plan.Header{Script: "x.dtcl"}
	j, err := s.Create(h)
	if err != nil {
		t.Fatal(err)
	}
	return j, h.ID
}

func add(t *testing.T, j *journal.File, e plan.Entry) {
	t.Helper()
	if err := j.Append(&e, true); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s *journal.Store, id string) *journal.Run {
	t.Helper()
	r, err := s.Load(id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARunIsReadBackAsItWasWritten(t *testing.T) {
	s := journal.Open(filepath.Join(t.TempDir(), "runs"))
	j, id := create(t, s)
	add(t, j, plan.Entry{Kind: plan.KindIntent, Place: "1", Command: "DNS ADD …", Changes: []plan.Change{{System: "dns d", What: "A x", To: "1"}}})
	if got := load(t, s, id).State; got != plan.Running {
		t.Errorf("while its process lives: %s, want running", got)
	}
	add(t, j, plan.Entry{Kind: plan.KindEnd, State: "done", Ended: time.Now()})
	j.Close()
	r := load(t, s, id)
	if r.State != plan.Done || r.Script != "x.dtcl" || len(r.Entries) != 3 || r.Entries[1].Changes[0].What != "A x" || r.Ended.IsZero() {
		t.Errorf("got %+v", r)
	}
	for i, e := range r.Entries {
		if e.Seq != i+1 {
			t.Errorf("entry %d has seq %d", i, e.Seq)
		}
	}
}

func TestASecretLeavesAFingerprint(t *testing.T) {
	dir := t.TempDir()
	print := func(dir, secret string) string {
		got, err := journal.Open(dir).Fingerprint(secret)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	one := print(dir, "hunter2")
	if again := print(dir, "hunter2"); again != one {
		t.Errorf("the same secret gives %s and %s", one, again)
	}
	if one == print(dir, "hunter3") || one == print(t.TempDir(), "hunter2") || strings.Contains(one, "hunter") {
		t.Errorf("%s says too much or too little", one)
	}
	if info, err := os.Stat(filepath.Join(dir, "key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v (%v), want 0600", info.Mode(), err)
	}
}

func TestARunWhoseProcessIsGoneIsStopped(t *testing.T) {
	s := journal.Open(t.TempDir())
	j, id := create(t, s)
	j.Close()
	if got := load(t, s, id).State; got != plan.Stopped {
		t.Errorf("got %s, want stopped", got)
	}
}

func TestAnOpenQuestionOutlivesItsProcess(t *testing.T) {
	s := journal.Open(t.TempDir())
	j, id := create(t, s)
	add(t, j, plan.Entry{Kind: plan.KindAsk, Place: "2", State: "asked", Text: "go?"})
	add(t, j, plan.Entry{Kind: plan.KindAsk, Place: "3", State: "asked", Text: "and this?"})
	add(t, j, plan.Entry{Kind: plan.KindAsk, Place: "3", State: "answered", Text: "and this?"})
	add(t, j, plan.Entry{Kind: plan.KindStep, Place: "4", State: "done"}) // another branch of a PARALLEL goes on
	j.Close()
	if got := load(t, s, id).State; got != plan.Waiting {
		t.Errorf("got %s, want waiting", got)
	}
}

// A crash or a full disk may tear the last entry at any byte; what stands before it is never lost.
func TestATornLastEntryIsDropped(t *testing.T) {
	dir := t.TempDir()
	s := journal.Open(dir)
	j, id := create(t, s)
	add(t, j, plan.Entry{Kind: plan.KindWrite, Text: "kept"})
	path := filepath.Join(dir, id+".journal")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	add(t, j, plan.Entry{Kind: plan.KindWrite, Text: "torn"})
	j.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := len(whole) + 1; n < len(text); n++ {
		if err := os.WriteFile(path, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		r := load(t, s, id)
		if !r.Torn || len(r.Entries) != 2 || r.Entries[1].Text != "kept" {
			t.Fatalf("cut at byte %d: torn %v, %d entries", n, r.Torn, len(r.Entries))
		}
	}
}

// A bit that fell over is found, whatever it is.
func TestEveryFlippedByteIsFound(t *testing.T) {
	dir := t.TempDir()
	s := journal.Open(dir)
	j, id := create(t, s)
	first, err := os.ReadFile(filepath.Join(dir, id+".journal"))
	if err != nil {
		t.Fatal(err)
	}
	add(t, j, plan.Entry{Kind: plan.KindWrite, Text: "hello"})
	j.Close()
	path := filepath.Join(dir, id+".journal")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(first); i < len(text); i++ {
		bad := append([]byte(nil), text...)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := load(t, s, id); !r.Torn {
			t.Errorf("byte %d (%q) flipped: not noticed", i, text[i])
		}
	}
}

func TestRunsAreListedOldestFirstAndTwoOfOneMomentDiffer(t *testing.T) {
	s := journal.Open(filepath.Join(t.TempDir(), "runs"))
	if runs, err := s.List(); err != nil || len(runs) != 0 {
		t.Errorf("an empty store: %v, %v", runs, err)
	}
	var ids []string
	for range 12 {
		j, id := create(t, s)
		j.Close()
		ids = append(ids, id)
	}
	runs, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, r.ID)
	}
	if strings.Join(got, " ") != strings.Join(ids, " ") {
		t.Errorf("got %v\nwant %v", got, ids)
	}
}

func TestThereIsNoSuchRun(t *testing.T) {
	s := journal.Open(t.TempDir())
	for _, id := range []string{"nope", "../nope", ""} {
		if _, err := s.Load(id); !errors.Is(err, journal.ErrNoRun) {
			t.Errorf("%q: got %v, want ErrNoRun", id, err)
		}
	}
}

// After a write failed nothing more is written, so that a torn entry stays the last one.
func TestNothingIsWrittenAfterAFailure(t *testing.T) {
	s := journal.Open(t.TempDir())
	j, _ := create(t, s)
	j.Close()
	first := j.Append(&plan.Entry{Kind: plan.KindWrite}, true)
	if first == nil {
		t.Fatal("a closed file was written")
	}
	if err := j.Append(&plan.Entry{Kind: plan.KindWrite}, true); !errors.Is(err, first) {
		t.Errorf("got %v, want the first failure", err)
	}
}

// The cost of one durable entry beside that of a bare append and fdatasync of as many bytes.
func BenchmarkAppend(b *testing.B) {
	b.Run("entry", func(b *testing.B) {
		s := journal.Open(b.TempDir())
		j, err := s.Create(&plan.Header{Script: "x.dtcl"})
		if err != nil {
			b.Fatal(err)
		}
		defer j.Close()
		for b.Loop() {
			if err := j.Append(&plan.Entry{Kind: plan.KindResult, Place: "1.2", Command: "CLUSTER west GROUP G ONLINE"}, true); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		f, err := os.OpenFile(filepath.Join(b.TempDir(), "f"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		line := []byte(strings.Repeat("x", 120) + "\n")
		for b.Loop() {
			if _, err := f.Write(line); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
