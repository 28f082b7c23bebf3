package sig

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Type is a slot type: what an operand must be.
type Type struct {
	Name string
	Want string // in words, after "want"
	// Parse reads a literal or the text of a value. It gives a string, an int64 (milliseconds of a duration, bytes of a
	// size), a float64 or a bool. nil means that any text will do.
	Parse func(text string) (any, error)
	// System says that the slot names a system of the site file.
	System bool
}

// Types is the table of slot types and of PARAM types, in the order of the manual.
func Types() []Type {
	return []Type{
		{Name: "name", Want: "a name", Parse: parseName},
		{Name: "text", Want: "a text"},
		{Name: "path", Want: "a path such as E:\\Exchsrvr", Parse: parsePath},
		{Name: "host", Want: "a host's name or address", Parse: parseHost},
		{Name: "address", Want: "an IP address such as 10.1.0.5", Parse: parseAddress},
		{Name: "fqdn", Want: "a full domain name such as exch1.mydomain.com", Parse: parseFQDN},
		{Name: "agent", Want: "an agent's name or address", Parse: parseName, System: true},
		{Name: "cluster", Want: "a cluster's name", Parse: parseName, System: true},
		{Name: "dnsserver", Want: "a DNS server's name", Parse: parseName, System: true},
		{Name: "directory", Want: "a directory's name", Parse: parseName, System: true},
		{Name: "set", Want: "a replication set's name", Parse: parseName},
		{Name: "id", Want: "an id, a whole number from 1", Parse: parseID},
		{Name: "number", Want: "a whole number", Parse: parseWhole},
		{Name: "seconds", Want: "a number of seconds such as 900", Parse: parseSeconds},
		{Name: "duration", Want: "a duration with its unit such as 250ms, 5s or 1h30m", Parse: parseDuration},
		{Name: "size", Want: "a size such as 64KB or a number of bytes", Parse: parseSize},
		{Name: "percent", Want: "a percentage from 0% to 100%", Parse: parsePercent},
		{Name: "secret", Want: "a secret text"},
		{Name: "pairing", Want: "names joined by , and : such as Indy,Sales:Indy_Bkup,Sales", Parse: parseName},
		{Name: "properties", Want: "properties such as (address=10.1.0.5)"},
		{Name: "hh:mm", Want: "a time of day such as 22:30", Parse: parseClock},
		{Name: "mm/dd/yy", Want: "a date such as 11/22/26", Parse: parseDate},
		{Name: "decimal", Want: "a number", Parse: parseDecimal},
		{Name: "truth", Want: "TRUE or FALSE", Parse: parseTruth},
		{Name: "expr", Want: "an expression"},
		{Name: "any", Want: "a value"},
	}
}

// typeTable is Types by name, built on first use.
var typeTable = sync.OnceValue(func() map[string]Type {
	table := map[string]Type{}
	for _, t := range Types() {
		table[t.Name] = t
	}
	return table
})

// TypeOf gives the slot type of that name.
func TypeOf(name string) (Type, bool) {
	t, ok := typeTable()[name]
	return t, ok
}

// TypeNames lists the slot types in the order of the manual.
func TypeNames() []string {
	var names []string
	for _, t := range Types() {
		names = append(names, t.Name)
	}
	return names
}

// ParamType gives the slot type that a PARAM's type word stands for.
func ParamType(word string) (Type, bool) {
	name := map[string]string{"TEXT": "text", "NUMBER": "decimal", "TRUTH": "truth", "DURATION": "duration",
		"SIZE": "size", "SECRET": "secret"}[strings.ToUpper(word)]
	return TypeOf(name)
}

// ParamTypes lists the words for a PARAM's type.
func ParamTypes() []string {
	return []string{"TEXT", "NUMBER", "TRUTH", "DURATION", "SIZE", "SECRET"}
}

func parseName(text string) (any, error) {
	switch {
	case text == "":
		return nil, errors.New("got an empty text")
	case strings.IndexFunc(text, unicode.IsControl) >= 0:
		return nil, errors.New("got a control character in it")
	}
	return text, nil
}

func parsePath(text string) (any, error) {
	switch {
	case text == "":
		return nil, errors.New("got an empty path")
	case strings.IndexByte(text, 0) >= 0:
		return nil, errors.New("got a NUL in it")
	}
	return text, nil
}

func parseHost(text string) (any, error) {
	if _, err := netip.ParseAddr(text); err == nil {
		return text, nil
	}
	return parseDomain(text, 1)
}

func parseFQDN(text string) (any, error) { return parseDomain(text, 2) }

// parseDomain tests the labels of a domain name, written with or without the final dot.
func parseDomain(text string, least int) (any, error) {
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	if len(text) > 254 {
		return nil, errors.New("got a name longer than 253 bytes")
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return nil, errors.New("got a label that is empty or longer than 63 bytes")
		}
		for _, r := range l {
			if r != '-' && r != '_' && r != '*' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return nil, fmt.Errorf("got the character %q in it", r)
			}
		}
	}
	if len(labels) < least {
		return nil, errors.New("got a single label")
	}
	return text, nil
}

func parseAddress(text string) (any, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return nil, errors.New("not an IP address")
	}
	return a.String(), nil
}

func parseWhole(text string) (any, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return nil, errors.New("the number is too large")
	}
	if err != nil || text[0] == '+' {
		return nil, errors.New("not a whole number")
	}
	return n, nil
}

// parseRange reads a whole number from least to most.
func parseRange(text string, least, most int64) (any, error) {
	n, err := parseWhole(text)
	if err != nil {
		return nil, err
	}
	if n := n.(int64); n < least || n > most {
		return nil, fmt.Errorf("not between %d and %d", least, most)
	}
	return n, nil
}

func parseID(text string) (any, error)      { return parseRange(text, 1, math.MaxInt64) }
func parseSeconds(text string) (any, error) { return parseRange(text, 0, math.MaxInt32) }
func parsePercent(text string) (any, error) { return parseRange(strings.TrimSuffix(text, "%"), 0, 100) }

func parseDecimal(text string) (any, error) {
	if n, err := parseWhole(text); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(text, "xXpP_+") {
		return nil, errors.New("not a number")
	}
	return f, nil
}

func parseTruth(text string) (any, error) {
	switch strings.ToUpper(text) {
	case "TRUE":
		return true, nil
	case "FALSE":
		return false, nil
	}
	return nil, errors.New("neither TRUE nor FALSE")
}

// unit is a unit of a duration or size with its worth in the base unit.
type unit struct {
	name  string
	worth int64
}

func durationUnits() []unit {
	return []unit{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}}
}

func sizeUnits() []unit {
	return []unit{{"B", 1}, {"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"TB", 1 << 40}}
}

const digits = "0123456789."

// parseDuration reads 250ms, 5s, 1h30m as milliseconds. A run's clocks count nanoseconds, so the largest is Go's.
func parseDuration(text string) (any, error) {
	return measure(text, durationUnits(), math.MaxInt64/int64(time.Millisecond))
}

// parseSize reads 64KB, 5MB or a number of bytes.
func parseSize(text string) (any, error) {
	switch unit := strings.TrimLeft(text, digits); {
	case unit == "" && !strings.Contains(text, "."):
		return parseRange(text, 0, math.MaxInt64)
	case strings.ContainsAny(unit, digits):
		return nil, errors.New("got more than one unit")
	}
	return measure(text, sizeUnits(), math.MaxInt64)
}

// measure adds up amounts with their units, as the literals of expressions do: the units get smaller and the sum is whole.
func measure(text string, units []unit, most int64) (any, error) {
	if text == "" || len(text) > 60 {
		return nil, errors.New("got no number with a unit")
	}
	sum := new(big.Rat)
	for last := int64(math.MaxInt64); text != ""; {
		rest := strings.TrimLeft(text, digits)
		amount, ok := new(big.Rat).SetString(text[:len(text)-len(rest)])
		end := strings.IndexAny(rest, digits)
		if end < 0 {
			end = len(rest)
		}
		worth := worthOf(rest[:end], units)
		switch {
		case !ok:
			return nil, errors.New("got no number before the unit")
		case end == 0:
			return nil, errors.New("got no unit")
		case worth == 0 || worth >= last:
			return nil, fmt.Errorf("got the unit %q out of place", rest[:end])
		}
		sum.Add(sum, amount.Mul(amount, new(big.Rat).SetInt64(worth)))
		text, last = rest[end:], worth
	}
	switch {
	case !sum.IsInt():
		return nil, errors.New("got a part of the smallest unit")
	case sum.Cmp(new(big.Rat).SetInt64(most)) > 0:
		return nil, errors.New("it is too large")
	}
	return sum.Num().Int64(), nil
}

func worthOf(name string, units []unit) int64 {
	for _, u := range units {
		if strings.EqualFold(u.name, name) {
			return u.worth
		}
	}
	return 0
}

func parseClock(text string) (any, error) {
	if _, err := time.Parse("15:04", text); err != nil || utf8.RuneCountInString(text) != 5 {
		return nil, errors.New("not a time of day")
	}
	return text, nil
}

func parseDate(text string) (any, error) {
	if _, err := time.Parse("01/02/06", text); err != nil {
		return nil, errors.New("not a date")
	}
	return text, nil
}
