package dnstest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// Server is a real DNS server on loopback that holds Zones and takes updates signed with one of its TSIG keys.
type Server struct {
	Address string            // host:port
	Keys    map[string]string // algorithm → name of its key
	Secret  string            // of every key, base64
}

const secret = "c3RhbmRpbi10ZXN0LWtleS1vZi0zMi1ieXRlcy1hYWE="

func keys() map[string]string {
	return map[string]string{"hmac-sha256": "standin-256", "hmac-sha512": "standin-512"}
}

// Bind starts a BIND 9 that ends with the test.
func Bind(t testing.TB) *Server {
	return bind(t, `type primary; allow-update { key standin-256; key standin-512; };`)
}

// BindSecondary starts a BIND 9 that follows another one within a second or two, and takes no updates.
func BindSecondary(t testing.TB, primary *Server) *Server {
	_, port, err := net.SplitHostPort(primary.Address)
	if err != nil {
		t.Fatal(err)
	}
	return bind(t, fmt.Sprintf("type secondary; masterfile-format text; min-refresh-time 1; min-retry-time 1; primaries { 127.0.0.1 port %s; };", port))
}

func bind(t testing.TB, role string) *Server {
	return start(t, "named", "bind9", func(dir string, port int) []string {
		var conf strings.Builder
		for algorithm, name := range keys() {
			fmt.Fprintf(&conf, "key %s { algorithm %s; secret %q; };\n", name, algorithm, secret)
		}
		for zone := range Zones() {
			fmt.Fprintf(&conf, "zone %q { file %q; %s };\n", zone, FileName(zone), role)
		}
		fmt.Fprintf(&conf, `
options {
	directory %[1]q; pid-file none; session-keyfile %[2]q; managed-keys-directory %[1]q; lock-file none;
	listen-on port %[3]d { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; empty-zones-enable no; notify no;
};
controls { };
`, dir, filepath.Join(dir, "session.key"), port)
		writeFile(t, filepath.Join(dir, "named.conf"), conf.String())
		return []string{"-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")}
	})
}

// Knot starts a Knot DNS that ends with the test.
func Knot(t testing.TB) *Server {
	return start(t, "knotd", "knot", func(dir string, port int) []string {
		var conf strings.Builder
		fmt.Fprintf(&conf, "server:\n    listen: 127.0.0.1@%d\n    rundir: %q\n", port, dir)
		fmt.Fprintf(&conf, "control:\n    listen: %q\ndatabase:\n    storage: %q\nkey:\n", filepath.Join(dir, "knot.sock"), dir)
		for algorithm, name := range keys() {
			fmt.Fprintf(&conf, "  - id: %s\n    algorithm: %s\n    secret: %s\n", name, algorithm, secret)
		}
		fmt.Fprintf(&conf, `acl:
  - id: update
    key: [standin-256, standin-512]
    action: update
template:
  - id: default
    storage: %q
    acl: update
    zonefile-sync: -1
zone:
`, dir)
		for zone := range Zones() {
			fmt.Fprintf(&conf, "  - domain: %s\n    file: %q\n", zone, FileName(zone))
		}
		writeFile(t, filepath.Join(dir, "knot.conf"), conf.String())
		return []string{"-c", filepath.Join(dir, "knot.conf")}
	})
}

// start runs a server on a free port. Where it is not installed the test is skipped, but in CI it fails.
func start(t testing.TB, program, pkg string, configure func(dir string, port int) (args []string)) *Server {
	t.Helper()
	path, err := find(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not here: install the package %q", program, pkg)
		}
		t.Skipf("%s is not here: install the package %q to run this test", program, pkg)
	}
	var log string
	for range 5 { // another program may take the port between our look and the server's
		dir := t.TempDir()
		for zone, text := range Zones() {
			writeFile(t, filepath.Join(dir, FileName(zone)), text)
		}
		port := freePort(t)
		s := &Server{Address: fmt.Sprintf("127.0.0.1:%d", port), Keys: keys(), Secret: secret}
		log = filepath.Join(dir, "log")
		if runs(t, s, path, configure(dir, port), log) {
			return s
		}
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("cannot start %s:\n%s", path, text)
	return nil
}

func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + program) // often not in the PATH of people
	}
	return path, err
}

// runs starts the program and waits until it answers; false if it ended instead.
func runs(t testing.TB, s *Server, path string, args []string, log string) bool {
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, filepath.Dir(log)
	endWithUs(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // how it ended is in its log
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
	})
	return answers(t, s.Address, ended)
}

func answers(t testing.TB, address string, ended <-chan struct{}) bool {
	m := new(mdns.Msg)
	m.SetQuestion("example.test.", mdns.TypeSOA)
	client := &mdns.Client{Timeout: 200 * time.Millisecond}
	deadline := time.After(20 * time.Second)
	for {
		if r, _, err := client.Exchange(m, address); err == nil && len(r.Answer) > 0 {
			return true
		}
		select {
		case <-ended:
			return false
		case <-deadline:
			t.Errorf("no answer from %s in 20 s", address)
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePort finds a port that is free for both TCP and UDP.
func freePort(t testing.TB) int {
	var last error
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if err == nil {
			p.Close()
			return port
		}
		last = errors.Join(last, err)
	}
	t.Fatal(last)
	return 0
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
