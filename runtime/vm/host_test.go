package vm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// The commands that the tests' scripts may use.
func commands() []*sig.Signature {
	return []*sig.Signature{
		{Usage: "GIVE <what:any>", Effect: sig.Reads},                       // its operand
		{Usage: "FAIL <code:number> [<message:text>]", Effect: sig.Changes}, // fails
		{Usage: "SET <name> <n:number>", Effect: sig.Changes},               // its number
		{Usage: "TELL <secret:secret>", Effect: sig.Changes},                // whether the secret arrived
		{Usage: "PAUSE <for:duration>", Effect: sig.Changes},                // waits, or until the context ends
		{Usage: "SHAPE (key=<a:any>) <p:properties>", Effect: sig.Changes},
		{Usage: "COUNT", Effect: sig.Reads},  // how often it was called
		{Usage: "BOOM", Effect: sig.Changes}, // a Go panic
	}
}

// world is the host of the tests. It prints what happens.
type world struct {
	mu      sync.Mutex
	out     strings.Builder
	counted int
	plan    bool // BOOM and GIVE unknown are for plans
	clock   time.Time
	answers map[string]bool
	file    func(path string) string
	late    func() // ends the time of the last step that has a TIMEOUT; writing "time is up" calls it
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.out, format+"\n", args...)
}

func (w *world) Call(ctx context.Context, c *vm.Call) (value.Value, error) {
	word, _, _ := strings.Cut(c.Sig.Usage, " ")
	switch word {
	case "GIVE":
		if s, _ := value.AsText(c.Vals[1]); s == "unknown" {
			return value.Unknown("the test says so"), nil
		}
		return c.Vals[1], nil
	case "FAIL":
		code, _ := value.AsInt(c.Vals[1])
		message := "it failed"
		if len(c.Vals) > 2 {
			message = value.Print(c.Vals[2])
		}
		return nil, value.Failf(int(code), "%s", message).Hint("do not call FAIL")
	case "SET":
		w.say("set %s = %s", value.Print(c.Vals[1]), value.Print(c.Vals[2]))
		return c.Vals[2], nil
	case "TELL":
		s, _ := value.Reveal(c.Vals[1])
		return value.Truth(s == "p;w"), nil
	case "PAUSE":
		ms, _ := value.AsInt(c.Vals[1])
		select {
		case <-ctx.Done():
			return nil, value.Failf(value.CodeTimeout, "interrupted: %w", ctx.Err())
		case <-time.After(time.Duration(ms) * time.Millisecond):
		}
		return nil, nil
	case "COUNT":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.counted++
		return value.Int(int64(w.counted)), nil
	case "BOOM":
		panic("boom")
	}
	return nil, fmt.Errorf("no command %s", c.Sig.Usage)
}

func (w *world) Write(_ context.Context, _ vm.Site, line string) error {
	w.say("%s", line)
	if line == "time is up" && w.late != nil {
		w.late()
	}
	return nil
}

func (w *world) Wait(_ context.Context, _ vm.Site, d time.Duration) error {
	w.clock = w.clock.Add(d)
	w.say("waited %v", d)
	return nil
}

func (w *world) WaitUntil(ctx context.Context, _ vm.Site, cond vm.Until, every, timeout time.Duration) error {
	var last value.Value
	for turn := 0; turn < 10; turn++ {
		v, err := cond(ctx)
		if err != nil {
			return err
		}
		if !v.IsFalsy() {
			w.say("held at turn %d (every %v, timeout %v)", turn, every, timeout)
			return nil
		}
		last = v
	}
	return value.Failf(value.CodeTimeout, "the time ran out; last seen: %s", value.Print(last))
}

func (w *world) Require(_ context.Context, _ vm.Site, ok value.Value, message string) error {
	w.say("require %s: %s", value.Print(ok), message)
	if ok.IsFalsy() {
		return errors.New("refused: " + message)
	}
	return nil
}

func (w *world) Step(ctx context.Context, s *vm.Step, body vm.Body, undo vm.Later) error {
	var err error
	for attempt := 0; attempt <= s.Retry && ctx.Err() == nil; attempt++ {
		w.say("step %s", s.Title)
		within, cancel := context.WithCancelCause(ctx)
		if s.Timeout > 0 {
			w.late = func() { cancel(context.DeadlineExceeded) }
		}
		err = body(within)
		timedOut := within.Err() != nil && ctx.Err() == nil
		cancel(nil)
		if timedOut && err != nil {
			err = &value.Failure{Code: value.CodeTimeout, Message: fmt.Sprintf("the step took longer than %v", s.Timeout), Err: err}
		}
		if err == nil {
			return nil
		}
		var exit *vm.Exit
		if errors.As(err, &exit) {
			return err
		}
	}
	if undo != nil {
		w.say("undo %s", s.Title)
		if err := undo()(ctx); err != nil {
			return err
		}
	}
	return err
}

func (w *world) Skip(_ context.Context, s *vm.Step, when value.Value) error {
	w.say("skip %s: %s", s.Title, value.Print(when))
	return nil
}

func (w *world) Parallel(ctx context.Context, _ vm.Site, most int, branches []vm.Body) error {
	errs := make([]error, len(branches))
	var wg sync.WaitGroup
	for i, b := range branches {
		if most == 1 {
			errs[i] = b(ctx)
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = b(ctx)
		}()
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Handler(ctx context.Context, _ vm.Site, handler vm.Body) error {
	if !w.plan {
		return nil
	}
	w.say("only if it fails:")
	return handler(ctx)
}

func (w *world) Confirm(_ context.Context, _ vm.Site, text string, typed bool, why string) error {
	w.say("confirm %s %v %s", text, typed, why)
	return nil
}

func (w *world) Manual(ctx context.Context, at vm.Site, text string, cond vm.Until) error {
	w.say("manual %s", text)
	if cond == nil {
		return nil
	}
	return w.WaitUntil(ctx, at, cond, 0, 0)
}

func (w *world) PointOfNoReturn(context.Context, vm.Site) error {
	w.say("point of no return")
	return nil
}

func (w *world) Run(ctx context.Context, _ vm.Site, path string, args map[string]value.Value) error {
	unit, diags := compileWith(path, w.file(path), lower.Options{Plan: w.plan}, w.file)
	if diags != nil {
		return diags[0]
	}
	return vm.Load(unit).Run(ctx, w, args)
}

func (w *world) Decide(_ context.Context, at vm.Site, u value.Value) (bool, error) {
	w.say("decide %s again=%v: %s", at.Place, at.Again, value.Print(u))
	return !at.Again && !w.answers[at.Place], nil
}

func (w *world) Now(context.Context, vm.Site) (time.Time, error) {
	w.clock = w.clock.Add(time.Millisecond)
	return w.clock, nil
}

// compile parses, checks and lowers a script that names no other.
func compile(name, text string, opt lower.Options) (*lower.Unit, []*diag.Diagnostic) {
	return compileWith(name, text, opt, nil)
}

// compileWith has the files that USE and RUN name.
func compileWith(name, text string, opt lower.Options, files func(path string) string) (*lower.Unit, []*diag.Diagnostic) {
	set, err := sig.NewSet(commands())
	if err != nil {
		panic(err)
	}
	file, diags := syntax.Parse(&diag.Source{Name: name, Text: text}, syntax.Options{OldLine: set.OldLine})
	if len(diags) > 0 {
		return nil, diags
	}
	known := check.Options{}
	if files != nil {
		known.Load = func(path string, _ *diag.Source) (*diag.Source, error) {
			return &diag.Source{Name: path, Text: files(path)}, nil
		}
	}
	program, diags := check.Check(file, set, known)
	if len(diags) > 0 {
		return nil, diags
	}
	return lower.Lower(program, opt)
}
