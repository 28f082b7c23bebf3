package agent

import (
	"cmp"
	"context"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/value"
)

// Agent describes an agent.
func (s *Site) Agent(_ context.Context, name string) (mirror.Agent, error) {
	n, err := s.node(name)
	if err != nil {
		return mirror.Agent{}, err
	}
	about := mirror.Agent{Name: n.cfg.Name, Addresses: slices.Clone(n.cfg.Addresses), Up: !n.down()}
	if !about.Up {
		return about, nil
	}
	about.Version, about.Clock = version(), time.Now()
	n.view(func(st *state) { about.Settings = st.Settings })
	about.Volumes, err = n.volumes()
	return about, err
}

// volumes measures the agent's volumes. Those that share a file system share its room.
func (n *node) volumes() (map[string]mirror.Volume, error) {
	all := map[string]mirror.Volume{}
	for volume, folder := range n.cfg.Volumes {
		var fs unix.Statfs_t
		if err := unix.Statfs(inFolder(n.cfg.Folder, folder), &fs); err != nil {
			return nil, value.Failf(value.CodeFailed, "volume %q of agent %q cannot be measured: %w", volume, n.cfg.Name, err)
		}
		all[volume] = mirror.Volume{Free: int64(fs.Bavail) * fs.Bsize, Size: int64(fs.Blocks) * fs.Bsize}
	}
	return all, nil
}

// version is that of the program that the agents are a part of.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// Configure gives an agent its settings.
func (s *Site) Configure(ctx context.Context, agent string, set mirror.Settings) error {
	n, err := s.up(agent)
	if err != nil {
		return err
	}
	return n.write(ctx, func(st *state) error { st.Settings = set; return nil })
}

// TakeUp starts the mirrors again that were started since then and cut off when their process ended, each under its number
// and held if it was: for a run that goes on, nobody has ended them. One that cannot go on says why in its connection's
// status.
func (s *Site) TakeUp(ctx context.Context, since time.Time) {
	for _, name := range s.Agents() {
		n := s.nodes[name]
		var cut []connection
		n.view(func(st *state) {
			for _, c := range st.Connections {
				if n.runs[c.ID] == nil && c.Last.Error == mirror.WasCutOff && !c.Last.Started.Before(since) {
					cut = append(cut, *c)
				}
			}
		})
		slices.SortFunc(cut, func(a, b connection) int { return cmp.Compare(a.ID, b.ID) })
		for _, c := range cut {
			_, _ = s.begin(ctx, name, c.ID, task{opt: c.Last.Options, goesOn: true, held: c.Paused})
		}
	}
}

// reconnect lets a source that has come back mirror what differs, if it is set to: block by block, and without removing
// orphans. A target that owns the data by now refuses it.
func (s *Site) reconnect(source string) error {
	n, err := s.node(source)
	if err != nil {
		return err
	}
	var ids []int64
	n.view(func(st *state) {
		for id := range st.Connections {
			if st.Settings.Reconnect {
				ids = append(ids, id)
			}
		}
	})
	slices.Sort(ids)
	for _, id := range ids {
		// What became of it is in the connection's status; the agent is back either way.
		_, _ = s.StartMirror(context.Background(), source, id, mirror.Mirror{Compare: mirror.Compare{Checksum: true}})
	}
	return nil
}
