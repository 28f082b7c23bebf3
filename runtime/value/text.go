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
func (o *textValue) Copy() Value         { return o }
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
		if _, ok := IsUnknown(p); ok {
			return p, nil
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
func Print(v Value) string {
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
		var b strings.Builder
		printItem(&b, v)
		return b.String()
	}
	return v.String()
}

func printItem(b *strings.Builder, v Value) {
	switch v := v.(type) {
	case *textValue:
		b.WriteString(quote(v.v))
	case *listValue:
		b.WriteByte('[')
		for i, x := range v.v {
			if i > 0 {
				b.WriteString(", ")
			}
			printItem(b, x)
		}
		b.WriteByte(']')
	case *mapValue:
		b.WriteByte('{')
		for i, k := range v.Keys() {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(printKey(k))
			b.WriteString(": ")
			printItem(b, v.v[k])
		}
		b.WriteByte('}')
	default:
		b.WriteString(Print(v))
	}
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
