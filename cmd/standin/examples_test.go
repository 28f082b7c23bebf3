package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins"
)

// testApp is the program as a test calls it: no terminal, no environment.
func testApp(out io.Writer, site string) *app {
	return &app{stdin: strings.NewReader(""), stdout: out, stderr: out, env: func(string) (string, bool) { return "", false },
		common: common{site: site, yes: true}}
}

// freshSites makes a fresh site and gives a function that copies it.
func freshSites(t *testing.T) (copyTo func(t *testing.T) string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	var out bytes.Buffer
	a := testApp(&out, dir)
	if code := a.main([]string{"standin", "site", "init", dir, "--users", "20"}); code != exitDone {
		t.Fatalf("site init: exit %d\n%s", code, out.String())
	}
	return func(t *testing.T) string {
		to := filepath.Join(t.TempDir(), "site")
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		return to
	}
}

// Every record's example runs on a fresh site, each on a copy of its own.
func TestEveryExampleRuns(t *testing.T) {
	site := freshSites(t)
	all := builtins.All(builtins.Systems{})
	for i := range all {
		c := &all[i]
		t.Run(c.Usage, func(t *testing.T) {
			t.Parallel()
			dir := site(t)
			var out bytes.Buffer
			a := testApp(&out, dir)
			script := filepath.Join(t.TempDir(), "example.dtcl")
			if err := os.WriteFile(script, []byte(c.Example), 0o600); err != nil {
				t.Fatal(err)
			}
			if code := a.main([]string{"standin", "run", script}); code != exitDone {
				t.Errorf("%s\nexit %d\n%s", c.Example, code, out.String())
			}
		})
	}
}
