package journaltest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
)

const addressVariable = "STANDIN_STORE_UNDER_TEST"

// Main runs a package's tests, or is the process of a run that they have started; it gives the exit code.
func (b Backend) Main(m *testing.M) int {
	address := os.Getenv(addressVariable)
	if address == "" {
		return m.Run()
	}
	store, err := b.Open(address)
	if err == nil {
		err = obey(store, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// obey begins a run and does what the lines of in say, one line of answer each.
func obey(store journal.Store, in io.Reader, out io.Writer) error {
	ctx := context.Background()
	h := plan.Header{Script: "child.dtcl", Who: "kim", Host: "hostC", PID: os.Getpid()}
	w, err := store.Create(ctx, &h)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, h.ID)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "lock":
			err = w.Lock(ctx, []string{rest})
		case "held":
			err = w.Held(ctx)
		case "append":
			err = w.Append(&plan.Entry{Kind: plan.KindWrite, Text: rest}, true)
		case "read":
			err = w.Append(&plan.Entry{Kind: plan.KindRead, Text: rest}, false)
		}
		if err != nil {
			fmt.Fprintf(out, "refused %T: %s\n", err, strings.ReplaceAll(err.Error(), "\n", "; "))
		} else {
			fmt.Fprintln(out, "ok")
		}
	}
	return w.Close()
}

// Process is a run in a process of its own.
type Process struct {
	t     testing.TB
	ID    string // of its run
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// Start starts a process that begins a run in the store of that address.
func Start(t testing.TB, address string) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), addressVariable+"="+address)
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	p.ID = p.line()
	return p
}

func (p *Process) line() string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("the process of the run has gone: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// Say has the process do something and gives its answer: "ok", or "refused" and why.
func (p *Process) Say(format string, args ...any) string {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
	return p.line()
}

// Do has the process do something that must go well.
func (p *Process) Do(format string, args ...any) {
	p.t.Helper()
	if got := p.Say(format, args...); got != "ok" {
		p.t.Fatalf("%s: %s", fmt.Sprintf(format, args...), got)
	}
}

// Stop stops the process where it is, until Continue.
func (p *Process) Stop() { p.signal(syscall.SIGSTOP) }

// Continue lets a stopped process go on.
func (p *Process) Continue() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// End has the process close its run and waits until it is gone.
func (p *Process) End() {
	p.in.Close()
	p.cmd.Wait() //nolint:errcheck // how it ends says nothing more
}

// Kill kills the process and waits until it is gone.
func (p *Process) Kill() {
	p.cmd.Process.Kill() //nolint:errcheck // it may be gone already
	p.cmd.Wait()         //nolint:errcheck // it was killed
}

func (s *suite) killed() {
	p := Start(s.T, s.address)
	p.Do("lock group")
	p.Do("append kept")
	store := s.open()
	mine, _ := s.create(store)
	if _, h := s.lockedBy(mine, "group"); h.ID != p.ID || h.Who != "kim" {
		s.Errorf("got the holder %+v", h)
	}
	if got := s.load(store, p.ID).State; got != plan.Running {
		s.Errorf("got %s, want running", got)
	}
	p.Kill()
	s.freed(mine, "group")
	r := s.load(store, p.ID)
	if r.State != plan.Stopped || len(r.Entries) != 2 || r.Entries[1].Text != "kept" {
		s.Errorf("got %+v", r)
	}
	w, _ := s.resume(store, p.ID)
	s.lockedBy(w, "group")
	s.close(mine)
	s.lock(w, "group")
	s.end(w, plan.Done)
}
