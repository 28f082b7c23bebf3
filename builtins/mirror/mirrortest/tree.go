package mirrortest

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Grow fills a folder with a tree that has everything a file system can hold, the same for the same seed: odd names,
// modes, owners, times, attributes, ACLs, hard links, holes, symbolic links, deep paths, fifos.
func Grow(t testing.TB, dir string, seed uint64) {
	t.Helper()
	g := &garden{t: t, rand: rand.New(rand.NewPCG(seed, 1)), root: dir}
	g.must(os.MkdirAll(dir, 0o755))
	g.folders()
	for i := range 60 {
		g.file(fmt.Sprintf("file %d", i))
	}
	for _, name := range []string{
		"new\nline", "tab\t", "\xff\xfe not UTF-8", "-rf", " leading", "trailing ", `back\slash`, `"quoted"`, "ünï", "*?[",
		strings.Repeat("n", 255), ".hidden", "%s$x;",
	} {
		g.file(name)
	}
	g.special()
	g.deep()
	g.stamps()
}

type garden struct {
	t       testing.TB
	rand    *rand.Rand
	root    string
	dirs    []string
	regular []string
	links   []string
}

func (g *garden) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *garden) any(list []string) string { return list[g.rand.IntN(len(list))] }

func (g *garden) folders() {
	g.dirs = []string{g.root}
	for i := range 20 {
		d := filepath.Join(g.any(g.dirs), fmt.Sprintf("folder %d", i))
		g.must(os.Mkdir(d, 0o755))
		g.dirs = append(g.dirs, d)
	}
}

func (g *garden) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rand.Uint32())
	}
	return b
}

// file makes a file of some size: empty, small, exactly a block, several blocks and a bit, or with holes.
func (g *garden) file(name string) {
	path := filepath.Join(g.any(g.dirs), name)
	switch size := []int{0, 1, 100, 65535, 65536, 65537, 200_000, -1}[g.rand.IntN(8)]; size {
	case -1:
		f, err := os.Create(path)
		g.must(err)
		for _, off := range []int64{0, 300_000, 2 << 20} {
			_, err := f.WriteAt(g.bytes(5000), off+int64(g.rand.IntN(4096)))
			g.must(err)
		}
		g.must(f.Truncate(5 << 20))
		g.must(f.Close())
	default:
		g.must(os.WriteFile(path, g.bytes(size), 0o644))
	}
	g.regular = append(g.regular, path)
}

func (g *garden) special() {
	for i := range 12 {
		link := filepath.Join(g.any(g.dirs), fmt.Sprintf("link %d", i))
		g.must(os.Link(g.any(g.regular), link))
	}
	for i, to := range []string{"/etc/passwd", "../nowhere", ".", "new\nline", strings.Repeat("x/", 1000)} {
		link := filepath.Join(g.any(g.dirs), fmt.Sprintf("symlink %d", i))
		g.must(os.Symlink(to, link))
		g.links = append(g.links, link)
	}
	g.must(os.Symlink(g.dirs[1], filepath.Join(g.root, "to a folder")))
	g.must(unix.Mkfifo(filepath.Join(g.root, "fifo"), 0o644))
	// Large enough to be changed in place, most of it a hole.
	big := filepath.Join(g.root, "big")
	f, err := os.Create(big)
	g.must(err)
	for i := range 40 {
		_, err := f.WriteAt(g.bytes(70_000), int64(i)*600_000)
		g.must(err)
	}
	g.must(f.Truncate(24 << 20))
	g.must(f.Close())
}

// deep makes a path of almost 4000 bytes below the root.
func (g *garden) deep() {
	fd, err := unix.Open(g.root, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	g.must(err)
	name := strings.Repeat("deep", 25)
	for range 39 {
		g.must(unix.Mkdirat(fd, name, 0o755))
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		g.must(err)
		unix.Close(fd)
		fd = next
	}
	file, err := unix.Openat(fd, "bottom", unix.O_CREAT|unix.O_WRONLY, 0o640)
	g.must(err)
	_, err = unix.Write(file, []byte("down here"))
	g.must(err)
	unix.Close(file)
	unix.Close(fd)
}

// stamps gives modes, owners, attributes and times; folders last, from the bottom up.
func (g *garden) stamps() {
	modes := []uint32{0o644, 0o600, 0o755, 0o444, 0o000, 0o4755, 0o2750, 0o666}
	if os.Geteuid() != 0 {
		modes = []uint32{0o644, 0o600, 0o755} // with others they could not change their own files
	}
	for _, path := range g.regular {
		if os.Geteuid() == 0 && g.rand.IntN(3) == 0 {
			g.must(os.Lchown(path, 1000+g.rand.IntN(5), 2000))
		}
		if g.rand.IntN(3) == 0 {
			g.must(unix.Lsetxattr(path, "user.note", g.bytes(g.rand.IntN(2000)), 0))
			g.must(unix.Lsetxattr(path, "user.empty", nil, 0))
		}
		g.must(unix.Chmod(path, modes[g.rand.IntN(len(modes))]))
		if g.rand.IntN(4) == 0 {
			g.must(unix.Lsetxattr(path, "system.posix_acl_access", acl(uint32(g.rand.IntN(9000))), 0))
		}
		g.stamp(path)
	}
	for _, path := range g.links {
		if os.Geteuid() == 0 {
			g.must(os.Lchown(path, 1234, 5678))
		}
		g.stamp(path)
	}
	for i := len(g.dirs) - 1; i >= 0; i-- {
		g.must(unix.Chmod(g.dirs[i], []uint32{0o755, 0o700, 0o1777, 0o2775}[g.rand.IntN(4)]))
		g.stamp(g.dirs[i])
	}
}

// stamp gives an entry a time with nanoseconds, some of them before 1970.
func (g *garden) stamp(path string) {
	at := unix.NsecToTimespec(g.rand.Int64N(2_000_000_000)*int64(time.Second) - 300_000_000*int64(time.Second) + g.rand.Int64N(1e9))
	g.must(unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW))
}

// acl is a POSIX ACL, as the kernel stores it, that lets one more user read.
func acl(uid uint32) []byte {
	entry := func(tag, perm uint16, id uint32) []byte {
		return []byte{byte(tag), byte(tag >> 8), byte(perm), byte(perm >> 8), byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)}
	}
	const none = 0xffffffff
	return bytes.Join([][]byte{
		{2, 0, 0, 0},
		entry(1, 6, none), entry(2, 4, uid), entry(4, 4, none), entry(16, 4, none), entry(32, 0, none),
	}, nil)
}

// Change changes a grown tree in every way that a mirror must notice; hidden changes keep size and time.
func Change(t testing.TB, dir string, seed uint64, hidden bool) {
	t.Helper()
	g := &garden{t: t, rand: rand.New(rand.NewPCG(seed, 2)), root: dir}
	g.find()
	for i, path := range g.regular {
		info, err := os.Lstat(path)
		if err != nil || i%2 == 1 && filepath.Base(path) != "big" {
			continue
		}
		g.touch(path, info, hidden)
	}
	for i := range 5 {
		g.file(fmt.Sprintf("later %d-%d", seed, i))
	}
	g.swap(seed)
	g.links = nil
	g.regular = g.regular[len(g.regular)-5:]
	g.dirs = g.dirs[:1]
	g.stamps()
}

func (g *garden) find() {
	g.must(filepath.WalkDir(g.root, func(path string, e os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case len(path) > 3000: // the deep one
			return nil
		case e.IsDir() && e.Name() == "swap": // what swap makes
			return fs.SkipDir
		case e.IsDir():
			g.dirs = append(g.dirs, path)
		case e.Type().IsRegular():
			g.regular = append(g.regular, path)
		}
		return nil
	}))
}

// touch changes one file in one of several ways.
func (g *garden) touch(path string, info os.FileInfo, hidden bool) {
	how := g.rand.IntN(6)
	if filepath.Base(path) == "big" {
		how = 0
	}
	switch {
	case how == 0 && info.Size() > 0, hidden && info.Size() > 0:
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		g.must(err)
		_, err = f.WriteAt([]byte{byte(g.rand.Uint32()) | 1, 2, 3}[:min(3, info.Size())], g.rand.Int64N(max(1, info.Size()-3)))
		g.must(err)
		g.must(f.Close())
		if hidden {
			g.must(os.Chtimes(path, info.ModTime(), info.ModTime()))
		}
	case how == 1:
		g.must(os.Truncate(path, info.Size()/2))
	case how == 2:
		g.must(os.Truncate(path, info.Size()+100_000))
	case how == 3:
		g.must(os.Remove(path))
	case how == 4:
		g.must(unix.Lsetxattr(path, "user.changed", g.bytes(10), 0))
	default:
		g.must(unix.Chmod(path, 0o640))
	}
}

// swap makes other things of some paths: a folder of a file, a file of a folder, another link.
func (g *garden) swap(seed uint64) {
	name := func(s string) string { return filepath.Join(g.root, s) }
	if seed%2 == 0 {
		g.must(os.RemoveAll(name("swap")))
		g.must(os.MkdirAll(name("swap/inside/more"), 0o755))
		g.must(os.WriteFile(name("swap/inside/file"), []byte("in a folder"), 0o644))
	} else {
		g.must(os.RemoveAll(name("swap")))
		g.must(os.WriteFile(name("swap"), []byte("a file now"), 0o644))
	}
	g.must(os.RemoveAll(name("to a folder")))
	g.must(os.Symlink(fmt.Sprint("other ", seed), name("to a folder")))
	twin := name("twin of big")
	g.must(os.RemoveAll(twin))
	if seed%2 == 0 {
		g.must(os.Link(name("big"), twin))
	} else {
		g.must(os.WriteFile(twin, []byte("alone"), 0o644))
	}
	if old := name(fmt.Sprint("renamed ", seed-1)); os.Rename(old, name(fmt.Sprint("renamed ", seed))) != nil {
		g.must(os.WriteFile(name(fmt.Sprint("renamed ", seed)), g.bytes(1000), 0o644))
	}
}
