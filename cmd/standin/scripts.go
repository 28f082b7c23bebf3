package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/standin-project/standin/scripts"
)

func scriptsCommand(fs *flag.FlagSet) runner {
	force := fs.Bool("force", false, "copy over scripts that were edited")
	return func(a *app, _ context.Context, args []string) error { return a.scripts(*force, args) }
}

// scripts lists the shipped runbooks or copies them to a folder, where they can be edited.
func (a *app) scripts(force bool, args []string) error {
	const usage = "usage: standin scripts list, or standin scripts copy [DIR]"
	if len(args) == 0 {
		return wrong(usage, "no verb given")
	}
	switch verb := args[0]; verb {
	case "list":
		out := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
		for _, s := range scripts.List() {
			if a.json {
				if err := a.encode(map[string]string{"name": s.Name, "title": s.Title}); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(out, "%s\t%s\n", s.Name, s.Title)
		}
		return out.Flush()
	case "copy":
		dir := "."
		if len(args) > 1 {
			dir = args[1]
		}
		return a.copyScripts(dir, force)
	default:
		return wrong(usage, "unknown verb %q of scripts", verb)
	}
}

// copyScripts copies every shipped runbook to dir; edited ones are left and named.
func (a *app) copyScripts(dir string, force bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder %q: %w", dir, cause(err))
	}
	kept := 0
	for _, s := range scripts.List() {
		text, err := scripts.FS.ReadFile(s.Name)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, s.Name)
		old, err := os.ReadFile(path)
		switch {
		case err == nil && string(old) == string(text):
			continue
		case err == nil && !force:
			kept++
			fmt.Fprintf(a.stderr, "standin: %q was edited and is left as it is\n", path)
			continue
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("cannot read %q: %w", path, cause(err))
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return fmt.Errorf("cannot write %q: %w", path, cause(err))
		}
		if a.json {
			err = a.encode(map[string]string{"file": path})
		} else {
			_, err = fmt.Fprintln(a.stdout, path)
		}
		if err != nil {
			return err
		}
	}
	if kept > 0 {
		fmt.Fprintln(a.stderr, "hint: --force copies over edited scripts")
		return ended{exitFailed}
	}
	return nil
}
