// Package plan is the walk: one run of one program over the systems, either for real or through their read-only faces.
package plan

import "encoding/json"

// Answer is what an observation says: yes, no or unknown; never a bool.
type Answer int

// The three answers.
const (
	Unknown Answer = iota
	No
	Yes
)

func (a Answer) String() string { return [...]string{"unknown", "no", "yes"}[a] }

// Change is one thing a command changes in the world, as read before the first write.
type Change struct {
	// System is the kind and name of what is changed: "dns dns1", "cluster west", "directory ad", "agent west".
	System string `json:"system"`
	// What names the object: `group "Exchange Group"`, "A exch1.mydomain.com".
	What string `json:"what"`
	// From and To are the state before and after, in the words of the system; "" where there is none.
	From string `json:"from"`
	To   string `json:"to"`
	// Count is how many like objects this stands for (20,000 users); 0 and 1 mean one.
	Count int `json:"count,omitempty"`
	// Inverse is what the record's Undo needs to bring From back; nil if it cannot be undone.
	Inverse json.RawMessage `json:"inverse,omitempty"`
}
