package diag

import (
	"cmp"
	"slices"
)

// Error gives the one-line form `file:line:col: message`.
func (d *Diagnostic) Error() string {
	if d.Source == nil {
		return d.Message
	}
	return d.Source.Place(d.Span) + ": " + d.Message
}

// Sort orders diagnostics by source, in the order in which the sources first occur, and by place, and drops those
// that say the same about the same place. It may reuse ds.
func Sort(ds []*Diagnostic) []*Diagnostic {
	order := map[*Source]int{}
	for _, d := range ds {
		if _, seen := order[d.Source]; !seen {
			order[d.Source] = len(order)
		}
	}
	slices.SortStableFunc(ds, func(a, b *Diagnostic) int {
		return cmp.Or(
			cmp.Compare(order[a.Source], order[b.Source]),
			cmp.Compare(a.Span.Start, b.Span.Start),
			cmp.Compare(a.Span.End, b.Span.End),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.CompactFunc(ds, func(a, b *Diagnostic) bool {
		return a.Source == b.Source && a.Span == b.Span && a.Code == b.Code && a.Message == b.Message
	})
}
