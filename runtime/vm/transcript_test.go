package vm_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"os"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts runs every script of testdata/*.txtar. A file NAME.dtcl is a script, NAME.out what it must print: lines
// that it writes, what its host hears, and the diagnostic that it ends with. A first line `// plan` lowers it for a
// plan; `// with a=1 b=2` gives PARAMs. Other names are files that a script may RUN.
func TestTranscripts(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range archive.Files {
			files[f.Name] = string(f.Data)
		}
		for _, f := range archive.Files {
			name, isScript := strings.CutSuffix(f.Name, ".dtcl")
			if !isScript {
				continue
			}
			t.Run(filepath.Base(path)+"/"+name, func(t *testing.T) {
				got := transcript(f.Name, files)
				if got != files[name+".out"] && !*update {
					t.Errorf("%s: got\n%s\nwant\n%s", f.Name, got, files[name+".out"])
				}
				files[name+".out"] = got
			})
		}
		if *update {
			rewrite(t, path, archive, files)
		}
	}
}

func rewrite(t *testing.T, path string, archive *txtar.Archive, files map[string]string) {
	var kept []txtar.File
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, ".out") {
			continue
		}
		kept = append(kept, f)
		if name, ok := strings.CutSuffix(f.Name, ".dtcl"); ok {
			kept = append(kept, txtar.File{Name: name + ".out", Data: []byte(files[name+".out"])})
		}
	}
	archive.Files = kept
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// transcript runs a script and gives all that came of it.
func transcript(name string, files map[string]string) string {
	w := &world{file: func(path string) string { return files[path] }, answers: map[string]bool{}}
	params := map[string]value.Value{}
	head, _, _ := strings.Cut(files[name], "\n")
	for _, word := range strings.Fields(head)[1:] {
		if key, v, ok := strings.Cut(word, "="); ok {
			params[key] = value.Text(v)
		}
	}
	w.plan = strings.HasPrefix(head, "// plan")
	unit, diags := compileWith(name, files[name], lower.Options{Plan: w.plan}, w.file)
	if diags == nil {
		finish(w, vm.Load(unit).Run(context.Background(), w, params))
	} else {
		render(w, diags...)
	}
	return w.out.String()
}

// finish says how a run ended.
func finish(w *world, err error) {
	var exit *vm.Exit
	var d *diag.Diagnostic
	switch {
	case err == nil:
	case errors.As(err, &exit):
		fmt.Fprintf(&w.out, "exit %d\n", exit.Code)
	case errors.As(err, &d):
		render(w, d)
	default:
		fmt.Fprintf(&w.out, "error without a place: %v\n", err)
	}
}

func render(w *world, diags ...*diag.Diagnostic) {
	if err := diag.Render(&w.out, diags); err != nil {
		fmt.Fprintln(&w.out, err)
	}
}
