// Package mirror holds the commands of mirroring: replication sets, connections, mirrors and who owns the data.
package mirror

import (
	"context"
	"time"
)

// Words of a mirror's state.
const (
	Idle            = "Idle"
	Mirroring       = "Mirroring"
	Calculating     = "Calculating"
	Paused          = "Paused"
	RemovingOrphans = "Removing orphans"
	Verifying       = "Verifying"
	Restoring       = "Restoring"
	Waiting         = "Waiting"
)

// Words of a connection's replication and of its target.
const (
	Replicating      = "Replicating"
	Stopped          = "Stopped"
	Pending          = "Pending"
	Failed           = "Failed"
	Online           = "Online"
	Retrying         = "Retrying"
	RemirrorRequired = "Remirror required"
	RestoreRequired  = "Restore required"
)

// Words of a target's data: Good is a whole, quiet state; Crash has every file whole but not in one moment; Bad is
// a mirror that has not completed.
const (
	Good  = "Good"
	Crash = "Crash"
	Bad   = "Bad"
)

// Settings are what an agent does by itself.
type Settings struct {
	// Reconnect lets a source that comes back mirror what differs over its connections, without waiting for anybody.
	Reconnect bool `json:"reconnect,omitempty"`
	// Checksum makes every difference mirror of which the agent is the source compare block by block.
	Checksum bool `json:"checksum,omitempty"`
}

// Volume is the room of one volume, in bytes.
type Volume struct{ Free, Size int64 }

// Agent is what an agent tells of itself. Of one that is not up only Name and Addresses are known.
type Agent struct {
	Name      string
	Addresses []string
	Up        bool
	Settings  Settings
	Version   string
	Clock     time.Time
	Volumes   map[string]Volume
}

// Rule says what of a path belongs to a set. The most specific rule for a path decides.
type Rule struct {
	Path    string `json:"path"`
	Exclude bool   `json:"exclude,omitempty"`
	// Recurse covers everything below the path; without it only the path and the files directly in it.
	Recurse bool `json:"recurse"`
}

// Set is a replication set: named rules of one agent.
type Set struct {
	Name  string `json:"name"`
	Rules []Rule `json:"rules"`
	// Saved is false while rules were changed and not saved; such a set is not used.
	Saved bool `json:"saved"`
}

// Pair maps a folder of the source to one of the target.
type Pair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Connection joins a set of one agent to another agent.
type Connection struct {
	ID     int64  `json:"id"` // counted from 1 by the source's agent
	Source string `json:"source"`
	Target string `json:"target"`
	Set    string `json:"set"`
	Rules  []Rule `json:"rules"` // the set's, as they were last used
	Map    []Pair `json:"map"`   // empty: the same paths on both sides
}

// Run is one mirror of a connection, running or ended.
type Run struct {
	Number  int64  `json:"number"` // counted from 1 by the connection; 0 before the first
	Options Mirror `json:"options"`
	State   string `json:"state"`
	Error   string `json:"error,omitempty"` // why it failed; "" while it runs and after it completed
	// TakenUp says that it was cut off when its process ended, and started again for a run that goes on.
	TakenUp bool `json:"taken_up,omitempty"`
	// Files and Bytes were sent so far; TotalFiles and TotalBytes are the set's, as far as they were walked.
	Files      int64 `json:"files"`
	Bytes      int64 `json:"bytes"`
	TotalFiles int64 `json:"total_files"`
	TotalBytes int64 `json:"total_bytes"`
	Removed    int64 `json:"removed"`
	Unstable   int64 `json:"unstable"` // files that did not hold still while they were read
	// NotCarried counts sockets, devices and fifos; Listed names the first of them.
	NotCarried int64     `json:"not_carried"`
	Listed     []string  `json:"listed,omitempty"`
	Started    time.Time `json:"started_time"`
	Ended      time.Time `json:"ended_time"`
}

// What the Error of a mirror says that has not failed: it was told to stop, or its agent's process ended.
const (
	WasStopped = "it was stopped"
	WasCutOff  = "it was cut off when its process ended"
)

// Running says whether the mirror has not ended yet.
func (r Run) Running() bool { return r.Number > 0 && r.Ended.IsZero() }

// Status is a connection as it is now.
type Status struct {
	Connection
	Last        Run
	Replication string
	TargetState string
	Data        string
	Applied     time.Time // of the last change applied at the target; zero before the first
	Generation  int64
	OrphansDue  string // since when orphans were not looked for, and why; "" if they were
}

// Compare says how two trees are compared.
type Compare struct {
	Checksum bool `json:"checksum,omitempty"` // every block, not only size and time
	Newer    bool `json:"newer,omitempty"`    // a file that is not newer at the source counts as equal
	All      bool `json:"all,omitempty"`      // every file counts as different (FULL)
	// OlderThan leaves out orphans that changed within that time.
	OlderThan time.Duration `json:"older_than,omitempty"`
}

// Mirror says what a mirror does.
type Mirror struct {
	Compare
	Orphans bool `json:"orphans,omitempty"`
	// Restore brings data back to where they came from: it alone may go over a root that is a source of an older generation.
	Restore bool `json:"restore,omitempty"`
}

// Difference is what a comparison found. The lists name the first MaxListed of each.
type Difference struct {
	Files, Bytes     int64 // of the set at the source
	Differ           int64 // entries that are missing or different at the target
	DifferBytes      int64
	Orphans          int64
	OrphanBytes      int64
	NotCarried       int64
	Differing        []string
	Orphaned         []string
	NotCarriedListed []string
	Errors           []string // what could not be read
}

// MaxListed is the length of the lists in a Difference.
const MaxListed = 100

// Sweep says what happens to orphans.
type Sweep struct {
	MoveTo    string // a folder of the target; "" deletes
	OlderThan time.Duration
	UpTo      int64 // how many may go whatever the site's limit says; 0 asks the limit
}

// Survey is the size of a set.
type Survey struct{ Files, Folders, Bytes, NotCarried int64 }

// Level is what a LOGIN grants.
type Level int

// The levels, as DTCL counts them.
const (
	NoAccess Level = iota
	Monitor
	Full
)

// Verb is what can be asked of a running mirror.
type Verb int

// The verbs.
const (
	Stop Verb = iota
	Pause
	Resume
)

// Reader is the half of the agents that only looks. Agents are named by their names, never by their addresses.
// Every method fails with a *value.Failure; an agent that does not answer gives CodeUnreachable.
type Reader interface {
	// Agents lists the names of all agents, sorted.
	Agents() []string
	// Resolve gives the name of the agent with that name or address.
	Resolve(nameOrAddress string) (string, error)
	// Agent describes an agent; that it does not answer is no failure.
	Agent(ctx context.Context, name string) (Agent, error)
	// Login asks for access.
	Login(ctx context.Context, agent, user, password string) (Level, error)
	// Sets lists an agent's sets by name.
	Sets(ctx context.Context, agent string) ([]Set, error)
	// Survey counts what a set covers.
	Survey(ctx context.Context, agent string, set Set) (Survey, error)
	// Connections lists the connections of which agent is the source, by id.
	Connections(ctx context.Context, agent string) ([]Status, error)
	// NextID is the id that the agent's next connection gets.
	NextID(ctx context.Context, agent string) (int64, error)
	// Inbound lists what the agent remembers as a target, by source and id.
	Inbound(ctx context.Context, agent string) ([]Inbound, error)
	// Marker gives the marker of a set's root; the zero Marker if it has none.
	Marker(ctx context.Context, agent, set string) (Marker, error)
	// Compare compares both sides of a connection, which need not be made yet.
	Compare(ctx context.Context, c Connection, how Compare) (Difference, error)
}

// System is the agents of a site.
type System interface {
	Reader
	// Configure gives an agent its settings.
	Configure(ctx context.Context, agent string, set Settings) error
	// PutSet makes or replaces a set.
	PutSet(ctx context.Context, agent string, set Set) error
	// DropSet removes a set.
	DropSet(ctx context.Context, agent, set string) error
	// Connect makes a connection and returns its id: the next one, or c.ID if that is not 0.
	Connect(ctx context.Context, c Connection) (int64, error)
	// Disconnect ends a connection; its target goes on remembering it.
	Disconnect(ctx context.Context, source string, id int64) error
	// Retract takes back a Connect, also one that was cut off: the connection ends, and its target remembers was in its
	// place, nothing if that is nil. Nothing may have come over it.
	Retract(ctx context.Context, c Connection, was *Inbound) error
	// Revive takes back a Disconnect, also one that was cut off: the connection is as st says that it was. No mirror of it runs.
	Revive(ctx context.Context, st Status) error
	// StartMirror starts a mirror, which runs on by itself, and returns its number.
	StartMirror(ctx context.Context, source string, id int64, m Mirror) (int64, error)
	// ControlMirror stops, pauses or resumes a running mirror; it returns when the mirror has obeyed.
	ControlMirror(ctx context.Context, source string, id int64, verb Verb) error
	// Replicate starts or stops sending changes as they happen.
	Replicate(ctx context.Context, source string, id int64, on bool) error
	// Sweep removes orphans and says how many.
	Sweep(ctx context.Context, source string, id int64, s Sweep) (int64, error)
	// Mark replaces the marker of a root if it still is old, or removes it where the new one's generation is 0. Whatever an
	// older generation sends is refused from then on.
	Mark(ctx context.Context, agent string, old, new Marker) error
}

// Systems finds the agents of the site a run works on.
type Systems interface {
	// Mirror gives the agents.
	Mirror() (System, error)
	// Defaults names the agents that are source and target until SOURCE and TARGET say otherwise; "" for none.
	Defaults() (source, target string)
}
