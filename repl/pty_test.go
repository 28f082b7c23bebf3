package repl

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// output is what was printed so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	read int // what was expected and came
	more chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	select {
	case o.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// expect waits until text is printed after all that was expected before.
func (o *output) expect(t *testing.T, text string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		o.mu.Lock()
		rest := o.text.String()[o.read:]
		at := strings.Index(rest, text)
		if at >= 0 {
			o.read += at + len(text)
		}
		o.mu.Unlock()
		if at >= 0 {
			return
		}
		select {
		case <-o.more:
		case <-late:
			t.Fatalf("%q does not come; got %q", text, rest)
		}
	}
}

// sitting is a session at a terminal.
type sitting struct {
	*output
	console *Console
	keys    *os.File
	ended   chan error
}

func sit(t *testing.T, ctx context.Context, history string) *sitting {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminals here:", err)
	}
	if err := pty.Setsize(keys, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	c, err := Open(Config{In: tty, Out: tty, Err: tty, Person: true, Editor: true, History: history})
	if err != nil {
		t.Fatal(err)
	}
	s := &sitting{&output{more: make(chan struct{}, 1)}, c, keys, make(chan error, 1)}
	go io.Copy(s, keys) //nolint:errcheck // ends with the terminal
	go func() {
		err := c.Run(ctx, echo(t, c))
		s.ended <- errors.Join(err, c.Close())
	}()
	t.Cleanup(func() { tty.Close(); keys.Close() })
	s.expect(t, prompt)
	return s
}

func (s *sitting) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		t.Fatal(err)
	}
}

func (s *sitting) end(t *testing.T) {
	t.Helper()
	s.press(t, "\x04")
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestEditing(t *testing.T) {
	s := sit(t, t.Context(), "")
	s.press(t, "WRITE 2;\x1b[D\x1b[D\x7f1\r") // left, left, backspace
	s.expect(t, "eval \"WRITE12;\\n\"")
	s.expect(t, prompt)
	s.press(t, "IF (1) THEN\r")
	s.expect(t, continued)
	s.press(t, "WRITE 1; END\r")
	s.expect(t, "eval \"IF (1) THEN\\nWRITE 1; END\\n\"")
	s.press(t, "half a line\x03")
	s.expect(t, "^C")
	s.press(t, "IF (1) THEN\r")
	s.expect(t, continued)
	s.press(t, "\x03")
	s.expect(t, prompt)
	s.press(t, "clu\teast g\t\"G\" st\t;\r")
	s.expect(t, "eval \"cluster east group \\\"G\\\" status ;")
	s.expect(t, prompt)
	s.press(t, "\x1a\x1bWRITE 3;\r") // Ctrl-Z and a lone Escape
	s.expect(t, "3;\\n\"")
	s.end(t)
}

func TestPastedBlock(t *testing.T) {
	s := sit(t, t.Context(), "")
	if !strings.Contains(s.String(), pasteOn) {
		t.Error("the terminal was not asked to mark what is pasted")
	}
	block := "WRITE 1;\n\n// one\n\tWRITE 2;\nIF (1) THEN\n  WRITE 3;\nEND\n"
	for _, r := range pasteBegin + block + pasteEnd { // the slowest of terminals
		s.press(t, string(r))
	}
	s.expect(t, "END␤")
	if strings.Contains(s.String(), "eval") {
		t.Error("runs before Enter")
	}
	s.press(t, "\r")
	s.expect(t, "eval \"WRITE 1;\\n\\n// one\\n    WRITE 2;\\nIF (1) THEN\\n  WRITE 3;\\nEND\\n\\n\"")
	s.expect(t, prompt)
	s.press(t, "\x1b[A\r") // again, from the history
	s.expect(t, "eval \"WRITE 1;\\n\\n// one\\n    WRITE 2;")
	s.end(t)
	s.expect(t, pasteOff)
}

// A long block is drawn once, not once a letter.
func TestLongPaste(t *testing.T) {
	s := sit(t, t.Context(), "")
	s.press(t, pasteBegin)
	line := "WRITE \"" + strings.Repeat("x", 90) + "\";\n"
	for range 300 {
		s.press(t, line)
	}
	s.press(t, pasteEnd+"\r")
	s.expect(t, "eval ")
	s.expect(t, strings.Repeat("x", 90)+"\\\";\\n\\n\"")
	if n := len(s.String()); n > 20*300*len(line) {
		t.Errorf("%d bytes were drawn for a block of %d", n, 300*len(line))
	}
	s.end(t)
}

func TestCtrlCWhileACommandRuns(t *testing.T) {
	s := sit(t, t.Context(), "")
	s.press(t, "WAIT 1h;\r")
	s.expect(t, "eval \"WAIT 1h;\\n\"")
	s.console.interrupts <- os.Interrupt
	s.expect(t, "cancelled: interrupted")
	s.expect(t, prompt)
	s.press(t, "WRITE 1;\r")
	s.expect(t, "eval \"WRITE 1;\\n\"")
	s.end(t)
}

func TestQuestions(t *testing.T) {
	s := sit(t, t.Context(), "")
	s.press(t, "ASK;\r")
	s.expect(t, "Two lines:\r\n")
	s.expect(t, "really? ")
	s.press(t, "yes\r")
	s.expect(t, "answered \"yes\", <nil>, <nil>")
	s.press(t, "ASK;\r")
	s.expect(t, "really? ")
	s.press(t, "\x03")
	s.expect(t, "answered \"\", interrupted, interrupted") // the command's context ended, too
	s.expect(t, prompt)
	before := len(s.String())
	s.press(t, "HUSH;\r")
	s.expect(t, "really? ")
	s.press(t, "pa55\x1b[A\r")
	s.expect(t, "answered \"pa55\"")
	if shown := s.String()[before:]; strings.Count(shown, "pa55") != 1 {
		t.Errorf("the secret was shown: %q", shown)
	}
	s.expect(t, prompt)
	s.press(t, "\x1b[A\r") // an answer is no history
	s.expect(t, "eval \"HUSH;\\n\"")
	s.expect(t, "really? ")
	s.press(t, "\x03")
	s.expect(t, prompt)
	s.end(t)
}

// What comes from elsewhere stands above the line that is being typed.
func TestOutputWhileTyping(t *testing.T) {
	s := sit(t, t.Context(), "")
	s.press(t, "WRITE")
	s.expect(t, "WRITE")
	io.WriteString(s.console.Stderr, "mirror 1: complete\n")
	s.expect(t, "mirror 1: complete\r\n")
	s.expect(t, prompt+"WRITE")
	s.press(t, " 1;\r")
	s.expect(t, "eval \"WRITE 1;\\n\"")
	s.end(t)
}

func TestHistoryAcrossSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	s := sit(t, t.Context(), path)
	s.press(t, "WRITE 1;\r")
	s.expect(t, "eval")
	s.expect(t, prompt)
	s.press(t, "help wait\r")
	s.expect(t, "help [\"wait\"]")
	s.expect(t, prompt)
	s.end(t)
	s = sit(t, t.Context(), path)
	s.press(t, "\x1b[A\x1b[A\x7f\x7f\x7f 22;\r") // an entry that is edited does not change
	s.expect(t, "eval \"WRITE 22;\\n\"")
	s.expect(t, prompt)
	s.press(t, "\x1b[A\x1b[A\x1b[A\r")
	s.expect(t, "eval \"WRITE 1;\\n\"")
	s.expect(t, prompt)
	s.end(t)
	text, err := os.ReadFile(path)
	if want := "WRITE 1;\nhelp wait\nWRITE 22;\nWRITE 1;\n"; err != nil || string(text) != want {
		t.Errorf("got %q, %v, want %q", text, err, want)
	}
}

// A question whose time is over leaves the terminal to the session.
func TestQuestionThatIsOver(t *testing.T) {
	s := sit(t, t.Context(), "")
	s.press(t, "LATE;\r")
	s.expect(t, "answered \"\", too late, <nil>")
	s.expect(t, prompt)
	s.press(t, "WRITE 1;\r")
	s.expect(t, "eval \"WRITE 1;\\n\"")
	s.end(t)
}

// The session's own context ends it while a line is typed.
func TestContextEndsTyping(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := sit(t, ctx, "")
	s.press(t, "half")
	s.expect(t, "half")
	cancel()
	if err := <-s.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNotATerminal(t *testing.T) {
	if _, err := Open(Config{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Editor: true}); err == nil {
		t.Error("edits lines on what is no file")
	}
}
