package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"
	"time"

	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/runtime/value"
)

// Show gives what can be seen of the agents, those that are away too: "trees" by agent and volume, with a hash that
// leaves times and owners out, and the agent's "serial", which counts the changes of its own state; and "connections".
func (s *Site) Show(ctx context.Context) (map[string]any, error) {
	trees := map[string]any{}
	connections := []any{}
	for _, name := range s.Agents() {
		n := s.nodes[name]
		volumes := map[string]any{}
		for volume := range n.cfg.Volumes {
			shown, err := n.showVolume(ctx, volume)
			if err != nil {
				return nil, err
			}
			volumes[volume] = shown
		}
		n.view(func(st *state) { volumes["serial"] = st.Writes })
		trees[name] = volumes
		for _, st := range s.statuses(n) {
			pairs := []any{}
			for _, p := range st.Map {
				pairs = append(pairs, map[string]any{"from": p.From, "to": p.To})
			}
			connections = append(connections, map[string]any{
				"source": st.Source, "id": st.ID, "set": st.Set, "target": st.Target, "map": pairs,
				"mirror": st.Last.State, "error": st.Last.Error, "replication": st.Replication, "state": st.TargetState,
				"data": st.Data, "generation": st.Generation, "applied_time": timeText(st.Applied),
			})
		}
	}
	return map[string]any{"trees": trees, "connections": connections}, nil
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (n *node) showVolume(ctx context.Context, volume string) (map[string]any, error) {
	h, err := n.open(volume)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	p := printer{held: h, sum: sha256.New(), links: map[[2]uint64]string{}, buf: make([]byte, tree.BlockSize)}
	if err := p.folder(ctx, ""); err != nil {
		return nil, value.Failf(value.CodeFailed, "cannot read volume %q of agent %q: %w", volume, n.cfg.Name, err)
	}
	return map[string]any{"hash": hex.EncodeToString(p.sum.Sum(nil)), "files": p.files, "bytes": p.bytes}, nil
}

// printer hashes a tree: names, types, permissions, contents, link targets, attributes, and which names are one file.
type printer struct {
	*held
	sum   hash.Hash
	links map[[2]uint64]string
	buf   []byte // of reading

	files, bytes int64
}

func (p *printer) folder(ctx context.Context, path string) error {
	d, err := p.dir(path)
	if err != nil {
		return err
	}
	names, _, err := d.Names()
	var folders []string
	for _, name := range names {
		if err = ctx.Err(); err != nil {
			break
		}
		var info tree.Info
		below := tree.Join(path, name)
		if info, err = d.Stat(name); err == nil {
			err = p.entry(d, below, info)
		}
		if err != nil {
			break
		}
		if info.Type == tree.Folder {
			folders = append(folders, below)
		}
	}
	d.Close()
	for _, below := range folders {
		if err == nil {
			err = p.folder(ctx, below)
		}
	}
	return err
}

func (p *printer) entry(d *tree.Dir, path string, info tree.Info) error {
	if info.Type == tree.File || info.Type == tree.Symlink {
		p.files++
		p.bytes += info.Size
	}
	mode := info.Mode
	if info.Type == tree.Symlink {
		mode = 0
	}
	fmt.Fprintf(p.sum, "%q %d %o %q %d\n", path, info.Type, mode, info.Target, info.Size)
	attrs, err := d.Xattrs(info.Name)
	if err != nil {
		return err
	}
	for _, a := range attrs {
		fmt.Fprintf(p.sum, "%q=%q\n", a.Name, a.Value)
	}
	if info.Type != tree.File {
		return nil
	}
	if info.Links > 1 {
		id := [2]uint64{info.Dev, info.Ino}
		if first, met := p.links[id]; met {
			fmt.Fprintf(p.sum, "is %q\n", first)
			return nil
		}
		p.links[id] = path
	}
	f, err := d.Open(info.Name, false)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyBuffer(p.sum, io.NewSectionReader(f, 0, math.MaxInt64), p.buf)
	return err
}
