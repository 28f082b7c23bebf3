package sig

import (
	"strings"
	"sync"
)

// Statement is a statement of the language, for HELP and completion; lang/syntax holds its grammar.
type Statement struct {
	Keyword string
	Usage   string
	Summary string // one sentence
}

// Statements is the table of statements in the order of the manual.
func Statements() []Statement {
	return []Statement{
		{"IF", "IF expr THEN … [ELSEIF expr THEN …]… [ELSE …] END", "Runs the first block whose condition is true."},
		{"WHILE", "WHILE expr DO … END", "Runs the block as long as the condition is true."},
		{"FOR", "FOR $i = from TO to [STEP by] DO … END", "Runs the block for each number; the bounds are evaluated once."},
		{"FOR", "FOR $x IN list DO … END", "Runs the block for each item of a list or key of a map."},
		{"BREAK", "BREAK", "Leaves the innermost loop."},
		{"CONTINUE", "CONTINUE", "Goes on with the innermost loop's next turn."},
		{"WRITE", "WRITE expr[, expr]…", "Prints its operands one after another and a newline."},
		{"WAIT", "WAIT duration", "Waits; a bare number is milliseconds."},
		{"WAIT", "WAIT UNTIL expr [EVERY duration] [TIMEOUT duration]", "Waits until the condition holds; returns at once if it does."},
		{"EXIT", "EXIT [code]", "Ends the run with an exit code from 0 to 255."},
		{"ON", "ON ERROR CONTINUE", "Lets the file's bare commands fail without stopping the run."},
		{"PARAM", "PARAM $x TYPE [= default] [FROM FILE|ENV|COMMAND text] \"what it is\"", "Declares what the run is given: TEXT NUMBER TRUTH DURATION SIZE SECRET."},
		{"USE", "USE \"module\"", "Imports the FUNCTIONs of a module."},
		{"REQUIRE", "REQUIRE expr, \"message\"", "Refuses the run before its first change unless the condition holds."},
		{"STEP", "STEP \"title\" [TIMEOUT duration] [RETRY n [EVERY duration]] [WHEN expr] DO … [UNDO …] END", "A named part of a runbook that can be retried, skipped and undone."},
		{"PARALLEL", "PARALLEL [MAX n] DO STEP … END … END", "Runs STEPs at the same time."},
		{"TRY", "TRY … [ON ERROR $e DO …] [FINALLY …] END", "Handles a failure of the block."},
		{"CONFIRM", "CONFIRM \"question\"", "Asks a person before going on."},
		{"CONFIRM", "CONFIRM TYPED \"text\" \"why\"", "Asks a person to type a text; --yes does not answer it."},
		{"POINT", "POINT OF NO RETURN", "Marks the point after which undo refuses."},
		{"MANUAL", "MANUAL \"what to do\" [UNTIL expr]", "Shows a person what to do and waits until it is done."},
		{"FUNCTION", "FUNCTION name($a, $b = 1) … END", "Declares a function."},
		{"RETURN", "RETURN [expr]", "Leaves the function with a value."},
		{"RUN", "RUN \"file\" [(name = expr, …)]", "Runs another runbook in the same journal and locks."},
	}
}

// reservedWords holds the words of statements, operators and constants, in upper case.
var reservedWords = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields("AND OR NOT TRUE FALSE NONE ENDIF ENDWHILE ENDFOR") {
		words[w] = true
	}
	for _, s := range Statements() {
		for _, w := range strings.FieldsFunc(s.Usage, func(r rune) bool { return r < 'A' || r > 'z' || r > 'Z' && r < 'a' }) {
			if w == strings.ToUpper(w) {
				words[w] = true
			}
		}
	}
	for _, w := range strings.Fields("TYPE TYPED FILE ENV COMMAND") { // they mean something only after their statement's word
		delete(words, w)
	}
	return words
})

// Reserved says whether the word means something in statements or expressions, so that no FUNCTION may be called so.
func Reserved(word string) bool { return reservedWords()[strings.ToUpper(word)] }
