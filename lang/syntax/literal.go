package syntax

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/standin-project/standin/lang/diag"
)

// text reads a quoted text's pieces. A text that the lexer found unclosed simply ends.
func (r *reader) text(t *lexer.Token) *Text {
	x := &Text{At: At{span(t)}}
	if t.Type == tokenRaw {
		x.Raw = true
		x.Value = strings.TrimSuffix(t.Value[1:], "'")
		return x
	}
	body := closedBody(t.Value)
	if r.plain || !strings.Contains(body, "${") {
		x.Value = strings.ReplaceAll(body, `""`, `"`)
		return x
	}
	x.Parts = r.pieces(t, body)
	if len(x.Parts) == 1 {
		if only, ok := x.Parts[0].(*Text); ok && !only.Raw {
			x.Value, x.Parts = only.Value, nil
		}
	}
	return x
}

// closedBody is what stands between the quotes; the closing one may be missing.
func closedBody(value string) string {
	body := value[1:]
	quotes := len(body) - len(strings.TrimRight(body, `"`))
	if quotes%2 == 1 {
		return body[:len(body)-1]
	}
	return body
}

// pieces splits a text at its ${…}: *Text pieces (never Raw) and expressions.
func (r *reader) pieces(t *lexer.Token, body string) []Expr {
	r.enter()
	defer r.leave()
	var parts []Expr
	var piece strings.Builder
	base := t.Pos.Offset + 1
	start := 0
	flush := func(end int) {
		if piece.Len() > 0 {
			parts = append(parts, &Text{At: At{diag.Span{Start: base + start, End: base + end}}, Value: piece.String()})
		}
		piece.Reset()
	}
	for i := 0; i < len(body); {
		rest := body[i:]
		switch {
		case strings.HasPrefix(rest, "$${"):
			piece.WriteString("${")
			i += 3
		case strings.HasPrefix(rest, `""`):
			piece.WriteByte('"')
			i += 2
		case strings.HasPrefix(rest, "${"):
			flush(i)
			length := braced(rest)
			if length == 0 {
				panic(unclosedPart.at(diag.Span{Start: base + i, End: base + i + 2}))
			}
			parts = append(parts, r.part(t, base+i+2, rest[2:length-1]))
			i += length
			start = i
		default:
			piece.WriteByte(body[i])
			i++
		}
	}
	flush(len(body))
	return parts
}

// braced is the length of the ${…} at the beginning of text, 0 if it is not closed.
func braced(text string) int {
	depth := 0
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\'':
			n := strings.IndexByte(text[i+1:], '\'')
			if n < 0 {
				return 0
			}
			i += n + 1
		case '"':
			return 0
		}
	}
	return 0
}

// part reads the expression inside one ${…}.
func (r *reader) part(t *lexer.Token, offset int, text string) Expr {
	s := &scanner{text: text, base: offset, line: t.Pos.Line, verbatim: true}
	lex, _ := lexer.Upgrade(s) // a scanner does not fail
	inner := &reader{PeekingLexer: lex, depth: r.depth}
	if lex.Peek().EOF() {
		panic(emptyText.at(diag.Span{Start: offset - 2, End: offset + len(text) + 1}))
	}
	x := inner.expr()
	if len(s.problems) > 0 {
		panic(s.problems[0])
	}
	if end := lex.Peek(); !end.EOF() {
		panic(mismatch(nil, end, `"}"`))
	}
	return x
}

// The units of durations in milliseconds and of sizes in bytes.
var durationUnits = map[string]int64{"MS": 1, "S": 1000, "M": 60_000, "H": 3_600_000, "D": 86_400_000}

var sizeUnits = map[string]int64{"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}

// number reads a number, a duration or a size.
func number(t *lexer.Token) (*Number, *diag.Diagnostic) {
	n := &Number{At: At{span(t)}, Raw: t.Value}
	digits := len(t.Value) - len(strings.TrimLeft(t.Value, "0123456789."))
	if digits == len(t.Value) {
		n.Value = t.Value
		if len(t.Value) > 400 || !strings.Contains(t.Value, ".") && !fitsInt64(t.Value) {
			return nil, numberRange.at(n.Span, shorten(t.Value))
		}
		return n, nil
	}
	units := durationUnits
	n.Unit = "duration"
	if _, ok := sizeUnits[strings.ToUpper(t.Value[digits:])]; ok {
		units, n.Unit = sizeUnits, "size"
	}
	total, ok := measure(strings.ToUpper(t.Value), units)
	switch {
	case !ok:
		return nil, badNumber.at(n.Span, shorten(t.Value))
	case total.Cmp(new(big.Rat).SetInt64(math.MaxInt64)) > 0:
		return nil, numberRange.at(n.Span, shorten(t.Value))
	}
	n.Value = total.RatString()
	if !total.IsInt() {
		places, _ := total.FloatPrec()
		n.Value = total.FloatString(places)
	}
	return n, nil
}

func fitsInt64(digits string) bool {
	_, err := strconv.ParseInt(digits, 10, 64)
	return err == nil
}

// measure adds up amounts with units, such as 1H30M; the units must get smaller.
func measure(text string, units map[string]int64) (*big.Rat, bool) {
	total := new(big.Rat)
	if len(text) > 60 {
		return nil, false
	}
	for last := int64(math.MaxInt64); text != ""; {
		rest := strings.TrimLeft(text, "0123456789.")
		next := strings.IndexAny(rest, "0123456789.")
		if next < 0 {
			next = len(rest)
		}
		unit := units[rest[:next]]
		amount, ok := new(big.Rat).SetString(text[:len(text)-len(rest)])
		if !ok || unit == 0 || unit >= last {
			return nil, false
		}
		total.Add(total, amount.Mul(amount, new(big.Rat).SetInt64(unit)))
		text, last = rest[next:], unit
	}
	return total, true
}
