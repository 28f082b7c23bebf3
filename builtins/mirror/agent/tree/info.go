package tree

import (
	"encoding/binary"
	"slices"
	"strings"
	"unsafe"

	"github.com/minio/highwayhash"
	"golang.org/x/sys/unix"
)

// Type is what an entry is.
type Type uint8

// The types. Other is a fifo, socket or device: it is listed, never carried.
const (
	File Type = iota + 1
	Folder
	Symlink
	Other
)

// Info describes an entry. Two entries are the same file where Dev and Ino are equal.
type Info struct {
	Name     string
	Type     Type
	Mode     uint32 // permissions, set-user-id, set-group-id and sticky
	UID, GID uint32
	Size     int64
	Sec      int64 // time of the last change of the content
	Nsec     int64
	Dev, Ino uint64
	Links    uint64
	Sparse   bool   // fewer blocks than its size needs
	Target   string // of a symbolic link
	// ChangeSec and ChangeNsec are the time of the last change of anything; they tell whether a file held still.
	ChangeSec, ChangeNsec int64
}

// SameContent says whether size and time are equal.
func (i Info) SameContent(o Info) bool {
	return i.Type == o.Type && i.Size == o.Size && i.Sec == o.Sec && i.Nsec == o.Nsec && i.Target == o.Target
}

// SameMeta says whether owner, permissions and time are equal. A link's permissions mean nothing.
func (i Info) SameMeta(o Info) bool {
	return i.UID == o.UID && i.GID == o.GID && i.Sec == o.Sec && i.Nsec == o.Nsec &&
		(i.Mode == o.Mode || i.Type == Symlink)
}

// Still says whether nothing at all has happened to the file between two looks.
func (i Info) Still(o Info) bool {
	return i.Ino == o.Ino && i.Size == o.Size && i.Sec == o.Sec && i.Nsec == o.Nsec &&
		i.ChangeSec == o.ChangeSec && i.ChangeNsec == o.ChangeNsec
}

// Stat describes an entry.
func (d *Dir) Stat(name string) (Info, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Info{}, wrap("stat", name, err)
	}
	info := infoOf(name, &st)
	if info.Type == Symlink {
		target, err := d.Readlink(name)
		if err != nil {
			return Info{}, err
		}
		info.Target = target
	}
	return info, nil
}

func infoOf(name string, st *unix.Stat_t) Info {
	i := Info{
		Name: name, Type: Other, Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Size: st.Size,
		Sec: st.Mtim.Sec, Nsec: st.Mtim.Nsec, Dev: st.Dev, Ino: st.Ino, Links: st.Nlink,
		ChangeSec: st.Ctim.Sec, ChangeNsec: st.Ctim.Nsec,
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		i.Type = File
		i.Sparse = st.Blocks*512 < st.Size
	case unix.S_IFDIR:
		i.Type, i.Size = Folder, 0
	case unix.S_IFLNK:
		i.Type = Symlink
	}
	return i
}

// Xattr is one extended attribute; ACLs are extended attributes.
type Xattr struct{ Name, Value string }

// MaxXattrs bounds what the attributes of one entry may take, in bytes.
const MaxXattrs = 1 << 20

// Xattrs reads an entry's extended attributes, sorted by name. A file system without them has none.
func (d *Dir) Xattrs(name string) ([]Xattr, error) {
	var small [256]byte
	n, err := d.listXattrs(name, small[:])
	list := small[:max(n, 0)]
	if err == unix.ERANGE {
		list = make([]byte, 64<<10) // the kernel's own limit
		n, err = d.listXattrs(name, list)
		list = list[:max(n, 0)]
	}
	if err == unix.ENOTSUP || n == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, wrap("listxattr", name, err)
	}
	path := procPath(d.fd, name)
	var all []Xattr
	for key := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if !carried(key) {
			continue
		}
		buf := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, key, buf)
		if err == unix.ENODATA {
			continue // it went away
		}
		if err != nil {
			return nil, wrap("getxattr "+key, name, err)
		}
		all = append(all, Xattr{key, string(buf[:n])})
	}
	slices.SortFunc(all, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// listXattrs puts the names of an entry's attributes into list. Almost no entry has any, but every one is asked in every
// walk: the system call that starts from an open folder (Linux 6.13) takes a fraction of the way through /proc.
func (d *Dir) listXattrs(name string, list []byte) (int, error) {
	path, err := unix.BytePtrFromString(name)
	if err != nil {
		return 0, err
	}
	n, _, errno := unix.Syscall6(unix.SYS_LISTXATTRAT, uintptr(d.fd), uintptr(unsafe.Pointer(path)), unix.AT_SYMLINK_NOFOLLOW,
		uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)), 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.ENOSYS, unix.EPERM: // an older kernel, or a container that does not let an unknown call through
		return unix.Llistxattr(procPath(d.fd, name), list)
	}
	return 0, errno
}

// carried says whether an attribute belongs to the data: those of the local security module do not.
func carried(key string) bool {
	return strings.HasPrefix(key, "user.") || strings.HasPrefix(key, "trusted.") ||
		key == "security.capability" || strings.HasPrefix(key, "system.posix_acl_")
}

// Digest is the fingerprint of extended attributes; zero for none.
type Digest [16]byte

// DigestOf hashes attributes under key.
func DigestOf(attrs []Xattr, key []byte) (sum Digest) {
	if len(attrs) == 0 {
		return sum
	}
	h, err := highwayhash.New128(key)
	if err != nil {
		panic(err) // the key's length is ours
	}
	var size [4]byte
	for _, a := range attrs {
		for _, s := range []string{a.Name, a.Value} {
			binary.BigEndian.PutUint32(size[:], uint32(len(s)))
			h.Write(size[:])
			h.Write([]byte(s))
		}
	}
	copy(sum[:], h.Sum(nil))
	return sum
}

// SetMeta gives an entry the owner, permissions, attributes and time of info, in the order in which the system does
// not take one back for another: a new owner clears set-user-id and capabilities.
func (d *Dir) SetMeta(name string, info Info, attrs []Xattr) error {
	now, err := d.Stat(name)
	if err != nil {
		return err
	}
	if now.UID != info.UID || now.GID != info.GID {
		err := unix.Fchownat(d.fd, name, int(info.UID), int(info.GID), unix.AT_SYMLINK_NOFOLLOW)
		// Who may not give files away keeps its own; the comparison goes on saying so.
		if err != nil && err != unix.EPERM {
			return wrap("chown", name, err)
		}
	}
	if err := d.setXattrs(name, attrs); err != nil {
		return err
	}
	if info.Type != Symlink {
		if err := d.Chmod(name, info.Mode); err != nil {
			return err
		}
	}
	return d.SetTime(name, info)
}

// SetTime gives an entry the time of info.
func (d *Dir) SetTime(name string, info Info) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: info.Sec, Nsec: info.Nsec}}
	return wrap("utimes", name, unix.UtimesNanoAt(d.fd, name, times, unix.AT_SYMLINK_NOFOLLOW))
}

// Chmod gives an entry permissions, and never what a link points to.
func (d *Dir) Chmod(name string, mode uint32) error {
	return wrap("chmod", name, chmod(d.fd, name, mode))
}

// chmod asks a kernel that cannot promise that (before Linux 6.6) to hold the entry first and to work on what it holds.
func chmod(dir int, name string, mode uint32) error {
	if err := unix.Fchmodat(dir, name, mode, unix.AT_SYMLINK_NOFOLLOW); err != unix.EOPNOTSUPP && err != unix.EPERM {
		return err
	}
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return unix.ELOOP
	}
	if st.Mode&0o7777 == mode {
		return nil
	}
	return unix.Chmod(strings.TrimSuffix(procPath(fd, ""), "/"), mode)
}

func (d *Dir) setXattrs(name string, want []Xattr) error {
	have, err := d.Xattrs(name)
	if err != nil {
		return err
	}
	path := procPath(d.fd, name)
	for _, a := range have {
		if !slices.ContainsFunc(want, func(w Xattr) bool { return w.Name == a.Name }) {
			if err := unix.Lremovexattr(path, a.Name); err != nil && err != unix.ENODATA {
				return wrap("removexattr "+a.Name, name, err)
			}
		}
	}
	for _, w := range want {
		if !carried(w.Name) {
			return wrap("setxattr "+w.Name, name, unix.EINVAL)
		}
		if slices.Contains(have, w) {
			continue
		}
		if err := unix.Lsetxattr(path, w.Name, []byte(w.Value), 0); err != nil {
			return wrap("setxattr "+w.Name, name, err)
		}
	}
	return nil
}
