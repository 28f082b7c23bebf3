package lower_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

func commands() []*sig.Signature {
	return []*sig.Signature{
		{Usage: "GIVE <what:any>", Effect: sig.Reads},
		{Usage: "SET <name> <n:number>", Effect: sig.Changes},
		{Usage: "TELL <secret:secret>", Effect: sig.Changes},
		{Usage: "SHAPE <p:properties>", Effect: sig.Changes},
	}
}

// checked parses and checks a script that has no mistakes.
func checked(t testing.TB, text string) *check.Program {
	t.Helper()
	set, err := sig.NewSet(commands())
	if err != nil {
		t.Fatal(err)
	}
	file, diags := syntax.Parse(&diag.Source{Name: "test.dtcl", Text: text}, syntax.Options{OldLine: set.OldLine})
	if diags == nil {
		var p *check.Program
		if p, diags = check.Check(file, set, check.Options{}); diags == nil {
			return p
		}
	}
	t.Fatal(diags[0].Error())
	return nil
}

// BenchmarkLower lowers a script of 10,000 lines.
func BenchmarkLower(b *testing.B) {
	var text strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&text, "$x%d = %d + %d;\nIF $x%d > 3 THEN\n    SET name%d %d;\nEND\n", i%500, i, i*2, i%500, i, i)
	}
	p := checked(b, text.String())
	for b.Loop() {
		if _, diags := lower.Lower(p, lower.Options{}); diags != nil {
			b.Fatal(diags[0])
		}
	}
}
