package mirror

import (
	"cmp"
	"slices"
	"time"

	"github.com/standin-project/standin/runtime/value"
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
	slices.SortFunc(after, bySource)
	return after
}

// Replaced gives the record that Attach would replace by one of c; nil if there is none. A target remembers one of each
// source and set.
func Replaced(all []Inbound, c Connection) *Inbound {
	i := slices.IndexFunc(all, func(in Inbound) bool { return in.Source == c.Source && in.Set == c.Set })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// Retract gives what a target remembers once it never knew c: was in its place, where that is not nil.
func Retract(all []Inbound, c Connection, was *Inbound) []Inbound {
	if _, known := Recall(all, c); !known {
		return all
	}
	after := slices.DeleteFunc(slices.Clone(all), func(in Inbound) bool { return in.Source == c.Source && in.ID == c.ID })
	if was != nil {
		after = append(after, *was)
	}
	if len(after) == 0 {
		return nil
	}
	slices.SortFunc(after, bySource)
	return after
}

// Revive gives what a target remembers once c has not ended.
func Revive(all []Inbound, c Connection, generation int64) []Inbound {
	if _, known := Recall(all, c); known {
		return Change(all, c, func(in *Inbound) { in.Connected = true })
	}
	return Attach(all, c, generation)
}

func bySource(a, b Inbound) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
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

// Taken refuses a connection to paths of its target that another one uses: one at a time may.
func Taken(all []Inbound, c Connection) error {
	mine, err := targetRoots(c)
	if err != nil {
		return err
	}
	for _, in := range all {
		if !in.Connected || in.Source == c.Source && in.Set == c.Set {
			continue
		}
		theirs, err := targetRoots(in.Connection)
		if err != nil {
			return err
		}
		for _, a := range mine {
			for _, b := range theirs {
				if overlap(a, b) {
					return value.Failf(value.CodeConflict, "%s on %s is the target of connection %d of %s (set %q) already",
						value.Quote(b), c.Target, in.ID, in.Source, in.Set).Hint("DISCONNECT that one, or MAP this one elsewhere")
				}
			}
		}
	}
	return nil
}

// targetRoots gives the paths at its target that a connection uses.
func targetRoots(c Connection) ([]string, error) {
	roots := Roots(c.Rules)
	for i, root := range roots {
		to, err := MapPath(c.Map, root)
		if err != nil {
			return nil, err
		}
		roots[i] = to
	}
	return roots, nil
}

func overlap(a, b string) bool {
	_, below := Below(a, b)
	_, above := Below(b, a)
	return below || above
}
