package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/core/host"
	"github.com/standin-project/standin/runtime/value"
)

var local = host.Host{Timeout: 10 * time.Second}

func code(err error) int {
	var f *value.Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return 0
}

// server listens on loopback and says banner to whoever connects.
func server(t *testing.T, banner string) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, banner)
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// closedPort gives a port of loopback that nobody listens on.
func closedPort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestTCP(t *testing.T) {
	mail := server(t, "220 exch1 ESMTP ready\r\n")
	for _, c := range []struct {
		name     string
		probe    core.Probe
		answered bool
		detail   string
	}{
		{"open", core.Probe{Port: mail}, true, "connected"},
		{"closed", core.Probe{Port: closedPort(t)}, false, "connection refused"},
		{"the banner", core.Probe{Port: mail, Expect: "220"}, true, "220 exch1 ESMTP ready"},
		{"another banner", core.Probe{Port: mail, Expect: "* OK"}, false, `got "220 exch1 ESMTP ready", want "* OK"`},
		{"no banner", core.Probe{Port: server(t, ""), Expect: "220"}, false, "connected, but nothing came"},
	} {
		c.probe.Host, c.probe.Kind = "127.0.0.1", core.TCP
		a, err := local.Probe(t.Context(), c.probe)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if a.Answered != c.answered || !strings.Contains(a.Detail, c.detail) || a.Address != "127.0.0.1" {
			t.Errorf("%s: got %+v, want answered %v, %q", c.name, a, c.answered, c.detail)
		}
	}
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/name":
			if !strings.HasPrefix(r.Host, "mail.mydomain.com") {
				w.WriteHeader(http.StatusNotFound)
			}
		case "/away":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}
	}))
	t.Cleanup(s.Close)
	at := netip.MustParseAddrPort(strings.TrimPrefix(s.URL, "http://"))
	for _, c := range []struct {
		url      string
		answered bool
		status   int
	}{
		{s.URL + "/", true, 200},
		{s.URL + "/broken", false, 503},
		{fmt.Sprintf("http://mail.mydomain.com:%d/name", at.Port()), true, 200},
		{s.URL + "/away", true, 302},
		{fmt.Sprintf("http://127.0.0.1:%d/", closedPort(t)), false, 0},
	} {
		a, err := local.Probe(t.Context(), core.Probe{Host: "127.0.0.1", Kind: core.HTTP, URL: c.url})
		if err != nil || a.Answered != c.answered || a.Status != c.status {
			t.Errorf("%s: got %+v, %v, want answered %v, status %d", c.url, a, err, c.answered, c.status)
		}
	}
	for _, url := range []string{"", "owa", "ftp://127.0.0.1/", "http://"} {
		if _, err := local.Probe(t.Context(), core.Probe{Host: "127.0.0.1", Kind: core.HTTP, URL: url}); code(err) != value.CodeBadParameter {
			t.Errorf("URL %q: %v", url, err)
		}
	}
}

func TestPing(t *testing.T) {
	a, err := local.Probe(t.Context(), core.Probe{Host: "127.0.0.1", Kind: core.Ping})
	if code(err) == value.CodeRefused {
		t.Skipf("this host lets nobody ping: %v", err)
	}
	if err != nil || !a.Answered {
		t.Errorf("loopback answers no ping: %+v, %v", a, err)
	}
}

func TestARP(t *testing.T) {
	if a, err := local.Probe(t.Context(), core.Probe{Host: "127.0.0.1", Kind: core.ARP}); code(err) != value.CodeRefused && (err != nil || !a.Answered) {
		t.Errorf("an address of this host: %+v, %v", a, err)
	}
	for _, far := range []string{"240.0.0.1", "2001:db8::1"} { // no host is on their subnets
		if a, err := local.Probe(t.Context(), core.Probe{Host: far, Kind: core.ARP}); code(err) == 0 {
			t.Errorf("%s: got %+v, %v, want a failure: nobody can know", far, a, err)
		}
	}
}

func TestANameWithoutAnAddressDoesNotAnswer(t *testing.T) {
	a, err := local.Probe(t.Context(), core.Probe{Host: "no-such-host.invalid", Kind: core.TCP, Port: 25})
	if err != nil || a.Answered || a.Detail == "" {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestACancelledProbe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := local.Probe(ctx, core.Probe{Host: "127.0.0.1", Kind: core.TCP, Port: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

func TestExec(t *testing.T) {
	t.Setenv("STANDIN_TOKEN", "s3cret")
	for _, c := range []struct {
		name, path string
		args       []string
		stdout     string
		code       int
		message    string
	}{
		{"its output", "echo", []string{"a b", "*", "$HOME"}, "a b * $HOME\n", 0, ""},
		{"its end", "sh", []string{"-c", "echo first >&2; echo no disk >&2; exit 3"}, "", value.CodeFailed, "exit status 3: no disk"},
		{"a name that nobody knows", "no-such-program", nil, "", value.CodeNotThere, `cannot find program "no-such-program"`},
		{"a path that is not there", "/no/such/program", nil, "", value.CodeNotThere, `cannot find program "/no/such/program"`},
		{"a file that is no program", os.DevNull, nil, "", value.CodeFailed, "cannot run program"},
		{"a secret of ours", "sh", []string{"-c", "echo ${STANDIN_TOKEN:-none}"}, "none\n", 0, ""},
	} {
		out, err := local.Exec(t.Context(), core.Program{Path: c.path, Args: c.args})
		if out.Stdout != c.stdout || code(err) != c.code {
			t.Errorf("%s: got %+v, %v", c.name, out, err)
		}
		if c.message != "" && (err == nil || !strings.Contains(err.Error(), c.message)) {
			t.Errorf("%s: got %v, want %q in it", c.name, err, c.message)
		}
	}
}

func TestMoreOutputThanIsKept(t *testing.T) {
	out, err := local.Query(t.Context(), core.Program{Path: "head", Args: []string{"-c", fmt.Sprint(2 * core.MaxOutput), "/dev/zero"}})
	if err != nil || len(out.Stdout) != core.MaxOutput {
		t.Errorf("got %d bytes, %v, want %d", len(out.Stdout), err, core.MaxOutput)
	}
}

func TestCancelKillsAProgramWithItsChildren(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := local.Exec(ctx, core.Program{Path: "sh", Args: []string{"-c", `sleep 1000 >"$0" & wait`, pipe}})
		ended <- err
	}()
	r, err := os.Open(pipe) // returns when the child has opened its end
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF { // EOF: nobody holds the other end any more
		t.Errorf("the child lives on: %d, %v", n, err)
	}
}

// A program gets what it needs to find its way, and no variable that holds a secret, whatever the variable is called.
func TestAProgramGetsNoSecretByItsEnvironment(t *testing.T) {
	t.Setenv("TZ", "the s3cret zone")
	t.Setenv("LANG", "C")
	t.Setenv("STANDIN_KEY", "another")
	h := host.Host{Hides: func(text string) bool { return strings.Contains(text, "s3cret") }}
	out, err := h.Exec(t.Context(), core.Program{Path: "env"})
	if err != nil || !strings.Contains(out.Stdout, "LANG=C\n") || strings.Contains(out.Stdout, "s3cret") || strings.Contains(out.Stdout, "STANDIN_KEY") {
		t.Errorf("got %q, %v", out.Stdout, err)
	}
	path, err := exec.LookPath("env")
	if err != nil {
		t.Skip(err)
	}
	h.Hides = func(string) bool { return true }
	if out, err = h.Exec(t.Context(), core.Program{Path: path}); err != nil || out.Stdout != "" {
		t.Errorf("got %q, %v, want an empty environment: not all that this process has", out.Stdout, err)
	}
}
