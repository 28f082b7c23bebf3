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

func fmtOwn(fs *flag.FlagSet) any {
	f := &fmtFlags{}
	fs.BoolVar(&f.write, "w", false, "write the result back to the file")
	fs.BoolVar(&f.diff, "d", false, "print the differences instead, and exit with 1 if there are any")
	return f
}

// fmt prints scripts in the one layout.
func (a *app) fmt(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"-"}
	}
	set, err := commands()
	if err != nil {
		return err
	}
	f := own[*fmtFlags](ctx)
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
		switch {
		case f.write && path != "-":
			if out == src.Text {
				continue
			}
			if err := renameio.WriteFile(path, []byte(out), 0o644, renameio.WithExistingPermissions()); err != nil {
				return fmt.Errorf("cannot write %q: %w", path, cause(err))
			}
		case f.diff:
			if d := diff.Diff(path, []byte(src.Text), path+" (formatted)", []byte(out)); d != nil {
				differs = true
				a.stdout.Write(d) //nolint:errcheck // standard output is gone
			}
		default:
			fmt.Fprint(a.stdout, out)
		}
	}
	if differs {
		return ended{exitFailed}
	}
	return nil
}
