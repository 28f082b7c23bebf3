package builtins_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// Everything about a command is derived from its record, so the record must say everything.
func TestEveryRecordIsComplete(t *testing.T) {
	all := builtins.All(builtins.Systems{})
	set, err := builtins.Set(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Validate(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range all {
		c := &all[i]
		t.Run(c.Usage, func(t *testing.T) {
			if seen[c.Usage] {
				t.Error("two records have this usage line")
			}
			seen[c.Usage] = true
			if !strings.HasSuffix(c.Summary, ".") || strings.Count(c.Summary, ". ") > 0 {
				t.Errorf("summary %q: want one sentence", c.Summary)
			}
			form, err := sig.Parse(&c.Signature)
			if err != nil {
				t.Fatal(err)
			}
			slots := map[string]bool{}
			for _, s := range form.Slots() {
				slots[s.Name] = true
				if c.Docs[s.Name] == "" {
					t.Errorf("slot <%s> is not documented", s.Name)
				}
			}
			for name := range c.Docs {
				if !slots[name] {
					t.Errorf("documents %q, which is no slot of the usage line", name)
				}
			}
			if c.System == "" || slices.Contains(c.Reaches, c.System) {
				t.Errorf("works on systems of the kind %q and reaches %q", c.System, c.Reaches)
			}
			changes := c.Effect == sig.Changes || c.Effect == sig.Final
			if changes != (c.Observe != nil) || changes == (c.Read != nil) {
				t.Errorf("effect %s: want Observe for a change, Read for anything else", c.Effect)
			}
			example(t, set, c.Example)
		})
	}
}

// example checks a record's example; that it runs is tested with the program.
func example(t *testing.T, set *sig.Set, text string) {
	t.Helper()
	if text == "" {
		t.Error("no example")
		return
	}
	src := &diag.Source{Name: "example", Text: text}
	file, ds := syntax.Parse(src, syntax.Options{OldLine: set.OldLine})
	_, more := check.Check(file, set, check.Options{})
	for _, d := range append(ds, more...) {
		t.Errorf("example %q: %v", text, d)
	}
}
