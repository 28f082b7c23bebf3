package sig

import (
	"slices"
	"strings"
	"sync"
)

// Function is a built-in function of the language.
type Function struct {
	Name     string
	Usage    string
	Summary  string // one sentence
	Min, Max int    // how many arguments it takes; Max -1 is any number
}

// Functions is the table of built-in functions in alphabetical order; their names are case-insensitive.
func Functions() []Function {
	return []Function{
		{"abs", "abs(number)", "The number without its sign.", 1, 1},
		{"char", "char(code)", "The character with that Unicode code point; char(10) is a newline.", 1, 1},
		{"contains", "contains(list_or_text_or_map, item)", "Whether the list has the item, the text the text, the map the key.", 2, 2},
		{"ends", "ends(text, with)", "Whether the text ends with the other text.", 2, 2},
		{"failed", "failed(result)", "Whether a command's result says that it failed: a number below 0.", 1, 1},
		{"format", "format(template, value, …)", "The template with each {} replaced by the next value; {:8} and {:<8} pad to a width on the left or the right, {:.2} rounds to decimals.", 1, -1},
		{"join", "join(list, separator)", "The list's items as one text with the separator between them.", 2, 2},
		{"keys", "keys(map)", "The map's keys as a list in their order.", 1, 1},
		{"len", "len(value)", "How many characters a text, items a list, members a map has.", 1, 1},
		{"lower", "lower(text)", "The text in lower case.", 1, 1},
		{"match", "match(text, pattern)", "What a regular expression finds first, as a list of the whole and its groups; [] where it finds nothing.", 2, 2},
		{"max", "max(number, …)", "The largest of the numbers or of a list of numbers.", 1, -1},
		{"min", "min(number, …)", "The smallest of the numbers or of a list of numbers.", 1, -1},
		{"now", "now()", "The time as a text such as 2026-11-22T09:30:00.000Z.", 0, 0},
		{"number", "number(text)", "The number that a text spells; durations become milliseconds, sizes bytes.", 1, 1},
		{"replace", "replace(text, old, new)", "The text with every old replaced by new.", 3, 3},
		{"round", "round(number, decimals)", "The number rounded to a whole one, or to so many decimals.", 1, 2},
		{"since", "since(time)", "How many milliseconds have gone by since a time that now() gave.", 1, 1},
		{"sort", "sort(list)", "The list in rising order.", 1, 1},
		{"split", "split(text, separator)", "The parts of the text between the separators as a list; without a separator its words.", 1, 2},
		{"starts", "starts(text, with)", "Whether the text starts with the other text.", 2, 2},
		{"text", "text(value)", "The value as WRITE prints it.", 1, 1},
		{"trim", "trim(text)", "The text without the blanks around it.", 1, 1},
		{"unique", "unique(list)", "The list without the items that were there before.", 1, 1},
		{"upper", "upper(text)", "The text in upper case.", 1, 1},
	}
}

// functionTable is Functions, built on first use.
var functionTable = sync.OnceValue(Functions)

// FunctionOf gives the built-in function of that name in any case.
func FunctionOf(name string) (Function, bool) {
	table := functionTable()
	i, ok := slices.BinarySearchFunc(table, strings.ToLower(name), func(f Function, name string) int {
		return strings.Compare(f.Name, name)
	})
	if !ok {
		return Function{}, false
	}
	return table[i], true
}
