package host

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/runtime/value"
)

// arpEvery is the pause between two requests: an interface may lose the first.
const arpEvery = 500 * time.Millisecond

// arp asks the subnet who holds addr, as duplicate address detection does (RFC 5227): with 0.0.0.0 as the sender, so
// that nobody's cache learns anything.
func arp(ctx context.Context, addr netip.Addr) (core.Answer, error) {
	if !addr.Is4() {
		return core.Answer{}, value.Failf(value.CodeBadParameter, "cannot probe %s by ARP: it is not an IPv4 address", addr).Hint("use PING")
	}
	link, own, err := subnet(addr)
	if err != nil {
		return core.Answer{}, err
	}
	if own {
		return core.Answer{Answered: true, Detail: "it is an address of this host, on " + link.Name}, nil
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(network(unix.ETH_P_ARP)))
	if err != nil {
		f := value.Failf(value.CodeRefused, "cannot send an ARP request from this host: %w", err)
		return core.Answer{}, f.Hint("give the program the capability CAP_NET_RAW, or use PING")
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: network(unix.ETH_P_ARP), Ifindex: link.Index}); err != nil {
		return core.Answer{}, err
	}
	return askARP(ctx, fd, link, addr)
}

func askARP(ctx context.Context, fd int, link *net.Interface, addr netip.Addr) (core.Answer, error) {
	to := &unix.SockaddrLinklayer{Protocol: network(unix.ETH_P_ARP), Ifindex: link.Index, Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255}}
	buf := make([]byte, 128)
	for {
		if err := unix.Sendto(fd, arpRequest(link.HardwareAddr, addr), 0, to); err != nil {
			return core.Answer{}, value.Failf(value.CodeFailed, "cannot send an ARP request on %s: %w", link.Name, err)
		}
		for next := time.Now().Add(arpEvery); ; {
			left := time.Until(next)
			if ctx.Err() != nil {
				return core.Answer{Detail: "nobody on " + link.Name + " holds it"}, nil
			}
			if left <= 0 {
				break
			}
			// A short poll, because a packet socket cannot wait for a context.
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(min(left, 50*time.Millisecond).Milliseconds())+1)
			if err != nil && !errors.Is(err, unix.EINTR) {
				return core.Answer{}, err
			}
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				continue
			}
			if mac, ok := arpSender(buf[:n], addr); ok {
				return core.Answer{Answered: true, Detail: mac.String() + " on " + link.Name + " holds it"}, nil
			}
		}
	}
}

// subnet finds the interface whose subnet holds addr, and says whether addr is its own.
func subnet(addr netip.Addr) (*net.Interface, bool, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, false, err
	}
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil || l.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || !p.Contains(addr) {
				continue
			}
			if p.Addr() == addr || l.Flags&net.FlagLoopback != 0 {
				return &l, true, nil
			}
			if len(l.HardwareAddr) == 6 {
				return &l, false, nil
			}
		}
	}
	return nil, false, value.Failf(value.CodeConflict, "cannot probe %s by ARP: no interface of this host is on its subnet", addr).
		Hint("ask FROM an agent on that subnet, or use PING")
}

// An ARP packet for IPv4 over Ethernet (RFC 826): types, lengths, operation, sender's MAC and IP, target's MAC and IP.
const (
	arpLen       = 28
	arpOperation = 6
	arpSenderMAC = 8
	arpSenderIP  = 14
	arpTargetIP  = 24
)

func arpRequest(mac net.HardwareAddr, addr netip.Addr) []byte {
	p := make([]byte, arpLen)
	copy(p, []byte{0, 1, 8, 0, 6, 4, 0, 1})
	copy(p[arpSenderMAC:], mac)
	copy(p[arpTargetIP:], addr.AsSlice())
	return p
}

// arpSender gives the sender of a packet that shows that it holds addr: a reply, or a request of its own.
func arpSender(p []byte, addr netip.Addr) (net.HardwareAddr, bool) {
	if len(p) < arpLen || p[0] != 0 || p[1] != 1 || binary.BigEndian.Uint16(p[2:]) != unix.ETH_P_IP {
		return nil, false
	}
	if op := binary.BigEndian.Uint16(p[arpOperation:]); op != 1 && op != 2 {
		return nil, false
	}
	if netip.AddrFrom4([4]byte(p[arpSenderIP:])) != addr {
		return nil, false
	}
	return net.HardwareAddr(p[arpSenderMAC:arpSenderIP]), true
}

// network brings a 16-bit number into network byte order, as the kernel wants it.
func network(n uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], n)
	return binary.NativeEndian.Uint16(b[:])
}
