// Package agent is the mirror agents themselves: they keep sets and connections, walk trees, and send each other what
// differs over mutual TLS.
package agent

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/runtime/value"
)

// Config describes one agent.
type Config struct {
	Name      string
	Addresses []string
	Folder    string // its own; state and volumes lie in it
	// Volumes names the folders that paths begin with: "E:" → "E", relative to Folder or absolute. Where "/" is not
	// among them it is the machine's root: an embedded agent may do what the user who runs it may.
	Volumes map[string]string
	Down    bool // taken away whatever its state says
	// Grants names the folders that each source may look at and write below; nil lets every agent of the site do so anywhere.
	Grants map[string][]string
}

// Limit is when removing orphans halts and asks: when more than Count files and more than Percent of the files that
// the target has would go.
type Limit struct {
	Count   int64
	Percent int64
}

// Progress is how far a mirror has come.
type Progress struct {
	mirror.Connection
	mirror.Run
}

// Options are what all agents of a site share. The zero Options are the usual ones.
type Options struct {
	Progress func(Progress) // called from the mirror's goroutine, some ten times a second and at its end
	Orphans  Limit          // zero: 50 files and 50 %
}

// Site is the agents of one site, in this process.
type Site struct {
	opt   Options
	nodes map[string]*node

	secure sync.Once // certificates and listeners are made when the first mirror needs them
	trust  *authority
	err    error
}

// node is one agent.
type node struct {
	cfg  Config
	site *Site
	addr string // where it listens

	mu    sync.Mutex
	state state
	runs  map[int64]*run // by connection
	// reserved is the highest number of a connection that is being made.
	reserved int64
	// replications are the ones that were started, by connection; carriers see to it that a connection carries one thing
	// at a time.
	replications map[int64]*run
	carriers     map[int64]chan struct{}
	sessions     map[*receiver]bool
	closers      []func()
	wait         sync.WaitGroup // accept loops and sessions
}

// Open reads the agents' state. It starts nothing.
func Open(_ context.Context, configs []Config, opt Options) (*Site, error) {
	if opt.Orphans == (Limit{}) {
		opt.Orphans = Limit{Count: 50, Percent: 50}
	}
	s := &Site{opt: opt, nodes: map[string]*node{}}
	for _, cfg := range configs {
		st, err := load(cfg.Folder)
		if err != nil {
			return nil, fmt.Errorf("cannot read the state of agent %q: %w", cfg.Name, err)
		}
		if s.nodes[cfg.Name] != nil {
			return nil, fmt.Errorf("agent %q is named twice", cfg.Name)
		}
		s.nodes[cfg.Name] = &node{
			cfg: cfg, site: s, state: st, runs: map[int64]*run{}, sessions: map[*receiver]bool{},
			replications: map[int64]*run{}, carriers: map[int64]chan struct{}{},
		}
	}
	return s, nil
}

// Close waits for the mirrors that run, then ends every agent. One that is paused is cut off, and all are when ctx ends.
func (s *Site) Close(ctx context.Context) error {
	var cut error
	for _, n := range s.nodes {
		for _, r := range n.running() {
			if r.paused() {
				r.stop() // nobody is left to resume it
			}
			select {
			case <-r.done:
			case <-ctx.Done():
				cut = ctx.Err()
				r.stop()
				<-r.done
			}
		}
	}
	for _, n := range s.nodes {
		n.stopReplications()
	}
	for _, n := range s.nodes {
		n.unlisten()
	}
	return cut
}

// Fail takes an agent away, in this process and in later ones, until Heal. Its mirrors are cut.
func (s *Site) Fail(name string) error { return s.setDown(name, true) }

// Heal brings an agent back. It starts nothing by itself, except mirrors over the connections of an agent that is set to
// reconnect.
func (s *Site) Heal(name string) error {
	was := s.Down(name)
	if err := s.setDown(name, false); err != nil || !was {
		return err
	}
	return s.reconnect(name)
}

// Down says whether an agent was taken away.
func (s *Site) Down(name string) bool {
	n, err := s.node(name)
	return err == nil && n.down()
}

func (s *Site) setDown(name string, down bool) error {
	n, err := s.node(name)
	if err != nil {
		return err
	}
	if err := n.change(func(st *state) error { st.Down = down; return nil }); err != nil || !down {
		return err
	}
	for _, r := range n.running() {
		r.stop()
		<-r.done
	}
	n.stopReplications()
	n.cutSessions(func(*receiver) bool { return true })
	return nil
}

// Init makes the folders and the state of a fresh agent with the given sets. It waits for its cluster resource when it
// comes back, and compares block by block.
func Init(cfg Config, sets ...mirror.Set) error {
	for _, folder := range cfg.Volumes {
		if err := os.MkdirAll(inFolder(cfg.Folder, folder), 0o755); err != nil {
			return err
		}
	}
	st := newState()
	st.Settings.Checksum = true
	for _, set := range sets {
		st.Sets[set.Name] = set
	}
	return save(cfg.Folder, &st)
}

func inFolder(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

// node finds an agent by name or address.
func (s *Site) node(name string) (*node, error) {
	for _, n := range s.nodes {
		if strings.EqualFold(n.cfg.Name, name) || slices.Contains(n.cfg.Addresses, name) {
			return n, nil
		}
	}
	f := value.Failf(value.CodeNotThere, "no agent has the name or address %q", name)
	return nil, f.Hint("the site has %s", strings.Join(s.Agents(), ", "))
}

// up finds an agent that answers.
func (s *Site) up(name string) (*node, error) {
	n, err := s.node(name)
	if err == nil && n.down() {
		err = value.Failf(value.CodeUnreachable, "agent %q does not answer", n.cfg.Name).
			Hint("it was taken away (site fail); `site heal %s` brings it back", n.cfg.Name)
	}
	return n, err
}

// Agents lists the names of all agents.
func (s *Site) Agents() []string { return slices.Sorted(maps.Keys(s.nodes)) }

func (n *node) down() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cfg.Down || n.state.Down
}

func (n *node) running() []*run {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Values(n.runs))
}

// change alters the state and makes it durable; an error leaves the state as it was, in the file and here.
func (n *node) change(f func(*state) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changeLocked(f)
}

// changeLocked is change for who holds the node's lock.
func (n *node) changeLocked(f func(*state) error) error {
	next := n.state.clone()
	if err := f(&next); err != nil {
		return err
	}
	if err := save(n.cfg.Folder, &next); err != nil {
		return value.Failf(value.CodeFailed, "agent %q cannot keep its state: %w", n.cfg.Name, err)
	}
	n.state = next
	return nil
}

// note alters the state by what has happened, which is so whether or not it can be kept.
func (n *node) note(f func(*state)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(&n.state)
	return save(n.cfg.Folder, &n.state)
}

// view reads the state.
func (n *node) view(f func(*state)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(&n.state)
}

// held is a root whose volume is held open.
type held struct {
	*tree.Root
	spec rootSpec
	base string // of the root below its volume, "" for a whole volume
}

// dir opens a folder by its path relative to the root.
func (h *held) dir(path string) (*tree.Dir, error) { return h.Dir(tree.Join(h.base, path)) }

// hold opens the volume of each root.
func (n *node) hold(specs []rootSpec) (_ []*held, err error) {
	var roots []*held
	defer func() {
		if err != nil {
			release(roots)
		}
	}()
	for _, spec := range specs {
		h, err := n.open(spec.Path)
		if err != nil {
			return nil, err
		}
		h.spec = spec
		roots = append(roots, h)
	}
	return roots, nil
}

func release(roots []*held) {
	for _, h := range roots {
		h.Close()
	}
}

// open opens the volume of an agent's path.
func (n *node) open(path string) (*held, error) {
	volume, rest, err := mirror.SplitPath(path)
	if err != nil {
		return nil, err
	}
	folder, ok := n.cfg.Volumes[volume]
	switch {
	case ok:
		folder = inFolder(n.cfg.Folder, folder)
	case volume == "/":
		folder = "/"
	default:
		return nil, value.Failf(value.CodeNotThere, "agent %q has no volume %q", n.cfg.Name, volume).
			Hint("it has %s", strings.Join(slices.Sorted(maps.Keys(n.cfg.Volumes)), ", "))
	}
	root, err := tree.Open(folder)
	if err != nil {
		return nil, value.Failf(value.CodeNotThere, "volume %q of agent %q cannot be opened: %w", volume, n.cfg.Name, err)
	}
	return &held{Root: root, base: rest}, nil
}
