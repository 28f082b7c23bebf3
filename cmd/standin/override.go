package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/rules"
)

// overrideFlags are the safety rules that a call overrides, each with its reason.
type overrideFlags struct{ given []rules.Override }

// add adds --override RULE --reason TEXT to a subcommand; the pair may be repeated. There is no word that overrides all.
func (o *overrideFlags) add(fs *flag.FlagSet) {
	fs.Func("override", "override the safety rule of this `id`, with --reason behind it; standin help rules lists them", func(id string) error {
		o.given = append(o.given, rules.Override{Rule: id})
		return nil
	})
	fs.Func("reason", "why the rule is overridden, as a `text` for the journal", func(why string) error {
		if n := len(o.given); n > 0 && o.given[n-1].Reason == "" {
			o.given[n-1].Reason = why
			return nil
		}
		return errors.New("it stands behind the --override that it is for")
	})
}

// overriding lets the calls of a subcommand override rules.
func overriding(own func(*flag.FlagSet) runner) func(*flag.FlagSet) runner {
	return func(fs *flag.FlagSet) runner {
		o := &overrideFlags{}
		o.add(fs)
		run := own(fs)
		return func(a *app, ctx context.Context, args []string) error {
			a.over = *o
			return run(a, ctx, args)
		}
	}
}

// accept checks the overrides against the rules of a site; an unknown rule or a missing reason is a wrong call.
func (o *overrideFlags) accept(site *siteFile) (plan.Overrides, error) {
	if len(o.given) == 0 {
		return plan.Overrides{}, nil
	}
	reasons, err := rules.Accept(o.given, site.allRules())
	var unknown *rules.UnknownError
	switch {
	case errors.As(err, &unknown):
		hint := "the rules are " + strings.Join(unknown.IDs, ", ")
		if unknown.Near != "" {
			hint = fmt.Sprintf("did you mean %s? %s", unknown.Near, hint)
		}
		return plan.Overrides{}, wrong(hint, "there is no safety rule %q", unknown.ID)
	case err != nil:
		return plan.Overrides{}, wrong(`--override RULE --reason "why"`, "%v", err)
	}
	return plan.Overrides{Reasons: reasons, By: *actor()}, nil
}
