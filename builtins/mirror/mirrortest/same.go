package mirrortest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Same compares two trees, path by path and byte by byte, with nothing of the mirror's own code, and lists what
// differs. What is not carried (fifos, sockets, devices) is left out.
func Same(a, b string) ([]string, error) {
	left, err := read(a)
	if err != nil {
		return nil, err
	}
	right, err := read(b)
	if err != nil {
		return nil, err
	}
	var diffs []string
	for path, l := range left {
		r, ok := right[path]
		if !ok {
			diffs = append(diffs, fmt.Sprintf("%q is missing", path))
			continue
		}
		if l != r {
			diffs = append(diffs, fmt.Sprintf("%q: got %s, want %s", path, r, l))
			continue
		}
		if d := content(filepath.Join(a, path), filepath.Join(b, path)); d != "" {
			diffs = append(diffs, fmt.Sprintf("%q: %s", path, d))
		}
	}
	for path := range right {
		if _, ok := left[path]; !ok {
			diffs = append(diffs, fmt.Sprintf("%q is too much", path))
		}
	}
	slices.Sort(diffs)
	return diffs, nil
}

// read describes every entry of a tree.
func read(root string) (map[string]string, error) {
	entries := map[string]string{}
	links := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		mode := info.Mode()
		if mode&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice) != 0 {
			return nil
		}
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d %d.%09d", mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		if mode.IsRegular() {
			line += fmt.Sprintf(" %d bytes", info.Size())
			if st.Nlink > 1 {
				if links[st.Ino] == "" {
					links[st.Ino] = rel
				}
				line += fmt.Sprintf(" one of %d with %q", st.Nlink, links[st.Ino])
			}
		}
		if mode&fs.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " to " + to
		}
		attrs, err := attributes(path)
		entries[rel] = line + attrs
		return err
	})
	return entries, err
}

func attributes(path string) (string, error) {
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, list)
	if err != nil {
		return "", err
	}
	var all []string
	for key := range strings.SplitSeq(string(list[:n]), "\x00") {
		if key == "" || strings.HasPrefix(key, "security.") {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, key, value)
		if err != nil {
			return "", err
		}
		all = append(all, fmt.Sprintf(" %s=%x", key, value[:n]))
	}
	slices.Sort(all)
	return strings.Join(all, ""), nil
}

// content compares the bytes of two files, and that what is a hole takes no more room on the other side.
func content(a, b string) string {
	info, err := os.Lstat(a)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	left, err := os.ReadFile(a)
	if err != nil {
		return err.Error()
	}
	right, err := os.ReadFile(b)
	if err != nil {
		return err.Error()
	}
	if !bytes.Equal(left, right) {
		return "the content differs"
	}
	other, err := os.Lstat(b)
	if err != nil {
		return err.Error()
	}
	room := func(i fs.FileInfo) int64 { return i.Sys().(*syscall.Stat_t).Blocks * 512 }
	const slack = 128 << 10 // for the file system's own bookkeeping
	if room(other) > room(info)+slack && room(info) < info.Size() {
		return fmt.Sprintf("holes were filled: %d bytes of room, want %d", room(other), room(info))
	}
	return ""
}
