package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// screen is the program at a terminal of its own.
type screen struct {
	t    *testing.T
	tty  *os.File
	mu   sync.Mutex
	text strings.Builder
	read int
	more chan struct{}
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// expect waits until text is shown after all that was expected before.
func (s *screen) expect(text string) {
	s.t.Helper()
	for late := time.After(30 * time.Second); ; {
		s.mu.Lock()
		rest := s.text.String()[s.read:]
		at := strings.Index(rest, text)
		if at >= 0 {
			s.read += at + len(text)
		}
		s.mu.Unlock()
		if at >= 0 {
			return
		}
		select {
		case <-s.more:
		case <-late:
			s.t.Fatalf("%q does not come; got %q", text, rest)
		}
	}
}

// say types a line at the prompt and waits for what it answers.
func (s *screen) say(line, answer string) {
	s.t.Helper()
	s.expect("standin> ")
	s.press(line + "\r")
	s.expect("\r\n")
	s.expect(answer)
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.tty, keys); err != nil {
		s.t.Fatal(err)
	}
}

// at starts a session on a fresh site at a terminal of this kind.
func at(t *testing.T, kind string) (*screen, *exec.Cmd, string) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("standin", "site", "init", filepath.Join(dir, "site"), "--users", "5").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command("standin", "--site", filepath.Join(dir, "site"), "repl")
	cmd.Env = append(os.Environ(), "TERM="+kind, "XDG_CONFIG_HOME="+dir)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Skip("no pseudo-terminals here:", err)
	}
	s := &screen{t: t, tty: tty, more: make(chan struct{}, 1)}
	go io.Copy(s, tty) //nolint:errcheck // ends with the program
	t.Cleanup(func() { cmd.Process.Kill(); tty.Close() })
	return s, cmd, dir
}

func TestReplAtATerminal(t *testing.T) {
	s, cmd, dir := at(t, "xterm")
	for _, endless := range []string{`WAIT 1h;`, `WAIT UNTIL FALSE EVERY 1s;`, `WAIT ON CLUSTER east GROUP "Exchange Group" ONLINE TIMEOUT 1h;`, `WHILE (TRUE) DO END`} {
		s.expect("standin> ")
		s.press(`WRITE "begun"; ` + endless + "\r")
		s.expect("begun\r\n")
		s.interrupt()
	}
	s.say(`$x = 41; WRITE 1/0;`, "cannot divide 1 by zero")
	s.say(`CONFIRM "Sure?";`, "Sure? [yes/no] ")
	s.press("\x03")
	s.say(`CONFIRM "Sure?"; WRITE "so be it";`, "Sure? [yes/no] ")
	s.press("yes\r")
	s.expect("so be it")
	s.say(`PARAM $n NUMBER "how many"; WRITE $x + $n;`, "n (how many): ")
	s.press("1\r")
	s.expect("42\r\n")
	s.say(`PARAM $k SECRET "the key"; WRITE $k;`, "k (the key): ")
	s.press("hushhush\r")
	s.expect("•••")
	s.say(`LOGIN east admin pa55word;`, "")
	s.say("\x1b[200~WRITE \"a\";\n\n\tWRITE \"b\"; // c\n\x1b[201~", "a\r\nb\r\n")
	s.say("$r = clu\tea\tgroup \"Exchange Group\" st\t; WRITE $r.state;", "Offline")
	s.expect("standin> ")
	s.press("\x04")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if strings.Contains(s.String(), "hushhush") {
		t.Error("the secret was shown")
	}
	path := filepath.Join(dir, "standin", "history")
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "pa55word") || !strings.Contains(string(text), "LOGIN east admin •••;\n") {
		t.Errorf("the history holds %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info, err)
	}
}

// interrupt presses Ctrl-C, again while nothing comes of it: one that comes between two commands is dropped.
func (s *screen) interrupt() {
	s.t.Helper()
	for range 20 {
		s.press("\x03")
		for late := time.After(time.Second); ; {
			s.mu.Lock()
			rest := s.text.String()[s.read:]
			at := max(strings.Index(rest, "interrupted"), strings.Index(rest, "cancelled"))
			if at >= 0 {
				s.read += at
			}
			s.mu.Unlock()
			if at >= 0 {
				return
			}
			select {
			case <-s.more:
				continue
			case <-late:
			}
			break
		}
	}
	s.t.Fatalf("Ctrl-C does not end it; got %q", s.String()[s.read:])
}

func TestReplAtADumbTerminal(t *testing.T) {
	s, cmd, dir := at(t, "dumb")
	s.say("WRITE 1 + 2;", "3\r\n")
	s.say(`WRITE "begun"; WAIT 1h;`, "begun\r\n")
	s.interrupt()
	s.say(`CONFIRM "Sure?"; WRITE "so be it";`, "Sure? [yes/no] ")
	s.press("yes\r")
	s.expect("so be it")
	s.expect("standin> ")
	s.press("\x04")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if strings.Contains(s.String(), "\x1b") {
		t.Errorf("escapes: %q", s.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "standin", "history")); err == nil {
		t.Error("a history without an editor")
	}
}
