package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
	"github.com/standin-project/standin/runtime/value"
)

const (
	maxPasses     = 6 // how often a mirror looks again for what changed meanwhile
	maxAttempts   = 5 // how often a broken connection is made again
	progressEvery = 100 * time.Millisecond
)

// errStopped ends a mirror that was told to stop.
var errStopped = errors.New(mirror.WasStopped)

// task is what a run is to do: a mirror, or with onlyOrphans the removal of orphans alone, which is no mirror and has no
// number.
type task struct {
	opt         mirror.Mirror
	sweep       mirror.Sweep
	onlyOrphans bool
	goesOn      bool // it was cut off, and keeps its number
	held        bool // it begins paused, as it was cut off
}

// run is one mirror at its source, or the replication that follows it.
type run struct {
	task
	node        *node
	conn        mirror.Connection
	replication bool
	cancel      context.CancelCauseFunc
	done        chan struct{}
	err         error // how it ended; read it when done is closed

	mu       sync.Mutex
	info     mirror.Run
	resume   chan struct{} // open while the mirror is paused; nil otherwise
	retrying bool
	failed   string // why the replication cannot go on
	reported time.Time
	passes   int
}

func (r *run) stop() { r.cancel(errStopped) }

// wait waits until r has ended; it returns early when ctx ends.
func (r *run) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// now gives the mirror as it is.
func (r *run) now() (info mirror.Run, retrying bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info = r.info
	info.Listed = append([]string(nil), r.info.Listed...)
	if r.resume != nil {
		info.State = mirror.Paused
	}
	return info, r.retrying
}

func (r *run) set(f func(*mirror.Run)) {
	r.mu.Lock()
	f(&r.info)
	r.mu.Unlock()
	r.progress(true)
}

// progress tells the site's hook, some times a second.
func (r *run) progress(always bool) {
	hook := r.node.site.opt.Progress
	if hook == nil || r.replication {
		return
	}
	r.mu.Lock()
	now := time.Now()
	due := always || now.Sub(r.reported) >= progressEvery
	if due {
		r.reported = now
	}
	info := r.info
	r.mu.Unlock()
	if due {
		hook(Progress{Connection: r.conn, Run: info})
	}
}

// pass is called at every entry and block: it counts, and holds the mirror while it is paused.
func (r *run) pass(ctx context.Context, bytes int64) error {
	r.mu.Lock()
	r.info.Bytes += bytes
	resume := r.resume
	r.mu.Unlock()
	if resume != nil {
		select {
		case <-resume:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if bytes > 0 {
		r.progress(false)
	}
	return nil
}

func (r *run) file() {
	r.mu.Lock()
	r.info.Files++
	r.mu.Unlock()
	r.progress(false)
}

func (r *run) notCarried(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.info.NotCarried++; len(r.info.Listed) < mirror.MaxListed {
		r.info.Listed = append(r.info.Listed, printable(path))
	}
}

func (r *run) lastPass() bool { return r.passes >= maxPasses }

// paused says whether the mirror is held.
func (r *run) paused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resume != nil
}

// pause holds the mirror or lets it go on.
func (r *run) pause(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case on && r.resume == nil:
		r.resume = make(chan struct{})
	case !on && r.resume != nil:
		close(r.resume)
		r.resume = nil
	}
}

// hello is what r says to its target.
func (r *run) hello() hello {
	return hello{Connection: r.conn, Purpose: carry, Sweep: r.sweep, Restore: r.opt.Restore}
}

// session opens a connection to the target for what h says, and the roots at the source.
func (n *node) session(ctx context.Context, h hello) (*merge, error) {
	specs, _, err := rootsOf(h.Connection)
	if err != nil {
		return nil, err
	}
	roots, err := n.hold(specs)
	if err != nil {
		return nil, err
	}
	h.Key = make([]byte, 32)
	rand.Read(h.Key)
	for _, root := range roots {
		h.Places = append(h.Places, places(root)...)
	}
	n.view(func(st *state) { h.Marker = st.Markers[h.Connection.Set] })
	if h.Marker.Generation == 0 { // the first CONNECT makes it, once the target has agreed
		h.Marker = mirror.FirstMarker(h.Connection.Set)
	}
	conn, owner, err := n.dial(ctx, h)
	if err != nil {
		release(roots)
		return nil, err
	}
	return &merge{ctx: ctx, roots: roots, conn: conn, key: h.Key, hash: tree.NewHasher(h.Key), owner: owner}, nil
}

func (m *merge) close() {
	m.conn.Close()
	release(m.roots)
}

// start runs a mirror whose first session m is open.
func (r *run) start(ctx context.Context, m *merge) {
	go func() {
		defer func() { <-r.node.carrying(r.conn.ID) }()
		err := r.attempts(ctx, m)
		if cause := context.Cause(ctx); cause != nil && err != nil {
			err = cause
		}
		r.finish(err)
		r.cancel(nil)
	}()
}

// finish keeps how the mirror ended. The connection is free before anybody can see the mirror idle: who has waited for that
// may start the next one at once.
func (r *run) finish(err error) {
	r.mu.Lock()
	info := r.info
	r.mu.Unlock()
	info.State, info.Ended = mirror.Idle, time.Now()
	if err != nil {
		info.Error = words(err)
	}
	r.node.ended(r, info)
	r.mu.Lock()
	r.err, r.info = err, info
	r.mu.Unlock()
	r.progress(true)
	close(r.done)
}

// words gives an error with its ways out, for a status that keeps only text.
func words(err error) string {
	text := err.Error()
	if f, ok := errors.AsType[*value.Failure](err); ok {
		for _, hint := range f.Hints {
			text += "; " + hint
		}
	}
	return text
}

// attempts mirrors, and makes a connection that broke again.
func (r *run) attempts(ctx context.Context, m *merge) error {
	for attempt := 1; ; attempt++ {
		var err error
		if m == nil {
			m, err = r.node.session(ctx, r.hello())
		}
		if err == nil {
			r.again(false)
			err = r.mirror(ctx, m)
			m.close()
			m = nil
		}
		if err == nil || ctx.Err() != nil || !value.HasCode(err, value.CodeUnreachable) || attempt == maxAttempts {
			return err
		}
		r.again(true)
		select {
		case <-time.After(100 * time.Millisecond << attempt):
		case <-ctx.Done():
		}
	}
}

func (r *run) again(retrying bool) {
	r.mu.Lock()
	r.retrying = retrying
	if retrying {
		r.info.State = mirror.Waiting
	}
	r.mu.Unlock()
}

// mirror makes the target equal over one session.
func (r *run) mirror(ctx context.Context, m *merge) error {
	s := &sender{ctx: ctx, m: m, run: r, fresh: map[stamp]int64{}}
	m.sink = s
	if r.onlyOrphans {
		m.sink = finder{s}
	}
	if err := r.survey(ctx, m); err != nil {
		return err
	}
	quiet, changed, failures, err := r.equalise(s)
	if err != nil {
		return err
	}
	var held error
	if r.opt.Orphans && len(s.orphans) > 0 {
		if held = s.mayRemove(); held == nil {
			if err := r.removeOrphans(s, &failures); err != nil {
				return err
			}
			changed = true
			if len(m.conflicts) > 0 { // folders gave way
				if quiet, _, failures, err = r.equalise(s); err != nil {
					return err
				}
			}
		}
	}
	if len(m.conflicts) > 0 {
		failures.add(value.Quote(m.conflicts[0]) + " is a folder at the target; ORPHANS removes it")
	}
	for _, text := range m.errors {
		failures.add(text)
	}
	data := mirror.Good
	switch {
	case failures.count > 0 || s.restless > 0:
		data = mirror.Bad
	case !quiet:
		data = mirror.Crash
	}
	r.set(func(i *mirror.Run) { i.Unstable = s.restless })
	if changed && r.replication || !r.replication && !r.onlyOrphans {
		if err := s.finish(data); err != nil {
			return err
		}
	}
	if failures.count > 0 || held != nil {
		return errors.Join(failures.err(), held)
	}
	if r.replication {
		return nil
	}
	return r.node.remember(r.conn.Set, m.roots, r.sweep.UpTo > 0)
}

// failures are entries that could not be carried.
type failures struct {
	count int64
	first string
}

func (f *failures) add(text string) {
	if f.count++; f.count == 1 {
		f.first = text
	}
}

func (f *failures) take(rep report) {
	if rep.Failed > 0 && f.count == 0 {
		f.first = rep.Errors[0]
	}
	f.count += rep.Failed
}

func (f *failures) err() error {
	if f.count == 0 {
		return nil
	}
	return value.Failf(value.CodeFailed, "%d entries were not carried, the first: %s", f.count, f.first)
}

// survey counts what is to come, for those who watch.
func (r *run) survey(ctx context.Context, m *merge) error {
	if r.onlyOrphans || r.replication {
		return nil
	}
	r.set(func(i *mirror.Run) { i.State = mirror.Calculating })
	total, err := survey(ctx, m.roots)
	r.set(func(i *mirror.Run) { i.TotalFiles, i.TotalBytes = total.Files, total.Bytes })
	return err
}

// equalise walks both sides until a walk finds nothing to send. Quiet says that one did.
func (r *run) equalise(s *sender) (quiet, changed bool, f failures, err error) {
	r.set(func(i *mirror.Run) {
		i.State = mirror.Mirroring
		if i.Options.Restore {
			i.State = mirror.Restoring
		}
	})
	s.first, r.passes = true, 0
	s.m.how = r.opt.Compare
	for r.passes < maxPasses {
		r.passes++
		s.sent, s.restless, s.orphans, s.orphanFiles, s.targetFiles = 0, 0, nil, 0, 0
		if err = s.m.walk(); err != nil {
			return
		}
		var rep report
		if rep, err = s.commit(); err != nil {
			return
		}
		f = failures{}
		f.take(rep)
		changed = changed || s.sent > 0
		if s.sent == 0 && s.restless == 0 || r.onlyOrphans {
			return true, changed, f, nil
		}
		if s.restless > 0 {
			select {
			case <-time.After(10 * time.Millisecond << r.passes):
			case <-s.ctx.Done():
			}
		}
		s.first = false
		s.m.how = mirror.Compare{Newer: r.opt.Newer}
	}
	return false, changed, f, nil
}

// commit asks the target to make everything durable and visible.
func (s *sender) commit() (rep report, err error) {
	if err = s.m.conn.Send(wire.Commit); err == nil {
		err = s.m.conn.Flush()
	}
	if err != nil {
		return rep, s.why(err)
	}
	return rep, expect(s.m.conn, wire.Report, &rep)
}

func (s *sender) finish(data string) error {
	err := s.m.conn.SendJSON(wire.Done, done{Data: data})
	if err == nil {
		err = s.m.conn.Flush()
	}
	if err != nil {
		return s.why(err)
	}
	return expect(s.m.conn, wire.Report, nil)
}

// mayRemove says whether the orphans may go without asking.
func (s *sender) mayRemove() error {
	limit := s.run.node.site.opt.Orphans
	gone := s.orphanFiles
	for _, o := range s.orphans {
		if stamp := stampOf(o.info); o.info.Type == tree.File && s.fresh[stamp] > 0 {
			s.fresh[stamp]-- // renamed at the source
			gone--
		}
	}
	why, replaced := "", s.run.node.replaced(s.run.conn.Set, s.m.roots)
	switch {
	case s.run.sweep.UpTo > 0 && s.orphanFiles <= s.run.sweep.UpTo:
		return nil
	case len(s.m.errors) > 0:
		why = "not everything could be read: " + s.m.errors[0]
	case s.ofMissing():
		why = "the source's folder is missing or empty"
	case replaced != "":
		why = value.Quote(replaced) + " is another folder, or on another disk, than when it was first mirrored"
	case s.run.sweep.MoveTo == "" && gone > limit.Count && gone*100 > limit.Percent*s.targetFiles:
		why = fmt.Sprintf("that is more than %d and more than %d%% of its %d files", limit.Count, limit.Percent, s.targetFiles)
	default:
		return nil
	}
	return value.Failf(value.CodeConflict, "%d orphans on %s were kept: %s", s.orphanFiles, s.run.conn.Target, why).
		Hint("look with ORPHANS LIST %d, then ORPHANS START %d MOVE TO <folder>, or DELETE, UP TO %d",
			s.run.conn.ID, s.run.conn.ID, s.orphanFiles)
}

// ofMissing says whether a root that has lost everything is where orphans were found.
func (s *sender) ofMissing() bool {
	return slices.ContainsFunc(s.orphans, func(o orphan) bool { return s.m.missing[o.root] })
}

// removeOrphans sends the orphans, what is in a folder before the folder.
func (r *run) removeOrphans(s *sender, f *failures) error {
	r.set(func(i *mirror.Run) { i.State = mirror.RemovingOrphans })
	old := olderThan(r.sweep.OlderThan)
	for i := len(s.orphans) - 1; i >= 0; i-- {
		o := s.orphans[i]
		if !old(o.info) {
			continue
		}
		it := wire.Item{Root: o.root, Path: o.path, Info: o.info}
		it.Info.Name = ""
		if err := r.pass(s.ctx, 0); err != nil {
			return err
		}
		if err := s.send(wire.Remove, &it); err != nil {
			return err
		}
	}
	rep, err := s.commit()
	f.take(rep)
	r.set(func(i *mirror.Run) { i.Removed += rep.Removed })
	return err
}

// olderThan says whether an entry has not changed for d.
func olderThan(d time.Duration) func(tree.Info) bool {
	if d == 0 {
		return func(tree.Info) bool { return true }
	}
	limit := time.Now().Add(-d)
	return func(i tree.Info) bool { return time.Unix(i.Sec, i.Nsec).Before(limit) }
}
