package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
	"github.com/standin-project/standin/runtime/value"
)

// hello is what a source says first.
type hello struct {
	Connection mirror.Connection `json:"connection"`
	Marker     mirror.Marker     `json:"marker"` // of the source's root
	Purpose    purpose           `json:"purpose"`
	Key        []byte            `json:"key"` // of the sums, random for each session
	Sweep      mirror.Sweep      `json:"sweep"`
	Restore    bool              `json:"restore,omitempty"` // the mirror may go over an older source
	Was        *mirror.Inbound   `json:"was,omitempty"`     // what the target remembers again once a connection is retracted
	// Places are the identities of the source's roots and the folders above them, so that no mirror goes onto itself.
	Places []string `json:"places,omitempty"`
}

// purpose is what a session may do.
type purpose string

const (
	attach  purpose = "attach"  // make the connection known
	detach  purpose = "detach"  // it has ended
	retract purpose = "retract" // it never was
	revive  purpose = "revive"  // it has not ended, whoever owns the data since
	look    purpose = "look"    // compare, write nothing
	carry   purpose = "carry"   // mirror, remove orphans
)

// report is what a target has applied.
type report struct {
	Removed int64    `json:"removed"`
	Errors  []string `json:"errors,omitempty"`
	Failed  int64    `json:"failed"` // how many, Errors names the first
}

// done is how a mirror ended, in the words of its source.
type done struct {
	Data string `json:"data"`
}

// receiver is the target's side of one session.
type receiver struct {
	node  *node
	conn  *wire.Conn
	hello hello
	roots []*held
	send  sync.Mutex
	ended chan struct{}

	walking chan error // of the walk that runs; nil for none
	cancel  context.CancelFunc

	report    report
	batch     batch
	unsettled bool      // something is visible that is not durable yet
	file      *incoming // the file that is being written; nil for none
	dir       cachedDir
	bad       bool // the target's data is marked as incomplete
}

// receive carries out one session. Its error is told to the peer.
func (n *node) receive(c *wire.Conn, h hello) error {
	if h.Connection.Target != n.cfg.Name || len(h.Key) != 32 {
		return value.Failf(value.CodeRefused, "agent %q is not meant", n.cfg.Name)
	}
	_, specs, err := rootsOf(h.Connection)
	if err != nil {
		return err
	}
	roots, err := n.hold(specs)
	if err != nil {
		return err
	}
	defer release(roots)
	r := &receiver{node: n, conn: c, hello: h, roots: roots, ended: make(chan struct{})}
	if err := r.admit(); err != nil {
		return err
	}
	defer n.forget(r)
	if err := c.SendJSON(wire.Welcome, os.Geteuid() == 0); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	defer r.close()
	for {
		kind, body, err := c.Receive()
		if err != nil {
			return err // the peer is gone: nobody hears this
		}
		if err := r.handle(ctx, kind, body); err != nil {
			r.stopWalk()
			return err
		}
	}
}

// admit decides whether the session may begin, and registers it.
func (r *receiver) admit() error {
	c, n := r.hello.Connection, r.node
	if err := r.checkGrants(); err != nil {
		return err
	}
	if r.hello.Purpose == look {
		return n.join(r)
	}
	if err := r.checkPlaces(); err != nil {
		return err
	}
	err := n.change(func(st *state) error {
		switch r.hello.Purpose {
		case detach:
			st.Inbound = mirror.Change(st.Inbound, c, func(in *mirror.Inbound) { in.Connected = false })
			return nil
		case retract:
			st.Inbound = mirror.Retract(st.Inbound, c, r.hello.Was)
			return nil
		}
		if err := mirror.Taken(st.Inbound, c); err != nil {
			return err
		}
		if r.hello.Purpose == revive {
			st.Inbound = mirror.Revive(st.Inbound, c, st.Markers[c.Set].Generation)
			return nil
		}
		after, err := r.hello.admit(st.Markers[c.Set])
		if err != nil {
			return err
		}
		st.Markers[c.Set] = after
		st.Inbound = mirror.Attach(st.Inbound, c, after.Generation)
		return nil
	})
	if err != nil {
		return err
	}
	if r.hello.Purpose == carry {
		// A session of the same connection that still hangs is one whose source has given it up.
		n.cutSessions(func(o *receiver) bool {
			return o.hello.Purpose == carry && o.hello.Connection.Set == c.Set
		})
	}
	return n.join(r)
}

// admit asks the markers whether the session may begin, and gives what the target's then is.
func (h *hello) admit(over mirror.Marker) (mirror.Marker, error) {
	if h.Purpose == attach {
		return mirror.AdmitConnection(h.Connection, h.Marker, over)
	}
	return mirror.Admit(h.Connection, h.Marker, over, h.Restore)
}

// checkPlaces refuses a target root that is a folder of the source, on this very machine.
func (r *receiver) checkPlaces() error {
	for _, h := range r.roots {
		for _, place := range places(h) {
			if slices.Contains(r.hello.Places, place) {
				return value.Failf(value.CodeConflict, "%s on %s is the same folder as the source's", value.Quote(h.spec.Path), r.node.cfg.Name).
					Hint("MAP it to another path")
			}
		}
	}
	return nil
}

// checkGrants refuses a source that may not write here, or where it wants orphans to be moved. Nor may it look: sums of
// blocks tell what is in a file.
func (r *receiver) checkGrants() error {
	var paths []string
	for _, h := range r.roots {
		paths = append(paths, h.spec.Path)
	}
	if to := r.hello.Sweep.MoveTo; to != "" {
		paths = append(paths, to)
	}
	source, grants := r.hello.Connection.Source, r.node.cfg.Grants
	for _, path := range paths {
		granted := slices.ContainsFunc(grants[source], func(folder string) bool {
			_, below := mirror.Below(path, folder)
			return below
		})
		if grants != nil && !granted {
			return value.Failf(value.CodeRefused, "agent %q grants %q nothing in %s", r.node.cfg.Name, source, value.Quote(path)).
				Hint("the agent's grants say where it may look and write")
		}
	}
	return nil
}

// places gives the identity of a root's folder.
func places(h *held) []string {
	info, err := h.Stat(h.base)
	if err != nil {
		return nil // it does not exist yet
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return []string{fmt.Sprintf("%x:%x@%s", info.Dev, info.Ino, boot)}
}

func (n *node) join(r *receiver) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sessions[r] = true
	return nil
}

func (n *node) forget(r *receiver) {
	n.mu.Lock()
	delete(n.sessions, r)
	n.mu.Unlock()
	close(r.ended)
}

// cutSessions ends the sessions that which picks and waits until they have let go.
func (n *node) cutSessions(which func(*receiver) bool) {
	n.mu.Lock()
	var cut []*receiver
	for r := range n.sessions {
		if which(r) {
			cut = append(cut, r)
		}
	}
	n.mu.Unlock()
	for _, r := range cut {
		r.conn.Close()
		<-r.ended
	}
}

func (r *receiver) close() {
	r.stopWalk()
	if r.file != nil {
		r.file.drop()
	}
	r.batch.drop()
	r.dir.close()
}

// stopWalk ends the walk between two of its frames, so that a refusal can follow. The peer may be sending and come to
// reading only then: what it sends meanwhile is dropped.
func (r *receiver) stopWalk() {
	r.cancel()
	if r.walking == nil {
		return
	}
	select {
	case <-r.walking:
	case <-r.conn.Drain(handshakeTime): // a peer that neither sends nor reads: nothing will reach it
		r.conn.Close()
		<-r.walking
	}
	r.walking = nil
}

// handle carries out one frame of the source. An error ends the session.
func (r *receiver) handle(ctx context.Context, kind wire.Kind, body []byte) error {
	if r.file != nil && !slices.Contains([]wire.Kind{wire.Data, wire.Zero, wire.Abort, wire.End}, kind) {
		return value.Failf(value.CodeRefused, "agent %q did something else inside a file", r.hello.Connection.Source)
	}
	switch kind {
	case wire.Walk:
		return r.walk(ctx, len(body) == 1 && body[0] == 1)
	case wire.Commit:
		return r.commit()
	}
	if r.hello.Purpose != carry {
		return value.Failf(value.CodeRefused, "agent %q may only look", r.hello.Connection.Source)
	}
	if kind == wire.Done {
		var d done
		if err := json.Unmarshal(body, &d); err != nil {
			return err
		}
		return r.finish(d)
	}
	if kind != wire.Remove { // orphans are no part of the data
		if err := r.markBad(); err != nil {
			return err
		}
	}
	switch kind {
	case wire.Data, wire.Zero, wire.Abort:
		return r.fatal("", r.write(kind, body))
	case wire.MakeDir, wire.Put, wire.Patch, wire.End, wire.Link, wire.Symlink, wire.Meta, wire.Remove:
		it, err := wire.ParseItem(body)
		if err != nil {
			return err
		}
		if err := r.check(&it); err != nil {
			return err
		}
		return r.fatal(it.Path, r.apply(kind, &it))
	}
	return value.Failf(value.CodeRefused, "agent %q does not know frame %d", r.node.cfg.Name, kind)
}

// check refuses an item that is not inside the roots of this connection.
func (r *receiver) check(it *wire.Item) error {
	bad := value.Failf(value.CodeRefused, "agent %q may not name %s", r.hello.Connection.Source, value.Quote(it.Path))
	inside := func(root int, path string) bool {
		return root < len(r.roots) && (path == "" || mirror.CheckRelative(path) == nil) &&
			r.roots[root].spec.verdict(path, it.Info.Type == tree.Folder) != out
	}
	if !inside(it.Root, it.Path) || it.LinkPath != "" && !inside(it.LinkRoot, it.LinkPath) {
		return bad
	}
	return nil
}

// fatal notes an error of one entry and lets the mirror go on; it gives back the errors that no other entry would
// be spared.
func (r *receiver) fatal(path string, err error) error {
	if err == nil {
		return nil
	}
	for _, no := range []error{unix.ENOSPC, unix.EDQUOT} {
		if errors.Is(err, no) {
			return value.Failf(value.CodeFailed, "the disk of agent %q is full: %w", r.node.cfg.Name, err).
				Hint("make room, then start the mirror again")
		}
	}
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EIO) {
		return value.Failf(value.CodeFailed, "agent %q cannot write: %w", r.node.cfg.Name, err)
	}
	if f, ok := errors.AsType[*value.Failure](err); ok {
		return f
	}
	if r.report.Failed++; len(r.report.Errors) < mirror.MaxListed {
		r.report.Errors = append(r.report.Errors, fmt.Sprintf("%s: %v", value.Quote(path), err))
	}
	return nil
}

// walk starts sending this side's entries, while what the source sends is applied.
func (r *receiver) walk(ctx context.Context, sums bool) error {
	if r.walking != nil {
		err := <-r.walking
		if r.walking = nil; err != nil {
			return err
		}
	}
	e := &emitter{
		mu: &r.send, conn: r.conn, roots: r.roots, key: r.hello.Key, hash: tree.NewHasher(r.hello.Key),
		sums: sums, clean: r.hello.Purpose == carry,
	}
	r.walking = make(chan error, 1)
	go func() { r.walking <- e.walk(ctx) }()
	return nil
}

// commit makes everything so far durable and answers with what was done.
func (r *receiver) commit() error {
	if err := r.settle(); err != nil {
		return err
	}
	if r.walking != nil {
		err := <-r.walking
		r.walking = nil
		if err != nil {
			return err
		}
	}
	r.send.Lock()
	defer r.send.Unlock()
	if err := r.conn.SendJSON(wire.Report, r.report); err != nil {
		return err
	}
	r.report = report{}
	return r.conn.Flush()
}

// markBad makes it durable, before the first change, that the target's data is not whole.
func (r *receiver) markBad() error {
	if r.bad {
		return nil
	}
	r.bad = true
	return r.record(func(in *mirror.Inbound) { in.Data = mirror.Bad })
}

// finish makes everything durable, then says so in the record.
func (r *receiver) finish(d done) error {
	if !slices.Contains([]string{mirror.Good, mirror.Crash, mirror.Bad}, d.Data) {
		return value.Failf(value.CodeRefused, "agent %q has no data state %q", r.node.cfg.Name, d.Data)
	}
	if err := r.settle(); err != nil {
		return err
	}
	if err := r.record(func(in *mirror.Inbound) { in.Data, in.Applied = d.Data, time.Now() }); err != nil {
		return err
	}
	r.bad = false
	return r.commit()
}

// record changes the target's record of the connection, unless a newer generation owns the data now.
func (r *receiver) record(f func(*mirror.Inbound)) error {
	c := r.hello.Connection
	return r.node.change(func(st *state) error {
		if _, err := mirror.Admit(c, r.hello.Marker, st.Markers[c.Set], false); err != nil {
			return err
		}
		st.Inbound = mirror.Change(st.Inbound, c, f)
		return nil
	})
}
