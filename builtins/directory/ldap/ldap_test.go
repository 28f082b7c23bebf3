package ldap_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = client(t, ldap.Config{URL: "ldap://" + l.Addr().String()}).Info(t.Context())
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

// cutter passes connections on to a server and cuts each one off after the first n answers of the server; a modify
// may or may not have been made by then.
func cutter(t *testing.T, to string, n int) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				return
			}
			go pipe(s, c, -1)
			if i == 0 {
				go pipe(c, s, n)
			} else {
				go pipe(c, s, -1)
			}
		}
	}()
	return l.Addr().String()
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

// When the answer to a modify is lost the change is made once, and counts as made.
func TestLostAnswer(t *testing.T) {
	dir := t.TempDir()
	if err := embedded.Init(dir, embedded.Fresh{Users: 1}); err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	addr := cutter(t, strings.TrimPrefix(s.URL(), "ldap://"), 1)
	c := client(t, ldap.Config{URL: "ldap://" + addr, Connections: 1})
	const user = "CN=user00001,CN=Users,DC=mydomain,DC=com"
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
