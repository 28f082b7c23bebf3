package exchange

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// inverse is what a change records so that it can be undone.
type inverse struct {
	User    string  `json:"user,omitempty"` // whose right was used; the password is asked for again
	Batches batches `json:"batches,omitempty"`
	Note    string  `json:"note,omitempty"`   // key of the note that was written, with
	Before  []byte  `json:"before,omitempty"` // what it held, and
	After   string  `json:"after,omitempty"`  // the digest of the record that it holds since
}

func (i inverse) raw() json.RawMessage {
	raw, err := json.Marshal(i)
	if err != nil {
		panic(err) // texts only: cannot happen
	}
	return raw
}

// undo brings back what one change recorded, in the opposite order. Entries that are already as they were stay so.
func (c commands) undo(ctx context.Context, raw json.RawMessage) error {
	var inv inverse
	if err := json.Unmarshal(raw, &inv); err != nil {
		return err
	}
	_, d, err := c.Organisation(ctx, directory.Login{User: inv.User})
	if err == nil {
		_, err = d.Info(ctx)
	}
	if err != nil && inv.User != "" {
		// The journal holds no password; where the site file has none for this account, the site's own undoes.
		_, d, err = c.Organisation(ctx, directory.Login{})
	}
	if err != nil {
		return err
	}
	if inv.Note != "" {
		return inv.undoNote(ctx, d)
	}
	return inv.Batches.undo(ctx, d)
}

// undoNote brings the record of a failover back, unless it is about another failover by now.
func (i inverse) undoNote(ctx context.Context, d directory.System) error {
	now, raw, err := readRecord(ctx, d, i.Note)
	if err != nil || bytes.Equal(raw, i.Before) {
		return err
	}
	if now == nil || now.digest() != i.After {
		return value.Failf(value.CodeRefused, "cannot take back the record %q: it is %s, and not as this run left it", i.Note, now.state()).
			Hint("somebody has failed over or back since: EXCHANGE FAILOVER … STATUS says what it holds now")
	}
	return d.SetNote(ctx, i.Note, i.Before)
}

// digest tells records apart by what they hold, in whatever order a run that was cut off and resumed has written it.
func (r *record) digest() string {
	var keys []string
	for kind, b := range r.Moved {
		for _, one := range b {
			for _, dn := range one.DNs {
				for _, e := range one.Edits {
					keys = append(keys, kind+"\x00"+editKey(dn, e))
				}
			}
		}
	}
	slices.Sort(keys)
	sum := sha256.New()
	fmt.Fprintf(sum, "%t %q", r.Open, slices.Compact(keys))
	return hex.EncodeToString(sum.Sum(nil))
}

// changed collects what somebody else has changed since.
type changed struct {
	mu    sync.Mutex
	lines []string
}

func (c *changed) add(dn string, what ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range what {
		c.lines = append(c.lines, fmt.Sprintf("%q: %s", dn, w))
	}
}

// maxChanged bounds how many of them a failure lists.
const maxChanged = 20

func (c *changed) failure() error {
	if len(c.lines) == 0 {
		return nil
	}
	slices.Sort(c.lines)
	f := value.Failf(value.CodeRefused, "cannot take back all: %d values were changed since, the first of %s", len(c.lines), c.lines[0])
	for _, line := range c.lines[:min(len(c.lines), maxChanged)] {
		f.Hint("%s", line)
	}
	return f.Hint("everything else was taken back; these stay as they are until somebody sets them")
}

// undo takes batches back, the last one first. What it needs of their entries is read at once.
func (b batches) undo(ctx context.Context, d directory.System) error {
	entries, err := b.read(ctx, d)
	if err != nil {
		return err
	}
	var others changed
	for _, one := range slices.Backward(b) {
		err := one.each(ctx, func(ctx context.Context, dn string) error {
			e := entries[directory.Fold(dn)]
			if e == nil {
				return nil // whoever took the entry away took what was changed with it
			}
			back, foreign := restoring(e, one.Edits)
			others.add(dn, foreign...)
			if len(back) == 0 || len(foreign) > 0 { // half of a mailbox's attributes would lead nowhere
				return nil
			}
			err := d.Modify(ctx, directory.Modification{DN: dn, Edits: back})
			if value.HasCode(err, value.CodeConflict, value.CodeRefused) {
				others.add(dn, err.Error())
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return others.failure()
}

// restoring gives the edits that bring an entry back to what it was before edits. Attributes that hold neither what was
// there nor what the edits made of it are somebody else's.
func restoring(e *directory.Entry, edits []directory.Edit) (back []directory.Edit, foreign []string) {
	for _, edit := range edits {
		now := e.All(edit.Attr)
		if directory.Single(edit.Attr) || len(edit.Old) > 0 && len(edit.New) > 0 {
			if !holdsAll(now, edit.Old) && !holdsAll(now, edit.New) {
				foreign = append(foreign, fmt.Sprintf("%s: got %s, want %s; it was %s before",
					edit.Attr, texts(now), texts(edit.New), texts(edit.Old)))
				continue
			}
		}
		some, _ := takeBack(e, []directory.Edit{edit})
		back = append(back, some...)
	}
	return back, foreign
}

// holdsAll says whether the values of an attribute are there; none are where the attribute is not.
func holdsAll(now, values []string) bool {
	for _, v := range values {
		if !directory.Holds(now, v) {
			return false
		}
	}
	return len(values) > 0 || len(now) == 0
}

func texts(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return fmt.Sprintf("%q", values)
}

// few is how many entries are read one by one; more are found by one search.
const few = 200

// read gives the entries of batches by their folded names, with what the edits are about. Those that are gone are left out.
func (b batches) read(ctx context.Context, d directory.System) (map[string]*directory.Entry, error) {
	missing := map[string]string{} // folded name → name
	var attrs []string
	for _, one := range b {
		attrs = append(attrs, attributes(one.Edits)...)
		for _, dn := range one.DNs {
			missing[directory.Fold(dn)] = dn
		}
	}
	slices.Sort(attrs)
	attrs = slices.Compact(attrs)
	entries := make(map[string]*directory.Entry, len(missing))
	if len(missing) > few {
		q := directory.Query{Base: above(missing), Scope: directory.Subtree, Filter: "(|(" + strings.Join(attrs, "=*)(") + "=*))", Attrs: attrs}
		err := d.Search(ctx, q, func(e *directory.Entry) error {
			if key := directory.Fold(e.DN); missing[key] != "" {
				entries[key] = e
				delete(missing, key)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	err := batch{DNs: slices.Sorted(maps.Values(missing))}.each(ctx, func(ctx context.Context, dn string) error {
		e, err := d.Entry(ctx, dn, attrs...)
		if gone(err) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		entries[directory.Fold(dn)] = e
		return err
	})
	return entries, err
}

// above gives the nearest entry that all of the names stand below.
func above(names map[string]string) string {
	base := ""
	for _, dn := range names {
		if base == "" {
			base = directory.Parent(dn)
		}
		for !directory.Under(dn, base) {
			base = directory.Parent(base)
		}
	}
	return base
}
