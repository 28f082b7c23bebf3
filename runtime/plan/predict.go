package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Limits of a plan: beyond them it says that it could not predict the rest.
const (
	maxWalks    = 64
	maxCommands = 100_000
)

// Predict walks a program over the systems' read-only faces and says what a run would do. fresh makes the records over
// new overlays, so that each walk begins with the live world and no planned changes. The error is about the plan itself;
// what the run would meet stands in the Plan.
func Predict(ctx context.Context, c Config, fresh func() Lookup, p Program, params map[string]value.Value) (*Plan, error) {
	reads, now := make(map[string]recorded), time.Now() // all walks see one world at one moment
	var walks []*prediction
	for prefix, more := []bool(nil), true; more; {
		if len(walks) == maxWalks {
			last := walks[len(walks)-1]
			last.miss("", fmt.Sprintf("more than %d ways through the script's branches on unknown values", maxWalks))
			break
		}
		w := New(c)
		w.Lookup = fresh()
		w.predict = &prediction{prefix: prefix, reads: reads, now: now, secrets: w.secrets, seen: make(map[string]int)}
		err := p.Run(w.Start(ctx), w, params)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		w.predict.ended(err)
		walks = append(walks, w.predict)
		prefix, more = next(w.predict.taken)
	}
	return merge(walks), nil
}

// next is the next way through the branches, depth first: the last one that went yes goes no.
func next(taken []bool) ([]bool, bool) {
	for i := len(taken) - 1; i >= 0; i-- {
		if taken[i] {
			return append(append([]bool(nil), taken[:i]...), false), true
		}
	}
	return nil, false
}

type recorded struct {
	v   value.Value
	err error
}

// prediction is what one planning walk has found so far.
type prediction struct {
	items  []Line
	depth  int
	prefix []bool // which way to go at the first branches on unknown
	taken  []bool // which way went at all of them

	reads    map[string]recorded // reads already made, by place and the branches before: shared by all walks
	seen     map[string]int      // reads of this walk by statement → how many changes were planned before
	now      time.Time
	secrets  *Secrets
	commands int
	changes  int
	only     bool // inside a handler: what is printed runs only if something fails
	// rehearses marks a plan of one change beside a walk: its guard has it made on overlays.
	rehearses bool
	last      *value.Failure // of the commands that are foretold to fail
	failure   error
}

func (p *prediction) add(i Line) {
	i.Depth, i.Only = p.depth, p.only
	i.Text, i.Why, i.Changes = p.secrets.text(i.Text), p.secrets.text(i.Why), p.secrets.changes(i.Changes)
	p.items = append(p.items, i)
}

// miss adds something that the plan could not predict.
func (p *prediction) miss(at, why string) {
	p.add(Line{Kind: itemUnknown, Why: why, Line: at})
}

// ended notes how the walk ended: the run would end the same way.
func (p *prediction) ended(err error) {
	var exit *vm.Exit
	if err == nil || errors.As(err, &exit) && exit.Code == 0 {
		return
	}
	p.failure = err
	p.depth = 0
	if value.HasCode(err, value.CodeUnreachable) {
		p.miss("", AsFailure(err).Message) // what comes after it cannot be known; a failure that the script handles is a prediction
	}
	p.add(Line{Kind: itemFailure, Text: err.Error(), Err: err})
}

// call predicts one command.
func (p *prediction) call(ctx context.Context, c command) (value.Value, error) {
	if p.commands++; p.commands > maxCommands {
		p.miss(line(c.at), fmt.Sprintf("the script carries out more than %d commands", maxCommands))
		return nil, errTooLong
	}
	if p.only {
		p.add(Line{Kind: itemCommand, Text: c.text, Line: line(c.at), Place: c.Place})
		return value.Unknown("it runs only if something fails"), nil
	}
	if why, ok := unknownOperand(c.Vals); ok {
		return p.unknown(c, why), nil
	}
	switch c.sig.Effect {
	case sig.Session:
		return c.rec.Read(ctx, c.Call)
	case sig.Waits:
		p.add(Line{Kind: itemWait, Text: c.text, Line: line(c.at)})
		return value.Int(0), nil
	case sig.Reads:
		return p.read(ctx, c)
	}
	a, err := c.observe(ctx)
	if err != nil {
		return nil, p.failed(c, err)
	}
	switch a.Done {
	case Yes:
		p.add(Line{Kind: itemAlready, Text: c.text, Line: line(c.at), Place: c.Place})
		if a.Result == nil {
			return value.Int(0), nil
		}
		return a.Result, nil
	case Unknown:
		return p.unknown(c, a.Why), nil
	}
	if err := p.guard(ctx, &c, a); err != nil {
		return nil, p.failed(c, err)
	}
	p.changes++
	p.add(Line{Kind: itemCommand, Text: c.text, Line: line(c.at), Place: c.Place, Changes: a.Changes, Final: c.sig.Effect == sig.Final})
	p.depth++
	v, err := a.Do(context.WithValue(ctx, doingKey{}, c.Place))
	p.depth--
	if err != nil {
		return nil, p.failed(c, err)
	}
	if v == nil {
		v = value.Int(0)
	}
	return v, nil
}

var errTooLong = errors.New("the plan is too long")

func (p *prediction) unknown(c command, why string) value.Value {
	text := c.text
	if known := "‹unknown: " + why + "›"; strings.Contains(text, known) {
		text = strings.ReplaceAll(text, known, "…") // said once is enough
	}
	p.add(Line{Kind: itemUnknown, Text: text, Why: why, Line: line(c.at), Place: c.Place})
	return value.Unknown(why)
}

func (p *prediction) failed(c command, err error) error {
	f := AsFailure(err)
	p.last = f
	p.add(Line{Kind: itemFailing, Text: c.text, Why: f.Message, Line: line(c.at), Place: c.Place})
	if final(err) {
		return err
	}
	return f
}

// read answers from the reads already made by an earlier walk, so that every walk sees one world. The same read made
// again with no planned change between is a poll: what it waits for happens outside the plan, so its answer is unknown.
func (p *prediction) read(ctx context.Context, c command) (value.Value, error) {
	poll := c.at.Place + " " + c.text
	if n, ok := p.seen[poll]; ok && n == p.changes+1 {
		return value.Unknown(c.text + " may answer differently by then"), nil
	}
	p.seen[poll] = p.changes + 1
	key := fmt.Sprint(c.Place, p.taken)
	r, ok := p.reads[key]
	if !ok {
		r.v, r.err = c.rec.Read(ctx, c.Call)
		if ctx.Err() == nil {
			p.reads[key] = r
		}
	}
	if r.err != nil {
		return nil, p.failed(c, r.err)
	}
	return r.v, nil
}

func unknownOperand(vals []value.Value) (string, bool) {
	for _, v := range vals {
		if v == nil {
			continue
		}
		if why, ok := value.IsUnknown(v); ok {
			return why, true
		}
		if l, ok := value.AsList(v); ok {
			if why, ok := unknownOperand(l); ok {
				return why, true
			}
		}
	}
	return "", false
}

// require notes a REQUIRE; one that is unknown is something the plan cannot promise.
func (p *prediction) require(at vm.Site, ok value.Value, message string) {
	if why, unknown := value.IsUnknown(ok); unknown {
		p.miss(line(at), message+": "+why)
		return
	}
	i := Line{Kind: itemRequire, Text: message, Line: line(at)}
	if ok.IsFalsy() {
		i.Why = "does not hold"
	}
	p.add(i)
}

// step plans a step's body, again where it is foretold to fail and a run would try again, and its UNDO block as what
// happens only if it is undone. An attempt that changes nothing fails the same way each time: it is planned once.
func (p *prediction) step(ctx context.Context, s *vm.Step, id string, current int, body vm.Body, undo vm.Later) error {
	p.add(Line{Kind: itemStep, Text: s.Title, Line: line(s.Site)})
	p.depth++
	defer func() { p.depth-- }()
	for attempt, again := current, true; again; attempt++ {
		before := p.changes
		err := body(below(ctx, fmt.Sprintf("%s@%d/", id, attempt), 1))
		if again = err != nil; again && (attempt > s.Retry || !retries(err) || p.changes == before) {
			return err
		}
		if again {
			p.add(Line{Kind: itemAgain, Text: s.Title, Line: line(s.Site)})
		}
	}
	if undo == nil {
		return nil
	}
	return p.onlyIf(ctx, "only if it is undone", id+"@undo/", undo())
}

// retries says whether a step that fails with err is tried again.
func retries(err error) bool {
	var f *value.Failure
	return !final(err) && errors.As(err, &f) && f.Code != value.CodeCancelled
}

// onlyIf prints what a block would do without letting the rest of the plan see it.
func (p *prediction) onlyIf(ctx context.Context, when, path string, body vm.Body) error {
	p.add(Line{Kind: itemOnly, Text: when})
	was := p.only
	p.only = true
	p.depth++
	err := body(below(ctx, path, 1))
	p.depth--
	p.only = was
	var f *value.Failure
	if errors.As(err, &f) {
		return nil // a handler that fails again does not change what the plan says of the run
	}
	return err
}

// decide goes both ways at a branch on an unknown value, one in this walk and the other in a later one.
func (p *prediction) decide(at vm.Site, u value.Value) (bool, error) {
	if p.only {
		return false, nil
	}
	why, _ := value.IsUnknown(u)
	if at.Again {
		p.add(Line{Kind: itemRepeat, Why: why, Line: line(at)})
		return false, nil
	}
	way := true
	if n := len(p.taken); n < len(p.prefix) {
		way = p.prefix[n]
	}
	p.taken = append(p.taken, way)
	p.add(Line{Kind: itemBranch, Why: why, Line: line(at), Way: way})
	return way, nil
}
