package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

var setDoc = map[string]string{"set": "name of a replication set of the source; upper and lower case differ"}

// setState is what a change of a set records: the set as it was and as it became, nil where there is none.
type setState struct {
	Agent string `json:"agent"`
	Name  string `json:"name"`
	Old   *Set   `json:"old"`
	New   *Set   `json:"new"`
}

func (s *session) setCommands() []def.Command {
	edit := func(usage, summary, example string, f func(c *def.Call, old *Set) (*Set, error)) def.Command {
		return def.Command{
			Signature: sig.Signature{Usage: usage, Summary: summary, Docs: setDoc, Effect: sig.Changes, Example: example},
			Observe: func(ctx context.Context, c *def.Call) (*def.Action, error) {
				return s.edit(ctx, c, f)
			},
			Undo: s.undoSet,
		}
	}
	return []def.Command{
		edit("REPSET CREATE <set>", "Makes an empty replication set.", "REPSET CREATE reports;", createSet),
		edit("REPSET DELETE <set>", "Deletes a replication set; its connections keep their rules.",
			"REPSET DELETE mailstores;", func(*def.Call, *Set) (*Set, error) { return nil, nil }),
		edit("REPSET SAVE <set>", "Saves a replication set; only a saved one is used.", "REPSET SAVE mailstores;", saveSet),
		s.renameCommand(),
		{
			Signature: sig.Signature{
				Usage: "REPSET DISPLAY <set>", Summary: "Shows a replication set.", Docs: setDoc, Effect: sig.Reads,
				Result:  "a map: name, saved, rules (a list of maps: path, exclude, recurse)",
				Example: "REPSET DISPLAY mailstores;",
			},
			Read: s.displaySet,
		},
		{
			Signature: sig.Signature{
				Usage: "REPSET CALCULATE <set>", Summary: "Counts what a replication set covers.", Docs: setDoc,
				Result: "a map: files, folders, bytes, not_carried", Effect: sig.Reads,
				Example: "REPSET CALCULATE mailstores;",
			},
			Read: s.calculateSet,
		},
		{
			Signature: sig.Signature{
				Usage: "REPSET LIST", Summary: "Lists the replication sets of the source.", Effect: sig.Reads,
				Result: "a list of names", Example: "REPSET LIST;",
			},
			Read: func(ctx context.Context, _ *def.Call) (value.Value, error) {
				sys, source, err := s.open(ctx)
				if err != nil {
					return nil, err
				}
				sets, err := sys.Sets(ctx, source)
				if err != nil {
					return nil, err
				}
				return value.From(setNames(sets)), nil
			},
		},
	}
}

func createSet(c *def.Call, old *Set) (*Set, error) {
	if old != nil {
		return old, nil
	}
	return &Set{Name: c.Text("set")}, nil
}

func saveSet(c *def.Call, old *Set) (*Set, error) {
	if old == nil {
		return nil, errNoSet
	}
	saved := *old
	saved.Saved = true
	return &saved, nil
}

// errNoSet is how an edit says that it needs the set to exist.
var errNoSet = fmt.Errorf("no such set")

func (s *session) ruleCommands() []def.Command {
	docs := map[string]string{
		"path": "a folder or file of the source, which need not exist yet", "set": setDoc["set"],
	}
	rule := func(usage, summary, example string, f func(*def.Call, *Set) (*Set, error)) def.Command {
		return def.Command{
			Signature: sig.Signature{Usage: usage, Summary: summary, Docs: docs, Effect: sig.Changes, Example: example},
			Observe:   func(ctx context.Context, c *def.Call) (*def.Action, error) { return s.edit(ctx, c, f) },
			Undo:      s.undoSet,
		}
	}
	return []def.Command{
		rule("REPSET RULE ADD <path> [INCLUDE|EXCLUDE][,(RECURSE|NORECURSE)] TO <set>",
			"Adds a rule to a set: what of a path belongs to it; the most specific rule decides.",
			`REPSET RULE ADD E:\Exchsrvr\Temp EXCLUDE,RECURSE TO mailstores;`, addRule),
		rule("REPSET RULE REMOVE <path> FROM <set>", "Removes a rule from a set.",
			`REPSET RULE REMOVE E:\Exchsrvr FROM mailstores;`, removeRule),
	}
}

func addRule(c *def.Call, old *Set) (*Set, error) {
	if old == nil {
		return nil, errNoSet
	}
	path, err := CleanPath(c.Text("path"))
	if err != nil {
		return nil, err
	}
	r := Rule{Path: path, Exclude: c.Has("EXCLUDE"), Recurse: !c.Has("NORECURSE")}
	if slices.Contains(old.Rules, r) {
		return old, nil
	}
	set := &Set{Name: old.Name, Rules: without(old.Rules, path)}
	set.Rules = append(set.Rules, r)
	return set, nil
}

func removeRule(c *def.Call, old *Set) (*Set, error) {
	if old == nil {
		return nil, errNoSet
	}
	path, err := CleanPath(c.Text("path"))
	if err != nil {
		return nil, err
	}
	rules := without(old.Rules, path)
	if len(rules) == len(old.Rules) {
		return old, nil
	}
	return &Set{Name: old.Name, Rules: rules}, nil
}

func without(rules []Rule, path string) []Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.Path == path })
}

// edit observes a change of one set: f says what becomes of it, nil for nothing.
func (s *session) edit(ctx context.Context, c *def.Call, f func(*def.Call, *Set) (*Set, error)) (*def.Action, error) {
	sys, source, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	name := c.Text("set")
	sets, err := sys.Sets(ctx, source)
	if err != nil {
		return nil, err
	}
	old := findSet(sets, name)
	set, err := f(c, old)
	switch {
	case err == errNoSet:
		return nil, noSet(source, name, sets)
	case err != nil:
		return nil, err
	case old.same(set):
		return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("replication set %q is so already", name)}, nil
	}
	return &def.Action{
		Done:    plan.No,
		Changes: []plan.Change{setChange(source, name, old, set)},
		Do: func(ctx context.Context) (value.Value, error) {
			if set == nil {
				return value.Int(0), sys.DropSet(ctx, source, name)
			}
			return value.Int(0), sys.PutSet(ctx, source, *set)
		},
	}, nil
}

func setChange(agent, name string, old, set *Set) plan.Change {
	inverse, _ := json.Marshal(setState{agent, name, old, set}) // such a struct always encodes
	return plan.Change{
		System: "agent " + agent, What: fmt.Sprintf("replication set %q", name),
		From: old.String(), To: set.String(), Inverse: inverse,
	}
}

func (s *session) undoSet(ctx context.Context, inverse json.RawMessage) error {
	var was setState
	if err := json.Unmarshal(inverse, &was); err != nil {
		return err
	}
	sys, err := s.systems.Mirror()
	if err != nil {
		return err
	}
	sets, err := sys.Sets(ctx, was.Agent)
	if err != nil {
		return err
	}
	switch now := findSet(sets, was.Name); {
	case now.same(was.Old):
		return nil
	case !now.same(was.New):
		return othersChanged(fmt.Sprintf("replication set %q of agent %q", was.Name, was.Agent), now.String(), was.New.String(), was.Old.String())
	}
	if was.Old == nil {
		return sys.DropSet(ctx, was.Agent, was.Name)
	}
	return sys.PutSet(ctx, was.Agent, *was.Old)
}

func (s *session) renameCommand() def.Command {
	return def.Command{
		Signature: sig.Signature{
			Usage: "REPSET RENAME <set> TO <name:set>", Summary: "Gives a replication set another name.",
			Docs: map[string]string{"set": setDoc["set"], "name": "its new name"}, Effect: sig.Changes,
			Example: "REPSET RENAME mailstores TO mail;",
		},
		Observe: s.rename,
		Undo:    s.undoSet,
	}
}

func (s *session) rename(ctx context.Context, c *def.Call) (*def.Action, error) {
	sys, source, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	from, to := c.Text("set"), c.Text("name")
	sets, err := sys.Sets(ctx, source)
	if err != nil {
		return nil, err
	}
	old, there := findSet(sets, from), findSet(sets, to)
	switch {
	case old == nil && there != nil:
		return &def.Action{Done: plan.Yes, Why: fmt.Sprintf("replication set %q has that name already", to)}, nil
	case old == nil:
		return nil, noSet(source, from, sets)
	case there != nil && there.same(old.named(to)):
		return dropping(sys, source, old), nil // the rename was cut off between its two halves
	case there != nil:
		return nil, value.Failf(value.CodeConflict, "agent %q has a replication set %q already", source, to).
			Hint("REPSET DELETE it, or choose another name")
	}
	renamed, a := old.named(to), dropping(sys, source, old)
	drop := a.Do
	a.Changes = slices.Insert(a.Changes, 0, setChange(source, to, nil, renamed))
	a.Do = func(ctx context.Context) (value.Value, error) {
		if err := sys.PutSet(ctx, source, *renamed); err != nil {
			return nil, err
		}
		return drop(ctx)
	}
	return a, nil
}

// dropping observes the end of a set.
func dropping(sys System, agent string, old *Set) *def.Action {
	return &def.Action{
		Done:    plan.No,
		Changes: []plan.Change{setChange(agent, old.Name, old, nil)},
		Do: func(ctx context.Context) (value.Value, error) {
			return value.Int(0), sys.DropSet(ctx, agent, old.Name)
		},
	}
}

// named gives a set under another name.
func (s *Set) named(name string) *Set {
	other := *s
	other.Name = name
	return &other
}

func (s *session) displaySet(ctx context.Context, c *def.Call) (value.Value, error) {
	_, _, set, err := s.set(ctx, c)
	if err != nil {
		return nil, err
	}
	rules := []any{}
	for _, r := range set.Rules {
		rules = append(rules, map[string]any{"path": r.Path, "exclude": r.Exclude, "recurse": r.Recurse})
	}
	return value.From(map[string]any{"name": set.Name, "saved": set.Saved, "rules": rules}), nil
}

func (s *session) calculateSet(ctx context.Context, c *def.Call) (value.Value, error) {
	sys, source, set, err := s.set(ctx, c)
	if err != nil {
		return nil, err
	}
	n, err := sys.Survey(ctx, source, set)
	if err != nil {
		return nil, err
	}
	return value.From(map[string]any{
		"files": n.Files, "folders": n.Folders, "bytes": n.Bytes, "not_carried": n.NotCarried,
	}), nil
}

// set finds the set of a call at the source.
func (s *session) set(ctx context.Context, c *def.Call) (System, string, Set, error) {
	sys, source, err := s.open(ctx)
	if err != nil {
		return nil, "", Set{}, err
	}
	sets, err := sys.Sets(ctx, source)
	if err != nil {
		return nil, "", Set{}, err
	}
	set := findSet(sets, c.Text("set"))
	if set == nil {
		return nil, "", Set{}, noSet(source, c.Text("set"), sets)
	}
	return sys, source, *set, nil
}

func findSet(sets []Set, name string) *Set {
	if i := slices.IndexFunc(sets, func(s Set) bool { return s.Name == name }); i >= 0 {
		return &sets[i]
	}
	return nil
}

func setNames(sets []Set) []string {
	names := make([]string, len(sets))
	for i, s := range sets {
		names[i] = s.Name
	}
	return names
}

func noSet(agent, name string, sets []Set) error {
	f := value.Failf(value.CodeNotThere, "agent %q has no replication set %q", agent, name)
	if len(sets) > 0 {
		return f.Hint("it has %s; upper and lower case differ", strings.Join(setNames(sets), ", "))
	}
	return f.Hint("REPSET CREATE makes one")
}

// same says whether two sets are equal; nil is no set.
func (s *Set) same(o *Set) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.Name == o.Name && s.Saved == o.Saved && slices.Equal(s.Rules, o.Rules)
}

// String gives a set's rules in words; "" for no set.
func (s *Set) String() string {
	if s == nil {
		return ""
	}
	var words []string
	for _, r := range s.Rules {
		words = append(words, r.String())
	}
	text := strings.Join(words, "; ")
	if text == "" {
		text = "no rules"
	}
	if !s.Saved {
		text += " (not saved)"
	}
	return text
}

// String gives a rule in the words of the command that adds it.
func (r Rule) String() string {
	word, below := "INCLUDE", "RECURSE"
	if r.Exclude {
		word = "EXCLUDE"
	}
	if !r.Recurse {
		below = "NORECURSE"
	}
	return r.Path + " " + word + "," + below
}
