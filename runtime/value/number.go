package value

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/d5/tengo/v2/token"
)

// Numbers are whole (int64) or decimal (float64). A decimal that has a whole value is that whole number, as far as a
// float64 holds whole numbers exactly.
type (
	intValue struct {
		object
		v int64
	}
	decimalValue struct {
		object
		v float64
	}
)

const maxExact = 1 << 53 // whole numbers up to here are exact in a float64

// Loops and counters live among small numbers; these need no allocation.
const (
	smallFrom = -128
	smallTo   = 1024
)

var small = func() (s [smallTo - smallFrom]intValue) {
	for i := range s {
		s[i].v = int64(i) + smallFrom
	}
	return s
}()

// Int makes a whole number.
func Int(v int64) Value {
	if i := uint64(v - smallFrom); i < uint64(len(small)) {
		return &small[i]
	}
	return &intValue{v: v}
}

// Ints makes whole numbers one after another, as a counting loop needs them, and allocates them by the chunk. The zero
// value is ready.
type Ints struct{ chunk []intValue }

const intChunk = 32 // so few that a number which outlives its loop keeps little alive

// Int makes a whole number.
func (c *Ints) Int(v int64) Value {
	if i := uint64(v - smallFrom); i < uint64(len(small)) {
		return &small[i]
	}
	if len(c.chunk) == 0 {
		c.chunk = make([]intValue, intChunk)
	}
	n := &c.chunk[0]
	c.chunk = c.chunk[1:]
	n.v = v
	return n
}

// Decimal makes a number of a finite v.
func Decimal(v float64) Value {
	if v == math.Trunc(v) && math.Abs(v) <= maxExact {
		return Int(int64(v))
	}
	return &decimalValue{v: v}
}

// AsInt gives a whole number.
func AsInt(v Value) (int64, bool) {
	i, ok := v.(*intValue)
	if !ok {
		return 0, false
	}
	return i.v, true
}

// AsNumber gives a number, whole or decimal.
func AsNumber(v Value) (float64, bool) {
	switch v := v.(type) {
	case *intValue:
		return float64(v.v), true
	case *decimalValue:
		return v.v, true
	}
	return 0, false
}

// ParseNumber reads a number as the language spells it: digits, one point at most, a minus sign before them.
func ParseNumber(s string) (Value, bool) {
	digits, point := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '-' && i == 0:
		case c == '.' && !point && digits > 0 && i < len(s)-1:
			point = true
		default:
			return nil, false
		}
	}
	if digits == 0 {
		return nil, false
	}
	if !point {
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			return Int(v), true
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, false
	}
	return Decimal(f), true
}

func (*intValue) TypeName() string      { return "number" }
func (o *intValue) String() string      { return strconv.FormatInt(o.v, 10) }
func (o *intValue) IsFalsy() bool       { return o.v == 0 }
func (o *intValue) Equals(v Value) bool { return Equal(o, v) }

func (*decimalValue) TypeName() string      { return "number" }
func (o *decimalValue) String() string      { return strconv.FormatFloat(o.v, 'f', -1, 64) }
func (o *decimalValue) IsFalsy() bool       { return o.v == 0 }
func (o *decimalValue) Equals(v Value) bool { return Equal(o, v) }

// BinaryOp has the operators on two whole numbers in line; this is where loops spend their time.
func (o *intValue) BinaryOp(op token.Token, rhs Value) (Value, error) {
	r, ok := rhs.(*intValue)
	if !ok {
		return operate(op, o, rhs)
	}
	a, b := o.v, r.v
	switch op {
	case token.Add:
		if s := a + b; (s > a) == (b > 0) {
			return Int(s), nil
		}
	case token.Sub:
		if d := a - b; (d < a) == (b > 0) {
			return Int(d), nil
		}
	case token.Less:
		return Truth(a < b), nil
	case token.LessEq:
		return Truth(a <= b), nil
	case token.Greater:
		return Truth(a > b), nil
	case token.GreaterEq:
		return Truth(a >= b), nil
	case OpEqual:
		return Truth(a == b), nil
	case OpUnequal:
		return Truth(a != b), nil
	}
	return operate(op, o, rhs)
}

// BinaryOp carries the operators on a decimal.
func (o *decimalValue) BinaryOp(op token.Token, rhs Value) (Value, error) { return operate(op, o, rhs) }

// arithmetic is a op b on numbers.
func arithmetic(op token.Token, a, b Value) (Value, error) {
	x, xWhole := AsInt(a)
	y, yWhole := AsInt(b)
	if xWhole && yWhole {
		return wholeArithmetic(op, x, y)
	}
	f, _ := AsNumber(a)
	g, _ := AsNumber(b)
	var r float64
	switch op {
	case token.Add:
		r = f + g
	case token.Sub:
		r = f - g
	case token.Mul:
		r = f * g
	case token.Quo:
		if g == 0 {
			return nil, divisionByZero(a)
		}
		r = f / g
	case token.Rem:
		return nil, mistake("cannot take a remainder of %s and %s: %% is for whole numbers", Print(a), Print(b)).
			Hint("round them first")
	}
	if math.IsInf(r, 0) {
		return nil, overflow(op, a, b)
	}
	return Decimal(r), nil
}

func wholeArithmetic(op token.Token, x, y int64) (Value, error) {
	switch op {
	case token.Add:
		if s := x + y; (s > x) == (y > 0) {
			return Int(s), nil
		}
	case token.Sub:
		if d := x - y; (d < x) == (y > 0) {
			return Int(d), nil
		}
	case token.Mul:
		if p, ok := multiply(x, y); ok {
			return Int(p), nil
		}
	case token.Quo, token.Rem:
		return divide(op, x, y)
	}
	return nil, overflow(op, Int(x), Int(y))
}

func divide(op token.Token, x, y int64) (Value, error) {
	switch {
	case y == 0:
		return nil, divisionByZero(Int(x))
	case op == token.Rem && y == -1:
		return Int(0), nil
	case op == token.Rem:
		return Int(x % y), nil
	case x == math.MinInt64 && y == -1:
		return nil, overflow(op, Int(x), Int(y))
	case x%y == 0:
		return Int(x / y), nil
	}
	return Decimal(float64(x) / float64(y)), nil
}

func multiply(x, y int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	if hi != 0 {
		return 0, false
	}
	if (x < 0) != (y < 0) {
		return -int64(lo), lo <= 1<<63
	}
	return int64(lo), lo < 1<<63
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func divisionByZero(a Value) error {
	return mistake("cannot divide %s by zero", Print(a)).Hint("test the divisor before the division")
}

func overflow(op token.Token, a, b Value) error {
	return mistake("the result of %s %s %s is too large for a number", Print(a), op, Print(b))
}

// compareNumbers orders two numbers exactly: -1, 0 or 1.
func compareNumbers(a, b Value) int {
	x, xWhole := AsInt(a)
	y, yWhole := AsInt(b)
	f, _ := AsNumber(a)
	g, _ := AsNumber(b)
	switch {
	case xWhole && yWhole:
		return order(x, y)
	case xWhole && !yWhole:
		return compareWhole(x, g)
	case !xWhole && yWhole:
		return -compareWhole(y, f)
	}
	return order(f, g)
}

// compareWhole orders a whole number and a decimal without rounding the whole one.
func compareWhole(x int64, g float64) int {
	if g >= 1<<63 {
		return -1
	}
	if g < -1<<63 {
		return 1
	}
	floor := math.Floor(g)
	if c := order(x, int64(floor)); c != 0 || floor == g {
		return c
	}
	return -1
}

func order[T int64 | float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
