package dns_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/dnstest"
	"github.com/standin-project/standin/builtins/dns/embedded"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// twoServers is a fresh site whose forward and reverse zones are at different servers.
func twoServers(t *testing.T) (forward, reverse *embedded.Server) {
	t.Helper()
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		if err := embedded.Init(dir); err != nil {
			t.Fatal(err)
		}
	}
	for i, zone := range []string{"1.10.in-addr.arpa", "mydomain.com"} {
		if err := os.Remove(filepath.Join(dirs[i], zone+".zone")); err != nil {
			t.Fatal(err)
		}
	}
	return serve(t, dirs[0], "dns1"), serve(t, dirs[1], "dns2")
}

// wantLines fails the test unless each of the lines is in the output.
func wantLines(t *testing.T, out string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(out, l) {
			t.Errorf("got:\n%swant in it:\n%s", out, l)
		}
	}
}

func TestMoveHostOverTwoServers(t *testing.T) {
	forward, reverse := twoServers(t)
	s := newSession(t, servers{forward, reverse})
	before := records(t, forward) + records(t, reverse)
	wantLines(t, s.run(t.Context(), "DNS MOVE HOST exch1.mydomain.com FROM 10.1.0.5 TO 10.1.1.9"),
		"dns dns1: A exch1.mydomain.com: 10.1.0.5 (ttl 900) → 10.1.1.9 (ttl 900)\ndns dns2: PTR 5.0.1.10.in-addr.arpa")
	dnstest.Want(t, reverse, "5.0.1.10.in-addr.arpa", "PTR", nil)
	if err := s.undoAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := records(t, forward) + records(t, reverse); after != before {
		t.Errorf("got after undo:\n%swant:\n%s", after, before)
	}
}

// refusing is a server that takes no updates any more.
type refusing struct {
	dns.System
	asked int
}

func (r *refusing) Update(context.Context, dns.Update) ([]string, error) {
	r.asked++
	return nil, value.Failf(value.CodeRefused, "dns2 refuses")
}

func TestMoveHostHalfDone(t *testing.T) {
	forward, reverse := twoServers(t)
	before := records(t, forward)
	stubborn := &refusing{System: reverse}
	s := newSession(t, servers{forward, stubborn})
	wantLines(t, s.run(t.Context(), "DNS MOVE HOST exch1.mydomain.com FROM 10.1.0.5 TO 10.1.1.9"),
		`failure -1002: half done: zone "mydomain.com" is changed, but not "1.10.in-addr.arpa": dns2 refuses`,
		"changing A exch1.mydomain.com from 10.1.1.9 (ttl 900) to 10.1.0.5 (ttl 900)", "trying again")
	if stubborn.asked != 3 {
		t.Errorf("asked %d times, want 3", stubborn.asked)
	}

	t.Run("and resumed", func(t *testing.T) {
		cmd, c := newSession(t, servers{forward, reverse}).call("DNS MOVE HOST exch1.mydomain.com FROM 10.1.0.5 TO 10.1.1.9")
		a, err := cmd.Observe(t.Context(), c)
		if err != nil || a.Done != plan.No || len(a.Changes) != 2 || a.Changes[0].System != "dns dns2" {
			t.Fatalf("got %+v, %v, want the changes of dns2", a, err)
		}
	})
	t.Run("and undone", func(t *testing.T) {
		if err := s.undoAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := records(t, forward); after != before {
			t.Errorf("got:\n%swant:\n%s", after, before)
		}
	})
}

// cutting takes so many updates and no more, as one whose runner is cut off there.
type cutting struct {
	dns.System
	left int
}

func (c *cutting) Update(ctx context.Context, u dns.Update) ([]string, error) {
	if c.left--; c.left < 0 {
		return nil, errors.New("cut off")
	}
	return c.System.Update(ctx, u)
}

// A move between two reverse zones that is cut off after any update and carried out again ends as one that was not, with
// the TTL of the PTR that went; taken back instead, it leaves everything as it was.
func TestMoveHostCutOffBetweenTwoZones(t *testing.T) {
	const move = "DNS MOVE HOST exch1.mydomain.com FROM 10.1.0.5 TO 10.2.0.5"
	for _, end := range []string{"done again", "taken back"} {
		for updates := range 4 {
			dir := t.TempDir()
			if err := embedded.Init(dir); err != nil {
				t.Fatal(err)
			}
			zone := "$ORIGIN 2.10.in-addr.arpa.\n$TTL 3600\n@ SOA ns1.mydomain.com. host.mydomain.com. 1 3600 600 86400 3600\n@ NS ns1.mydomain.com.\n"
			if err := os.WriteFile(filepath.Join(dir, "2.zone"), []byte(zone), 0o644); err != nil {
				t.Fatal(err)
			}
			server := serve(t, dir, "dns1")
			newSession(t, servers{server}).run(t.Context(), "DNS TTL 1.10.in-addr.arpa 5.0 PTR 77")
			before := records(t, server)
			s := newSession(t, servers{&cutting{server, updates}})
			s.run(t.Context(), move)
			if end == "taken back" {
				for _, c := range slices.Backward(s.changes) {
					cmd, _ := newSession(t, servers{server}).call(move)
					if err := cmd.Undo(t.Context(), c.Inverse); err != nil {
						t.Fatal(err)
					}
				}
				if got := records(t, server); got != before {
					t.Errorf("after %d updates and undo:\n%s\nwant:\n%s", updates, got, before)
				}
				continue
			}
			newSession(t, servers{server}).run(t.Context(), move)
			dnstest.Want(t, server, "5.0.1.10.in-addr.arpa", "PTR", nil)
			dnstest.Want(t, server, "5.0.2.10.in-addr.arpa", "PTR", dnstest.Set("5.0.2.10.in-addr.arpa", "PTR", 77, "exch1.mydomain.com"))
			dnstest.Want(t, server, "exch1.mydomain.com", "A", dnstest.Set("exch1.mydomain.com", "A", 900, "10.2.0.5"))
		}
	}
}

// TestMoveHostClassless follows the CNAMEs by which a small network's reverse names lead to a zone of their own.
func TestMoveHostClassless(t *testing.T) {
	dir := t.TempDir()
	for zone, text := range dnstest.Zones() {
		if err := os.WriteFile(filepath.Join(dir, dnstest.FileName(zone)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := newSession(t, servers{serve(t, dir, "dns1")})
	s.run(t.Context(), "DNS ADD example.test mail3 A 192.0.2.129")
	wantLines(t, s.run(t.Context(), "DNS MOVE HOST mail3.example.test FROM 192.0.2.129 TO 192.0.2.130"),
		"PTR 129.128/25.2.0.192.in-addr.arpa: mail3.example.test (ttl 300) → nothing",
		"PTR 130.128/25.2.0.192.in-addr.arpa: nothing → mail3.example.test (ttl 300)")
	wantLines(t, s.run(t.Context(), "DNS MOVE HOST mail3.example.test FROM 192.0.2.130 TO 192.0.2.11"),
		"PTR 130.128/25.2.0.192.in-addr.arpa: mail3.example.test (ttl 300) → nothing",
		"PTR 11.2.0.192.in-addr.arpa: mail2.example.test (ttl 300) → mail2.example.test (ttl 300), mail3.example.test (ttl 300)")
}

func TestUndoRefusesWhatOthersChanged(t *testing.T) {
	site := freshSite(t)
	s := newSession(t, servers{site})
	s.run(t.Context(), "DNS REPLACE mydomain.com exch1 A 10.1.0.5 WITH 10.1.1.9")
	other := newSession(t, servers{site})
	other.run(t.Context(), "DNS REPLACE mydomain.com exch1 A 10.1.1.9 WITH 10.1.2.2")
	err := s.undoAll(t.Context())
	var f *value.Failure
	if !errors.As(err, &f) || f.Code != value.CodeRefused ||
		!strings.Contains(f.Message, "got 10.1.2.2 (ttl 900), want 10.1.1.9 (ttl 900)") || !strings.Contains(f.Hints[0], "it was 10.1.0.5 (ttl 900) before") {
		t.Fatalf("got %+v, want a refusal with what was found and wanted", err)
	}
	dnstest.Want(t, site, "exch1.mydomain.com", "A", dnstest.Set("exch1.mydomain.com", "A", 900, "10.1.2.2"))
	other.run(t.Context(), "DNS REPLACE mydomain.com exch1 A 10.1.2.2 WITH 10.1.0.5")
	if err := s.undoAll(t.Context()); err != nil {
		t.Errorf("undo of what is undone: %v", err)
	}
}

func TestServerThatIsGone(t *testing.T) {
	site := freshServer(t, "dns2")
	gone := freshServer(t, "dns1")
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, servers{gone})
	wantLines(t, s.run(t.Context(), "DNS ADD mydomain.com a A 10.1.1.9"), "failure -1001: ", "hint: see that it runs")
	s = newSession(t, servers{gone, site})
	wantLines(t, s.run(t.Context(), "DNS ADD mydomain.com a A 10.1.1.9"), "→ 10.1.1.9 (ttl 900)")
}

func TestWaitNamesTheLastValueSeen(t *testing.T) {
	forward, reverse := twoServers(t)
	s := newSession(t, servers{forward, reverse})
	wantLines(t, s.run(t.Context(), "WAIT ON DNS exch1.mydomain.com A 10.1.1.9 TIMEOUT 200ms"),
		"failure -1003: waited 200ms for A exch1.mydomain.com to be 10.1.1.9; last seen: A 10.1.0.5 (ttl 900)")
	wantLines(t, s.run(t.Context(), "WAIT ON DNS nobody.mydomain.com A 10.1.1.9 TIMEOUT 200ms"), "last seen: no A")
	wantLines(t, s.run(t.Context(), "WAIT ON DNS www.elsewhere.test A 10.1.1.9 ON ALL SERVERS TIMEOUT 200ms"), "last seen: no DNS server of this site holds")
}

func TestWaitForAllServers(t *testing.T) {
	fast, slow := freshServer(t, "dns1"), freshServer(t, "dns2")
	s := newSession(t, servers{fast, slow})
	s.run(t.Context(), "DNS REPLACE mydomain.com exch1 A 10.1.0.5 WITH 10.1.1.9")
	wantLines(t, s.run(t.Context(), "WAIT ON DNS webmail.mydomain.com A 10.1.1.9 TIMEOUT 1m"), "result: 0")
	out := s.run(t.Context(), "WAIT ON DNS webmail.mydomain.com A 10.1.1.9 ON ALL SERVERS TIMEOUT 200ms")
	wantLines(t, out, "failure -1003: ", slow.Authorities()[0].Address+": CNAME exch1.mydomain.com (ttl 900), A 10.1.0.5 (ttl 900)")

	ended := make(chan string)
	go func() {
		ended <- newSession(t, servers{fast, slow}).run(t.Context(), "WAIT ON DNS webmail.mydomain.com A 10.1.1.9 ON ALL SERVERS TIMEOUT 1m")
	}()
	newSession(t, servers{slow}).run(t.Context(), "DNS REPLACE mydomain.com exch1 A 10.1.0.5 WITH 10.1.1.9")
	wantLines(t, <-ended, "result: 0")
}

func TestWaitStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newSession(t, servers{freshSite(t)})
	wantLines(t, s.run(ctx, "WAIT ON DNS exch1.mydomain.com A 10.1.1.9 TIMEOUT 1h"), "failure -1006: stopped waiting")
}
