// Package rules holds the safety rules: which are built in, how they are overridden, and what a site's own ones refuse.
package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/plan"
)

// Rule is one safety rule.
type Rule struct {
	ID   string
	Text string // what holds, in one line
}

// BuiltIn lists the rules that every site has.
func BuiltIn() []Rule {
	return []Rule{
		{plan.RuleOneOwner, "a name, an address and the stores of a replication set are online at one site at most"},
		{plan.RuleDirection, "data are never sent over newer ones, and mailboxes never taken from a server that still serves"},
		{plan.RuleDataState, "stores are mounted only on data that a mirror has brought whole"},
		{plan.RulePointOfNoReturn, "nothing is taken back once a run has passed its point of no return"},
	}
}

// Override is a rule that somebody overrides by name, and why.
type Override struct{ Rule, Reason string }

// Accept checks overrides against the rules that there are and gives them by rule. The error is about the call.
func Accept(given []Override, known []Rule) (map[string]string, error) {
	ids := make([]string, len(known))
	for i, r := range known {
		ids[i] = r.ID
	}
	reasons := map[string]string{}
	for _, o := range given {
		_, twice := reasons[o.Rule]
		switch {
		case !slices.Contains(ids, o.Rule):
			return nil, &UnknownError{o.Rule, diag.Suggest(o.Rule, ids), ids}
		case twice:
			return nil, fmt.Errorf("rule %q is overridden twice, want it once", o.Rule)
		case strings.TrimSpace(o.Reason) == "":
			return nil, fmt.Errorf("rule %q is overridden without a reason, want --reason TEXT behind it", o.Rule)
		}
		reasons[o.Rule] = o.Reason
	}
	return reasons, nil
}

// UnknownError says that there is no rule of that id.
type UnknownError struct {
	ID   string
	Near string // the rule that was probably meant, "" for none
	IDs  []string
}

func (e *UnknownError) Error() string {
	near := ""
	if e.Near != "" {
		near = fmt.Sprintf("; did you mean %s?", e.Near)
	}
	return fmt.Sprintf("there is no rule %q%s", e.ID, near)
}

// spelled says whether an id is spelled as one: it stands on the command line and in the journal.
func spelled(id string) bool {
	for part := range strings.SplitSeq(id, "-") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	return true
}
