//go:build !linux

package host

import (
	"context"
	"net/netip"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/runtime/value"
)

// arp needs a way to send a packet of its own, which is there only on Linux.
func arp(context.Context, netip.Addr) (core.Answer, error) {
	return core.Answer{}, value.Failf(value.CodeRefused, "cannot send an ARP request from this host: its system has no way for it").
		Hint("use PING, or ask FROM an agent on Linux")
}
