package agent

import (
	"bytes"

	"github.com/standin-project/standin/builtins/mirror/agent/tree"
)

// judge decides what an entry that the source has needs at the target, and tells the sink. The remote entry's frame
// is consumed, its sums are not. It says whether the target's folder around the entry changes.
func (m *merge) judge(p *pair) (changed bool, err error) {
	if err := m.sink.counted(p); err != nil {
		return false, err
	}
	same := p.remote != nil && p.remote.Type == p.local.Type
	if p.local.Type != tree.File && p.remote != nil {
		err = m.skipSums(p.remote)
	}
	switch {
	case err != nil:
		return false, err
	case p.local.Type == tree.Folder && !same:
		return true, m.sink.folder(p)
	case p.local.Type == tree.Folder:
		return false, nil // leave sees to it
	case p.local.Type == tree.Symlink && (!same || p.local.Target != p.remote.Target):
		return true, m.sink.symlink(p)
	case p.local.Type == tree.Symlink:
		return false, m.metaIfDifferent(p)
	}
	return m.file(p, same)
}

// file decides about a regular file.
func (m *merge) file(p *pair, same bool) (changed bool, err error) {
	me := [2]uint64{p.local.Dev, p.local.Ino}
	if p.local.Links > 1 {
		if first, met := m.links[me]; met {
			return m.secondName(p, first, same)
		}
	}
	var remote [2]uint64
	if same {
		remote = [2]uint64{p.remote.Dev, p.remote.Ino}
	}
	taken := false // the target's file is the one of another file of the source
	if same && p.remote.Links > 1 {
		owner, met := m.claims[remote]
		if taken = met && owner != me; !met {
			m.claims[remote] = me
		}
	}
	changed, err = m.content(p, same, taken)
	if p.local.Links > 1 {
		if changed {
			remote = [2]uint64{}
		}
		m.links[me] = linked{root: p.root, path: p.path, remote: remote}
	}
	return changed, err
}

// secondName decides about a further name of a file.
func (m *merge) secondName(p *pair, first linked, same bool) (changed bool, err error) {
	if p.remote != nil {
		if err := m.skipSums(p.remote); err != nil {
			return false, err
		}
	}
	if same && first.remote == [2]uint64{p.remote.Dev, p.remote.Ino} {
		return false, nil
	}
	return true, m.sink.link(p, first.root, first.path)
}

// content decides about a file's content, then about the rest. The sums are consumed.
func (m *merge) content(p *pair, same, taken bool) (changed bool, err error) {
	skip := func() error {
		if p.remote == nil {
			return nil
		}
		return m.skipSums(p.remote)
	}
	switch {
	case !same || taken || m.how.All:
		if err := skip(); err != nil {
			return false, err
		}
		return true, m.sink.put(p)
	case m.how.Newer && !newer(p.local, *p.remote):
		return false, skip()
	case m.how.Checksum:
		return m.blocks(p)
	case !p.local.SameContent(*p.remote):
		return true, m.sink.put(p)
	}
	return m.onlyMeta(p)
}

func newer(a, b tree.Info) bool { return a.Sec > b.Sec || a.Sec == b.Sec && a.Nsec > b.Nsec }

// leave decides about a folder after everything in it: its time is the last thing that changes.
func (m *merge) leave(p *pair, changed bool) error {
	h := m.roots[p.root]
	if h.base == "" && p.path == "" || h.spec.verdict(p.path, true) != in {
		return nil
	}
	differs, err := m.metaDiffers(p)
	if err == nil && (changed || differs) {
		err = m.sink.meta(p)
	}
	return err
}

func (m *merge) metaIfDifferent(p *pair) error {
	differs, err := m.metaDiffers(p)
	if err == nil && differs {
		err = m.sink.meta(p)
	}
	return err
}

func (m *merge) metaDiffers(p *pair) (bool, error) {
	if p.remote == nil {
		return true, nil
	}
	local := p.local
	if !m.owner {
		local.UID, local.GID = p.remote.UID, p.remote.GID
	}
	if !local.SameMeta(*p.remote) {
		return true, nil
	}
	attrs, err := m.xattrs(p)
	if err != nil {
		return false, nil // noted; the entry cannot be compared
	}
	return tree.DigestOf(attrs, m.key) != p.digest, nil
}

// xattrs reads the attributes of an entry of the source.
func (m *merge) xattrs(p *pair) ([]tree.Xattr, error) {
	attrs, err := m.readXattrs(p)
	if err != nil {
		m.unread(p.path, err)
	}
	return attrs, err
}

func (m *merge) readXattrs(p *pair) ([]tree.Xattr, error) {
	if p.local.Type != tree.Folder {
		return p.dir.Xattrs(p.local.Name)
	}
	d, err := m.roots[p.root].dir(p.path) // a folder outlives the one around it in this walk
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Xattrs(".")
}

// blocks compares a file with the sums that the target sends while it reads its own.
func (m *merge) blocks(p *pair) (changed bool, err error) {
	f, err := p.dir.Open(p.local.Name, false)
	if err != nil {
		m.unread(p.path, err)
		return false, m.skipSums(p.remote)
	}
	defer f.Close()
	var sums []byte
	ended := false
	size := int64(0)
	err = m.hash.Blocks(m.ctx, f, p.local.Size, p.local.Sparse, func(off int64, n int, data []byte) error {
		if len(sums) == 0 && !ended {
			var err error
			if sums, err = m.sums(); err != nil {
				return err
			}
			ended = len(sums) == 0
		}
		size = off + int64(n)
		mine := m.hash.SumOf(n, data)
		equal := !ended && bytes.Equal(sums[:len(mine)], mine[:])
		if !ended {
			sums = sums[len(mine):]
		}
		if equal {
			return nil
		}
		changed = true
		return m.sink.block(p, off, data)
	})
	for err == nil && !ended {
		if sums, err = m.sums(); err == nil {
			ended = len(sums) == 0
		}
	}
	if err != nil {
		return false, err
	}
	now, err := f.Stat()
	if err != nil {
		return false, err
	}
	still := now.Still(p.local)
	switch {
	case changed || size != p.remote.Size:
		return true, m.sink.patched(p, size, still)
	case !still:
		return false, m.sink.unstable(p)
	}
	return m.onlyMeta(p)
}

// onlyMeta decides about a file of which the content is equal. Where the target's has more names than the source's,
// the others may be no part of the set: they are not touched, this one becomes a file of its own.
func (m *merge) onlyMeta(p *pair) (changed bool, err error) {
	if p.local.Links > 1 || p.remote.Links == 1 {
		return false, m.metaIfDifferent(p)
	}
	differs, err := m.metaDiffers(p)
	if err == nil && differs {
		err = m.sink.put(p)
	}
	return differs, err
}
