package vm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// call carries out a command and does with its failure what its place in the script asks for.
func (m *machine) call(args []value.Value) (value.Value, error) {
	c := args[0].(*handle).is.(*command)
	vals, err := c.operands(args[1:])
	var result value.Value
	if err == nil {
		result, err = m.host.Call(m.ctx, &Call{Site: site(c.Site), Sig: c.Sig, Args: c.Args, Vals: vals})
	}
	if err == nil {
		m.globals[lower.ExitCodeGlobal], m.globals[lower.ErrorGlobal] = value.Int(0), value.Text("")
		if result == nil {
			result = value.Int(0)
		}
		return result, nil
	}
	f := m.failure(err)
	if f == nil {
		return nil, err
	}
	code := value.Int(int64(f.Code))
	m.globals[lower.ExitCodeGlobal], m.globals[lower.ErrorGlobal] = code, value.Text(f.Message)
	if c.Mode == lower.Captured || c.Mode == lower.Classic && m.guarded == 0 {
		return code, nil
	}
	return nil, err
}

// operands puts the computed operands among those that the script spells out, each as its slot wants it.
func (c *command) operands(computed []value.Value) ([]value.Value, error) {
	if len(computed) == 0 {
		return c.vals, nil
	}
	vals := slices.Clone(c.vals)
	for i, v := range computed {
		slot := c.Dynamic[i]
		v, err := operand(v, c.types[i])
		if err != nil {
			f := value.Failf(value.CodeBadParameter, "<%s>: %v", c.Args[slot].Name, err)
			return nil, f.Hint("usage: %s", c.Sig.Usage)
		}
		vals[slot] = v
	}
	return vals, nil
}

// operand makes a value what a slot wants. A command prints what it is given: only a slot for it takes a secret.
func operand(v value.Value, t sig.Type) (value.Value, error) {
	v, err := convert(v, t)
	if err == nil && value.IsSecret(v) && t.Name != "secret" && t.Name != "any" && t.Name != "expr" {
		return nil, fmt.Errorf("got a secret, want %s that is not secret", t.Want)
	}
	return v, err
}

// convert makes a value what a slot type or a PARAM's type wants.
func convert(v value.Value, t sig.Type) (value.Value, error) {
	if _, unknown := value.IsUnknown(v); unknown {
		return v, nil
	}
	switch t.Name {
	case "", "any", "expr":
		return v, nil
	case "properties":
		if _, ok := value.AsMap(v); ok {
			return v, nil
		}
		return nil, fmt.Errorf("got %s, want %s", show(v), t.Want)
	case "duration", "size":
		if n, ok := value.AsInt(v); ok && n >= 0 {
			return v, nil
		}
	case "truth":
		if _, ok := value.AsTruth(v); ok {
			return v, nil
		}
	}
	text, ok := value.Reveal(v)
	if !ok {
		return nil, fmt.Errorf("got %s, want %s", show(v), t.Want)
	}
	if t.Name == "secret" {
		return value.Secret(text), nil
	}
	if t.Parse == nil {
		return value.NewText(text, v)
	}
	parsed, err := t.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("got %s, want %s", show(v), t.Want)
	}
	if spelling, ok := parsed.(string); ok {
		return value.NewText(spelling, v)
	}
	if value.IsSecret(v) {
		return nil, fmt.Errorf("got a secret, want %s that is not secret", t.Want)
	}
	return value.From(parsed), nil
}

// given says whether a PARAM has a value from outside.
func (m *machine) given(args []value.Value) (value.Value, error) {
	p := args[0].(*handle).is.(*lower.Param)
	_, ok := m.params[strings.ToLower(p.Name)]
	return value.Truth(ok), nil
}

// param gives a PARAM the value from outside, or its default.
func (m *machine) param(args []value.Value) (value.Value, error) {
	p := args[0].(*handle).is.(*lower.Param)
	v, ok := m.params[strings.ToLower(p.Name)]
	switch {
	case len(args) > 1:
		v = args[1]
	case !ok:
		return nil, mistake("the parameter %q has no value", p.Name).Hint("give one: %s=…", p.Name)
	}
	t, known := sig.ParamType(p.Type)
	if !known {
		return nil, mistake("the parameter %q is of the unknown type %s", p.Name, p.Type)
	}
	v, err := convert(v, t)
	if err != nil {
		return nil, mistake("the parameter %q: %v", p.Name, err)
	}
	return v, nil
}
