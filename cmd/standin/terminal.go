package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/standin-project/standin/repl"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// interrupts makes Ctrl-C stop the walk after its current effect, and a second one cancel the current command.
func (a *app) interrupts(ctx context.Context, w *plan.Walk) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// Whoever reads our output may go away; that must not kill the process in the middle of a failover.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
		case <-done:
			return
		}
		fmt.Fprintln(a.stderr, "standin: stopping after the current command; interrupt again to cancel it")
		select {
		case <-w.Stop():
			cancel(&plan.StoppedError{})
		case <-signals:
			cancel(&plan.StoppedError{Inside: true})
		case <-done:
		}
	}()
	return ctx, sync.OnceFunc(func() { signal.Stop(signals); close(done); cancel(nil) })
}

// lasting is the standard output of a run. A reader that goes away and a full disk end no failover: what is lost is
// told at the end, and the journal has it.
type lasting struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (l *lasting) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		_, l.err = l.w.Write(p)
	}
	return len(p), nil
}

// lost says that something was not written.
func (l *lasting) lost(run string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		return nil
	}
	return value.Failf(value.CodeFailed, "the run went on, but its output was lost: %v", cause(l.err)).
		Hint("standin show %s prints what it wrote", run)
}

// asker puts questions to the terminal; without one only --yes answers, and never a TYPED question.
func (a *app) asker() plan.Asker {
	person := isTerminal(a.stdin) && isTerminal(a.stderr) // even one that knows no escapes
	return &prompt{read: repl.Questions(a.stdin, a.stderr).Ask, yes: a.yes, person: person, screen: a.stderr}
}

type prompt struct {
	read   func(ctx context.Context, question string) (string, error)
	yes    bool // --yes was given
	person bool // somebody is there to answer
	screen io.Writer
}

// Ask asks until the answer is one of those wanted.
func (p *prompt) Ask(ctx context.Context, q plan.Question) (string, error) {
	switch {
	case p.yes && !q.Typed && !q.Manual && q.Choices == nil:
		return "yes", nil
	case !p.person:
		return "", plan.ErrNobody
	}
	if q.Impact != nil {
		if text := q.Impact(ctx); text != "" {
			fmt.Fprintln(p.screen, text)
		}
	}
	want := "[yes/no]"
	switch {
	case q.Typed:
		want = fmt.Sprintf("%s\nType %q to go on, or no:", q.Why, q.Text)
	case q.Manual:
		want = "Type done when it is done, or no to stop:"
	case q.Choices != nil:
		want = fmt.Sprintf("%s\nType %s:", q.Why, q.Wanted())
	}
	for {
		answer, err := p.read(ctx, fmt.Sprintf("%s %s ", q.Text, want))
		if errors.Is(err, io.EOF) {
			return "", plan.ErrNobody
		}
		if err != nil {
			return "", err
		}
		if ok, err := q.Take(answer); ok {
			return strings.TrimSpace(answer), err
		}
	}
}
