package docs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fenced gives the fenced block of README.md below a mark, and where it stands.
func fenced(t *testing.T, text, mark string) (body string, start, end int) {
	t.Helper()
	at := strings.Index(text, "<!-- tested: "+mark+" -->")
	if at < 0 {
		t.Fatalf("README.md has no block %q", mark)
	}
	start = at + strings.Index(text[at:], "```")
	start += strings.Index(text[start:], "\n") + 1
	end = start + strings.Index(text[start:], "```")
	return text[start:end], start, end
}

// The README's runbook is planned on a fresh site, and its plan is the one that the README prints.
func TestReadmePlan(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "standin")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/standin").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script, _, _ := fenced(t, string(readme), "runbook")
	if n := strings.Count(script, "\n"); n != 12 {
		t.Errorf("the runbook has %d lines, want 12", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "mail.dtcl"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	standin := func(args ...string) string {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("standin %v: %v\n%s", args, err, errs.String())
		}
		return string(out)
	}
	standin("site", "init", "site")
	standin("check", "mail.dtcl")
	got := standin("--site", "site", "plan", "mail.dtcl")
	want, start, end := fenced(t, string(readme), "plan")
	if got == want {
		return
	}
	if *update {
		text := string(readme[:start]) + got + string(readme[end:])
		if err := os.WriteFile("../README.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("got\n%s\nthe README prints\n%s", got, want)
}
