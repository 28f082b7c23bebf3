package lower_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/d5/tengo/v2"
	"github.com/d5/tengo/v2/parser"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/syntax"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// A script with every statement lowers to sites with stable ids at the right places. In a plan the same sites have the
// same ids, and decisions come on top.
func TestEveryStatement(t *testing.T) {
	text, err := os.ReadFile("testdata/every.dtcl")
	if err != nil {
		t.Fatal(err)
	}
	p := checked(t, string(text))
	var got strings.Builder
	for _, opt := range []lower.Options{{}, {Plan: true}} {
		unit, diags := lower.Lower(p, opt)
		if diags != nil {
			t.Fatal(diags[0].Error())
		}
		fmt.Fprintf(&got, "plan: %v\n", opt.Plan)
		for _, g := range unit.Globals {
			describe(&got, g)
		}
		positions(t, unit)
	}
	const golden = "testdata/every.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

// describe prints a handle with its place, its position and the first words of its text.
func describe(b *strings.Builder, g any) {
	var site lower.Site
	more := ""
	switch g := g.(type) {
	case *lower.Site:
		site = *g
	case *lower.Command:
		site = g.Site
		more = fmt.Sprintf(" mode %d literals %v dynamic %v", g.Mode, g.Literals, g.Dynamic)
	case *lower.Loop:
		site = g.Site
	case *lower.Param:
		site, more = g.Site, fmt.Sprintf(" %s %s", g.Name, g.Type)
	case *lower.Run:
		site, more = g.Site, fmt.Sprintf(" %s %v", g.Path, g.Args)
	case *lower.Parallel:
		site, more = g.Site, fmt.Sprintf(" %d branches", len(g.Assigns))
	default:
		return
	}
	line, column := site.Source.Position(site.Span.Start)
	words, _, _ := strings.Cut(site.Source.Text[site.Span.Start:site.Span.End], "\n")
	fmt.Fprintf(b, "  %-8s %d:%d %T%s  %.30s\n", site.Place, line, column, g, more, words)
}

// positions wants every position in the code to be a place in the text.
func positions(t *testing.T, unit *lower.Unit) {
	t.Helper()
	functions := []*tengo.CompiledFunction{unit.Code.MainFunction}
	for _, c := range unit.Code.Constants {
		functions = append(functions, c.(*tengo.CompiledFunction))
	}
	for _, f := range functions {
		for _, pos := range f.SourceMap {
			if pos != parser.NoPos && (int(pos) > len(unit.Places) || unit.Places[pos-1].Source == nil) {
				t.Fatalf("position %d is no place", pos)
			}
		}
	}
}

// The shape that Tengo turns into a loop, a call of the function itself right before its end, is never there.
func TestNoTailCalls(t *testing.T) {
	unit, diags := lower.Lower(checked(t, `
FUNCTION f($n) RETURN f($n); END
FUNCTION g($n) RETURN ((g($n))); END
FUNCTION h($n) h($n); END
FUNCTION i($n) IF $n THEN RETURN i($n); ELSE i($n); END END
WRITE f(1), g(1), i(1);
h(1);`), lower.Options{})
	if diags != nil {
		t.Fatal(diags[0].Error())
	}
	for _, c := range unit.Code.Constants {
		code := c.(*tengo.CompiledFunction).Instructions
		for i := 0; i < len(code); {
			_, n := parser.ReadOperands(parser.OpcodeOperands[code[i]], code[i+1:])
			next := code[min(i+1+n, len(code)-1)]
			after := code[min(i+2+n, len(code)-1)]
			if code[i] == parser.OpCall && (next == parser.OpReturn || next == parser.OpPop && after == parser.OpReturn) {
				t.Errorf("got a tail call in\n%s", strings.Join(tengo.FormatInstructions(code, 0), "\n"))
			}
			i += 1 + n
		}
	}
}

// The lines of a session keep the places of variables, literals and functions.
func TestSessionKeepsGlobals(t *testing.T) {
	s := lower.NewSession(lower.Options{})
	first, diags := s.Lower(checked(t, `$x = "text"; FUNCTION f() RETURN 1; END WRITE $x;`))
	if diags != nil {
		t.Fatal(diags[0].Error())
	}
	second, diags := s.Lower(checked(t, `$y = "text"; $x = 1; WRITE $x, $y;`))
	if diags != nil {
		t.Fatal(diags[0].Error())
	}
	texts := 0
	for i, g := range second.Globals {
		if i < len(first.Globals) && fmt.Sprint(first.Globals[i]) != fmt.Sprint(g) {
			t.Errorf("global %d changed from %v to %v", i, first.Globals[i], g)
		}
		if g == any(lower.Literal{Value: "text"}) {
			texts++
		}
	}
	if len(second.Variables) != 4 || texts != 1 {
		t.Errorf("got %d variables and %d copies of the literal", len(second.Variables), texts)
	}
}

// What check lets nothing of through is refused here too, with a place.
func TestRefused(t *testing.T) {
	source := &diag.Source{Name: "made.dtcl", Text: "something"}
	at := syntax.At{Span: diag.Span{Start: 0, End: 9}}
	name := syntax.Name{At: at, Text: "x"}
	one := &syntax.Number{At: at, Raw: "1", Value: "1"}
	call := &syntax.Call{At: at, Name: syntax.Name{At: at, Text: "f"}}
	for range 300 {
		call.Args = append(call.Args, one)
	}
	loops := []syntax.Stmt{&syntax.Break{At: at}}
	for range 150 {
		loops = []syntax.Stmt{&syntax.For{At: at, Var: name, From: one, To: one, Body: &syntax.Block{At: at, Body: loops}}}
	}
	steps := &syntax.Parallel{At: at, Body: &syntax.Block{At: at}}
	for range 300 {
		steps.Body.Body = append(steps.Body.Body, &syntax.Exit{At: at})
	}
	for want, stmt := range map[string]syntax.Stmt{
		"the statement could not be read":  &syntax.Bad{At: at},
		"the command was not checked":      &syntax.CommandStmt{At: at, Command: &syntax.Command{At: at}},
		"got *syntax.Punct where a value":  &syntax.Exit{At: at, Code: &syntax.Punct{At: at}},
		"the number 9e999 is too large":    &syntax.Exit{At: at, Code: &syntax.Number{At: at, Raw: "9e999", Value: "9.0e999"}},
		"is too large":                     &syntax.Exit{At: at, Code: &syntax.Number{At: at, Raw: "9223372036854775808", Value: "9223372036854775808"}},
		"break has nothing to leave here":  &syntax.Break{At: at},
		"RETURN stands outside a FUNCTION": &syntax.Return{At: at},
		"the call has 300 arguments":       &syntax.Exit{At: at, Code: call},
		"loops are nested more than 120":   loops[0],
		"the PARALLEL has 300 steps":       steps,
	} {
		p := &check.Program{File: &syntax.File{Source: source, Body: []syntax.Stmt{stmt}}, Variables: []string{"x"}}
		unit, diags := lower.Lower(p, lower.Options{})
		if unit != nil || len(diags) == 0 || !strings.Contains(diags[0].Message, want) || diags[0].Span.End != 9 {
			t.Errorf("got %v, want %q", diags, want)
		}
	}
}
