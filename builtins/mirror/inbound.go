package mirror

import (
	"cmp"
	"slices"
	"time"
)

// Inbound is what a target remembers of a connection that comes to it; it outlives the source.
type Inbound struct {
	Connection
	Connected  bool      `json:"connected"`
	Data       string    `json:"data"`
	Applied    time.Time `json:"applied_time"`
	Generation int64     `json:"generation"` // of the last mirror that it took
}

// Attach gives what a target remembers once c comes to it. A connection that carries the same paths as the one before
// it finds the data as that one left them.
func Attach(all []Inbound, c Connection, generation int64) []Inbound {
	in := Inbound{Data: Bad}
	after := make([]Inbound, 0, len(all)+1)
	for _, old := range all {
		switch {
		case old.Source != c.Source || old.Set != c.Set:
			after = append(after, old)
		case old.ID == c.ID || slices.Equal(old.Map, c.Map) && slices.Equal(Roots(old.Rules), Roots(c.Rules)):
			in = old
		}
	}
	in.Connection, in.Connected, in.Generation = c, true, generation
	after = append(after, in)
	slices.SortFunc(after, func(a, b Inbound) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
	})
	return after
}

// Recall finds the record of c.
func Recall(all []Inbound, c Connection) (Inbound, bool) {
	for _, in := range all {
		if in.Source == c.Source && in.ID == c.ID {
			return in, true
		}
	}
	return Inbound{}, false
}

// Change gives all with the record of c changed, if there is one.
func Change(all []Inbound, c Connection, f func(*Inbound)) []Inbound {
	after := slices.Clone(all)
	for i := range after {
		if after[i].Source == c.Source && after[i].ID == c.ID {
			f(&after[i])
		}
	}
	return after
}
