package syntax

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/standin-project/standin/lang/diag"
)

// seeds are all scripts of the other tests.
func seeds(t testing.TB) []string {
	var texts []string
	for _, chunk := range strings.Split(readTestdata(t, "errors.txt"), "\n---\n") {
		texts = append(texts, expectation.ReplaceAllString(chunk, ""))
	}
	for _, file := range txtar.Parse([]byte(readTestdata(t, "fmt.txtar"))).Files {
		texts = append(texts, string(file.Data))
	}
	for _, c := range treeTests {
		texts = append(texts, c.text)
	}
	return texts
}

// FuzzParse: whatever the text, there is a tree or a diagnostic, and every span lies in the text.
func FuzzParse(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, problems := parseText(text)
		inside := func(s diag.Span) {
			if s.Start < 0 || s.End < s.Start || s.End > len(text) {
				t.Fatalf("span %v outside of %d bytes", s, len(text))
			}
		}
		for _, d := range problems {
			inside(d.Span)
			// fmt writes %! where an operand is missing; a message may also quote it from the script.
			unformatted := strings.Contains(d.Error(), "%!") && !strings.Contains(text, "%!")
			if d.Code == "" || len(d.Hints) == 0 || unformatted {
				t.Fatalf("unfinished diagnostic: %v %v", d, d.Hints)
			}
		}
		file.Walk(func(n Node) bool {
			inside(n.Pos())
			if _, bad := n.(*Bad); bad && len(problems) == 0 {
				t.Fatal("a bad statement without a diagnostic")
			}
			return true
		})
		if err := diag.Render(new(strings.Builder), problems); err != nil {
			t.Fatal(err)
		}
		Incomplete(file.Source, oldPrograms)
	})
}

// FuzzPrintIsStable: fmt never changes what a script is, and has nothing to do on its own output.
func FuzzPrintIsStable(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(checkStable)
}

// FuzzArgs: whatever the shell gives, there is one statement or a diagnostic.
func FuzzArgs(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Add("wait\x0025000")
	f.Add("cluster\x00/cluster:my cluster\x00group\x00Exchange Group\x00/ONLINE")
	f.Fuzz(func(t *testing.T, joined string) {
		file, problems := ParseArgs(strings.Split(joined, "\x00"), oldPrograms)
		for _, d := range problems {
			if d.Span.Start < 0 || d.Span.End > len(file.Source.Text) {
				t.Fatalf("span %v outside of %d bytes", d.Span, len(file.Source.Text))
			}
		}
		if len(problems) == 0 && len(file.Body) > 1 {
			t.Fatalf("%d statements", len(file.Body))
		}
	})
}
