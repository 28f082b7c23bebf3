package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

func (c *checker) exprs(all []syntax.Expr) {
	for _, e := range all {
		c.expr(e)
	}
}

// expr checks an expression or operand; nil is one that was not given.
func (c *checker) expr(e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Word:
		c.exprs(e.Parts)
	case *syntax.Text:
		c.exprs(e.Parts)
	case *syntax.Var:
		c.variable(e)
	case *syntax.Index:
		c.expr(e.X)
		c.expr(e.Key)
	case *syntax.List:
		if len(e.Items) > maxItems {
			c.tooMany(e.Items[maxItems].Pos(), len(e.Items), maxItems, "got %d items in one list", "split the list and join the parts in a loop")
		}
		c.exprs(e.Items)
	case *syntax.Map:
		c.mapping(e)
	case *syntax.Unary:
		c.expr(e.X)
	case *syntax.Binary:
		c.expr(e.X)
		c.expr(e.Y)
	case *syntax.Paren:
		c.expr(e.X)
	case *syntax.Props:
		for _, p := range e.Items {
			c.expr(p.Value)
		}
	case *syntax.Call:
		c.call(e)
	case *syntax.Command:
		s := c.command(e, false)
		if s != nil && s.Effect != sig.Reads {
			c.report(notRead.at(e.Span, commandName(s), effectWords(s.Effect)))
		}
	}
}

// commandName is the head of a usage line, up to its first slot or group.
func commandName(s *sig.Signature) string {
	name := s.Usage
	if i := strings.IndexAny(name, "<[("); i > 0 {
		name = name[:i]
	}
	return strings.TrimSpace(name)
}

func effectWords(e sig.Effect) string {
	switch e {
	case sig.Session:
		return "changes the session"
	case sig.Waits:
		return "waits"
	}
	return "changes a system"
}

func (c *checker) variable(v *syntax.Var) {
	if c.here.parallel > 0 {
		c.uses = append(c.uses, v)
	}
	key := Fold(v.Name)
	if c.scope.sees(key) {
		return
	}
	if c.scope.outer != nil && c.scope.outer.sees(key) {
		c.report(outsideFunction.at(v.Span, v.Name))
		return
	}
	where := "script"
	if c.here.function {
		where = "FUNCTION"
	}
	if !c.full() {
		c.report(unknownVariable.at(v.Span, v.Name, where), c.didYouMean("$", v.Name, c.scope.names())...)
	}
}

func (c *checker) mapping(m *syntax.Map) {
	if len(m.Values) > maxItems {
		c.tooMany(m.Keys[maxItems].Span, len(m.Values), maxItems, "got %d members in one map", "split the map and add the rest with $m.key = …")
	}
	seen := map[string]bool{}
	for i, k := range m.Keys {
		c.expr(k)
		if k.Parts == nil && seen[k.Value] {
			c.report(duplicateKey.at(k.Span, k.Value))
		}
		seen[k.Value] = true
		c.expr(m.Values[i])
	}
}

// call checks a call of a built-in function or a FUNCTION.
func (c *checker) call(e *syntax.Call) {
	c.exprs(e.Args)
	if len(e.Args) > maxArguments {
		c.tooMany(e.Args[maxArguments].Pos(), len(e.Args), maxArguments, "got %d arguments", "pass a list")
		return
	}
	if b, ok := sig.FunctionOf(e.Name.Text); ok {
		c.arity(e, b.Min, b.Max, b.Usage)
		return
	}
	f := c.p.Functions[Fold(e.Name.Text)]
	if f == nil {
		c.unknownFunction(e.Name)
		return
	}
	c.note.calls = append(c.note.calls, f)
	least := 0
	for _, p := range f.Decl.Params {
		if p.Default == nil {
			least++
		}
	}
	c.arity(e, least, len(f.Decl.Params), functionUsage(f.Decl))
}

func (c *checker) unknownFunction(n syntax.Name) {
	if c.opt.Load == nil && hasUse(c.p.File) {
		return // it may be a module's, which nobody reads here
	}
	var known []string
	for _, name := range slices.Sorted(maps.Keys(c.p.Functions)) {
		known = append(known, c.p.Functions[name].Decl.Name.Text)
	}
	for _, b := range sig.Functions() {
		known = append(known, b.Name)
	}
	c.report(unknownFunction.at(n.Span, n.Text), c.didYouMean("", n.Text, known)...)
}

func hasUse(f *syntax.File) bool {
	for _, s := range f.Body {
		if _, ok := s.(*syntax.Use); ok {
			return true
		}
	}
	return false
}

func (c *checker) arity(e *syntax.Call, least, most int, usage string) {
	n := len(e.Args)
	if n >= least && (most < 0 || n <= most) {
		return
	}
	want := fmt.Sprintf("%d to %d arguments", least, most)
	switch {
	case most < 0:
		want = fmt.Sprintf("%d or more arguments", least)
	case most == 0:
		want = "no argument"
	case least == most:
		want = fmt.Sprintf("%d argument%s", most, plural(most))
	}
	c.report(wrongArity.at(e.Span, e.Name.Text, want, n), "usage: "+usage)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func functionUsage(f *syntax.Function) string {
	var params []string
	for _, p := range f.Params {
		if p.Default != nil {
			params = append(params, "[$"+p.Name.Text+"]")
			continue
		}
		params = append(params, "$"+p.Name.Text)
	}
	return f.Name.Text + "(" + strings.Join(params, ", ") + ")"
}

// declare makes a FUNCTION known, unless its name is taken.
func (c *checker) declare(f *syntax.Function) bool {
	name, key := f.Name.Text, Fold(f.Name.Text)
	if name == "" {
		return false // it could not be read
	}
	what := ""
	switch upper := strings.ToUpper(name); {
	case len(c.set.Signatures(name)) > 0:
		what = "the first word of a command"
	case sig.Reserved(upper):
		what = "a word of the language"
	default:
		if _, ok := sig.FunctionOf(name); ok {
			what = "a built-in function"
		}
	}
	if what != "" {
		c.report(functionName.at(f.Name.Span, name, what))
	}
	if other := c.p.Functions[key]; other != nil {
		if other.In == c.p {
			c.report(duplicateFunction.at(f.Name.Span, name))
		} else {
			c.report(importClash.at(f.Name.Span, other.In.File.Source.Name, name))
		}
		return false
	}
	c.p.Functions[key] = &Function{Decl: f, In: c.p}
	return true
}

func (c *checker) tooMany(at diag.Span, n, most int, text, hint string) {
	c.report(tooMany.at(at, fmt.Sprintf(text, n), most), hint)
}

// text is the script's own text there.
func (c *checker) text(s diag.Span) string { return c.src.Text[s.Start:s.End] }
