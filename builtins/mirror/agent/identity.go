package agent

import (
	"maps"

	"github.com/standin-project/standin/builtins/mirror/agent/tree"
)

// place is which folder a path led to.
type place struct {
	Dev uint64 `json:"device"`
	Ino uint64 `json:"inode"`
}

// identity is which folders the roots of a set were when they were first mirrored. A disk that is not mounted, or another
// one under the same path, would else look as if everything had been removed.
type identity struct {
	// Home is the agent's own folder: where that is another one, the whole site was moved or copied.
	Home  place            `json:"home"`
	Roots map[string]place `json:"roots"` // by path
}

// identify looks which folders the roots are now. One that cannot be looked at is left out.
func (n *node) identify(roots []*held) identity {
	now := identity{Roots: map[string]place{}}
	if home, err := tree.Open(n.cfg.Folder); err == nil {
		if info, err := home.Stat(""); err == nil {
			now.Home = place{info.Dev, info.Ino}
		}
		home.Close()
	}
	for _, h := range roots {
		if info, err := h.Stat(h.base); err == nil {
			now.Roots[h.spec.Path] = place{info.Dev, info.Ino}
		}
	}
	return now
}

// replaced gives the path of a root that is another folder than it was; "" if all are the ones they were.
func (n *node) replaced(set string, roots []*held) (path string) {
	now := n.identify(roots)
	n.view(func(st *state) {
		was := st.Identities[set]
		if was.Home != now.Home {
			return
		}
		for p, at := range now.Roots {
			if before, known := was.Roots[p]; known && before != at {
				path = p
			}
		}
	})
	return path
}

// remember keeps which folders the roots are. Those that are known stay as they are known, except anew: by the word of
// somebody who has looked.
func (n *node) remember(set string, roots []*held, anew bool) error {
	now := n.identify(roots)
	return n.change(func(st *state) error {
		if was := st.Identities[set]; !anew && was.Home == now.Home {
			maps.Copy(now.Roots, was.Roots)
		}
		if st.Identities == nil {
			st.Identities = map[string]identity{}
		}
		st.Identities[set] = now
		return nil
	})
}
