// Package check tests a parsed script against the commands there are and binds every command to its signature.
package check

import (
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// Program is a script whose names are resolved. It may be lowered only if Check gave no diagnostic.
type Program struct {
	File *syntax.File
	// Params are the script's PARAMs in text order.
	Params []*syntax.Param
	// Functions are the FUNCTIONs a call in this file can mean, by folded name: its own and those it USEs.
	Functions map[string]*Function
	// Uses and Runs are the files that USE and RUN name; a file that could not be read is absent.
	Uses map[*syntax.Use]*Program
	Runs map[*syntax.Run]*Program
	// Calls binds every command of this file, those inside its FUNCTIONs too.
	Calls map[*syntax.Command]*Call
	// Variables are the folded names of the script's own scope in the order of their first assignment, PARAMs first.
	// $exitcode and $error exist without an assignment and are listed only if they are assigned.
	Variables []string
	// ContinueOnError is true under ON ERROR CONTINUE.
	ContinueOnError bool
}

// Function is one FUNCTION.
type Function struct {
	Decl *syntax.Function
	// In is the program whose file declares it; the calls in its body mean In's functions and In's commands.
	In *Program
	// Variables are the folded names of its own scope, its parameters first.
	Variables []string

	changes bool // it holds a command that is more than a read, or calls a function that does
}

// Call is a command bound to its signature.
type Call struct {
	Sig  *sig.Signature
	Args []BoundArg
}

// BoundArg is one matched element of the usage line, in the order written. Expr is nil at a keyword; a glued slot
// (`/cluster:<c>`) has a *syntax.Word or *syntax.Text of its own, with the exact span.
type BoundArg struct {
	sig.Arg
	Expr syntax.Expr
}

// Options say what is known besides the script.
type Options struct {
	// Names lists, by slot type ("cluster", "agent"), the names that the site file knows. A type that is absent is not tested.
	Names map[string][]string
	// Load reads the file that a USE or RUN names, as seen from the file that says it; its error is one line. With a
	// nil Load such files are not looked at.
	Load func(path string, from *diag.Source) (*diag.Source, error)
	// Session holds what earlier lines of a REPL declared; nil for a script.
	Session *Session
}

// Session is what the lines of a REPL know of each other. The zero value is an empty one.
type Session struct {
	variables map[string]bool
	params    map[string]bool
	functions map[string]*Function
}

// Keep remembers the variables, PARAMs and functions of a line that was checked without a diagnostic.
func (s *Session) Keep(p *Program) {
	if s.variables == nil {
		s.variables, s.params, s.functions = map[string]bool{}, map[string]bool{}, map[string]*Function{}
	}
	for _, v := range p.Variables {
		s.variables[v] = true
	}
	for _, d := range p.Params {
		s.params[Fold(d.Name.Text)] = true
	}
	for name, f := range p.Functions {
		s.functions[name] = f
	}
}

// Fold gives the spelling under which variables and functions are kept: their names are case-insensitive.
func Fold(name string) string { return strings.ToLower(name) }
