package plan

import "time"

// Event is something that happened in a walk, for whoever watches: terminal, JSON lines, report.
type Event struct {
	Time    time.Time `json:"time"`
	Run     string    `json:"run,omitempty"`
	Kind    EventKind `json:"event"`
	Place   string    `json:"place,omitempty"`
	Line    string    `json:"line,omitempty"`
	Text    string    `json:"text,omitempty"`
	Depth   int       `json:"depth,omitempty"` // of STEPs and RUNs around it
	Attempt int       `json:"attempt,omitempty"`
	Changes []Change  `json:"changes,omitempty"`
	Error   string    `json:"error,omitempty"`
	Millis  int64     `json:"ms,omitempty"` // how long it took, in milliseconds
}

// EventKind names an Event; the names are stable.
type EventKind string

// The events.
const (
	EventStepBegin EventKind = "step"
	EventStepEnd   EventKind = "step-end"
	EventStepFail  EventKind = "step-failed"
	EventStepSkip  EventKind = "step-skipped"
	EventCommand   EventKind = "command"  // a changing command begins; Changes says what it will change
	EventAlready   EventKind = "already"  // the world already was as a changing command wanted it
	EventDone      EventKind = "done"     // a changing command ended well
	EventFail      EventKind = "failed"   // a command failed
	EventWait      EventKind = "wait"     // a wait begins
	EventWrite     EventKind = "write"    // the script wrote a line
	EventAsk       EventKind = "ask"      // a person is asked
	EventAnswer    EventKind = "answer"   // and has answered
	EventMark      EventKind = "mark"     // point of no return
	EventSay       EventKind = "progress" // a line of progress
	EventRun       EventKind = "run"      // a nested or child run begins
	EventRunEnd    EventKind = "run-end"
)

// Events takes the events of a walk; it must not block and may be called from several goroutines.
type Events func(Event)
