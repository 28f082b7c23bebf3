package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/standin-project/standin/builtins/mirror/agent/wire"
	"github.com/standin-project/standin/runtime/value"
)

// handshakeTime bounds how long a peer may take to say who it is.
const handshakeTime = 10 * time.Second

// refusalTime is how long a peer that was refused may go on sending.
const refusalTime = 2 * time.Second

// authority is the certificate authority of one embedded site. It lives in memory, as long as its agents do.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate("Standin embedded site")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{key, cert, pool}, nil
}

func certificate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // crypto/rand never fails
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// identity gives the TLS configuration with which an agent proves its name and checks its peer's.
func (a *authority) identity(name string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate(name), a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs:      a.pool, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert,
		SessionTicketsDisabled: true,
	}, nil
}

// listen starts every agent's listener on loopback, once.
func (s *Site) listen() error {
	s.secure.Do(func() {
		if s.trust, s.err = newAuthority(); s.err != nil {
			return
		}
		for _, n := range s.nodes {
			if s.err = n.listen(); s.err != nil {
				return
			}
		}
	})
	return s.err
}

func (n *node) listen() error {
	config, err := n.site.trust.identity(n.cfg.Name)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return value.Failf(value.CodeFailed, "agent %q cannot listen: %w", n.cfg.Name, err)
	}
	n.addr = l.Addr().String()
	n.closers = append(n.closers, func() { l.Close() })
	n.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			n.wait.Go(func() { n.serve(tls.Server(conn, config)) })
		}
	})
	return nil
}

func (n *node) unlisten() {
	for _, f := range n.closers {
		f()
	}
	n.closers = nil
	n.cutSessions(func(*receiver) bool { return true })
	n.wait.Wait()
}

// serve answers one peer.
func (n *node) serve(conn *tls.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(handshakeTime))
	if n.down() || conn.Handshake() != nil {
		return
	}
	peer := conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	c := wire.NewConn(conn)
	kind, body, err := c.Receive()
	var h hello
	if err != nil || kind != wire.Hello || json.Unmarshal(body, &h) != nil || h.Connection.Source != peer {
		refuse(c, value.Failf(value.CodeRefused, "agent %q does not understand %q", n.cfg.Name, peer))
		return
	}
	conn.SetDeadline(time.Time{})
	if err := n.receive(c, h); err != nil {
		refuse(c, err)
	}
}

// refuse tells the peer why and goes on reading for a while, so that the answer is not lost under what it still sends.
func refuse(c *wire.Conn, err error) {
	f, ok := errors.AsType[*value.Failure](err)
	if !ok {
		f = value.Failf(value.CodeFailed, "%w", err)
	}
	c.SetWriteDeadline(time.Now().Add(handshakeTime))
	if c.SendJSON(wire.Refuse, wire.Refusal{Code: f.Code, Message: f.Message, Hints: f.Hints}) != nil || c.Flush() != nil {
		return
	}
	select {
	case <-c.Drain(handshakeTime):
	case <-time.After(refusalTime): // it sends on and will look for the reason when it cannot
	}
}

// dial connects an agent to another one and says what it wants; owner says whether the other one may give files away.
// The connection ends with ctx.
func (n *node) dial(ctx context.Context, h hello) (c *wire.Conn, owner bool, err error) {
	target, err := n.site.up(h.Connection.Target)
	if err == nil {
		_, err = n.site.up(n.cfg.Name)
	}
	if err == nil {
		err = n.site.listen()
	}
	if err != nil {
		return nil, false, err
	}
	config, err := n.site.trust.identity(n.cfg.Name)
	if err != nil {
		return nil, false, err
	}
	config.ServerName = target.cfg.Name
	d := tls.Dialer{Config: config, NetDialer: &net.Dialer{Timeout: handshakeTime}}
	conn, err := d.DialContext(ctx, "tcp", target.addr)
	if err != nil {
		return nil, false, value.Failf(value.CodeUnreachable, "agent %q does not answer: %w", target.cfg.Name, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c = wire.NewConn(&closer{conn, stop})
	if err = c.SendJSON(wire.Hello, h); err == nil {
		err = c.Flush()
	}
	if err == nil {
		err = expect(c, wire.Welcome, &owner)
	}
	if err != nil {
		c.Close()
		return nil, false, err
	}
	return c, owner, nil
}

// closer is a connection that stops watching its context when it is closed.
type closer struct {
	net.Conn
	stop func() bool
}

func (c *closer) Close() error { c.stop(); return c.Conn.Close() }

// expect receives a frame of the given kind and decodes it into v.
func expect(c *wire.Conn, want wire.Kind, v any) error {
	kind, body, err := c.Receive()
	switch {
	case err != nil:
		return cutOff(err)
	case kind == wire.Refuse:
		return refusal(body)
	case kind != want:
		return fmt.Errorf("the agents' talk is out of step: got frame %d, want %d", kind, want)
	case v == nil:
		return nil
	}
	return json.Unmarshal(body, v)
}

func refusal(body []byte) error {
	var r wire.Refusal
	if err := json.Unmarshal(body, &r); err != nil {
		return err
	}
	return &value.Failure{Code: r.Code, Message: r.Message, Hints: r.Hints}
}

// cutOff is the failure of a connection that broke.
func cutOff(err error) error {
	return value.Failf(value.CodeUnreachable, "the connection between the agents broke: %w", err)
}
