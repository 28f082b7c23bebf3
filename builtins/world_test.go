package builtins_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/cluster"
	clusterembedded "github.com/standin-project/standin/builtins/cluster/embedded"
	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/core/host"
	"github.com/standin-project/standin/builtins/directory"
	directoryembedded "github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/builtins/dns"
	dnsembedded "github.com/standin-project/standin/builtins/dns/embedded"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
	"github.com/standin-project/standin/scripts"
)

// world is a whole embedded site that one process has open: all systems with their commands, as the program wires them.
type world struct {
	t        *testing.T
	dir      string
	agents   *agent.Site
	clusters map[string]cluster.System
	dns      *dnsembedded.Server
	ad       *directoryembedded.Server
	client   *ldap.Client
	source   string // of a script that a node runs; "" for the site's default
	note     *notebook
	gate     *gate
}

// folder gives a folder in memory where there is one: none of these tests is about the disk.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "standin-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// configs are the agents of a site.
func configs(dir string) []agent.Config {
	var all []agent.Config
	for name, address := range map[string]string{"east": "10.1.0.5", "west": "10.1.1.9"} {
		all = append(all, agent.Config{Name: name, Addresses: []string{address}, Folder: filepath.Join(dir, name), Volumes: map[string]string{"E:": "E"}})
	}
	return all
}

// newSite makes a fresh site in a folder.
func newSite(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	set := mirror.Set{Name: "mailstores", Saved: true, Rules: []mirror.Rule{{Path: `E:\Exchsrvr`, Recurse: true}}}
	for _, cfg := range configs(dir) {
		must(t, agent.Init(cfg, set))
		role := mirror.RoleTarget
		if cfg.Name == "east" {
			role = mirror.RoleSource
		}
		must(t, agent.Claim(cfg.Folder, set.Name, role))
		for _, name := range []string{"priv1.edb", "logs/E00.log"} {
			path := filepath.Join(cfg.Folder, "E", "Exchsrvr", name)
			must(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must(t, os.WriteFile(path, []byte("the "+name+" of "+cfg.Name), 0o644))
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "west", "E", "Exchsrvr", "orphan"), []byte("only here"), 0o644))
	must(t, clusterembedded.Init(dir))
	must(t, dnsembedded.Init(filepath.Join(dir, "dns1")))
	must(t, directoryembedded.Init(filepath.Join(dir, "ad"), directoryembedded.Fresh{Users: 3}))
	return dir
}

// copied copies a site that nobody has open.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := folder(t)
	if out, err := exec.Command("cp", "-a", dir+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("cannot copy the site: %v\n%s", err, out)
	}
	return to
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// enter opens a site, as a process does.
func enter(t *testing.T, dir string) *world {
	t.Helper()
	w := &world{t: t, dir: dir, clusters: map[string]cluster.System{}, gate: &gate{}}
	w.gate.open = sync.NewCond(&w.gate.mu)
	var err error
	w.agents, err = agent.Open(t.Context(), configs(dir), agent.Options{Progress: func(agent.Progress) { w.gate.pass() }})
	must(t, err)
	for _, name := range []string{"east", "west"} {
		w.clusters[name], err = clusterembedded.Open(filepath.Join(dir, "clusters", name+".json"), clusterembedded.Options{Root: dir, RunScript: w.script})
		must(t, err)
	}
	w.dns, err = dnsembedded.Open(filepath.Join(dir, "dns1"), "dns1")
	must(t, err)
	w.ad, err = directoryembedded.Open(filepath.Join(dir, "ad"))
	must(t, err)
	w.client, err = ldap.New(ldap.Config{URL: w.ad.URL(), Notes: w.ad.Notes()})
	must(t, err)
	return w
}

// leave ends the process's part: it waits for mirrors, and closes everything.
func (w *world) leave() {
	w.t.Helper()
	w.gate.set(false)
	must(w.t, errors.Join(w.agents.Close(context.Background()), w.client.Close(), w.ad.Close(), w.dns.Close()))
}

// gate holds mirrors while it is closed.
type gate struct {
	mu     sync.Mutex
	open   *sync.Cond
	closed bool
}

func (g *gate) set(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = closed
	g.open.Broadcast()
}

func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.closed {
		g.open.Wait()
	}
}

// The world is what its commands find.
func (w *world) systems() builtins.Systems {
	return builtins.Systems{Mirror: w, Cluster: w, DNS: w, Directory: w, Exchange: w, Core: w}
}

func (w *world) Mirror() (mirror.System, error) { return w.agents, nil }

func (w *world) Defaults() (source, target string) {
	if w.source != "" {
		return w.source, ""
	}
	return "east", "west"
}

func (w *world) Cluster(name string) (cluster.System, error) {
	if c := w.clusters[name]; c != nil {
		return c, nil
	}
	return nil, value.Failf(value.CodeNotThere, "no cluster %q", name)
}

func (w *world) Clusters() []string                         { return []string{"east", "west"} }
func (w *world) Server(string) (dns.System, error)          { return w.dns, nil }
func (w *world) Servers() []string                          { return []string{"dns1"} }
func (w *world) Directory(string) (directory.System, error) { return w.client, nil }
func (w *world) Host(string) (core.System, error)           { return host.Host{}, nil }
func (w *world) Options(string) ([]byte, error)             { return []byte("-s EXCH1 -t EXCH2"), nil }

func (w *world) Gate(context.Context, string, string, bool) error { return nil }

func (w *world) Organisation(context.Context, directory.Login) (string, directory.System, error) {
	return "ad", w.client, nil
}

type discard struct{ io.Writer }

func (discard) Close() error { return nil }

func (w *world) Log(context.Context, string) (io.WriteCloser, error) { return discard{io.Discard}, nil }

// notebook is the journal of a run with those of the scripts that it has run; it outlives the process.
type notebook struct {
	mu       sync.Mutex
	entries  []plan.Entry
	children []*child
}

type child struct {
	notebook
	place  string
	change string
}

func (n *notebook) Append(e *plan.Entry, _ bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	e.Seq = len(n.entries) + 1
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	var kept plan.Entry
	err = json.Unmarshal(text, &kept)
	n.entries = append(n.entries, kept)
	return err
}

// copy gives a notebook to go on with twice.
func (n *notebook) copy() *notebook {
	c := &notebook{entries: append([]plan.Entry(nil), n.entries...)}
	for _, ch := range n.children {
		c.children = append(c.children, &child{notebook{entries: append([]plan.Entry(nil), ch.entries...)}, ch.place, ch.change})
	}
	return c
}

// program reads a script.
func program(t *testing.T, name, text string) *vm.Program {
	t.Helper()
	set, err := builtins.Set(builtins.All(builtins.Systems{}))
	must(t, err)
	file, ds := syntax.Parse(&diag.Source{Name: name, Text: text + "\n"}, syntax.Options{OldLine: set.OldLine})
	p, more := check.Check(file, set, check.Options{})
	for _, d := range append(ds, more...) {
		t.Fatalf("%s: %v", text, d)
	}
	unit, ds := lower.Lower(p, lower.Options{})
	if len(ds) > 0 {
		t.Fatal(ds[0])
	}
	return vm.Load(unit)
}

// script runs the script of a resource as a child of the run.
func (w *world) script(ctx context.Context, s cluster.Script) error {
	parent, ok := plan.From(ctx)
	if !ok {
		return errors.New("a resource's script runs only inside a run")
	}
	name := s.Event + ".dtcl"
	text, err := scripts.FS.ReadFile(name)
	if err != nil {
		return err
	}
	node := *w
	node.source = s.Cluster
	c := &child{place: plan.Doing(ctx), change: s.Change}
	w.note.mu.Lock()
	w.note.children = append(w.note.children, c)
	w.note.mu.Unlock()
	params := map[string]value.Value{"set": value.Text(s.Params["set"]), "target": value.Text(s.Params["target"])}
	own := plan.Config{ID: "child", Journal: c, Lookup: builtins.Lookup(builtins.All(node.systems()))}
	return parent.RunChild(ctx, name, own, program(w.t, name, string(text)), params)
}

// run runs a script; one that the notebook knows goes on from there. held is asked before every write.
func (w *world) run(script string, note *notebook, held func(context.Context) error) error {
	w.t.Helper()
	w.note = note
	c := plan.Config{ID: "run", Lookup: builtins.Lookup(builtins.All(w.systems())), Journal: note, Out: io.Discard, Held: held}
	if len(note.entries) > 0 {
		var children [][]plan.Entry
		for _, ch := range note.children {
			children = append(children, ch.entries)
		}
		c.Past = plan.NewPast(note.entries, children...)
	}
	walk := plan.New(c)
	return program(w.t, "test.dtcl", script).Run(walk.Start(w.t.Context()), walk, nil)
}

// undo takes back what the notebook tells. Its own notes are lost: taking back twice must do no harm.
func (w *world) undo(note *notebook, held func(context.Context) error) (*plan.TakenBack, error) {
	w.t.Helper()
	u := plan.Undo{Entries: note.entries}
	for _, ch := range note.children {
		u.Children = append(u.Children, plan.Child{ID: "child", Place: ch.place, Change: ch.change, Entries: ch.entries})
	}
	w.note = &notebook{}
	c := plan.Config{ID: "run", Lookup: builtins.Lookup(builtins.All(w.systems())), Journal: w.note, Out: io.Discard, Held: held}
	return plan.TakeBack(w.t.Context(), c, u, nil)
}

// show gives everything that can be seen of the site, as `site show` prints it and what reading commands answer, without
// what blurred names.
func (w *world) show(blurred ...string) map[string]any {
	w.t.Helper()
	ctx, all := w.t.Context(), map[string]any{}
	keep := func(name string, v any, err error) {
		w.t.Helper()
		if value.HasCode(err, value.CodeUnreachable) {
			v, err = "away", nil
		}
		must(w.t, err)
		text, err := json.Marshal(v)
		must(w.t, err)
		var plain any
		must(w.t, json.Unmarshal(text, &plain))
		all[name] = prune(plain, blurred)
	}
	for name, c := range w.clusters {
		shown, err := c.(*clusterembedded.Cluster).Show(ctx)
		keep("cluster "+name, shown, err)
		state, err := c.State(ctx)
		keep("notes "+name, state, err)
	}
	records, err := w.dns.Show(ctx)
	keep("dns", records, err)
	entries, err := directory.Show(ctx, w.client)
	keep("directory", entries, err)
	note, err := w.client.Note(ctx, "failover-exch1-to-exch2")
	keep("failover", string(note), err)
	agents, err := w.agents.Show(ctx)
	keep("agents", agents, err)
	for _, name := range w.agents.Agents() {
		about, err := w.agents.Agent(ctx, name)
		keep("settings of "+name, about.Settings, err)
		sets, err := w.agents.Sets(ctx, name)
		keep("sets of "+name, sets, err)
		inbound, err := w.agents.Inbound(ctx, name)
		keep("inbound of "+name, inbound, err)
		markers := map[string]mirror.Marker{}
		for _, set := range []string{"mailstores", "other", "mail"} {
			if markers[set], err = w.agents.Marker(ctx, name, set); err != nil {
				break
			}
		}
		keep("markers of "+name, markers, err)
	}
	return prune(all, blurred).(map[string]any)
}

// prune drops times, serials, and what names say.
func prune(v any, names []string) any {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			drop := strings.HasSuffix(key, "time") || strings.HasSuffix(key, "serial")
			for _, name := range names {
				drop = drop || key == name
			}
			if drop {
				delete(v, key)
				continue
			}
			v[key] = prune(member, names)
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i], names)
		}
	}
	return v
}
