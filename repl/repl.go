// Package repl is the prompt for the middle of an incident: history, several lines, completion and HELP from the table.
package repl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/chzyer/readline"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// Config is what a session is given.
type Config struct {
	Set *sig.Set
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// Terminal is true when a person types on a terminal that knows escapes; else lines are read plainly.
	Terminal bool
	History  string // file of the history; "" keeps none
	// Names gives the known names of a slot type, for completion.
	Names map[string][]string
	// Eval runs complete statements and prints what there is to say; its error ends the session.
	Eval func(ctx context.Context, src *diag.Source) error
	// Plan says what they would do.
	Plan func(ctx context.Context, src *diag.Source) error
	// Help explains words; none asks for the list.
	Help func(words []string) (string, error)

	remember func(line string) error // puts a line into the history; nil without a line editor
}

const (
	prompt    = "standin> "
	continued = "    ...> "
)

// lines gives one line after another; io.EOF ends the session, readline.ErrInterrupt drops what was typed.
type lines interface {
	next(prompt string) (string, error)
}

// Run reads and carries out statements until the input ends or EXIT.
func Run(ctx context.Context, c Config) error {
	in, done, err := c.open()
	if err != nil {
		return err
	}
	defer done()
	for {
		text, err := c.read(in)
		switch {
		case errors.Is(err, io.EOF):
			if strings.TrimSpace(text) == "" {
				return nil
			}
		case errors.Is(err, readline.ErrInterrupt):
			continue
		case err != nil:
			return err
		}
		if end, err2 := c.carryOut(ctx, text); end || err2 != nil {
			return err2
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

// open gives the line editor on a terminal, and plain buffered lines on a pipe.
func (c *Config) open() (lines, func(), error) {
	if !c.Terminal {
		return &plain{in: bufio.NewReader(c.In)}, func() {}, nil
	}
	return c.edit()
}

// read reads lines until they are complete statements.
func (c *Config) read(in lines) (string, error) {
	var b strings.Builder
	for p := prompt; ; p = continued {
		line, err := in.next(p)
		if err != nil {
			return b.String(), err
		}
		b.WriteString(line)
		b.WriteByte('\n')
		text := b.String()
		if c.wordCommand(text) || !syntax.Incomplete(&diag.Source{Name: "<repl>", Text: strip(text)}, syntax.Options{OldLine: c.Set.OldLine}) {
			return text, nil
		}
	}
}

// wordCommand says whether a line is one of the prompt's own words, which need no semicolon.
func (c *Config) wordCommand(text string) bool {
	switch first(text) {
	case "help", "?", "quit", "exit":
		return !strings.Contains(text, ";") || first(text) != "exit"
	}
	return strings.TrimSpace(text) == ""
}

func first(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(words[0], ";"))
}

// strip takes the plan prefix off.
func strip(text string) string {
	if first(text) == "plan" {
		_, rest, _ := strings.Cut(strings.TrimLeft(text, " \t\n"), " ")
		return rest
	}
	return text
}

// carryOut carries out one complete input; end is true when the session is over. A Ctrl-C meanwhile cancels the
// command, not the session.
func (c *Config) carryOut(ctx context.Context, text string) (end bool, err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(text), ";"))
	switch word := first(text); {
	case len(words) == 0:
		return false, nil
	case word == "quit", word == "exit" && len(words) == 1:
		return true, nil
	case word == "help" || word == "?":
		help, err := c.Help(words[1:])
		if err != nil {
			fmt.Fprintln(c.Err, err)
			return false, nil
		}
		fmt.Fprint(c.Out, help)
		return false, nil
	}
	src, do, kept := &diag.Source{Name: "<repl>", Text: strip(text)}, c.Eval, ""
	if first(text) == "plan" {
		do, kept = c.Plan, "plan "
	}
	err = do(ctx, src)
	if c.remember != nil {
		// Checking has found the literal secrets by now: the history gets ••• in their place.
		c.remember(kept + strings.ReplaceAll(strings.TrimSpace(src.Redacted()), "\n", string(pastedNewline))) //nolint:errcheck // a lost history line is no reason to stop
	}
	return false, err
}

// plain reads lines from a pipe.
type plain struct{ in *bufio.Reader }

func (p *plain) next(string) (string, error) {
	line, err := p.in.ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
