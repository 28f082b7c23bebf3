package directorytest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/standin-project/standin/builtins/directory"
)

//go:embed exchange.schema
var schema []byte

// Server is a real LDAP server that holds the entries of one test.
type Server struct {
	Plain, TLS string // its URLs, both on loopback
	CA         []byte
	Login      directory.Login
}

// OpenLDAP starts a server until the test ends. Without the Debian package slapd the test is skipped; where CI is set
// it fails.
func OpenLDAP(t *testing.T, entries []*directory.Entry) *Server {
	t.Helper()
	slapd, err := exec.LookPath("slapd")
	if err != nil {
		slapd, err = exec.LookPath("/usr/sbin/slapd")
	}
	if err != nil {
		missing(t, "no slapd here: install the package slapd")
	}
	dir := t.TempDir()
	s := &Server{Login: directory.Login{User: "cn=admin,DC=mydomain,DC=com", Password: "s3cret"}}
	s.CA = certificate(t, dir)
	configure(t, dir, s.Login)
	load(t, slapd, dir, entries)
	for range 10 {
		s.Plain, s.TLS = "ldap://127.0.0.1:"+freePort(t), "ldaps://127.0.0.1:"+freePort(t)
		ended := start(t, slapd, "-d", "0", "-f", filepath.Join(dir, "slapd.conf"), "-h", s.Plain+" "+s.TLS)
		// It writes its number down when it listens; it ends when somebody else has taken a port meanwhile.
		if wait(t, ended, func() bool {
			_, err := os.Stat(filepath.Join(dir, "slapd.pid"))
			return err == nil
		}) {
			return s
		}
	}
	t.Fatal("slapd does not start")
	return nil
}

func configure(t *testing.T, dir string, login directory.Login) {
	t.Helper()
	write(t, dir, "exchange.schema", schema)
	must(t, os.Mkdir(filepath.Join(dir, "db"), 0o700))
	write(t, dir, "slapd.conf", fmt.Appendf(nil, `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include %[1]s/exchange.schema
pidfile %[1]s/slapd.pid
argsfile %[1]s/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
database mdb
suffix "DC=mydomain,DC=com"
rootdn "%[2]s"
rootpw %[3]s
directory %[1]s/db
maxsize 268435456
dbnosync
index objectClass eq
index homeMDB eq
index sAMAccountName,cn eq
access to * by * read
`, dir, login.User, login.Password))
}

func write(t *testing.T, dir, name string, text []byte) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
}

func load(t *testing.T, slapd, dir string, entries []*directory.Entry) {
	t.Helper()
	var ldif bytes.Buffer
	must(t, directory.WriteLDIF(&ldif, entries...))
	write(t, dir, "entries.ldif", ldif.Bytes())
	add := exec.CommandContext(t.Context(), slapd, "-T", "add", "-q", "-f", filepath.Join(dir, "slapd.conf"), "-l", filepath.Join(dir, "entries.ldif"))
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
}

// start runs a server until the test ends; the channel is closed when it ends.
func start(t *testing.T, program string, args ...string) (ended <-chan struct{}) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	run := exec.CommandContext(ctx, program, args...)
	var out bytes.Buffer
	run.Stdout, run.Stderr, run.WaitDelay = &out, &out, 20*time.Second
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	must(t, run.Start())
	done := make(chan struct{})
	go func() {
		run.Wait() // ends by our signal
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if t.Failed() && out.Len() > 0 {
			t.Logf("%s: %s", filepath.Base(program), out.String())
		}
	})
	return done
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	return port
}

// wait returns when a server is ready, false when it ended instead.
func wait(t *testing.T, ended <-chan struct{}, ready func() bool) bool {
	t.Helper()
	limit := time.After(time.Minute)
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for !ready() {
		select {
		case <-every.C:
		case <-ended:
			return false
		case <-limit:
			t.Fatal("the server does not answer")
		}
	}
	return true
}

// certificate writes a key and its own certificate for the servers of this package, and gives the certificate.
func certificate(t *testing.T, dir string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "directory test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(sambaHost)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	must(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	pemCert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(t, dir, "cert.pem", pemCert)
	write(t, dir, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	return pemCert
}
