package syntax

import (
	"fmt"

	"github.com/standin-project/standin/lang/diag"
)

// message is one entry of the catalogue: everything this package can say about a script, with the way out.
type message struct {
	code string
	text string // a format
	hint string // plain
}

func (m message) at(span diag.Span, args ...any) *diag.Diagnostic {
	d := &diag.Diagnostic{Span: span, Code: m.code, Message: m.text}
	if len(args) > 0 {
		d.Message = fmt.Sprintf(m.text, args...)
	}
	if m.hint != "" {
		d.Hints = []string{m.hint}
	}
	return d
}

var (
	tooLarge = message{"too-large", "the script has %d bytes, want at most %d",
		"split it into files and join them with RUN or USE"}
	badByte = message{"bad-byte", "got %s, want UTF-8 text",
		"save the file as UTF-8 text without NUL bytes"}
	tooMany = message{"too-many-errors", "more than %d mistakes, the rest is not shown",
		"mend the first ones; is this a Standin script?"}
	tooDeep = message{"too-deep", "blocks or brackets are nested more than %d deep",
		"move the inner part into a FUNCTION or another runbook"}
	tooLong = message{"too-long", "an expression has more than %d operators in a row",
		"build the value in several statements"}

	unclosedText = message{"unclosed-text", "the text is never closed, want %s",
		"close it on the same line; a newline in a text is written ${char(10)}"}
	unclosedComment = message{"unclosed-comment", `the comment is never closed`,
		"close it with */"}
	unclosedBlock = message{"unclosed-block", "the %s is never closed",
		"close it with END"}
	unclosedPart = message{"unclosed-interpolation", "the ${ is never closed",
		"close it with }; texts inside stand in '…'; a plain ${ is written $${"}

	missingEnd = message{"missing-semicolon", "missing ; after %s",
		"end the statement with ;"}
	unexpected = message{"unexpected", "got %s, want %s", ""}
	atEnd      = message{"unexpected-end", "the text ends, want %s", ""}

	strayEnd = message{"stray-block-word", "%s without %s",
		"delete it, or write the line that opens the block"}
	wrongEnd = message{"wrong-end", "%s cannot close the %s of line %d",
		"write END, which closes every block"}
	secondPart = message{"second-block-part", "a second %s in one %s",
		"delete one of the two"}
	lateElseIf = message{"late-elseif", "ELSEIF after ELSE",
		"move ELSE behind the last ELSEIF"}
	lateHandler = message{"late-handler", "ON ERROR after FINALLY",
		"move FINALLY to the end of the TRY"}
	twice = message{"option-twice", "%s is given twice",
		"delete one of the two"}

	noDollar      = message{"missing-dollar", "%q is not a variable", ""}
	notAStatement = message{"not-a-statement", "a statement cannot begin with %s",
		"begin with a command, a statement word or $name ="}
	oneStatement = message{"one-statement", "a second statement begins here",
		"give one statement; several make a script"}
	textStatement = message{"not-a-statement", "a statement cannot begin with a text",
		"write the words of a statement one by one, without quotes around the whole"}
	noProgramCommand = message{"missing-command", `got nothing after "dtcl", want a command`,
		"for example: dtcl wait 25000"}

	bareWord = message{"bare-word", "got the word %s, want a value", ""}
	chained  = message{"chained-comparison", "comparisons cannot be chained",
		"join two comparisons with AND"}
	inParens = message{"not-in-operand", "NOT needs parentheses here",
		"write (NOT …)"}
	badNumber = message{"bad-number", "%q is not a number",
		"write 12, 1.5, a duration (250ms 5s 10m 1h30m) or a size (64KB 5MB 2GB); a name or an address stands in quotes"}
	numberRange = message{"number-range", "the number %s is too large",
		"whole numbers go up to 9223372036854775807"}
	percent = message{"percent", "got %s after %%, want a value",
		"a percentage stands only among a command's operands; here % is the remainder of a division"}
	gluedVariable = message{"glued-variable", "text is glued to the variable $%s", ""}
	curlyQuote    = message{"curly-quote", "got the typographic quote %s",
		`write straight quotes: "…"`}
	plainText = message{"not-plain", "this text cannot hold ${…}",
		"write the text itself; what a script needs or is called is fixed before it runs"}
	emptyText = message{"empty-interpolation", "nothing stands between ${ and }",
		"write a variable or an expression; a plain ${ is written $${"}
)

// usages are the statements as they are written, shown as the way out of a mistake in one.
var usages = map[string]string{
	"$":        "$name = value;   $name = COMMAND …;   $name.key[0] = value;",
	"IF":       "IF condition THEN … [ELSEIF condition THEN …] [ELSE …] END",
	"ELSEIF":   "ELSEIF condition THEN …",
	"WHILE":    "WHILE condition DO … END",
	"FOR":      "FOR $i = first TO last [STEP by] DO … END   or   FOR $x IN list DO … END",
	"WRITE":    "WRITE value [, value]…;",
	"WAIT":     "WAIT duration;   WAIT UNTIL condition [EVERY duration] [TIMEOUT duration];   WAIT ON …;",
	"EXIT":     "EXIT [number];",
	"ON":       "ON ERROR CONTINUE;   or, in a TRY, ON ERROR [$e] DO …",
	"PARAM":    `PARAM $name TEXT|NUMBER|TRUTH|DURATION|SIZE|SECRET [= value] [FROM FILE|ENV|COMMAND "origin"] ["what it is"];`,
	"USE":      `USE "module";`,
	"REQUIRE":  `REQUIRE condition, "what must hold";`,
	"STEP":     `STEP "title" [TIMEOUT duration] [RETRY times] [EVERY duration] [WHEN condition] DO … [UNDO …] END`,
	"PARALLEL": "PARALLEL [MAX number] DO STEP … END STEP … END END",
	"TRY":      "TRY … [ON ERROR [$e] DO …] [FINALLY …] END",
	"CONFIRM":  `CONFIRM "question";   or   CONFIRM TYPED "what to type" ["why"];`,
	"POINT":    "POINT OF NO RETURN;",
	"MANUAL":   `MANUAL "what a person does" [UNTIL condition];`,
	"RETURN":   "RETURN [value];",
	"FUNCTION": "FUNCTION name($a, $b = value) … END",
	"RUN":      `RUN "runbook.dtcl" [(name = value, …)];`,
}
