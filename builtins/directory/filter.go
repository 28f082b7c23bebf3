package directory

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Filter is a parsed RFC 4515 filter.
type Filter struct {
	op   byte // & | ! = > < and * for presence, ~ for substrings
	kids []Filter
	attr string
	val  string   // folded for "="
	subs []string // lower case; "" at an end that is open
}

// maxDepth bounds the nesting of a filter, so that a hostile one cannot exhaust the stack.
const maxDepth = 100

// ParseFilter reads a filter: and, or, not, equality, presence, substrings, >=, <= and ~= (which is equality here).
func ParseFilter(text string) (Filter, error) {
	f, rest, err := parseFilter(strings.TrimSpace(text), 0)
	if err == nil && rest != "" {
		err = fmt.Errorf("cannot read filter %q: got %q after its end", text, rest)
	}
	return f, err
}

func parseFilter(s string, depth int) (f Filter, rest string, err error) {
	if depth > maxDepth {
		return f, s, fmt.Errorf("cannot read filter: got more than %d levels", maxDepth)
	}
	if !strings.HasPrefix(s, "(") || len(s) < 3 {
		return f, s, fmt.Errorf("cannot read filter: got %q, want (…)", s)
	}
	s = s[1:]
	switch s[0] {
	case '&', '|', '!':
		f.op, s = s[0], s[1:]
		for strings.HasPrefix(s, "(") {
			var kid Filter
			if kid, s, err = parseFilter(s, depth+1); err != nil {
				return f, s, err
			}
			f.kids = append(f.kids, kid)
		}
		if f.op == '!' && len(f.kids) != 1 {
			return f, s, fmt.Errorf("cannot read filter: got %d parts after !, want 1", len(f.kids))
		}
	default:
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return f, s, fmt.Errorf("cannot read filter: got %q without its )", s)
		}
		if f, err = parseItem(s[:end]); err != nil {
			return f, s, err
		}
		s = s[end:]
	}
	if !strings.HasPrefix(s, ")") {
		return f, s, fmt.Errorf("cannot read filter: got %q, want )", s)
	}
	return f, s[1:], nil
}

func parseItem(item string) (Filter, error) {
	attr, val, ok := strings.Cut(item, "=")
	if !ok || attr == "" {
		return Filter{}, fmt.Errorf("cannot read filter part %q: want attribute=value", item)
	}
	f := Filter{op: '=', attr: strings.TrimRight(attr, "<>~"), val: val}
	switch {
	case strings.HasSuffix(attr, ">"):
		f.op = '>'
	case strings.HasSuffix(attr, "<"):
		f.op = '<'
	case strings.Contains(attr, ":"):
		return f, fmt.Errorf("cannot read filter part %q: matching rules are not supported", item)
	case val == "*":
		f.op = '*'
		return f, nil
	case strings.Contains(val, "*"):
		f.op = '~'
		for _, s := range strings.Split(val, "*") {
			sub, err := unescape(s)
			if err != nil {
				return f, err
			}
			f.subs = append(f.subs, strings.ToLower(sub))
		}
		return f, nil
	}
	v, err := unescape(val)
	f.val = v
	return f, err
}

// unescape resolves the \xx of RFC 4515.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf(`cannot read filter value %q: want two hex digits after \`, s)
		}
		raw, err := hex.DecodeString(s[i+1 : i+3])
		if err != nil {
			return "", fmt.Errorf(`cannot read filter value %q: want two hex digits after \`, s)
		}
		b.Write(raw)
		i += 2
	}
	return b.String(), nil
}

// Escape makes a value safe to stand in a filter.
func Escape(v string) string {
	return strings.NewReplacer(`\`, `\5c`, `*`, `\2a`, `(`, `\28`, `)`, `\29`, "\x00", `\00`).Replace(v)
}

// Match says whether the entry, with all of its attributes, satisfies the filter.
func (f *Filter) Match(e *Entry) bool {
	switch f.op {
	case '&':
		for i := range f.kids {
			if !f.kids[i].Match(e) {
				return false
			}
		}
		return true
	case '|':
		for i := range f.kids {
			if f.kids[i].Match(e) {
				return true
			}
		}
		return false
	case '!':
		return !f.kids[0].Match(e)
	}
	for _, v := range e.All(f.attr) {
		if f.matchValue(v) {
			return true
		}
	}
	return false
}

func (f *Filter) matchValue(v string) bool {
	switch f.op {
	case '*':
		return true
	case '~':
		return matchParts(strings.ToLower(v), f.subs)
	case '>':
		return order(v, f.val) >= 0
	case '<':
		return order(v, f.val) <= 0
	}
	return Same(v, f.val)
}

// matchParts matches initial*any*…*final.
func matchParts(v string, parts []string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(v, first) {
		return false
	}
	v = v[len(first):]
	for _, p := range parts[1 : len(parts)-1] {
		_, after, ok := strings.Cut(v, p)
		if !ok {
			return false
		}
		v = after
	}
	return strings.HasSuffix(v, last)
}

// order compares numbers as numbers and other values by their folded spelling.
func order(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}
