package ldap_test

import (
	"testing"

	"github.com/standin-project/standin/builtins/directory/directorytest"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
)

// Over TLS a server shows its certificate, however TLS began; in plain text there is none to see.
func TestCertificates(t *testing.T) {
	s := directorytest.OpenLDAP(t, embedded.Entries(embedded.Fresh{}))
	for name, cfg := range map[string]ldap.Config{
		"StartTLS": {URL: s.Plain, StartTLS: true, CA: s.CA, Login: s.Login},
		"LDAPS":    {URL: s.TLS, CA: s.CA, Login: s.Login},
	} {
		chain, err := client(t, cfg).Certificates(t.Context())
		if err != nil || len(chain) == 0 || chain[0].NotAfter.IsZero() {
			t.Errorf("%s: got %d certificates, %v", name, len(chain), err)
		}
	}
	chain, err := client(t, ldap.Config{URL: s.Plain, Login: s.Login}).Certificates(t.Context())
	if err != nil || len(chain) > 0 {
		t.Errorf("plain: got %d certificates, %v", len(chain), err)
	}
}
