package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// ParseType reads the type of a record, in any letter case.
func ParseType(text string) (string, error) {
	typ := strings.ToUpper(text)
	if slices.Contains(Types(), typ) {
		return typ, nil
	}
	return "", value.Failf(value.CodeBadParameter, "%q is not a type of DNS record", text).
		Hint("use one of %s", strings.Join(Types(), " "))
}

// ParseData reads the operands that are a record's data and gives their usual spelling; names in them may be
// relative to zone. Each operand of a TXT is one string; those of the other types may as well be one text.
func ParseData(zone, typ string, operands []string) (string, error) {
	if typ == "TXT" {
		return txt(operands), nil
	}
	fields := strings.Fields(strings.Join(operands, " "))
	numbers := numbersOf(typ)
	if len(fields) != len(numbers)+1 {
		want := strings.Join(append(numbers, lastField(typ)), "> <")
		return "", value.Failf(value.CodeBadParameter, "got %q as data of %s, want <%s>", strings.Join(fields, " "), typ, want)
	}
	for i, field := range numbers {
		n, err := strconv.ParseUint(fields[i], 10, 16)
		if err != nil {
			return "", value.Failf(value.CodeBadParameter, "got %q as the %s of %s, want a number from 0 to 65535", fields[i], field, typ)
		}
		fields[i] = strconv.FormatUint(n, 10)
	}
	last := len(fields) - 1
	var err error
	if typ == "A" || typ == "AAAA" {
		fields[last], err = address(typ, fields[last])
	} else {
		fields[last], err = Target(zone, fields[last])
	}
	return strings.Join(fields, " "), err
}

// numbersOf names the numbers that stand before the last field of a type's data.
func numbersOf(typ string) []string {
	switch typ {
	case "MX":
		return []string{"preference"}
	case "SRV":
		return []string{"priority", "weight", "port"}
	}
	return nil
}

func lastField(typ string) string {
	if typ == "A" || typ == "AAAA" {
		return "address"
	}
	return "name"
}

func address(typ, text string) (string, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || addressType(a) != typ || a.Zone() != "" {
		family := "IPv4"
		if typ == "AAAA" {
			family = "IPv6"
		}
		return "", value.Failf(value.CodeBadParameter, "got %q as data of %s, want an %s address", text, typ, family)
	}
	return a.String(), nil
}

// addressType is the type of the records that hold a.
func addressType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// txt quotes strings as zone files do; one of more than 255 bytes is cut, as its readers put the pieces together.
func txt(texts []string) string {
	var quoted []string
	for _, text := range texts {
		for len(text) > 255 {
			quoted = append(quoted, quote(text[:255]))
			text = text[255:]
		}
		quoted = append(quoted, quote(text))
	}
	return strings.Join(quoted, " ")
}

func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
