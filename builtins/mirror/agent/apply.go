package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
	"github.com/standin-project/standin/runtime/value"
)

// inPlaceSize is the size from which a file that differs is changed where it is; a smaller one is copied, changed and
// renamed, so that a reader sees the old or the new one. In bytes.
const inPlaceSize = 16 << 20

// Batches bound how much is written before it is made durable and visible.
const (
	batchFiles = 4096
	batchBytes = 256 << 20
)

// batch is what waits to become visible: renames, links and descriptions, in order.
type batch struct {
	steps []step
	bytes int64
}

// step makes one change visible. Undo takes away what it would have used.
type step struct {
	path string
	do   func() error
	undo func()
}

func (b *batch) drop() {
	for _, s := range b.steps {
		if s.undo != nil {
			s.undo()
		}
	}
	b.steps, b.bytes = nil, 0
}

// incoming is a file that is being written.
type incoming struct {
	root    int
	path    string
	f       *tree.Handle
	temp    string    // "" while a file is changed in place
	dir     *tree.Dir // the receiver's, which it keeps open until the file has ended
	written int64
	end     int64 // as far as it was written; a hole may follow
}

// drop gives the file up. One that was changed in place keeps the time that says it is not whole.
func (in *incoming) drop() {
	if in.f != nil {
		in.f.Close()
		if in.temp != "" {
			in.dir.Unlink(in.temp)
		}
	}
}

// cachedDir is the folder used last.
type cachedDir struct {
	root   int
	path   string
	dir    *tree.Dir
	locked *uint32 // the permissions that it gets back; nil if they were not changed
}

// unlock lets the folder's owner write to it while it is in use: the source's may be one that nobody writes to. What was
// cut off before it got its permissions back differs from the source's and gets them with the next mirror.
func (c *cachedDir) unlock() {
	if os.Geteuid() == 0 {
		return // whom permissions do not bind
	}
	info, err := c.dir.Stat(".")
	if err == nil && info.Mode&0o200 == 0 && c.dir.Chmod(".", info.Mode|0o200) == nil {
		c.locked = &info.Mode
	}
}

func (c *cachedDir) close() {
	if c.dir == nil {
		return
	}
	if c.locked != nil {
		c.dir.Chmod(".", *c.locked) // whether it worked is for the next walk to see
	}
	c.dir.Close()
	*c = cachedDir{}
}

// openParent opens the folder that an item lies in and gives the item's name there.
func (r *receiver) openParent(root int, path string) (*tree.Dir, string, error) {
	h := r.roots[root]
	dir, name := tree.Split(tree.Join(h.base, path))
	if name == "" {
		return nil, "", fmt.Errorf("a whole volume is not an entry")
	}
	d, err := h.Dir(dir)
	if os.IsNotExist(err) && path == "" {
		d, err = h.MakeDir(dir) // the folders above a root are not the source's
	}
	return d, name, err
}

// parent is openParent for a folder that the receiver keeps open until the next call with another one.
func (r *receiver) parent(root int, path string) (*tree.Dir, string, error) {
	dir, name := tree.Split(tree.Join(r.roots[root].base, path))
	if r.dir.dir != nil && r.dir.root == root && r.dir.path == dir {
		return r.dir.dir, name, nil
	}
	d, name, err := r.openParent(root, path)
	if err != nil {
		return nil, "", err
	}
	r.dir.close()
	r.dir = cachedDir{root: root, path: dir, dir: d}
	r.dir.unlock()
	return d, name, nil
}

// apply carries out what concerns one entry.
func (r *receiver) apply(kind wire.Kind, it *wire.Item) error {
	switch kind {
	case wire.MakeDir:
		return r.makeDir(it)
	case wire.Put:
		return r.begin(it, false)
	case wire.Patch:
		return r.begin(it, true)
	case wire.End:
		return r.end(it)
	case wire.Remove:
		return r.remove(it)
	case wire.Symlink, wire.Link:
		return r.link(kind, it)
	}
	r.later(it.Path, func() error {
		d, name, err := r.parent(it.Root, it.Path)
		if err != nil {
			return err
		}
		return d.SetMeta(name, it.Info, it.Xattr)
	}, nil)
	return r.flushIfFull()
}

func (r *receiver) makeDir(it *wire.Item) error {
	if r.roots[it.Root].base == "" && it.Path == "" {
		return nil // the volume itself
	}
	d, name, err := r.parent(it.Root, it.Path)
	if err != nil {
		return err
	}
	have, err := d.Stat(name)
	switch {
	case err == nil && have.Type == tree.Folder:
		return nil
	case err == nil:
		if err := d.Unlink(name); err != nil {
			return err
		}
	}
	return d.Mkdir(name)
}

// begin opens the file that the next frames write: a new one, or for a patch what is there.
func (r *receiver) begin(it *wire.Item, patch bool) error {
	r.file = &incoming{root: it.Root, path: it.Path} // without f: its frames are passed over
	d, name, err := r.parent(it.Root, it.Path)
	if err != nil {
		return err
	}
	in := &incoming{root: it.Root, path: it.Path, dir: d}
	if patch {
		err = in.openOld(name)
	} else {
		err = in.create(d)
	}
	if err == nil {
		r.file = in
	}
	return err
}

func (in *incoming) create(d *tree.Dir) (err error) {
	in.temp = tempName()
	in.f, err = d.Create(in.temp)
	return err
}

// openOld opens the file that is patched: itself when it is large and has one name, else a copy of it.
func (in *incoming) openOld(name string) error {
	info, err := in.dir.Stat(name)
	if err != nil {
		return err
	}
	if info.Size >= inPlaceSize && info.Links == 1 {
		// A time that no source sends marks the file until it is whole, whatever happens.
		if in.f, err = in.dir.Open(name, true); err == nil {
			if err = in.dir.SetTime(name, tree.Info{Sec: 0, Nsec: 1}); err == nil {
				err = in.f.Sync()
			}
			if err != nil {
				in.f.Close()
			}
			return err
		}
	}
	old, err := in.dir.Open(name, false) // one that may not be written can still be copied
	if err != nil {
		return err
	}
	defer old.Close()
	if err := in.create(in.dir); err != nil {
		return err
	}
	err = tree.NewHasher(make([]byte, 32)).Blocks(context.Background(), old, info.Size, info.Sparse,
		func(off int64, _ int, data []byte) error {
			if data == nil {
				return nil
			}
			return in.copy(off, data, info.Sparse)
		})
	if err != nil {
		in.f.Close()
		in.dir.Unlink(in.temp)
	}
	return err
}

// copy writes a block of a copy; in a sparse file zeros stay a hole.
func (in *incoming) copy(off int64, data []byte, sparse bool) error {
	if !sparse {
		return in.put(data, off)
	}
	return tree.Runs(data, func(at int, run []byte, zero bool) error {
		if zero {
			return nil
		}
		return in.put(run, off+int64(at))
	})
}

func (in *incoming) put(data []byte, off int64) error {
	n, err := in.f.WriteAt(data, off)
	in.end = max(in.end, off+int64(n))
	return err
}

// write carries out the frames between the beginning of a file and its end.
func (r *receiver) write(kind wire.Kind, body []byte) error {
	in := r.file
	if in == nil {
		return value.Failf(value.CodeRefused, "agent %q sent data of no file", r.hello.Connection.Source)
	}
	if kind == wire.Abort {
		in.drop()
		r.file = nil
		return nil
	}
	off, rest, err := wire.CutOffset(body)
	if err != nil || in.f == nil {
		return err
	}
	if kind == wire.Zero {
		n, _, err := wire.CutOffset(rest)
		if err != nil || n > tree.BlockSize {
			return value.Failf(value.CodeRefused, "agent %q sent a bad hole", r.hello.Connection.Source)
		}
		err = in.f.Punch(off, int(n))
		return r.spoil(err)
	}
	in.written += int64(len(rest))
	return r.spoil(in.put(rest, off))
}

// spoil gives up the file that could not be written.
func (r *receiver) spoil(err error) error {
	if err != nil {
		path := r.file.path
		r.file.drop()
		r.file = &incoming{path: path}
	}
	return err
}

// end completes a file; it becomes visible with its batch.
func (r *receiver) end(it *wire.Item) error {
	in := r.file
	r.file = nil
	switch {
	case in == nil || in.path != it.Path || in.f != nil && in.root != it.Root:
		return value.Failf(value.CodeRefused, "agent %q ended another file than it began", r.hello.Connection.Source)
	case in.f == nil:
		return nil // its error is noted
	}
	var err error
	if in.temp == "" || in.end != it.Info.Size {
		err = in.f.Truncate(it.Info.Size)
	}
	_, name := tree.Split(tree.Join(r.roots[it.Root].base, it.Path))
	if err == nil && in.temp != "" {
		err = in.dir.SetMeta(in.temp, it.Info, it.Xattr)
	}
	if err != nil {
		in.drop()
		return err
	}
	in.f.Close()
	r.batch.bytes += in.written
	if in.temp == "" {
		return r.apply(wire.Meta, it)
	}
	r.later(it.Path, func() error {
		d, _, err := r.parent(it.Root, it.Path)
		if err != nil {
			return err
		}
		return replace(d, in.temp, name)
	}, func() {
		if d, _, err := r.parent(it.Root, it.Path); err == nil {
			d.Unlink(in.temp)
		}
	})
	return r.flushIfFull()
}

// replace renames a temporary entry to its name.
func replace(d *tree.Dir, temp, name string) error {
	err := d.Rename(temp, name)
	if err != nil {
		d.Unlink(temp)
	}
	return err
}

// link makes a symbolic or a hard link, when everything before it is visible.
func (r *receiver) link(kind wire.Kind, it *wire.Item) error {
	r.later(it.Path, func() error {
		d, name, err := r.parent(it.Root, it.Path)
		if err != nil {
			return err
		}
		temp := tempName()
		if kind == wire.Symlink {
			err = d.Symlink(it.Info.Target, temp)
		} else {
			err = r.linkTo(it, d, temp)
		}
		if err == nil && kind == wire.Symlink {
			err = d.SetMeta(temp, it.Info, it.Xattr)
		}
		if err != nil {
			return err
		}
		err = replace(d, temp, name)
		d.Unlink(temp) // rename leaves both names where they are one file already
		return err
	}, nil)
	return r.flushIfFull()
}

func (r *receiver) linkTo(it *wire.Item, d *tree.Dir, temp string) error {
	from, old, err := r.openParent(it.LinkRoot, it.LinkPath)
	if err != nil {
		return err
	}
	defer from.Close()
	return from.Link(old, d, temp)
}

func tempName() string {
	var random [8]byte
	rand.Read(random[:])
	return tree.TempPrefix + hex.EncodeToString(random[:])
}

func (r *receiver) later(path string, do func() error, undo func()) {
	r.batch.steps = append(r.batch.steps, step{path, do, undo})
}

func (r *receiver) flushIfFull() error {
	if len(r.batch.steps) < batchFiles && r.batch.bytes < batchBytes {
		return nil
	}
	return r.flush()
}

// flush makes the contents durable, then the batch visible. That becomes durable with the next batch, or with settle.
func (r *receiver) flush() error {
	if len(r.batch.steps) == 0 {
		return nil
	}
	if _, err := r.admitted(); err != nil {
		return err
	}
	if err := r.sync(); err != nil {
		return err
	}
	steps := r.batch.steps
	r.batch, r.unsettled = batch{}, true
	for i, s := range steps {
		if err := r.fatal(s.path, s.do()); err != nil {
			r.batch.steps = steps[i+1:]
			return err
		}
	}
	return nil
}

// settle makes everything visible and durable.
func (r *receiver) settle() error {
	if err := r.flush(); err != nil || !r.unsettled {
		return err
	}
	r.dir.close() // so that it has its permissions
	r.unsettled = false
	return r.sync()
}

// admitted asks again whether the source's data may go over this root.
func (r *receiver) admitted() (after mirror.Marker, err error) {
	c := r.hello.Connection
	r.node.view(func(st *state) { after, err = mirror.Admit(c, r.hello.Marker, st.Markers[c.Set], false) })
	return after, err
}

func (r *receiver) sync() error {
	for _, h := range r.roots {
		if err := h.Sync(); err != nil {
			return r.fatal(h.spec.Path, err)
		}
	}
	return nil
}

// remove takes an orphan away, or aside, if it still is what the source was told of. The folder keeps its time.
func (r *receiver) remove(it *wire.Item) error {
	if err := r.flush(); err != nil {
		return err
	}
	d, name, err := r.parent(it.Root, it.Path)
	if err != nil {
		return err
	}
	now, err := d.Stat(name)
	if err != nil || now.Type != it.Info.Type || now.Type != tree.Folder && !now.SameContent(it.Info) {
		if err == nil || os.IsNotExist(err) {
			return nil // it is another one now
		}
		return err
	}
	before, err := d.Stat(".")
	if err != nil {
		return err
	}
	r.unsettled = true
	switch {
	case now.Type == tree.Folder:
		if err = d.Rmdir(name); errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
			return nil // something in it stays
		}
	case r.hello.Sweep.MoveTo != "":
		err = r.moveAside(it, d, name)
	default:
		err = d.Unlink(name)
	}
	if err != nil {
		return err
	}
	if now.Type != tree.Folder {
		r.report.Removed++
	}
	return d.SetTime(".", before)
}

// moveAside moves an orphan below the sweep's folder, under its own path, and never over anything.
func (r *receiver) moveAside(it *wire.Item, from *tree.Dir, name string) error {
	h, err := r.node.open(r.hello.Sweep.MoveTo)
	if err != nil {
		return err
	}
	defer h.Close()
	dir, _ := tree.Split(tree.Join(r.roots[it.Root].base, it.Path))
	to, err := h.MakeDir(tree.Join(h.base, dir))
	if err != nil {
		return err
	}
	defer to.Close()
	for i, as := 1, name; i < 1000; i++ {
		if err = from.RenameNew(name, to, as); !os.IsExist(err) {
			break
		}
		as = fmt.Sprintf("%s.~%d~", name, i)
	}
	if errors.Is(err, unix.EXDEV) {
		return fmt.Errorf("%s is on another volume: %w", strings.TrimSpace(r.hello.Sweep.MoveTo), err)
	}
	return err
}
