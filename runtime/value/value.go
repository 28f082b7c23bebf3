// Package value holds the values of the language: numbers, texts, truths, none, lists, maps, secrets and unknowns.
//
// Every value is a Tengo object whose operators carry the language's rules, so that arithmetic stays inside the VM.
package value

import (
	"fmt"

	"github.com/d5/tengo/v2"
)

// Value is any value of the language. Values are immutable.
type Value = tengo.Object

// Limits on a single value. Beyond them an operation fails with a run-time error.
const (
	MaxText  = 64 << 20  // bytes of a text
	MaxItems = 1 << 20   // items of a list, members of a map
	MaxBytes = 256 << 20 // bytes of a list or map with all that it holds, shared parts counted each time
	MaxDepth = 200       // lists and maps inside each other
)

// object is what all values share: a name for messages, and no mutation.
type object struct{ tengo.ObjectImpl }

// Kind gives the name that messages use for v's kind: "number", "text", "truth", "NONE", "list", "map", "secret", "unknown".
func Kind(v Value) string {
	if v == nil {
		return "NONE"
	}
	return v.TypeName()
}

// None is NONE.
var None Value = &noneValue{}

type noneValue struct {
	object
	_ byte // a pointer to nothing has no identity
}

func (*noneValue) TypeName() string      { return "NONE" }
func (*noneValue) String() string        { return "NONE" }
func (*noneValue) IsFalsy() bool         { return true }
func (o *noneValue) Equals(v Value) bool { return Equal(o, v) }

// IsNone says whether v is NONE, or no value at all.
func IsNone(v Value) bool {
	_, none := v.(*noneValue)
	return v == nil || none
}

type truthValue struct {
	object
	v bool
}

var (
	yes Value = &truthValue{v: true}
	no  Value = &truthValue{v: false}
)

// Truth makes a truth.
func Truth(v bool) Value {
	if v {
		return yes
	}
	return no
}

func (*truthValue) TypeName() string      { return "truth" }
func (o *truthValue) String() string      { return Print(o) }
func (o *truthValue) IsFalsy() bool       { return !o.v }
func (o *truthValue) Equals(v Value) bool { return Equal(o, v) }

// AsTruth gives a truth.
func AsTruth(v Value) (bool, bool) {
	t, ok := v.(*truthValue)
	return ok && t.v, ok
}

// secretValue is a text that prints as •••.
type secretValue struct {
	object
	v string
}

// Secret makes a text that prints as •••; what is derived from it is secret too.
func Secret(v string) Value { return &secretValue{v: v} }

func (*secretValue) TypeName() string { return "secret" }
func (o *secretValue) String() string { return Print(o) }

// GoString keeps %#v from showing it.
func (o *secretValue) GoString() string { return Print(o) }

// MarshalText keeps encoders from showing it.
func (o *secretValue) MarshalText() ([]byte, error) { return []byte(Print(o)), nil }

func (o *secretValue) IsFalsy() bool       { return o.v == "" }
func (o *secretValue) Equals(v Value) bool { return Equal(o, v) }

// IsSecret says whether v is a secret.
func IsSecret(v Value) bool {
	_, ok := v.(*secretValue)
	return ok
}

// Reveal gives the text of a secret (or of a text), for the one place that sends it.
func Reveal(v Value) (string, bool) {
	if s, ok := v.(*secretValue); ok {
		return s.v, true
	}
	return AsText(v)
}

// unknownValue is what a plan cannot know. Every operation on it gives it again.
type unknownValue struct {
	object
	why string
}

// Unknown is what a plan cannot know, and why.
func Unknown(why string) Value { return &unknownValue{why: why} }

func (*unknownValue) TypeName() string                { return "unknown" }
func (o *unknownValue) String() string                { return Print(o) }
func (o *unknownValue) Equals(v Value) bool           { return Equal(o, v) }
func (o *unknownValue) IndexGet(Value) (Value, error) { return o, nil }

// IsUnknown says whether v is unknown, and why.
func IsUnknown(v Value) (why string, ok bool) {
	u, ok := v.(*unknownValue)
	if ok {
		why = u.why
	}
	return why, ok
}

// unsetValue stands in a variable before its first assignment; every use of it is an error.
type unsetValue struct {
	object
	name string
}

// Unset is the content of the variable of that name (without $) before its first assignment.
func Unset(name string) Value { return &unsetValue{name: name} }

func (*unsetValue) TypeName() string                { return "nothing" }
func (o *unsetValue) String() string                { return "$" + o.name }
func (o *unsetValue) Equals(v Value) bool           { return o == v }
func (o *unsetValue) IndexGet(Value) (Value, error) { return nil, o.failure() }

func (o *unsetValue) failure() error {
	return Failf(CodeScript, "$%s is read before anything was assigned to it", o.name).
		Hint("assign it on every path that leads here")
}

// CheckSet gives an error if v is what stands in a variable before its first assignment.
func CheckSet(v Value) error {
	if u, ok := v.(*unsetValue); ok {
		return u.failure()
	}
	return nil
}

// IsUnset says whether v is what stands in a variable before its first assignment.
func IsUnset(v Value) bool { return CheckSet(v) != nil }

// Distinct gives a value equal to v that is another object, so that an assignment can be told from none.
func Distinct(v Value) Value {
	switch v := v.(type) {
	case *intValue:
		c := *v
		return &c
	case *decimalValue:
		c := *v
		return &c
	case *textValue:
		c := *v
		return &c
	case *truthValue:
		c := *v
		return &c
	case *noneValue:
		return &noneValue{}
	case *listValue:
		c := *v
		return &c
	case *mapValue:
		c := *v
		return &c
	case *secretValue:
		c := *v
		return &c
	case *unknownValue:
		c := *v
		return &c
	case *unsetValue:
		c := *v
		return &c
	}
	return v
}

func mistake(format string, args ...any) *Failure {
	return Failf(CodeScript, format, args...)
}

// From turns Go's nil, bool, int, int64, float64, json.Number, string, []string, []any, map[string]any and Value into a value.
// It panics at any other type.
func From(v any) Value {
	switch v := v.(type) {
	case nil:
		return None
	case Value:
		return v
	case bool:
		return Truth(v)
	case int:
		return Int(int64(v))
	case int64:
		return Int(v)
	case float64:
		return Decimal(v)
	case string:
		return Text(v)
	case interface{ Float64() (float64, error) }: // json.Number
		n, ok := ParseNumber(fmt.Sprint(v))
		if !ok {
			f, _ := v.Float64()
			n = Decimal(f)
		}
		return n
	case []string:
		l := make([]Value, len(v))
		for i, x := range v {
			l[i] = Text(x)
		}
		return List(l...)
	case []any:
		l := make([]Value, len(v))
		for i, x := range v {
			l[i] = From(x)
		}
		return List(l...)
	case map[string]any:
		m := make(map[string]Value, len(v))
		for k, x := range v {
			m[k] = From(x)
		}
		return Map(m)
	}
	panic(fmt.Sprintf("value.From: %T", v))
}

// To is From's inverse, for JSON: numbers become int64 or float64, secrets "•••", unknowns "‹unknown: why›".
func To(v Value) any {
	switch v := v.(type) {
	case nil, *noneValue:
		return nil
	case *intValue:
		return v.v
	case *decimalValue:
		return v.v
	case *textValue:
		return v.v
	case *truthValue:
		return v.v
	case *listValue:
		l := make([]any, len(v.v))
		for i, x := range v.v {
			l[i] = To(x)
		}
		return l
	case *mapValue:
		m := make(map[string]any, len(v.v))
		for k, x := range v.v {
			m[k] = To(x)
		}
		return m
	}
	return Print(v)
}
