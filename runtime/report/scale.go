package report

import (
	"fmt"
	"slices"
	"time"
)

// scale draws time from left to right. Where a person was waited for, or nobody was at work, for longer than fits, the
// axis is broken: minutes of work stay visible beside hours of waiting.
type scale struct {
	parts []part
	step  time.Duration // between ticks
}

// part is a stretch of the axis on which time runs evenly.
type part struct {
	span
	kind   string // work, people or nobody
	x, w   float64
	broken bool
}

// The shares of the work's own width that waiting may take: one wait, and all of them together.
const (
	onePeople, allPeople = 0.35, 1.0
	oneNobody, allNobody = 0.06, 0.3
)

// newScale makes the scale of a picture.
func newScale(s split) *scale {
	c := &scale{parts: s.parts()}
	var work, people float64
	for _, p := range c.parts {
		switch p.kind {
		case "work":
			work += p.long().Seconds()
		case "people":
			people += p.long().Seconds()
		}
	}
	base := work
	if base == 0 {
		base = max(people, 1)
	}
	c.squeeze("people", onePeople*base, allPeople*base)
	c.squeeze("nobody", oneNobody*base, allNobody*base)
	sum := 0.0
	for i := range c.parts {
		sum += c.parts[i].w
	}
	at := 0.0
	for i := range c.parts {
		p := &c.parts[i]
		if sum > 0 {
			p.w *= 100 / sum
		}
		p.x = at
		at += p.w
	}
	c.step = tickStep(c.even())
	return c
}

// squeeze sets the widths of the parts of a kind, in seconds of work: one is at most so wide, and all together.
func (c *scale) squeeze(kind string, one, all float64) {
	sum := 0.0
	for i := range c.parts {
		p := &c.parts[i]
		long := p.long().Seconds()
		if p.kind == "work" {
			p.w = long
		}
		if p.kind == kind {
			p.w = min(long, one)
			sum += p.w
		}
	}
	for i := range c.parts {
		p := &c.parts[i]
		if p.kind != kind {
			continue
		}
		if sum > all {
			p.w *= all / sum
		}
		if p.broken = p.w < 0.8*p.long().Seconds(); !p.broken {
			p.w = p.long().Seconds()
		}
	}
}

// parts cuts the whole of a split into stretches of one kind.
func (s split) parts() []part {
	var all []part
	add := func(list spans, kind string) {
		for _, x := range list {
			all = append(all, part{span: x, kind: kind})
		}
	}
	work := spans{s.whole}.without(union(slices.Concat(s.people, s.nobody)))
	add(work, "work")
	add(s.people, "people")
	add(s.nobody, "nobody")
	slices.SortFunc(all, func(a, b part) int { return a.from.Compare(b.from) })
	return all
}

// x gives the place of an instant, in percent of the width.
func (c *scale) x(t time.Time) float64 {
	x := 0.0
	for _, p := range c.parts {
		if t.Before(p.from) {
			return x
		}
		if t.Before(p.to) {
			return p.x + p.w*t.Sub(p.from).Seconds()/p.long().Seconds()
		}
		x = p.x + p.w
	}
	return x
}

// even is how much time the unbroken part of the axis shows, as if all of it were unbroken.
func (c *scale) even() time.Duration {
	sum, width := time.Duration(0), 0.0
	for _, p := range c.parts {
		if !p.broken {
			sum += p.long()
			width += p.w
		}
	}
	if width == 0 {
		return 0
	}
	return time.Duration(min(float64(sum)*100/width, 1<<62))
}

// tickSteps are the steps that people count time in.
func tickSteps() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
		100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 28 * day, 364 * day,
	}
}

// mostTicks is how many labels have room beside each other.
const mostTicks = 6

// tickStep is the smallest step that gives few enough ticks.
func tickStep(long time.Duration) time.Duration {
	steps := tickSteps()
	for _, s := range steps {
		if long/s <= mostTicks {
			return s
		}
	}
	return max(long/mostTicks, steps[len(steps)-1])
}

// apart is how wide a label of the axis is with the blank beside it, in percent of the width.
const apart = 13.5

// ticks gives the lines of the axis: by the clock, or from the beginning on where the whole run is quick.
func (c *scale) ticks(at clock) []label {
	var all []label
	right := -apart // where the last label ends
	if len(c.parts) == 0 || c.step <= 0 {
		return all
	}
	begin := c.parts[0].from
	relative := c.parts[len(c.parts)-1].to.Sub(begin) < quick
	layout, step := "15:04:05", c.step
	if !relative {
		step = max(step, time.Second)
	}
	switch {
	case c.step >= 24*time.Hour:
		layout = "2 Jan"
	case c.step >= time.Minute:
		layout = "15:04"
	}
	for _, p := range c.parts {
		if p.broken || p.long()/step > 1000 {
			continue
		}
		t := begin
		if !relative {
			_, offset := begin.In(at.zone).Zone()
			shift := time.Duration(offset) * time.Second
			t = p.from.Add(shift).Truncate(step).Add(-shift)
		}
		if t.Before(p.from) {
			t = t.Add((p.from.Sub(t) + step - 1) / step * step)
		}
		for ; !t.After(p.to); t = t.Add(step) {
			x := c.x(t)
			side, left := edge(x, apart/2), x-apart/2
			switch side {
			case "left":
				left = x
			case "right":
				left = x - apart
			}
			if left < right {
				continue
			}
			right = left + apart
			text := t.In(at.zone).Format(layout)
			if relative {
				text = even(t.Sub(begin))
			}
			all = append(all, label{X: percent(x), Edge: side, Text: text})
		}
	}
	return all
}

// even prints a round span of time: 0, 200 ms, 1.5 s.
func even(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%g s", d.Seconds())
}
