package vm

import (
	"errors"
	"math"
	"time"

	"github.com/d5/tengo/v2"

	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/value"
)

type goFunction = func(args []value.Value) (value.Value, error)

// hostFunction gives the machine's implementation of a host function.
func (m *machine) hostFunction(h lower.Host) goFunction {
	switch h {
	case lower.HostCall:
		return m.call
	case lower.HostWrite:
		return m.write
	case lower.HostLine:
		return printLine
	case lower.HostText:
		return func(args []value.Value) (value.Value, error) { return value.Join(args...) }
	case lower.HostList:
		return makeList
	case lower.HostConcat:
		return concat
	case lower.HostMap:
		return makeMap
	case lower.HostMerge:
		return merge
	case lower.HostWith:
		return func(args []value.Value) (value.Value, error) { return value.With(args[0], args[1], args[2:]...) }
	case lower.HostEach:
		return m.each
	case lower.HostRange:
		return m.countRange
	}
	return m.statement(h)
}

// statement gives the implementation of a statement that a host hears of.
func (m *machine) statement(h lower.Host) goFunction {
	switch h {
	case lower.HostWait:
		return m.wait
	case lower.HostWaitUntil:
		return m.waitUntil
	case lower.HostSeen:
		return func(args []value.Value) (value.Value, error) { m.seen = args[0]; return args[0], nil }
	case lower.HostExit:
		return m.exit
	case lower.HostParam:
		return m.param
	case lower.HostGiven:
		return m.given
	case lower.HostRequire:
		return m.require
	case lower.HostStep:
		return m.step
	case lower.HostParallel:
		return m.parallel
	case lower.HostTry:
		return m.try
	case lower.HostConfirm:
		return m.confirm
	case lower.HostManual:
		return m.manual
	case lower.HostPoint:
		return m.point
	case lower.HostRun:
		return m.runFile
	case lower.HostDecide:
		return m.decide
	case lower.HostNow:
		return m.now
	case lower.HostSince:
		return m.since
	}
	panic("vm: no host function " + string(h))
}

// siteOf reads the handle of a statement.
func siteOf(arg tengo.Object) Site { return site(*arg.(*handle).is.(*lower.Site)) }

func site(s lower.Site) Site { return Site{Place: s.Place, Source: s.Source, Span: s.Span} }

// failure gives the command failure in err, nil if err is something that no script may decide about.
func (m *machine) failure(err error) *value.Failure {
	var f *value.Failure
	var final Final
	if m.ctx.Err() != nil || exitOf(err) != nil || errors.As(err, &final) || pauses(err) || !errors.As(err, &f) || f.Code == value.CodeCancelled {
		return nil
	}
	return f
}

func mistake(format string, args ...any) *value.Failure {
	return value.Failf(value.CodeScript, format, args...)
}

// duration reads a number of milliseconds; NONE is 0.
func duration(v value.Value, what string) (time.Duration, error) {
	if value.IsNone(v) {
		return 0, nil
	}
	ms, ok := value.AsNumber(v)
	if !ok {
		return 0, mistake("got %s for %s, want a duration", show(v), what).Hint("a duration is a number with its unit: 5s, 2m, 1h30m; number(…) reads one from a text")
	}
	if ms < 0 || ms > math.MaxInt64/float64(time.Millisecond) {
		return 0, mistake("got %s milliseconds for %s, want a duration from 0 to 292 years", value.Print(v), what)
	}
	return time.Duration(ms * float64(time.Millisecond)), nil
}

// count reads a whole number from 0; NONE is 0.
func count(v value.Value, what string) (int, error) {
	if value.IsNone(v) {
		return 0, nil
	}
	n, ok := value.AsInt(v)
	if !ok || n < 0 || n > math.MaxInt32 {
		return 0, mistake("got %s for %s, want a whole number from 0", show(v), what)
	}
	return int(n), nil
}

// show names a value in a message.
func show(v value.Value) string {
	s := value.Brief(v, maxShown)
	switch {
	case value.IsNone(v):
		return s
	case value.IsText(v):
		s = `"` + s + `"`
	}
	return value.Kind(v) + " " + s
}

// printLine prints values one after another.
func printLine(args []value.Value) (value.Value, error) {
	parts := make([]value.Value, len(args))
	for i, a := range args {
		parts[i] = value.Text(value.Print(a))
	}
	return value.Join(parts...)
}

func makeList(args []value.Value) (value.Value, error) { return value.Bounded(value.List(args...)) }

func concat(args []value.Value) (value.Value, error) {
	var all []value.Value
	for _, a := range args {
		items, _ := value.AsList(a)
		all = append(all, items...)
	}
	return value.Bounded(value.List(all...))
}

func makeMap(args []value.Value) (value.Value, error) {
	m := make(map[string]value.Value, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		if _, ok := value.IsUnknown(args[i]); ok {
			return args[i], nil
		}
		key, ok := value.AsText(args[i])
		if !ok {
			return nil, mistake("got %s for a key, want a text", show(args[i]))
		}
		m[key] = args[i+1]
	}
	return value.Bounded(value.Map(m))
}

func merge(args []value.Value) (value.Value, error) {
	all := map[string]value.Value{}
	for _, a := range args {
		part, ok := value.AsMap(a)
		if !ok {
			return a, nil // a key was unknown, so the map is
		}
		for k, v := range part {
			all[k] = v
		}
	}
	return value.Bounded(value.Map(all))
}
