package vm_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/vm"
)

// FuzzRun runs whatever passes the checker, as a run and as a plan: it may end in an exit or in a diagnostic with a
// place, never in a Go panic, not even a guarded one.
func FuzzRun(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".dtcl") {
				f.Add(string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToUpper(text), "BOOM") {
			return // the command that panics
		}
		for _, plan := range []bool{false, true} {
			unit, diags := compile("fuzz.dtcl", text, lower.Options{Plan: plan})
			if diags != nil {
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			w := &world{plan: plan, file: func(string) string { return "" }}
			err := vm.Load(unit).Run(ctx, w, nil)
			cancel()
			if errors.Is(err, context.DeadlineExceeded) && !errors.As(err, new(*diag.Diagnostic)) && w.out.Len() == 0 {
				return // a slow machine: the time ran out before the first statement, as Run's contract says
			}
			sound(t, err)
		}
	})
}

func sound(t *testing.T, err error) {
	t.Helper()
	var exit *vm.Exit
	var d *diag.Diagnostic
	switch {
	case err == nil, errors.As(err, &exit):
	case !errors.As(err, &d):
		t.Fatalf("got %v, want a diagnostic", err)
	case strings.Contains(d.Message, "internal error"):
		t.Fatalf("got %s", d.Message)
	case d.Source == nil || d.Span.Start < 0 || d.Span.End > len(d.Source.Text):
		t.Fatalf("got a diagnostic without a place: %v", d)
	}
}
