package plan

import "time"

// Kind says what an Entry records.
type Kind string

// The kinds of journal entries. A run begins with KindRun and, unless its process died, ends with KindEnd.
const (
	KindRun    Kind = "run"    // header: script, parameters, hashes, who, host
	KindStep   Kind = "step"   // a STEP began, failed an attempt, was skipped or ended
	KindRead   Kind = "read"   // a reading or session command and its result
	KindIntent Kind = "intent" // what a command is about to change, before the first write
	KindResult Kind = "result" // how a changing command ended
	KindWait   Kind = "wait"   // a wait and its outcome
	KindWrite  Kind = "write"  // a line that the script wrote
	KindAsk    Kind = "ask"    // a question to a person, and its answer
	KindMark   Kind = "mark"   // POINT OF NO RETURN
	KindResume Kind = "resume" // a process took the run up again
	KindOrder  Kind = "order"  // an order from another terminal that the run has taken: Text is its OrderKind
	KindRule   Kind = "rule"   // a safety rule that was overridden
	KindUndo   Kind = "undo"   // undoing began, took back one change (Of, What) or ended
	KindEnd    Kind = "end"    // how the run ended
)

// The states of steps, waits and of undoing.
const (
	stateBegun   = "begun"
	stateFailed  = "failed"
	stateSkipped = "skipped"
	stateDone    = "done"
	undoBack     = "back" // undone back to the entry Of: the run can go on from there
	undoKept     = "kept" // the change has no inverse
)

// State is the state of a run, as `standin runs` prints it.
type State string

// The states of a run.
const (
	Running State = "running"
	Waiting State = "waiting" // a question to a person stands open
	Stopped State = "stopped" // its process is gone or was told to stop; it can be resumed
	Failed  State = "failed"
	Done    State = "done"
	Undone  State = "undone"
)

// Entry is one line of a run's journal. Secrets never reach it: operands and texts are redacted before.
type Entry struct {
	Seq   int    `json:"seq"`
	Kind  Kind   `json:"kind"`
	Place string `json:"place,omitempty"` // statement ordinals + turn + attempt + call path
	Line  string `json:"line,omitempty"`  // file:line of the statement

	// Command is the statement in canonical form with its operands' values.
	Command string   `json:"command,omitempty"`
	Effect  string   `json:"effect,omitempty"`
	Usage   string   `json:"usage,omitempty"`  // of KindIntent: the command's usage line, by which it is found again
	Before  string   `json:"before,omitempty"` // the answer of the observation: yes, no, unknown
	Changes []Change `json:"changes,omitempty"`
	Result  any      `json:"result,omitempty"`
	Code    int      `json:"code,omitempty"`  // negative when the command failed
	Error   string   `json:"error,omitempty"` // its text
	Hint    string   `json:"hint,omitempty"`  // and its way out
	State   string   `json:"state,omitempty"` // of a step: begun, failed, skipped, done; of a wait: begun, done; of a question: asked, answered; of an undoing: begun, done, failed, kept, back; of the run
	Attempt int      `json:"attempt,omitempty"`
	Final   bool     `json:"final,omitempty"` // of KindStep: the attempt failed in a way that no further attempt mends
	Undo    bool     `json:"undo,omitempty"`  // of KindStep: it has an UNDO block
	Text    string   `json:"text,omitempty"`  // step title, question, written line
	By      *Actor   `json:"by,omitempty"`    // of KindResume, KindOrder and an answer: who it was
	Rule    string   `json:"rule,omitempty"`  // of KindRule: its id
	Reason  string   `json:"reason,omitempty"`
	Run     string   `json:"child,omitempty"` // of KindUndo: the child run that made the change, "" for the run itself
	Of      int      `json:"of,omitempty"`    // of KindUndo: the Seq of the intent whose change is taken back
	What    string   `json:"what,omitempty"`  // of KindUndo: that change, as "system: what"
	Nth     int      `json:"nth,omitempty"`   // of KindUndo: and which of the intent's changes it is, counted from 1

	// Aside is the checksum of the changes' inverses, which the store keeps apart because they are large.
	Aside string `json:"aside,omitempty"`
	Token int64  `json:"token,omitempty"` // of KindRun and KindResume: the store's fencing token

	Header *Header `json:"run,omitempty"` // of KindRun

	Started time.Time `json:"started_time,omitzero"`
	Ended   time.Time `json:"ended_time,omitzero"`
}

// Actor is a person at a process.
type Actor struct {
	Who  string `json:"who,omitempty"`
	Host string `json:"host,omitempty"`
	PID  int    `json:"pid,omitempty"`
}

// Header is what a run is: the first entry of its journal.
type Header struct {
	ID      string            `json:"id"`
	Script  string            `json:"script"`
	Parent  string            `json:"parent,omitempty"` // the run whose command ran this script
	Place   string            `json:"place,omitempty"`  // and that command's place
	Change  string            `json:"change,omitempty"` // and the one of its changes that ran it, as "system: what"
	Params  map[string]string `json:"params,omitempty"` // secret ones as fingerprints of the store
	Files   map[string]string `json:"files,omitempty"`  // hash of the script, of all that it uses and of the site file
	Texts   map[string]string `json:"texts,omitempty"`  // those files as they were, secrets as •••
	Site    string            `json:"site,omitempty"`
	Folder  string            `json:"folder,omitempty"` // that the program was started in
	Plan    string            `json:"plan,omitempty"`   // hash of the approved plan that the run may not leave
	Within  int64             `json:"within,omitempty"` // milliseconds in which somebody must confirm what the run has changed
	Who     string            `json:"who,omitempty"`
	Host    string            `json:"host,omitempty"`
	PID     int               `json:"pid,omitempty"`
	Zone    string            `json:"zone,omitempty"`
	Version string            `json:"version,omitempty"`
	// BreakGlass is why the run is journaled on its own host although the site's store is elsewhere.
	BreakGlass string `json:"break_glass,omitempty"`
}

// Journal is where a walk records what it does; the store behind it is the file store or, later, etcd.
type Journal interface {
	// Append adds an entry, giving it its Seq. With sync it returns only when everything appended so far is durable.
	Append(e *Entry, sync bool) error
}

// Discard is a Journal that keeps nothing, for commands that touch no system.
type Discard struct{}

// Append does nothing.
func (Discard) Append(*Entry, bool) error { return nil }
