package mirrortest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins/mirror"
)

var (
	full      = mirror.Mirror{Compare: mirror.Compare{All: true}}
	different = mirror.Mirror{}
	checksum  = mirror.Mirror{Compare: mirror.Compare{Checksum: true}, Orphans: true}
)

// carrying are the tests of agents that carry files.
var carrying = []struct {
	name string
	f    func(*testing.T, Site)
}{
	{"a tree with everything in it becomes equal", everything},
	{"a mirror of what is equal sends nothing", nothing},
	{"only the blocks that differ are sent", blocks},
	{"a file that is newer at the target stays with NEWER", newer},
	{"excluded paths are neither sent nor removed", excluded},
	{"orphans go, or are moved aside", orphans},
	{"an emptied source halts the removing", emptied},
	{"a source that became another folder halts the removing", replaced},
	{"a root that was always empty halts nothing", alwaysEmpty},
	{"what does not exist yet is mirrored when it does", notYet},
	{"too many orphans halt the removing, a rename does not", brake},
	{"a target keeps what a newer generation owns", stale},
	{"paths are mapped", mapped},
	{"what is not carried is counted and named", notCarried},
	{"symbolic links at the target are never followed", symlinks},
	{"very many files are carried", bulk},
	{"replication sends what changes", replication},
	{"a paused mirror holds until it is resumed", paused},
}

func everything(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	Grow(t, s.mail("east"), 1)
	check := func(m mirror.Mirror) {
		t.Helper()
		st := start(t, s, "east", id, m)
		if st.Last.Error != "" || st.Data != mirror.Good {
			t.Fatalf("mirror %d: %q, data %s", st.Last.Number, st.Last.Error, st.Data)
		}
		s.equal(t)
		for _, how := range []mirror.Compare{{}, {Checksum: true}} {
			d := ok[mirror.Difference](t)(s.Compare(t.Context(), Mail(), how))
			if d.Differ != 0 || d.Orphans != 0 || len(d.Errors) != 0 {
				t.Fatalf("VERIFY finds %+v", d)
			}
		}
	}
	check(full)
	for seed := range uint64(6) {
		Change(t, s.mail("east"), seed+10, false)
		check(mirror.Mirror{Orphans: true})
		Change(t, s.mail("east"), seed+20, true)
		check(checksum)
	}
	check(full)
}

func nothing(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	Grow(t, s.mail("east"), 2)
	start(t, s, "east", id, full)
	for _, m := range []mirror.Mirror{different, checksum} {
		if st := start(t, s, "east", id, m); st.Last.Files != 0 || st.Last.Bytes != 0 || st.Last.Removed != 0 {
			t.Fatalf("sent %d files, %d bytes, removed %d", st.Last.Files, st.Last.Bytes, st.Last.Removed)
		}
	}
	if st := start(t, s, "east", id, full); st.Last.Files == 0 || st.Last.Bytes == 0 {
		t.Fatal("FULL sent nothing")
	}
}

func blocks(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	for name, size := range map[string]int{"small": 1 << 20, "large": 20 << 20} {
		s.write(t, "east", "mail/"+name, strings.Repeat("0123456789abcdef", size/16))
	}
	start(t, s, "east", id, full)
	for _, name := range []string{"small", "large"} {
		f, err := os.OpenFile(filepath.Join(s.mail("east"), name), os.O_RDWR, 0)
		must(t, err)
		info, err := f.Stat()
		must(t, err)
		_, err = f.WriteAt([]byte("changed"), 700_000)
		must(t, err)
		must(t, f.Close())
		must(t, os.Chtimes(f.Name(), info.ModTime(), info.ModTime()))
	}
	if st := start(t, s, "east", id, different); st.Last.Bytes != 0 {
		t.Fatalf("DIFFERENT saw a change that keeps size and time: %d bytes", st.Last.Bytes)
	}
	if st := start(t, s, "east", id, checksum); st.Last.Files != 2 || st.Last.Bytes != 2*64<<10 {
		t.Fatalf("sent %d files, %d bytes, want 2 blocks", st.Last.Files, st.Last.Bytes)
	}
	s.equal(t)
}

func newer(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	s.write(t, "east", "mail/a", "from east")
	s.write(t, "west", "mail/a", "from west, later")
	later := time.Now().Add(time.Hour)
	must(t, os.Chtimes(filepath.Join(s.mail("west"), "a"), later, later))
	start(t, s, "east", id, mirror.Mirror{Compare: mirror.Compare{Newer: true}})
	if b, _ := os.ReadFile(filepath.Join(s.mail("west"), "a")); string(b) != "from west, later" {
		t.Fatalf("got %q", b)
	}
	start(t, s, "east", id, different)
	if b, _ := os.ReadFile(filepath.Join(s.mail("west"), "a")); string(b) != "from east" {
		t.Fatalf("got %q", b)
	}
}

func excluded(t *testing.T, s Site) {
	ctx := t.Context()
	must(t, s.PutSet(ctx, "east", mirror.Set{Name: "mail", Saved: true, Rules: []mirror.Rule{
		{Path: `E:\mail`, Recurse: true},
		{Path: `E:\mail\temp`, Exclude: true, Recurse: true},
		{Path: `E:\mail\temp\but this`, Recurse: true},
		{Path: `E:\mail\flat`, Exclude: true, Recurse: true},
		{Path: `E:\mail\flat`, Recurse: false},
	}[:4]}))
	c := Mail()
	c.Rules = ok[[]mirror.Set](t)(s.Sets(ctx, "east"))[0].Rules
	id := ok[int64](t)(s.Connect(ctx, c))
	s.write(t, "east", "mail/kept", "1")
	s.write(t, "east", "mail/temp/not sent", "2")
	s.write(t, "east", "mail/temp/but this/sent", "3")
	s.write(t, "west", "mail/temp/not removed", "4")
	s.write(t, "west", "mail/orphan", "5")
	if st := start(t, s, "east", id, checksum); st.Last.Error != "" || st.Last.Removed != 1 {
		t.Fatalf("%q, removed %d", st.Last.Error, st.Last.Removed)
	}
	for path, want := range map[string]bool{
		"mail/kept": true, "mail/temp/not sent": false, "mail/temp/but this/sent": true,
		"mail/temp/not removed": true, "mail/orphan": false,
	} {
		if s.has("west", path) != want {
			t.Errorf("%s: there is %v, want %v", path, !want, want)
		}
	}
}

func orphans(t *testing.T, s Site) {
	ctx := t.Context()
	id := ok[int64](t)(s.Connect(ctx, Mail()))
	s.write(t, "east", "mail/kept", "1")
	grow := func() {
		s.write(t, "west", "mail/old", "2")
		s.write(t, "west", "mail/gone/deep/er", "3")
		must(t, os.MkdirAll(filepath.Join(s.mail("west"), "gone/empty"), 0o755))
	}
	start(t, s, "east", id, different)
	grow()
	if st := start(t, s, "east", id, different); st.Last.Removed != 0 || !s.has("west", "mail/old") {
		t.Fatal("orphans went without being told to")
	}
	d := ok[mirror.Difference](t)(s.Compare(ctx, Mail(), mirror.Compare{}))
	if d.Orphans != 5 || len(d.Orphaned) != 5 || d.Orphaned[0] != `E:\mail\gone` {
		t.Fatalf("the orphans are %+v", d)
	}
	if n := ok[int64](t)(s.Sweep(ctx, "east", id, mirror.Sweep{OlderThan: time.Hour})); n != 0 {
		t.Fatalf("%d young orphans went", n)
	}
	if n := ok[int64](t)(s.Sweep(ctx, "east", id, mirror.Sweep{MoveTo: `E:\aside`})); n != 2 {
		t.Fatalf("%d orphans were moved, want 2", n)
	}
	start(t, s, "east", id, different)
	s.equal(t)
	if !s.has("west", "aside/mail/gone/deep/er") || !s.has("west", "aside/mail/old") {
		t.Fatal("what was moved is not there")
	}
	grow()
	if n := ok[int64](t)(s.Sweep(ctx, "east", id, mirror.Sweep{})); n != 2 {
		t.Fatalf("%d orphans were deleted, want 2", n)
	}
	start(t, s, "east", id, different)
	s.equal(t)
}

func emptied(t *testing.T, s Site) {
	ctx := t.Context()
	id := ok[int64](t)(s.Connect(ctx, Mail()))
	s.write(t, "east", "mail/a", "1")
	start(t, s, "east", id, different)
	must(t, os.Remove(filepath.Join(s.mail("east"), "a")))
	if st := start(t, s, "east", id, checksum); st.Last.Error == "" || !s.has("west", "mail/a") {
		t.Fatalf("an emptied source: %+v", st.Last)
	}
	must(t, os.Remove(s.mail("east")))
	if st := start(t, s, "east", id, checksum); st.Last.Error == "" || !s.has("west", "mail/a") {
		t.Fatalf("a missing source: %+v", st.Last)
	}
	if n := ok[int64](t)(s.Sweep(ctx, "east", id, mirror.Sweep{UpTo: 1})); n != 1 || s.has("west", "mail/a") {
		t.Fatalf("who says how many may go: %d went", n)
	}
}

func replaced(t *testing.T, s Site) {
	ctx := t.Context()
	id := ok[int64](t)(s.Connect(ctx, Mail()))
	s.write(t, "east", "mail/a", "1")
	s.write(t, "east", "mail/b", "2")
	start(t, s, "east", id, different)
	must(t, os.Rename(s.mail("east"), s.mail("east")+" on the disk that is not mounted"))
	s.write(t, "east", "mail/a", "1")
	for range 2 {
		st := start(t, s, "east", id, checksum)
		if !strings.Contains(st.Last.Error, "is another folder") || !s.has("west", "mail/b") {
			t.Fatalf("another folder under the path: %+v", st.Last)
		}
	}
	if n := ok[int64](t)(s.Sweep(ctx, "east", id, mirror.Sweep{UpTo: 1})); n != 1 {
		t.Fatalf("who says how many may go: %d went", n)
	}
	s.write(t, "west", "mail/c", "3")
	if st := start(t, s, "east", id, checksum); st.Last.Error != "" || st.Last.Removed != 1 {
		t.Fatalf("after that the folder is the known one: %+v", st.Last)
	}
	s.equal(t)
}

func alwaysEmpty(t *testing.T, s Site) {
	ctx := t.Context()
	c := Mail()
	c.Rules = append(c.Rules, mirror.Rule{Path: `E:\none yet`, Recurse: true})
	must(t, s.PutSet(ctx, "east", mirror.Set{Name: "mail", Saved: true, Rules: c.Rules}))
	must(t, os.MkdirAll(filepath.Join(s.Folder("east"), "none yet"), 0o755))
	id := ok[int64](t)(s.Connect(ctx, c))
	s.write(t, "east", "mail/a", "1")
	s.write(t, "west", "mail/orphan", "2")
	if st := start(t, s, "east", id, checksum); st.Last.Error != "" || st.Last.Removed != 1 {
		t.Fatalf("%+v", st.Last)
	}
}

func notYet(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	for _, m := range []mirror.Mirror{full, checksum} {
		if st := start(t, s, "east", id, m); st.Last.Error != "" || st.Last.Files != 0 {
			t.Fatalf("a set of nothing: %+v", st.Last)
		}
	}
	s.write(t, "east", "mail/a", "1")
	if st := start(t, s, "east", id, checksum); st.Last.Error != "" || st.Last.Files != 1 {
		t.Fatalf("%+v", st.Last)
	}
	s.equal(t)
}

func brake(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	s.write(t, "east", "mail/stays", "x")
	many(t, s, "east", "old", 200)
	start(t, s, "east", id, different)
	must(t, os.Rename(filepath.Join(s.mail("east"), "old"), filepath.Join(s.mail("east"), "new")))
	if st := start(t, s, "east", id, checksum); st.Last.Error != "" || st.Last.Removed != 200 {
		t.Fatalf("a rename: %+v", st.Last)
	}
	s.equal(t)
	must(t, os.RemoveAll(filepath.Join(s.mail("east"), "new")))
	if st := start(t, s, "east", id, checksum); st.Last.Error == "" || !s.has("west", "mail/new/00/0") {
		t.Fatalf("most of the files: %+v", st.Last)
	}
}

func stale(t *testing.T, s Site) {
	ctx := t.Context()
	id := ok[int64](t)(s.Connect(ctx, Mail()))
	s.write(t, "east", "mail/a", "before")
	start(t, s, "east", id, different)
	old := ok[mirror.Marker](t)(s.Marker(ctx, "west", "mail"))
	must(t, s.Mark(ctx, "west", old, mirror.Marker{Set: "mail", Role: mirror.RoleSource, Generation: 2, TakenFrom: "east"}))
	s.write(t, "west", "mail/a", "written after the failover")
	if _, err := s.StartMirror(ctx, "east", id, checksum); err == nil {
		t.Fatal("the old source mirrored over the newer data")
	}
	if b, _ := os.ReadFile(filepath.Join(s.mail("west"), "a")); string(b) != "written after the failover" {
		t.Fatalf("got %q", b)
	}
	for _, st := range ok[[]mirror.Status](t)(s.Connections(ctx, "east")) {
		if st.TargetState != mirror.RestoreRequired {
			t.Fatalf("the connection is %q", st.TargetState)
		}
	}
}

func overlapping(t *testing.T, s Site) {
	ctx := t.Context()
	ok[int64](t)(s.Connect(ctx, Mail()))
	other := mirror.Connection{
		Source: "east", Target: "west", Set: "other", Rules: []mirror.Rule{{Path: `E:\other`, Recurse: true}},
		Map: []mirror.Pair{{From: `E:\other`, To: `E:\mail\below`}},
	}
	if _, err := s.Connect(ctx, other); err == nil {
		t.Fatal("a path was taken twice")
	}
	other.Map[0].To = `E:\mailbox`
	ok[int64](t)(s.Connect(ctx, other))
}

func mapped(t *testing.T, s Site) {
	ctx := t.Context()
	c := Mail()
	c.Map = mirror.BaseMap(c.Rules, `E:\copies`)
	id := ok[int64](t)(s.Connect(ctx, c))
	s.write(t, "east", "mail/a/b", "x")
	start(t, s, "east", id, full)
	if !s.has("west", "copies/E/mail/a/b") {
		t.Fatal("the file is not below the base")
	}
}

func notCarried(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	s.write(t, "east", "mail/a", "x")
	must(t, unix.Mkfifo(filepath.Join(s.mail("east"), "pipe"), 0o644))
	st := start(t, s, "east", id, full)
	if st.Last.Error != "" || st.Last.NotCarried != 1 || fmt.Sprint(st.Last.Listed) != "[pipe]" {
		t.Fatalf("%+v", st.Last)
	}
}

func symlinks(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	outside := t.TempDir()
	s.write(t, "east", "mail/dir/file", "x")
	must(t, os.MkdirAll(s.mail("west"), 0o755))
	must(t, os.Symlink(outside, filepath.Join(s.mail("west"), "dir")))
	if st := start(t, s, "east", id, different); st.Last.Error != "" {
		t.Fatal(st.Last.Error)
	}
	s.equal(t)
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Fatalf("written through a link: %v", left)
	}
}

func bulk(t *testing.T, s Site) {
	id := ok[int64](t)(s.Connect(t.Context(), Mail()))
	files := 20_000
	if testing.Short() {
		files = 2000
	}
	many(t, s, "east", "bulk", files)
	began := time.Now()
	st := start(t, s, "east", id, full)
	t.Logf("%d files in %v", files, time.Since(began))
	if st.Last.Error != "" || st.Last.Files != int64(files) {
		t.Fatalf("%+v", st.Last)
	}
	s.equal(t)
}

func replication(t *testing.T, s Site) {
	ctx := t.Context()
	id := ok[int64](t)(s.Connect(ctx, Mail()))
	s.write(t, "east", "mail/a", "1")
	start(t, s, "east", id, full)
	must(t, s.Replicate(ctx, "east", id, true))
	s.write(t, "east", "mail/a", "changed")
	s.write(t, "east", "mail/new/b", "2")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		d := ok[mirror.Difference](t)(s.Compare(ctx, Mail(), mirror.Compare{}))
		if d.Differ == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not sent: %+v", d)
		}
	}
	st := ok[[]mirror.Status](t)(s.Connections(ctx, "east"))[0]
	if st.Replication != mirror.Replicating {
		t.Fatalf("the replication is %q", st.Replication)
	}
	must(t, s.Replicate(ctx, "east", id, false))
	s.equal(t)
	if st := ok[[]mirror.Status](t)(s.Connections(ctx, "east"))[0]; st.Replication != mirror.Stopped {
		t.Fatalf("the replication is %q", st.Replication)
	}
}

func paused(t *testing.T, s Site) {
	ctx := t.Context()
	id := ok[int64](t)(s.Connect(ctx, Mail()))
	many(t, s, "east", "many", 1000)
	ok[int64](t)(s.StartMirror(ctx, "east", id, full))
	if err := s.ControlMirror(ctx, "east", id, mirror.Pause); err != nil {
		t.Skip("it was faster")
	}
	if st := ok[[]mirror.Status](t)(s.Connections(ctx, "east"))[0]; !st.Last.Running() {
		t.Skip("it was faster")
	} else if st.Last.State != mirror.Paused {
		t.Fatalf("the mirror is %q", st.Last.State)
	}
	must(t, s.ControlMirror(ctx, "east", id, mirror.Resume))
	if st := ended(t, s, "east", id); st.Last.Error != "" {
		t.Fatal(st.Last.Error)
	}
	s.equal(t)
	ok[int64](t)(s.StartMirror(ctx, "east", id, full))
	must(t, s.ControlMirror(ctx, "east", id, mirror.Stop))
	if st := ended(t, s, "east", id); st.Last.Running() {
		t.Fatalf("%+v", st.Last)
	}
}
