package vm

import (
	"reflect"
	"unsafe"

	"github.com/d5/tengo/v2"
	"github.com/d5/tengo/v2/parser"
)

// stackFrame is one call on a stopped VM's stack.
type stackFrame struct {
	fn   *tengo.CompiledFunction
	pos  parser.Pos
	base int // of its locals on the stack
}

// stopped is what a VM left behind. Tengo keeps it in private fields, gives positions only as text, and none at all
// after a Go panic; TestInspect fails when a new version of Tengo moves them.
type stopped struct {
	frames []stackFrame // innermost first
	stack  *[tengo.StackSize]tengo.Object
	sp     int
}

// inspect reads a VM that has stopped in its depth-th frame (1 is the outermost), 0 for the one it says it is in.
func inspect(v *tengo.VM, depth int) *stopped {
	if depth == 0 {
		depth = *field[int](v, "framesIndex")
	}
	s := &stopped{stack: field[[tengo.StackSize]tengo.Object](v, "stack"), sp: *field[int](v, "sp")}
	frames := reflect.ValueOf(v).Elem().FieldByName("frames")
	ip := *field[int](v, "ip")
	for i := depth - 1; i >= 0; i-- {
		f := frames.Index(i)
		fn := *fieldOf[*tengo.CompiledFunction](f, "fn")
		s.frames = append(s.frames, stackFrame{fn: fn, pos: fn.SourcePos(ip - 1), base: *fieldOf[int](f, "basePointer")})
		if i > 0 {
			ip = *fieldOf[int](frames.Index(i-1), "ip")
		}
	}
	return s
}

func field[T any](v *tengo.VM, name string) *T { return fieldOf[T](reflect.ValueOf(v).Elem(), name) }

func fieldOf[T any](structure reflect.Value, name string) *T {
	f := structure.FieldByName(name)
	if f.Type() != reflect.TypeFor[T]() {
		panic("tengo.VM." + name + " is a " + f.Type().String())
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr()))
}
