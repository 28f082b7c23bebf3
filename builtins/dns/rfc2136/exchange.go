package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	mdns "github.com/miekg/dns"
)

// exchange sends a message to a server and gives its reply.
type exchange func(ctx context.Context, server string, m *mdns.Msg) (*mdns.Msg, error)

// ednsSize is the largest reply that is not cut into fragments on common networks.
const ednsSize = 1232

// macSize is what a signature adds to a message beyond what its length shows before it is made.
const macSize = 64

// direct asks once: over UDP, or over TCP where the message or the reply is too long for it.
func direct(timeout time.Duration, key *Key) exchange {
	return func(ctx context.Context, server string, m *mdns.Msg) (*mdns.Msg, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if signed(m, key).Len()+macSize <= mdns.MinMsgSize {
			r, err := over(ctx, "udp", server, signed(m, key), key)
			if err != nil || !r.Truncated {
				return r, err
			}
		}
		return over(ctx, "tcp", server, signed(m, key), key)
	}
}

// signed is a copy of m to be sent once; updates are to be signed, each time anew since the signature holds the time.
func signed(m *mdns.Msg, key *Key) *mdns.Msg {
	m = m.Copy()
	m.Id = mdns.Id()
	if key != nil && m.Opcode == mdns.OpcodeUpdate {
		m.SetTsig(key.fqdn(), key.algorithm(), 300, time.Now().Unix())
	}
	return m
}

// over exchanges one message.
func over(ctx context.Context, network, server string, m *mdns.Msg, key *Key) (*mdns.Msg, error) {
	client := &mdns.Client{Net: network, UDPSize: ednsSize}
	if key != nil {
		client.TsigSecret = map[string]string{key.fqdn(): key.Secret}
	}
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r, _, err := client.ExchangeWithConnContext(ctx, m, conn)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil || r == nil:
		return r, err
	case r.Rcode != mdns.RcodeSuccess:
		return r, nil // a refusal of our signature cannot be signed
	}
	return nil, fmt.Errorf("%w: %w", errUnverified, err)
}

// errUnverified says that there was a reply but not provably from the server.
var errUnverified = errors.New("the signature of its reply is not right")

// retrying asks again when there was no answer, or the server says that it failed for now.
func retrying(next exchange, tries int) exchange {
	return func(ctx context.Context, server string, m *mdns.Msg) (r *mdns.Msg, err error) {
		for try := range tries {
			if try > 0 {
				pause(ctx, 100*time.Millisecond<<(try-1))
			}
			if r, err = next(ctx, server, m); err == nil && r.Rcode != mdns.RcodeServerFailure || ctx.Err() != nil {
				break
			}
		}
		return r, err
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Key is a TSIG key.
type Key struct {
	Name      string
	Secret    string // base64
	Algorithm string // hmac-sha256 (also for ""), hmac-sha384 or hmac-sha512
}

// String leaves the secret out.
func (k Key) String() string { return fmt.Sprintf("TSIG key %q", k.Name) }

// GoString leaves the secret out.
func (k Key) GoString() string { return k.String() }

func (k Key) fqdn() string { return mdns.CanonicalName(k.Name) }

func (k Key) algorithm() string {
	if k.Algorithm == "" {
		return mdns.HmacSHA256
	}
	return mdns.CanonicalName(k.Algorithm)
}

// withPort adds the port of DNS to an address that has none.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(address, "53")
}
