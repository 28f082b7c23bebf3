package agent

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/mirrortest"
)

// killedEnv makes this test binary a process that mirrors the site in that folder until it is killed.
const killedEnv = "STANDIN_TEST_MIRROR_UNTIL_KILLED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		mirrorUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func mirrorUntilKilled(dir string) {
	var configs []Config
	for _, name := range []string{"east", "west"} {
		configs = append(configs, Config{Name: name, Folder: filepath.Join(dir, name), Volumes: map[string]string{"E:": "E"}})
	}
	ready := sync.OnceFunc(func() { fmt.Println("sending") })
	s, err := Open(context.Background(), configs, Options{Progress: func(p Progress) {
		if p.Files > 0 {
			ready()
		}
	}})
	for err == nil {
		if _, err = s.StartMirror(context.Background(), "east", 1, mirror.Mirror{Compare: mirror.Compare{All: true}}); err == nil {
			for _, r := range s.nodes["east"].running() {
				<-r.done
			}
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

// A process that is killed in the middle leaves whole files and a state that the next one reads; a new mirror ends
// equal, and nothing is left behind.
func TestKilled(t *testing.T) {
	s, dir := pairOf(t, Options{})
	mirrortest.Grow(t, mail(dir, "east"), 8)
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killedEnv+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 7)
		if _, err := out.Read(line); err != nil || string(line) != "sending" {
			t.Fatalf("%q, %v", line, err)
		}
		child.Process.Kill()
		child.Wait()
	}
	s = reopen(t, dir, Options{})
	if last := mirrored(t, s, mirror.Mirror{Orphans: true}); last.Error != "" {
		t.Fatal(last.Error)
	}
	same(t, dir)
	noTemps(t, dir)
}

// A full disk is a failure that names it; with room again the mirror completes.
func TestFullDisk(t *testing.T) {
	s, dir := pairOf(t, Options{})
	target := filepath.Join(dir, "west/E")
	if err := unix.Mount("tmpfs", target, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small disk cannot be made here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(target, unix.MNT_DETACH) })
	for i := range 100 {
		write(t, filepath.Join(mail(dir, "east"), fmt.Sprint(i)), bytes.Repeat([]byte{1}, 100_000))
	}
	for _, m := range []mirror.Mirror{{}, {Compare: mirror.Compare{Checksum: true}}} {
		last := mirrored(t, s, m)
		if !strings.HasPrefix(last.Error, `the disk of agent "west" is full`) || strings.ContainsAny(last.Error, "\n") {
			t.Fatalf("got %q", last.Error)
		}
	}
	st, err := s.Connections(t.Context(), "east")
	if err != nil || st[0].Data != mirror.Bad || st[0].TargetState != mirror.RemirrorRequired {
		t.Fatalf("data %s, %s, %v", st[0].Data, st[0].TargetState, err)
	}
	if err := unix.Mount("", target, "", unix.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if last := mirrored(t, s, mirror.Mirror{}); last.Error != "" {
		t.Fatal(last.Error)
	}
	same(t, dir)
	noTemps(t, dir)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Files that are written, renamed, removed and made while they are mirrored are no errors; once they hold still a
// mirror ends equal and good.
func TestRestlessSource(t *testing.T) {
	s, dir := pairOf(t, Options{})
	root := mail(dir, "east")
	mirrortest.Grow(t, root, 9)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for seed := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, 3))
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				path := filepath.Join(root, fmt.Sprintf("restless %d", random.IntN(20)))
				switch random.IntN(4) {
				case 0:
					os.WriteFile(path, make([]byte, random.IntN(200_000)), 0o644)
				case 1:
					os.Rename(path, path+" renamed")
				case 2:
					os.Remove(path)
				default:
					os.MkdirAll(path+" folder/below", 0o755)
					os.RemoveAll(path + " folder")
				}
			}
		})
	}
	for range 3 {
		last := mirrored(t, s, mirror.Mirror{Compare: mirror.Compare{Checksum: true}})
		if last.Error != "" {
			t.Error(last.Error)
		}
	}
	stop()
	writers.Wait()
	if last := mirrored(t, s, mirror.Mirror{Orphans: true}); last.Error != "" || last.Unstable != 0 {
		t.Fatalf("%q, %d unstable", last.Error, last.Unstable)
	}
	st, err := s.Connections(t.Context(), "east")
	if err != nil || st[0].Data != mirror.Good {
		t.Fatalf("data %s, %v", st[0].Data, err)
	}
	same(t, dir)
}

// Folders that nobody may write to are mirrored by a user whom that binds, and what is in them changes, goes and comes.
func TestLockedFolders(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("permissions do not bind root: TestAnotherUser runs this")
	}
	s, dir := pairOf(t, Options{})
	root := mail(dir, "east")
	unlocked := func(f func()) {
		t.Helper()
		for _, d := range []string{root, filepath.Join(root, "a"), filepath.Join(root, "a/b")} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				t.Fatal(err)
			}
			os.Chmod(d, 0o755)
		}
		f()
		for _, d := range []string{"a/b", "a", "."} {
			if err := os.Chmod(filepath.Join(root, d), 0o555); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() { exec.Command("chmod", "-R", "u+w", dir).Run() })
	for i, change := range []func(){
		func() {
			write(t, filepath.Join(root, "a/b/kept"), []byte("1"))
			write(t, filepath.Join(root, "a/goes"), []byte("2"))
		},
		func() {
			write(t, filepath.Join(root, "a/b/kept"), []byte("changed"))
			os.Chmod(filepath.Join(root, "a/b/kept"), 0o400)
		},
		func() { os.Remove(filepath.Join(root, "a/goes")); os.Symlink("kept", filepath.Join(root, "a/b/link")) },
		func() {
			os.Chmod(filepath.Join(root, "a/b/kept"), 0o600)
			write(t, filepath.Join(root, "a/b/kept"), []byte("again"))
		},
		func() { os.RemoveAll(filepath.Join(root, "a/b")); os.MkdirAll(filepath.Join(root, "a/b"), 0o755) },
	} {
		unlocked(change)
		if last := mirrored(t, s, mirror.Mirror{Compare: mirror.Compare{Checksum: true}, Orphans: true}); last.Error != "" {
			t.Fatalf("change %d: %s", i, last.Error)
		}
		same(t, dir)
	}
}

// What root's powers hide shows under another user: the same trees, the same kills, folders that nobody may write to.
func TestAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("only root can become somebody else")
	}
	const nobody = 65534
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chown(d, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	child := exec.Command("/proc/self/exe", "-test.run", "^(TestLockedFolders|TestKilled|TestRestlessSource|TestCutConnection|TestAgentGoesAway)$")
	child.Dir, child.Env = dir, append(os.Environ(), "TMPDIR="+dir, "GOCOVERDIR="+dir)
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
