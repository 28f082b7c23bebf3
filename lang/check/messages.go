package check

import (
	"fmt"

	"github.com/standin-project/standin/lang/diag"
)

// message is one entry of the catalogue: everything this package can say about a script, with the way out.
type message struct {
	code string
	text string // a format
	hint string // "" where the way out names something of the script, or is a usage line
}

// at makes the diagnostic.
func (m message) at(span diag.Span, args ...any) *diag.Diagnostic {
	d := &diag.Diagnostic{Span: span, Code: m.code, Message: fmt.Sprintf(m.text, args...)}
	if m.hint != "" {
		d.Hints = []string{m.hint}
	}
	return d
}

var (
	unknownCommand = message{"unknown-command", "unknown command %q",
		"HELP lists the commands"}
	unknownWord = message{"unknown-command-word", "unknown command word %q", ""}
	unexpected  = message{"unexpected-operand", "got %s, want %s", ""}
	tooMuch     = message{"unexpected-operand", "got %s after the end of the command", ""}
	givenTwice  = message{"option-twice", "option %s is given twice", "delete one of the two"}
	incomplete  = message{"incomplete-command", "the command is not complete, want %s", ""}
	badOperand  = message{"bad-operand", "got %s for <%s>, want %s", ""}
	bareWord    = message{"bare-word", "got the word %q for <%s>, want a value",
		"write a text in quotes, a $variable or (an expression)"}
	unknownName = message{"unknown-name", "unknown %s %q", "the site file names the systems there are"}
	notRead     = message{"not-a-read", "%s %s and cannot stand inside an expression",
		"capture its result in a statement of its own: $x = …;"}

	unknownVariable = message{"unknown-variable", "the variable $%s is assigned nowhere in this %s",
		"assign it before it is used"}
	outsideFunction = message{"unknown-variable", "the variable $%s of the script is not seen in a FUNCTION",
		"pass it as a parameter: a FUNCTION sees only its parameters and PARAMs"}
	loopVariable = message{"loop-variable", "the FOR variable $%s is assigned in the loop's body",
		"use another variable; to leave the loop write BREAK"}
	paramAssigned = message{"param-assigned", "the PARAM $%s is assigned in a FUNCTION",
		"use another variable: a FUNCTION reads PARAMs and changes only its own variables"}
	crossBranch = message{"cross-branch", "$%s is assigned in another branch of this PARALLEL",
		"branches do not see each other: use the variable after the PARALLEL's END"}
	duplicateKey = message{"duplicate-key", "the key %q stands twice in one map", "delete one of the two"}

	unknownFunction = message{"unknown-function", "unknown function %q", "HELP lists the functions; USE imports a module's"}
	wrongArity      = message{"wrong-arity", "%s takes %s, got %d", ""}
	callStatement   = message{"call-statement", "a call of the function %s is not a statement",
		""}
	duplicateFunction = message{"duplicate-function", "FUNCTION %s is declared twice", "give one of the two another name"}
	importClash       = message{"duplicate-function", "the module %q has a FUNCTION %s too",
		"give this one another name"}
	functionName = message{"function-name", "a FUNCTION cannot be called %s: that is %s",
		"give it another name"}
	functionPlace      = message{"misplaced", "FUNCTION stands only outside all blocks", "move it to the end of the script"}
	duplicateParameter = message{"duplicate-parameter", "the parameter $%s stands twice", "give one of the two another name"}
	defaultOrder       = message{"default-order", "the parameter $%s without a default follows one with a default",
		"put the parameters that have defaults last"}

	duplicateParam = message{"duplicate-param", "PARAM $%s is declared twice", "delete one of the two"}
	paramType      = message{"param-type", "unknown PARAM type %q", "the types are TEXT NUMBER TRUTH DURATION SIZE SECRET"}
	badDefault     = message{"bad-default", "got %s for PARAM $%s, want %s", ""}
	missingParam   = message{"missing-param", "RUN %q needs the PARAM %s", ""}
	unknownParam   = message{"unknown-param", "%q has no PARAM %s", ""}
	twiceParam     = message{"duplicate-param", "the PARAM %s is given twice", "delete one of the two"}

	wrongOrder = message{"wrong-order", "%s after %s",
		"the order is PARAM, USE, reads and assignments, REQUIRE, the rest"}
	lateOnError = message{"late-on-error", "ON ERROR CONTINUE stands behind another statement",
		"move it to the head of the file; only PARAM and USE may stand before it"}
	topLevel = message{"misplaced", "%s stands only outside all blocks", "move it to the head of the script"}
	inBody   = message{"misplaced", "%s cannot stand in a FUNCTION",
		"move it into the runbook's body; a FUNCTION holds what a STEP does"}
	requirePlace = message{"misplaced", "REQUIRE cannot stand in a %s",
		"move it before the first change: all REQUIREs hold before anything is done"}
	onlySteps = message{"parallel-step", "a PARALLEL holds only STEPs",
		"put the statement into a STEP of its own, or before the PARALLEL"}
	outsideLoop = message{"misplaced", "%s outside a loop", "it leaves or goes on with a WHILE or FOR"}
	leavesBlock = message{"leaves-block", "%s cannot leave a %s",
		""}
	outsideReturn = message{"misplaced", "RETURN outside a FUNCTION", "to end the run write EXIT"}

	cannotLoad = message{"cannot-load", "cannot read %q: %v", "the path is relative to the file that names it"}
	cycle      = message{"cycle", "%s %q leads back to this file: %s", "cut the cycle"}
	notAModule = message{"not-a-module", "a module holds only FUNCTIONs and USE",
		"move the statement into a FUNCTION, or RUN the file instead of USEing it"}

	tooManyErrors = message{"too-many-errors", "more than %d mistakes, the rest is not shown",
		"mend the first ones"}
	badValue    = message{"bad-value", "got %s for %s, want %s", ""}
	tooMany     = message{"too-many", "%s, want at most %d", ""}
	badExitCode = message{"bad-value", "got the exit code %s, want a whole number from 0 to 255", "0 is success"}
)

// wayOut is the hint of a value that is not of the wanted type.
func wayOut(typ string) string {
	switch typ {
	case "text", "secret":
		return `write it in quotes: "…"`
	case "decimal":
		return "for example 10, 2.5 or (an expression)"
	case "number":
		return "for example 3"
	case "milliseconds":
		return "for example WAIT 5s; or WAIT 25000;"
	case "duration":
		return "for example 90s or 1h30m"
	case "size":
		return "for example 64KB"
	case "truth":
		return "write TRUE or FALSE without quotes"
	}
	return ""
}
