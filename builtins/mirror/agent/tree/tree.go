// Package tree reads and writes files below a held folder, never through a symbolic link and never outside it.
package tree

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// TempPrefix begins the names of files that are being written. They are no part of any tree.
const TempPrefix = ".standin-tmp-"

// maxOpenPath is the longest path handed to the kernel at once; longer ones are opened in steps.
const maxOpenPath = 4000

// Root is a held folder. Paths below it are relative, with slashes; "" is the folder itself.
type Root struct{ fd int }

// Open holds the folder at path, which the configuration names and which may be reached through links.
func Open(path string) (*Root, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &Root{fd}, nil
}

// Close lets the folder go.
func (r *Root) Close() error { return unix.Close(r.fd) }

// Sync makes everything written so far to the folder's file system durable.
func (r *Root) Sync() error { return unix.Syncfs(r.fd) }

// Dir opens the folder at path.
func (r *Root) Dir(path string) (*Dir, error) {
	fd, rest := r.fd, path
	for {
		step := rest
		if len(step) > maxOpenPath {
			step = step[:strings.LastIndexByte(step[:maxOpenPath], '/')]
		}
		rest = strings.TrimPrefix(rest[len(step):], "/")
		next, err := openBeneath(fd, step, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
		if fd != r.fd {
			unix.Close(fd)
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		if fd = next; rest == "" {
			return &Dir{fd}, nil
		}
	}
}

// MakeDir opens the folder at path and makes it and the folders above it where they are missing.
func (r *Root) MakeDir(path string) (*Dir, error) {
	d, err := r.Dir(path)
	if !os.IsNotExist(err) || path == "" {
		return d, err
	}
	parent, name := Split(path)
	up, err := r.MakeDir(parent)
	if err != nil {
		return nil, err
	}
	defer up.Close()
	if err := unix.Mkdirat(up.fd, name, 0o755); err != nil && err != unix.EEXIST {
		return nil, &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return r.Dir(path)
}

// Stat describes what is at path.
func (r *Root) Stat(path string) (Info, error) {
	parent, name := Split(path)
	d, err := r.Dir(parent)
	if err != nil {
		return Info{}, err
	}
	defer d.Close()
	if name == "" {
		name = "."
	}
	return d.Stat(name)
}

// Split cuts a path into its folder and its name.
func Split(path string) (dir, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// Join puts a name below a folder.
func Join(dir, name string) string {
	switch {
	case dir == "":
		return name
	case name == "":
		return dir
	}
	return dir + "/" + name
}

// Dir is an open folder. Every method names one entry of it, and none follows a link.
type Dir struct{ fd int }

// Close lets the folder go.
func (d *Dir) Close() error { return unix.Close(d.fd) }

// Names lists the folder, sorted by bytes; temporary files are left out and returned apart.
func (d *Dir) Names() (names, temps []string, err error) {
	fd, err := openBeneath(d.fd, "", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), "folder")
	defer f.Close()
	all, err := f.Readdirnames(-1)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range all {
		if strings.HasPrefix(name, TempPrefix) {
			temps = append(temps, name)
		} else {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, temps, nil
}

// Open opens a regular file for reading; writable also for writing.
func (d *Dir) Open(name string, writable bool) (*Handle, error) {
	flags := unix.O_RDONLY
	if writable {
		flags = unix.O_RDWR
	}
	// O_NONBLOCK: what was a file a moment ago may be a fifo now.
	fd, err := d.openLeaf(name, flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil, &fs.PathError{Op: "open", Path: name, Err: unix.ESTALE}
	}
	return &Handle{fd, name}, nil
}

// Create makes a new file for writing.
func (d *Dir) Create(name string) (*Handle, error) {
	fd, err := d.openLeaf(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &Handle{fd, name}, nil
}

func (d *Dir) openLeaf(name string, flags int, mode uint32) (int, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Openat(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

// Mkdir makes a folder that only its owner may enter, until SetMeta says more.
func (d *Dir) Mkdir(name string) error {
	return wrap("mkdir", name, unix.Mkdirat(d.fd, name, 0o700))
}

// Symlink makes a symbolic link.
func (d *Dir) Symlink(target, name string) error {
	return wrap("symlink", name, unix.Symlinkat(target, d.fd, name))
}

// Readlink gives a symbolic link's target.
func (d *Dir) Readlink(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(d.fd, name, buf)
	if err != nil {
		return "", wrap("readlink", name, err)
	}
	return string(buf[:n]), nil
}

// Rename moves an entry over another one of this folder, at once.
func (d *Dir) Rename(name, newName string) error {
	return wrap("rename", name, unix.Renameat(d.fd, name, d.fd, newName))
}

// RenameNew moves an entry to a name that must be free.
func (d *Dir) RenameNew(name string, to *Dir, newName string) error {
	return wrap("rename", name, unix.Renameat2(d.fd, name, to.fd, newName, unix.RENAME_NOREPLACE))
}

// Link gives an entry a second name.
func (d *Dir) Link(name string, to *Dir, newName string) error {
	return wrap("link", name, unix.Linkat(d.fd, name, to.fd, newName, 0))
}

// Unlink removes anything but a folder.
func (d *Dir) Unlink(name string) error { return wrap("remove", name, unix.Unlinkat(d.fd, name, 0)) }

// Rmdir removes an empty folder.
func (d *Dir) Rmdir(name string) error {
	return wrap("remove", name, unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR))
}

func wrap(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func openBeneath(fd int, path string, flags uint64) (int, error) {
	if path == "" {
		path = "."
	}
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	return ignoringEINTR(func() (int, error) {
		got, err := unix.Openat2(fd, path, &how)
		if err == unix.EAGAIN { // a rename raced with the look-up
			err = unix.EINTR
		}
		return got, err
	})
}

func ignoringEINTR(open func() (int, error)) (int, error) {
	for {
		fd, err := open()
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func procPath(fd int, name string) string { return fmt.Sprintf("/proc/self/fd/%d/%s", fd, name) }
