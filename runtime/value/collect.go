package value

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// Lists and maps know their size and depth, so that a limit can refuse them before they are walked.
type (
	listValue struct {
		object
		v []Value
		extent
		used *atomic.Int64 // how much of v's array is taken, by this list or one that grew out of it; nil: v alone is known
	}
	mapValue struct {
		object
		v map[string]Value
		extent
	}
	extent struct {
		bytes   int // of all that it holds, shared parts counted each time; stays at MaxBytes+1 beyond the limit
		depth   int
		unknown Value // the first unknown value inside, nil without one
	}
)

const slotBytes = 16 // what an item costs besides its own bytes

// List makes a list. It keeps v, which must not change any more.
func List(v ...Value) Value {
	l := &listValue{v: v}
	for _, x := range v {
		l.add(x)
	}
	return l
}

// Map makes a map. It keeps v, which must not change any more.
func Map(v map[string]Value) Value {
	m := &mapValue{v: v}
	for k, x := range v {
		m.bytes += len(k)
		m.add(x)
	}
	return m
}

func (e *extent) add(x Value) {
	inner := extentOf(x)
	e.bytes = min(e.bytes+slotBytes+inner.bytes, MaxBytes+1)
	e.depth = max(e.depth, inner.depth+1)
	if e.unknown == nil {
		e.unknown = inner.unknown
	}
}

func extentOf(x Value) extent {
	switch x := x.(type) {
	case *listValue:
		return x.extent
	case *mapValue:
		return x.extent
	case *textValue:
		return extent{bytes: len(x.v)}
	case *secretValue:
		return extent{bytes: len(x.v)}
	case *unknownValue:
		return extent{unknown: x}
	}
	return extent{}
}

// UnknownIn gives the first unknown value that v is or holds, nil if all of v is known.
func UnknownIn(v Value) Value { return extentOf(v).unknown }

// Bounded gives v, or an error if v is beyond the limits of a single value. Every collection that a script makes passes it.
func Bounded(v Value) (Value, error) {
	items := 0
	switch v := v.(type) {
	case *listValue:
		items = len(v.v)
	case *mapValue:
		items = len(v.v)
	}
	e := extentOf(v)
	switch {
	case items > MaxItems:
		return nil, mistake("the %s would have more than %d items", Kind(v), MaxItems)
	case e.depth > MaxDepth:
		return nil, mistake("the %s would be nested deeper than %d", Kind(v), MaxDepth)
	case e.bytes > MaxBytes:
		return nil, mistake("the %s would be larger than %d MiB", Kind(v), MaxBytes>>20)
	}
	return v, nil
}

// append gives the list with more items behind it. Lists that grow out of each other share an array, so that a list
// built item by item costs no copy for each; of two that grow out of the same list the second gets an array of its own.
func (o *listValue) append(more ...Value) (Value, error) {
	n, total := len(o.v), len(o.v)+len(more)
	if total > MaxItems {
		return nil, mistake("the list would have more than %d items", MaxItems)
	}
	l := &listValue{extent: o.extent, used: o.used}
	room := o.v
	if o.used == nil || total > cap(o.v) || !o.used.CompareAndSwap(int64(n), int64(total)) {
		room = append(make([]Value, 0, 2*total), o.v...)
		l.used = new(atomic.Int64)
		l.used.Store(int64(total))
	}
	l.v = append(room, more...)
	for _, x := range more {
		l.add(x)
	}
	return Bounded(l)
}

// AsList gives a list's items; they must not be changed.
func AsList(v Value) ([]Value, bool) {
	if l, ok := v.(*listValue); ok {
		return slices.Clip(l.v), true
	}
	return nil, false
}

// AsMap gives a map's members; they must not be changed.
func AsMap(v Value) (map[string]Value, bool) {
	if m, ok := v.(*mapValue); ok {
		return m.v, true
	}
	return nil, false
}

// Keys gives the map's keys in order.
func (o *mapValue) Keys() []string { return slices.Sorted(maps.Keys(o.v)) }

func (*listValue) TypeName() string      { return "list" }
func (o *listValue) String() string      { return Print(o) }
func (o *listValue) IsFalsy() bool       { return len(o.v) == 0 }
func (o *listValue) Equals(v Value) bool { return Equal(o, v) }

func (*mapValue) TypeName() string      { return "map" }
func (o *mapValue) String() string      { return Print(o) }
func (o *mapValue) IsFalsy() bool       { return len(o.v) == 0 }
func (o *mapValue) Equals(v Value) bool { return Equal(o, v) }

// IndexGet gives the item at a whole number from 0.
func (o *listValue) IndexGet(index Value) (Value, error) {
	if err := CheckSet(index); err != nil {
		return nil, err
	}
	if _, ok := IsUnknown(index); ok {
		return index, nil
	}
	i, ok := position(index)
	if !ok {
		return nil, mistake("cannot take item %s of a list: got a %s, want a whole number from 0", describe(index), Kind(index))
	}
	if i < 0 || i >= int64(len(o.v)) {
		return nil, outOfRange(i, len(o.v))
	}
	return o.v[i], nil
}

func position(index Value) (int64, bool) {
	if n, ok := asNumber(index); ok {
		return AsInt(n)
	}
	return 0, false
}

func outOfRange(i int64, n int) error {
	if n == 0 {
		return mistake("there is no item %d: the list is empty", i)
	}
	return mistake("there is no item %d: the list has items 0 to %d", i, n-1)
}

// IndexGet gives the member of that key.
func (o *mapValue) IndexGet(index Value) (Value, error) {
	if err := CheckSet(index); err != nil {
		return nil, err
	}
	if _, ok := IsUnknown(index); ok {
		return index, nil
	}
	key, ok := AsText(index)
	if !ok {
		return nil, mistake("cannot look up %s in a map: got a %s, want a text", describe(index), Kind(index))
	}
	if v, ok := o.v[key]; ok {
		return v, nil
	}
	f := mistake("there is no %s in the map", quote(key))
	if keys := strings.Join(o.Keys(), ", "); keys == "" {
		f.Hint("the map is empty")
	} else if len(keys) < 200 {
		f.Hint("it has %s", keys)
	}
	return nil, f
}

// IndexGet of the values that hold nothing.
func (o *noneValue) IndexGet(i Value) (Value, error)    { return notIndexable(o, i) }
func (o *truthValue) IndexGet(i Value) (Value, error)   { return notIndexable(o, i) }
func (o *intValue) IndexGet(i Value) (Value, error)     { return notIndexable(o, i) }
func (o *decimalValue) IndexGet(i Value) (Value, error) { return notIndexable(o, i) }
func (o *secretValue) IndexGet(i Value) (Value, error)  { return notIndexable(o, i) }

func notIndexable(o, index Value) (Value, error) {
	if err := CheckSet(index); err != nil {
		return nil, err
	}
	f := mistake("cannot take %s of %s: got a %s, want a map or a list", describe(index), describe(o), Kind(o))
	if n, ok := AsInt(o); ok && n < 0 {
		f.Hint("a number below 0 is a command's failure; test it with failed(…) first, $error says why")
	}
	return nil, f
}

// IndexGet gives the character at a whole number from 0.
func (o *textValue) IndexGet(index Value) (Value, error) {
	if i, ok := AsInt(index); ok {
		rest := o.v
		for n := i; rest != "" && n >= 0; n-- {
			r, size := utf8.DecodeRuneInString(rest)
			if n == 0 {
				return Text(string(r)), nil
			}
			rest = rest[size:]
		}
		return nil, mistake("there is no character %d: the text has %d", i, utf8.RuneCountInString(o.v))
	}
	if _, ok := IsUnknown(index); ok {
		return index, nil
	}
	return notIndexable(o, index)
}

// With gives a copy of v in which the place at path holds x. A map's last key may be new, a list's last index may be
// the one after its end.
func With(v, x Value, path ...Value) (Value, error) {
	for _, u := range append([]Value{v, x}, path...) {
		if err := CheckSet(u); err != nil {
			return nil, err
		}
	}
	return with(v, x, path)
}

func with(v, x Value, path []Value) (Value, error) {
	if len(path) == 0 {
		return x, nil
	}
	if _, ok := IsUnknown(v); ok {
		return v, nil
	}
	if _, ok := IsUnknown(path[0]); ok {
		return path[0], nil
	}
	inner, err := x, error(nil)
	if len(path) > 1 {
		if inner, err = v.IndexGet(path[0]); err != nil {
			return nil, err
		}
		if inner, err = with(inner, x, path[1:]); err != nil {
			return nil, err
		}
	}
	switch v := v.(type) {
	case *mapValue:
		key, ok := AsText(path[0])
		if !ok {
			return nil, mistake("cannot use %s as a key: got a %s, want a text", describe(path[0]), Kind(path[0]))
		}
		m := maps.Clone(v.v)
		if m == nil {
			m = map[string]Value{}
		}
		m[key] = inner
		return Bounded(Map(m))
	case *listValue:
		return v.with(path[0], inner)
	}
	return nil, mistake("cannot assign to %s of %s: got a %s, want a map or a list", describe(path[0]), describe(v), Kind(v))
}

func (o *listValue) with(index, x Value) (Value, error) {
	i, ok := position(index)
	if !ok || i < 0 || i > int64(len(o.v)) {
		if !ok {
			return nil, mistake("cannot assign to item %s of a list: got a %s, want a whole number from 0", describe(index), Kind(index))
		}
		return nil, outOfRange(i, len(o.v))
	}
	if int(i) == len(o.v) {
		return o.append(x)
	}
	l := slices.Clone(o.v)
	l[i] = x
	return Bounded(List(l...))
}
