package check

import (
	"strconv"
	"strings"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// literal gives the text of an expression whose value stands in the script, and its kind: text, number, duration, size,
// percent, truth, none, list or map; "" for anything that only a run can know. A number's text is in the base unit.
func literal(e syntax.Expr) (text, kind string) {
	switch e := e.(type) {
	case *syntax.Word:
		if e.Parts == nil {
			return e.Text, "text"
		}
	case *syntax.Text:
		if e.Parts == nil {
			return e.Value, "text"
		}
	case *syntax.Number:
		if e.Unit == "" {
			return e.Value, "number"
		}
		return e.Value, e.Unit
	case *syntax.Unary:
		if text, kind := literal(e.X); e.Op == "-" && (kind == "number" || kind == "duration" || kind == "size") {
			return "-" + text, kind
		}
	case *syntax.Const:
		if e.Kind == "NONE" {
			return e.Kind, "none"
		}
		return e.Kind, "truth"
	case *syntax.Paren:
		return literal(e.X)
	case *syntax.List:
		return "", "list"
	case *syntax.Map, *syntax.Props:
		return "", "map"
	}
	return "", ""
}

// shown spells a literal in a message.
func shown(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Word:
		return strconv.Quote(e.Text)
	case *syntax.Text:
		return strconv.Quote(e.Value)
	case *syntax.Number:
		return e.Raw
	case *syntax.Unary:
		return e.Op + shown(e.X)
	case *syntax.Const:
		return e.Kind
	case *syntax.Paren:
		return shown(e.X)
	case *syntax.List:
		return "a list"
	case *syntax.Map:
		return "a map"
	case *syntax.Props:
		return "properties"
	case *syntax.Var:
		return "$" + e.Name
	case *syntax.Punct:
		return strconv.Quote(e.Text)
	}
	return "an expression"
}

// parseAs reads text as a slot type.
func parseAs(typ, text string) (any, error) {
	t, _ := sig.TypeOf(typ)
	if t.Parse == nil {
		return text, nil
	}
	return t.Parse(text)
}

// wantedNumber says in words what a number of a statement must be.
func wantedNumber(typ string) string {
	if typ == "milliseconds" {
		return "a duration such as 5s or a number of milliseconds"
	}
	t, _ := sig.TypeOf(typ)
	return t.Want
}

// number checks an expression of a statement that must be a number of that type: decimal, number (0 or more),
// duration, or milliseconds, which is a duration or a bare number.
func (c *checker) number(e syntax.Expr, what, typ string) {
	c.expr(e)
	text, kind := literal(e)
	ok := true
	switch kind {
	case "":
		return
	case "number":
		ok = numberFits(typ, text)
	case "duration":
		ok = typ != "number"
	case "size":
		ok = typ == "decimal"
	default:
		ok = false
	}
	if ok && typ != "decimal" && strings.HasPrefix(text, "-") {
		ok = false
	}
	if ok {
		return
	}
	d := badValue.at(e.Pos(), shown(e), what, wantedNumber(typ))
	c.report(d, mend(typ, text, kind)...)
}

// numberFits says whether a number without a unit will do.
func numberFits(typ, text string) bool {
	if typ == "milliseconds" {
		typ = "decimal"
	}
	_, err := parseAs(typ, text)
	return typ != "duration" && err == nil
}

// fitsType says whether a literal of that kind may be given for a slot or PARAM of that type. In a command a number is a
// word; elsewhere text wants quotes.
func fitsType(typ, text, kind string) bool {
	switch kind {
	case "list", "map":
		return typ == "any" || typ == "expr" || typ == "properties" && kind == "map"
	case "text":
		_, err := parseAs(typ, text)
		return err == nil
	case "number":
		if typ == "decimal" || typ == "number" || typ == "size" || typ == "id" || typ == "seconds" || typ == "percent" {
			_, err := parseAs(typ, text)
			return err == nil
		}
	case "truth":
		return typ == "truth" || typ == "any" || typ == "expr"
	case "duration", "size":
		return typ == kind || typ == "decimal" || typ == "any" || typ == "expr"
	}
	return typ == "any" || typ == "expr"
}

// param checks one PARAM.
func (c *checker) param(s *syntax.Param) {
	if key := Fold(s.Name.Text); c.declared[key] {
		c.report(duplicateParam.at(s.Name.Span, s.Name.Text))
	} else {
		c.declared[key] = true
	}
	c.expr(s.Default)
	c.expr(s.Origin)
	t, ok := sig.ParamType(s.Type.Text)
	if !ok {
		c.report(paramType.at(s.Type.Span, s.Type.Text), c.didYouMean("", s.Type.Text, sig.ParamTypes())...)
		return
	}
	if s.Default == nil {
		return
	}
	if t.Name == "secret" {
		c.secret(s.Default)
	}
	if text, kind := literal(s.Default); kind != "" && !fitsType(t.Name, text, kind) {
		c.report(badDefault.at(s.Default.Pos(), c.hide(t, shown(s.Default)), s.Name.Text, t.Want), mend(t.Name, text, kind)...)
	}
}

// mend is the way out for a literal of the wrong type.
func mend(typ, text, kind string) []string {
	if _, err := parseAs("decimal", text); typ == "duration" && err == nil && (kind == "number" || kind == "text") {
		return []string{"a duration needs its unit: " + text + "s or " + text + "m"}
	}
	if hint := wayOut(typ); hint != "" {
		return []string{hint}
	}
	return nil
}

// hide keeps a secret's text out of a message.
func (c *checker) hide(t sig.Type, text string) string {
	if t.Name == "secret" {
		return "•••"
	}
	return text
}

// run checks a RUN against the PARAMs of the file that it names.
func (c *checker) run(s *syntax.Run) {
	for _, a := range s.Args {
		c.expr(a.Value)
	}
	p := c.hold("RUN", s.Path, script)
	if p == nil {
		return
	}
	c.p.Runs[s] = p
	given := map[string]bool{}
	var names []string
	byName := map[string]*syntax.Param{}
	for _, d := range p.Params {
		names = append(names, d.Name.Text)
		byName[Fold(d.Name.Text)] = d
	}
	for _, a := range s.Args {
		key := Fold(strings.TrimPrefix(a.Key.Text, "$"))
		d := byName[key]
		if d == nil {
			hints := c.didYouMean("", a.Key.Text, names)
			if len(hints) == 0 {
				hints = []string{"its PARAMs are: " + strings.Join(append(names, "none")[:max(len(names), 1)], ", ")}
			}
			c.report(unknownParam.at(a.Key.Span, s.Path.Value, a.Key.Text), hints...)
			continue
		}
		if given[key] {
			c.report(twiceParam.at(a.Key.Span, d.Name.Text))
		}
		given[key] = true
		c.argument(a, d)
	}
	for _, d := range p.Params {
		if d.Default == nil && d.From == "" && !given[Fold(d.Name.Text)] {
			c.report(missingParam.at(s.Path.Span, s.Path.Value, d.Name.Text),
				"give it: RUN "+strconv.Quote(s.Path.Value)+" ("+d.Name.Text+" = …);")
		}
	}
}

// argument checks one value of a RUN against its PARAM.
func (c *checker) argument(a syntax.Prop, d *syntax.Param) {
	t, ok := sig.ParamType(d.Type.Text)
	if !ok {
		return
	}
	if t.Name == "secret" {
		c.secret(a.Value)
	}
	if text, kind := literal(a.Value); kind != "" && !fitsType(t.Name, text, kind) {
		c.report(badDefault.at(a.Value.Pos(), c.hide(t, shown(a.Value)), d.Name.Text, t.Want), mend(t.Name, text, kind)...)
	}
}
