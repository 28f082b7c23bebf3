package report

import (
	"encoding/json"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

// Run is one journal as a store gives it: a run or a child run.
type Run struct {
	plan.Header
	State   plan.State
	Entries []plan.Entry
	// Alive is true while a process writes the journal.
	Alive bool
	// Torn is true when the journal's end was cut off, Damaged when entries before its end are missing.
	Torn, Damaged bool
}

// Report is what one run did, with its child runs. Its JSON names are stable.
type Report struct {
	Run     string            `json:"run"`
	Script  string            `json:"script"`
	Parent  string            `json:"parent,omitempty"` // the run that this is a child of
	State   plan.State        `json:"state"`
	Alive   bool              `json:"alive"` // a process of the run lives
	Code    int               `json:"code"`  // exit code, 0 also while the run has not ended
	Error   string            `json:"error,omitempty"`
	By      plan.Actor        `json:"by"`
	Site    string            `json:"site,omitempty"`
	Version string            `json:"version,omitempty"`
	Zone    string            `json:"zone,omitempty"`
	Params  map[string]string `json:"params,omitempty"` // secret ones as fingerprints
	Files   map[string]string `json:"files,omitempty"`  // their hashes
	Plan    string            `json:"plan,omitempty"`   // hash of the approved plan
	Alone   string            `json:"break_glass,omitempty"`

	Started time.Time `json:"started_time"`
	Ended   time.Time `json:"ended_time,omitzero"` // zero while the run has not ended
	Until   time.Time `json:"until_time"`          // where the account of time ends
	Made    time.Time `json:"made_time"`           // when the report was made

	Time      Times      `json:"time"`
	Data      []Lag      `json:"data"`
	Timeline  []*Item    `json:"timeline"`
	Changes   []Change   `json:"changes"`
	Questions []Question `json:"questions"`
	Failures  []Failure  `json:"failures"`
	Overrides []Override `json:"overrides"`
	Orders    []Order    `json:"orders"`
	Resumes   []Resume   `json:"resumes"`
	Gaps      []Gap      `json:"gaps"`
	Undoing   []Undoing  `json:"undoing"`
	Children  []Child    `json:"children"`
	Written   []Line     `json:"written"`
	// Notes say what keeps the report from being whole: a torn or damaged journal.
	Notes []string `json:"notes,omitempty"`

	spans split // of the whole picture, undoing included
}

// Millis is a span of time; in JSON it is a whole number of milliseconds.
type Millis time.Duration

// MarshalJSON writes milliseconds.
func (m Millis) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(m).Milliseconds())
}

// Times is an account of time, to the millisecond: Machine, People and Nobody add up to Total.
type Times struct {
	Total   Millis `json:"total_ms"`
	Machine Millis `json:"machine_ms"` // a process of the run was at work
	People  Millis `json:"people_ms"`  // a question stood open, and nothing else was at work
	Nobody  Millis `json:"nobody_ms"`  // no process of the run lived
}

// Kind says what an Item is.
type Kind string

// The items of a timeline.
const (
	KindStep     Kind = "step"
	KindParallel Kind = "parallel" // its items are branches
	KindBranch   Kind = "branch"   // of a PARALLEL
	KindRun      Kind = "run"      // a nested RUN, in the same journal
	KindChild    Kind = "child"    // a child run, with a journal of its own
	KindCommand  Kind = "command"
	KindWait     Kind = "wait"
	KindQuestion Kind = "question"
	KindMark     Kind = "mark"  // the point of no return
	KindUndo     Kind = "undo"  // taking back what was done
	KindBlock    Kind = "block" // the UNDO block of a step
)

// The states of items. A container (parallel, branch, run) has none.
const (
	Done       = "done"
	Already    = "already" // the world already was as the command wanted it
	Failed     = "failed"
	Skipped    = "skipped"
	Unfinished = "unfinished" // the run goes on, waits, or stopped in it
	Left       = "left"       // the run ended inside of it
)

// Item is one thing on the timeline, and what happened inside of it.
type Item struct {
	Kind     Kind      `json:"kind"`
	Title    string    `json:"title"`
	State    string    `json:"state,omitempty"`
	Place    string    `json:"place,omitempty"`
	Line     string    `json:"line,omitempty"` // file:line
	Run      string    `json:"run,omitempty"`  // of a child run: its id
	Turn     int       `json:"turn,omitempty"` // which time the loop around it passes, from 2
	Why      string    `json:"why,omitempty"`  // of a step that was skipped
	Error    string    `json:"error,omitempty"`
	Started  time.Time `json:"started_time,omitzero"`
	Ended    time.Time `json:"ended_time,omitzero"` // of an unfinished one where the account ends
	Took     Millis    `json:"ms"`
	Attempts []Attempt `json:"attempts,omitempty"` // of a step
	Items    []*Item   `json:"items,omitempty"`

	guessed bool // the title of a nested RUN is not sure
	branch  int  // its number
	open    bool
}

// Attempt is one attempt of a step.
type Attempt struct {
	Attempt int       `json:"attempt"`
	State   string    `json:"state"` // done, failed, unfinished or left
	Error   string    `json:"error,omitempty"`
	Hint    string    `json:"hint,omitempty"`
	Undone  bool      `json:"undone,omitempty"` // the run was undone back to before it
	Started time.Time `json:"started_time"`
	Ended   time.Time `json:"ended_time"`
	Took    Millis    `json:"ms"`

	seq  int
	open bool
}

// The states of a change and of taking it back.
const (
	Made       = "made"
	InDoubt    = "in doubt" // its command failed, or nobody knows how it ended
	Undone     = "undone"
	Kept       = "kept"        // it cannot be taken back
	UndoFailed = "undo failed" // it could not be taken back when it was tried
)

// Change is one change as it was read before the first write.
type Change struct {
	Run      string    `json:"run,omitempty"` // the child run that made it, "" for the run itself
	Seq      int       `json:"seq"`           // of its intent in that run's journal
	Step     string    `json:"step,omitempty"`
	Line     string    `json:"line,omitempty"`
	Command  string    `json:"command"`
	System   string    `json:"system"`
	What     string    `json:"what"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Count    int       `json:"count"`    // of objects, at least 1
	Undoable bool      `json:"undoable"` // its old value is recorded
	State    string    `json:"state"`    // made or in doubt
	Undo     string    `json:"undo,omitempty"`
	Error    string    `json:"error,omitempty"` // why it could not be taken back
	Started  time.Time `json:"started_time"`

	place string
}

// Question is something that a person was asked.
type Question struct {
	Text     string      `json:"text"`
	Line     string      `json:"line,omitempty"`
	Answer   string      `json:"answer"` // "" while it stands open, or if nobody ever answered
	By       *plan.Actor `json:"by,omitempty"`
	Asked    time.Time   `json:"asked_time"`
	Answered time.Time   `json:"answered_time,omitzero"`
	Took     Millis      `json:"ms"`        // from asked to answered, or to where the account ends
	Nobody   Millis      `json:"nobody_ms"` // of that, while no process of the run lived

	place string
}

// Failure is something that went wrong, whether or not the script dealt with it.
type Failure struct {
	Run     string    `json:"run,omitempty"` // the child run, "" for the run itself
	What    string    `json:"what"`          // the command, or the step
	Attempt int       `json:"attempt,omitempty"`
	Step    string    `json:"step,omitempty"`
	Line    string    `json:"line,omitempty"`
	Rule    string    `json:"rule,omitempty"` // the safety rule that refused
	Error   string    `json:"error"`
	Hint    string    `json:"hint,omitempty"`
	Time    time.Time `json:"time"`
}

// Override is a safety rule that somebody overrode.
type Override struct {
	Rule    string      `json:"rule"`
	Reason  string      `json:"reason"`
	Found   string      `json:"found,omitempty"` // what the rule objected to
	Command string      `json:"command,omitempty"`
	Line    string      `json:"line,omitempty"`
	By      *plan.Actor `json:"by,omitempty"`
	Time    time.Time   `json:"time"`
}

// Order is an order from another terminal that the run has taken.
type Order struct {
	Order string      `json:"order"`
	Text  string      `json:"text,omitempty"`
	By    *plan.Actor `json:"by,omitempty"`
	Sent  time.Time   `json:"sent_time,omitzero"`
	Taken time.Time   `json:"taken_time"`
}

// Resume is a process that took the run up again.
type Resume struct {
	By  *plan.Actor `json:"by,omitempty"`
	For string      `json:"for,omitempty"` // "undo" for a process that took it back, "" for one that went on
	// Changed is true when the script or the site was another than before, and that was accepted.
	Changed bool      `json:"changed,omitempty"`
	Time    time.Time `json:"time"`
}

// Gap is a time in which no process of the run lived: from its last entry to the next process's first.
type Gap struct {
	From     time.Time `json:"from_time"`
	To       time.Time `json:"to_time"`
	Took     Millis    `json:"ms"`
	Question string    `json:"question,omitempty"`  // that stood open all that time
	After    bool      `json:"after_end,omitempty"` // the run had ended
}

// Undoing is one time that changes of the run were taken back.
type Undoing struct {
	To      string      `json:"to,omitempty"` // the step back to which, "" for all
	By      *plan.Actor `json:"by,omitempty"`
	State   string      `json:"state"` // done, failed or unfinished
	Undone  int         `json:"undone"`
	Kept    int         `json:"kept"`
	Failed  int         `json:"failed"`
	Started time.Time   `json:"started_time"`
	Ended   time.Time   `json:"ended_time,omitzero"`
	Took    Millis      `json:"ms"`
}

// Child is a child run.
type Child struct {
	Run    string     `json:"run"`
	Script string     `json:"script"`
	Parent string     `json:"parent"`
	State  plan.State `json:"state"`
	Error  string     `json:"error,omitempty"`
}

// Line is a line that the script wrote.
type Line struct {
	Run  string    `json:"run,omitempty"`
	Text string    `json:"text"`
	Time time.Time `json:"time"`
}

// Lag is how old the data at the target were when they were taken over: what the source wrote after that is lost.
type Lag struct {
	Known   bool      `json:"known"`
	Lag     Millis    `json:"lag_ms"` // from Applied to Frozen; 0 when not known
	Set     string    `json:"set,omitempty"`
	Source  string    `json:"source,omitempty"`
	Target  string    `json:"target,omitempty"`
	Quality string    `json:"data,omitempty"`        // Good, Crash or Bad, as the target said before
	Applied time.Time `json:"applied_time,omitzero"` // of the last change applied at the target
	Frozen  time.Time `json:"frozen_time,omitzero"`  // of the takeover's intent
	Equal   time.Time `json:"equal_time,omitzero"`   // when the run last saw nothing left to send
	Why     string    `json:"why,omitempty"`         // it is not known
}
