package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
	"github.com/standin-project/standin/runtime/value"
)

// pair is one path, as both sides have it.
type pair struct {
	root   int
	path   string    // relative to the root
	dir    *tree.Dir // the folder at the source that it lies in
	local  tree.Info
	remote *tree.Info // nil where the target has nothing
	digest tree.Digest
}

// sink is what happens to what a merge finds. An entry that is told of as different is missing or has other content
// at the target; one whose meta is told of differs in owner, permissions, attributes or time only.
type sink interface {
	folder(p *pair) error                          // is missing, or something else is there
	put(p *pair) error                             // a file, to be sent whole
	block(p *pair, off int64, data []byte) error   // one block that differs; nil is a hole
	patched(p *pair, size int64, still bool) error // the blocks of p have all been told of
	unstable(p *pair) error                        // a file changed while it was read
	link(p *pair, root int, path string) error     // is another name of that file
	symlink(p *pair) error
	meta(p *pair) error
	orphan(root int, path string, info tree.Info) error
	notCarried(p *pair) error
	counted(p *pair) error // every entry of the set, before anything else is told of it
}

// merge walks the source's side and receives the walk of the target's, in the same order, and compares.
type merge struct {
	ctx   context.Context
	roots []*held
	conn  *wire.Conn
	how   mirror.Compare
	key   []byte
	hash  *tree.Hasher
	owner bool // the target may give files away
	sink  sink

	errors    []string // what could not be read, on either side
	conflicts []string // folders at the target where the source has none
	missing   []bool   // by root: it is not there, or has nothing in it
	entries   int64    // met at the source in this root

	links  map[[2]uint64]linked // files with several names, by device and inode at the source
	claims map[[2]uint64][2]uint64

	frame wire.Kind // looked at and not consumed; 0 for none
	body  []byte
}

// linked is where the first name of a file was met, and which file the target has for it.
type linked struct {
	root   int
	path   string
	remote [2]uint64 // zero while it is being written anew
}

// walk compares all roots once.
func (m *merge) walk() error {
	m.links, m.claims = map[[2]uint64]linked{}, map[[2]uint64][2]uint64{}
	m.errors, m.conflicts, m.missing = nil, nil, make([]bool, len(m.roots))
	sums := byte(0)
	if m.how.Checksum {
		sums = 1
	}
	if err := m.conn.Send(wire.Walk, []byte{sums}); err != nil {
		return cutOff(err)
	}
	if err := m.conn.Flush(); err != nil {
		return cutOff(err)
	}
	for i, h := range m.roots {
		if err := m.root(i, h); err != nil {
			return err
		}
	}
	kind, err := m.peek()
	if err == nil && kind != wire.Walked {
		err = fmt.Errorf("the agents' talk is out of step: got frame %d", kind)
	}
	m.frame = 0
	return err
}

// peek looks at the next frame of the target's walk. Troubles are noted on the way.
func (m *merge) peek() (wire.Kind, error) {
	for m.frame == 0 {
		if err := m.ctx.Err(); err != nil {
			return 0, err
		}
		kind, body, err := m.conn.Receive()
		switch {
		case err != nil:
			return 0, cutOff(err)
		case kind == wire.Refuse:
			return 0, refusal(body)
		case kind == wire.Trouble:
			m.trouble(fmt.Errorf("target: %s", value.Quote(string(body))))
		default:
			m.frame, m.body = kind, body
		}
	}
	return m.frame, nil
}

// entry looks at the next entry of the folder that is being received; nil at its end.
func (m *merge) entry() (*tree.Info, tree.Digest, error) {
	kind, err := m.peek()
	if err != nil || kind != wire.Entry {
		return nil, tree.Digest{}, err
	}
	info, digest, err := wire.ParseEntry(m.body)
	return &info, digest, err
}

// sums gives the entry's block sums, some at a time; nil at their end. They must be received before the next entry.
func (m *merge) sums() ([]byte, error) {
	kind, err := m.peek()
	switch {
	case err != nil:
		return nil, err
	case kind != wire.Sums || len(m.body)%len(tree.Sum{}) != 0:
		return nil, fmt.Errorf("the agents' talk is out of step: got frame %d", kind)
	}
	m.frame = 0
	return m.body, nil
}

// next passes over an entry and its sums.
func (m *merge) next(info *tree.Info) error {
	m.frame = 0
	return m.skipSums(info)
}

func (m *merge) skipSums(info *tree.Info) error {
	if !m.how.Checksum || info.Type != tree.File {
		return nil
	}
	for {
		sums, err := m.sums()
		if err != nil || len(sums) == 0 {
			return err
		}
	}
}

// begins says whether a folder's entries follow.
func (m *merge) begins(path string) (bool, error) {
	kind, err := m.peek()
	if err != nil || kind != wire.Dir || string(m.body) != path {
		return false, err
	}
	m.frame = 0
	return true, nil
}

func (m *merge) trouble(err error) {
	if len(m.errors) < mirror.MaxListed {
		m.errors = append(m.errors, err.Error())
	}
}

func (m *merge) root(i int, h *held) error {
	if kind, err := m.peek(); err != nil {
		return err
	} else if kind != wire.Root {
		return fmt.Errorf("the agents' talk is out of step: got frame %d, want a root", kind)
	}
	m.frame = 0
	remote, digest, err := m.entry()
	if err != nil {
		return err
	}
	parent, name := tree.Split(h.base)
	if name == "" {
		name = "."
	}
	var local tree.Info
	d, err := h.Dir(parent)
	if err == nil {
		defer d.Close()
		local, err = d.Stat(name)
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("cannot read %s: %w", value.Quote(h.spec.Path), err)
	}
	if err != nil {
		m.missing[i] = true
		return m.absent(i, "", remote, true)
	}
	m.entries = 0
	var p *pair
	if h.spec.verdict("", local.Type == tree.Folder) != out {
		p = &pair{root: i, dir: d, local: local, remote: remote, digest: digest}
	}
	changed, err := m.both(p, remote)
	if err != nil || local.Type != tree.Folder || p == nil {
		return err
	}
	if err := m.descend(p, changed); err != nil {
		return err
	}
	m.missing[i] = m.entries == 0
	return nil
}

// both passes over a path that the source has. It says whether the target's folder around it changes.
func (m *merge) both(p *pair, remote *tree.Info) (changed bool, err error) {
	if p == nil {
		if remote == nil {
			return false, nil
		}
		return false, m.next(remote)
	}
	if remote != nil {
		m.frame = 0
	}
	return m.judge(p)
}

// absent passes over a path that the source has not, and everything below it.
func (m *merge) absent(root int, path string, remote *tree.Info, orphan bool) error {
	if remote == nil {
		return nil
	}
	if err := m.next(remote); err != nil {
		return err
	}
	if orphan && m.roots[root].spec.verdict(path, remote.Type == tree.Folder) == in {
		if err := m.sink.orphan(root, path, *remote); err != nil {
			return err
		}
	}
	if path != "" || remote.Type != tree.Folder {
		return nil // its folder's entries come later
	}
	return m.absentTree(root, path, orphan)
}

// absentTree passes over the entries of a folder that the source has not.
func (m *merge) absentTree(root int, path string, orphan bool) error {
	here, err := m.begins(path)
	if err != nil || !here {
		return err
	}
	var folders []string
	for {
		info, _, err := m.entry()
		if err != nil {
			return err
		}
		if info == nil {
			break
		}
		below := tree.Join(path, info.Name)
		if err := m.absent(root, below, info, orphan); err != nil {
			return err
		}
		if info.Type == tree.Folder {
			folders = append(folders, below)
		}
	}
	for _, f := range folders {
		if err := m.absentTree(root, f, orphan); err != nil {
			return err
		}
	}
	return nil
}

// subfolder is a folder whose entries are compared after those of the one around it.
type subfolder struct {
	path     string
	pair     *pair // nil where only the target has it
	changed  bool
	orphaned bool
}

// descend compares what is in a folder that the source has; changed says whether it was made just now.
func (m *merge) descend(p *pair, changed bool) error {
	path := p.path
	d, err := m.roots[p.root].dir(path)
	if err != nil {
		m.unread(path, err)
		return m.absentTree(p.root, path, gone(err))
	}
	subs, inside, err := m.list(p.root, path, d)
	d.Close()
	if err != nil {
		return err
	}
	for _, s := range subs {
		if s.pair == nil {
			err = m.absentTree(p.root, s.path, s.orphaned)
		} else {
			err = m.descend(s.pair, s.changed)
		}
		if err != nil {
			return err
		}
	}
	return m.leave(p, changed || inside)
}

// unread notes a folder or file that could not be read; what vanished is no error.
func (m *merge) unread(path string, err error) {
	if !gone(err) {
		m.trouble(fmt.Errorf("%s: %w", value.Quote(path), err))
	}
}

// list compares the entries of one folder. It says whether anything in the target's folder changes.
func (m *merge) list(root int, path string, d *tree.Dir) (subs []subfolder, changed bool, err error) {
	names, _, err := d.Names()
	readable := err == nil
	if err != nil {
		m.unread(path, err)
	}
	if _, err := m.begins(path); err != nil {
		return nil, false, err
	}
	for {
		remote, digest, err := m.entry()
		switch {
		case err != nil:
			return nil, false, err
		case remote == nil && len(names) == 0:
			return subs, changed, nil
		case len(names) == 0 || remote != nil && remote.Name < names[0]:
			below := tree.Join(path, remote.Name)
			if err := m.absent(root, below, remote, readable); err != nil {
				return nil, false, err
			}
			if remote.Type == tree.Folder {
				subs = append(subs, subfolder{path: below, orphaned: readable})
			}
			continue
		case remote != nil && remote.Name > names[0]:
			remote = nil
		}
		p := m.look(root, path, d, names[0])
		p.remote, p.digest = remote, digest
		names = names[1:]
		sub, did, err := m.named(p)
		if err != nil {
			return nil, false, err
		}
		changed = changed || did
		if sub != nil {
			subs = append(subs, *sub)
		}
	}
}

// look describes an entry of the source. Its type is 0 where there is none any more, or it could not be read.
func (m *merge) look(root int, path string, d *tree.Dir, name string) *pair {
	p := &pair{root: root, path: tree.Join(path, name), dir: d}
	info, err := d.Stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.trouble(fmt.Errorf("%s: %w", value.Quote(p.path), err))
	}
	p.local = info
	return p
}

// named compares one name that the source listed.
func (m *merge) named(p *pair) (sub *subfolder, changed bool, err error) {
	remoteFolder := p.remote != nil && p.remote.Type == tree.Folder
	only := func(orphan bool) (*subfolder, bool, error) {
		if err := m.absent(p.root, p.path, p.remote, orphan); err != nil || !remoteFolder {
			return nil, false, err
		}
		return &subfolder{path: p.path, orphaned: orphan}, false, nil
	}
	switch {
	case p.local.Type == 0:
		return only(false) // neither an orphan nor to be sent: the next pass sees
	case m.roots[p.root].spec.verdict(p.path, p.local.Type == tree.Folder) == out:
		return only(false)
	case p.local.Type == tree.Other:
		if err := m.sink.notCarried(p); err != nil {
			return nil, false, err
		}
		return only(true)
	case remoteFolder && p.local.Type != tree.Folder:
		m.conflicts = append(m.conflicts, p.path)
		return only(true)
	}
	m.entries++
	changed, err = m.both(p, p.remote)
	if err == nil && p.local.Type == tree.Folder {
		sub = &subfolder{path: p.path, pair: p, changed: changed}
	}
	return sub, changed, err
}
