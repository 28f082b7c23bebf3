// Package host is the machine that this program runs on, with its real network.
package host

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/runtime/value"
)

// Host is this machine. The zero value is ready.
type Host struct {
	// Timeout is how long a host has to answer a probe; 0 is core.ProbeTimeout.
	Timeout time.Duration
	// Hides says whether a text holds a secret; nil knows none. No variable that does is in a program's environment.
	Hides func(text string) bool
}

var _ core.System = Host{}

// Probe asks whether a host answers.
func (h Host) Probe(ctx context.Context, p core.Probe) (core.Answer, error) {
	limit := h.Timeout
	if limit == 0 {
		limit = core.ProbeTimeout
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	addr, err := resolve(asking, p.Host)
	if err != nil {
		return core.Answer{Detail: err.Error()}, ctx.Err()
	}
	a, err := probe(asking, addr, p)
	if ctx.Err() != nil {
		return core.Answer{}, ctx.Err()
	}
	a.Address = addr.String()
	return a, err
}

func probe(ctx context.Context, addr netip.Addr, p core.Probe) (core.Answer, error) {
	switch p.Kind {
	case core.Ping:
		return ping(ctx, addr)
	case core.ARP:
		return arp(ctx, addr)
	case core.TCP:
		return tcp(ctx, netip.AddrPortFrom(addr, uint16(p.Port)), p.Expect), nil
	case core.HTTP:
		return web(ctx, addr, p)
	}
	return core.Answer{}, value.Failf(value.CodeBadParameter, "got probe %q, want PING, ARP, TCP or HTTP", p.Kind)
}

func resolve(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap(), nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	return all[0].Unmap(), nil
}

// maxBanner bounds what TCP … EXPECT reads before it gives up.
const maxBanner = 64 << 10

func tcp(ctx context.Context, to netip.AddrPort, expect string) core.Answer {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return core.Answer{Detail: err.Error()}
	}
	defer conn.Close()
	if expect == "" {
		return core.Answer{Answered: true, Detail: "connected"}
	}
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) }) // ends the read below
	defer stop()
	var seen []byte
	buf := make([]byte, 4096)
	for len(seen) < maxBanner {
		n, err := conn.Read(buf)
		seen = append(seen, buf[:n]...)
		if strings.Contains(string(seen), expect) {
			return core.Answer{Answered: true, Detail: line(seen)}
		}
		if err != nil {
			break
		}
	}
	if len(seen) == 0 {
		return core.Answer{Detail: "connected, but nothing came"}
	}
	return core.Answer{Detail: "got " + strconv.Quote(line(seen)) + ", want " + strconv.Quote(expect)}
}

// line gives the first line of what a server said, printable and short.
func line(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\n")
	s = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}

// web asks addr for the URL, whatever the URL's own host resolves to.
func web(ctx context.Context, addr netip.Addr, p core.Probe) (core.Answer, error) {
	raw := p.URL
	if strings.HasPrefix(raw, "/") {
		raw = "http://" + hostPart(p.Host) + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return core.Answer{}, value.Failf(value.CodeBadParameter, "got URL %q, want http://…, https://… or a path that begins with /", p.URL)
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(to)
			if err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		},
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return core.Answer{}, value.Failf(value.CodeBadParameter, "cannot ask for URL %q: %w", p.URL, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return core.Answer{Detail: err.Error()}, nil
	}
	resp.Body.Close()
	// A server error is an answer of the machine, not of the service behind it.
	return core.Answer{Answered: resp.StatusCode < 500, Detail: resp.Status, Status: resp.StatusCode}, nil
}

func hostPart(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// Query runs a program that only reads.
func (h Host) Query(ctx context.Context, p core.Program) (core.Output, error) { return h.Exec(ctx, p) }

// Exec runs a program in its own process group; when ctx ends, the whole group is killed.
func (h Host) Exec(ctx context.Context, p core.Program) (core.Output, error) {
	cmd := exec.CommandContext(ctx, p.Path, p.Args...)
	var stdout, stderr capped
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, h.environment()
	killGroup(cmd)
	// A grandchild that escaped the group could hold the pipes open for ever.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	out := core.Output{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out, ctx.Err()
	case err == nil:
		return out, nil
	case errors.As(err, &exit):
		f := value.Failf(value.CodeFailed, "program %q ended with %s", p.Path, exit.ProcessState)
		if last := lastLine(out.Stderr); last != "" {
			f.Message += ": " + last
		}
		return out, f
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return out, value.Failf(value.CodeNotThere, "cannot find program %q on this host", p.Path).
			Hint("give its whole path, or put its folder into PATH")
	}
	return out, value.Failf(value.CodeFailed, "cannot run program %q: %w", p.Path, err)
}

// environment gives a program what it needs to find its way, and nothing that may hold a secret. It is never nil: then
// the program would get all that this process has.
func (h Host) environment() []string {
	env := []string{}
	for _, name := range []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP",
		"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "PROGRAMFILES", "PROGRAMDATA"} {
		if v, ok := os.LookupEnv(name); ok && (h.Hides == nil || !h.Hides(v)) {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// capped keeps the first core.MaxOutput bytes and takes the rest without keeping it.
type capped struct{ strings.Builder }

var _ io.Writer = (*capped)(nil)

func (c *capped) Write(p []byte) (int, error) {
	c.Builder.Write(p[:min(len(p), core.MaxOutput-c.Len())])
	return len(p), nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return line([]byte(s[strings.LastIndexByte(s, '\n')+1:]))
}
