// Package bench holds two programs against the same ones in other embedded languages: a loop that counts to ten
// million, and fib(27).
package bench

import (
	"context"
	"testing"

	"github.com/d5/tengo/v2"
	"github.com/dop251/goja"
	lua "github.com/yuin/gopher-lua"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	standin "github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/vm"
)

// loop counts to ten million in every language, by the counting loop that the language has.
var loop = map[string]string{
	"standin":  "$s = 0; FOR $i = 1 TO 10000000 DO $s = $s + $i; END",
	"while":    "$s = 0; $i = 0; WHILE $i < 10000000 DO $i = $i + 1; $s = $s + $i; END",
	"tengo":    "s := 0; for i := 1; i <= 10000000; i++ { s += i }",
	"starlark": "s = 0\nfor i in range(1, 10000001):\n    s += i\n",
	"goja":     "let s = 0; for (let i = 1; i <= 10000000; i++) { s += i }",
	"lua":      "local s = 0; for i = 1, 10000000 do s = s + i end",
}

var fib = map[string]string{
	"standin":  "FUNCTION fib($n) IF $n < 2 THEN RETURN $n; END RETURN fib($n - 1) + fib($n - 2); END $x = fib(27);",
	"tengo":    "fib := func(n) { if n < 2 { return n }; return fib(n-1) + fib(n-2) }; x := fib(27)",
	"starlark": "def fib(n):\n    if n < 2:\n        return n\n    return fib(n-1) + fib(n-2)\nx = fib(27)\n",
	"goja":     "function fib(n) { if (n < 2) { return n }; return fib(n-1) + fib(n-2) }; fib(27)",
	"lua":      "function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end local x = fib(27)",
}

func BenchmarkLoop(b *testing.B) { all(b, loop) }
func BenchmarkFib(b *testing.B)  { all(b, fib) }

func all(b *testing.B, programs map[string]string) {
	for _, c := range []struct {
		name, program string
		run           func(b *testing.B, program string)
	}{
		{"standin", "standin", runStandin},
		{"standin-while", "while", runStandin},
		{"tengo", "tengo", runTengo},
		{"starlark", "starlark", runStarlark},
		{"goja", "goja", runGoja},
		{"gopher-lua", "lua", runLua},
	} {
		if text, ok := programs[c.program]; ok {
			b.Run(c.name, func(b *testing.B) { c.run(b, text) })
		}
	}
}

// The compilers run outside the measured loop.

func runStandin(b *testing.B, text string) {
	set, err := sig.NewSet(nil)
	if err != nil {
		b.Fatal(err)
	}
	file, diags := standin.Parse(&diag.Source{Name: "bench", Text: text}, standin.Options{OldLine: set.OldLine})
	if diags != nil {
		b.Fatal(diags[0])
	}
	checked, diags := check.Check(file, set, check.Options{})
	if diags != nil {
		b.Fatal(diags[0])
	}
	unit, diags := lower.Lower(checked, lower.Options{})
	if diags != nil {
		b.Fatal(diags[0])
	}
	p := vm.Load(unit)
	for b.Loop() {
		if err := p.Run(context.Background(), nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func runTengo(b *testing.B, text string) {
	c, err := tengo.NewScript([]byte(text)).Compile()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := c.Run(); err != nil {
			b.Fatal(err)
		}
	}
}

func runStarlark(b *testing.B, text string) {
	opt := &syntax.FileOptions{TopLevelControl: true, GlobalReassign: true, Recursion: true}
	_, p, err := starlark.SourceProgramOptions(opt, "bench", text, func(string) bool { return false })
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.Init(&starlark.Thread{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func runGoja(b *testing.B, text string) {
	p, err := goja.Compile("bench", "(function() {"+text+"})()", false)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := goja.New().RunProgram(p); err != nil {
			b.Fatal(err)
		}
	}
}

func runLua(b *testing.B, text string) {
	state := lua.NewState()
	defer state.Close()
	f, err := state.LoadString(text)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		state.Push(f)
		if err := state.PCall(0, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}
