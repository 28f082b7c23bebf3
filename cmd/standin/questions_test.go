package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// A person answers one question after another, also at a terminal that knows no escapes; one that its step's time cuts
// off does not take the answer to the next.
func TestQuestionsAtATerminal(t *testing.T) {
	const script = `
PARALLEL DO
    STEP "a" DO CONFIRM "one?"; WRITE "agreed"; END
    STEP "b" DO CONFIRM "two?"; WRITE "agreed"; END
END
TRY
    STEP "c" TIMEOUT 50ms DO CONFIRM "late?"; END
ON ERROR DO
    WRITE "too late";
END
CONFIRM "last?";
WRITE "the end";
`
	for _, kind := range []string{"dumb", "xterm"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			if out, err := exec.Command("standin", "site", "init", filepath.Join(dir, "site"), "--users", "0").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			path := filepath.Join(dir, "q.dtcl")
			if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("standin", "--site", filepath.Join(dir, "site"), "run", path)
			cmd.Env = append(os.Environ(), "TERM="+kind)
			tty, err := pty.Start(cmd)
			if err != nil {
				t.Skip("no pseudo-terminals here:", err)
			}
			s := &screen{t: t, tty: tty, more: make(chan struct{}, 1)}
			go io.Copy(s, tty) //nolint:errcheck // ends with the program
			t.Cleanup(func() { cmd.Process.Kill(); tty.Close() })
			for range 2 { // the second question may come before the first step has written
				s.expect("? [yes/no] ")
				s.press("yes\r")
			}
			s.expect("late? [yes/no] ")
			s.expect("too late\r\n")
			s.expect("last? [yes/no] ")
			s.press("yes\r")
			s.expect("the end\r\n")
			if n := strings.Count(s.String(), "agreed\r\n"); n != 2 {
				t.Errorf("%d steps went on, want 2: %s", n, s)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, s)
			}
		})
	}
}

// Who is asked sees how much the answer will change.
func TestAQuestionTellsItsImpact(t *testing.T) {
	const script = `
DNS ADD mydomain.com a A 10.9.9.1;
CONFIRM "Move the users?";
EXCHFAILOVER -failover -s EXCH1 -t EXCH2 -nospn -norus;
DNS ADD mydomain.com b A 10.9.9.2;
CONFIRM "More?";
`
	dir := t.TempDir()
	site := filepath.Join(dir, "site")
	if out, err := exec.Command("standin", "site", "init", site, "--users", "30").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := filepath.Join(dir, "q.dtcl")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("standin", "--site", site, "run", path)
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Skip("no pseudo-terminals here:", err)
	}
	s := &screen{t: t, tty: tty, more: make(chan struct{}, 1)}
	go io.Copy(s, tty) //nolint:errcheck // ends with the program
	t.Cleanup(func() { cmd.Process.Kill(); tty.Close() })
	s.expect("From here to the next question ")
	s.expect("dns dns1: 1 object.")
	s.expect("Move the users? [yes/no] ")
	s.press("no\r")
	if cmd.Wait() == nil {
		t.Errorf("declined, and it ended well: %s", s)
	}
	if !strings.Contains(s.String(), "directory ad: 40 objects") {
		t.Errorf("the users are not counted: %s", s)
	}
}
