package value_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/d5/tengo/v2/token"

	"github.com/standin-project/standin/runtime/value"
)

// edges are the whole numbers where arithmetic goes wrong, if it does.
func edges(random *rand.Rand) int64 {
	switch random.IntN(5) {
	case 0:
		return []int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64, math.MaxInt64 - 1, -1, 0, 1, 2, -2}[random.IntN(9)]
	case 1:
		return random.Int64() - random.Int64()
	case 2:
		return int64(1)<<random.IntN(63) + int64(random.IntN(3)) - 1
	}
	return int64(random.IntN(2000) - 1000)
}

// Whole numbers are exact, or an error: never wrapped around, never rounded.
func TestWholeArithmeticAgainstBig(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 200_000 {
		a, b := edges(random), edges(random)
		x, y := big.NewInt(a), big.NewInt(b)
		for op, want := range map[token.Token]*big.Int{
			token.Add: new(big.Int).Add(x, y), token.Sub: new(big.Int).Sub(x, y), token.Mul: new(big.Int).Mul(x, y),
		} {
			exact(t, a, op, b, want)
		}
		if b == 0 {
			continue
		}
		exact(t, a, token.Rem, b, new(big.Int).Rem(x, y))
		if new(big.Int).Rem(x, y).Sign() == 0 {
			exact(t, a, token.Quo, b, new(big.Int).Quo(x, y))
		}
	}
}

func exact(t *testing.T, a int64, op token.Token, b int64, want *big.Int) {
	t.Helper()
	got, err := value.Int(a).BinaryOp(op, value.Int(b))
	switch {
	case !want.IsInt64() && err == nil:
		t.Fatalf("%d %s %d: got %s, want an error", a, op, b, value.Print(got))
	case want.IsInt64() && (err != nil || value.Print(got) != want.String()):
		t.Fatalf("%d %s %d: got %v, %v, want %s", a, op, b, got, err, want)
	}
}

// Numbers of both kinds are ordered exactly, also where a float64 would round.
func TestOrderAgainstBig(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 200_000 {
		a, f := edges(random), float64(edges(random))
		if random.IntN(2) == 0 {
			f = float64(a) + []float64{-0.5, 0, 0.5, 1024, -1024}[random.IntN(5)]
		}
		want := new(big.Float).SetInt64(a).Cmp(big.NewFloat(f))
		got, err := value.Compare(value.Int(a), value.Decimal(f))
		back, _ := value.Compare(value.Decimal(f), value.Int(a))
		if err != nil || got != want || back != -want {
			t.Fatalf("%d and %v: got %d and %d, want %d", a, f, got, back, want)
		}
	}
}

// samples has a value of every kind.
func samples() []value.Value {
	return []value.Value{
		value.None, value.Truth(true), value.Truth(false), value.Int(0), value.Int(5), value.Int(-7), value.Int(1 << 60),
		value.Decimal(0.5), value.Decimal(1e300), value.Text(""), value.Text("5"), value.Text("5.0"), value.Text("abc"),
		value.Secret("abc"), value.Secret("5"), value.List(), value.List(value.Int(5), value.Text("x")),
		value.Map(nil), value.Map(map[string]value.Value{"a": value.Int(1)}), value.Unknown("not yet"), value.Unset("v"),
	}
}

// = is symmetric, <> is its opposite, and where there is an order it agrees with =.
func TestComparisonsAgree(t *testing.T) {
	for _, a := range samples() {
		for _, b := range samples() {
			if value.Equal(a, b) != value.Equal(b, a) {
				t.Errorf("%v = %v is not symmetric", a, b)
			}
			c, err := value.Compare(a, b)
			d, back := value.Compare(b, a)
			if (err == nil) != (back == nil) || err == nil && (c != -d || (c == 0) != value.Equal(a, b)) {
				t.Errorf("%v and %v: got %d, %v and %d, %v", a, b, c, err, d, back)
			}
		}
	}
}

// Every operator on every pair of kinds gives a value or a failure, never a Go panic; unknown and secret spread.
func TestEveryOperatorOnEveryKind(t *testing.T) {
	operators := []token.Token{
		token.Add, token.Sub, token.Mul, token.Quo, token.Rem, token.Less, token.LessEq, token.Greater, token.GreaterEq,
		value.OpEqual, value.OpUnequal, value.OpNot, value.OpNegate, value.OpTruth, value.OpRead,
	}
	for _, a := range samples() {
		for _, b := range samples() {
			for _, op := range operators {
				v, err := a.BinaryOp(op, b)
				var failure *value.Failure
				if f, ok := err.(*value.Failure); ok {
					failure = f
				}
				if (v == nil) == (failure == nil) {
					t.Fatalf("%v %s %v: got %v and %v", a, op, b, v, err)
				}
				if failure != nil && failure.Code != value.CodeScript {
					t.Errorf("%v %s %v: got the code %d", a, op, b, failure.Code)
				}
				if op == token.Add && v != nil && (value.IsSecret(a) || value.IsSecret(b)) && !value.IsSecret(v) {
					if _, unknown := value.IsUnknown(v); !unknown {
						t.Errorf("%v + %v: got %v, want a secret", a, b, v)
					}
				}
			}
			if v, err := a.IndexGet(b); (v == nil) == (err == nil) {
				t.Errorf("%v[%v]: got %v and %v", a, b, v, err)
			}
		}
	}
}

func TestOperators(t *testing.T) {
	for _, c := range []struct {
		a    any
		op   token.Token
		b    any
		want string
	}{
		{7, token.Quo, 2, "3.5"}, {-6, token.Quo, 3, "-2"}, {1, token.Quo, 3, "0.3333333333333333"},
		{0.5, token.Add, 0.5, "1"}, {2.5, token.Mul, 2, "5"}, {1.5, token.Sub, 0.5, "1"},
		{1e308, token.Mul, 10, "error: the result of"}, {1e308, token.Add, 1e308, "error: the result of"},
		{math.MinInt64, token.Quo, -1, "error: the result of"}, {math.MinInt64, token.Rem, -1, "0"},
		{1.5, token.Quo, 0, "error: cannot divide 1.5 by zero"}, {0, token.Rem, 0, "error: cannot divide 0 by zero"},
		{4.0, token.Rem, 3, "1"}, {4.5, token.Rem, 3, "error: cannot take a remainder"},
		{"a", token.Add, 1, "a1"}, {nil, token.Add, "a", "NONEa"}, {true, token.Add, "", "true"},
		{1, token.Add, true, "error: cannot compute 1 + true"}, {1, token.Add, nil, "error: cannot compute 1 + NONE"},
		{[]any{1}, token.Add, []any{"b"}, `[1, "b"]`}, {[]any{1}, token.Add, 2, "error: cannot compute a list + 2"},
		{"x", token.Mul, 2, `error: cannot compute "x" * 2`}, {strings.Repeat("x", 100), token.Mul, 2, `error: cannot compute a long text`},
		{"10", value.OpEqual, 10, "true"}, {"1e1", value.OpEqual, 10, "false"}, {"+10", value.OpEqual, 10, "false"},
		{"-1", value.OpEqual, -1, "true"}, {"1.", value.OpEqual, 1, "false"}, {".5", value.OpEqual, 0.5, "false"},
		{" 1", value.OpEqual, 1, "false"}, {"007", value.OpEqual, 7, "true"}, {"", value.OpEqual, 0, "false"},
		{"NaN", value.OpEqual, 0, "false"}, {"9223372036854775808", value.OpEqual, 9223372036854775807, "false"},
		{"abc", token.Less, 5, "error: cannot order"}, {"B", token.Less, "a", "true"}, {true, token.Less, true, "error: cannot order"},
		{nil, token.Less, 1, "error: cannot order"}, {[]any{}, token.LessEq, []any{}, "error: cannot order"},
		{"x", value.OpNot, nil, "false"}, {[]any{}, value.OpNot, nil, "true"}, {"5", value.OpNegate, nil, `error: cannot negate "5"`},
		{0, value.OpTruth, nil, "false"}, {"0", value.OpTruth, nil, "true"}, {2, value.OpRead, nil, "2"},
	} {
		v, err := value.From(c.a).BinaryOp(c.op, value.From(c.b))
		got := value.Print(v)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want && (err == nil || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%v %s %v: got %s, want %s", c.a, c.op, c.b, got, c.want)
		}
	}
}

func TestFalse(t *testing.T) {
	for _, v := range []any{nil, false, 0, 0.0, "", []any{}, map[string]any{}, value.Secret("")} {
		if !value.From(v).IsFalsy() {
			t.Errorf("%v is not false", v)
		}
	}
	for _, v := range []any{true, 1, -1, 0.5, "0", " ", []any{nil}, map[string]any{"": nil}, value.Secret("x"), value.Unknown("")} {
		if value.From(v).IsFalsy() {
			t.Errorf("%v is false", v)
		}
	}
}

// A list or map prints as a script would write it.
func TestPrint(t *testing.T) {
	v := value.From(map[string]any{
		"name": `say "hi" for ${x}`, "a b": []any{1, 0.5, true, nil, map[string]any{}}, "": []any{}, "1st": value.Secret("s"),
		"u": value.Unknown("why"),
	})
	want := `{"": [], "1st": •••, "a b": [1, 0.5, true, NONE, {}], name: "say ""hi"" for $${x}", u: ‹unknown: why›}`
	if got := value.Print(v); got != want || v.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for v, want := range map[value.Value]string{
		value.None: "NONE", nil: "NONE", value.Decimal(1e21): "1000000000000000000000", value.Decimal(-0.25): "-0.25", value.Int(-5): "-5",
		value.Decimal(math.Copysign(0, -1)): "0", value.Unset("x"): "$x",
	} {
		if got := value.Print(v); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A value survives JSON, secrets and unknowns apart.
func TestJSON(t *testing.T) {
	v := value.From(map[string]any{"n": 9007199254740993, "d": 0.5, "t": "x", "b": true, "z": nil, "l": []any{"a", 1}})
	text, err := json.Marshal(value.To(v))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var back any
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	if got := value.From(back); !value.Equal(got, v) || value.Print(got) != value.Print(v) {
		t.Errorf("got %v, want %v", got, v)
	}
	if got := value.From(json.Number("1e2")); value.Print(got) != "100" {
		t.Errorf("got %v, want 100", got)
	}
	hidden := value.To(value.List(value.Secret("p"), value.Unknown("u")))
	if !reflect.DeepEqual(hidden, []any{"•••", "‹unknown: u›"}) {
		t.Errorf("got %v", hidden)
	}
	if got := value.To(value.From([]string{"a"})); !reflect.DeepEqual(got, []any{"a"}) {
		t.Errorf("got %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a Go struct became a value")
		}
	}()
	value.From(struct{}{})
}

// With changes a copy.
func TestWith(t *testing.T) {
	m := value.From(map[string]any{"l": []any{1, 2}, "n": 5})
	for _, c := range []struct {
		path []any
		want string
	}{
		{[]any{}, "9"}, {[]any{"n"}, "{l: [1, 2], n: 9}"}, {[]any{"l", 0}, "{l: [9, 2], n: 5}"}, {[]any{"l", "1"}, "{l: [1, 9], n: 5}"},
		{[]any{"l", 2}, "{l: [1, 2, 9], n: 5}"}, {[]any{"l", 3}, "there is no item 3: the list has items 0 to 1"},
		{[]any{"l", -1}, "there is no item -1"}, {[]any{"l", "x"}, `cannot assign to item "x" of a list`},
		{[]any{"x"}, "{l: [1, 2], n: 5, x: 9}"}, {[]any{"x", "y"}, `there is no "x" in the map`}, {[]any{"n", "y"}, `cannot assign to "y" of 5`},
		{[]any{nil}, "cannot use NONE as a key"}, {[]any{value.Unknown("u")}, "‹unknown: u›"}, {[]any{value.Unset("k")}, "$k is read before"},
	} {
		path := make([]value.Value, len(c.path))
		for i, p := range c.path {
			path[i] = value.From(p)
		}
		v, err := value.With(m, value.Int(9), path...)
		got := value.Print(v)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: got %s, want %s", c.path, got, c.want)
		}
	}
	if value.Print(m) != "{l: [1, 2], n: 5}" {
		t.Errorf("the old value changed to %v", m)
	}
	if v, err := value.With(value.Unknown("u"), value.Int(1), value.Text("x")); err != nil || value.Kind(v) != "unknown" {
		t.Errorf("got %v, %v", v, err)
	}
	if v, err := value.With(value.Map(nil), value.Int(1), value.Text("x")); err != nil || value.Print(v) != "{x: 1}" {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestAccessors(t *testing.T) {
	for _, v := range samples() {
		_, isInt := value.AsInt(v)
		_, isTruth := value.AsTruth(v)
		_, isList := value.AsList(v)
		_, isMap := value.AsMap(v)
		_, isNumber := value.AsNumber(v)
		_, unknown := value.IsUnknown(v)
		kinds := map[string]bool{
			"truth": isTruth, "list": isList, "map": isMap, "number": isNumber, "unknown": unknown, "text": value.IsText(v),
			"secret": value.IsSecret(v), "NONE": value.IsNone(v), "nothing": value.IsUnset(v),
		}
		for kind, is := range kinds {
			if is != (value.Kind(v) == kind) {
				t.Errorf("%v is a %s: got %v for %s", v, value.Kind(v), is, kind)
			}
		}
		if isInt && !isNumber {
			t.Errorf("%v is whole but no number", v)
		}
		other := value.Distinct(v)
		if other == v || value.Print(other) != value.Print(v) {
			t.Errorf("%v: got %v as another object of the same value", v, other)
		}
	}
	if value.Kind(nil) != "NONE" || value.Distinct(nil) != nil {
		t.Error("no value is not NONE")
	}
	if s, ok := value.Reveal(value.Secret("x")); s != "x" || !ok {
		t.Error("a secret cannot be revealed")
	}
	if _, ok := value.AsText(value.Secret("x")); ok {
		t.Error("a secret is read as a text")
	}
}

func TestIndex(t *testing.T) {
	for _, c := range []struct {
		v, index any
		want     string
	}{
		{[]any{"a", "b"}, 1, "b"}, {[]any{"a"}, "0", "a"}, {[]any{"a"}, -1, "there is no item -1: the list has items 0 to 0"},
		{[]any{}, 0, "the list is empty"}, {[]any{"a"}, 0.5, "cannot take item 0.5 of a list"},
		{map[string]any{"5": "x"}, 5, "x"}, {map[string]any{}, "k", `there is no "k" in the map`}, {map[string]any{}, []any{}, "cannot look up a list"},
		{"äö", 1, "ö"}, {"äö", 2, "there is no character 2: the text has 2"}, {"x", -1, "there is no character -1"}, {"x", "y", `cannot take "y" of "x"`},
		{5, "x", `cannot take "x" of 5`}, {nil, "x", `cannot take "x" of NONE`}, {true, 0, "cannot take 0 of true"}, {0.5, 0, "cannot take 0 of 0.5"},
		{value.Secret("s"), 0, "cannot take 0 of •••"}, {value.Unknown("u"), "x", "‹unknown: u›"}, {"x", value.Unknown("u"), "‹unknown: u›"},
		{[]any{}, value.Unknown("u"), "‹unknown: u›"}, {map[string]any{}, value.Unknown("u"), "‹unknown: u›"},
		{[]any{}, value.Unset("i"), "$i is read"}, {map[string]any{}, value.Unset("i"), "$i is read"}, {value.Unset("l"), 0, "$l is read"},
	} {
		v, err := value.From(c.v).IndexGet(value.From(c.index))
		got := value.Print(v)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%v[%v]: got %s, want %s", c.v, c.index, got, c.want)
		}
	}
}

func TestFailure(t *testing.T) {
	cause := fmt.Errorf("refused")
	f := value.Failf(value.CodeRefused, "server %q: %w", "dns1", cause).Hint("ask %s", "it")
	if f.Error() != `server "dns1": refused` || f.Unwrap() == nil || len(f.Hints) != 1 {
		t.Errorf("got %v", f)
	}
}

// A path between quotes reads in a message as it is written in a script.
func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		`E:\Exchsrvr`: `"E:\Exchsrvr"`, "": `""`, "ünï": `"ünï"`, `say "yes"`: `"say ""yes"""`,
		"new\nline": `"new\nline"`, "\xff": `"\xff"`, "\u200b": `"\u200b"`,
	} {
		if got := value.Quote(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
