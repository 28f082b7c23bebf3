package vm

import (
	"context"
	"errors"
	"strings"

	"github.com/d5/tengo/v2"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/value"
)

// try runs a TRY. Its result is NONE, or the signal of a BREAK, CONTINUE or RETURN that left one of its blocks.
func (m *machine) try(args []value.Value) (value.Value, error) {
	at, body, handler, finally := siteOf(args[0]), args[1], args[2], args[3]
	m.guarded++
	result, err := m.block(m.ctx, body, value.None)
	m.guarded--
	switch {
	case value.IsNone(handler):
	case err == nil:
		err = m.host.Handler(m.ctx, at, m.traceless(handler, value.Unknown("nothing has failed yet")))
	default:
		if e := m.caught(err, at); e != nil {
			result, err = m.block(m.ctx, handler, e)
		}
	}
	if value.IsNone(finally) || m.root.Err() != nil || pauses(err) {
		return result, err
	}
	ctx, cancel := m.untilStopped()
	defer cancel()
	last, lastErr := m.block(ctx, finally, value.None)
	if lastErr != nil || !value.IsNone(last) {
		return last, lastErr
	}
	return result, err
}

// pauses says whether the host ends the program only for now.
func pauses(err error) bool {
	var p Pause
	return errors.As(err, &p)
}

// untilStopped gives a context for a FINALLY: it outlives the time-out of a STEP around it, and ends with the run.
func (m *machine) untilStopped() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(m.ctx))
	release := context.AfterFunc(m.root, func() { cancel(context.Cause(m.root)) })
	return ctx, func() { release(); cancel(nil) }
}

// caught makes the $e of an error that a handler may see, nil for one that it may not.
func (m *machine) caught(err error, at Site) value.Value {
	f := m.failure(err)
	if f == nil {
		return nil
	}
	d := &diag.Diagnostic{Source: at.Source, Span: at.Span}
	var e *Error
	if errors.As(err, &e) {
		d = e.Diag
	}
	line, _ := d.Source.Position(d.Span.Start)
	return value.Map(map[string]value.Value{
		"message": value.Text(f.Message),
		"code":    value.Int(int64(f.Code)),
		"hint":    value.Text(strings.Join(f.Hints, "\n")),
		"file":    value.Text(d.Source.Name),
		"line":    value.Int(int64(line)),
	})
}

// traceless makes a block that is not part of the program's course something that a host can run: a handler that was
// not needed, or an UNDO. It leaves no trace in the variables.
func (m *machine) traceless(fn, arg value.Value) Body {
	return func(ctx context.Context) error {
		saved, locals := m.snapshot(), capture(fn)
		m.guarded++
		_, err := m.block(ctx, fn, arg)
		m.guarded--
		locals()
		m.restore(saved, true)
		return err
	}
}

// later makes an UNDO block something that a host can run after the program has gone on: on a machine of its own, with
// the variables as they are when the host asks for it.
func (m *machine) later(fn value.Value) Later {
	return func() Body {
		b := m.fork()
		return func(ctx context.Context) error {
			_, err := b.block(ctx, fn, value.None)
			return err
		}
	}
}

// capture keeps the locals of a FUNCTION that a block inside it sees; the result puts them back.
func capture(block value.Value) (restore func()) {
	fn, ok := block.(*tengo.CompiledFunction)
	if !ok {
		return func() {}
	}
	saved := make([]tengo.Object, len(fn.Free))
	for i, p := range fn.Free {
		saved[i] = *p.Value
	}
	return func() {
		for i, p := range fn.Free {
			*p.Value = saved[i]
		}
	}
}
