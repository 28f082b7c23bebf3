package exchange

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// record is what a failover remembers for its failback: everything that it moved. It is kept with the directory,
// so that either site finds it, and is written before the first change.
type record struct {
	Source string      `json:"source"`
	Target string      `json:"target"`
	Server string      `json:"server"` // domain controller that served the failover
	USN    string      `json:"usn,omitempty"`
	Open   bool        `json:"open"` // the target stands in; false when all has gone back
	Pairs  [][2]string `json:"pairs"`
	// Owned are the mailboxes that lived on the target's paired stores before; they stay there.
	Owned []string `json:"owned,omitempty"`
	// Moved holds for each step what it changed.
	Moved map[string]batches `json:"moved"`
}

func recordKey(source, target string) string {
	return "failover-" + strings.ToLower(source) + "-to-" + strings.ToLower(target)
}

// readRecord gives the record of a failover, nil if there is none.
func readRecord(ctx context.Context, d directory.Reader, key string) (*record, []byte, error) {
	raw, err := d.Note(ctx, key)
	if err != nil || raw == nil {
		return nil, nil, err
	}
	r := &record{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, nil, value.Failf(value.CodeFailed, "cannot read the record %q of the failover: %w", key, err)
	}
	return r, raw, nil
}

func (r *record) raw() []byte {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		panic(err) // texts only: cannot happen
	}
	return append(raw, '\n')
}

// state is how changes and messages call the record.
func (r *record) state() string {
	switch {
	case r == nil:
		return "none"
	case !r.Open:
		return "closed"
	}
	return "open"
}

// clone gives a record that can be changed without changing r; batches themselves are never changed in place.
func (r *record) clone() *record {
	next := *r
	next.Moved = map[string]batches{}
	for kind, b := range r.Moved {
		next.Moved[kind] = b
	}
	return &next
}

// add records what a step moves, apart from what is recorded already: a run that was cut off and is run again must
// not forget the first one's half, nor the value that stood there before it.
func (r *record) add(kind string, more batches) {
	known := map[string]bool{}
	for _, b := range r.Moved[kind] {
		for _, dn := range b.DNs {
			for _, e := range b.Edits {
				known[editKey(dn, e)] = true
			}
		}
	}
	var merged batches
	for _, b := range r.Moved[kind] {
		merged = append(merged, batch{b.Edits, slices.Clip(b.DNs)})
	}
	for _, b := range more {
		for _, dn := range b.DNs {
			var fresh []directory.Edit
			for _, e := range b.Edits {
				if !known[editKey(dn, e)] {
					fresh = append(fresh, e)
				}
			}
			merged.add(dn, fresh)
		}
	}
	if len(merged) > 0 {
		r.Moved[kind] = merged
	}
}

// editKey tells edits apart: a single-valued attribute by its name, for others by their values too.
func editKey(dn string, e directory.Edit) string {
	key := directory.Fold(dn) + "\x00" + strings.ToLower(e.Attr)
	if directory.Single(e.Attr) {
		return key
	}
	return key + "\x00" + strings.ToLower(strings.Join(e.Old, "\x00")+"\x01"+strings.Join(e.New, "\x00"))
}

// byEntry looks up what was recorded of one entry.
func (b batches) byEntry() map[string][]directory.Edit {
	m := map[string][]directory.Edit{}
	for _, one := range b {
		for _, dn := range one.DNs {
			key := directory.Fold(dn)
			m[key] = append(m[key], one.Edits...)
		}
	}
	return m
}
