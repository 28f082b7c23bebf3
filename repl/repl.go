// Package repl is the prompt for the middle of an incident: history, several lines, completion and HELP from the table.
package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// Language is what a session's lines mean.
type Language struct {
	Set *sig.Set
	// Names gives the known names of a slot type, for completion.
	Names map[string][]string
	// Variables lists the session's variables without their $, for completion; nil for none.
	Variables func() []string
	// Eval carries out complete statements and prints what there is to say; its error ends the session.
	Eval func(ctx context.Context, src *diag.Source) error
	// Plan says what they would do; its error ends the session.
	Plan func(ctx context.Context, src *diag.Source) error
	// Help explains words; none asks for the list.
	Help func(words []string) (string, error)
}

// ErrInterrupted is how a session on a pipe ends at Ctrl-C. A person's session goes on.
var ErrInterrupted = errors.New("interrupted")

const (
	prompt    = "standin> "
	continued = "    ...> "
)

// Run reads and carries out statements until the input ends, QUIT, or an error of Eval or Plan.
func (c *Console) Run(ctx context.Context, l Language) error {
	c.complete.Language = l
	defer c.catch()()
	for {
		text, err := c.read(ctx, &l)
		ended := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, ErrInterrupted) && c.Person:
			continue
		case err != nil && !ended:
			return err
		case ended && strings.TrimSpace(text) == "":
			return nil
		}
		over, err := c.carryOut(ctx, &l, text)
		if over || ended || err != nil {
			return err
		}
	}
}

// read reads lines until they are complete statements.
func (c *Console) read(ctx context.Context, l *Language) (string, error) {
	var b strings.Builder
	for p := prompt; ; p = continued {
		line, err := c.lines.line(ctx, p)
		if err != nil {
			return b.String(), err
		}
		b.WriteString(line)
		b.WriteByte('\n')
		if text := b.String(); !l.wantsMore(text) {
			return text, nil
		}
	}
}

// wantsMore asks the parser whether a text is only the beginning of something.
func (l *Language) wantsMore(text string) bool {
	switch word, rest := command(text); {
	case word == wordPlan:
		text = rest
	case word != "":
		return false
	}
	if strings.TrimSpace(text) == "" {
		return false
	}
	return syntax.Incomplete(&diag.Source{Text: text}, syntax.Options{OldLine: l.Set.OldLine})
}

// The prompt's own words; they need no semicolon.
const (
	wordHelp = "help"
	wordPlan = "plan"
	wordQuit = "quit"
)

// command tells the prompt's own words from statements: one of the words above, or "" for a statement. In rest the word
// is blanked out, so that a diagnostic's column is that of what was typed.
func command(text string) (word, rest string) {
	start := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	end := start
	if strings.HasPrefix(text[start:], "?") {
		end++
	} else {
		for end < len(text) && !strings.ContainsRune(" \t\r\n;", rune(text[end])) {
			end++
		}
	}
	rest = text[:start] + strings.Repeat(" ", end-start) + text[end:]
	switch strings.ToLower(text[start:end]) {
	case "?", wordHelp:
		return wordHelp, rest
	case wordPlan:
		return wordPlan, rest
	case wordQuit, "exit":
		if strings.Trim(rest, "; \t\r\n") == "" {
			return wordQuit, ""
		}
	}
	return "", text
}

// carryOut carries out one complete input; over is true when the session is over.
func (c *Console) carryOut(ctx context.Context, l *Language, text string) (over bool, err error) {
	word, rest := command(text)
	src, do := &diag.Source{Name: "<repl>", Text: rest}, l.Eval
	switch word {
	case wordQuit:
		return true, nil
	case wordHelp:
		c.remember(strings.TrimSpace(text))
		return false, c.help(l, strings.Fields(strings.Trim(rest, "; \t\r\n")))
	case wordPlan:
		if strings.Trim(rest, "; \t\r\n") == "" {
			_, err := fmt.Fprintln(c.Stderr, "plan says what a statement would do: plan CLUSTER east GROUP \"Exchange Group\" ONLINE;")
			return false, err
		}
		do = l.Plan
	}
	if strings.TrimSpace(rest) == "" {
		return false, nil
	}
	running, stop := c.interruptible(ctx)
	err = do(running, src)
	interrupted := errors.Is(context.Cause(running), ErrInterrupted)
	stop()
	// Checking has found the literal secrets by now: the history gets ••• in their place.
	c.remember(strings.TrimSpace(word + " " + strings.TrimSpace(src.Redacted())))
	if err == nil && interrupted && !c.Person {
		err = ErrInterrupted
	}
	return false, err
}

func (c *Console) help(l *Language, words []string) error {
	text, err := l.Help(words)
	if err != nil {
		_, err = fmt.Fprintln(c.Stderr, err)
		return err
	}
	_, err = io.WriteString(c.Stdout, text)
	return err
}
