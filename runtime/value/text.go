package value

import (
	"strconv"
	"strings"
)

type textValue struct {
	object
	v string
}

// Text makes a text.
func Text(v string) Value { return &textValue{v: v} }

func (*textValue) TypeName() string      { return "text" }
func (o *textValue) String() string      { return o.v }
func (o *textValue) IsFalsy() bool       { return o.v == "" }
func (o *textValue) Equals(v Value) bool { return Equal(o, v) }

// AsText gives a text's (or number's or truth's) spelling.
func AsText(v Value) (string, bool) {
	switch v.(type) {
	case *textValue, *intValue, *decimalValue, *truthValue:
		return Print(v), true
	}
	return "", false
}

// IsText says whether v is a text.
func IsText(v Value) bool {
	_, ok := v.(*textValue)
	return ok
}

// NewText makes a text, secret if one of its origins is, and fails beyond MaxText.
func NewText(s string, origins ...Value) (Value, error) {
	if len(s) > MaxText {
		return nil, textTooLong()
	}
	for _, o := range origins {
		if IsSecret(o) {
			return Secret(s), nil
		}
	}
	return Text(s), nil
}

func textTooLong() error {
	return mistake("the text would be longer than %d MiB", MaxText>>20)
}

// Join prints the parts one after another into one text. It is secret if a part is, unknown if a part is.
func Join(parts ...Value) (Value, error) {
	size := 0
	texts := make([]string, len(parts))
	for i, p := range parts {
		if err := CheckSet(p); err != nil {
			return nil, err
		}
		if u := UnknownIn(p); u != nil {
			return u, nil
		}
		s, ok := Reveal(p)
		if !ok {
			s = Print(p)
		}
		texts[i] = s
		if size += len(s); size > MaxText {
			return nil, textTooLong()
		}
	}
	return NewText(strings.Join(texts, ""), parts...)
}

// Print gives the text that WRITE prints. Lists and maps print as they would be written in a script.
func Print(v Value) string { return printUpTo(v, MaxBytes) }

// Brief prints v for a message: what is longer than limit bytes is cut.
func Brief(v Value, limit int) string {
	s := printUpTo(v, limit)
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// printUpTo prints v; it may stop anywhere after limit bytes.
func printUpTo(v Value, limit int) string {
	switch v := v.(type) {
	case nil:
		return "NONE"
	case *textValue:
		return v.v
	case *truthValue:
		return strconv.FormatBool(v.v)
	case *secretValue:
		return "•••"
	case *unknownValue:
		return "‹unknown: " + v.why + "›"
	case *listValue, *mapValue:
		p := printer{limit: limit}
		p.item(v)
		return p.String()
	}
	return v.String()
}

// printer prints lists and maps.
type printer struct {
	strings.Builder
	limit int
}

func (p *printer) item(v Value) {
	switch v := v.(type) {
	case *textValue:
		p.WriteString(quote(v.v))
	case *listValue:
		p.list(v)
	case *mapValue:
		p.members(v)
	default:
		p.WriteString(Print(v))
	}
}

func (p *printer) list(v *listValue) {
	p.WriteByte('[')
	for i, x := range v.v {
		if p.Len() > p.limit {
			return
		}
		if i > 0 {
			p.WriteString(", ")
		}
		p.item(x)
	}
	p.WriteByte(']')
}

func (p *printer) members(v *mapValue) {
	p.WriteByte('{')
	for i, k := range v.Keys() {
		if p.Len() > p.limit {
			return
		}
		if i > 0 {
			p.WriteString(", ")
		}
		p.WriteString(printKey(k))
		p.WriteString(": ")
		p.item(v.v[k])
	}
	p.WriteByte('}')
}

func printKey(k string) string {
	for i := 0; i < len(k); i++ {
		c := k[i]
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return quote(k)
		}
	}
	if k == "" {
		return `""`
	}
	return k
}

// quote writes a text as the language spells it.
func quote(s string) string {
	s = strings.ReplaceAll(s, `"`, `""`)
	return `"` + strings.ReplaceAll(s, "${", "$${") + `"`
}
