package value

import (
	"fmt"
	"sort"
	"strconv"

	"github.com/d5/tengo/v2"
)

type (
	intValue struct {
		tengo.ObjectImpl
		v int64
	}
	decimalValue struct {
		tengo.ObjectImpl
		v float64
	}
	textValue struct {
		tengo.ObjectImpl
		v string
	}
	truthValue struct {
		tengo.ObjectImpl
		v bool
	}
	noneValue struct{ tengo.ObjectImpl }
	listValue struct {
		tengo.ObjectImpl
		v []Value
	}
	mapValue struct {
		tengo.ObjectImpl
		v map[string]Value
	}
	secretValue struct {
		tengo.ObjectImpl
		v string
	}
	unknownValue struct {
		tengo.ObjectImpl
		why string
	}
)

// None is NONE.
var None Value = &noneValue{}

// Int, Decimal, Text, Truth, List and Map make values of those kinds.
func Int(v int64) Value            { return &intValue{v: v} }
func Decimal(v float64) Value      { return &decimalValue{v: v} }
func Text(v string) Value          { return &textValue{v: v} }
func Truth(v bool) Value           { return &truthValue{v: v} }
func List(v ...Value) Value        { return &listValue{v: v} }
func Map(v map[string]Value) Value { return &mapValue{v: v} }

// Secret makes a text that prints as •••.
func Secret(v string) Value { return &secretValue{v: v} }

// Unknown is what a plan cannot know, and why.
func Unknown(why string) Value { return &unknownValue{why: why} }

// From turns Go's nil, bool, int, int64, float64, string, []any, []string, map[string]any and Value into a value.
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

// To is From's inverse, for JSON: secrets become "•••", unknowns "‹unknown: why›".
func To(v Value) any {
	switch v := v.(type) {
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
	case *noneValue:
		return nil
	}
	return Print(v)
}

// Print gives the text that WRITE prints.
func Print(v Value) string {
	switch v := v.(type) {
	case nil, *noneValue:
		return "NONE"
	case *intValue:
		return strconv.FormatInt(v.v, 10)
	case *decimalValue:
		return strconv.FormatFloat(v.v, 'f', -1, 64)
	case *textValue:
		return v.v
	case *truthValue:
		return strconv.FormatBool(v.v)
	case *secretValue:
		return "•••"
	case *unknownValue:
		return "‹unknown: " + v.why + "›"
	case *mapValue:
		keys := make([]string, 0, len(v.v))
		for k := range v.v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		return fmt.Sprint(keys)
	}
	return fmt.Sprint(v)
}

// IsUnknown says whether v is unknown, and why.
func IsUnknown(v Value) (why string, ok bool) {
	u, ok := v.(*unknownValue)
	if ok {
		why = u.why
	}
	return why, ok
}

// AsText gives a text's (or number's or truth's) spelling.
func AsText(v Value) (string, bool) {
	switch v.(type) {
	case *textValue, *intValue, *decimalValue, *truthValue:
		return Print(v), true
	}
	return "", false
}

// AsInt gives a whole number.
func AsInt(v Value) (int64, bool) {
	i, ok := v.(*intValue)
	if ok {
		return i.v, true
	}
	return 0, false
}

// AsTruth gives a truth.
func AsTruth(v Value) (bool, bool) {
	t, ok := v.(*truthValue)
	if ok {
		return t.v, true
	}
	return false, false
}

// AsList gives a list's items; they must not be changed.
func AsList(v Value) ([]Value, bool) {
	l, ok := v.(*listValue)
	if ok {
		return l.v, true
	}
	return nil, false
}

// AsMap gives a map's members; they must not be changed.
func AsMap(v Value) (map[string]Value, bool) {
	m, ok := v.(*mapValue)
	if ok {
		return m.v, true
	}
	return nil, false
}

// Reveal gives the text of a secret (or of a text), for the one place that sends it.
func Reveal(v Value) (string, bool) {
	if s, ok := v.(*secretValue); ok {
		return s.v, true
	}
	return AsText(v)
}
