package agent

import (
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/runtime/value"
)

// counter is the sink of a comparison: it only counts.
type counter struct {
	d         mirror.Difference
	olderThan func(tree.Info) bool
	roots     []*held
	patching  int64
}

func (c *counter) differ(p *pair, bytes int64) error {
	c.d.Differ++
	c.d.DifferBytes += bytes
	if len(c.d.Differing) < mirror.MaxListed {
		c.d.Differing = append(c.d.Differing, c.name(p.root, p.path))
	}
	return nil
}

// name spells a path as the source's agent does, odd bytes quoted.
func (c *counter) name(root int, path string) string {
	return printable(mirror.Extend(c.roots[root].spec.Path, path))
}

// printable quotes a name that would not print as it is.
func printable(name string) string {
	for _, r := range name {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return value.Quote(name)
		}
	}
	return name
}

func (c *counter) folder(p *pair) error                { return c.differ(p, 0) }
func (c *counter) put(p *pair) error                   { return c.differ(p, p.local.Size) }
func (c *counter) link(p *pair, _ int, _ string) error { return c.differ(p, 0) }
func (c *counter) symlink(p *pair) error               { return c.differ(p, 0) }
func (c *counter) meta(p *pair) error                  { return c.differ(p, 0) }
func (c *counter) unstable(p *pair) error              { return c.differ(p, 0) }
func (c *counter) patched(p *pair, _ int64, _ bool) error {
	b := c.patching
	c.patching = 0
	return c.differ(p, b)
}

func (c *counter) block(_ *pair, _ int64, data []byte) error {
	c.patching += int64(len(data))
	return nil
}

func (c *counter) orphan(root int, path string, info tree.Info) error {
	if !c.olderThan(info) {
		return nil
	}
	c.d.Orphans++
	c.d.OrphanBytes += info.Size
	if len(c.d.Orphaned) < mirror.MaxListed {
		c.d.Orphaned = append(c.d.Orphaned, c.name(root, path))
	}
	return nil
}

func (c *counter) notCarried(p *pair) error {
	c.d.NotCarried++
	if len(c.d.NotCarriedListed) < mirror.MaxListed {
		c.d.NotCarriedListed = append(c.d.NotCarriedListed, c.name(p.root, p.path))
	}
	return nil
}

func (c *counter) counted(p *pair) error {
	if p.local.Type != tree.Folder {
		c.d.Files++
		c.d.Bytes += p.local.Size
	}
	return nil
}
