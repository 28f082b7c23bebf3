package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"golang.org/x/term"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

// The exit codes, as help prints them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitWrong       = 2
	exitPlan        = 3
	exitLocked      = 4
	exitStopped     = 5
	exitInterrupted = 130
)

const exitHelp = `Exit codes: 0 done · 1 a step failed · 2 the script or the call is wrong · 3 the plan could not predict or differs ·
4 locked by another run · 5 stopped, can be resumed · 130 interrupted; EXIT n of a script is returned as it is.
`

// app is one call of the program; everything it may touch is in it, so that tests can call it.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(name string) (text string, set bool)
	// between, if not nil, gives what stands between the runs and their store: a test looks on, or breaks it.
	between func(journal.Store) journal.Store
	common
	breakGlass string        // why this call journals on its own host; "" keeps runs in the site's store
	over       overrideFlags // the safety rules that this call overrides
	secrets    *plan.Secrets // use hidden
}

// common are the flags that every subcommand takes.
type common struct {
	site  string
	json  bool
	yes   bool
	quiet bool
	color colour
	watch *watching
}

func (c *common) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.site, "site", c.site, "the site file, or the folder that holds standin.toml")
	fs.BoolVar(&c.json, "json", c.json, "print JSON, one object a line, on standard output")
	fs.BoolVar(&c.yes, "yes", c.yes, "answer every CONFIRM that is not TYPED with yes")
	fs.BoolVar(&c.quiet, "quiet", c.quiet, "print steps, failures and questions only")
	fs.Var(&c.color, "color", "colour diagnostics: auto, always or never")
	c.watchFlags(fs)
}

// colour says when diagnostics are coloured; "" is auto.
type colour string

var _ flag.Value = (*colour)(nil)

func (c *colour) String() string { return string(*c) }

// Set takes a flag's value.
func (c *colour) Set(when string) error {
	if when != "auto" && when != "always" && when != "never" {
		return errors.New("want auto, always or never")
	}
	*c = colour(when)
	return nil
}

// subcommand is one of the program's verbs.
type subcommand struct {
	name, usage, summary string
	// raw commands get their arguments as they are and parse their own flags.
	raw bool
	// alone commands take flags only.
	alone bool
	run   runner
	// own, in place of run, adds the subcommand's own flags and gives the runner that reads them.
	own func(fs *flag.FlagSet) runner
}

// runner carries out a subcommand.
type runner func(a *app, ctx context.Context, args []string) error

// wrongCall is a mistake in how the program was called: exit code 2.
type wrongCall struct {
	message string
	hint    string
}

func (e *wrongCall) Error() string { return e.message }

func wrong(hint, format string, args ...any) error {
	return &wrongCall{fmt.Sprintf(format, args...), hint}
}

// ended carries an exit code whose reason has been printed already.
type ended struct{ code int }

func (e ended) Error() string { return fmt.Sprintf("exit %d", e.code) }

// main runs one call and gives its exit code.
func (a *app) main(argv []string) int {
	a.hidden() // before the app is copied
	defer a.stopWatching()
	args := argv[1:]
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(argv[0])), ".exe")
	if name == "dtcl" {
		return a.code(a.dtcl(args))
	}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		rest, err := a.leading(args)
		if err != nil {
			return a.code(err)
		}
		args = rest
	}
	if len(args) == 0 {
		a.usage(a.stderr)
		return exitWrong
	}
	return a.code(a.dispatch(args[0], args[1:]))
}

// leading takes common flags that stand before the subcommand.
func (a *app) leading(args []string) ([]string, error) {
	fs := newFlags("standin")
	a.common.flags(fs)
	help := fs.Bool("help", false, "")
	version := fs.Bool("version", false, "")
	if err := fs.Parse(args); err != nil {
		return nil, wrong("standin help lists the subcommands and flags", "%v", err)
	}
	switch {
	case *help:
		return append([]string{"help"}, fs.Args()...), nil
	case *version:
		return []string{"version"}, nil
	}
	return fs.Args(), nil
}

func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

func (a *app) dispatch(name string, args []string) error {
	ctx := context.Background()
	table := subcommands()
	for _, s := range table {
		if s.name != name {
			continue
		}
		if s.raw {
			return s.run(a, ctx, args)
		}
		fs := newFlags("standin " + s.name)
		a.common.flags(fs)
		run := s.run
		if s.own != nil {
			run = s.own(fs)
		}
		rest, err := interspersed(fs, args)
		if errors.Is(err, flag.ErrHelp) {
			a.subcommandHelp(s, fs)
			return nil
		}
		if err != nil {
			return wrong("usage: standin "+s.usage, "%v", err)
		}
		if s.alone && len(rest) > 0 {
			return wrong("usage: standin "+s.usage, "%s: got the argument %q, want none", s.name, rest[0])
		}
		if err := a.startWatching(); err != nil {
			return err
		}
		return run(a, ctx, rest)
	}
	hint := "standin help lists the subcommands"
	names := make([]string, len(table))
	for i, s := range table {
		names[i] = s.name
	}
	if near := diag.Suggest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return wrong(hint, "unknown subcommand %q", name)
}

// interspersed lets flags stand among the arguments; "--" ends them.
func interspersed(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if used := len(args) - len(left); used > 0 && args[used-1] == "--" {
			return append(rest, left...), nil
		}
		if len(left) == 0 {
			return rest, nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// code prints what is still to be said about err and gives the exit code.
func (a *app) code(err error) int {
	var (
		e    ended
		call *wrongCall
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &call):
		fmt.Fprintf(a.stderr, "standin: %s\n", a.hidden().Redact(call.message))
		if call.hint != "" {
			fmt.Fprintf(a.stderr, "hint: %s\n", a.hidden().Redact(call.hint))
		}
		return exitWrong
	}
	fmt.Fprintf(a.stderr, "standin: %s\n", a.hidden().Redact(err.Error()))
	for _, h := range plan.AsFailure(err).Hints {
		fmt.Fprintf(a.stderr, "hint: %s\n", a.hidden().Redact(h))
	}
	if h := storeHint(err); h != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", h)
	}
	return exitFailed
}

// render prints ds on standard error.
func (a *app) render(ds []*diag.Diagnostic) {
	on := a.color == "always" || a.color != "never" && a.getenv("NO_COLOR") == "" && a.terminal(a.stderr)
	diag.Render(a.stderr, ds, diag.Colour(on)) //nolint:errcheck // nothing is left to tell it to
}

// diagnostics prints ds on standard error and gives the error that ends the call with exit code 2.
func (a *app) diagnostics(ds []*diag.Diagnostic) error {
	a.render(ds)
	return ended{exitWrong}
}

func (a *app) usage(w io.Writer) {
	fmt.Fprint(w, "Standin runs runbooks that fail applications over between sites and back.\n\nUsage: standin [flags] SUBCOMMAND …\n\n")
	for _, s := range subcommands() {
		fmt.Fprintf(w, "  %-46s %s\n", s.usage, s.summary)
	}
	fmt.Fprint(w, "\nCommon flags: --site FILE  --json  --yes  --quiet  --color auto|always|never  --log FILE  --otlp URL\n"+
		"Without --site: $STANDIN_SITE, then standin.toml here, then /etc/standin/standin.toml.\n"+
		"standin help COMMAND explains a command of the language; standin SUBCOMMAND --help a subcommand;\n"+
		"standin help rules lists the safety rules.\n\n"+exitHelp)
}

func (a *app) subcommandHelp(s subcommand, fs *flag.FlagSet) {
	fmt.Fprintf(a.stdout, "%s\n\nUsage: standin %s\n\n", s.summary, s.usage)
	fs.SetOutput(a.stdout)
	fs.PrintDefaults()
	fmt.Fprint(a.stdout, "\n"+exitHelp)
}

// encode prints v as one line of JSON.
func (a *app) encode(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// isTerminal says whether f is a terminal, even one that understands no escapes.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// terminal says whether f is a terminal that understands escapes.
func (a *app) terminal(f any) bool { return isTerminal(f) && a.getenv("TERM") != "dumb" }

// getenv gives a variable of the environment, "" if it is not set.
func (a *app) getenv(name string) string {
	text, _ := a.env(name)
	return text
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}
