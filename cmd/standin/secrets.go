package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// hidden are the secrets that this process knows: nothing that it prints or writes shows them.
func (a *app) hidden() *plan.Secrets {
	if a.secrets == nil {
		a.secrets = &plan.Secrets{First: keepMemory}
	}
	return a.secrets
}

// crash is deferred by main: what a panic prints shows no secret. The run that it ends reads as stopped and can go on.
func (a *app) crash() {
	if r := recover(); r != nil {
		fmt.Fprint(a.stderr, a.crashed(r))
		os.Exit(exitFailed)
	}
}

func (a *app) crashed(r any) string {
	return a.hidden().Redact(fmt.Sprintf("standin: internal error: %v\n\n%s", r, debug.Stack())) +
		"hint: standin runs shows the run that this ended; standin resume goes on with it\n"
}

// learnSite makes the secrets known that the site file names. They are read before anything is said, so that a run and
// its resume hide the same words; one that cannot be read is told by whoever needs it.
func (s *site) learnSite() {
	for _, e := range s.file.DNS {
		_, _ = s.secret(e.Secret)
	}
	for _, e := range s.file.Directories {
		_, _ = s.secret(e.Password)
	}
}

// fileHash is what a journal keeps of a file's text to tell later whether it is the same. One that holds a literal
// secret gets a fingerprint of the store: a bare hash would let whoever has the journal try all likely secrets.
func (s *site) fileHash(src *diag.Source) string {
	if len(src.Secret) == 0 {
		return hash([]byte(src.Text))
	}
	print, err := s.journals.Fingerprint("file\x00" + src.Text)
	if err != nil {
		return hash([]byte(src.Redacted()))
	}
	return print
}

// learn makes a PARAM's value known if it is a secret, before any message could show it.
func (a *app) learn(v value.Value) value.Value {
	a.hidden().Learn(v)
	return v
}
