// Package report turns a run into what people and machines read: its events into lines as they come, and its journal into a
// report as text, JSON and a page.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

// Terminal prints events as lines for a person. quiet leaves only steps, failures and questions.
func Terminal(w io.Writer, quiet bool) plan.Events {
	var mu sync.Mutex
	return func(e plan.Event) {
		text := sentence(e, quiet)
		if text == "" {
			return
		}
		in := strings.Repeat("    ", e.Depth)
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "%s%s\n", in, strings.ReplaceAll(text, "\n", "\n"+in))
	}
}

func sentence(e plan.Event, quiet bool) string {
	took := time.Duration(e.Millis) * time.Millisecond
	switch e.Kind {
	case plan.EventStepBegin:
		return "STEP " + e.Text
	case plan.EventStepEnd:
		return fmt.Sprintf("STEP %s: done in %s", e.Text, took)
	case plan.EventStepFail:
		return fmt.Sprintf("STEP %s: attempt %d failed: %s", e.Text, e.Attempt, firstLine(e.Error))
	case plan.EventStepSkip:
		return fmt.Sprintf("STEP %s: skipped, its WHEN is false", e.Text)
	case plan.EventFail:
		return fmt.Sprintf("%s: failed: %s", e.Text, e.Error)
	case plan.EventRule:
		return fmt.Sprintf("%s (%s)", e.Text, e.Error)
	case plan.EventMark:
		return "POINT OF NO RETURN"
	case plan.EventAsk:
		return "asks: " + e.Text
	case plan.EventRun:
		return "RUN " + e.Text
	}
	if quiet {
		return ""
	}
	switch e.Kind {
	case plan.EventCommand:
		var b strings.Builder
		b.WriteString(e.Text)
		for _, c := range e.Changes {
			fmt.Fprintf(&b, "\n    %s", c)
		}
		return b.String()
	case plan.EventAlready:
		return e.Text + ": already so"
	case plan.EventWait:
		return e.Text
	case plan.EventSay:
		return "  " + e.Text
	}
	return ""
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

// JSON prints one event a line; the names of events and fields are stable.
func JSON(w io.Writer) plan.Events {
	var mu sync.Mutex
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(e plan.Event) {
		mu.Lock()
		defer mu.Unlock()
		enc.Encode(e) //nolint:errcheck // a closed pipe must not end a failover
	}
}
