package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// Check resolves a parsed file against the commands in set. It gives all diagnostics of the file, and of the files that
// it USEs and RUNs, in text order; a tree that has syntax errors may be checked too.
func Check(f *syntax.File, set *sig.Set, opt Options) (*Program, []*diag.Diagnostic) {
	l := &linker{set: set, opt: opt, programs: map[string]*Program{}, open: []string{f.Source.Name}}
	p := l.program(f, script)
	ds := diag.Sort(l.diags)
	if l.full() {
		last := tooManyErrors.at(ds[len(ds)-1].Span, maxDiagnostics)
		last.Source = ds[len(ds)-1].Source
		ds = append(ds, last)
	}
	return p, ds
}

// role is what a file is used as.
type role int

const (
	script role = iota
	module
)

// linker checks a file with all the files that it names, each once.
type linker struct {
	set      *sig.Set
	opt      Options
	programs map[string]*Program // by role and name
	open     []string            // the files being checked, outermost first, to find cycles
	diags    []*diag.Diagnostic
	compared int // names compared for a "did you mean"
}

const (
	maxDiagnostics = 1000
	maxCompared    = 200_000 // some milliseconds
)

// checker checks one file.
type checker struct {
	*linker
	p     *Program
	src   *diag.Source
	role  role
	scope *scope
	here  place
	ops   []sig.Operand // the operands of the command at hand
	uses  []*syntax.Var // variables read, in text order; only under PARALLEL
	note  *deeds        // what the statement or function at hand does
	deeds map[*syntax.Function]*deeds

	declared map[string]bool // the folded names of the PARAMs so far
}

// place is what surrounds a statement.
type place struct {
	function bool   // inside a FUNCTION
	loop     bool   // BREAK and CONTINUE have something to leave
	barrier  string // the STEP or PARALLEL between here and the next loop
	guard    string // the STEP, PARALLEL or TRY around
	parallel int
	loopVars []string // the folded variables of the FORs around
}

// report adds a diagnostic; its hints stand before the catalogue's.
func (c *checker) report(d *diag.Diagnostic, hints ...string) {
	if c.full() {
		return
	}
	d.Source = c.src
	d.Hints = append(hints, d.Hints...)
	c.diags = append(c.diags, d)
}

// full says that nobody will read more diagnostics.
func (l *linker) full() bool { return len(l.diags) >= maxDiagnostics }

// didYouMean gives the hint for a misspelt name, none if nothing is near.
func (l *linker) didYouMean(prefix, name string, known []string) []string {
	if l.compared += len(known); l.compared > maxCompared || l.full() {
		return nil
	}
	if s := diag.Suggest(name, known); s != "" {
		return []string{"did you mean " + prefix + s + "?"}
	}
	return nil
}

// program checks one file as a script or module.
func (l *linker) program(f *syntax.File, as role) *Program {
	c := &checker{linker: l, src: f.Source, role: as, deeds: map[*syntax.Function]*deeds{}, declared: map[string]bool{}, p: &Program{
		File: f, Functions: map[string]*Function{}, Calls: map[*syntax.Command]*Call{},
		Uses: map[*syntax.Use]*Program{}, Runs: map[*syntax.Run]*Program{},
	}}
	var functions []*syntax.Function
	for _, s := range f.Body {
		switch s := s.(type) {
		case *syntax.Use:
			c.use(s)
		case *syntax.Function:
			if c.declare(s) {
				functions = append(functions, s)
			}
		case *syntax.Param:
			c.p.Params = append(c.p.Params, s)
		case *syntax.OnErrorContinue:
			c.p.ContinueOnError = true
		}
	}
	c.inherit()
	own := c.fileScope()
	c.scope = own
	c.p.Variables = own.order
	c.limit(f.Body, own, maxGlobals, diag.Span{}, "got %d variables in one script", "split the script and join the parts with RUN")
	stages := make([]deeds, len(f.Body))
	for i, s := range f.Body {
		c.note = &stages[i]
		c.topLevel(s)
	}
	for _, f := range functions {
		c.function(f, own)
	}
	c.spread(functions)
	c.order(f.Body, stages)
	return c.p
}

// topLevel checks one statement of the file's body.
func (c *checker) topLevel(s syntax.Stmt) {
	switch s.(type) {
	case *syntax.Function, *syntax.Use, *syntax.Bad:
	default:
		if c.role == module {
			c.report(notAModule.at(head(c.src, s)))
		}
	}
	switch s := s.(type) {
	case *syntax.Function, *syntax.Use, *syntax.OnErrorContinue:
		// A FUNCTION's body is checked in a scope of its own, the others have been looked at.
	case *syntax.Param:
		c.param(s)
	default:
		c.stmt(s)
	}
}

// inherit makes the functions and variables of a REPL's earlier lines known.
func (c *checker) inherit() {
	if c.opt.Session == nil || len(c.open) > 1 {
		return
	}
	for name, f := range c.opt.Session.functions {
		if c.p.Functions[name] == nil {
			c.p.Functions[name] = f
		}
	}
}

// head is the span of a statement's first word, for messages about the statement as a whole.
func head(src *diag.Source, s syntax.Stmt) diag.Span {
	span := s.Pos()
	text := src.Text[span.Start:span.End]
	if end := strings.IndexAny(text, " \t\r\n;("); end > 0 {
		span.End = span.Start + end
	}
	return span
}

// hold gives the file that a USE or RUN names, checked; nil if it cannot be had.
func (c *checker) hold(word string, path *syntax.Text, as role) *Program {
	if c.opt.Load == nil {
		return nil
	}
	src, err := c.opt.Load(path.Value, c.src)
	if err != nil {
		c.report(cannotLoad.at(path.Span, path.Value, err))
		return nil
	}
	if i := slices.Index(c.open, src.Name); i >= 0 {
		c.report(cycle.at(path.Span, word, path.Value, strings.Join(append(slices.Clone(c.open[i:]), src.Name), " → ")))
		return nil
	}
	key := fmt.Sprint(as, " ", src.Name)
	if p := c.programs[key]; p != nil {
		return p
	}
	file, diags := syntax.Parse(src, syntax.Options{OldLine: c.set.OldLine})
	c.diags = append(c.diags, diags...)
	c.open = append(c.open, src.Name)
	p := c.program(file, as)
	c.open = c.open[:len(c.open)-1]
	c.programs[key] = p
	return p
}

// use imports a module's own functions.
func (c *checker) use(s *syntax.Use) {
	m := c.hold("USE", s.Path, module)
	if m == nil {
		return
	}
	c.p.Uses[s] = m
	for name, f := range m.Functions {
		if f.In != m {
			continue // what a module USEs stays its own
		}
		if c.p.Functions[name] != nil {
			c.report(importClash.at(s.Path.Span, s.Path.Value, f.Decl.Name.Text))
			continue
		}
		c.p.Functions[name] = f
	}
}
