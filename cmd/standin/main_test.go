package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The program is its own command under test, under both of its names.
func TestMain(m *testing.M) {
	program := func() {
		a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.LookupEnv}
		a.between = killing(os.Getenv(killVariable))
		os.Exit(a.main(os.Args))
	}
	testscript.Main(m, map[string]func(){"standin": program, "dtcl": program})
}

// The scripts are what a user types and sees; -update rewrites the expected output, and the diff is read.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
