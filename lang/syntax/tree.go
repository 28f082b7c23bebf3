// Package syntax turns the text of a script into its tree and back.
//
// The tree keeps every comment and every span; it knows no command by name.
package syntax

import "github.com/standin-project/standin/lang/diag"

// Node is anything with a place in the text.
type Node interface{ Pos() diag.Span }

// At carries a node's span; embed it.
type At struct{ Span diag.Span }

// Pos gives the node's span.
func (a At) Pos() diag.Span { return a.Span }

// File is one script.
type File struct {
	Source *diag.Source
	Body   []Stmt
	// Comments stand in text order; the printer puts each back where it stood.
	Comments []Comment
}

// Comment is one comment with its opening and closing marks.
type Comment struct {
	At
	Text string
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

// Expr is an expression or, in a command, an operand.
type Expr interface {
	Node
	expr()
}

// Block is a list of statements; its span runs from the word that opens it to the one that closes it.
type Block struct {
	At
	Body []Stmt
}

// Name is a variable ($x, stored as "x" in its own spelling) or another name at its place.
type Name struct {
	At
	Text string
}

// The statements.
type (
	// Bad stands where a statement could not be read; Assigns names what it would have assigned.
	Bad struct {
		At
		Assigns []Name
	}
	// CommandStmt is a bare command. Line is true when it ended at its newline (an old program's line).
	CommandStmt struct {
		At
		Command *Command
		Line    bool
	}
	// Assign is `$x = expr`, `$x.a[0] = expr` or `$x = COMMAND …` (Value is then a *Command).
	Assign struct {
		At
		Target Name
		Path   []Expr // a *Text for .name, any expression for [i]
		Value  Expr
	}
	// CallStmt is a FUNCTION called for what it does: `name(args);`.
	CallStmt struct {
		At
		Call *Call
	}
	// If is IF … THEN … ELSEIF … ELSE … END.
	If struct {
		At
		Arms []Arm
		Else *Block
	}
	// While is WHILE … DO … END.
	While struct {
		At
		Cond Expr
		Body *Block
	}
	// For is FOR $i = from TO to [STEP by] DO … END.
	For struct {
		At
		Var          Name
		From, To, By Expr // By is nil without STEP
		Body         *Block
	}
	// ForIn is FOR $x IN list DO … END.
	ForIn struct {
		At
		Var  Name
		List Expr
		Body *Block
	}
	// Write is WRITE expr, expr ….
	Write struct {
		At
		Args []Expr
	}
	// Wait is WAIT <duration or bare number of milliseconds>; the other WAITs are commands or WaitUntil.
	Wait struct {
		At
		For Expr
	}
	// WaitUntil is WAIT UNTIL expr EVERY d TIMEOUT d.
	WaitUntil struct {
		At
		Cond           Expr
		Every, Timeout Expr // nil if not given
	}
	// Exit is EXIT [expr].
	Exit struct {
		At
		Code Expr
	}
	// OnErrorContinue is ON ERROR CONTINUE.
	OnErrorContinue struct{ At }
	// Param is PARAM $x TYPE [= default] [FROM FILE|ENV|COMMAND text] "doc".
	Param struct {
		At
		Name    Name
		Type    Name // TEXT NUMBER TRUTH DURATION SIZE SECRET
		Default Expr
		From    string // "", "FILE", "ENV", "COMMAND"
		Origin  Expr
		Doc     string
	}
	// Use is USE "module".
	Use struct {
		At
		Path *Text
	}
	// Require is REQUIRE expr, "message".
	Require struct {
		At
		Cond    Expr
		Message Expr
	}
	// Step is STEP "title" [TIMEOUT d] [RETRY n [EVERY d]] [WHEN expr] DO … [UNDO …] END.
	Step struct {
		At
		Title                       Expr
		Timeout, Retry, Every, When Expr // nil if not given
		Body                        *Block
		Undo                        *Block // nil if not given
	}
	// Parallel is PARALLEL [MAX n] DO STEP … END … END.
	Parallel struct {
		At
		Max  Expr
		Body *Block
	}
	// Try is TRY … [ON ERROR $e DO …] [FINALLY …] END.
	Try struct {
		At
		Body    *Block
		ErrVar  *Name // nil without a variable
		Handler *Block
		Finally *Block
	}
	// Confirm is CONFIRM expr or CONFIRM TYPED "text" "why".
	Confirm struct {
		At
		Text  Expr
		Typed bool
		Why   Expr
	}
	// PointOfNoReturn is POINT OF NO RETURN.
	PointOfNoReturn struct{ At }
	// Manual is MANUAL text [UNTIL expr].
	Manual struct {
		At
		Text  Expr
		Until Expr
	}
	// Break, Continue and Return are what they are elsewhere.
	Break    struct{ At }
	Continue struct{ At }
	Return   struct {
		At
		Value Expr
	}
	// Function is FUNCTION name($a, $b = 1) … END.
	Function struct {
		At
		Name   Name
		Params []FuncParam
		Body   *Block
	}
	// Run is RUN "file" (name = expr, …).
	Run struct {
		At
		Path *Text
		Args []Prop
	}
)

// Arm is one condition of an IF with its block.
type Arm struct {
	Cond Expr
	Body *Block
}

// FuncParam is a parameter of a FUNCTION.
type FuncParam struct {
	Name    Name
	Default Expr
}

// Prop is key = value, in a RUN's arguments or a command's (key=value, …) operand.
type Prop struct {
	Key   Name
	Value Expr
}

// The expressions.
type (
	// Word is an unquoted word of a command's operands in its own spelling. Raw is the text as written;
	// Text is what it means: a "…" inside a word joined it, and a command's first word has lost a program's path and
	// .exe, an old program's line its capitals there. A Word with Parts holds ${…}; its Text is empty.
	Word struct {
		At
		Raw, Text string
		Quoted    bool   // some part of it stood in quotes: such a word is never a keyword
		Parts     []Expr // nil unless a quoted part interpolates
	}
	// Text is a quoted text. Parts is nil for a plain one; else *Text pieces (never Raw) and ${…} expressions in text
	// order; a *Text that is itself such an expression is Raw.
	Text struct {
		At
		Value string
		Raw   bool // '…'
		Parts []Expr
	}
	// Number is a number, duration or size literal. Raw is its spelling; Unit "", "duration" or "size".
	// Durations are milliseconds, sizes bytes.
	Number struct {
		At
		Raw   string
		Unit  string
		Value string // decimal text of the value in the base unit
	}
	// Const is TRUE, FALSE or NONE.
	Const struct {
		At
		Kind string // "TRUE", "FALSE", "NONE"
	}
	// Var is $name.
	Var struct {
		At
		Name string // as spelt, without the $
	}
	// Index is x.name (Dot, Key a *Text) or x[key].
	Index struct {
		At
		X   Expr
		Key Expr
		Dot bool
	}
	// List is [a, b].
	List struct {
		At
		Items []Expr
	}
	// Map is {name: x, "key": y}.
	Map struct {
		At
		Keys   []*Text
		Values []Expr
	}
	// Unary is NOT x or -x.
	Unary struct {
		At
		Op string // "NOT", "-"
		X  Expr
	}
	// Binary is x op y; Op is one of OR AND = <> < <= > >= + - * / %.
	Binary struct {
		At
		Op   string
		OpAt diag.Span
		X, Y Expr
	}
	// Call is name(args).
	Call struct {
		At
		Name Name
		Args []Expr
	}
	// Paren is (expr); kept so that fmt gives back what was written.
	Paren struct {
		At
		X Expr
	}
	// Props is the operand (key=value, …).
	Props struct {
		At
		Items []Prop
	}
	// Punct is a `,` `=` or another mark that stands between a command's operands.
	Punct struct {
		At
		Text string
	}
	// Command is a command's words and operands, in order: *Word, *Text, *Var, *Index, *List, *Map, *Paren, *Props, *Punct.
	// Number never occurs here: only a slot's type converts a word.
	Command struct {
		At
		Operands []Expr
	}
)

func (*Bad) stmt()             {}
func (*CommandStmt) stmt()     {}
func (*Assign) stmt()          {}
func (*CallStmt) stmt()        {}
func (*If) stmt()              {}
func (*While) stmt()           {}
func (*For) stmt()             {}
func (*ForIn) stmt()           {}
func (*Write) stmt()           {}
func (*Wait) stmt()            {}
func (*WaitUntil) stmt()       {}
func (*Exit) stmt()            {}
func (*OnErrorContinue) stmt() {}
func (*Param) stmt()           {}
func (*Use) stmt()             {}
func (*Require) stmt()         {}
func (*Step) stmt()            {}
func (*Parallel) stmt()        {}
func (*Try) stmt()             {}
func (*Confirm) stmt()         {}
func (*PointOfNoReturn) stmt() {}
func (*Manual) stmt()          {}
func (*Break) stmt()           {}
func (*Continue) stmt()        {}
func (*Return) stmt()          {}
func (*Function) stmt()        {}
func (*Run) stmt()             {}

func (*Word) expr()    {}
func (*Text) expr()    {}
func (*Number) expr()  {}
func (*Const) expr()   {}
func (*Var) expr()     {}
func (*Index) expr()   {}
func (*List) expr()    {}
func (*Map) expr()     {}
func (*Unary) expr()   {}
func (*Binary) expr()  {}
func (*Call) expr()    {}
func (*Paren) expr()   {}
func (*Props) expr()   {}
func (*Punct) expr()   {}
func (*Command) expr() {}
