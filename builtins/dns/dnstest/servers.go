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

// Server is a real DNS server on loopback that holds Zones and takes updates signed with its TSIG key (hmac-sha256).
type Server struct {
	Address string // host:port
	KeyName string
	Secret  string // base64
}

const (
	keyName = "standin-test"
	secret  = "c3RhbmRpbi10ZXN0LWtleS1vZi0zMi1ieXRlcy1hYWE="
)

// Bind starts a BIND 9 that ends with the test.
func Bind(t testing.TB) *Server {
	return start(t, "named", "bind9", func(dir string, port int) []string {
		var zones strings.Builder
		for zone := range Zones() {
			fmt.Fprintf(&zones, "zone %q { type primary; file %q; allow-update { key %s; }; };\n", zone, FileName(zone), keyName)
		}
		writeFile(t, filepath.Join(dir, "named.conf"), fmt.Sprintf(`
key %[1]s { algorithm hmac-sha256; secret %[2]q; };
options {
	directory %[3]q; pid-file none; session-keyfile %[4]q; managed-keys-directory %[3]q; lock-file none;
	listen-on port %[5]d { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; empty-zones-enable no; notify no;
};
controls { };
%[6]s`, keyName, secret, dir, filepath.Join(dir, "session.key"), port, zones.String()))
		return []string{"-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")}
	})
}

// Knot starts a Knot DNS that ends with the test.
func Knot(t testing.TB) *Server {
	return start(t, "knotd", "knot", func(dir string, port int) []string {
		var zones strings.Builder
		for zone := range Zones() {
			fmt.Fprintf(&zones, "  - domain: %s\n    file: %q\n", zone, FileName(zone))
		}
		writeFile(t, filepath.Join(dir, "knot.conf"), fmt.Sprintf(`
server:
    listen: 127.0.0.1@%[1]d
    rundir: %[2]q
control:
    listen: %[3]q
database:
    storage: %[2]q
key:
  - id: %[4]s
    algorithm: hmac-sha256
    secret: %[5]s
acl:
  - id: update
    key: %[4]s
    action: update
template:
  - id: default
    storage: %[2]q
    acl: update
    zonefile-sync: -1
zone:
%[6]s`, port, dir, filepath.Join(dir, "knot.sock"), keyName, secret, zones.String()))
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
		s := &Server{Address: fmt.Sprintf("127.0.0.1:%d", port), KeyName: keyName, Secret: secret}
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
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
