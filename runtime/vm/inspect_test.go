package vm

import (
	"reflect"
	"testing"

	"github.com/d5/tengo/v2"
)

// TestInspect fails if a new version of Tengo keeps its state elsewhere.
func TestInspect(t *testing.T) {
	script := tengo.NewScript([]byte("f := func(a) { b := a + 1; return b / 0 }\nx := f(41)"))
	compiled, err := script.Compile()
	if err != nil {
		t.Fatal(err)
	}
	v := tengo.NewVM(bytecodeOf(compiled), nil, -1)
	if err := guard(v); err == nil {
		t.Fatal("got no error, want Go's division by zero")
	}
	s := inspect(v, 0)
	if len(s.frames) != 2 || s.frames[0].fn.NumLocals != 2 || s.frames[0].pos == 0 {
		t.Fatalf("got the frames %+v", s.frames)
	}
	if b := s.stack[s.frames[0].base+1]; b.String() != "42" {
		t.Errorf("got b = %s, want 42", b)
	}
}

func bytecodeOf(c *tengo.Compiled) *tengo.Bytecode {
	return *fieldOf[*tengo.Bytecode](reflect.ValueOf(c).Elem(), "bytecode")
}
