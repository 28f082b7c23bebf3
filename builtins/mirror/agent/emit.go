package agent

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
)

// emitter walks a target's roots and sends what it sees, folders before what is in them, names in the order of their
// bytes: the order in which the source walks its own side at the same time.
type emitter struct {
	mu    *sync.Mutex // of sending
	conn  *wire.Conn
	roots []*held
	key   []byte
	hash  *tree.Hasher
	sums  bool // send the sums of every file's blocks
	clean bool // remove what a mirror that was cut off left behind
	buf   []byte
}

func (e *emitter) send(kind wire.Kind, body []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.conn.Send(kind, body)
}

// walk sends every root and the end of the walk.
func (e *emitter) walk(ctx context.Context) error {
	for i, h := range e.roots {
		if err := e.send(wire.Root, wire.AppendOffset(nil, int64(i))); err != nil {
			return err
		}
		if err := e.root(ctx, h); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.conn.Send(wire.Walked); err != nil {
		return err
	}
	return e.conn.Flush()
}

func (e *emitter) root(ctx context.Context, h *held) error {
	parent, name := tree.Split(h.base)
	d, err := h.Dir(parent)
	if err != nil {
		return e.trouble(h.spec.Path, err)
	}
	defer d.Close()
	if name == "" {
		name = "."
	}
	info, err := d.Stat(name)
	if err != nil {
		return e.trouble(h.spec.Path, err)
	}
	if h.spec.verdict("", info.Type == tree.Folder) == out {
		return nil
	}
	if err := e.entry(ctx, d, name, "", info); err != nil || info.Type != tree.Folder {
		return err
	}
	return e.dir(ctx, h, "")
}

func (e *emitter) dir(ctx context.Context, h *held, path string) error {
	d, err := h.dir(path)
	if err != nil {
		return e.trouble(path, err)
	}
	folders, err := e.list(ctx, h, d, path)
	d.Close()
	if err != nil {
		return err
	}
	for _, name := range folders {
		if err := e.dir(ctx, h, tree.Join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// list sends the entries of one folder and returns the folders among them.
func (e *emitter) list(ctx context.Context, h *held, d *tree.Dir, path string) (folders []string, err error) {
	names, temps, err := d.Names()
	if err != nil {
		return nil, e.trouble(path, err)
	}
	if e.clean {
		removeTemps(d, path, h, temps)
	}
	if err := e.send(wire.Dir, []byte(path)); err != nil {
		return nil, err
	}
	for _, name := range names {
		info, err := d.Stat(name)
		if err != nil {
			if err := e.trouble(tree.Join(path, name), err); err != nil {
				return nil, err
			}
			continue
		}
		if h.spec.verdict(tree.Join(path, name), info.Type == tree.Folder) == out {
			continue
		}
		if err := e.entry(ctx, d, name, name, info); err != nil {
			return nil, err
		}
		if info.Type == tree.Folder {
			folders = append(folders, name)
		}
	}
	return folders, nil
}

// removeTemps removes what is left of files that were being written when a mirror was cut off, and keeps the
// folder's time.
func removeTemps(d *tree.Dir, path string, h *held, temps []string) {
	if len(temps) == 0 {
		return
	}
	before, err := d.Stat(".")
	for _, name := range temps {
		if h.spec.verdict(tree.Join(path, name), false) == in {
			d.Unlink(name) // if it cannot be removed it is still no part of any tree
		}
	}
	if err == nil {
		d.SetTime(".", before)
	}
}

func (e *emitter) entry(ctx context.Context, d *tree.Dir, name, as string, info tree.Info) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	attrs, err := d.Xattrs(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		if err := e.trouble(name, err); err != nil {
			return err
		}
	}
	digest := tree.DigestOf(attrs, e.key)
	info.Name = as
	e.buf = append(wire.AppendInfo(e.buf[:0], info), digest[:]...)
	if err := e.send(wire.Entry, e.buf); err != nil {
		return err
	}
	if !e.sums || info.Type != tree.File {
		return nil
	}
	return e.blocks(ctx, d, name, info)
}

// blocks sends the sums of a file's blocks, some thousand in a frame.
func (e *emitter) blocks(ctx context.Context, d *tree.Dir, name string, info tree.Info) error {
	const full = 4096 * len(tree.Sum{})
	var sums []byte
	f, err := d.Open(name, false)
	if err == nil {
		err = e.hash.Blocks(ctx, f, info.Size, info.Sparse, func(_ int64, n int, data []byte) error {
			s := e.hash.SumOf(n, data)
			if sums = append(sums, s[:]...); len(sums) < full {
				return nil
			}
			err := e.send(wire.Sums, sums)
			sums = sums[:0]
			return err
		})
		f.Close()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		if err := e.trouble(name, err); err != nil {
			return err
		}
	}
	if len(sums) > 0 {
		if err := e.send(wire.Sums, sums); err != nil {
			return err
		}
	}
	return e.send(wire.Sums, nil)
}

// trouble reports what could not be read. What went away meanwhile is no trouble.
func (e *emitter) trouble(path string, err error) error {
	if gone(err) {
		return nil
	}
	return e.send(wire.Trouble, []byte(path+": "+err.Error()))
}

// gone says whether an entry vanished or became something else while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ESTALE) ||
		errors.Is(err, unix.ELOOP)
}
