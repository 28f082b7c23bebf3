package dns_test

import (
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"github.com/standin-project/standin/builtins/dns"
)

func TestNameIn(t *testing.T) {
	for _, c := range []struct{ zone, text, want string }{
		{"mydomain.com", "@", "mydomain.com"},
		{"mydomain.com", "exch1", "exch1.mydomain.com"},
		{"mydomain.com", "exch1.mydomain.com", "exch1.mydomain.com"},
		{"mydomain.com", "exch1.MyDomain.com.", "exch1.MyDomain.com"},
		{"mydomain.com", "mydomain.com", "mydomain.com"},
		{"mydomain.com", "a.b", "a.b.mydomain.com"},
		{"mydomain.com", "notmydomain.com", "notmydomain.com.mydomain.com"},
		{"mydomain.com", "*", "*.mydomain.com"},
		{"mydomain.com", "_ldap._tcp", "_ldap._tcp.mydomain.com"},
		{"mydomain.com", "Bücher", "xn--bcher-kva.mydomain.com"},
		{"1.10.in-addr.arpa", "5.0", "5.0.1.10.in-addr.arpa"},
		{"128/25.2.0.192.in-addr.arpa", "129", "129.128/25.2.0.192.in-addr.arpa"},
		{"mydomain.com", "exch1.other.com.", ""},
		{"mydomain.com", "", ""},
		{"mydomain.com", ".", ""},
		{"mydomain.com", "a b", ""},
		{"mydomain.com", strings.Repeat("a", 64), ""},
		{strings.Repeat("long.", 49) + "com", "exch1", ""},
	} {
		got, err := dns.NameIn(c.zone, c.text)
		if c.want == "" && err == nil || c.want != "" && (err != nil || got != c.want) {
			t.Errorf("%q in %q: got %q, %v, want %q", c.text, c.zone, got, err, c.want)
		}
	}
}

func TestTarget(t *testing.T) {
	for text, want := range map[string]string{
		"exch1": "exch1.mydomain.com", "exch1.": "exch1", "@": "mydomain.com", ".": ".",
		"exch2.mydomain.com": "exch2.mydomain.com", "mail.other.org": "mail.other.org", "mail.other.org.": "mail.other.org",
	} {
		if got, err := dns.Target("mydomain.com", text); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzReverseName(f *testing.F) {
	f.Add("10.1.0.5")
	f.Add("2001:db8::9")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return
		}
		want, err := mdns.ReverseAddr(a.String())
		if err != nil || a.Is4In6() {
			return // the library takes a mapped address for the other kind
		}
		if got := dns.ReverseName(a) + "."; got != want {
			t.Errorf("%s: got %s, want %s", a, got, want)
		}
	})
}
