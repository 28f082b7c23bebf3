package file_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/journal/file"
	"github.com/standin-project/standin/runtime/journal/journaltest"
	"github.com/standin-project/standin/runtime/plan"
)

var backend = journaltest.Backend{
	New:  func(t *testing.T) string { return filepath.Join(t.TempDir(), "site [1]", "runs") },
	Open: func(dir string) (journal.Store, error) { return file.Open(dir), nil },
}

func TestMain(m *testing.M) { os.Exit(backend.Main(m)) }

func TestStore(t *testing.T) { backend.Run(t) }

func create(t testing.TB, s journal.Store) (journal.Writer, string) {
	t.Helper()
	h := &plan.Header{Script: "x.dtcl"}
	w, err := s.Create(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return w, h.ID
}

func add(t testing.TB, w journal.Writer, e plan.Entry) {
	t.Helper()
	if err := w.Append(&e, true); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, s journal.Store, id string) *journal.Run {
	t.Helper()
	r, err := s.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A crash or a full disk may tear the last entry at any byte; what stands before it is never lost, and the run goes on.
func TestATornLastEntryIsDropped(t *testing.T) {
	dir := t.TempDir()
	s := file.Open(dir)
	j, id := create(t, s)
	add(t, j, plan.Entry{Kind: plan.KindWrite, Text: "kept"})
	path := filepath.Join(dir, id+".journal")
	whole := read(t, path)
	add(t, j, plan.Entry{Kind: plan.KindIntent, Text: "torn"})
	j.Close()
	text := read(t, path)
	cut := func(how string, text []byte) {
		write(t, path, text)
		r := load(t, s, id)
		if !r.Torn || r.Damaged || len(r.Entries) != 2 || r.Entries[1].Text != "kept" {
			t.Fatalf("%s: torn %v, %d entries", how, r.Torn, len(r.Entries))
		}
		w, _, err := s.Resume(t.Context(), id, plan.Actor{})
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		add(t, w, plan.Entry{Kind: plan.KindWrite, Text: "on"})
		w.Close()
		r = load(t, s, id)
		if r.Torn || len(r.Entries) != 3 || r.Entries[2].Text != "on" || r.Entries[2].Seq != 3 {
			t.Fatalf("%s, and taken over: torn %v, %d entries", how, r.Torn, len(r.Entries))
		}
	}
	for n := len(whole) + 1; n < len(text); n++ {
		cut("cut off", text[:n])
		// Some file systems grow a file before its bytes are there.
		cut("zeros at its end", append(slices.Clone(text[:n]), make([]byte, len(text)-n)...))
	}
}

// A bit that fell over is found, whatever it is.
func TestEveryFlippedByteIsFound(t *testing.T) {
	dir := t.TempDir()
	s := file.Open(dir)
	j, id := create(t, s)
	path := filepath.Join(dir, id+".journal")
	first := len(read(t, path))
	add(t, j, plan.Entry{Kind: plan.KindIntent, Text: "hello"})
	second := len(read(t, path))
	add(t, j, plan.Entry{Kind: plan.KindResult})
	third := len(read(t, path))
	add(t, j, plan.Entry{Kind: plan.KindIntent, Text: "again"})
	j.Close()
	text := read(t, path)
	for i := range text {
		bad := slices.Clone(text)
		bad[i] ^= 1
		write(t, path, bad)
		r, err := s.Load(t.Context(), id)
		switch {
		case i < first: // without its header it is no run
			if !errors.Is(err, journal.ErrNoRun) {
				t.Errorf("byte %d (%q) flipped: got %v, want ErrNoRun", i, text[i], err)
			}
			continue
		case err != nil:
			t.Fatal(err)
		case i < third && !r.Damaged, i >= third && !r.Torn:
			t.Errorf("byte %d (%q) flipped: torn %v, damaged %v", i, text[i], r.Torn, r.Damaged)
		}
		_, _, err = s.Resume(t.Context(), id, plan.Actor{})
		damaged, refused := errors.AsType[*journal.DamagedError](err)
		if i < third != refused {
			t.Fatalf("byte %d (%q) flipped: taking the run over gives %v", i, text[i], err)
		}
		if want := 2; i < second && damaged.Seq != want {
			t.Errorf("byte %d flipped: entry %d is said to be missing, want %d", i, damaged.Seq, want)
		}
	}
}

// An entry that was durable must not vanish unseen either.
func TestAMissingEntryIsFound(t *testing.T) {
	dir := t.TempDir()
	s := file.Open(dir)
	j, id := create(t, s)
	for range 3 {
		add(t, j, plan.Entry{Kind: plan.KindIntent})
	}
	j.Close()
	path := filepath.Join(dir, id+".journal")
	lines := strings.SplitAfter(string(read(t, path)), "\n")
	write(t, path, []byte(lines[0]+lines[1]+lines[3]))
	if r := load(t, s, id); !r.Damaged {
		t.Error("the journal reads as whole")
	}
	if _, _, err := s.Resume(t.Context(), id, plan.Actor{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the journal", err)
	}
}

func TestTheKeyOfSecretsIsPrivate(t *testing.T) {
	dir := t.TempDir()
	if _, err := file.Open(dir).Fingerprint("hunter2"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v (%v), want 0600", info.Mode(), err)
	}
}

// After a write failed nothing more is written, so that a torn entry stays the last one.
func TestNothingIsWrittenAfterAFailure(t *testing.T) {
	s := file.Open(t.TempDir())
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

// Whoever clears the folder away while a run lives frees its locks: the run must not go on believing in them.
func TestARemovedFileIsALostLock(t *testing.T) {
	for _, what := range []string{"locks/group%2Fa.lock", ""} {
		dir := t.TempDir()
		s := file.Open(dir)
		w, id := create(t, s)
		if err := w.Lock(t.Context(), []string{"group/a", "b"}); err != nil {
			t.Fatal(err)
		}
		if what == "" {
			what = id + ".journal"
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(what))); err != nil {
			t.Fatal(err)
		}
		if _, lost := errors.AsType[*journal.LostError](w.Held(t.Context())); !lost {
			t.Errorf("%s was removed: got %v, want a LostError", what, w.Held(t.Context()))
		}
		w.Close()
	}
}

func TestADamagedSideFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := file.Open(dir)
	w, id := create(t, s)
	inverse := []byte(`"` + strings.Repeat("x", 100_000) + `"`)
	add(t, w, plan.Entry{Kind: plan.KindIntent, Changes: []plan.Change{{What: "x", Inverse: inverse}}})
	w.Close()
	if r := load(t, s, id); r.Entries[1].Aside == "" || r.Entries[1].Changes[0].Inverse != nil || r.Entries[1].Changes[0].What != "x" {
		t.Errorf("showing the run reads what only its undoing needs: %+v", r.Entries[1])
	}
	path := filepath.Join(dir, id+".d", "2.json")
	text := read(t, path)
	text[1000] = 'y'
	write(t, path, text)
	if _, _, err := s.Resume(t.Context(), id, plan.Actor{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Resume(t.Context(), id, plan.Actor{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
}

// The cost of one durable entry beside that of a bare append and fdatasync of as many bytes.
func BenchmarkAppend(b *testing.B) {
	b.Run("entry", func(b *testing.B) {
		j, _ := create(b, file.Open(b.TempDir()))
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

// Listing is what an operator does first: a thousand runs of which most have ended.
func BenchmarkList(b *testing.B) {
	s := file.Open(b.TempDir())
	for n := range 1000 {
		h := &plan.Header{Script: "x.dtcl", Texts: map[string]string{"x.dtcl": strings.Repeat("DNS ADD x y A 10.0.0.1;\n", 800)}}
		w, err := s.Create(b.Context(), h)
		if err != nil {
			b.Fatal(err)
		}
		for range 200 {
			if err := w.Append(&plan.Entry{Kind: plan.KindResult, Place: "1.2", Command: "CLUSTER west GROUP G ONLINE"}, false); err != nil {
				b.Fatal(err)
			}
		}
		if n%20 > 0 {
			add(b, w, plan.Entry{Kind: plan.KindEnd, State: "done", Ended: time.Now()})
		}
		w.Close()
	}
	for b.Loop() {
		if runs, err := s.List(b.Context()); err != nil || len(runs) != 1000 {
			b.Fatal(len(runs), err)
		}
	}
}

// A run of ten thousand changes is taken over as it is after a crash.
func BenchmarkResume(b *testing.B) {
	s := file.Open(b.TempDir())
	w, id := create(b, s)
	for n := range 10_000 {
		place := strconv.Itoa(n)
		for _, e := range []plan.Entry{
			{Kind: plan.KindStep, Place: place, State: "begun", Text: "bring the group online", Started: time.Now()},
			{Kind: plan.KindIntent, Place: place, Command: "CLUSTER west GROUP G ONLINE", Changes: []plan.Change{{System: "cluster west", What: "group G", From: "Offline", To: "Online", Inverse: []byte(`{"op":"offline"}`)}}},
			{Kind: plan.KindResult, Place: place, Command: "CLUSTER west GROUP G ONLINE", Result: 0, Started: time.Now(), Ended: time.Now()},
			{Kind: plan.KindStep, Place: place, State: "done", Ended: time.Now()},
		} {
			if err := w.Append(&e, false); err != nil {
				b.Fatal(err)
			}
		}
	}
	w.Close()
	for b.Loop() {
		w, r, err := s.Resume(b.Context(), id, plan.Actor{})
		if err != nil || len(r.Entries) != 40_001 {
			b.Fatal(err)
		}
		w.Close()
	}
}

// Held is asked before every effect.
func BenchmarkHeld(b *testing.B) {
	w, _ := create(b, file.Open(b.TempDir()))
	defer w.Close()
	if err := w.Lock(b.Context(), []string{"cluster east", "cluster west", "dns dns1"}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := w.Held(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
