package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
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
	answer  bool // print what a reading command answers
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

// run runs a script for real.
func (a *app) run(ctx context.Context, args []string) error {
	site, s, err := a.ready(ctx, args)
	if err != nil {
		return err
	}
	return errors.Join(a.runOn(ctx, site, s), site.close())
}

// ready prepares SCRIPT NAME=VALUE … and opens the site that it is for.
func (a *app) ready(ctx context.Context, args []string) (*site, *script, error) {
	if len(args) == 0 {
		return nil, nil, errNoScript()
	}
	file, err := a.loadSite()
	if err != nil {
		return nil, nil, err
	}
	s, err := a.prepare(ctx, args, file.names())
	if err != nil {
		return nil, nil, err
	}
	site, err := a.open(ctx, file)
	return site, s, err
}

// runOn runs a prepared script on an open site, with its own journal.
func (a *app) runOn(ctx context.Context, site *site, s *script) (err error) {
	program, err := a.compile(s.checked, false)
	if err != nil {
		return err
	}
	h := a.header(site.file, s)
	j, err := site.journals.Create(h)
	if err != nil {
		return fmt.Errorf("cannot begin a run: %w", err)
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	out := &lasting{w: a.stdout}
	a.stdout = out
	w := plan.New(plan.Config{
		ID: h.ID, Lookup: builtins.Lookup(builtins.All(site.systems)), Journal: j,
		Events: a.events(), Out: a.out(), Ask: a.asker(), Load: a.loader(s.set, site.file.names(), false),
		Result: a.answers(s), Secrets: s.secrets(),
	})
	ctx, stop := a.interrupts(ctx, w)
	defer stop()
	err = ending(w, j, program.Run(w.Start(ctx), w, s.params))
	return errors.Join(a.said(w, err), out.lost(h.ID))
}

// ending journals how a run, a child run or a session ended, and gives its error on. Those that can go on keep an open
// end. A journal that cannot be written outweighs how the run ended.
func ending(w *plan.Walk, j plan.Journal, err error) error {
	state, code := outcome(err)
	if state == plan.Waiting || state == plan.Stopped {
		return err
	}
	e := &plan.Entry{Kind: plan.KindEnd, State: string(state), Code: code, Ended: time.Now()}
	if _, told := errors.AsType[ended](err); state == plan.Failed && !told {
		first, _, _ := strings.Cut(err.Error(), "\n")
		e.Error = w.Redact(first)
	}
	if lost := j.Append(e, true); lost != nil {
		return errors.Join(&plan.JournalError{Err: lost}, err)
	}
	return err
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
		return plan.Failed, exitFailed
	case errors.As(err, &exit):
		return coded(exit.Code)
	case errors.As(err, &told):
		return coded(told.code)
	case errors.As(err, &waiting):
		return plan.Waiting, exitStopped
	case errors.As(err, &stopped):
		return plan.Stopped, exitInterrupted // Ctrl-C; it can be resumed all the same
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
		fmt.Fprintf(a.stderr, "standin: %s\n", w.Redact(err.Error()))
	case errors.As(err, &exit):
	case errors.As(err, &waiting):
		fmt.Fprintf(a.stderr, "standin: %s\nhint: run it from a terminal, or with --yes for a question that need not be typed\n", w.Redact(waiting.Error()))
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
			return a.encode(map[string]any{"event": "answer", "result": value.To(v)})
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
		return report.JSON(a.stdout)
	}
	return report.Terminal(a.stderr, a.quiet)
}

// header says what this run is.
func (a *app) header(site *siteFile, s *script) *plan.Header {
	h := &plan.Header{
		Script: s.path, Site: site.path, PID: os.Getpid(), Version: version(),
		Params: map[string]string{}, Files: map[string]string{},
	}
	hashes(h.Files, s.src, s.checked)
	h.Zone, _ = time.Now().Zone()
	h.Host, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		h.Who = u.Username
	}
	if text, err := os.ReadFile(site.path); err == nil {
		h.Files[siteName] = hash(text)
	}
	for name, v := range s.params {
		h.Params[name] = noted(site, v)
	}
	return h
}

// noted is what a journal keeps of a PARAM's value.
func noted(site *siteFile, v value.Value) string {
	if value.IsSecret(v) {
		secret, _ := value.Reveal(v)
		if print, err := journal.Open(site.at(site.Runs)).Fingerprint(secret); err == nil {
			return print
		}
	}
	return value.Print(v)
}

// hashes adds the hashes of a script and of all that it USEs and RUNs; p is nil where it does neither.
func hashes(files map[string]string, src *diag.Source, p *check.Program) {
	files[src.Name] = hash([]byte(src.Text))
	if p == nil {
		return
	}
	for _, used := range p.Uses {
		hashes(files, used.File.Source, used)
	}
	for _, run := range p.Runs {
		hashes(files, run.File.Source, run)
	}
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// plan says what a run would do, reading the live systems and writing nothing.
func (a *app) plan(ctx context.Context, args []string) error {
	site, s, err := a.ready(ctx, args)
	if err != nil {
		return err
	}
	defer site.close()
	program, err := a.compile(s.checked, true)
	if err != nil {
		return err
	}
	return a.planProgram(ctx, site, s, program, nil)
}

// planProgram plans and prints a program; after is the walk that it goes on from, nil for none.
func (a *app) planProgram(ctx context.Context, site *site, s *script, program plan.Program, after *plan.Walk) error {
	c := plan.Config{Out: io.Discard, Load: a.loader(s.set, site.file.names(), true), Secrets: s.secrets(), After: after}
	fresh := func() plan.Lookup { return builtins.Lookup(builtins.All(site.planned())) }
	p, err := plan.Predict(ctx, c, fresh, program, s.params)
	if err != nil {
		return err
	}
	if err := a.printPlan(p); err != nil {
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
