package vm

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/d5/tengo/v2/token"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// builtin gives the implementation of a built-in function. An unknown argument makes the result unknown.
func builtin(name string) goFunction {
	call := builtins()[name]
	f, known := sig.FunctionOf(name)
	return func(args []value.Value) (value.Value, error) {
		if call == nil || !known {
			return nil, mistake("there is no function %s", name)
		}
		if len(args) < f.Min || f.Max >= 0 && len(args) > f.Max {
			return nil, mistake("%s got %d arguments", name, len(args)).Hint("usage: %s", f.Usage)
		}
		for _, a := range args {
			if _, unknown := value.IsUnknown(a); unknown {
				return a, nil
			}
		}
		v, err := call(args)
		if wrong, ok := err.(*value.Failure); ok && wrong.Hints == nil {
			return nil, wrong.Hint("usage: %s", f.Usage)
		}
		return v, err
	}
}

// builtins is the table of the functions that need nothing from outside, by the names of sig.Functions.
func builtins() map[string]goFunction {
	return map[string]goFunction{
		"abs": abs, "char": char, "contains": contains, "ends": ends, "failed": failed, "format": format, "join": join,
		"keys": keys, "len": length, "lower": lowerCase, "match": match, "max": largest, "min": smallest, "number": number,
		"replace": replace, "round": round, "sort": sorted, "split": split, "starts": starts, "text": text, "trim": trim,
		"unique": unique, "upper": upperCase,
	}
}

// want makes the error of an argument of a wrong kind.
func want(function string, got value.Value, wanted string) error {
	return mistake("%s got %s, want %s", function, show(got), wanted)
}

// textArg reads a text; a number or truth stands for its spelling, and a secret for what it hides.
func textArg(function string, v value.Value) (string, error) {
	s, ok := value.Reveal(v)
	if !ok {
		return "", want(function, v, "a text")
	}
	return s, nil
}

// textArgs reads texts only.
func textArgs(function string, args []value.Value) ([]string, error) {
	texts := make([]string, len(args))
	for i, a := range args {
		var err error
		if texts[i], err = textArg(function, a); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func abs(args []value.Value) (value.Value, error) {
	if n, ok := value.AsNumber(args[0]); !ok {
		return nil, want("abs", args[0], "a number")
	} else if n >= 0 {
		return args[0], nil
	}
	return value.Int(0).BinaryOp(token.Sub, args[0])
}

func char(args []value.Value) (value.Value, error) {
	n, ok := value.AsInt(args[0])
	if !ok || n < 1 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return nil, want("char", args[0], "a Unicode code point from 1 to 1114111")
	}
	return value.Text(string(rune(n))), nil
}

func contains(args []value.Value) (value.Value, error) {
	if list, ok := value.AsList(args[0]); ok {
		has := slices.ContainsFunc(list, func(v value.Value) bool { return value.Equal(v, args[1]) })
		if u := value.UnknownIn(args[0]); u != nil && !has {
			return u, nil
		}
		return value.Truth(has), nil
	}
	item, err := textArg("contains", args[1])
	if err != nil {
		return nil, err
	}
	if m, ok := value.AsMap(args[0]); ok {
		_, has := m[item]
		return value.Truth(has), nil
	}
	s, ok := value.Reveal(args[0])
	if !ok {
		return nil, want("contains", args[0], "a list, a text or a map")
	}
	return value.Truth(strings.Contains(s, item)), nil
}

func ends(args []value.Value) (value.Value, error) {
	t, err := textArgs("ends", args)
	if err != nil {
		return nil, err
	}
	return value.Truth(strings.HasSuffix(t[0], t[1])), nil
}

func starts(args []value.Value) (value.Value, error) {
	t, err := textArgs("starts", args)
	if err != nil {
		return nil, err
	}
	return value.Truth(strings.HasPrefix(t[0], t[1])), nil
}

func failed(args []value.Value) (value.Value, error) {
	n, ok := value.AsNumber(args[0])
	return value.Truth(ok && n < 0), nil
}

func join(args []value.Value) (value.Value, error) {
	list, ok := value.AsList(args[0])
	if !ok {
		return nil, want("join", args[0], "a list")
	}
	if _, err := textArg("join", args[1]); err != nil {
		return nil, err
	}
	parts := make([]value.Value, 0, 2*len(list))
	for i, item := range list {
		if i > 0 {
			parts = append(parts, args[1])
		}
		parts = append(parts, item)
	}
	return value.Join(parts...)
}

func keys(args []value.Value) (value.Value, error) {
	m, ok := value.AsMap(args[0])
	if !ok {
		return nil, want("keys", args[0], "a map")
	}
	return value.From(slices.Sorted(maps.Keys(m))), nil
}

func length(args []value.Value) (value.Value, error) {
	if list, ok := value.AsList(args[0]); ok {
		return value.Int(int64(len(list))), nil
	}
	if m, ok := value.AsMap(args[0]); ok {
		return value.Int(int64(len(m))), nil
	}
	s, ok := value.Reveal(args[0])
	if !ok {
		return nil, want("len", args[0], "a text, a list or a map")
	}
	return value.Int(int64(utf8.RuneCountInString(s))), nil
}

func lowerCase(args []value.Value) (value.Value, error) {
	return mapText("lower", args[0], strings.ToLower)
}

func upperCase(args []value.Value) (value.Value, error) {
	return mapText("upper", args[0], strings.ToUpper)
}

func trim(args []value.Value) (value.Value, error) {
	return mapText("trim", args[0], strings.TrimSpace)
}

func mapText(function string, v value.Value, change func(string) string) (value.Value, error) {
	s, err := textArg(function, v)
	if err != nil {
		return nil, err
	}
	return value.NewText(change(s), v)
}

func replace(args []value.Value) (value.Value, error) {
	t, err := textArgs("replace", args)
	if err != nil {
		return nil, err
	}
	if t[1] == "" {
		return nil, mistake("replace got an empty text to replace")
	}
	if len(t[0])+strings.Count(t[0], t[1])*(len(t[2])-len(t[1])) > value.MaxText {
		return nil, mistake("the text would be longer than %d MiB", value.MaxText>>20)
	}
	return value.NewText(strings.ReplaceAll(t[0], t[1], t[2]), args...)
}

func split(args []value.Value) (value.Value, error) {
	t, err := textArgs("split", args)
	if err != nil {
		return nil, err
	}
	var parts []string
	switch {
	case len(t) == 1:
		parts = strings.Fields(t[0])
	case strings.Count(t[0], t[1]) >= value.MaxItems:
		return nil, mistake("the list would have more than %d items", value.MaxItems)
	case t[0] != "":
		parts = strings.Split(t[0], t[1])
	}
	list := make([]value.Value, len(parts))
	for i, p := range parts {
		if list[i], err = value.NewText(p, args[0]); err != nil {
			return nil, err
		}
	}
	return value.Bounded(value.List(list...))
}

func text(args []value.Value) (value.Value, error) { return value.Join(args[0]) }

func number(args []value.Value) (value.Value, error) {
	if _, ok := value.AsNumber(args[0]); ok {
		return args[0], nil
	}
	s, ok := value.AsText(args[0]) // not of a secret: the number would show it
	if !ok {
		return nil, want("number", args[0], "a text")
	}
	s = strings.TrimSpace(s)
	if n, ok := value.ParseNumber(s); ok {
		return n, nil
	}
	for _, name := range []string{"duration", "size"} {
		t, _ := sig.TypeOf(name)
		if n, err := t.Parse(s); err == nil {
			return value.From(n), nil
		}
	}
	return nil, want("number", args[0], "a text that spells a number")
}

func round(args []value.Value) (value.Value, error) {
	x, ok := value.AsNumber(args[0])
	if !ok {
		return nil, want("round", args[0], "a number")
	}
	if _, whole := value.AsInt(args[0]); whole {
		return args[0], nil
	}
	decimals := int64(0)
	if len(args) > 1 {
		if decimals, ok = value.AsInt(args[1]); !ok || decimals < 0 || decimals > 15 {
			return nil, want("round", args[1], "a number of decimals from 0 to 15")
		}
	}
	if decimals == 0 {
		return value.Decimal(math.Round(x)), nil
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', int(decimals), 64), 64)
	if err != nil {
		return nil, mistake("round cannot round %s", value.Print(args[0]))
	}
	return value.Decimal(rounded), nil
}

func sorted(args []value.Value) (value.Value, error) {
	list, ok := value.AsList(args[0])
	if !ok {
		return nil, want("sort", args[0], "a list")
	}
	if u := value.UnknownIn(args[0]); u != nil {
		return u, nil
	}
	list = slices.Clone(list)
	var wrong error
	slices.SortStableFunc(list, func(a, b value.Value) int {
		c, err := value.Compare(a, b)
		wrong = cmp.Or(wrong, err)
		return c
	})
	if wrong != nil {
		return nil, wrong
	}
	return value.List(list...), nil
}

func unique(args []value.Value) (value.Value, error) {
	list, ok := value.AsList(args[0])
	if !ok {
		return nil, want("unique", args[0], "a list")
	}
	if u := value.UnknownIn(args[0]); u != nil {
		return u, nil
	}
	var kept []value.Value
	seen := map[string][]value.Value{} // by what equal values have in common
	for _, v := range list {
		key := value.Print(v)
		if n, ok := value.ParseNumber(key); ok {
			key = value.Print(n)
		}
		if slices.ContainsFunc(seen[key], func(k value.Value) bool { return value.Equal(k, v) }) {
			continue
		}
		seen[key] = append(seen[key], v)
		kept = append(kept, v)
	}
	return value.List(kept...), nil
}

func largest(args []value.Value) (value.Value, error)  { return extreme("max", 1, args) }
func smallest(args []value.Value) (value.Value, error) { return extreme("min", -1, args) }

func extreme(function string, sign int, args []value.Value) (value.Value, error) {
	if list, ok := value.AsList(args[0]); ok && len(args) == 1 {
		args = list
	}
	if len(args) == 0 {
		return nil, mistake("%s got an empty list", function)
	}
	best := args[0]
	for _, v := range args {
		if _, unknown := value.IsUnknown(v); unknown {
			return v, nil
		}
		if _, ok := value.AsNumber(v); !ok {
			return nil, want(function, v, "a number")
		}
		if c, _ := value.Compare(v, best); c*sign > 0 {
			best = v
		}
	}
	return best, nil
}
