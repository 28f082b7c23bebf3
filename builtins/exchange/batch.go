package exchange

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// batch is the same edits made to many entries: how 20,000 mailboxes are recorded without saying 20,000 times what
// becomes of them.
type batch struct {
	Edits []directory.Edit `json:"edits"`
	DNs   []string         `json:"dns"`
}

// batches collects edits, in the order in which each kind was first seen.
type batches []batch

// add records the edits of one entry; no edits are nothing to do.
func (b *batches) add(dn string, edits []directory.Edit) {
	if len(edits) == 0 {
		return
	}
	for i := range *b {
		if sameEdits((*b)[i].Edits, edits) {
			(*b)[i].DNs = append((*b)[i].DNs, dn)
			return
		}
	}
	*b = append(*b, batch{Edits: edits, DNs: []string{dn}})
}

func sameEdits(a, b []directory.Edit) bool {
	return slices.EqualFunc(a, b, func(x, y directory.Edit) bool {
		return x.Attr == y.Attr && slices.Equal(x.Old, y.Old) && slices.Equal(x.New, y.New)
	})
}

// count is the number of entries.
func (b batches) count() (n int) {
	for _, one := range b {
		n += len(one.DNs)
	}
	return n
}

// inFlight is how many modifies wait for the directory at once.
const inFlight = 32

// progressEvery is after how many entries progress is told.
const progressEvery = 1000

// apply makes the edits: one batch after another, the entries of each at the same time. progress, which may be nil,
// hears now and then how many entries are done.
func (b batches) apply(ctx context.Context, d directory.System, progress func(done int)) error {
	var done atomic.Int64
	for _, one := range b {
		err := one.each(ctx, func(ctx context.Context, dn string) error {
			err := d.Modify(ctx, directory.Modification{DN: dn, Edits: one.Edits})
			if n := done.Add(1); err == nil && progress != nil && n%progressEvery == 0 {
				progress(int(n))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b batch) each(ctx context.Context, do func(ctx context.Context, dn string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for _, dn := range b.DNs {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return do(ctx, dn) })
	}
	return g.Wait()
}

// takeBack gives the edits that bring an entry back to what it was before these edits, as far as they still stand. An
// attribute that somebody has given a third value since is left, and named.
func takeBack(e *directory.Entry, edits []directory.Edit) (back []directory.Edit, left []string) {
	for _, edit := range edits {
		now := e.All(edit.Attr)
		out := directory.Edit{Attr: edit.Attr}
		for _, v := range edit.New {
			if directory.Holds(now, v) && !directory.Holds(edit.Old, v) {
				out.Old = append(out.Old, v)
			}
		}
		for _, v := range edit.Old {
			if !directory.Holds(now, v) {
				out.New = append(out.New, v)
			}
		}
		switch {
		case len(out.New) > 0 && len(out.Old) == 0 && len(now) > 0 && directory.Single(edit.Attr):
			left = append(left, edit.Attr)
		case len(out.Old) > 0 || len(out.New) > 0:
			back = append(back, out)
		}
	}
	return back, left
}

// gone says whether a read failed because the entry is not there.
func gone(err error) bool {
	return value.HasCode(err, value.CodeNotThere)
}

// attributes names what the edits change.
func attributes(edits []directory.Edit) []string {
	var names []string
	for _, e := range edits {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, e.Attr) }) {
			names = append(names, e.Attr)
		}
	}
	return names
}
