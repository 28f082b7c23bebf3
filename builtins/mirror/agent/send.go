package agent

import (
	"context"

	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
)

// sender is the sink of a mirror: it sends the target what it needs to become equal.
type sender struct {
	ctx   context.Context
	m     *merge
	run   *run
	first bool // the first pass: later ones count nothing twice

	sent     int64  // entries in this pass
	restless int64  // files in this pass that did not hold still
	patching bool   // a Patch was sent and not ended
	buf      []byte // of items

	orphans     []orphan
	orphanFiles int64
	targetFiles int64           // seen at the target in this pass
	fresh       map[stamp]int64 // files that were new at the target: a rename is not a removal
}

// orphan is an entry that only the target has.
type orphan struct {
	root int
	path string
	info tree.Info
}

// stamp is what a renamed file keeps.
type stamp struct{ size, sec, nsec int64 }

func stampOf(i tree.Info) stamp { return stamp{i.Size, i.Sec, i.Nsec} }

// item sends a frame about an entry.
func (s *sender) item(kind wire.Kind, p *pair, attrs []tree.Xattr) error {
	it := wire.Item{Root: p.root, Path: p.path, Info: p.local, Xattr: attrs}
	it.Info.Name = ""
	return s.send(kind, &it)
}

func (s *sender) send(kind wire.Kind, it *wire.Item) error {
	s.buf = it.Append(s.buf[:0])
	if err := s.m.conn.Send(kind, s.buf); err != nil {
		return s.why(err)
	}
	return nil
}

// why says why the target hung up: it may have said so before.
func (s *sender) why(err error) error {
	for {
		kind, body, rerr := s.m.conn.Receive()
		if rerr != nil {
			return cutOff(err)
		}
		if kind == wire.Refuse {
			return refusal(body)
		}
	}
}

func (s *sender) folder(p *pair) error {
	s.sent++
	return s.item(wire.MakeDir, p, nil)
}

func (s *sender) meta(p *pair) error {
	attrs, err := s.m.xattrs(p)
	if err != nil {
		return nil // noted
	}
	s.sent++
	return s.item(wire.Meta, p, attrs)
}

func (s *sender) symlink(p *pair) error {
	attrs, err := s.m.xattrs(p)
	if err != nil {
		return nil // noted
	}
	s.sent++
	return s.item(wire.Symlink, p, attrs)
}

func (s *sender) link(p *pair, root int, path string) error {
	s.sent++
	it := wire.Item{Root: p.root, Path: p.path, Info: p.local, LinkRoot: root, LinkPath: path}
	it.Info.Name = ""
	return s.send(wire.Link, &it)
}

// put sends a whole file; what does not hold still meanwhile is given up and comes with the next pass.
func (s *sender) put(p *pair) error {
	f, err := p.dir.Open(p.local.Name, false)
	if err != nil {
		s.m.unread(p.path, err)
		return nil
	}
	defer f.Close()
	s.sent++
	if p.remote == nil {
		s.fresh[stampOf(p.local)]++
	}
	if err := s.item(wire.Put, p, nil); err != nil {
		return err
	}
	size := int64(0)
	err = s.m.hash.Blocks(s.ctx, f, p.local.Size, p.local.Sparse, func(off int64, n int, data []byte) error {
		size = off + int64(n)
		if data == nil {
			return nil
		}
		return s.sparse(p, off, data, false)
	})
	if err != nil {
		return err
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	return s.end(p, size, now.Still(p.local))
}

// sparse sends a block of a file that may have holes; in a patch they must be made.
func (s *sender) sparse(p *pair, off int64, data []byte, patch bool) error {
	if !p.local.Sparse {
		return s.data(off, data)
	}
	return tree.Runs(data, func(at int, run []byte, zero bool) error {
		switch {
		case !zero:
			return s.data(off+int64(at), run)
		case patch:
			return s.zero(off+int64(at), int64(len(run)))
		}
		return nil
	})
}

// zero sends a hole.
func (s *sender) zero(off, n int64) error {
	if err := s.m.conn.Send(wire.Zero, wire.AppendOffset(wire.AppendOffset(nil, off), n)); err != nil {
		return s.why(err)
	}
	return nil
}

// data sends a block.
func (s *sender) data(off int64, data []byte) error {
	if err := s.run.pass(s.ctx, int64(len(data))); err != nil {
		return err
	}
	var head [10]byte
	if err := s.m.conn.Send(wire.Data, wire.AppendOffset(head[:0], off), data); err != nil {
		return s.why(err)
	}
	return nil
}

// end completes a file, or gives it up.
func (s *sender) end(p *pair, size int64, still bool) error {
	if !still && !s.run.lastPass() {
		if err := s.m.conn.Send(wire.Abort); err != nil {
			return s.why(err)
		}
		return s.unstable(p)
	}
	if !still {
		s.restless++
	}
	attrs, err := s.m.xattrs(p)
	if err != nil {
		return s.m.conn.Send(wire.Abort) // noted
	}
	it := *p
	it.local.Size = size
	s.run.file()
	return s.item(wire.End, &it, attrs)
}

func (s *sender) unstable(*pair) error {
	s.restless++
	return nil
}

func (s *sender) block(p *pair, off int64, data []byte) error {
	if err := s.beginPatch(p); err != nil {
		return err
	}
	if data != nil {
		return s.sparse(p, off, data, true)
	}
	return s.zero(off, min(tree.BlockSize, p.local.Size-off))
}

func (s *sender) beginPatch(p *pair) error {
	if s.patching {
		return nil
	}
	s.patching = true
	s.sent++
	return s.item(wire.Patch, p, nil)
}

func (s *sender) patched(p *pair, size int64, still bool) error {
	if err := s.beginPatch(p); err != nil {
		return err
	}
	s.patching = false
	return s.end(p, size, still)
}

func (s *sender) orphan(root int, path string, info tree.Info) error {
	if info.Type != tree.Folder {
		s.orphanFiles++
		s.targetFiles++
	}
	s.orphans = append(s.orphans, orphan{root, path, info})
	return nil
}

func (s *sender) notCarried(p *pair) error {
	if s.first {
		s.run.notCarried(p.path)
	}
	return nil
}

func (s *sender) counted(p *pair) error {
	if p.remote != nil && p.remote.Type != tree.Folder {
		s.targetFiles++
	}
	return s.run.pass(s.ctx, 0)
}

// finder is the sink of a removal of orphans: it finds them and sends nothing else.
type finder struct{ *sender }

func (finder) folder(*pair) error               { return nil }
func (finder) put(*pair) error                  { return nil }
func (finder) block(*pair, int64, []byte) error { return nil }
func (finder) patched(*pair, int64, bool) error { return nil }
func (finder) unstable(*pair) error             { return nil }
func (finder) link(*pair, int, string) error    { return nil }
func (finder) symlink(*pair) error              { return nil }
func (finder) meta(*pair) error                 { return nil }
