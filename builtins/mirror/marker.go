package mirror

import (
	"fmt"

	"github.com/standin-project/standin/runtime/value"
)

// Role is what an agent is for the data of a set.
type Role string

// The roles.
const (
	RoleSource Role = "source"
	RoleTarget Role = "target"
)

// Marker says whose data a set's root holds. Of two agents that both claim to be the source, the higher generation
// is right. A marker is made by CONNECT, raised by TAKEOVER and RELEASE, and never made again by itself.
type Marker struct {
	Set        string `json:"set"`
	Role       Role   `json:"role"`
	Generation int64  `json:"generation"`
	// TakenFrom is the agent that TAKEOVER took the data from and RELEASE gives it back to.
	TakenFrom string `json:"taken_from,omitempty"`
}

// String gives the marker in words.
func (m Marker) String() string {
	switch {
	case m.Generation == 0:
		return ""
	case m.TakenFrom != "":
		return fmt.Sprintf("taken over from %s, generation %d", m.TakenFrom, m.Generation)
	}
	return fmt.Sprintf("%s, generation %d", m.Role, m.Generation)
}

// same says whether two markers are equal; all that say nothing are.
func (m Marker) same(o Marker) bool { return m == o || m.Generation == 0 && o.Generation == 0 }

// Admit says whether the data of one root may go over another one, and what the other's marker then is. A root that is
// a source itself may have what no other root has: only a restore, which somebody asked for by that word, goes over it.
func Admit(c Connection, from, over Marker, restore bool) (Marker, error) {
	after := Marker{Set: c.Set, Role: RoleTarget, Generation: from.Generation}
	switch {
	case from.Role != RoleSource:
		return over, refused(c, "%s holds it as a %s", c.Source, from).
			Hint("TAKEOVER makes %s the owner, RELEASE gives it back", c.Source)
	case over.Generation > from.Generation:
		return over, refused(c, "%s is %s, %s is %s", c.Target, over, c.Source, from).
			Hint("the newer data is on %s: mirror it back (failback), then RELEASE", c.Target)
	case over.Generation == from.Generation && over.Role == RoleSource:
		return over, refused(c, "%s and %s are both its source, generation %d", c.Source, c.Target, from.Generation).
			Hint("TAKEOVER on the side whose data counts")
	case over.Role == RoleSource && !restore:
		return over, refused(c, "%s is %s and may have what never left it", c.Target, over).
			Hint("keep aside what only %s has, then RESTORE %s FROM %s TO %s", c.Target, c.Set, c.Source, c.Target)
	}
	return after, nil
}

// AdmitConnection says whether a connection may be made, and what its target's marker then is. One to a root that a
// restore may go over may be made, and changes nothing there.
func AdmitConnection(c Connection, from, over Marker) (Marker, error) {
	after, err := Admit(c, from, over, true)
	if over.Role == RoleSource {
		after = over
	}
	return after, err
}

func refused(c Connection, why string, args ...any) *value.Failure {
	return value.Failf(value.CodeRefused, "%s: %q may not go from %s to %s: %s",
		RestoreRequired, c.Set, c.Source, c.Target, fmt.Sprintf(why, args...))
}

// FirstMarker is the marker of a source's root that never had one.
func FirstMarker(set string) Marker { return Marker{Set: set, Role: RoleSource, Generation: 1} }
