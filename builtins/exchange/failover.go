package exchange

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// step is one of the things that a failover changes, with what it takes.
type step struct {
	kind     string // names what the record keeps of it; "" is not recorded
	what     string
	from, to string
	batches  batches
}

// job is one EXCHFAILOVER: what it was asked, what it found and what it will do.
type job struct {
	cfg  commands
	opt  *options
	say  func(format string, args ...any)
	name string // of the directory
	dir  directory.System
	info directory.Info

	source, target *server
	giving, taking *server
	pairs          []pair
	key            string
	before         []byte // the record as it was read
	record         *record
	next           *record // as it will be; nil if this run does not concern it

	steps    []step
	withheld map[string]bool // kinds of steps that the account has no right to make
	left     []string        // what stays as it is, and why
	byHand   []string        // what a person has to look at
}

// observe reads everything and says what would change.
func (c commands) observe(ctx context.Context, call *def.Call) (*def.Action, error) {
	j, err := c.survey(ctx, call)
	if err != nil {
		return nil, err
	}
	changes := j.changes()
	if j.opt.has("test") {
		j.tell(call.Say)
		for _, ch := range changes {
			call.Say("would change: %s (%s): %s → %s", ch.What, many(ch.Count), ch.From, ch.To)
		}
		return &def.Action{Done: plan.Yes, Why: "-test changes nothing", Result: value.Int(0)}, nil
	}
	if len(changes) == 0 {
		return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("nothing to change: %s already stands where -%s wants it", j.giving.name, j.direction())}, nil
	}
	return &def.Action{Done: plan.No, Changes: changes, Do: j.do}, nil
}

// survey is the reading half: it refuses what cannot be done and computes the steps.
func (c commands) survey(ctx context.Context, call *def.Call) (*job, error) {
	opt, err := readOptions(call, c.Options)
	if err != nil {
		return nil, err
	}
	plan.Learn(ctx, value.Secret(opt.login.Password)) // it may come from the file of options
	j := &job{cfg: c, opt: opt, say: call.Say}
	if j.name, j.dir, err = c.Organisation(ctx, opt.login); err != nil {
		return nil, err
	}
	if j.info, err = j.dir.Info(ctx); err != nil {
		return nil, err
	}
	if j.source, err = readServer(ctx, j.dir, j.info, opt.source); err != nil {
		return nil, err
	}
	if j.target, err = readServer(ctx, j.dir, j.info, opt.target); err != nil {
		return nil, err
	}
	j.giving, j.taking = j.source, j.target
	if opt.failback() {
		j.giving, j.taking = j.target, j.source
	}
	if err := c.Gate(ctx, j.giving.name, j.taking.name, opt.failback()); err != nil {
		if !opt.has("test") || ctx.Err() != nil {
			return nil, err
		}
		call.Say("now it would be refused: %v", err) // -test is for the day before, while the source still serves
	}
	j.key = recordKey(j.source.name, j.target.name)
	if j.record, j.before, err = readRecord(ctx, j.dir, j.key); err != nil {
		return nil, err
	}
	if err := j.notReversed(ctx); err != nil {
		return nil, err
	}
	if err := j.pairUp(); err != nil {
		return nil, err
	}
	if r := j.record; r != nil && r.Open && r.Server != j.info.Server {
		j.byHand = append(j.byHand, fmt.Sprintf("the failover was made on directory server %s, this is %s: see that they have replicated", r.Server, j.info.Server))
	}
	return j, j.plan(ctx)
}

// notReversed refuses a failover of the server that is standing in: that would be its failback, without its record.
func (j *job) notReversed(ctx context.Context) error {
	other, _, err := readRecord(ctx, j.dir, recordKey(j.target.name, j.source.name))
	if err != nil || j.opt.failback() || other == nil || !other.Open {
		return err
	}
	return value.Failf(value.CodeConflict, "%s stands in for %s: that failover is not failed back yet", j.source.name, j.target.name).
		Hint("EXCHFAILOVER -FAILBACK -s %s -t %s", j.target.name, j.source.name)
}

// pairUp pairs the stores. A failback without rules keeps the failover's pairs.
func (j *job) pairUp() error {
	var p *pairing
	if j.opt.failback() && len(j.opt.rules) == 0 && j.record != nil {
		p = recordedPairs(j.source, j.target, j.record.Pairs)
	} else {
		p = pairStores(j.source, j.target, j.opt.rules)
	}
	j.pairs = p.pairs
	return p.failure()
}

func (j *job) direction() string {
	if j.opt.failback() {
		return "FAILBACK"
	}
	return "FAILOVER"
}

// sides gives a pair as the store that gives its mailboxes and the one that takes them.
func (j *job) sides(p pair) (giving, taking *store) {
	if j.opt.failback() {
		return p.target, p.source
	}
	return p.source, p.target
}

// plan computes the steps in their order.
func (j *job) plan(ctx context.Context) error {
	if j.opt.has("setup") {
		j.flags()
		return j.rights(ctx)
	}
	work := j.failover
	if j.opt.failback() {
		work = j.failback
	}
	if err := work(ctx); err != nil {
		return err
	}
	if err := j.rights(ctx); err != nil {
		return err
	}
	j.remember()
	return j.leftovers(ctx)
}

// remember computes what the record will hold: in a failover also what is about to be moved, in a failback only what
// is not yet back.
func (j *job) remember() {
	switch {
	case j.next == nil:
	case !j.opt.failback():
		for _, s := range j.steps {
			if s.kind != "" {
				j.next.add(s.kind, s.batches)
			}
		}
	default:
		for _, p := range j.parts() {
			if !j.withheld[p.kind] {
				delete(j.next.Moved, p.kind)
			}
		}
		j.next.Open = len(j.next.Moved) > 0
	}
}

// part is one step: the kind under which the record keeps it, and how it is computed going there. Going back is the
// same for all of them: what was recorded is taken back.
type part struct {
	kind string
	work func(context.Context) error
}

// parts are the steps that the options ask for, apart from the flags, in a failover's order.
func (j *job) parts() []part {
	var parts []part
	add := func(wanted bool, kind string, work func(context.Context) error) {
		if wanted {
			parts = append(parts, part{kind, work})
		}
	}
	all := !j.opt.has("onlypublicfolders")
	public := !j.opt.has("nopublicfolders")
	add(all, "users", j.users)
	add(public, "public folders", j.publicFolders)
	add(public, "offline address book", j.offlineAddressBook)
	add(public, "site folder server", j.siteFolderServer)
	add(all && !j.opt.has("norus"), "recipient update service", j.recipientUpdate)
	add(all, "routing master", j.routingMaster)
	add(all && !j.opt.has("nospn"), "service principal names", j.principalNames)
	add(all, "bindings", j.bindings)
	return parts
}

func (j *job) failover(ctx context.Context) error {
	if j.record == nil || !j.record.Open {
		j.next = &record{Source: j.source.name, Target: j.target.name, Server: j.info.Server, USN: j.info.USN, Open: true, Moved: map[string]batches{}}
		if err := j.owned(ctx); err != nil {
			return err
		}
	} else {
		j.next = j.record.clone()
	}
	j.next.Pairs = nil
	for _, p := range j.pairs {
		j.next.Pairs = append(j.next.Pairs, [2]string{p.source.dn, p.target.dn})
	}
	j.flags()
	for _, p := range j.parts() {
		if err := p.work(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) failback(ctx context.Context) error {
	if j.record == nil {
		return j.unrecorded(ctx)
	}
	if !j.record.Open {
		return nil
	}
	j.next = j.record.clone()
	parts := j.parts()
	if i := slices.IndexFunc(parts, func(p part) bool { return p.kind == "bindings" }); i >= 0 {
		if err := j.takeBack(ctx, "bindings"); err != nil {
			return err
		}
		parts = slices.Delete(parts, i, i+1)
	}
	j.flags()
	for _, p := range parts {
		back := j.takeBack
		if p.kind == "users" {
			back = j.usersBack
		}
		if err := back(ctx, p.kind); err != nil {
			return err
		}
	}
	return nil
}

// unrecorded is a failback that nobody recorded a failover for: all that names the target goes to the source, but
// only after the operator has read what that is and typed it.
func (j *job) unrecorded(ctx context.Context) error {
	j.flags()
	for _, p := range j.parts() {
		if err := p.work(ctx); err != nil {
			return err
		}
	}
	objects := 0
	for _, s := range j.steps {
		objects += s.batches.count()
	}
	sentence := fmt.Sprintf("return %d objects to %s", objects, j.source.name)
	if objects == 0 || j.opt.has("test") || strings.EqualFold(strings.TrimSpace(j.opt.typed), sentence) {
		return nil
	}
	f := value.Failf(value.CodeRefused, "no record of a failover from %s to %s: cannot tell what %s owns itself", j.source.name, j.target.name, j.target.name)
	for _, s := range j.steps {
		f.Hint("would change %s (%s): %s → %s", s.what, many(s.batches.count()), s.from, s.to)
	}
	return f.Hint("if all of this belongs to %s, type it: -typed %q", j.source.name, sentence)
}

// changes gives the steps as the walk journals them, the record first: it is written before anything else.
func (j *job) changes() []plan.Change {
	system := "directory " + j.name
	var changes []plan.Change
	if j.next != nil && (j.before == nil || string(j.next.raw()) != string(j.before)) {
		changes = append(changes, plan.Change{System: system, What: fmt.Sprintf("record of the failover from %s to %s", j.source.name, j.target.name),
			From: j.record.state(), To: j.next.state(), Inverse: inverse{User: j.opt.login.User, Note: j.key, Before: j.before, After: j.next.digest()}.raw()})
	}
	for _, s := range j.steps {
		changes = append(changes, plan.Change{System: system, What: s.what, From: s.from, To: s.to, Count: s.batches.count(),
			Inverse: inverse{User: j.opt.login.User, Batches: s.batches}.raw()})
	}
	return changes
}

// do makes the steps. In a failover the record stands before the first write, so that whatever cuts it off, what was
// moved is known; in a failback it is closed only after the last.
func (j *job) do(ctx context.Context) (value.Value, error) {
	log, err := j.cfg.Log(ctx, j.opt.log)
	if err != nil {
		return nil, value.Failf(value.CodeFailed, "cannot open log %q: %w", j.opt.log, err).Hint("name another file with -l")
	}
	n, err := j.write(ctx, log)
	if err != nil {
		logf(log, "failed after %d objects: %v", n, err)
	}
	if closed := log.Close(); err == nil && closed != nil {
		err = value.Failf(value.CodeFailed, "cannot write log %q: %w", j.opt.log, closed)
	}
	return value.Int(int64(n)), err
}

func (j *job) write(ctx context.Context, log io.Writer) (n int, err error) {
	logf(log, "EXCHFAILOVER -%s from %s to %s, directory %s, server %s, USN %s", j.direction(), j.giving.name, j.taking.name, j.name, j.info.Server, j.info.USN)
	j.tell(func(format string, args ...any) {
		j.say(format, args...)
		logf(log, format, args...)
	})
	save := func() error {
		if j.next == nil {
			return nil
		}
		return j.dir.SetNote(ctx, j.key, j.next.raw())
	}
	if !j.opt.failback() {
		if err := save(); err != nil {
			return 0, err
		}
	}
	for _, s := range j.steps {
		if err := s.batches.apply(ctx, j.dir, func(done int) { j.say("%s: %d of %d", s.what, done, s.batches.count()) }); err != nil {
			return n, err
		}
		n += s.batches.count()
		logf(log, "changed %s (%s): %s -> %s", s.what, many(s.batches.count()), s.from, s.to)
	}
	if j.opt.failback() {
		err = save()
	}
	return n, err
}

// maxTold bounds a list that is told line by line.
const maxTold = 50

// tell says what stays as it is and what a person has to do.
func (j *job) tell(say func(format string, args ...any)) {
	for _, list := range []struct {
		title string
		lines []string
	}{{"stays", j.left}, {"by hand", j.byHand}} {
		for i, line := range list.lines {
			if i == maxTold {
				say("%s: and %d more", list.title, len(list.lines)-i)
				break
			}
			say("%s: %s", list.title, line)
		}
	}
}

func logf(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, time.Now().Format(time.DateTime)+" "+format+"\n", args...)
}

func many(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}
