// Package lower turns a checked script into Tengo bytecode that keeps the script's own positions.
package lower

import (
	"github.com/d5/tengo/v2"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
)

// Unit is a lowered script. Its code finds everything that is not code in globals: variables, literals, functions of
// the host and handles, which describe a statement to them. Nothing in it changes once it is made.
type Unit struct {
	// Code's main function fills the globals of FUNCTIONs and of Main; it calls nothing.
	Code *tengo.Bytecode
	// Globals says what each global holds before Code runs: nil (Code fills it), Host, Variable, Builtin, Literal or a handle.
	Globals []any
	// Main is the global that holds the script's body, a block.
	Main int
	// Variables are the globals that hold the script's variables, $exitcode and $error among them.
	Variables []int
	// ErrorVars are those of them that keep their value when a failed STEP puts the others back.
	ErrorVars map[int]bool
	// Functions describes every FUNCTION, for the chain and the values below an error.
	Functions []*Function
	// Places is what the positions in Code mean: position p is Places[p-1].
	Places []Place
}

// The first globals are fixed: a block is called by storing it and its argument there, and its result comes back there.
const (
	BlockGlobal = iota
	ArgGlobal
	ResultGlobal
	ExitCodeGlobal
	ErrorGlobal
	firstFree
)

// What a global holds at the start.
type (
	// Host is a function that the VM gives to the script; see the constants Host….
	Host string
	// Variable is a variable, by its name as folded by check.
	Variable string
	// Builtin is a built-in function of the language.
	Builtin string
	// Literal is a nil, bool, int64, float64, string or []any of these.
	Literal struct{ Value any }
	// Signal is what a TRY's block returns to say that a BREAK, CONTINUE or RETURN left it.
	Signal string
)

// The host functions. The comment gives the operands; h is the statement's handle, a block is a function of one argument.
const (
	HostCall      Host = "call"      // *Command, the dynamic operands
	HostWrite     Host = "write"     // *Site, line
	HostLine      Host = "line"      // values; printed one after another, as WRITE does
	HostText      Host = "text"      // values; joined to one text, secret or unknown if one of them is
	HostList      Host = "list"      // values
	HostConcat    Host = "concat"    // lists
	HostMap       Host = "map"       // keys and values in turn
	HostMerge     Host = "merge"     // maps
	HostWith      Host = "with"      // old value, new part, path
	HostEach      Host = "each"      // *Loop, value; what a FOR IN goes through
	HostRange     Host = "range"     // *Loop, from, to, by; what a FOR goes through
	HostWait      Host = "wait"      // *Site, milliseconds
	HostWaitUntil Host = "waituntil" // *Site, block, every, timeout
	HostSeen      Host = "seen"      // value; the same value, which a time-out names
	HostExit      Host = "exit"      // *Site, code
	HostParam     Host = "param"     // *Param, default if there is one
	HostGiven     Host = "given"     // *Param
	HostRequire   Host = "require"   // *Site, condition, message
	HostStep      Host = "step"      // *Site, title, timeout, retry, every, when, body, undo
	HostParallel  Host = "parallel"  // *Parallel, max, blocks
	HostTry       Host = "try"       // *Site, body, handler, finally
	HostConfirm   Host = "confirm"   // *Site, text; or *Site, text, why for a TYPED one
	HostManual    Host = "manual"    // *Site, text, block
	HostPoint     Host = "point"     // *Site
	HostRun       Host = "run"       // *Run, values of its arguments
	HostDecide    Host = "decide"    // *Site, condition, whether a loop's body has run; only in plan units
	HostNow       Host = "now"       // *Site
	HostSince     Host = "since"     // *Site, time
)

// Signals of a TRY's block.
const (
	BreakSignal    Signal = "break"
	ContinueSignal Signal = "continue"
	ReturnSignal   Signal = "return"
)

// Missing is the literal that stands for an argument that a call of a FUNCTION left out.
const Missing Signal = "missing"

// Place is a piece of the text.
type Place struct {
	Source *diag.Source
	Span   diag.Span
}

// Site is a statement (or a command inside an expression) that the host hears of.
type Site struct {
	// Place is the stable id of the statement: ordinals of statements and blocks in turn, from 1 ("3.1.2"), a FUNCTION's
	// after its name ("close.2", in a module "tools.dtcl:close.2"). Further commands of one statement count after a "+", decisions after a "?".
	Place  string
	Source *diag.Source
	Span   diag.Span
}

// Mode says what a command's failure does.
type Mode int

// The modes of a command.
const (
	Bare     Mode = iota // it fails the block or the run
	Classic              // a bare command under ON ERROR CONTINUE: nothing, outside STEP and TRY
	Captured             // its code is the result
	Nested               // inside an expression: it fails the statement
)

// Command is the handle of a command.
type Command struct {
	Site
	Sig  *sig.Signature
	Args []sig.Arg
	// Literals has the values of operands that the script spells out, nil elsewhere.
	Literals []any
	// Dynamic are the indices into Args of the operands that are passed at each call.
	Dynamic []int
	Mode    Mode
}

// Param is the handle of a PARAM.
type Param struct {
	Site
	Name, Type string // the folded name; TEXT NUMBER TRUTH DURATION SIZE SECRET
}

// Run is the handle of a RUN.
type Run struct {
	Site
	Path string
	Args []string // names, in the order of the values
}

// Parallel is the handle of a PARALLEL. Assigns are, for each branch, the globals that it may assign.
type Parallel struct {
	Site
	Assigns [][]int
}

// Loop is the handle of a FOR. Var is the global of its variable, into which each turn's item is put before the turn; it
// is -1 for a local of a FUNCTION, which the code itself sets.
type Loop struct {
	Site
	Var int
}

// Function describes a FUNCTION.
type Function struct {
	Name   string
	Source *diag.Source
	Span   diag.Span
	Locals []string // folded names by slot, parameters first
}
