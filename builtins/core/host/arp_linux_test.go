package host

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
)

func TestARPPackets(t *testing.T) {
	addr := netip.MustParseAddr("10.1.0.5")
	own := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	request := []byte{
		0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, lengths, request
		2, 0, 0, 0, 0, 1, 0, 0, 0, 0, // our MAC, no IP
		0, 0, 0, 0, 0, 0, 10, 1, 0, 5, // whose is 10.1.0.5
	}
	if got := arpRequest(own, addr); !bytes.Equal(got, request) {
		t.Errorf("the request is % x, want % x", got, request)
	}
	reply := bytes.Clone(request)
	reply[7] = 2
	copy(reply[8:], []byte{2, 0, 0, 0, 0, 9, 10, 1, 0, 5})
	if mac, ok := arpSender(reply, addr); !ok || mac.String() != "02:00:00:00:00:09" {
		t.Errorf("the reply shows %v, %v", mac, ok)
	}
	for name, packet := range map[string][]byte{
		"our own request": request, "a short packet": reply[:27], "nothing": nil,
		"another address": append(bytes.Clone(reply[:17]), append([]byte{6}, reply[18:]...)...),
	} {
		if mac, ok := arpSender(packet, addr); ok {
			t.Errorf("%s shows that %v holds the address", name, mac)
		}
	}
}
