package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// params takes NAME=VALUE arguments and fills in what PARAMs get FROM elsewhere; a mistake ends the call with exit code 2.
func (a *app) params(ctx context.Context, p *check.Program, args []string) (map[string]value.Value, error) {
	given := map[string]value.Value{}
	names := make([]string, len(p.Params))
	for i, d := range p.Params {
		names[i] = d.Name.Text
	}
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, wrong("parameters are given as NAME=VALUE", "got the argument %q, want NAME=VALUE", arg)
		}
		d := param(p, name)
		if d == nil {
			hint := "the script declares " + strings.Join(names, ", ")
			if len(names) == 0 {
				hint = "the script declares no PARAM"
			}
			if near := diag.Suggest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			return nil, wrong(hint, "the script has no parameter %q", name)
		}
		if _, twice := given[d.Name.Text]; twice {
			return nil, wrong("give it once", "parameter %q is given twice", d.Name.Text)
		}
		v, err := typed(d, text)
		if err != nil {
			return nil, err
		}
		given[d.Name.Text] = a.learn(v)
	}
	return given, a.fill(ctx, p, given)
}

func param(p *check.Program, name string) *syntax.Param {
	for _, d := range p.Params {
		if strings.EqualFold(d.Name.Text, name) {
			return d
		}
	}
	return nil
}

// typed reads a text as the PARAM's type.
func typed(d *syntax.Param, text string) (value.Value, error) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, wrong("values are UTF-8 texts without a NUL", "parameter %s: its value is not a text", d.Name.Text)
	}
	t, _ := sig.ParamType(d.Type.Text)
	if t.Name == "secret" {
		return value.Secret(text), nil
	}
	if t.Parse == nil {
		return value.Text(text), nil
	}
	v, err := t.Parse(text)
	if err != nil {
		return nil, wrong("PARAM $"+d.Name.Text+" is: "+d.Doc, "parameter %s: got %q, want %s", d.Name.Text, text, t.Want)
	}
	return value.From(v), nil
}

// fill gives the PARAMs that were not given their values from a file, the environment or a program, and asks a person
// for a secret that comes from nowhere. In a walk its secrets are learnt before any message can show them.
func (a *app) fill(ctx context.Context, p *check.Program, given map[string]value.Value) error {
	for _, d := range p.Params {
		if _, ok := given[d.Name.Text]; ok {
			continue
		}
		var text string
		var err error
		switch {
		case d.From != "":
			if text, err = a.from(ctx, d); err != nil && d.Default != nil && !a.exists(d) {
				continue
			}
		case d.Default != nil:
			continue
		case strings.EqualFold(d.Type.Text, "SECRET"):
			text, err = a.askSecret(d)
		default:
			err = wrong(fmt.Sprintf("give it as %s=VALUE; it is: %s", d.Name.Text, d.Doc), "parameter %q is missing", d.Name.Text)
		}
		if err != nil {
			return err
		}
		if given[d.Name.Text], err = typed(d, text); err != nil {
			return err
		}
		plan.Learn(ctx, a.learn(given[d.Name.Text]))
	}
	return nil
}

// originTimeout is how long a program has that FROM COMMAND names.
const originTimeout = time.Minute

// from reads a PARAM's value from where it says; one final newline is not part of it.
func (a *app) from(ctx context.Context, d *syntax.Param) (string, error) {
	origin, ok := d.Origin.(*syntax.Text)
	if !ok || origin.Parts != nil {
		return "", wrong("write it as a plain text", "parameter %q: FROM %s wants a plain text", d.Name.Text, d.From)
	}
	var text string
	var err error
	switch d.From {
	case "FILE":
		var out []byte
		out, err = readFile(origin.Value)
		text = string(out)
	case "ENV":
		text, set := a.env(origin.Value)
		if !set {
			return "", wrong("", "parameter %q: the environment has no %s", d.Name.Text, origin.Value)
		}
		return text, nil
	case "COMMAND":
		words := strings.Fields(origin.Value)
		if len(words) == 0 {
			return "", wrong("", "parameter %q: FROM COMMAND names no program", d.Name.Text)
		}
		text, err = a.printed(ctx, core.Program{Path: words[0], Args: words[1:]})
	}
	if errors.As(err, new(ended)) {
		return "", err
	}
	if err != nil {
		return "", wrong("", "parameter %q: cannot read it from %s %q: %v", d.Name.Text, strings.ToLower(d.From), origin.Value, cause(err))
	}
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), nil
}

// printed gives what a program prints. It has a process group of its own, so that a Ctrl-C here must be handed on to it.
func (a *app) printed(ctx context.Context, p core.Program) (string, error) {
	limited, cancel := context.WithTimeout(ctx, originTimeout)
	defer cancel()
	asking, stop := signal.NotifyContext(limited, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	out, err := a.thisHost().Query(asking, p)
	if err != nil && asking.Err() != nil && limited.Err() == nil {
		return "", ended{exitInterrupted}
	}
	return out.Stdout, err
}

// askSecret asks for a secret without showing what is typed.
func (a *app) askSecret(d *syntax.Param) (string, error) {
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", wrong(fmt.Sprintf("say FROM FILE in the script, or run it from a terminal that can ask; it is: %s", d.Doc), "parameter %q is missing", d.Name.Text)
	}
	fmt.Fprintf(a.stderr, "%s (%s): ", d.Name.Text, d.Doc)
	text, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(a.stderr)
	return string(text), err
}

// filled is a program whose PARAMs are filled in as it starts: one that a RUN names.
type filled struct {
	*vm.Program
	app     *app
	checked *check.Program
}

// Run runs the program with what RUN gives it and what its PARAMs get from elsewhere.
func (f *filled) Run(ctx context.Context, host vm.Host, args map[string]value.Value) error {
	all := map[string]value.Value{}
	for name, v := range args {
		d := param(f.checked, name)
		if d == nil {
			return fmt.Errorf("%s has no parameter %q", f.checked.File.Source.Name, name)
		}
		all[d.Name.Text] = v
	}
	if err := f.app.fill(ctx, f.checked, all); err != nil {
		var call *wrongCall
		if errors.As(err, &call) {
			return value.Failf(value.CodeBadParameter, "%s", call.message).Hint("%s", call.hint)
		}
		return err
	}
	return f.Program.Run(ctx, host, all)
}

// exists says whether what a PARAM comes FROM is there at all: a default stands in only for what is not.
func (a *app) exists(d *syntax.Param) bool {
	origin, ok := d.Origin.(*syntax.Text)
	if !ok {
		return true
	}
	switch d.From {
	case "ENV":
		_, set := a.env(origin.Value)
		return set
	case "FILE":
		_, err := os.Stat(origin.Value)
		return !errors.Is(err, fs.ErrNotExist)
	}
	return true
}
