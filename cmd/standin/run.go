package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/report"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// script is a checked script ready to run or plan.
type script struct {
	path    string
	src     *diag.Source
	answer  bool       // print what a reading command answers
	save    string     // the file to save its plan in, "" for none
	past    *plan.Past // what its run has done already, for a plan of the rest
	checked *check.Program
	set     *sig.Set
	params  map[string]value.Value
}

// secrets are those among the values that its PARAMs got; a walk takes them from all.
func (s *script) secrets() []value.Value { return slices.Collect(maps.Values(s.params)) }

func errNoScript() error {
	return wrong("standin scripts list shows the shipped runbooks", "no script given")
}

// prepare reads and checks SCRIPT and takes NAME=VALUE arguments; any mistake ends the call with exit code 2.
func (a *app) prepare(ctx context.Context, args []string, names map[string][]string) (*script, error) {
	set, err := commands()
	if err != nil {
		return nil, err
	}
	src, err := a.read(args[0])
	if err != nil {
		return nil, err
	}
	p, ds := a.checked(src, set, names)
	if len(ds) > 0 {
		return nil, a.diagnostics(ds)
	}
	s := &script{path: args[0], src: src, checked: p, set: set}
	s.params, err = a.params(ctx, p, args[1:])
	return s, err
}

// compile lowers a checked script for a run or a plan.
func (a *app) compile(p *check.Program, planning bool) (*vm.Program, error) {
	unit, ds := lower.Lower(p, lower.Options{Plan: planning})
	if len(ds) > 0 {
		return nil, a.diagnostics(ds)
	}
	return vm.Load(unit), nil
}

// loader gives a walk the runbooks that RUN names.
func (a *app) loader(set *sig.Set, names map[string][]string, planning bool) func(string, *diag.Source) (plan.Program, error) {
	return func(path string, from *diag.Source) (plan.Program, error) {
		src, err := a.load(path, from)
		if err != nil {
			return nil, err
		}
		p, ds := a.checked(src, set, names)
		if len(ds) > 0 {
			return nil, ds[0]
		}
		program, err := a.compile(p, planning)
		if err != nil {
			return nil, err
		}
		return &filled{program, a, p}, nil
	}
}

// said prints why a run did not end well, and gives the error of its exit code.
func (a *app) said(w *plan.Walk, err error) error {
	if err == nil {
		return nil
	}
	a.explain(w, err)
	if _, code := outcome(err); code != exitDone {
		return ended{code}
	}
	return nil
}

// outcome gives the state and exit code that a program's error stands for.
func outcome(err error) (plan.State, int) {
	var (
		lost    *plan.JournalError
		exit    *vm.Exit
		told    ended
		waiting *plan.WaitingError
		stopped *plan.StoppedError
		refused *journal.LockedError
		left    *plan.DivergedError
		pause   vm.Pause
	)
	coded := func(code int) (plan.State, int) {
		if code != exitDone {
			return plan.Failed, code
		}
		return plan.Done, exitDone
	}
	switch {
	case err == nil:
		return plan.Done, exitDone
	case errors.As(err, &lost):
		return plan.Stopped, exitStopped // the journal ends there, and the run goes on from there
	case errors.As(err, &refused):
		return plan.Failed, exitLocked
	case errors.As(err, &exit):
		return coded(exit.Code)
	case errors.As(err, &told):
		return coded(told.code)
	case errors.As(err, &waiting):
		return plan.Waiting, exitStopped
	case errors.As(err, &stopped) && !stopped.Order:
		return plan.Stopped, exitInterrupted // Ctrl-C; it can be resumed all the same
	case errors.As(err, &left) && left.Approved:
		return plan.Stopped, exitPlan
	case errors.As(err, &pause):
		return plan.Stopped, exitStopped
	}
	return plan.Failed, exitFailed
}

// explain prints why a run did not end well: the diagnostic with its place where there is one.
func (a *app) explain(w *plan.Walk, err error) {
	var (
		lost    *plan.JournalError
		exit    *vm.Exit
		waiting *plan.WaitingError
		d       *diag.Diagnostic
	)
	switch {
	case errors.As(err, &lost):
		fmt.Fprintf(a.stderr, "standin: %s\nhint: mend the store of the runs, or make room there, then standin resume %s\n", w.Redact(err.Error()), w.ID)
	case errors.As(err, &exit):
	case errors.As(err, &waiting):
		fmt.Fprintf(a.stderr, "standin: %s\nhint: standin answer %s ANSWER, then standin resume %[2]s; --yes answers what need not be typed\n",
			w.Redact(waiting.Error()), w.ID)
	case errors.As(err, &d):
		a.render([]*diag.Diagnostic{shown(d, w)})
	default:
		fmt.Fprintf(a.stderr, "standin: %s\n", w.Redact(err.Error()))
	}
}

// shown is a diagnostic of a walk that is fit to be shown.
func shown(d *diag.Diagnostic, w *plan.Walk) *diag.Diagnostic {
	s := *d
	s.Message, s.Hints, s.Values, s.Chain = w.Redact(s.Message), slices.Clone(s.Hints), slices.Clone(s.Values), slices.Clone(s.Chain)
	for i := range s.Hints {
		s.Hints[i] = w.Redact(s.Hints[i])
	}
	for i := range s.Values {
		s.Values[i].Value = w.Redact(s.Values[i].Value)
	}
	for i := range s.Chain {
		s.Chain[i].Label = w.Redact(s.Chain[i].Label)
	}
	return &s
}

// out is where scripts WRITE: standard output, which with --json carries events instead.
func (a *app) out() io.Writer {
	if a.json {
		return io.Discard
	}
	return a.stdout
}

// answers prints what a command given alone answers: indented lines, or one line of JSON.
func (a *app) answers(s *script) func(value.Value) error {
	if !s.answer || len(s.checked.File.Body) != 1 {
		return nil
	}
	if _, bare := s.checked.File.Body[0].(*syntax.CommandStmt); !bare {
		return nil
	}
	return func(v value.Value) error {
		if a.json {
			return a.encode(map[string]any{"event": "result", "result": value.To(v)})
		}
		text := outline(value.To(v), "")
		if text == "" {
			text = value.Print(v) + "\n"
		}
		_, err := io.WriteString(a.stdout, text)
		return err
	}
}

func (a *app) events() plan.Events {
	if a.json {
		return a.watched(report.JSON(a.stdout))
	}
	return a.watched(report.Terminal(a.stderr, a.quiet))
}

// header says what this run is.
func (a *app) header(site *site, s *script) *plan.Header {
	h := &plan.Header{
		Script: s.path, Site: site.file.path, PID: os.Getpid(), Version: version(),
		Params: map[string]string{}, Files: map[string]string{}, Texts: map[string]string{},
	}
	h.Folder, _ = os.Getwd() //nolint:errcheck // without it a run is resumed where it was started
	site.files(h, s.src, s.checked)
	h.Zone, _ = time.Now().Zone()
	h.Host, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		h.Who = u.Username
	}
	if text, err := os.ReadFile(site.file.path); err == nil {
		h.Files[siteName], h.Texts[siteName] = hash(text), string(text)
	}
	for name, v := range s.params {
		h.Params[name] = noted(site, v)
	}
	return h
}

// noted is what a journal keeps of a PARAM's value.
func noted(site *site, v value.Value) string {
	if value.IsSecret(v) {
		secret, _ := value.Reveal(v)
		if print, err := site.journals.Fingerprint(secret); err == nil {
			return print
		}
	}
	return value.Print(v)
}

// files adds a script, and all that it USEs and RUNs, to what a run's header keeps; p is nil where it does neither.
func (s *site) files(h *plan.Header, src *diag.Source, p *check.Program) {
	h.Files[src.Name], h.Texts[src.Name] = s.fileHash(src), src.Redacted()
	if p == nil {
		return
	}
	for _, used := range p.Uses {
		s.files(h, used.File.Source, used)
	}
	for _, run := range p.Runs {
		s.files(h, run.File.Source, run)
	}
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func planCommand(fs *flag.FlagSet) runner {
	out := fs.String("o", "", "also save the plan in this file, to be approved: standin run --plan FILE runs it and nothing else")
	rest := fs.String("run", "", "say instead what standin resume `RUN` would do")
	return func(a *app, ctx context.Context, args []string) error {
		if *rest != "" {
			return a.planRest(ctx, *rest, args)
		}
		return a.plan(ctx, args, *out)
	}
}

// plan says what a run would do, reading the live systems and writing nothing.
func (a *app) plan(ctx context.Context, args []string, out string) error {
	site, s, err := a.ready(ctx, args)
	if err != nil {
		return err
	}
	defer site.close()
	program, err := a.compile(s.checked, true)
	if err != nil {
		return err
	}
	s.save = out
	return a.planProgram(ctx, site, s, program, nil)
}

// predict plans a program over systems that it makes anew for each walk.
func (a *app) predict(ctx context.Context, site *site, s *script, program plan.Program, after *plan.Walk, systems func() builtins.Systems) (*plan.Plan, error) {
	c := plan.Config{Out: io.Discard, Load: a.loader(s.set, site.file.names(), true), Secrets: s.secrets(), Hide: a.hidden(), After: after, Overrides: site.file.overrides, Past: s.past}
	fresh := func() plan.Lookup { return site.guarded(systems()) }
	return plan.Predict(ctx, c, fresh, program, s.params)
}

// planProgram plans and prints a program; after is the walk that it goes on from, nil for none.
func (a *app) planProgram(ctx context.Context, site *site, s *script, program plan.Program, after *plan.Walk) error {
	p, err := a.predict(ctx, site, s, program, after, site.planned)
	if err != nil {
		return err
	}
	if err := a.printPlan(p); err != nil {
		return err
	}
	if err := a.savePlan(site, s, p); err != nil {
		return err
	}
	switch {
	case len(p.Missing) > 0:
		return ended{exitPlan}
	case p.Failure != nil:
		_, code := outcome(p.Failure)
		return ended{code}
	}
	return nil
}

// printPlan prints a plan as text or, with --json, one line of the plan a line.
func (a *app) printPlan(p *plan.Plan) error {
	if !a.json {
		return p.Print(a.stdout)
	}
	for _, l := range p.Lines {
		if err := a.encode(l); err != nil {
			return err
		}
	}
	return nil
}
