package embedded_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime/pprof"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/dnstest"
	"github.com/standin-project/standin/builtins/dns/embedded"
	"github.com/standin-project/standin/builtins/dns/rfc2136"
	"github.com/standin-project/standin/runtime/value"
)

// open serves the suite's zones.
func open(t *testing.T) *embedded.Server {
	t.Helper()
	dir := t.TempDir()
	for zone, text := range dnstest.Zones() {
		if err := os.WriteFile(filepath.Join(dir, dnstest.FileName(zone)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return serve(t, dir)
}

func serve(t *testing.T, dir string) *embedded.Server {
	t.Helper()
	s, err := embedded.Open(dir, "dns1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestEmbedded(t *testing.T) {
	dnstest.Run(t, func(t *testing.T) dns.System { return open(t) })
}

func fresh(t *testing.T) (*embedded.Server, string) {
	t.Helper()
	dir := t.TempDir()
	if err := embedded.Init(dir); err != nil {
		t.Fatal(err)
	}
	return serve(t, dir), dir
}

// repoint is the update that points WebMail elsewhere.
func repoint(from, to string) dns.Update {
	const name = "WebMail.mydomain.com"
	return dns.Update{Zone: "mydomain.com", Swaps: []dns.Swap{{
		Name: name, Type: "CNAME", Old: dnstest.Set(name, "CNAME", 900, from), New: dnstest.Set(name, "CNAME", 900, to),
	}}}
}

// TestStateIsInTheFolder: what was changed is there when the folder is copied elsewhere and opened again.
func TestStateIsInTheFolder(t *testing.T) {
	s, dir := fresh(t)
	if _, err := s.Update(t.Context(), repoint("exch1.mydomain.com", "exch2.mydomain.com")); err != nil {
		t.Fatal(err)
	}
	moved := t.TempDir()
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	again := serve(t, moved)
	dnstest.Want(t, again, "webmail.mydomain.com", "CNAME", dnstest.Set("webmail.mydomain.com", "CNAME", 900, "exch2.mydomain.com"))
	one, err := s.Show(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	two, err := again.Show(t.Context())
	if err != nil || !reflect.DeepEqual(one, two) {
		t.Errorf("got %v, %v, want %v", two, err, one)
	}
	if one["mydomain.com serial"] != int64(2) || one["1.10.in-addr.arpa serial"] != int64(1) {
		t.Errorf("got serials %v and %v, want 2 and 1", one["mydomain.com serial"], one["1.10.in-addr.arpa serial"])
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("got %v, %v, want two zone files and nothing else", entries, err)
	}
}

// TestFileThatCannotBeWritten: nothing is changed, and the failure says why.
func TestFileThatCannotBeWritten(t *testing.T) {
	s, dir := fresh(t)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, err := s.Update(t.Context(), repoint("exch1.mydomain.com", "exch2.mydomain.com"))
	var f *value.Failure
	if !errors.As(err, &f) || f.Code != value.CodeFailed || !strings.Contains(f.Message, "no such file or directory") {
		t.Errorf("got %v", err)
	}
	dnstest.Want(t, s, "webmail.mydomain.com", "CNAME", dnstest.Set("webmail.mydomain.com", "CNAME", 900, "exch1.mydomain.com"))
}

// ask sends one message over UDP, unsigned.
func ask(t *testing.T, s *embedded.Server, m *mdns.Msg) *mdns.Msg {
	t.Helper()
	r, err := mdns.Exchange(m, s.Authorities()[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOnlyThisProcessMayUpdate(t *testing.T) {
	s, _ := fresh(t)
	m := new(mdns.Msg)
	m.SetUpdate("mydomain.com.")
	m.RemoveName([]mdns.RR{&mdns.ANY{Hdr: mdns.RR_Header{Name: "exch1.mydomain.com."}}})
	if r := ask(t, s, m); r.Rcode != mdns.RcodeRefused {
		t.Errorf("unsigned: got %s, want REFUSED", mdns.RcodeToString[r.Rcode])
	}
	other, err := rfc2136.New(rfc2136.Config{
		Name: "dns1", Servers: []string{s.Authorities()[0].Address}, Key: &rfc2136.Key{Name: "site", Secret: "Z3Vlc3NlZA=="},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Update(t.Context(), repoint("exch1.mydomain.com", "exch2.mydomain.com"))
	var f *value.Failure
	if !errors.As(err, &f) || f.Code != value.CodeRefused {
		t.Errorf("another key: got %v, want it refused", err)
	}
	dnstest.Want(t, s, "webmail.mydomain.com", "CNAME", dnstest.Set("webmail.mydomain.com", "CNAME", 900, "exch1.mydomain.com"))
}

// TestAnswers shows what clients are told: of CNAMEs, wildcards, delegations and names that are not there.
func TestAnswers(t *testing.T) {
	dir := t.TempDir()
	zone := "$ORIGIN example.test.\n$TTL 300\n" +
		"@ SOA dns1 host 1 1 1 1 60\n@ NS dns1\n@ A 192.0.2.1\ndns1 A 127.0.0.1\nwww CNAME @\naway CNAME www.elsewhere.test.\n" +
		"loop CNAME loop\n*.wild A 192.0.2.7\nmx.wild MX 10 @\nsub NS ns.sub\nns.sub A 192.0.2.53\n"
	if err := os.WriteFile(filepath.Join(dir, "example.test.zone"), []byte(zone), 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, dir)
	for _, c := range []struct{ question, want string }{
		{"example.test. A", "NOERROR aa: example.test. A 192.0.2.1"},
		{"WWW.example.test. A", "NOERROR aa: www.example.test. CNAME example.test.; example.test. A 192.0.2.1"},
		{"www.example.test. CNAME", "NOERROR aa: www.example.test. CNAME example.test."},
		{"away.example.test. A", "NOERROR aa: away.example.test. CNAME www.elsewhere.test."},
		{"loop.example.test. CNAME", "NOERROR aa: loop.example.test. CNAME loop.example.test."},
		{"x.wild.example.test. A", "NOERROR aa: x.wild.example.test. A 192.0.2.7"},
		{"x.y.wild.example.test. A", "NOERROR aa: x.y.wild.example.test. A 192.0.2.7"},
		{"x.wild.example.test. MX", "NOERROR aa: | example.test. SOA"},
		{"mx.wild.example.test. A", "NOERROR aa: | example.test. SOA"},
		{"wild.example.test. A", "NOERROR aa: | example.test. SOA"},
		{"nobody.example.test. A", "NXDOMAIN aa: | example.test. SOA"},
		{"host.sub.example.test. A", "NOERROR: | sub.example.test. NS ns.sub.example.test. | ns.sub.example.test. A 192.0.2.53"},
		{"www.elsewhere.test. A", "REFUSED:"},
		{"example.test. AXFR", "NOTIMP:"},
	} {
		name, typ, _ := strings.Cut(c.question, " ")
		m := new(mdns.Msg)
		m.SetQuestion(name, mdns.StringToType[typ])
		if got := answer(ask(t, s, m)); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.question, got, c.want)
		}
	}
}

// answer writes a reply on one line, TTLs and the SOA's fields apart.
func answer(r *mdns.Msg) string {
	out := mdns.RcodeToString[r.Rcode]
	if r.Authoritative {
		out += " aa"
	}
	out += ":"
	for i, section := range [][]mdns.RR{r.Answer, r.Ns, r.Extra} {
		if i > 0 && len(section) > 0 {
			out += " |"
		}
		for j, rr := range section {
			if j > 0 {
				out += ";"
			}
			out += " " + rr.Header().Name + " " + mdns.TypeToString[rr.Header().Rrtype]
			if rr.Header().Rrtype != mdns.TypeSOA {
				out += " " + strings.TrimPrefix(rr.String(), rr.Header().String())
			}
		}
	}
	return out
}

func TestFolderThatIsNotThere(t *testing.T) {
	_, err := embedded.Open(filepath.Join(t.TempDir(), "nothing"), "dns1")
	var f *value.Failure
	if !errors.As(err, &f) || !strings.Contains(f.Message, `cannot open DNS server "dns1"`) {
		t.Errorf("got %v", err)
	}
}

// TestNothingIsLeft: after Close no goroutine of the server runs and its port is free.
func TestNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	if err := embedded.Init(dir); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		s, err := embedded.Open(dir, "dns1")
		if err != nil {
			t.Fatal(err)
		}
		dnstest.Want(t, s, "exch1.mydomain.com", "A", dnstest.Set("exch1.mydomain.com", "A", 900, "10.1.0.5"))
		address := s.Authorities()[0].Address
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatalf("the port is still taken: %v", err)
		}
		l.Close()
	}
	var stacks bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	if strings.Contains(stacks.String(), "miekg/dns") {
		t.Errorf("goroutines are left:\n%s", &stacks)
	}
}
