// Package embedded is a DNS server on loopback for sites that live in a folder: it keeps its zones as zone files,
// and is asked and updated over the network like any other.
package embedded

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/rfc2136"
	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/value"
)

//go:embed site
var site embed.FS

// Init writes the zone files of a fresh site into dir, which is made if it is not there.
func Init(dir string) error {
	files, err := site.ReadDir("site")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		text, err := site.ReadFile("site/" + f.Name())
		if err != nil {
			return err
		}
		if err := durable.WriteFile(filepath.Join(dir, f.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Server is a DNS server of this process. It is a dns.System by way of a client that speaks to it over loopback.
type Server struct {
	*rfc2136.Client
	key   rfc2136.Key
	udp   *mdns.Server
	tcp   *mdns.Server
	ended sync.WaitGroup

	mu    sync.RWMutex
	zones zones
}

var _ dns.System = (*Server)(nil)

// Open serves the zone files of dir on 127.0.0.1, on a port that the system chooses. Updates need a key that only
// this process has, so nothing else on the machine can change the zones.
func Open(dir, name string) (*Server, error) {
	all, err := load(dir)
	if err != nil {
		return nil, value.Failf(value.CodeFailed, "cannot open DNS server %q: %w", name, err).
			Hint("its folder in the site file must hold its zone files; standin site init makes them for a fresh site")
	}
	var origins []string
	for _, origin := range slices.Sorted(maps.Keys(all)) {
		origins = append(origins, strings.TrimSuffix(origin, "."))
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	s := &Server{zones: all, key: rfc2136.Key{Name: "site", Secret: base64.StdEncoding.EncodeToString(secret)}}
	if err := s.listen(); err != nil {
		return nil, value.Failf(value.CodeFailed, "cannot open DNS server %q: %w", name, err)
	}
	s.Client, err = rfc2136.New(rfc2136.Config{
		Name: name, Servers: []string{s.tcp.Listener.Addr().String()}, Zones: origins, Key: &s.key,
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func load(dir string) (zones, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.zone"))
	if err != nil {
		return nil, err
	}
	all := make(zones)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		z, err := parseZone(string(text), path)
		if err != nil {
			return nil, err
		}
		if other := all[z.origin]; other != nil {
			return nil, fmt.Errorf("zone %q is in two files, %q and %q", z.origin, other.path, path)
		}
		all[z.origin] = z
	}
	return all, nil
}

// listen takes a port that is free for both UDP and TCP.
func (s *Server) listen() error {
	var last error
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return s.serve(l, p)
		}
		last = errors.Join(err, l.Close())
	}
	return last
}

func (s *Server) serve(l net.Listener, p net.PacketConn) error {
	started := make(chan struct{}, 2)
	server := func() *mdns.Server {
		return &mdns.Server{
			Handler: mdns.HandlerFunc(s.handle), MsgAcceptFunc: accept, TsigSecret: map[string]string{mdns.Fqdn(s.key.Name): s.key.Secret},
			UDPSize: mdns.DefaultMsgSize, NotifyStartedFunc: func() { started <- struct{}{} },
		}
	}
	s.tcp, s.udp = server(), server()
	s.tcp.Listener, s.udp.PacketConn = l, p
	failed := make(chan error, 2)
	for _, srv := range []*mdns.Server{s.tcp, s.udp} {
		s.ended.Go(func() {
			if err := srv.ActivateAndServe(); err != nil {
				failed <- err
			}
		})
	}
	for range 2 {
		select {
		case <-started:
		case err := <-failed:
			return errors.Join(err, s.Close())
		}
	}
	return nil
}

// accept lets updates in, which the library's own rule keeps out.
func accept(h mdns.Header) mdns.MsgAcceptAction {
	const response = 1 << 15
	if h.Bits&response == 0 && int(h.Bits>>11)&0xf == mdns.OpcodeUpdate && h.Qdcount == 1 {
		return mdns.MsgAccept
	}
	return mdns.DefaultMsgAcceptFunc(h)
}

// Close stops serving and waits until nothing of it runs any more.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := errors.Join(s.tcp.ShutdownContext(ctx), s.udp.ShutdownContext(ctx), closed(s.tcp.Listener.Close()), closed(s.udp.PacketConn.Close()))
	s.ended.Wait()
	return err
}

func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Show gives each zone's records under its name, and its serial under its name and " serial".
func (s *Server) Show(ctx context.Context) (map[string]any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make(map[string]any)
	for origin, z := range s.zones {
		name := strings.TrimSuffix(origin, ".")
		all[name] = z.show()
		all[name+" serial"] = int64(z.soa().Serial)
	}
	return all, ctx.Err()
}

// handle answers one message.
func (s *Server) handle(w mdns.ResponseWriter, m *mdns.Msg) {
	r := new(mdns.Msg)
	r.SetReply(m)
	opt := m.IsEdns0()
	if opt != nil {
		r.SetEdns0(1232, false)
	}
	if m.Opcode == mdns.OpcodeUpdate {
		s.update(w, m, r)
	} else {
		s.mu.RLock()
		s.zones.answer(r)
		s.mu.RUnlock()
	}
	if w.LocalAddr().Network() == "udp" {
		size := uint16(mdns.MinMsgSize)
		if opt != nil {
			size = opt.UDPSize()
		}
		r.Truncate(int(size))
	}
	w.WriteMsg(r) // an asker that is gone needs no answer
}

// update changes a zone and its file, or neither.
func (s *Server) update(w mdns.ResponseWriter, m, r *mdns.Msg) {
	tsig := m.IsTsig()
	if tsig == nil || w.TsigStatus() != nil {
		r.Rcode = mdns.RcodeRefused
		if tsig != nil {
			r.Rcode = mdns.RcodeNotAuth
		}
		return
	}
	defer r.SetTsig(tsig.Hdr.Name, tsig.Algorithm, tsig.Fudge, time.Now().Unix())
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[canonical(m.Question[0].Name)]
	if z == nil || m.Question[0].Qtype != mdns.TypeSOA {
		r.Rcode = mdns.RcodeNotAuth
		return
	}
	next, rcode := z.update(m)
	r.Rcode = rcode
	if next == z {
		return
	}
	if err := durable.WriteFile(next.path, next.text(), 0o644); err != nil {
		r.Rcode = mdns.RcodeServerFailure
		explain(r, fmt.Errorf("cannot write the zone file: %w", err))
		return
	}
	s.zones[next.origin] = next
}

// explain adds the cause of a failure for people (RFC 8914).
func explain(r *mdns.Msg, err error) {
	if opt := r.IsEdns0(); opt != nil {
		opt.Option = append(opt.Option, &mdns.EDNS0_EDE{InfoCode: mdns.ExtendedErrorCodeOther, ExtraText: err.Error()})
	}
}
