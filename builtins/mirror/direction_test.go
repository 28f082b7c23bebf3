package mirror_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/plan"
)

const takenOver = "$c = CONNECT mailstores TO west MAP EXACT; MIRROR START $c; WAIT ON MIRROR $c IDLE TIMEOUT 1m; TAKEOVER $c; "

// Older data never go over newer ones, whatever a script does about it. Who overrides that rule by name makes the sending
// side's data the newer ones first: the plan says so, and the agents, which know of no override, obey.
func TestOlderDataGoOverNewerOnesByNameOnly(t *testing.T) {
	for _, c := range []struct{ before, command, after string }{
		{takenOver, "MIRROR START 1 DIFFERENT,CHECKSUM;", "WAIT ON MIRROR 1 IDLE TIMEOUT 1m;"},
		{takenOver, "REPLICATION START 1;", "REPLICATION STOP 1;"},
		{takenOver + "DISCONNECT $c; ", "CONNECT mailstores TO west MAP EXACT MIRROR;", "WAIT ON MIRROR 2 IDLE TIMEOUT 1m;"},
		{takenOver + "DISCONNECT $c; ", "CONNECT mailstores TO west MAP EXACT;", ""},
	} {
		s, _ := fresh(t)
		if _, _, err := run(t, s, c.before); err != nil {
			t.Fatal(err)
		}
		try := func(o plan.Overrides) ([]plan.Change, error) {
			var journal intents
			_, lookup := commands(t, s)
			w := plan.New(plan.Config{Lookup: lookup, Journal: &journal, Out: &strings.Builder{}, Overrides: o})
			script := "TRY " + c.command + " ON ERROR DO WRITE 1; END " + c.after
			err := load(t, script, false).Run(w.Start(t.Context()), w, nil)
			return journal.all, err
		}
		changes, err := try(plan.Overrides{})
		var no *plan.RefusedError
		if !errors.As(err, &no) || no.Rule != plan.RuleDirection || len(changes) > 0 {
			t.Errorf("%s: got %v and %v, want a refusal", c.command, err, changes)
		}
		override := plan.Overrides{Reasons: map[string]string{plan.RuleDirection: "a drill"}}
		_, lookup := commands(t, s.planned())
		p, err := plan.Predict(t.Context(), plan.Config{Out: &strings.Builder{}, Overrides: override},
			func() plan.Lookup { return lookup }, load(t, c.command, true), nil)
		if err != nil || p.Failure != nil {
			t.Fatal(err, p.Failure)
		}
		changes, err = try(override)
		if err != nil {
			t.Errorf("%s: %v although it was overridden", c.command, err)
			continue
		}
		if got, want := told(changes), told(p.Changes); !strings.HasPrefix(got, want) {
			t.Errorf("%s changed\n%s\nthe plan said\n%s", c.command, got, want)
		}
		agents, err := s.Mirror()
		if err != nil {
			t.Fatal(err)
		}
		east, err := agents.Marker(t.Context(), "east", "mailstores")
		if err != nil {
			t.Fatal(err)
		}
		west, err := agents.Marker(t.Context(), "west", "mailstores")
		if err != nil || east.Role != mirror.RoleSource || west.Role != mirror.RoleTarget || east.Generation <= 2 {
			t.Errorf("%s: east is %s, west is %s, %v", c.command, east, west, err)
		}
	}
}
