package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/rules"
)

// allRules are the rules that are built in and those of the site file.
func (s *siteFile) allRules() []rules.Rule {
	all := rules.BuiltIn()
	for _, c := range s.conditions {
		all = append(all, c.Rule)
	}
	return all
}

// compileRules reads the rules of a site file; a mistake in one is a wrong call that names file and rule.
func (a *app) compileRules(s *siteFile, path string) error {
	if w := s.Defaults.Witness; w != "" {
		if _, known := s.Agents[w]; !known {
			return wrong("it names an agent of the site file", "site file %q: the witness is %q, which is no agent", path, w)
		}
	}
	if len(s.Rules) == 0 {
		return nil
	}
	all := builtins.All(builtins.Systems{})
	set, err := builtins.Set(all)
	if err != nil {
		return err
	}
	lang := rules.Language{Set: set, Names: s.names()}
	for i := range all {
		if e := all[i].Effect; e == sig.Changes || e == sig.Final {
			lang.Usages = append(lang.Usages, all[i].Usage)
		}
	}
	s.conditions, err = rules.Compile(path, s.Rules, lang)
	var mistake *rules.MistakeError
	if errors.As(err, &mistake) {
		if len(mistake.Diagnostics) > 0 {
			return a.diagnostics(mistake.Diagnostics)
		}
		return wrong(mistake.Hint, "%s", mistake.Message)
	}
	return err
}

// helpRules lists the safety rules: those that are built in and those of the site, if there is one.
func (a *app) helpRules() (string, error) {
	file, err := a.loadSite()
	if errors.Is(err, errNoSite) {
		file, err = &siteFile{}, nil
	}
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("Safety rules\n")
	for _, r := range file.allRules() {
		fmt.Fprintf(&b, "  %s\n      %s\n", r.ID, r.Text)
	}
	b.WriteString("\nA change that breaks one is refused before it is made, and no script can catch that. One rule at a time is\n" +
		"overridden by its name: --override RULE --reason \"why\" with run, resume, undo, plan and do. The reason goes to the journal.\n" +
		"[[rules]] in the site file adds a site's own.\n")
	return b.String(), nil
}

// guarded gives the commands over systems, with the safety rules before every one that changes something.
func (s *site) guarded(systems builtins.Systems) plan.Lookup {
	lookup := builtins.Lookup(builtins.All(systems))
	return func(g *sig.Signature) (*plan.Record, error) {
		rec, err := lookup(g)
		if err != nil || rec.Observe == nil {
			return rec, err
		}
		guard := s.guard(systems, g.Usage)
		if guard == nil {
			return rec, nil
		}
		with := *rec
		with.Guard = guard
		return &with, nil
	}
}

// guard gives what looks at the changes of a command; nil where no rule is about it.
func (s *site) guard(systems builtins.Systems, usage string) *plan.Guard {
	var asked []*rules.Condition
	for _, c := range s.file.conditions {
		if c.Before(usage) {
			asked = append(asked, c)
		}
	}
	clusters := strings.HasPrefix(usage, "CLUSTER ")
	if !clusters && len(asked) == 0 {
		return nil
	}
	// Two changes at once may each keep a rule that both together break.
	return &plan.Guard{Alone: len(asked) > 0, Check: func(ctx context.Context, g *plan.Guarded) (func(), error) {
		var done func()
		if clusters {
			var err error
			if done, err = s.owners.check(ctx, &owning{site: s, systems: systems, change: g}); err != nil {
				return done, err
			}
		}
		return done, s.judge(ctx, systems, asked, g)
	}}
}

// judge asks the site's own rules before a change and after it, on copies of the systems in memory.
func (s *site) judge(ctx context.Context, systems builtins.Systems, asked []*rules.Condition, g *plan.Guarded) error {
	if len(asked) == 0 {
		return nil
	}
	after, err := s.copied(systems, true)
	if err != nil {
		return err
	}
	before, err := s.copied(systems, false)
	if err != nil {
		return err
	}
	// One that does not go well leaves what it had done until then: the rules judge that.
	_ = g.Rehearse(ctx, builtins.Lookup(builtins.All(after)))
	for _, c := range asked {
		refusal, err := c.Judge(ctx, s.asked(before), s.asked(after))
		if err != nil {
			return err
		}
		if refusal == nil {
			continue
		}
		if err := plan.Breach(ctx, *refusal); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// asked gives the commands for the site's own rules: they mean the site's own source and target, whatever a script has chosen.
func (s *site) asked(systems builtins.Systems) plan.Lookup {
	if agents, err := systems.Mirror.Mirror(); err == nil {
		systems.Mirror = &agentSystems{agents, s.file.Defaults.Source, s.file.Defaults.Target}
	}
	return builtins.Lookup(builtins.All(systems))
}
