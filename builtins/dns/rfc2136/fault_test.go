package rfc2136_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/dnstest"
	"github.com/standin-project/standin/builtins/dns/rfc2136"
	"github.com/standin-project/standin/runtime/value"
)

const (
	keyName = "key."
	secret  = "c2VjcmV0IG9mIHRoZSB0ZXN0"
	wrong   = "YW5vdGhlciBzZWNyZXQgb25l"
	host    = "host.example.test"
)

// fake is a server for example.test that has A records at one name and misbehaves as a test tells it to.
type fake struct {
	mu        sync.Mutex
	addresses map[string]uint32 // address → TTL
	updates   int

	ignore bool                     // take updates and change nothing
	refuse int                      // answer updates with this code
	mute   func(m *mdns.Msg) bool   // say nothing to m
	edit   func(m, reply *mdns.Msg) // spoil the reply
	secret string                   // of the reply's signature
}

// start serves the fake on loopback.
func (f *fake) start(t *testing.T) string {
	t.Helper()
	if f.addresses == nil {
		f.addresses = map[string]uint32{"192.0.2.1": 300}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	signing := f.secret
	if signing == "" {
		signing = secret
	}
	for _, s := range []*mdns.Server{{Listener: l}, {PacketConn: p}} {
		s.Handler = f
		s.UDPSize = mdns.DefaultMsgSize
		s.TsigSecret = map[string]string{keyName: signing}
		s.MsgAcceptFunc = func(mdns.Header) mdns.MsgAcceptAction { return mdns.MsgAccept }
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return l.Addr().String()
}

// ServeDNS answers one message.
func (f *fake) ServeDNS(w mdns.ResponseWriter, m *mdns.Msg) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := new(mdns.Msg)
	r.SetReply(m)
	r.Authoritative = true
	if m.Opcode == mdns.OpcodeUpdate {
		f.update(m, r)
	} else {
		f.query(m, r)
	}
	if f.edit != nil {
		f.edit(m, r)
	}
	if f.mute != nil && f.mute(m) {
		return
	}
	if w.LocalAddr().Network() == "udp" {
		r.Truncate(1232)
	}
	w.WriteMsg(r)
}

func (f *fake) query(m, r *mdns.Msg) {
	q := m.Question[0]
	if q.Qtype == mdns.TypeA && strings.EqualFold(q.Name, host+".") {
		for a, ttl := range f.addresses {
			r.Answer = append(r.Answer, record(fmt.Sprintf("%s. %d A %s", host, ttl, a)))
		}
	}
	if len(r.Answer) == 0 {
		r.Ns = []mdns.RR{record("example.test. 300 SOA dns1.example.test. host.example.test. 1 2 3 4 300")}
	}
}

func (f *fake) update(m, r *mdns.Msg) {
	f.updates++
	if t := m.IsTsig(); t != nil {
		r.SetTsig(keyName, t.Algorithm, 300, time.Now().Unix())
	}
	if r.Rcode = f.refuse; f.refuse != 0 || f.ignore {
		return
	}
	for _, rr := range m.Answer { // of the prerequisites it knows "this record is there"
		a, ok := rr.(*mdns.A)
		if _, there := f.addresses[addressOf(a)]; ok && !there {
			r.Rcode = mdns.RcodeNXRrset
			return
		}
	}
	for _, rr := range m.Ns {
		a, ok := rr.(*mdns.A)
		switch {
		case ok && rr.Header().Class == mdns.ClassNONE:
			delete(f.addresses, addressOf(a))
		case ok:
			f.addresses[addressOf(a)] = rr.Header().Ttl
		}
	}
}

// updated is how many updates came.
func (f *fake) updated() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.updates
}

func addressOf(a *mdns.A) string {
	if a == nil {
		return ""
	}
	return a.A.String()
}

func record(text string) mdns.RR {
	rr, err := mdns.NewRR(text)
	if err != nil {
		panic(err)
	}
	return rr
}

// reach makes a client that gives up sooner than usual.
func reach(t *testing.T, change func(*rfc2136.Config), servers ...string) *rfc2136.Client {
	t.Helper()
	cfg := rfc2136.Config{
		Name: "dns1", Servers: servers, Key: &rfc2136.Key{Name: keyName, Secret: secret},
		Timeout: time.Second, Tries: 3, Settle: time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := rfc2136.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func moved() dns.Update {
	return dns.Update{Zone: "example.test", Swaps: []dns.Swap{{
		Name: host, Type: "A", Old: dnstest.Set(host, "A", 300, "192.0.2.1"), New: dnstest.Set(host, "A", 300, "192.0.2.2"),
	}}}
}

// notFirst says nothing to the first n messages of the kind.
func notFirst(n int, opcode int) func(*mdns.Msg) bool {
	return func(m *mdns.Msg) bool {
		if m.Opcode == opcode && n > 0 {
			n--
			return true
		}
		return false
	}
}

func wantFailure(t *testing.T, err error, code int, words string) {
	t.Helper()
	var f *value.Failure
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Message, words) {
		t.Fatalf("got %v, want a failure with code %d and %q", err, code, words)
	}
}

func TestLostQueryIsAskedAgain(t *testing.T) {
	t.Parallel()
	f := &fake{mute: notFirst(2, mdns.OpcodeQuery)}
	dnstest.Want(t, reach(t, nil, f.start(t)), host, "A", dnstest.Set(host, "A", 300, "192.0.2.1"))
}

// TestLostReplyOfAnUpdate: the update was made, its reply was lost, and the second copy's prerequisites fail.
func TestLostReplyOfAnUpdate(t *testing.T) {
	t.Parallel()
	f := &fake{mute: notFirst(1, mdns.OpcodeUpdate)}
	c := reach(t, nil, f.start(t))
	if behind, err := c.Update(t.Context(), moved()); err != nil || len(behind) > 0 {
		t.Fatal(behind, err)
	}
	if n := f.updated(); n != 2 {
		t.Errorf("got %d updates, want 2", n)
	}
}

// TestReplyThatDoesNotVerify: what the server then answers decides, in both directions.
func TestReplyThatDoesNotVerify(t *testing.T) {
	t.Parallel()
	made := &fake{secret: wrong}
	if _, err := reach(t, nil, made.start(t)).Update(t.Context(), moved()); err != nil {
		t.Errorf("an update that was made: %v", err)
	}
	lost := &fake{secret: wrong, ignore: true}
	_, err := reach(t, nil, lost.start(t)).Update(t.Context(), moved())
	wantFailure(t, err, value.CodeRefused, "signature of its reply is not right")
}

func TestUpdateThatIsIgnored(t *testing.T) {
	t.Parallel()
	f := &fake{ignore: true}
	_, err := reach(t, nil, f.start(t)).Update(t.Context(), moved())
	wantFailure(t, err, value.CodeRefused, `took the update of zone "example.test" but does not show it`)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for rcode, want := range map[int]int{
		mdns.RcodeRefused: value.CodeRefused, mdns.RcodeNotAuth: value.CodeRefused, mdns.RcodeNotImplemented: value.CodeRefused,
		mdns.RcodeServerFailure: value.CodeFailed, mdns.RcodeYXRrset: value.CodeConflict,
	} {
		f := &fake{refuse: rcode}
		_, err := reach(t, nil, f.start(t)).Update(t.Context(), moved())
		wantFailure(t, err, want, "it answered "+mdns.RcodeToString[rcode])
	}
}

func TestCauseOfAFailureIsTold(t *testing.T) {
	t.Parallel()
	f := &fake{refuse: mdns.RcodeServerFailure, edit: func(m, r *mdns.Msg) {
		if m.Opcode == mdns.OpcodeUpdate {
			r.Extra = nil // an OPT after the signature would spoil it
			r.SetEdns0(1232, false)
			r.IsEdns0().Option = []mdns.EDNS0{&mdns.EDNS0_EDE{ExtraText: "no space left on device"}}
		}
	}}
	_, err := reach(t, nil, f.start(t)).Update(t.Context(), moved())
	wantFailure(t, err, value.CodeFailed, "no space left on device")
}

// TestLongReplyComesOverTCP: a truncated reply is asked for again.
func TestLongReplyComesOverTCP(t *testing.T) {
	t.Parallel()
	f := &fake{addresses: make(map[string]uint32)}
	var all []string
	for i := range 200 {
		all = append(all, fmt.Sprintf("192.0.2.%d", i))
		f.addresses[all[i]] = 300
	}
	dnstest.Want(t, reach(t, nil, f.start(t)), host, "A", dnstest.Set(host, "A", 300, all...))
}

func TestLongUpdateGoesOverTCP(t *testing.T) {
	t.Parallel()
	f := &fake{}
	u := moved()
	for i := range 200 {
		u.Swaps[0].New = append(u.Swaps[0].New, dnstest.Set(host, "A", 300, fmt.Sprintf("198.51.100.%d", i))...)
	}
	if _, err := reach(t, nil, f.start(t)).Update(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

func TestServersBehindAreNamed(t *testing.T) {
	t.Parallel()
	first, second := &fake{}, &fake{}
	a, b := first.start(t), second.start(t)
	c := reach(t, nil, a, b)
	behind, err := c.Update(t.Context(), moved())
	if err != nil || len(behind) != 1 || behind[0] != b {
		t.Fatalf("got behind %v, %v, want %s", behind, err, b)
	}
	for i, want := range []string{"192.0.2.2", "192.0.2.1"} {
		set, err := c.Authorities()[i].Lookup(t.Context(), host, "A")
		if err != nil || len(set) != 1 || set[0].Data != want {
			t.Errorf("%s: got %v, %v, want %s", c.Authorities()[i].Address, set, err, want)
		}
	}
}

// TestFirstServerIsLost: the second is asked and updated, and the first is not waited for again.
func TestFirstServerIsLost(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	lost := &fake{mute: func(*mdns.Msg) bool { asked.Add(1); return true }}
	there := &fake{}
	c := reach(t, nil, lost.start(t), there.start(t))
	dnstest.Want(t, c, host, "A", dnstest.Set(host, "A", 300, "192.0.2.1"))
	before := asked.Load()
	dnstest.Want(t, c, host, "A", dnstest.Set(host, "A", 300, "192.0.2.1"))
	if after := asked.Load(); after != before {
		t.Errorf("the lost server was asked again %d times", after-before)
	}
	if behind, err := c.Update(t.Context(), moved()); err != nil || len(behind) != 1 {
		t.Errorf("got behind %v, %v", behind, err)
	}
}

// TestSecondaryIsPassedOver: a server that takes no updates leaves them to the next.
func TestSecondaryIsPassedOver(t *testing.T) {
	t.Parallel()
	secondary, primary := &fake{refuse: mdns.RcodeNotImplemented}, &fake{}
	c := reach(t, nil, secondary.start(t), primary.start(t))
	if _, err := c.Update(t.Context(), moved()); err != nil || primary.updated() != 1 {
		t.Errorf("got %d updates at the primary, %v", primary.updated(), err)
	}
}

func TestResolverIsNoAuthority(t *testing.T) {
	t.Parallel()
	f := &fake{edit: func(m, r *mdns.Msg) { r.Authoritative = false }}
	_, err := reach(t, nil, f.start(t)).Lookup(t.Context(), host, "A")
	wantFailure(t, err, value.CodeNotThere, "holds no zone")
}

// TestCancelledWhileWaiting: the time-out is an hour, so the test ends only if cancelling ends the wait.
func TestCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{mute: func(*mdns.Msg) bool { cancel(); return true }}
	c := reach(t, func(cfg *rfc2136.Config) { cfg.Timeout = time.Hour }, f.start(t))
	_, err := c.Lookup(ctx, host, "A")
	wantFailure(t, err, value.CodeCancelled, "stopped asking")
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []struct {
		words string
		cfg   rfc2136.Config
	}{
		{"has no address", rfc2136.Config{}},
		{"hmac-md5", rfc2136.Config{Servers: []string{"10.1.0.2"}, Key: &rfc2136.Key{Name: "k", Secret: secret, Algorithm: "hmac-md5"}}},
		{"is not base64", rfc2136.Config{Servers: []string{"10.1.0.2"}, Key: &rfc2136.Key{Name: "k", Secret: "not base64!"}}},
	} {
		_, err := rfc2136.New(c.cfg)
		wantFailure(t, err, value.CodeBadParameter, c.words)
		if strings.Contains(err.Error(), "not base64!") {
			t.Errorf("the secret is printed: %v", err)
		}
	}
	c := reach(t, nil, "10.1.0.2", "10.1.0.3:5353", "2001:db8::1", "[2001:db8::2]:53")
	for i, want := range []string{"10.1.0.2:53", "10.1.0.3:5353", "[2001:db8::1]:53", "[2001:db8::2]:53"} {
		if got := c.Authorities()[i].Address; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestKeyDoesNotPrintItsSecret(t *testing.T) {
	key := rfc2136.Key{Name: "site", Secret: secret}
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%+v %#v %s", key, &key, rfc2136.Config{Key: &key}.Key)} {
		if strings.Contains(text, secret) {
			t.Errorf("got %s", text)
		}
	}
}

// FuzzRecord: what ParseData takes is the same after a way over the wire.
func FuzzRecord(f *testing.F) {
	for _, seed := range [][3]string{
		{"A", "host", "10.1.0.5"}, {"AAAA", "@", "::ffff:10.1.0.5"}, {"CNAME", "*", "exch1"}, {"MX", "@", "10 ."}, {"NS", "sub", "@"},
		{"PTR", "5.0", "exch1.example.test."}, {"SRV", "_ldap._tcp", "0 100 389 dc1"}, {"TXT", "bücher", "a \"b\" \\ \x00ü;"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, typ, name, data string) {
		if _, err := dns.ParseType(typ); err != nil {
			return
		}
		full, err := dns.NameIn("example.test", name)
		if err != nil {
			return
		}
		parsed, err := dns.ParseData("example.test", strings.ToUpper(typ), []string{data})
		if err != nil {
			return
		}
		want := dns.Record{Name: full, Type: strings.ToUpper(typ), TTL: 300, Data: parsed}
		rr, err := rfc2136.ToRR(want)
		if err != nil {
			if len(data) > 60000 {
				return // too long for any message
			}
			t.Fatalf("%+v: %v", want, err)
		}
		wire := make([]byte, mdns.MaxMsgSize)
		end, err := mdns.PackRR(rr, wire, 0, nil, false)
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		back, _, err := mdns.UnpackRR(wire[:end], 0)
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		if got := rfc2136.FromRR(back); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}
