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
	"sync"
)

// Config says where a session's lines come from.
type Config struct {
	In       io.Reader
	Out, Err io.Writer
	// Person is true when somebody types: there is a prompt, and Ctrl-C cancels a command and not the session.
	Person bool
	// Editor is true when In and Out are files of a terminal that knows escapes. Without it lines are read plainly.
	Editor  bool
	History string // file of the history; "" keeps none
}

// Console is where a session's lines come from and what it says goes: a line editor, a plain terminal or a pipe.
type Console struct {
	// Stdout and Stderr are to be written to while the console is open, from any goroutine: what is written there
	// while a line is being typed stands above it.
	Stdout, Stderr io.Writer
	Config

	lines      lines
	history    *history
	complete   *completer
	interrupts chan os.Signal

	mu     sync.Mutex
	cancel context.CancelCauseFunc // of the command that runs; nil between commands
}

// lines gives one line after another, without its newline. io.EOF ends the session, ErrInterrupted drops what was typed.
type lines interface {
	line(ctx context.Context, prompt string) (string, error)
	// secret reads a line that is not shown.
	secret(ctx context.Context, prompt string) (string, error)
	close() error
}

// Open opens the console; Close gives the terminal back.
func Open(c Config) (*Console, error) {
	con := &Console{
		Config: c, Stdout: c.Out, Stderr: c.Err,
		history: &history{}, complete: &completer{}, interrupts: make(chan os.Signal, 1),
	}
	if !c.Editor {
		p := &plain{in: bufio.NewReader(c.In), out: io.Discard, interrupts: con.interrupts}
		if c.Person {
			p.out = c.Out
		}
		con.lines = p
		return con, nil
	}
	con.history = openHistory(c.History)
	e, err := edit(con)
	if err != nil {
		return nil, fmt.Errorf("cannot edit lines on this terminal: %w", err)
	}
	con.lines, con.Stdout, con.Stderr = e, e.rl.Stdout(), e.rl.Stderr()
	return con, nil
}

// Questions opens a console that is only asked on: without a line editor, and without a hand on Ctrl-C.
func Questions(in io.Reader, out io.Writer) *Console {
	return &Console{
		Config: Config{In: in, Out: out, Err: out, Person: true}, Stdout: out, Stderr: out,
		lines: &plain{in: bufio.NewReader(in), out: out},
	}
}

// Close gives the terminal back as it was.
func (c *Console) Close() error { return c.lines.close() }

// Ask puts a question of the command that runs; one at a time. Ctrl-C cancels that command; io.EOF says that nobody
// answers. A line that was typed for an earlier question, which has ended meanwhile, is not taken as the answer.
func (c *Console) Ask(ctx context.Context, question string) (string, error) {
	if p, ok := c.lines.(*plain); ok {
		p.drop()
	}
	return c.ask(ctx, question, c.lines.line)
}

// AskSecret is Ask for an answer that is not shown.
func (c *Console) AskSecret(ctx context.Context, question string) (string, error) {
	return c.ask(ctx, question, c.lines.secret)
}

func (c *Console) ask(ctx context.Context, question string, read func(context.Context, string) (string, error)) (string, error) {
	if i := strings.LastIndexByte(question, '\n'); i >= 0 { // a line editor's prompt is one line
		if _, err := io.WriteString(c.Stdout, question[:i+1]); err != nil {
			return "", err
		}
		question = question[i+1:]
	}
	answer, err := read(ctx, question)
	if errors.Is(err, ErrInterrupted) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.cancel != nil {
			c.cancel(err)
		}
	}
	return answer, err
}

// catch makes Ctrl-C ours for the length of a session.
func (c *Console) catch() (stop func()) {
	signal.Notify(c.interrupts, os.Interrupt)
	return func() { signal.Stop(c.interrupts) }
}

// interruptible gives a command the context that Ctrl-C ends.
func (c *Console) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-c.interrupts:
			cancel(cancelled{})
		case <-done:
		}
	})
	return ctx, func() {
		close(done)
		watch.Wait()
		c.mu.Lock()
		c.cancel = nil
		c.mu.Unlock()
		cancel(nil)
	}
}

// cancelled is why a command's context ends at Ctrl-C: both an interrupt and a cancellation.
type cancelled struct{}

func (cancelled) Error() string { return "interrupted" }

// Is makes it known as either.
func (cancelled) Is(target error) bool { return target == ErrInterrupted || target == context.Canceled }

// remember puts what was said into the history.
func (c *Console) remember(text string) {
	if err := c.history.add(text); err != nil {
		fmt.Fprintf(c.Stderr, "standin: cannot keep the history: %v\n", err)
		c.history.path = "" // say it once
	}
}

// plain reads lines from a pipe, or from a terminal that knows no escapes.
type plain struct {
	in         *bufio.Reader
	out        io.Writer // of the prompts
	interrupts <-chan os.Signal
	pending    chan typed // of the read that goes on; nil for none
}

type typed struct {
	text string
	err  error
}

// line waits for a line. A read that nobody waits for any more is not lost: the next call takes what it brings.
func (p *plain) line(ctx context.Context, prompt string) (string, error) {
	if _, err := io.WriteString(p.out, prompt); err != nil {
		return "", err
	}
	if p.pending == nil {
		p.pending = make(chan typed, 1)
		go p.read(p.pending)
	}
	select {
	case got := <-p.pending:
		p.pending = nil
		return got.text, got.err
	case <-p.interrupts:
		io.WriteString(p.out, "\n") //nolint:errcheck // the next prompt tells
		return "", cancelled{}
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// drop forgets a line that has come since nobody waits for it any more.
func (p *plain) drop() {
	select {
	case got := <-p.pending: // never from nil
		if p.pending = nil; got.err != nil {
			p.pending = make(chan typed, 1)
			p.pending <- got
		}
	default:
	}
}

func (p *plain) read(to chan<- typed) {
	text, err := p.in.ReadString('\n')
	if text != "" {
		err = nil // the end of the input comes again
	}
	to <- typed{strings.TrimRight(text, "\r\n"), err}
}

// secret refuses: what is typed could not be hidden.
func (p *plain) secret(context.Context, string) (string, error) {
	return "", errors.New("this terminal cannot hide what is typed")
}

func (p *plain) close() error { return nil }
