package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/report"
)

// story is a run as its events tell it.
var story = []plan.Event{
	{Kind: plan.EventStepBegin, Text: "Point mail at the target"},
	{Kind: plan.EventCommand, Depth: 1, Text: "DNS ADD z a A 10.0.0.1", Changes: []plan.Change{{System: "dns d", What: "A a.z", To: "10.0.0.1"}}},
	{Kind: plan.EventAlready, Depth: 1, Text: "DNS ADD z b A 10.0.0.2"},
	{Kind: plan.EventWait, Depth: 1, Text: "WAIT 5s"},
	{Kind: plan.EventSay, Depth: 1, Text: "half way"},
	{Kind: plan.EventDone, Depth: 1, Text: "DNS ADD z a A 10.0.0.1"},
	{Kind: plan.EventStepEnd, Text: "Point mail at the target", Millis: 1500},
	{Kind: plan.EventMark, Text: "point of no return"},
	{Kind: plan.EventAsk, Text: "go?"},
	{Kind: plan.EventFail, Text: "DNS ADD z c A x", Error: "no such zone"},
	{Kind: plan.EventStepFail, Text: "Next", Attempt: 2, Error: "no such zone\nmore"},
	{Kind: plan.EventStepSkip, Text: "Never"},
}

func TestTerminal(t *testing.T) {
	const loud = `STEP Point mail at the target
    DNS ADD z a A 10.0.0.1
        + dns d: A a.z: 10.0.0.1
    DNS ADD z b A 10.0.0.2: already so
    WAIT 5s
      half way
STEP Point mail at the target: done in 1.5s
POINT OF NO RETURN
asks: go?
DNS ADD z c A x: failed: no such zone
STEP Next: attempt 2 failed: no such zone
STEP Never: skipped, its WHEN is false
`
	const quiet = `STEP Point mail at the target
STEP Point mail at the target: done in 1.5s
POINT OF NO RETURN
asks: go?
DNS ADD z c A x: failed: no such zone
STEP Next: attempt 2 failed: no such zone
STEP Never: skipped, its WHEN is false
`
	for _, c := range []struct {
		quiet bool
		want  string
	}{{false, loud}, {true, quiet}} {
		var out bytes.Buffer
		tell := report.Terminal(&out, c.quiet)
		for _, e := range story {
			tell(e)
		}
		if out.String() != c.want {
			t.Errorf("quiet %v: got\n%s\nwant\n%s", c.quiet, out.String(), c.want)
		}
	}
}

// Programs read one event a line, by stable names.
func TestJSON(t *testing.T) {
	var out bytes.Buffer
	tell := report.JSON(&out)
	for _, e := range story {
		tell(e)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(story) {
		t.Fatalf("%d lines for %d events", len(lines), len(story))
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got["event"] != string(story[i].Kind) || got["text"] != story[i].Text {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
}
