package vm

import (
	"context"
	"fmt"

	"github.com/d5/tengo/v2"
	"github.com/d5/tengo/v2/parser"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// The operators of lowered code and those of the values are the same; a constant index out of range says they are not.
var _ = [1]struct{}{}[(lower.OpEqual-value.OpEqual)|(lower.OpUnequal-value.OpUnequal)|(lower.OpNot-value.OpNot)|
	(lower.OpNegate-value.OpNegate)|(lower.OpTruth-value.OpTruth)|(lower.OpRead-value.OpRead)]

// Program is a lowered script that is ready to run, any number of times, also at once.
type Program struct {
	unit    *lower.Unit
	globals []tengo.Object // before the first statement; nil where a machine puts its own host functions
	hosts   map[int]lower.Host
	stub    *tengo.Bytecode // calls the block in BlockGlobal
}

// Load makes a program of a lowered script.
func Load(u *lower.Unit) *Program {
	p := &Program{unit: u, hosts: map[int]lower.Host{}}
	p.extend(u)
	return p
}

// extend takes in a unit that continues the one before.
func (p *Program) extend(u *lower.Unit) {
	p.unit = u
	for i := len(p.globals); i < len(u.Globals); i++ {
		p.globals = append(p.globals, p.content(i, u.Globals[i]))
	}
	// The code that fills in functions calls nothing and cannot fail.
	if err := tengo.NewVM(u.Code, p.globals, -1).Run(); err != nil {
		panic(fmt.Sprintf("loading a program: %v", err))
	}
	p.stub = &tengo.Bytecode{
		FileSet: u.Code.FileSet, Constants: u.Code.Constants, MainFunction: &tengo.CompiledFunction{Instructions: stub()},
	}
}

// stub is the code that calls a block: result = block(arg).
func stub() []byte {
	var code []byte
	for _, i := range [][]byte{
		tengo.MakeInstruction(parser.OpGetGlobal, lower.BlockGlobal),
		tengo.MakeInstruction(parser.OpGetGlobal, lower.ArgGlobal),
		tengo.MakeInstruction(parser.OpCall, 1, 0),
		tengo.MakeInstruction(parser.OpSetGlobal, lower.ResultGlobal),
		tengo.MakeInstruction(parser.OpSuspend),
	} {
		code = append(code, i...)
	}
	return code
}

// content makes what a global holds before the first statement.
func (p *Program) content(i int, c any) tengo.Object {
	switch c := c.(type) {
	case nil:
		return value.None
	case lower.Host:
		p.hosts[i] = c
		return value.None
	case lower.Variable:
		switch i {
		case lower.ExitCodeGlobal:
			return value.Int(0)
		case lower.ErrorGlobal:
			return value.Text("")
		}
		return value.Unset(string(c))
	case lower.Builtin:
		return &function{name: string(c), call: builtin(string(c))}
	case lower.Literal:
		return value.From(c.Value)
	case lower.Signal:
		return &handle{is: c}
	case *lower.Command:
		return &handle{is: newCommand(c)}
	}
	return &handle{is: c}
}

// handle carries what lowered code hands to a host function: the description of a statement, or a signal.
type handle struct {
	tengo.ObjectImpl
	is any
}

// TypeName names it for Tengo's messages.
func (*handle) TypeName() string { return "handle" }

func (*handle) String() string { return "‹handle›" }

// Equals tells signals apart.
func (h *handle) Equals(o tengo.Object) bool { return h == o }

// function is a Go function that lowered code calls.
type function struct {
	tengo.ObjectImpl
	name string
	call func(args []value.Value) (value.Value, error)
}

// TypeName names it for Tengo's messages.
func (f *function) TypeName() string { return f.name }

func (f *function) String() string { return f.name }

// CanCall says that it can be called.
func (*function) CanCall() bool { return true }

// Call calls it.
func (f *function) Call(args ...tengo.Object) (tengo.Object, error) {
	v, err := f.call(args)
	if err != nil {
		return nil, &raised{err}
	}
	if v == nil {
		v = value.None
	}
	return v, nil
}

// raised keeps Tengo's wrappers and those of the error itself apart.
type raised struct{ error }

func (r *raised) Unwrap() error { return r.error }

// command is a command that is ready to call.
type command struct {
	*lower.Command
	vals  []value.Value // of the operands that the script spells out
	types []sig.Type    // of the dynamic operands
}

func newCommand(c *lower.Command) *command {
	cmd := &command{Command: c, vals: make([]value.Value, len(c.Args))}
	for i, v := range c.Literals {
		if v == nil {
			continue
		}
		cmd.vals[i] = value.From(v)
		if text, ok := v.(string); ok && c.Args[i].Type == "secret" {
			cmd.vals[i] = value.Secret(text)
		}
	}
	for _, i := range c.Dynamic {
		t, _ := sig.TypeOf(c.Args[i].Type)
		cmd.types = append(cmd.types, t)
	}
	return cmd
}

// Exit is how a run ends by EXIT.
type Exit struct{ Code int }

func (e *Exit) Error() string { return fmt.Sprintf("exit %d", e.Code) }

// Run runs the program from its first statement. params are the values of its PARAMs by name, in any case; texts are
// read as the PARAM's type. The error is nil, an *Exit, an *Error, or the context's if that had ended before.
func (p *Program) Run(ctx context.Context, host Host, params map[string]value.Value) error {
	return newMachine(p, host, params).run(ctx)
}

// place gives what a position stands for, nil for none.
func (p *Program) place(pos parser.Pos) *lower.Place {
	if pos < 1 || int(pos) > len(p.unit.Places) {
		return nil
	}
	return &p.unit.Places[pos-1]
}

// functionAt gives the FUNCTION whose text holds the place, nil for none.
func (p *Program) functionAt(src *diag.Source, span diag.Span) *lower.Function {
	for _, f := range p.unit.Functions {
		if f.Source == src && f.Span.Start <= span.Start && span.End <= f.Span.End {
			return f
		}
	}
	return nil
}
