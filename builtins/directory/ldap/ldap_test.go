package ldap_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/directorytest"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/builtins/directory/notes"
	"github.com/standin-project/standin/runtime/value"
)

func client(t *testing.T, cfg ldap.Config) *ldap.Client {
	t.Helper()
	c, err := ldap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func wantCode(t *testing.T, err error, code int) {
	t.Helper()
	var f *value.Failure
	if !errors.As(err, &f) || f.Code != code || len(f.Hints) == 0 && code == value.CodeRefused {
		t.Fatalf("got %v, want a failure with code %d and a way out", err, code)
	}
}

func TestOpenLDAPConformance(t *testing.T) {
	entries := embedded.Entries(embedded.Fresh{Users: directorytest.Users})
	directorytest.Run(t, func(t *testing.T) directory.System {
		s := directorytest.OpenLDAP(t, entries)
		return client(t, ldap.Config{URL: s.TLS, CA: s.CA, Login: s.Login, Notes: notes.Folder(t.TempDir())})
	})
}

func TestConnections(t *testing.T) {
	s := directorytest.OpenLDAP(t, embedded.Entries(embedded.Fresh{}))
	for name, cfg := range map[string]ldap.Config{
		"plain":    {URL: s.Plain, Login: s.Login},
		"StartTLS": {URL: s.Plain, StartTLS: true, CA: s.CA, Login: s.Login},
		"LDAPS":    {URL: s.TLS, CA: s.CA, Login: s.Login},
	} {
		if _, err := client(t, cfg).Info(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := client(t, ldap.Config{URL: s.TLS, Login: s.Login}).Info(t.Context())
	wantCode(t, err, value.CodeUnreachable)
	if !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want it to name the certificate", err)
	}
	_, err = client(t, ldap.Config{URL: s.TLS, CA: s.CA, Login: directory.Login{User: s.Login.User, Password: "wrong Hush"}}).Info(t.Context())
	wantCode(t, err, value.CodeRefused)
	if strings.Contains(err.Error(), "Hush") {
		t.Errorf("the password shows: %v", err)
	}
	_, err = client(t, ldap.Config{URL: s.TLS, CA: s.CA}).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	anonymous := client(t, ldap.Config{URL: s.TLS, CA: s.CA})
	err = anonymous.Modify(t.Context(), directory.Modification{DN: "CN=Users,DC=mydomain,DC=com", Edits: []directory.Edit{{Attr: "description", New: []string{"x"}}}})
	wantCode(t, err, value.CodeRefused)
}

func TestBadConfig(t *testing.T) {
	for url, code := range map[string]int{
		"": value.CodeBadParameter, "http://x": value.CodeBadParameter, "ldap://": value.CodeBadParameter, "ldap://dc1.example.test": value.CodeRefused,
	} {
		_, err := ldap.New(ldap.Config{URL: url})
		wantCode(t, err, code)
	}
	_, err := ldap.New(ldap.Config{URL: "ldaps://x", CA: []byte("no certificate")})
	wantCode(t, err, value.CodeBadParameter)
}

func TestNobodyThere(t *testing.T) {
	_, err := client(t, ldap.Config{URL: "ldap://127.0.0.1:1"}).Info(t.Context())
	wantCode(t, err, value.CodeUnreachable)
}

// A server that accepts and says nothing holds nobody beyond the context.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = client(t, ldap.Config{URL: "ldap://" + l.Addr().String()}).Entry(ctx, "DC=x")
	wantCode(t, err, value.CodeTimeout)
}

// proxy passes connections on to a server, and can cut them off.
type proxy struct {
	addr string
	mu   sync.Mutex
	open []net.Conn
	last int // answers that the next connection passes before it is cut off; negative is all
}

func newProxy(t *testing.T, to string, last int) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{addr: l.Addr().String(), last: last}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				return
			}
			p.mu.Lock()
			p.open = append(p.open, c, s)
			n := p.last
			p.last = -1
			p.mu.Unlock()
			go pipe(s, c, -1)
			go pipe(c, s, n)
		}
	}()
	return p
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}

// pipe copies answers; after n of them (never, if negative) it closes both ends instead of passing the next on.
func pipe(to, from net.Conn, n int) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for i := 0; ; i++ {
		got, err := from.Read(buf)
		if err != nil || i == n {
			return
		}
		if _, err := to.Write(buf[:got]); err != nil {
			return
		}
	}
}

const user = "CN=user00001,CN=Users,DC=mydomain,DC=com"

func embeddedAddr(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := embedded.Init(dir, embedded.Fresh{Users: 1}); err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return strings.TrimPrefix(s.URL(), "ldap://")
}

// When the answer to a modify is lost the change is made once, and counts as made.
func TestLostAnswer(t *testing.T) {
	p := newProxy(t, embeddedAddr(t), 1)
	c := client(t, ldap.Config{URL: "ldap://" + p.addr, Connections: 1})
	if _, err := c.Entry(t.Context(), user); err != nil { // the one answer that comes through
		t.Fatal(err)
	}
	change := directory.Modification{DN: user, Edits: []directory.Edit{{Attr: "description", New: []string{"once"}}}}
	if err := c.Modify(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if e, err := c.Entry(t.Context(), user); err != nil || len(e.All("description")) != 1 {
		t.Fatalf("got %+v, %v", e, err)
	}
	wantCode(t, c.Modify(t.Context(), change), value.CodeConflict)
}

// A server that has hung up on all idle connections is simply called again.
func TestStaleConnections(t *testing.T) {
	p := newProxy(t, embeddedAddr(t), -1)
	c := client(t, ldap.Config{URL: "ldap://" + p.addr})
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := c.Entry(t.Context(), user); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	p.cut()
	if _, err := c.Entry(t.Context(), user); err != nil {
		t.Fatal(err)
	}
}

// A modify that another server is responsible for is taken there.
func TestReferral(t *testing.T) {
	there := embeddedAddr(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		request, err := ber.ReadPacket(c)
		if err != nil {
			return
		}
		c.Write(referral(request.Children[0].Value.(int64), "ldap://"+there+"/"+user))
		ber.ReadPacket(c) // stay until the client has gone
	}()
	here := client(t, ldap.Config{URL: "ldap://" + l.Addr().String()})
	if err := here.Modify(t.Context(), directory.Modification{DN: user, Edits: []directory.Edit{{Attr: "description", New: []string{"referred"}}}}); err != nil {
		t.Fatal(err)
	}
	e, err := client(t, ldap.Config{URL: "ldap://" + there}).Entry(t.Context(), user)
	if err != nil || e.Get("description") != "referred" {
		t.Fatalf("got %+v, %v", e, err)
	}
}

// referral is the answer of a server that knows another one.
func referral(id int64, url string) []byte {
	octets := func(v string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, v, "")
	}
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 7, nil, "")
	body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(10), ""))
	body.AppendChild(octets(""))
	body.AppendChild(octets("elsewhere"))
	urls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
	urls.AppendChild(octets(url))
	body.AppendChild(urls)
	message := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(body)
	return message.Bytes()
}
