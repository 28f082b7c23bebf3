package dns

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/standin-project/standin/runtime/value"
)

// FullName reads a name that stands for itself (the final dot may be missing) and gives it without the final dot,
// labels of other scripts in their ASCII form.
func FullName(text string) (string, error) {
	name := strings.TrimSuffix(text, ".")
	labels := strings.Split(name, ".")
	for i, label := range labels {
		ascii, err := asciiLabel(label)
		if err != nil {
			return "", value.Failf(value.CodeBadParameter, "%q is not a DNS name: %w", text, err)
		}
		labels[i] = ascii
	}
	if name = strings.Join(labels, "."); len(name) > 253 {
		return "", value.Failf(value.CodeBadParameter, "%q is not a DNS name: got %d characters, want 253 at most", text, len(name))
	}
	return name, nil
}

// NameIn reads the name of a record in a zone: "@" is the zone, a name that ends in the zone's or in a dot is full,
// every other one is relative ("5.0" in 1.10.in-addr.arpa).
func NameIn(zone, text string) (string, error) {
	if text == "@" {
		return zone, nil
	}
	name, err := FullName(text)
	if err != nil {
		return "", err
	}
	switch {
	case within(zone, name):
		return name, nil
	case strings.HasSuffix(text, "."):
		return "", value.Failf(value.CodeBadParameter, "%q is not in the zone %q", text, zone).
			Hint("a name with a final dot is full; leave the dot away to write it relative to the zone")
	}
	return FullName(name + "." + zone)
}

// Target reads a name in a record's data: "@" is the zone, a single label is relative to it, every other name is full.
// Without a zone all names are.
func Target(zone, text string) (string, error) {
	if text == "." {
		return ".", nil
	}
	if text == "@" && zone != "" {
		return zone, nil
	}
	name, err := FullName(text)
	if err != nil || zone == "" || strings.Contains(text, ".") {
		return name, err
	}
	return FullName(name + "." + zone)
}

// within says whether name is the zone's own or below it.
func within(zone, name string) bool {
	name, zone = strings.ToLower(name), strings.ToLower(zone)
	return name == zone || strings.HasSuffix(name, "."+zone)
}

type labelError string

func (e labelError) Error() string { return string(e) }

// asciiLabel checks one label; "/" is there for the reverse zones of networks smaller than a byte (RFC 2317).
func asciiLabel(label string) (string, error) {
	for _, r := range label {
		if r >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(label)
			if err != nil {
				return "", labelError("the label " + strconv.Quote(label) + " has no ASCII form")
			}
			label = ascii
			break
		}
	}
	if label == "" || len(label) > 63 {
		return "", labelError("got a label of " + strconv.Itoa(len(label)) + " characters, want 1 to 63")
	}
	for _, r := range label {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_*/", r)) {
			return "", labelError("it has the character " + strconv.QuoteRune(r))
		}
	}
	return label, nil
}

// ReverseName is the name that an address has in the reverse tree.
func ReverseName(a netip.Addr) string {
	var b strings.Builder
	bytes := a.AsSlice()
	for i := len(bytes) - 1; i >= 0; i-- {
		if a.Is4() {
			b.WriteString(strconv.Itoa(int(bytes[i])) + ".")
		} else {
			b.WriteString(strconv.FormatInt(int64(bytes[i]&15), 16) + "." + strconv.FormatInt(int64(bytes[i]>>4), 16) + ".")
		}
	}
	if a.Is4() {
		return b.String() + "in-addr.arpa"
	}
	return b.String() + "ip6.arpa"
}
