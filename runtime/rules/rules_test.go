package rules_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/rules"
	"github.com/standin-project/standin/runtime/value"
)

// The world is a few lights that are read and switched.
var usages = []string{"LIGHT <name:text> (ON | OFF)", "LIGHT RESET", "DIM <name:text> SOFTLY"}

func language(t *testing.T) rules.Language {
	t.Helper()
	sigs := []*sig.Signature{{Usage: "SEE <name:text>", Summary: "Looks.", Effect: sig.Reads}}
	for _, u := range usages {
		sigs = append(sigs, &sig.Signature{Usage: u, Summary: "Switches.", Effect: sig.Changes})
	}
	set, err := sig.NewSet(sigs)
	if err != nil {
		t.Fatal(err)
	}
	return rules.Language{Set: set, Usages: usages}
}

// lights gives the commands over lights that are "on" or "off", or nobody can tell of ("?"), or do not answer ("away").
func lights(states map[string]string) plan.Lookup {
	return func(*sig.Signature) (*plan.Record, error) {
		return &plan.Record{Read: func(_ context.Context, c *plan.Call) (value.Value, error) {
			switch s := states[c.Text("name")]; s {
			case "?":
				return value.Unknown("nobody looked"), nil
			case "away":
				return nil, value.Failf(value.CodeUnreachable, "the light does not answer")
			default:
				return value.Text(s), nil
			}
		}}, nil
	}
}

const oneBurns = `(SEE a) = "on" OR (SEE b) = "on"`

func compiled(t *testing.T, specs ...rules.Spec) []*rules.Condition {
	t.Helper()
	all, err := rules.Compile("standin.toml", specs, language(t))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A change is refused when it makes a rule false or unknown that held, or makes it worse than it was, and only then.
func TestOnlyWhatMakesARuleWorseIsRefused(t *testing.T) {
	c := compiled(t, rules.Spec{ID: "one-burns", Text: "one light burns", Require: oneBurns})[0]
	worlds := map[rules.Verdict][]map[string]string{
		rules.Holds:   {{"a": "on", "b": "off"}, {"a": "off", "b": "on"}, {"a": "?", "b": "on"}, {"a": "away", "b": "on"}},
		rules.Unknown: {{"a": "off", "b": "?"}, {"a": "?", "b": "off"}, {"a": "away", "b": "off"}, {"a": "off", "b": "away"}, {"a": "?", "b": "away"}},
		rules.Fails:   {{"a": "off", "b": "off"}},
	}
	for before, was := range worlds {
		for after, then := range worlds {
			for _, w := range was {
				for _, n := range then {
					got, err := c.Judge(t.Context(), lights(w), lights(n))
					if err != nil {
						t.Fatal(err)
					}
					if want := after < before; (got != nil) != want {
						t.Errorf("%v → %v: refused is %v, want %v", w, n, got != nil, want)
					}
					if got != nil && (got.Rule != "one-burns" || !strings.Contains(got.Found, "one light burns") || got.Wanted != oneBurns) {
						t.Errorf("%v → %v: got %+v", w, n, got)
					}
				}
			}
		}
	}
	for want, was := range worlds {
		for _, w := range was {
			got, why, err := c.Ask(t.Context(), lights(w))
			if err != nil || got != want || (why != "") != (want == rules.Unknown) {
				t.Errorf("%v: got %v %q %v, want %v", w, got, why, err, want)
			}
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Judge(gone, lights(nil), lights(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after the run was cancelled", err)
	}
}

// A rule names the commands before which it is asked; one that names none is asked before all.
func TestARuleStandsBeforeItsCommands(t *testing.T) {
	for _, c := range []struct {
		before []string
		want   []bool
	}{
		{nil, []bool{true, true, true}},
		{[]string{"light"}, []bool{true, true, false}},
		{[]string{"LIGHT RESET"}, []bool{false, true, false}},
		{[]string{"DIM", "LIGHT RESET"}, []bool{false, true, true}},
		{[]string{"DIM SOFTLY"}, []bool{false, false, true}},
	} {
		r := compiled(t, rules.Spec{ID: "r", Text: "it holds", Require: "TRUE", Before: c.before})[0]
		for i, u := range usages {
			if got := r.Before(u); got != c.want[i] {
				t.Errorf("before %q: %s is %v, want %v", c.before, u, got, c.want[i])
			}
		}
	}
}

// A mistake in a rule is told with the file and the rule, and where it stands in the expression.
func TestMistakesInRules(t *testing.T) {
	good := rules.Spec{ID: "r", Text: "it holds", Require: "TRUE"}
	with := func(change func(*rules.Spec)) []rules.Spec {
		s := good
		change(&s)
		return []rules.Spec{s}
	}
	for _, c := range []struct {
		specs []rules.Spec
		want  string
		hint  string
	}{
		{with(func(s *rules.Spec) { s.ID = "Bad Id" }), `site file "standin.toml": rule 1 has the id "Bad Id"`, "--override"},
		{with(func(s *rules.Spec) { s.ID = "" }), `rule 1 has the id ""`, ""},
		{with(func(s *rules.Spec) { s.ID = plan.RuleOneOwner }), `rule "one-owner" is there already`, "help rules"},
		{[]rules.Spec{good, good}, `rule "r" is there already`, ""},
		{with(func(s *rules.Spec) { s.Text = " " }), `rule "r" has the text " "`, ""},
		{with(func(s *rules.Spec) { s.Text = "two\nlines" }), `want one line`, ""},
		{with(func(s *rules.Spec) { s.Require = "" }), `rule "r" has no require`, ""},
		{with(func(s *rules.Spec) { s.Before = []string{"LIHGT"} }), `stands before "LIHGT", which begins no command`, "did you mean LIGHT?"},
		{with(func(s *rules.Spec) { s.Before = []string{"SEE"} }), `stands before "SEE", which begins no command`, ""},
		{with(func(s *rules.Spec) { s.Before = []string{""} }), `stands before ""`, ""},
		{with(func(s *rules.Spec) { s.Require = `(SEE a = "on"` }), "standin.toml, rule r:", ""},
		{with(func(s *rules.Spec) { s.Require = `(LIGHT a ON) = 0` }), "standin.toml, rule r:1:", ""},
		{with(func(s *rules.Spec) { s.Require = `$x` }), "standin.toml, rule r:1:9: the variable $x", ""},
		{with(func(s *rules.Spec) { s.Require = `TRUE, 'x'; LIGHT a ON; REQUIRE TRUE` }), "standin.toml, rule r", ""},
	} {
		_, err := rules.Compile("standin.toml", c.specs, language(t))
		var m *rules.MistakeError
		if !errors.As(err, &m) || !strings.Contains(err.Error(), c.want) || !strings.Contains(m.Hint, c.hint) {
			t.Errorf("%+v: got %v, want %q and the hint %q", c.specs, err, c.want, c.hint)
		}
	}
	if _, err := rules.Compile("standin.toml", with(func(s *rules.Spec) { s.Require = "TRUE // for now" }), language(t)); err != nil {
		t.Errorf("a comment at the end: %v", err)
	}
}

// An override names one rule that there is and gives a reason.
func TestOverridesAreOfKnownRulesWithReasons(t *testing.T) {
	known := append(rules.BuiltIn(), rules.Rule{ID: "mail-answers"})
	got, err := rules.Accept([]rules.Override{{Rule: "one-owner", Reason: "drill"}, {Rule: "mail-answers", Reason: "at night"}}, known)
	if err != nil || len(got) != 2 || got["one-owner"] != "drill" || got["mail-answers"] != "at night" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, c := range []struct {
		given []rules.Override
		want  string
	}{
		{[]rules.Override{{Rule: "one-ownr", Reason: "x"}}, "did you mean one-owner?"},
		{[]rules.Override{{Rule: "all", Reason: "x"}}, `there is no rule "all"`},
		{[]rules.Override{{Rule: "one-owner"}}, "without a reason"},
		{[]rules.Override{{Rule: "one-owner", Reason: "  "}}, "without a reason"},
		{[]rules.Override{{Rule: "one-owner", Reason: "x"}, {Rule: "one-owner", Reason: "y"}}, "overridden twice"},
	} {
		if _, err := rules.Accept(c.given, known); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.given, err, c.want)
		}
	}
	seen := map[string]bool{}
	for _, r := range rules.BuiltIn() {
		if r.ID == "" || r.Text == "" || seen[r.ID] {
			t.Errorf("got %+v", r)
		}
		seen[r.ID] = true
	}
}
