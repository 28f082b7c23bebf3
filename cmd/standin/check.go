package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/google/renameio/v2"
	"github.com/rogpeppe/go-internal/diff"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/syntax"
)

// check tells every mistake of the scripts at once.
func (a *app) check(_ context.Context, args []string) error {
	if len(args) == 0 {
		return wrong("usage: standin check SCRIPT…", "no script given")
	}
	set, err := commands()
	if err != nil {
		return err
	}
	names, err := a.siteNames()
	if err != nil {
		return err
	}
	var all []*diag.Diagnostic
	for _, path := range args {
		src, err := a.read(path)
		if err != nil {
			return err
		}
		_, ds := a.checked(src, set, names)
		all = append(all, ds...)
	}
	if a.json {
		return a.checkJSON(all)
	}
	if len(all) > 0 {
		return a.diagnostics(all)
	}
	return nil
}

// siteNames gives the names that the site file knows; without any site file names are not checked.
func (a *app) siteNames() (map[string][]string, error) {
	s, err := a.loadSite()
	if err != nil {
		if errors.Is(err, errNoSite) {
			return nil, nil
		}
		return nil, err
	}
	return s.names(), nil
}

// checkJSON prints one diagnostic a line.
func (a *app) checkJSON(ds []*diag.Diagnostic) error {
	for _, d := range ds {
		line, col := d.Source.Position(d.Span.Start)
		a.encode(map[string]any{"file": d.Source.Name, "line": line, "column": col, "code": d.Code, "message": d.Message, "hints": d.Hints}) //nolint:errcheck // standard output is gone
	}
	if len(ds) > 0 {
		return ended{exitWrong}
	}
	return nil
}

type fmtFlags struct{ write, diff bool }

func fmtCommand(fs *flag.FlagSet) runner {
	f := &fmtFlags{}
	fs.BoolVar(&f.write, "w", false, "write the result back to the file")
	fs.BoolVar(&f.diff, "d", false, "print the differences instead, and exit with 1 if there are any")
	return func(a *app, _ context.Context, args []string) error { return a.fmt(f, args) }
}

// fmt prints scripts in the one layout.
func (a *app) fmt(f *fmtFlags, args []string) error {
	if len(args) == 0 {
		args = []string{"-"}
	}
	set, err := commands()
	if err != nil {
		return err
	}
	differs := false
	for _, path := range args {
		src, err := a.read(path)
		if err != nil {
			return err
		}
		file, ds := syntax.Parse(src, syntax.Options{OldLine: set.OldLine})
		if len(ds) > 0 {
			return a.diagnostics(ds)
		}
		out := syntax.Print(file)
		differs = differs || out != src.Text
		if err := a.laidOut(f, path, src.Text, out); err != nil {
			return err
		}
	}
	if f.diff && differs {
		return ended{exitFailed}
	}
	return nil
}

// laidOut writes or prints one script in its new layout, as the flags say.
func (a *app) laidOut(f *fmtFlags, path, was, out string) error {
	write := f.write && path != "-"
	if write && was != out {
		if err := renameio.WriteFile(path, []byte(out), 0o644, renameio.WithExistingPermissions()); err != nil {
			return fmt.Errorf("cannot write %q: %w", path, cause(err))
		}
	}
	text, key := out, "text"
	if f.diff && !write {
		text, key = string(diff.Diff(path, []byte(was), path+" (formatted)", []byte(out))), "diff"
	}
	switch {
	case a.json:
		told := map[string]any{"file": path, "differs": was != out}
		if !write {
			told[key] = text
		}
		return a.encode(told)
	case !write:
		fmt.Fprint(a.stdout, text)
	}
	return nil
}
