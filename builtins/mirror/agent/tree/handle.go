package tree

import (
	"io"

	"golang.org/x/sys/unix"
)

// Handle is an open regular file. It belongs to one goroutine. Its system calls go straight to the kernel: a regular file
// keeps nobody waiting, so the runtime's poller would only cost, and that for every file of every walk.
type Handle struct {
	fd   int
	name string
}

// Close lets the file go.
func (f *Handle) Close() error {
	fd := f.fd
	f.fd = -1 // the number may soon be another file's
	return wrap("close", f.name, unix.Close(fd))
}

// ReadAt reads until b is full; io.EOF says that the file ends before.
func (f *Handle) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		got, err := ignoringEINTR(func() (int, error) { return unix.Pread(f.fd, b[n:], off+int64(n)) })
		if err != nil {
			return n, wrap("read", f.name, err)
		}
		if got == 0 {
			return n, io.EOF
		}
		n += got
	}
	return n, nil
}

// WriteAt writes all of b.
func (f *Handle) WriteAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		got, err := ignoringEINTR(func() (int, error) { return unix.Pwrite(f.fd, b[n:], off+int64(n)) })
		if err != nil {
			return n, wrap("write", f.name, err)
		}
		n += got
	}
	return n, nil
}

// Truncate gives the file a size.
func (f *Handle) Truncate(size int64) error {
	return wrap("truncate", f.name, unix.Ftruncate(f.fd, size))
}

// Sync makes the file durable.
func (f *Handle) Sync() error { return wrap("sync", f.name, unix.Fsync(f.fd)) }

// Stat describes the file.
func (f *Handle) Stat() (Info, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return Info{}, wrap("stat", f.name, err)
	}
	return infoOf(f.name, &st), nil
}

// Punch makes a hole; a file system without holes gets zeros.
func (f *Handle) Punch(off int64, n int) error {
	err := unix.Fallocate(f.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, int64(n))
	if err != unix.ENOTSUP {
		return err
	}
	_, err = f.WriteAt(make([]byte, n), off)
	return err
}

// nextData finds the data at or after off: where it begins and where, in whole blocks, it must be looked for again.
func (f *Handle) nextData(off, size int64) (begin, again int64) {
	begin, err := unix.Seek(f.fd, off, unix.SEEK_DATA)
	if err == unix.ENXIO {
		return size, size
	}
	if err != nil {
		return off, size // no holes here
	}
	end, err := unix.Seek(f.fd, begin, unix.SEEK_HOLE)
	if err != nil {
		return begin, size
	}
	return begin, end
}
