package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/scripts"
	"github.com/standin-project/standin/stdlib"
)

// maxScript is the largest script that is read, in bytes; a larger one is surely not a script.
const maxScript = syntax.MaxSize

// commands is the command table without any system: enough to parse, check, complete and explain.
func commands() (*sig.Set, error) { return builtins.Set(builtins.All(builtins.Systems{})) }

// read reads a script: a file, "-" for standard input, or the name of a shipped runbook that no file here hides.
func (a *app) read(path string) (*diag.Source, error) {
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(a.stdin, maxScript+1))
		return source("<stdin>", text, err)
	}
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if shipped, serr := scripts.FS.ReadFile(shippedName(path)); serr == nil {
			return source(shippedName(path), shipped, nil)
		}
	}
	return source(path, text, err)
}

// shippedName gives the file name that a shipped runbook of this name would have; folders are never shipped.
func shippedName(path string) string {
	if filepath.Ext(path) == "" {
		path += ".dtcl"
	}
	return path
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	return io.ReadAll(io.LimitReader(f, maxScript+1))
}

func source(name string, text []byte, err error) (*diag.Source, error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrong("standin scripts list shows the shipped runbooks; they run by their names",
			"cannot read the script %q: it does not exist", name)
	case err != nil:
		return nil, wrong("", "cannot read the script %q: %v", name, cause(err))
	case len(text) > maxScript:
		return nil, wrong("", "cannot read the script %q: it is larger than %d MiB", name, maxScript>>20)
	}
	return &diag.Source{Name: name, Text: string(text)}, nil
}

// cause drops the operation and path that the message names already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// load reads the file that a USE or RUN names: a module of the standard library by its bare name, else a file beside
// the one that says it; a shipped runbook's neighbours are the shipped ones.
func (a *app) load(path string, from *diag.Source) (*diag.Source, error) {
	if text, err := stdlib.FS.ReadFile(shippedName(path)); err == nil {
		return &diag.Source{Name: "stdlib/" + shippedName(path), Text: string(text)}, nil
	}
	near := filepath.FromSlash(path)
	if !filepath.IsAbs(near) && from != nil && !strings.HasPrefix(from.Name, "<") {
		near = filepath.Join(filepath.Dir(from.Name), near)
	}
	text, err := readFile(near)
	if errors.Is(err, fs.ErrNotExist) {
		if shipped, serr := scripts.FS.ReadFile(path); serr == nil {
			return &diag.Source{Name: path, Text: string(shipped)}, nil
		}
		return nil, fmt.Errorf("%q does not exist", near)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %v", near, cause(err))
	}
	return &diag.Source{Name: near, Text: string(text)}, nil
}

// checked parses and checks a script; names may be nil when no site is known.
func (a *app) checked(src *diag.Source, set *sig.Set, names map[string][]string) (*check.Program, []*diag.Diagnostic) {
	file, ds := syntax.Parse(src, syntax.Options{OldLine: set.OldLine})
	p, more := check.Check(file, set, check.Options{Names: names, Load: a.load})
	return p, a.seen(p, diag.Sort(append(ds, more...)), set)
}
