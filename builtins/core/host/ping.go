package host

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/runtime/value"
)

// ping sends ICMP echo requests until one is answered or ctx ends.
func ping(ctx context.Context, addr netip.Addr) (core.Answer, error) {
	conn, to, err := openICMP(addr)
	if err != nil {
		return core.Answer{}, value.Failf(value.CodeRefused, "cannot send a ping from this host: %w", err).
			Hint("allow it with sysctl net.ipv4.ping_group_range, or PROBE a TCP port")
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) }) // ends the read below
	defer stop()
	var request icmp.Type = ipv4.ICMPTypeEcho
	if addr.Is6() {
		request = ipv6.ICMPTypeEchoRequest
	}
	payload := "standin"
	msg, err := (&icmp.Message{Type: request, Body: &icmp.Echo{ID: os.Getpid() & 0xffff, Seq: 1, Data: []byte(payload)}}).Marshal(nil)
	if err != nil {
		return core.Answer{}, err
	}
	if _, err := conn.WriteTo(msg, to); err != nil {
		return core.Answer{Detail: err.Error()}, nil
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return core.Answer{Detail: "no answer to a ping"}, nil
			}
			return core.Answer{Detail: err.Error()}, nil
		}
		if isReply(buf[:n], addr, from, payload) {
			return core.Answer{Answered: true, Detail: "answers a ping"}, nil
		}
	}
}

// openICMP opens the socket that needs no rights where the system grants it, else a raw one.
func openICMP(addr netip.Addr) (*icmp.PacketConn, net.Addr, error) {
	networks := [2]string{"udp4", "ip4:icmp"}
	listen := "0.0.0.0"
	if addr.Is6() {
		networks, listen = [2]string{"udp6", "ip6:ipv6-icmp"}, "::"
	}
	if conn, err := icmp.ListenPacket(networks[0], listen); err == nil {
		return conn, &net.UDPAddr{IP: addr.AsSlice(), Zone: addr.Zone()}, nil
	}
	conn, err := icmp.ListenPacket(networks[1], listen)
	return conn, &net.IPAddr{IP: addr.AsSlice(), Zone: addr.Zone()}, err
}

// isReply says whether a packet is the answer of addr to our request; a raw socket hears everybody's.
func isReply(packet []byte, addr netip.Addr, from net.Addr, payload string) bool {
	protocol := 1 // ICMP
	if addr.Is6() {
		protocol = 58 // ICMPv6
	}
	m, err := icmp.ParseMessage(protocol, packet)
	if err != nil || m.Type != ipv4.ICMPTypeEchoReply && m.Type != ipv6.ICMPTypeEchoReply {
		return false
	}
	var ip net.IP
	switch from := from.(type) {
	case *net.UDPAddr:
		ip = from.IP
	case *net.IPAddr:
		ip = from.IP
	}
	echo, ok := m.Body.(*icmp.Echo)
	return ok && ip.Equal(addr.AsSlice()) && string(echo.Data) == payload
}
