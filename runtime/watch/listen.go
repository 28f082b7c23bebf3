package watch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Loopback says whether a host is this machine under an address that nobody else reaches.
func Loopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// TLS names the PEM files of mutual TLS: our certificate and key, and the authorities that a caller's certificate must
// come from. The zero TLS is none.
type TLS struct{ Cert, Key, CA string }

// config reads the files; nil for none. Some without the others is an error.
func (t TLS) config() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	if t.Cert == "" || t.Key == "" || t.CA == "" {
		return nil, errors.New("mutual TLS needs all three: a certificate, its key and the authority of the callers")
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%q holds no certificate", t.CA)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}

// ErrPlain says that an address beyond loopback was to be served without mutual TLS.
var ErrPlain = errors.New("an address beyond loopback needs mutual TLS")

// Listen listens for callers: on loopback in plain text, or anywhere with mutual TLS. It gives ErrPlain for an address
// that others could reach without it.
func Listen(address string, files TLS) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("got address %q, want HOST:PORT", address)
	}
	secure, err := files.config()
	if err != nil {
		return nil, err
	}
	if secure == nil && !Loopback(host) {
		return nil, fmt.Errorf("got address %q: %w", address, ErrPlain)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		return tls.NewListener(l, secure), nil
	}
	// A name like localhost is what the machine's resolver makes of it.
	if at, ok := l.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("address %q is %s: %w", address, at, ErrPlain), l.Close())
	}
	return l, nil
}

// Server serves a handler to callers that take their time with nothing. Over plain text only requests to this machine
// by name or address are answered: a page elsewhere must not read ours through a person's browser.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: named(h), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 16,
	}
}

func named(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if r.TLS == nil && !Loopback(strings.Trim(host, "[]")) {
			http.Error(w, "this page is for callers on this machine", http.StatusForbidden)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "this page is only read", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		h.ServeHTTP(w, r)
	})
}
