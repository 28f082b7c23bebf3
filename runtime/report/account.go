package report

import (
	"slices"
	"time"
)

// span is a time from one instant to a later one.
type span struct{ from, to time.Time }

func (s span) long() time.Duration { return s.to.Sub(s.from) }

// spans are in order and do not touch.
type spans []span

// union puts spans in order and joins those that touch; empty ones go.
func union(all []span) spans {
	all = slices.DeleteFunc(slices.Clone(all), func(s span) bool { return !s.from.Before(s.to) })
	slices.SortFunc(all, func(a, b span) int { return a.from.Compare(b.from) })
	var out spans
	for _, s := range all {
		if n := len(out); n > 0 && !s.from.After(out[n-1].to) {
			out[n-1].to = later(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// without gives what of a is in no span of b.
func (a spans) without(b spans) spans {
	var out spans
	for _, s := range a {
		from := s.from
		for _, cut := range b {
			if !cut.to.After(from) {
				continue
			}
			if !cut.from.Before(s.to) {
				break
			}
			if from.Before(cut.from) {
				out = append(out, span{from, cut.from})
			}
			from = cut.to
		}
		if from.Before(s.to) {
			out = append(out, span{from, s.to})
		}
	}
	return out
}

// within gives what of a is between two instants.
func (a spans) within(from, to time.Time) spans {
	var out spans
	for _, s := range a {
		s.from, s.to = later(s.from, from), earlier(s.to, to)
		if s.from.Before(s.to) {
			out = append(out, s)
		}
	}
	return out
}

func (a spans) long() (sum time.Duration) {
	for _, s := range a {
		sum += s.long()
	}
	return sum
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earlier gives the earlier of two instants.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// split says, for each instant from one to another, whether the machine was at work, a person was waited for, or no
// process lived. Nobody outweighs people, and people the machine: what is neither is machine time.
type split struct {
	whole          span
	people, nobody spans
}

// times is the account of the time between two instants of the split. Whole milliseconds add up.
func (s split) times(from, to time.Time) Times {
	if to.Before(from) {
		to = from
	}
	cut := func(d time.Duration) time.Duration { return d.Truncate(time.Millisecond) }
	t := Times{
		Total:  Millis(cut(to.Sub(from))),
		People: Millis(cut(s.people.within(from, to).long())),
		Nobody: Millis(cut(s.nobody.within(from, to).long())),
	}
	t.Machine = t.Total - t.People - t.Nobody
	return t
}

// busy is something of the machine's: a command, a wait, or the pause between two attempts.
type busy struct {
	place string
	span
}

// asking is a question from asked to answered.
type asking struct {
	place string
	span
}

// divide makes the split: a question is people's time except while another branch of a PARALLEL is at work.
func divide(whole span, questions []asking, work []busy, gaps []span) split {
	nobody := union(gaps).within(whole.from, whole.to)
	var people []span
	for _, q := range questions {
		var beside []span
		for _, b := range work {
			if b.from.Before(q.to) && q.from.Before(b.to) && side(q.place, b.place) {
				beside = append(beside, b.span)
			}
		}
		people = append(people, union([]span{q.span}).without(union(beside))...)
	}
	return split{whole, union(people).within(whole.from, whole.to).without(nobody), nobody}
}
