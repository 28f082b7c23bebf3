package value

import (
	"strings"

	"github.com/d5/tengo/v2/token"
)

// Operators that the language has and Tengo's bytecode has not (or not for our values) travel under the tokens of
// operators that the language lacks. The last four look at their left side only.
const (
	OpEqual   = token.Shl
	OpUnequal = token.Shr
	OpNot     = token.AndNot
	OpNegate  = token.Xor
	OpTruth   = token.Or  // TRUE or FALSE, as a test would take it
	OpRead    = token.And // the value itself; an error for a variable that nothing was assigned to
)

// operate is a op b, by the language's rules.
func operate(op token.Token, a, b Value) (Value, error) {
	if err := CheckSet(a); err != nil {
		return nil, err
	}
	switch op {
	case OpNot, OpNegate, OpTruth, OpRead:
		return operateOne(op, a)
	}
	if err := CheckSet(b); err != nil {
		return nil, err
	}
	if _, ok := IsUnknown(a); ok {
		return a, nil
	}
	if _, ok := IsUnknown(b); ok {
		return b, nil
	}
	switch op {
	case OpEqual, OpUnequal:
		return equality(op, a, b)
	case token.Less, token.LessEq, token.Greater, token.GreaterEq:
		return compare(op, a, b)
	case token.Add:
		if textual(a) || textual(b) {
			return Join(a, b)
		}
		if x, ok := a.(*listValue); ok {
			if y, ok := b.(*listValue); ok {
				return x.append(y.v...)
			}
		}
	}
	if numeric(a) && numeric(b) {
		return arithmetic(op, a, b)
	}
	return nil, cannotOperate(op, a, b)
}

func equality(op token.Token, a, b Value) (Value, error) {
	for _, v := range []Value{a, b} {
		if u := UnknownIn(v); u != nil {
			return u, nil
		}
	}
	return Truth(Equal(a, b) == (op == OpEqual)), nil
}

func operateOne(op token.Token, a Value) (Value, error) {
	_, unknown := IsUnknown(a)
	switch {
	case unknown || op == OpRead:
		return a, nil
	case op == OpNot:
		return Truth(a.IsFalsy()), nil
	case op == OpTruth:
		return Truth(!a.IsFalsy()), nil
	case numeric(a):
		return arithmetic(token.Sub, Int(0), a)
	}
	return nil, mistake("cannot negate %s: it is a %s, not a number", describe(a), Kind(a)).
		Hint("number(…) reads a text as a number")
}

func cannotOperate(op token.Token, a, b Value) error {
	f := mistake("cannot compute %s %s %s: %s needs numbers", describe(a), op, describe(b), op)
	if textual(a) || textual(b) {
		f.Hint("number(…) reads a text as a number")
	}
	return f
}

// describe names a value in a message: short ones by what they print, others by their kind.
func describe(v Value) string {
	switch v.(type) {
	case *listValue, *mapValue:
		return "a " + Kind(v)
	case *textValue:
		if s := Print(v); len(s) < 60 {
			return quote(s)
		}
		return "a long text"
	}
	return Print(v)
}

func numeric(v Value) bool {
	switch v.(type) {
	case *intValue, *decimalValue:
		return true
	}
	return false
}

func textual(v Value) bool {
	switch v.(type) {
	case *textValue, *secretValue:
		return true
	}
	return false
}

// Equal says whether two values are equal: numbers by value, a number and a text that reads as a number by value,
// lists and maps by their items, everything else by kind and spelling. NONE equals only NONE.
func Equal(a, b Value) bool {
	if IsNone(a) || IsNone(b) {
		return IsNone(a) && IsNone(b)
	}
	if x, y, ok := numbers(a, b); ok {
		return compareNumbers(x, y) == 0
	}
	if textual(a) && textual(b) {
		s, _ := Reveal(a)
		t, _ := Reveal(b)
		return s == t
	}
	if a == b {
		return true
	}
	switch x := a.(type) {
	case *truthValue:
		y, ok := b.(*truthValue)
		return ok && x.v == y.v
	case *listValue:
		y, ok := b.(*listValue)
		return ok && equalLists(x.v, y.v)
	case *mapValue:
		y, ok := b.(*mapValue)
		return ok && equalMaps(x.v, y.v)
	}
	return false
}

func equalLists(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalMaps(a, b map[string]Value) bool {
	if len(a) != len(b) {
		return false
	}
	for k, x := range a {
		if y, ok := b[k]; !ok || !Equal(x, y) {
			return false
		}
	}
	return true
}

// numbers gives a and b as numbers if both are, or if one is and the other is a text that reads as one.
func numbers(a, b Value) (x, y Value, ok bool) {
	if !numeric(a) && !numeric(b) {
		return nil, nil, false
	}
	x, ok = asNumber(a)
	if !ok {
		return nil, nil, false
	}
	y, ok = asNumber(b)
	return x, y, ok
}

func asNumber(v Value) (Value, bool) {
	if numeric(v) {
		return v, true
	}
	if textual(v) {
		s, _ := Reveal(v)
		return ParseNumber(s)
	}
	return nil, false
}

// Compare orders two values: -1, 0 or 1. Only two numbers, two texts, or a number and a text that reads as one have an order.
func Compare(a, b Value) (int, error) {
	if x, y, ok := numbers(a, b); ok {
		return compareNumbers(x, y), nil
	}
	if textual(a) && textual(b) {
		s, _ := Reveal(a)
		t, _ := Reveal(b)
		return strings.Compare(s, t), nil
	}
	return 0, mistake("cannot order %s and %s: got a %s and a %s, want two numbers or two texts",
		describe(a), describe(b), Kind(a), Kind(b))
}

func compare(op token.Token, a, b Value) (Value, error) {
	c, err := Compare(a, b)
	if err != nil {
		return nil, err
	}
	switch op {
	case token.Less:
		return Truth(c < 0), nil
	case token.LessEq:
		return Truth(c <= 0), nil
	case token.Greater:
		return Truth(c > 0), nil
	}
	return Truth(c >= 0), nil
}

// BinaryOp of the values that are not numbers.
func (o *noneValue) BinaryOp(op token.Token, v Value) (Value, error)    { return operate(op, o, v) }
func (o *truthValue) BinaryOp(op token.Token, v Value) (Value, error)   { return operate(op, o, v) }
func (o *textValue) BinaryOp(op token.Token, v Value) (Value, error)    { return operate(op, o, v) }
func (o *secretValue) BinaryOp(op token.Token, v Value) (Value, error)  { return operate(op, o, v) }
func (o *listValue) BinaryOp(op token.Token, v Value) (Value, error)    { return operate(op, o, v) }
func (o *mapValue) BinaryOp(op token.Token, v Value) (Value, error)     { return operate(op, o, v) }
func (o *unknownValue) BinaryOp(op token.Token, v Value) (Value, error) { return operate(op, o, v) }
func (o *unsetValue) BinaryOp(op token.Token, v Value) (Value, error)   { return operate(op, o, v) }
