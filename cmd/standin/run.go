package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
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

func errNoScript() error {
	return wrong("standin scripts list shows the shipped runbooks", "no script given")
}

// prepare reads and checks SCRIPT and takes NAME=VALUE arguments; any mistake ends the call with exit code 2.
func (a *app) prepare(args []string, names map[string][]string) (*script, error) {
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
	s.params, err = a.params(p, args[1:])
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
	if len(args) == 0 {
		return errNoScript()
	}
	file, err := a.loadSite()
	if err != nil {
		return err
	}
	s, err := a.prepare(args, file.names())
	if err != nil {
		return err
	}
	site, err := a.open(ctx, file)
	if err != nil {
		return err
	}
	return errors.Join(a.runOn(ctx, site, s), site.close())
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
		Result: a.answers(s),
	})
	ctx, stop := a.interrupts(ctx, w)
	defer stop()
	return errors.Join(a.end(j, program.Run(w.Start(ctx), w, s.params)), out.lost(h.ID))
}

// end journals how a run ended and turns it into the call's exit code.
func (a *app) end(j *journal.File, err error) error {
	state, code := outcome(err)
	e := endOf(state)
	e.Code = code
	if err != nil && state != plan.Done {
		e.Error = oneLine(err)
	}
	if state != plan.Waiting && state != plan.Stopped { // those can go on: their journals stay open ended
		if jerr := j.Append(e, true); jerr != nil {
			err = errors.Join(err, jerr)
			code = exitFailed
		}
	}
	if err != nil {
		a.explain(err)
	}
	if code == exitDone {
		return nil
	}
	return ended{code}
}

// endOf is the entry that ends a journal.
func endOf(state plan.State) *plan.Entry {
	return &plan.Entry{Kind: plan.KindEnd, State: string(state), Ended: time.Now()}
}

// outcome gives the state and exit code that a program's error stands for.
func outcome(err error) (plan.State, int) {
	var (
		exit    *vm.Exit
		waiting *plan.WaitingError
		stopped *plan.StoppedError
	)
	switch {
	case err == nil:
		return plan.Done, exitDone
	case errors.As(err, &exit):
		if exit.Code != 0 {
			return plan.Failed, exit.Code
		}
		return plan.Done, exitDone
	case errors.As(err, &waiting):
		return plan.Waiting, exitStopped
	case errors.As(err, &stopped):
		return plan.Stopped, exitInterrupted // Ctrl-C; it can be resumed all the same
	}
	return plan.Failed, exitFailed
}

// explain prints why a run did not end well: the diagnostic with its place where there is one.
func (a *app) explain(err error) {
	var (
		exit    *vm.Exit
		waiting *plan.WaitingError
		d       *diag.Diagnostic
	)
	switch {
	case errors.As(err, &exit):
	case errors.As(err, &waiting):
		fmt.Fprintf(a.stderr, "standin: %v\nhint: run it from a terminal, or with --yes for a question that need not be typed\n", waiting)
	case errors.As(err, &d):
		a.render([]*diag.Diagnostic{d})
	default:
		fmt.Fprintf(a.stderr, "standin: %v\n", err)
	}
}

func oneLine(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
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
	if len(args) == 0 {
		return errNoScript()
	}
	file, err := a.loadSite()
	if err != nil {
		return err
	}
	s, err := a.prepare(args, file.names())
	if err != nil {
		return err
	}
	site, err := a.open(ctx, file)
	if err != nil {
		return err
	}
	defer site.close()
	return a.planOn(ctx, site, s)
}

func (a *app) planOn(ctx context.Context, site *site, s *script) error {
	program, err := a.compile(s.checked, true)
	if err != nil {
		return err
	}
	return a.planProgram(ctx, site, s, program)
}

func (a *app) planProgram(ctx context.Context, site *site, s *script, program plan.Program) error {
	c := plan.Config{Out: io.Discard, Load: a.loader(s.set, site.file.names(), true)}
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
