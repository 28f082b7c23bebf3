// Package journal is what the stores of runs have in common: their interface, runs as their journals tell them, and the
// form of an entry at rest.
package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

// Store keeps the journals of a site's runs, the orders given to them and the locks that they hold. Its methods may be
// called from several goroutines, and by several processes and hosts on one store.
type Store interface {
	// Create begins a run, or a child run when h names a parent. It gives h its ID; the run exists when Create returns.
	Create(ctx context.Context, h *plan.Header) (Writer, error)
	// Resume takes over a run whose process is gone, also one that has ended. What a crash has torn off its end is
	// dropped durably, and appending goes on with the next Seq. The run comes with all inverses. By whom it is held
	// from now on is told to others; appending an entry of KindResume is the caller's.
	// It fails with a BusyError while a process lives that writes the run, a DamagedError, or ErrNoRun.
	Resume(ctx context.Context, id string, by plan.Actor) (Writer, *Run, error)
	// List gives all runs, oldest first, without their entries and texts.
	List(ctx context.Context) ([]*Run, error)
	// Load reads one run, or fails with ErrNoRun. Large inverses are left where they are kept aside.
	Load(ctx context.Context, id string) (*Run, error)
	// Whole is Load with all inverses, for who undoes the run.
	Whole(ctx context.Context, id string) (*Run, error)
	// Follow calls each with the entries after Seq after as they come. It returns nil when the run has ended and its
	// process is gone, the error of each, or the cause of ctx.
	Follow(ctx context.Context, id string, after int, each func(plan.Entry) error) error
	// Send gives a run an order, also one whose process is gone. It gives o its ID and Time; the order is durable when
	// Send returns. It fails with ErrNoRun.
	Send(ctx context.Context, id string, o *plan.Order) error
	// Orders gives the orders to a run with an ID above after, in the order in which they were sent.
	Orders(ctx context.Context, id string, after int) ([]plan.Order, error)
	// Fingerprint is what a journal keeps of a secret: enough to tell later whether it is the same, and nothing to
	// whoever has only the journal.
	Fingerprint(secret string) (string, error)
	// Close frees what the store itself has open; its Writers are closed before.
	Close() error
}

// Writer writes one run and holds its locks.
type Writer interface {
	// Append as plan.Journal says. Once it has failed nothing more is written: every later call gives the same error.
	plan.Journal
	// Lock takes the locks of these names, all of them or none, or fails with a LockedError. Names are compared byte by
	// byte. A lock that this run has already, its parent or another child of its parent, is shared with them.
	Lock(ctx context.Context, names []string) error
	// Held is nil while every lock that the run and its family have taken is provably theirs at this moment, and a
	// LostError otherwise. It is asked before every effect and costs microseconds in the common case.
	Held(ctx context.Context) error
	// Token is the fencing token of this taking of the run: a later taking of any lock that it holds has a higher one.
	// It is 0 where a lock ends with its holder's process, so that no late writer is left to be told apart.
	Token() int64
	// Close ends the writing and frees the locks; the run's last entry should be of KindEnd, or the run is stopped.
	Close() error
}

// ErrNoRun says that the store has no run of that id.
var ErrNoRun = errors.New("no such run")

// Holder is who holds a run or a lock.
type Holder struct {
	ID     string    `json:"id"` // of the run
	Script string    `json:"script"`
	Who    string    `json:"who,omitempty"`
	Host   string    `json:"host,omitempty"`
	PID    int       `json:"pid,omitempty"`
	Since  time.Time `json:"since_time,omitzero"`
}

// HolderOf says who holds a run that has this header.
func HolderOf(h *plan.Header, by plan.Actor, since time.Time) Holder {
	return Holder{ID: h.ID, Script: h.Script, Who: by.Who, Host: by.Host, PID: by.PID, Since: since}
}

func (h Holder) String() string {
	if h.ID == "" {
		return "a run that cannot be told"
	}
	text := fmt.Sprintf("run %s (%s by %s@%s, process %d", h.ID, h.Script, h.Who, h.Host, h.PID)
	if !h.Since.IsZero() {
		text += ", since " + h.Since.Local().Format(time.DateTime)
	}
	return text + ")"
}

// BusyError says that a run cannot be taken over because a process writes it.
type BusyError struct{ Holder Holder }

func (e *BusyError) Error() string { return "it is not stopped: " + e.Holder.String() + " is at work" }

// LockedError says that another run holds a lock.
type LockedError struct {
	Name   string
	Holder Holder
}

func (e *LockedError) Error() string { return fmt.Sprintf("%s is locked by %s", e.Name, e.Holder) }

// LostError says that what a run held is not provably its own any more; Name is the lock, or "the run" itself.
type LostError struct {
	Name string
	Err  error // how it showed; may be nil
}

func (e *LostError) Error() string {
	text := e.Name + " is not held any more"
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives how it showed.
func (e *LostError) Unwrap() error { return e.Err }

// UnreachableError says that a store does not answer.
type UnreachableError struct {
	Store string // what and where it is
	Err   error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s does not answer: %v", e.Store, e.Err)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// DamagedError says that a journal was whole once and is not any more: an entry cannot be read that was durable.
type DamagedError struct {
	Where string // the file or key
	Seq   int    // the first entry that is missing
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged: entry %d cannot be read, but later ones can", e.Where, e.Seq)
}
