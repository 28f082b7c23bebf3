package plan

import "time"

// Event is something that happened in a walk, for whoever watches: terminal, JSON lines, log, trace.
type Event struct {
	Time    time.Time `json:"time"`              // when, with the zone of the host that runs it
	Run     string    `json:"run,omitempty"`     // id of the run; a child run has its own
	Parent  string    `json:"parent,omitempty"`  // of `run` and `run-end`: the run whose command runs this child run
	Kind    EventKind `json:"event"`             // what has happened: see above
	Place   string    `json:"place,omitempty"`   // the statement, turn and attempt, as the journal spells it; unique in its run
	Line    string    `json:"line,omitempty"`    // file:line of the statement
	Text    string    `json:"text,omitempty"`    // the command, the step's title, the question, the line written, the script
	State   string    `json:"state,omitempty"`   // of `begin`: begun or resumed; of `end`: the run's state, as `standin runs` prints it
	Depth   int       `json:"depth,omitempty"`   // how many STEPs and RUNs are around it
	Attempt int       `json:"attempt,omitempty"` // of a step: counted from 1
	Changes []Change  `json:"changes,omitempty"` // of `command`: what it is about to change
	Error   string    `json:"error,omitempty"`   // why it did not go well
	Millis  int64     `json:"ms,omitempty"`      // how long it took, in milliseconds
}

// EventKind names an Event; the names are stable.
type EventKind string

// The events. Their comments are the manual's table.
const (
	EventBegin     EventKind = "begin"        // this process begins the run, or takes it up again; the first event of a run
	EventEnd       EventKind = "end"          // the run ended, waits for an answer or was stopped; the last event of a run in this process
	EventStepBegin EventKind = "step"         // a STEP begins
	EventStepEnd   EventKind = "step-end"     // a STEP ended well
	EventStepFail  EventKind = "step-failed"  // an attempt of a STEP failed; it is tried again if its RETRY says so
	EventStepSkip  EventKind = "step-skipped" // a STEP was passed over: its WHEN is false
	EventCommand   EventKind = "command"      // a changing command begins
	EventAlready   EventKind = "already"      // a changing command found everything as it wants it
	EventDone      EventKind = "done"         // a changing command ended well, verified by reading back
	EventFail      EventKind = "failed"       // a command failed, whether the script catches that or not
	EventWait      EventKind = "wait"         // a WAIT begins
	EventWaited    EventKind = "wait-end"     // a WAIT ended; with an error if its time ran out
	EventWrite     EventKind = "write"        // the script wrote a line
	EventAsk       EventKind = "ask"          // a question is put to a person
	EventAnswer    EventKind = "answer"       // the question was answered; with an error if the answer is no
	EventMark      EventKind = "mark"         // the point of no return was passed
	EventSay       EventKind = "progress"     // a line about how far a command has come
	EventRule      EventKind = "rule"         // a safety rule that a change breaks is overridden; the error is what was found
	EventUndo      EventKind = "undo"         // a change was taken back, or could not be
	EventRun       EventKind = "run"          // a nested or a child run begins
	EventRunEnd    EventKind = "run-end"      // a nested or a child run ended
)

// Events takes the events of a walk; it must not block and may be called from several goroutines.
type Events func(Event)
