package vm

import (
	"maps"
	"math"
	"slices"

	"github.com/d5/tengo/v2"

	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/value"
)

// iterator is what a loop goes through. It is its own iterator, since each loop makes a new one.
type iterator struct {
	tengo.ObjectImpl
	next func() value.Value // nil at the end
	item *value.Value       // where each turn's item goes: the loop's variable, if that is a global
}

// loopItem gives where the items of the loop go.
func (m *machine) loopItem(arg value.Value) *value.Value {
	if l := arg.(*handle).is.(*lower.Loop); l.Var >= 0 {
		return &m.globals[l.Var]
	}
	return new(value.Value)
}

// TypeName names it for Tengo's messages.
func (*iterator) TypeName() string { return "iterator" }

func (*iterator) String() string { return "‹iterator›" }

// CanIterate says that it can be gone through.
func (*iterator) CanIterate() bool { return true }

// Iterate gives it.
func (i *iterator) Iterate() tengo.Iterator { return i }

// Next goes on to the next item.
func (i *iterator) Next() bool {
	item := i.next()
	if item != nil {
		*i.item = item
	}
	return item != nil
}

// Key is not used.
func (*iterator) Key() tengo.Object { return value.None }

// Value gives the item.
func (i *iterator) Value() tengo.Object { return *i.item }

// items goes through a list.
func items(list []value.Value, to *value.Value) *iterator {
	return &iterator{item: to, next: func() value.Value {
		if len(list) == 0 {
			return nil
		}
		item := list[0]
		list = list[1:]
		return item
	}}
}

// each goes through a list's items or a map's keys in their order.
func (m *machine) each(args []value.Value) (value.Value, error) {
	v := args[1]
	if list, ok := value.AsList(v); ok {
		return items(list, m.loopItem(args[0])), nil
	}
	if members, ok := value.AsMap(v); ok {
		keys := slices.Sorted(maps.Keys(members))
		list := make([]value.Value, len(keys))
		for i, k := range keys {
			list[i] = value.Text(k)
		}
		return items(list, m.loopItem(args[0])), nil
	}
	if _, ok := value.IsUnknown(v); ok {
		return m.unknownTurns(args[0], v), nil
	}
	f := mistake("cannot go through %s, want a list or a map", show(v))
	if value.IsText(v) {
		f.Hint("split(…) makes a list of a text")
	}
	return nil, f
}

// wholeRange counts from one whole number to another, both included. It is a type of its own since counting loops
// spend their time here.
type wholeRange struct {
	iterator
	at, to, by int64
	more       bool
	ints       value.Ints
}

// Iterate gives it.
func (r *wholeRange) Iterate() tengo.Iterator { return r }

// Next counts one on; it never runs past the end, so it never overflows.
func (r *wholeRange) Next() bool {
	if !r.more {
		return false
	}
	*r.item = r.ints.Int(r.at)
	if r.by > 0 {
		r.more = uint64(r.to)-uint64(r.at) >= uint64(r.by)
	} else {
		r.more = uint64(r.at)-uint64(r.to) >= -uint64(r.by)
	}
	r.at += r.by
	return true
}

// unknownTurns asks the host before every turn of a loop whose end a plan cannot know.
func (m *machine) unknownTurns(at, u value.Value) *iterator {
	site := site(at.(*handle).is.(*lower.Loop).Site)
	return &iterator{item: m.loopItem(at), next: func() value.Value {
		more, err := m.host.Decide(m.ctx, site, u)
		if err != nil {
			panic(&raised{err}) // Tengo's iterators have no way to fail; guard takes it from here
		}
		if !more {
			return nil
		}
		site.Again = true
		return u
	}}
}

// countRange goes from one number to another by steps.
func (m *machine) countRange(args []value.Value) (value.Value, error) {
	from, to, by := args[1], args[2], args[3]
	for _, v := range args[1:] {
		if _, ok := value.IsUnknown(v); ok {
			return m.unknownTurns(args[0], v), nil
		}
		if _, ok := value.AsNumber(v); !ok {
			return nil, mistake("cannot count with %s, want a number", show(v)).Hint("number(…) reads a text as a number")
		}
	}
	if value.Equal(by, value.Int(0)) {
		return nil, mistake("got 0 for STEP, want a number that leads from %s to %s", value.Print(from), value.Print(to))
	}
	a, fromWhole := value.AsInt(from)
	b, toWhole := value.AsInt(to)
	c, byWhole := value.AsInt(by)
	if fromWhole && toWhole && byWhole {
		more := c > 0 && a <= b || c < 0 && a >= b
		return &wholeRange{iterator: iterator{item: m.loopItem(args[0])}, at: a, to: b, by: c, more: more}, nil
	}
	return decimalRange(from, to, by, m.loopItem(args[0])), nil
}

func decimalRange(from, to, by value.Value, item *value.Value) *iterator {
	start, _ := value.AsNumber(from)
	end, _ := value.AsNumber(to)
	step, _ := value.AsNumber(by)
	turn := 0.0
	return &iterator{item: item, next: func() value.Value {
		// Multiplying keeps the error of rounding from adding up over the turns.
		at := start + turn*step
		if math.IsInf(at, 0) || step > 0 && at > end || step < 0 && at < end {
			return nil
		}
		turn++
		return value.Decimal(at)
	}}
}
