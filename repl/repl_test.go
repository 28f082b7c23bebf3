package repl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/diag"
)

var errEnd = errors.New("the end")

// echo is a language that says what it was given: "WAIT" waits for its context's end, "ASK" and "HUSH" ask, "LATE" asks
// when it is too late, "STOP" ends the session.
func echo(t *testing.T, c *Console) Language {
	say := func(verb string) func(context.Context, *diag.Source) error {
		return func(ctx context.Context, src *diag.Source) error {
			text := src.Text
			fmt.Fprintf(c.Stdout, "%s %q\n", verb, text)
			ask := c.Ask
			switch {
			case strings.Contains(text, "WAIT"):
				<-ctx.Done()
				fmt.Fprintf(c.Stdout, "cancelled: %v\n", context.Cause(ctx))
			case strings.Contains(text, "LATE"):
				over, cancel := context.WithCancelCause(ctx)
				cancel(errors.New("too late"))
				answer, err := ask(over, "really? ")
				fmt.Fprintf(c.Stdout, "answered %q, %v, %v\n", answer, err, context.Cause(ctx))
			case strings.Contains(text, "HUSH"):
				ask = c.AskSecret
				fallthrough
			case strings.Contains(text, "ASK"):
				answer, err := ask(ctx, "Two lines:\nreally? ")
				fmt.Fprintf(c.Stdout, "answered %q, %v, %v\n", answer, err, context.Cause(ctx))
			case strings.Contains(text, "STOP"):
				return errEnd
			}
			return nil
		}
	}
	return Language{
		Set: commands(t), Eval: say("eval"), Plan: say("plan"),
		Help: func(words []string) (string, error) {
			if len(words) > 1 {
				return "", errors.New("no such words")
			}
			return fmt.Sprintf("help %q\n", words), nil
		},
	}
}

// What a session on a pipe says; standard error stands between brackets.
func TestPipe(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"a statement", "WRITE 1;\n", "eval \"WRITE 1;\\n\"\n"},
		{"CRLF", "WRITE 1;\r\n", "eval \"WRITE 1;\\n\"\n"},
		{"the last line has no newline", "WRITE 1;", "eval \"WRITE 1;\\n\"\n"},
		{"blank lines and comments", "\n  \n// c\n", "eval \"// c\\n\"\n"},
		{"a block", "IF (1) THEN\n  WRITE 1;\n\nEND\nWRITE 2;\n", "eval \"IF (1) THEN\\n  WRITE 1;\\n\\nEND\\n\"\neval \"WRITE 2;\\n\"\n"},
		{"several on a line", "WRITE 1; WRITE 2;\n", "eval \"WRITE 1; WRITE 2;\\n\"\n"},
		{"a mistake does not ask for more", "IF (1) THEN )\n", "eval \"IF (1) THEN )\\n\"\n"},
		{"the input ends too early", "WRITE 1\n", "eval \"WRITE 1\\n\"\n"},
		{"plan keeps the columns", "plan WRITE 1;\n", "plan \"     WRITE 1;\\n\"\n"},
		{"plan of a block", "PLAN\tIF (1) THEN\nWRITE 1; END\n", "plan \"    \\tIF (1) THEN\\nWRITE 1; END\\n\"\n"},
		{"plan alone", "plan\nplan;\n", "[plan says what a statement would do: plan CLUSTER east GROUP \"Exchange Group\" ONLINE;\n]" +
			"[plan says what a statement would do: plan CLUSTER east GROUP \"Exchange Group\" ONLINE;\n]"},
		{"help", "HELP\nhelp wait;\n?\n?wait\nhelp a b\n", "help []\nhelp [\"wait\"]\nhelp []\nhelp [\"wait\"]\n[no such words\n]"},
		{"a variable may be called so", "$help = 1;\n", "eval \"$help = 1;\\n\"\n"},
		{"quit", "quit\nWRITE 1;\n", ""},
		{"exit", "Exit;\nWRITE 1;\n", ""},
		{"EXIT with a code is a statement", "EXIT 3;\n", "eval \"EXIT 3;\\n\"\n"},
		{"a question", "ASK;\nyes\nWRITE 1;\n", "eval \"ASK;\\n\"\nTwo lines:\nanswered \"yes\", <nil>, <nil>\neval \"WRITE 1;\\n\"\n"},
		{"nobody answers", "ASK;\n", "eval \"ASK;\\n\"\nTwo lines:\nanswered \"\", EOF, <nil>\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			c, err := Open(Config{In: strings.NewReader(test.in), Out: &out, Err: brackets{&out}})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Run(t.Context(), echo(t, c)); err != nil {
				t.Error(err)
			}
			if out.String() != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", out.String(), test.want)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// brackets marks what was written to it.
type brackets struct{ w io.Writer }

func (b brackets) Write(p []byte) (int, error) {
	_, err := fmt.Fprintf(b.w, "[%s]", p)
	return len(p), err
}

func TestErrorOfEvalEnds(t *testing.T) {
	c, err := Open(Config{In: strings.NewReader("STOP;\nWRITE 1;\n"), Out: io.Discard, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context(), echo(t, c)); err != errEnd {
		t.Errorf("got %v", err)
	}
}

// On a pipe Ctrl-C ends the session: the lines to come were written for a command that came to its end.
func TestInterruptOnAPipe(t *testing.T) {
	out := &output{more: make(chan struct{}, 1)}
	c, err := Open(Config{In: strings.NewReader("WAIT 1h;\nWRITE 1;\n"), Out: out, Err: out})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context(), echo(t, c)) }()
	out.expect(t, "eval \"WAIT 1h;\\n\"\n")
	c.interrupts <- os.Interrupt
	if err := <-ended; !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v", err)
	}
	out.expect(t, "cancelled: interrupted\n")
	if strings.Contains(out.String(), "WRITE") {
		t.Error("went on")
	}
}

// A terminal that knows no escapes has a prompt, and Ctrl-C drops the line or the command.
func TestPlainTerminal(t *testing.T) {
	in, keys := io.Pipe()
	out := &output{more: make(chan struct{}, 1)}
	c, err := Open(Config{In: in, Out: out, Err: out, Person: true})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context(), echo(t, c)) }()
	out.expect(t, "standin> ")
	io.WriteString(keys, "IF (1) THEN\n")
	out.expect(t, "    ...> ")
	c.interrupts <- os.Interrupt
	out.expect(t, "\nstandin> ")
	io.WriteString(keys, "WAIT 1h;\n")
	out.expect(t, "eval \"WAIT 1h;\\n\"\n")
	c.interrupts <- os.Interrupt
	out.expect(t, "cancelled: interrupted\nstandin> ")
	io.WriteString(keys, "ASK;\n")
	out.expect(t, "Two lines:\nreally? ")
	c.interrupts <- os.Interrupt
	out.expect(t, "interrupted\nstandin> ")
	io.WriteString(keys, "WRITE 1;\n") // the question that was left takes nothing away
	out.expect(t, "eval \"WRITE 1;\\n\"\nstandin> ")
	io.WriteString(keys, "HUSH;\n")
	out.expect(t, "this terminal cannot hide what is typed")
	keys.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("escapes: %q", out.String())
	}
}

// The session's own context ends it, whatever it waits for.
func TestContextEndsTheSession(t *testing.T) {
	in, _ := io.Pipe()
	c, err := Open(Config{In: in, Out: io.Discard, Err: io.Discard, Person: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx, echo(t, c)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
