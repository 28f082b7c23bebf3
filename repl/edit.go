package repl

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/chzyer/readline"
)

// Bracketed paste: the terminal marks the beginning and the end of what is pasted.
const (
	pasteOn  = "\x1b[?2004h"
	pasteOff = "\x1b[?2004l"
)

// editor reads lines with the line editor.
type editor struct {
	rl      *readline.Instance
	in      *paste
	out     io.Writer
	history *history
	shown   *readline.Config // for lines that are shown
	hidden  *readline.Config // for secrets
	resized chan os.Signal
}

// edit opens the line editor on a console's terminal.
func edit(c *Console) (*editor, error) {
	in, ok := c.In.(*os.File)
	out, ok2 := c.Out.(*os.File)
	if !ok || !ok2 {
		return nil, errors.New("it is not a file")
	}
	e := &editor{in: newPaste(in), out: out, history: c.history, resized: make(chan os.Signal, 1)}
	e.shown = e.config(in, out, c.Err)
	e.shown.AutoComplete = c.complete
	c.complete.width = e.shown.FuncGetWidth
	e.hidden = e.config(in, out, c.Err)
	e.hidden.Painter = stars{}
	e.hidden.Stdin = io.NopCloser(nil) // never read: the terminal keeps that of the first configuration
	var err error
	if e.rl, err = readline.NewEx(e.shown); err != nil {
		return nil, err
	}
	_, err = io.WriteString(out, pasteOn)
	return e, err
}

// config is what both configurations share. The library's own defaults look at the process's standard input only.
func (e *editor) config(in, out *os.File, errOut io.Writer) *readline.Config {
	fd := int(in.Fd())
	var before *readline.State
	return &readline.Config{
		DisableAutoSaveHistory: true, HistoryLimit: maxHistory, HistorySearchFold: true,
		Stdin: e.in, Stdout: out, Stderr: errOut, Listener: e.in,
		FuncIsTerminal: func() bool { return true },
		FuncGetWidth: func() int {
			if width, _, err := readline.GetSize(int(out.Fd())); err == nil && width > 0 {
				return width
			}
			return 80
		},
		FuncMakeRaw: func() (err error) {
			before, err = readline.MakeRaw(fd)
			return err
		},
		FuncExitRaw: func() error {
			if before == nil {
				return nil
			}
			return readline.Restore(fd, before)
		},
		FuncOnWidthChanged: func(changed func()) {
			signal.Notify(e.resized, syscall.SIGWINCH)
			go func() {
				for range e.resized {
					changed()
				}
			}()
		},
	}
}

// stars paints a secret.
type stars struct{}

// Paint gives a star for each rune but the newline that ends the line.
func (stars) Paint(line []rune, _ int) []rune {
	painted := []rune(strings.Repeat("*", len(line)))
	if n := len(line); n > 0 && line[n-1] == '\n' {
		painted[n-1] = '\n'
	}
	return painted
}

func (e *editor) line(ctx context.Context, prompt string) (string, error) {
	// The library keeps edits of recalled lines, secrets in them too, and would save those: its list is made anew.
	e.rl.ResetHistory()
	for _, entry := range e.history.entries {
		if err := e.rl.SaveHistory(oneLine(entry)); err != nil {
			return "", err
		}
	}
	return e.read(ctx, prompt)
}

func (e *editor) secret(ctx context.Context, prompt string) (string, error) {
	if _, err := e.rl.Operation.SetConfig(e.hidden); err != nil {
		return "", err
	}
	text, err := e.read(ctx, prompt)
	if _, back := e.rl.Operation.SetConfig(e.shown); back != nil {
		return "", back
	}
	return text, err
}

func (e *editor) read(ctx context.Context, prompt string) (string, error) {
	defer e.in.interruptWhen(ctx)()
	e.rl.SetPrompt(prompt)
	line, err := e.rl.Readline()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, readline.ErrInterrupt):
		return "", cancelled{}
	}
	return manyLines(line), err
}

// close gives the terminal back. The input is closed first: the library would wait for a key.
func (e *editor) close() error {
	signal.Stop(e.resized)
	close(e.resized)
	_, err := io.WriteString(e.out, pasteOff)
	return errors.Join(err, e.in.Close(), e.rl.Close())
}
