package docs_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const ours = "github.com/standin-project/standin/"

// rule says which packages of this module a part of the tree may import.
type rule struct {
	tree  string   // this folder and all below it
	may   []string // prefixes; its own tree is always allowed
	never []string // last folders of packages that it may not, whatever may says
	why   string
}

// rules hold the first that matches; everything else may import anything.
var rules = []rule{
	{"lang", nil, nil, "lang is pure: it learns commands as data and knows no system, clock or network"},
	{"runtime/value", []string{"lang/"}, nil, "values are data"},
	{"runtime/vm", []string{"lang/", "runtime/value"}, nil, "the vm knows the language and its host, not the walk"},
	{"runtime/plan", []string{"lang/", "runtime/value", "runtime/vm"}, nil, "the walk reaches systems through records only"},
	{"runtime/rules", []string{"lang/", "runtime/value", "runtime/vm", "runtime/plan"}, nil, "a rule is asked over records, whatever system is behind them"},
	{"runtime/durable", nil, nil, "files know nothing of runs"},
	{"runtime/journal", []string{"lang/", "runtime/plan", "runtime/durable"}, nil, "a store keeps what the walk records"},
	{"runtime/watch", []string{"runtime/plan"}, nil, "watchers read events and journals, never a system"},
	{"runtime/report", []string{"lang/", "runtime/plan", "runtime/value"}, nil, "a report reads events"},
	{"builtins/def", []string{"lang/", "runtime/plan", "runtime/value"}, nil, "a record is data and functions over values"},
	{"builtins/core", system, nil, systemWhy},
	{"builtins/mirror", system, nil, systemWhy},
	{"builtins/cluster", system, nil, systemWhy},
	{"builtins/dns", system, nil, systemWhy},
	{"builtins/directory", system, nil, systemWhy},
	{"builtins/exchange", append([]string{"builtins/directory"}, system...), nil, "an Exchange organisation is kept in a directory"},
	{"builtins", system, implementations, "the vocabulary names no implementation"},
	{"stdlib", nil, nil, "scripts are texts"},
	{"scripts", nil, nil, "scripts are texts"},
	{"repl", []string{"lang/"}, nil, "the prompt reads the command table, never an implementation"},
}

var system = []string{"lang/sig", "lang/diag", "builtins/def", "runtime/plan", "runtime/value", "runtime/durable"}

// implementations are the last folders of packages that reach a system by some technology.
var implementations = []string{"embedded", "overlay", "sim", "agent", "rfc2136", "ldap", "host", "notes"}

const systemWhy = "a system imports the record and the data of a run, never another system or the program"

// tests may reach further: a suite runs the program or an implementation.
func TestImportsFollowTheHouse(t *testing.T) {
	eachPackage(t, func(t *testing.T, dir string, file *ast.File, _ string) {
		for _, r := range rules {
			if dir != r.tree && !strings.HasPrefix(dir, r.tree+"/") {
				continue
			}
			for _, spec := range file.Imports {
				path, mine := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), ours)
				allowed := strings.HasPrefix(path+"/", r.tree+"/") ||
					slices.ContainsFunc(r.may, func(p string) bool { return strings.HasPrefix(path, p) })
				if mine && (!allowed || slices.Contains(r.never, last(path))) {
					t.Errorf("%s imports %s: %s", dir, path, r.why)
				}
			}
			return
		}
	})
}

// The program names an implementation only where it wires: every other file works on what the systems' interfaces say.
func TestOnlyTheWiringNamesImplementations(t *testing.T) {
	eachPackage(t, func(t *testing.T, dir string, file *ast.File, path string) {
		if dir != "cmd/standin" || strings.HasPrefix(filepath.Base(path), "wire") {
			return
		}
		for _, spec := range file.Imports {
			name, mine := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), ours+"builtins/")
			if mine && slices.Contains(implementations, last(name)) {
				t.Errorf("%s imports builtins/%s: only wire*.go names implementations", path, name)
			}
		}
	})
}

// last is the last folder of an import path.
func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// lang must not reach the world by the standard library either.
func TestLangIsPure(t *testing.T) {
	banned := []string{"os", "net", "os/exec", "os/signal", "syscall", "path/filepath", "context", "sync/atomic"}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker", "Tick"} // of time, whose parsers are pure
	eachPackage(t, func(t *testing.T, dir string, file *ast.File, path string) {
		if dir != "lang" && !strings.HasPrefix(dir, "lang/") {
			return
		}
		for _, spec := range file.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			if slices.Contains(banned, name) || strings.HasPrefix(name, "net/") && name != "net/netip" {
				t.Errorf("%s imports %q: lang is pure", path, name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine in lang", path)
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
					t.Errorf("%s asks the clock: time.%s", path, n.Sel.Name)
				}
			}
			return true
		})
	})
}

// Tables are literals and the program wires: nothing registers itself, and nothing in a package changes.
func TestNoInit(t *testing.T) {
	eachPackage(t, func(t *testing.T, _ string, file *ast.File, path string) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function", path)
			}
		}
	})
}

// One doc comment a package says its one job.
func TestEveryPackageHasOneDocComment(t *testing.T) {
	docs := map[string]int{}
	eachPackage(t, func(_ *testing.T, dir string, file *ast.File, _ string) {
		docs[dir] += 0
		if file.Doc != nil {
			docs[dir]++
		}
	})
	for dir, n := range docs {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}

// Sizes above which a file or function hides what it does. Tables of literals may be as long as they are.
const (
	maxFunction = 70
	maxFile     = 600
	maxMain     = 30
)

func TestFilesAndFunctionsStaySmall(t *testing.T) {
	eachPackage(t, func(t *testing.T, dir string, file *ast.File, path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(text, []byte("\n"))
		if lines > maxFile {
			t.Errorf("%s has %d lines, want at most %d", path, lines, maxFile)
		}
		if filepath.Base(path) == "main.go" && lines > maxMain {
			t.Errorf("%s has %d lines, want at most %d", path, lines, maxMain)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || isTable(f) {
				continue
			}
			if n := bytes.Count(text[f.Body.Lbrace-1:f.Body.Rbrace-1], []byte("\n")); n > maxFunction {
				t.Errorf("%s: %s has %d lines, want at most %d", path, f.Name.Name, n, maxFunction)
			}
		}
	})
}

// isTable says whether a function only returns a literal, at the most after helpers that its rows share.
func isTable(f *ast.FuncDecl) bool {
	list := f.Body.List
	if len(list) == 0 {
		return false
	}
	r, ok := list[len(list)-1].(*ast.ReturnStmt)
	if !ok || len(r.Results) == 0 {
		return false
	}
	_, literal := r.Results[0].(*ast.CompositeLit)
	return literal
}

// eachPackage parses every Go file that is not a test. Positions count from the file's first byte.
func eachPackage(t *testing.T, visit func(t *testing.T, dir string, file *ast.File, path string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (strings.HasPrefix(e.Name(), ".") && e.Name() != ".." || e.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel("..", filepath.Dir(path))
		if err != nil {
			return err
		}
		visit(t, filepath.ToSlash(dir), file, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
