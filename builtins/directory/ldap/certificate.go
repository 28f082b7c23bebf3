package ldap

import (
	"context"
	"crypto/x509"

	"github.com/go-ldap/ldap/v3"
)

// Certificates gives the chain that the server showed, its own certificate first; none over plain text. It connects if
// no connection is open.
func (c *Client) Certificates(ctx context.Context) (chain []*x509.Certificate, err error) {
	err = c.do(ctx, func(conn *ldap.Conn) error {
		if state, secure := conn.TLSConnectionState(); secure {
			chain = state.PeerCertificates
		}
		return nil
	}, nil)
	return chain, err
}
