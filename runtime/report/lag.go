package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

// takeover is the command that makes the target the owner of the data: from then on it applies nothing more of the
// source, so that its intent is where the data freeze.
const takeover = "TAKEOVER "

// lags finds how old the data were at each takeover of a run: the time from the last change applied at the target, as
// the run itself read it last, to the takeover's intent.
func lags(entries []plan.Entry) []Lag {
	all := []Lag{}
	seen := map[string]bool{} // places of takeovers
	for i := range entries {
		e := &entries[i]
		if !strings.HasPrefix(e.Command, takeover) || seen[e.Place] {
			continue
		}
		switch {
		case e.Kind == plan.KindIntent:
			all = append(all, lagAt(entries[:i], e))
		case e.Kind == plan.KindResult && e.Before == plan.Yes.String():
			all = append(all, Lag{Why: fmt.Sprintf("%s found the data taken over already: the run that did it knows", e.Command)})
		default:
			continue
		}
		seen[e.Place] = true
	}
	return all
}

// lagAt looks back from a takeover for what the target said last.
func lagAt(before []plan.Entry, e *plan.Entry) Lag {
	l := Lag{Frozen: first(sane(e.Started), sane(e.Ended))}
	number := strings.Fields(e.Command + " ?")[1]
	if len(e.Changes) > 0 {
		l.Target = strings.TrimPrefix(e.Changes[0].System, "agent ")
	}
	for i := range slices.Backward(before) {
		b := &before[i]
		if l.Equal.IsZero() && equal(b, number) {
			l.Equal = first(sane(b.Ended), sane(b.Started))
		}
		if l.Known || b.Kind != plan.KindRead || b.Code < 0 {
			continue
		}
		if c := connection(b.Result, number, l.Target); c != nil {
			l.read(c)
		}
	}
	if !l.Known && l.Why == "" {
		l.Why = "the run took the data over without asking the target for them: STATUS TARGET before TAKEOVER tells"
	}
	return l
}

// read takes what the target said of a connection.
func (l *Lag) read(c map[string]any) {
	if l.Why != "" {
		return // what was said last counts
	}
	l.Set, _ = c["set"].(string)
	l.Source, _ = c["source"].(string)
	l.Quality, _ = c["data"].(string)
	text, _ := c["applied"].(string)
	applied, err := time.Parse(time.RFC3339Nano, text)
	if applied = sane(applied); err != nil || applied.IsZero() || l.Frozen.IsZero() {
		l.Why = "the target had applied nothing yet, or did not say when"
		return
	}
	l.Known, l.Applied = true, applied
	// The target's clock may be ahead of the runner's, and it may say less than the millisecond.
	l.Lag = Millis(max(l.Frozen.Sub(applied), 0))
}

// connection finds, in what STATUS TARGET, STATUS CON or STATS gave, the connection of a number at a target.
func connection(result any, number, target string) map[string]any {
	switch v := result.(type) {
	case []any:
		for _, item := range v {
			if c := connection(item, number, target); c != nil {
				return c
			}
		}
	case map[string]any:
		if inner, ok := v["connections"]; ok {
			return connection(inner, number, target)
		}
		at, _ := v["target"].(string)
		if _, ok := v["applied"]; ok && numberOf(v["id"]) == number && strings.EqualFold(at, target) {
			return v
		}
	}
	return nil
}

// equal says whether an entry is the run seeing that the target has everything: VERIFY found both sides equal, or
// WAIT ON QUEUE … EMPTY came to its end.
func equal(e *plan.Entry, number string) bool {
	if e.Code < 0 {
		return false
	}
	if e.Kind == plan.KindWait {
		return e.State != "begun" && strings.HasPrefix(e.Command, "WAIT ON QUEUE "+number+" EMPTY")
	}
	seen, _ := e.Result.(map[string]any)
	same, _ := seen["equal"].(bool)
	return e.Kind == plan.KindRead && same && (e.Command == "VERIFY "+number || strings.HasPrefix(e.Command, "VERIFY "+number+" "))
}

// numberOf spells a whole number of a journal, "" for anything else.
func numberOf(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case float64:
		return fmt.Sprint(int64(v))
	case int, int64:
		return fmt.Sprint(v)
	}
	return ""
}
