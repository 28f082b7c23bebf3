package repl

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
)

// typist types the answer to a question as soon as it sees the question.
type typist struct {
	keys    io.Writer
	answers map[string]string
}

func (y *typist) Write(shown []byte) (int, error) {
	if answer, ok := y.answers[string(shown)]; ok {
		go io.WriteString(y.keys, answer) //nolint:errcheck // whoever asked tells that nothing came
	}
	return len(shown), nil
}

// A question that was cut short leaves its read behind: the next question gets what is typed under it, and not what was
// typed before it was put.
func TestAQuestionCutShort(t *testing.T) {
	in, keyboard := io.Pipe()
	typist := &typist{keys: keyboard, answers: map[string]string{"one? ": "first\n", "two? ": "second\n"}}
	c := Questions(in, typist)
	over := errors.New("over")
	cut := func() {
		t.Helper()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(over)
		if _, err := c.Ask(ctx, "late? "); !errors.Is(err, over) {
			t.Fatalf("got %v, want %v", err, over)
		}
	}
	press := func(line string) {
		if _, err := io.WriteString(keyboard, line); err != nil {
			t.Error(err)
		}
	}
	cut()
	if text, err := c.Ask(t.Context(), "one? "); text != "first" || err != nil {
		t.Fatalf("got %q, %v, want what was typed under the question", text, err)
	}
	cut()
	press("stale\n")
	for pending := c.lines.(*plain).pending; len(pending) == 0; {
		runtime.Gosched()
	}
	if text, err := c.Ask(t.Context(), "two? "); text != "second" || err != nil {
		t.Fatalf("got %q, %v, want what was typed under the question", text, err)
	}
	cut()
	keyboard.Close()
	for pending := c.lines.(*plain).pending; len(pending) == 0; {
		runtime.Gosched()
	}
	if _, err := c.Ask(t.Context(), "three? "); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, want the end of the input", err)
	}
}
