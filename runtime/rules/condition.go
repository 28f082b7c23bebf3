package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Spec is a rule as a site file states it.
type Spec struct {
	ID      string   `toml:"id"`
	Text    string   `toml:"text"`
	Require string   `toml:"require"`          // an expression that may read and must hold
	Before  []string `toml:"before,omitempty"` // the first words of the commands before which it is asked; none means all that change something
}

// Condition is a site's own rule, ready to be asked.
type Condition struct {
	Rule
	require string
	before  [][]string
	program *vm.Program
}

// Language is what a site's rules are written in.
type Language struct {
	Set   *sig.Set
	Names map[string][]string // what the site's systems are called, by slot type
	// Usages are the usage lines of all commands that change something.
	Usages []string
}

// MistakeError says that a site file's rule is wrong, at its place in the expression where it has one.
type MistakeError struct {
	Message, Hint string
	Diagnostics   []*diag.Diagnostic
}

func (e *MistakeError) Error() string {
	if len(e.Diagnostics) > 0 {
		return e.Diagnostics[0].Error()
	}
	return e.Message
}

// Compile reads the rules of a site file; the error is a *MistakeError that names file and rule.
func Compile(file string, specs []Spec, lang Language) ([]*Condition, error) {
	var all []*Condition
	seen := map[string]bool{}
	for _, r := range BuiltIn() {
		seen[r.ID] = true
	}
	for i, s := range specs {
		wrong := func(hint, format string, args ...any) error {
			return &MistakeError{Message: fmt.Sprintf("site file %q: ", file) + fmt.Sprintf(format, args...), Hint: hint}
		}
		switch {
		case !spelled(s.ID):
			return nil, wrong("an id is what one types behind --override", "rule %d has the id %q, want small letters, digits and hyphens", i+1, s.ID)
		case seen[s.ID]:
			return nil, wrong("give each rule an id of its own; standin help rules lists those that are built in", "rule %q is there already", s.ID)
		case strings.TrimSpace(s.Text) == "" || strings.ContainsAny(s.Text, "\n\r"):
			return nil, wrong("say in text what holds, as a person would read it in a refusal", "rule %q has the text %q, want one line", s.ID, s.Text)
		case strings.TrimSpace(s.Require) == "":
			return nil, wrong("state what must hold, as behind REQUIRE", "rule %q has no require", s.ID)
		}
		seen[s.ID] = true
		c, err := compile(file, s, lang)
		if err != nil {
			return nil, err
		}
		for _, head := range s.Before {
			words := strings.Fields(head)
			if len(words) == 0 || !slices.ContainsFunc(lang.Usages, func(usage string) bool { return begins(usage, words) }) {
				return nil, wrong(suggestHead(head, lang.Usages), "rule %q stands before %q, which begins no command that changes something", s.ID, head)
			}
			c.before = append(c.before, words)
		}
		all = append(all, c)
	}
	return all, nil
}

func suggestHead(head string, usages []string) string {
	var heads []string
	for _, u := range usages {
		first, _, _ := strings.Cut(u, " ")
		if !slices.Contains(heads, first) {
			heads = append(heads, first)
		}
	}
	if near := diag.Suggest(strings.ToUpper(head), heads); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "the commands that change something begin with " + strings.Join(heads, ", ")
}

// compile makes a program of a rule's expression: what stands behind REQUIRE can only read.
func compile(file string, s Spec, lang Language) (*Condition, error) {
	src := &diag.Source{
		Name: fmt.Sprintf("%s, rule %s", file, s.ID),
		Text: "REQUIRE " + strings.TrimSpace(s.Require) + "\n, 'the rule holds';",
	}
	tree, ds := syntax.Parse(src, syntax.Options{})
	if len(ds) == 0 && len(tree.Body) != 1 {
		return nil, &MistakeError{Message: fmt.Sprintf("%s: got %d statements, want one expression", src.Name, len(tree.Body))}
	}
	p, more := check.Check(tree, lang.Set, check.Options{Names: lang.Names})
	if ds = diag.Sort(append(ds, more...)); len(ds) > 0 {
		return nil, &MistakeError{Diagnostics: ds}
	}
	unit, ds := lower.Lower(p, lower.Options{Plan: true})
	if len(ds) > 0 {
		return nil, &MistakeError{Diagnostics: ds}
	}
	return &Condition{
		Rule: Rule{s.ID, s.Text}, require: strings.Join(strings.Fields(s.Require), " "), program: vm.Load(unit),
	}, nil
}

// Before says whether the rule is asked before a command of that usage line.
func (c *Condition) Before(usage string) bool {
	return len(c.before) == 0 || slices.ContainsFunc(c.before, func(words []string) bool { return begins(usage, words) })
}

// begins says whether a usage line's fixed words begin with these; slots between them are passed over.
func begins(usage string, words []string) bool {
	at := 0
	for _, field := range strings.Fields(usage) {
		field = strings.Trim(field, "()[]")
		switch {
		case at == len(words):
			return true
		case strings.HasPrefix(field, "<") || strings.HasPrefix(field, "/"):
		case slices.ContainsFunc(strings.Split(field, "|"), func(f string) bool { return strings.EqualFold(f, words[at]) }):
			at++
		default:
			return false
		}
	}
	return at == len(words)
}

// Verdict is how an expression stands; a higher one is better.
type Verdict int

// The verdicts.
const (
	Fails Verdict = iota
	Unknown
	Holds
)

// Ask evaluates the rule over systems that are only read; why says what is unknown. What cannot be read is unknown, and
// the rule may hold all the same. The error is that of ctx.
func (c *Condition) Ask(ctx context.Context, systems plan.Lookup) (v Verdict, why string, err error) {
	p, err := plan.Predict(ctx, plan.Config{}, func() plan.Lookup { return tolerant(systems) }, c.program, nil)
	if err != nil {
		return Unknown, "", err
	}
	var failed *plan.RequireError
	switch {
	case len(p.Missing) > 0:
		return Unknown, p.Missing[0], nil
	case p.Failure == nil:
		return Holds, "", nil
	case !errors.As(p.Failure, &failed):
		first, _, _ := strings.Cut(p.Failure.Error(), "\n")
		return Unknown, first, nil
	}
	for _, l := range p.Lines {
		if l.Kind == "require" && l.Why == "" {
			return Unknown, unknownIn(p), nil
		}
	}
	return Fails, "", nil
}

// unknownIn says on what a plan has branched.
func unknownIn(p *plan.Plan) string {
	for _, l := range p.Lines {
		if l.Kind == "branch" && l.Why != "" {
			return l.Why
		}
	}
	return "it depends on what nobody can know before"
}

// tolerant makes what cannot be read unknown.
func tolerant(systems plan.Lookup) plan.Lookup {
	return func(s *sig.Signature) (*plan.Record, error) {
		rec, err := systems(s)
		if err != nil || rec.Read == nil {
			return rec, err
		}
		with := *rec
		with.Read = func(ctx context.Context, c *plan.Call) (value.Value, error) {
			v, err := rec.Read(ctx, c)
			if err != nil && ctx.Err() == nil {
				return value.Unknown(plan.AsFailure(err).Message), nil
			}
			return v, err
		}
		return &with, nil
	}
}

// Judge asks the rule before and after a change and gives what refuses it: the change makes false or unknown what
// holds. nil allows it, also where nothing gets worse than it is. The error is that of ctx.
func (c *Condition) Judge(ctx context.Context, before, after plan.Lookup) (*plan.Refusal, error) {
	then, why, err := c.Ask(ctx, after)
	if err != nil || then == Holds {
		return nil, err
	}
	now, _, err := c.Ask(ctx, before)
	if err != nil || then >= now {
		return nil, err
	}
	r := &plan.Refusal{Rule: c.ID, Found: fmt.Sprintf("afterwards it would not hold that %s", c.Text), Wanted: c.require}
	if then == Unknown {
		r.Found = fmt.Sprintf("afterwards nobody could tell whether %s: %s", c.Text, why)
	}
	return r, nil
}
