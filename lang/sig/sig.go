// Package sig says what a command looks like: a usage line is its grammar. Data only.
package sig

// Effect says what a command may do to the world. The zero value is not an effect.
type Effect int

// The effects, as HELP prints them.
const (
	Session Effect = iota + 1 // changes only what this run remembers (SOURCE, LOGIN)
	Reads                     // observes; may stand inside an expression
	Changes                   // changes a system; has an inverse
	Waits                     // waits for a level
	Final                     // changes a system and cannot be undone
)

func (e Effect) String() string {
	return [...]string{"", "session", "reads", "changes", "waits", "cannot be undone"}[e]
}

// Signature is what lang knows of one command.
type Signature struct {
	// Usage is the grammar: words and marks stand for themselves in any case, <name> or <name:type> is a slot (without a
	// type the type of its own name if there is one, else text), [x] may be left out, (a | b) and a|b are choices, … after
	// an element repeats it, [, x]… is a list; options (-x, /x) after the head come in any order, each with the slots
	// that follow it; /cluster:<c> and <user>[:<password:secret>] are glued slots; <x:pairing> is words joined by
	// commas; <x:properties>, or (key=value, …), a list of properties.
	Usage   string
	Summary string            // one sentence
	Docs    map[string]string // slot name → what it is
	Result  string            // what a capture gets; "" for 0
	Effect  Effect
	Example string
	// OldLine marks an old program's form: in a script such a line may end at its newline.
	OldLine bool
	// Unsupported says why the configured driver cannot do it; HELP stars it. "" when it can.
	Unsupported string
}

// Arg is one matched element of a usage line: a slot with its value, or a keyword (Type "keyword").
type Arg struct {
	Name string // slot name as in the usage line; a keyword or option in upper case, as in the usage line without - or /
	Type string // slot type; "keyword" for a keyword or an option
}
