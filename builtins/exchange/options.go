package exchange

import (
	"fmt"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// defaultLog is where EXCHFAILOVER logs without -l.
const defaultLog = "ExchFailover.log"

// options are what one EXCHFAILOVER was asked to do.
type options struct {
	flags          map[string]bool // those given, in lower case and without -
	source, target string
	log            string
	typed          string // what the operator typed after -typed
	rules          []rule
	login          directory.Login
}

func (o *options) has(flag string) bool { return o.flags[flag] }

// failback says that the mailboxes go home.
func (o *options) failback() bool { return o.has("failback") }

// flagNames are the options without a value; valueNames those with one.
func flagNames() []string {
	return []string{"failover", "failback", "norus", "nospn", "nopublicfolders", "onlypublicfolders", "setup", "test"}
}

// readOptions takes the options of a call and of the file that it names. The call's own win.
func readOptions(c *def.Call, readFile func(string) ([]byte, error)) (*options, error) {
	o := &options{flags: map[string]bool{}, log: c.Text("log"), source: c.Text("source"), target: c.Text("target"), typed: c.Text("sentence"),
		login: directory.Login{User: c.Text("user"), Password: c.Secret("password")}}
	for _, name := range flagNames() {
		o.flags[name] = c.Has(strings.ToUpper(name))
	}
	if err := o.addRules(c); err != nil {
		return nil, err
	}
	if path := c.Text("options"); path != "" {
		raw, err := readFile(path)
		if err != nil {
			return nil, value.Failf(value.CodeBadParameter, "cannot read options file %q: %w", path, err)
		}
		if err := o.addFile(string(raw)); err != nil {
			return nil, value.Failf(value.CodeBadParameter, "options file %q: %w", path, err)
		}
	}
	if o.log == "" {
		o.log = defaultLog
	}
	return o, o.check()
}

// addRules takes every -r of a call; one without a rule stands for all by name.
func (o *options) addRules(c *def.Call) error {
	for i, a := range c.Args {
		if a.Type != "keyword" || a.Name != "R" {
			continue
		}
		text := ""
		if i+1 < len(c.Args) && c.Args[i+1].Name == "rule" {
			text, _ = value.AsText(c.Vals[i+1])
		}
		if err := o.addRule(text); err != nil {
			return value.Failf(value.CodeBadParameter, "%w", err)
		}
	}
	return nil
}

func (o *options) addRule(text string) error {
	if text == "" {
		o.rules = append(o.rules, rule{})
		return nil
	}
	r, err := parseRule(text)
	if err == nil {
		o.rules = append(o.rules, r)
	}
	return err
}

func (o *options) check() error {
	fail := func(hint, format string, args ...any) error {
		return value.Failf(value.CodeBadParameter, format, args...).Hint("%s", hint)
	}
	switch {
	case o.has("failover") == o.has("failback"):
		return fail("say -FAILOVER or -FAILBACK", "EXCHFAILOVER got both or none of -FAILOVER and -FAILBACK")
	case o.source == "" || o.target == "":
		return fail("-s names the original source, -t the original target, in both directions", "EXCHFAILOVER got no source or no target")
	case strings.EqualFold(o.source, o.target):
		return fail("-s names the original source, -t the original target", "EXCHFAILOVER got %q as both source and target", o.source)
	case o.has("nopublicfolders") && o.has("onlypublicfolders"):
		return fail("leave one out", "EXCHFAILOVER got both -nopublicfolders and -onlypublicfolders")
	}
	return nil
}

// addFile adds the options of a file: the same words as on the command line, on as many lines as one likes; # begins
// a comment.
func (o *options) addFile(text string) error {
	words, err := fileWords(text)
	if err != nil {
		return err
	}
	for i := 0; i < len(words); {
		name := strings.ToLower(strings.TrimLeft(words[i], "-/"))
		if !isOption(words[i]) {
			return fmt.Errorf("got %q, want an option", name)
		}
		end := i + 1
		for end < len(words) && !isOption(words[end]) {
			end++
		}
		if err := o.addOption(name, words[i+1:end]); err != nil {
			return err
		}
		i = end
	}
	return nil
}

func isOption(w string) bool {
	return len(w) > 1 && (w[0] == '-' || w[0] == '/') && (w[1]|0x20 >= 'a' && w[1]|0x20 <= 'z' || w[1] == '?')
}

func (o *options) addOption(name string, operands []string) error {
	for _, flag := range flagNames() {
		if name == flag {
			if len(operands) > 0 {
				return fmt.Errorf("got words after -%s, want none", name)
			}
			o.flags[name] = true
			return nil
		}
	}
	if name == "r" {
		return o.addRule(strings.Join(operands, ""))
	}
	if len(operands) != 1 {
		return fmt.Errorf("got %d words after -%s, want 1", len(operands), name) // not the words: one may be a password
	}
	into := map[string]*string{"s": &o.source, "t": &o.target, "l": &o.log, "typed": &o.typed, "u": &o.login.User}[name]
	switch {
	case into == nil:
		return fmt.Errorf("got unknown option -%s", name)
	case *into != "":
	case name == "u":
		o.login.User, o.login.Password, _ = strings.Cut(operands[0], ":")
	default:
		*into = operands[0]
	}
	return nil
}

// fileWords cuts a text into words at blanks outside of quotes.
func fileWords(text string) ([]string, error) {
	var words []string
	for n, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		var word strings.Builder
		inWord, quoted := false, false
		for _, r := range strings.TrimSpace(line) + " " {
			switch {
			case r == '"':
				quoted, inWord = !quoted, true
			case !quoted && (r == ' ' || r == '\t'):
				if inWord {
					words = append(words, word.String())
					word.Reset()
				}
				inWord = false
			case !quoted && !inWord && r == '#':
				quoted = false
				goto next
			default:
				word.WriteRune(r)
				inWord = true
			}
		}
	next:
		if quoted {
			return nil, fmt.Errorf("line %d: got a quote without its end", n+1)
		}
	}
	return words, nil
}
