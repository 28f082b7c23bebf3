package watch_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/watch"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue writes a certificate and its key to files.
func (a *authority) issue(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	write(t, cert, "CERTIFICATE", der)
	write(t, key, "EC PRIVATE KEY", private)
	return cert, key
}

func write(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Beyond loopback only a caller with a certificate of the named authority is answered.
func TestMutualTLS(t *testing.T) {
	dir, ours, others := t.TempDir(), newAuthority(t), newAuthority(t)
	cert, key := ours.issue(t, dir, "server")
	ca := filepath.Join(dir, "ca.pem")
	write(t, ca, "CERTIFICATE", ours.cert.Raw)
	l, err := watch.Listen("0.0.0.0:0", watch.TLS{Cert: cert, Key: key, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	server := watch.Server((&watch.Board{}).Handler())
	go server.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	call := func(certs ...tls.Certificate) error {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certs}}}
		defer client.CloseIdleConnections()
		answer, err := client.Get("https://127.0.0.1:" + port + "/metrics")
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	if call() == nil {
		t.Error("a caller without a certificate is answered")
	}
	for name, a := range map[string]*authority{"ours": ours, "others": others} {
		pair, err := tls.LoadX509KeyPair(a.issue(t, dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := call(pair); (err == nil) != (a == ours) {
			t.Errorf("a caller of %s: %v", name, err)
		}
	}
}
