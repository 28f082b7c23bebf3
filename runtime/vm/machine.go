package vm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/d5/tengo/v2"

	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/value"
)

// maxNested bounds blocks that run inside each other, each on a VM of its own: RUN apart, only TRY in a recursive
// FUNCTION comes near it.
const maxNested = 200

// machine runs the blocks of one program on one goroutine: a run, or one branch of a PARALLEL.
type machine struct {
	prog    *Program
	host    Host
	globals []tengo.Object
	params  map[string]value.Value
	root    context.Context // the run's; ctx is that of the block at hand
	ctx     context.Context
	idle    []*tengo.VM // each has run to its end
	nested  int
	guarded int         // STEPs and TRYs around the statement at hand
	seen    value.Value // the left side of the comparison that was waited for last
}

func newMachine(p *Program, host Host, params map[string]value.Value) *machine {
	m := &machine{prog: p, host: host, globals: slices.Clone(p.globals), params: map[string]value.Value{}}
	for name, v := range params {
		m.params[strings.ToLower(name)] = v
	}
	m.bind()
	return m
}

// bind puts the machine's own host functions into its globals.
func (m *machine) bind() {
	for i, h := range m.prog.hosts {
		m.globals[i] = &function{name: string(h), call: m.hostFunction(h)}
	}
}

// fork makes a machine for a branch, with a copy of the variables.
func (m *machine) fork() *machine {
	b := &machine{
		prog: m.prog, host: m.host, globals: slices.Clone(m.globals), params: m.params, root: m.root, guarded: m.guarded + 1,
		nested: m.nested,
	}
	b.bind()
	return b
}

// rootKey finds the context of the outermost run in those that it hands out, so that a RUN inside a STEP that timed out
// can tell a time-out from a stop.
type rootKey struct{}

func (m *machine) run(ctx context.Context) error {
	if outer, inside := ctx.Value(rootKey{}).(context.Context); inside {
		m.root = outer
	} else {
		m.root = ctx
		ctx = context.WithValue(ctx, rootKey{}, ctx)
	}
	_, err := m.block(ctx, m.globals[m.prog.unit.Main], value.None)
	return err
}

// block runs one block to its end on a VM of its own.
func (m *machine) block(ctx context.Context, fn, arg tengo.Object) (tengo.Object, error) {
	if m.nested >= maxNested {
		return nil, value.Failf(value.CodeScript, "blocks are nested more than %d deep", maxNested).
			Hint("does a FUNCTION call itself without end?")
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	outer := m.ctx
	m.ctx = ctx
	m.nested++
	defer func() { m.ctx = outer; m.nested-- }()

	v := m.take()
	m.globals[lower.BlockGlobal], m.globals[lower.ArgGlobal], m.globals[lower.ResultGlobal] = fn, arg, nil
	abandon := context.AfterFunc(ctx, v.Abort)
	err := guard(v)
	// An Abort that comes after the end would silently stop the VM's next run: such a VM is not used again.
	clean := abandon()
	result := m.globals[lower.ResultGlobal]
	m.globals[lower.ResultGlobal] = nil
	switch {
	case err != nil:
		return nil, m.fault(v, err)
	case result == nil:
		return nil, m.fault(v, &interrupted{context.Cause(ctx)})
	case clean:
		m.idle = append(m.idle, v)
	}
	return result, nil
}

func (m *machine) take() *tengo.VM {
	if n := len(m.idle); n > 0 {
		v := m.idle[n-1]
		m.idle = m.idle[:n-1]
		return v
	}
	return tengo.NewVM(m.prog.stub, m.globals, -1)
}

// panicked is an error that left a VM by a Go panic: the VM has not unwound its frames.
type panicked struct{ error }

// interrupted says that a VM was stopped between two instructions.
type interrupted struct{ cause error }

func (i *interrupted) Error() string {
	if errors.Is(i.cause, context.DeadlineExceeded) {
		return "the time ran out"
	}
	return "stopped: " + i.cause.Error()
}

func (i *interrupted) Unwrap() error { return i.cause }

// guard runs a VM and makes a Go panic an error.
func guard(v *tengo.VM) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *raised:
			err = &panicked{r.error}
		default:
			err = &panicked{fmt.Errorf("internal error: %v", r)}
		}
	}()
	return v.Run()
}

// snapshot keeps the variables; restore puts them back, the error variables apart.
func (m *machine) snapshot() []tengo.Object {
	vars := m.prog.unit.Variables
	saved := make([]tengo.Object, len(vars))
	for i, g := range vars {
		saved[i] = m.globals[g]
	}
	return saved
}

func (m *machine) restore(saved []tengo.Object, all bool) {
	for i, v := range saved {
		if g := m.prog.unit.Variables[i]; all || !m.prog.unit.ErrorVars[g] {
			m.globals[g] = v
		}
	}
}

// body makes a block something that a host can run. A failed run puts the variables back.
func (m *machine) body(fn tengo.Object) Body {
	return func(ctx context.Context) error {
		saved := m.snapshot()
		m.guarded++
		_, err := m.block(ctx, fn, value.None)
		m.guarded--
		var exit *Exit
		if err != nil && !errors.As(err, &exit) {
			m.restore(saved, false)
		}
		return err
	}
}
