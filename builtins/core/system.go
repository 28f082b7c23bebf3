// Package core is the vocabulary that needs no system of the site: probes of the network, and programs.
package core

import (
	"context"
	"time"
)

// Systems finds the hosts that can probe and run programs.
type Systems interface {
	// Host finds the host of an agent by its name or address; "" is the host that runs the script.
	Host(agent string) (System, error)
}

// Kind says how a host is probed.
type Kind string

// The kinds of probe.
const (
	Ping Kind = "PING" // ICMP echo
	ARP  Kind = "ARP"  // does anybody on this subnet hold the address
	TCP  Kind = "TCP"
	HTTP Kind = "HTTP"
)

// Probe asks whether a host answers.
type Probe struct {
	Host   string // a name or an address
	Kind   Kind
	Port   int    // TCP
	Expect string // TCP: a text that must come from the host; "" for none
	URL    string // HTTP: what to ask of the host; a path, or a whole URL whose host need not resolve
}

// ProbeTimeout is how long a host has to answer a probe.
const ProbeTimeout = 3 * time.Second

// Answer is what came of a probe.
type Answer struct {
	Answered bool
	Address  string // the address that was probed; "" if the name has none
	Detail   string // what was seen, in words
	Status   int    // HTTP: the response's status, 0 for none
}

// Program is a program to run, without a shell.
type Program struct {
	Path string // a path, or a name to look up in PATH
	Args []string
}

// Output is what a program left when it ended with exit code 0.
type Output struct {
	Stdout, Stderr string // at most MaxOutput bytes each
	// Unknown says why nothing is known of the output: the program only would run.
	Unknown string
}

// MaxOutput is how many bytes of each of a program's outputs are kept.
const MaxOutput = 1 << 20

// Reader is the half of a host that changes nothing.
type Reader interface {
	// Probe asks whether a host answers. That it does not is an answer, not an error; an error says that it could
	// not be asked.
	Probe(ctx context.Context, p Probe) (Answer, error)
	// Query runs a program that only reads. One that cannot start or ends with another exit code than 0 fails.
	Query(ctx context.Context, p Program) (Output, error)
}

// System is a host.
type System interface {
	Reader
	// Exec runs a program that may change something, as Query does otherwise.
	Exec(ctx context.Context, p Program) (Output, error)
}
