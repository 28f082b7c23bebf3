package report

import (
	"fmt"
	"strings"
	"time"
)

// picture draws the timeline.
func (r *Report) picture(v *view, at clock) {
	d := &drawing{r: r, at: at, scale: newScale(r.spans), kinds: map[string]bool{}}
	v.Ticks = d.scale.ticks(at)
	gaps := r.Gaps
	for _, row := range r.rows() {
		for len(gaps) > 0 && !row.Started.IsZero() && !gaps[0].To.After(row.Started) {
			v.Rows = append(v.Rows, d.gap(gaps[0]))
			gaps = gaps[1:]
		}
		v.Rows = append(v.Rows, d.row(row))
		if row.Kind == KindMark {
			x := d.scale.x(row.Started)
			v.Marks = append(v.Marks, label{X: percent(x), Edge: edge(x, apart), Text: "point of no return"})
		}
	}
	for _, g := range gaps {
		v.Rows = append(v.Rows, d.gap(g))
	}
	d.ribbon(v)
	for _, l := range legends() {
		if d.kinds[l.Kind] {
			v.Legend = append(v.Legend, l)
		}
	}
}

// ribbon draws who was at work, and where the axis is broken.
func (d *drawing) ribbon(v *view) {
	taken := []float64{} // where labels of points stand
	for i := range v.Marks {
		v.Marks[i].place(&taken)
	}
	taken = nil // breaks have a line of their own
	for _, p := range d.scale.parts {
		words := map[string]string{"work": "machine", "people": "waiting for people", "nobody": "nobody at work"}[p.kind]
		text := fmt.Sprintf("%s, %s", words, Millis(p.long()))
		v.Ribbon = append(v.Ribbon, bar{Kind: p.kind, X: percent(p.x), W: percent(p.w), Text: text})
		if !p.broken {
			continue
		}
		mid := p.x + p.w/2
		l := label{X: percent(p.x), To: percent(p.x + p.w), Mid: percent(mid), Edge: edge(mid, apart), Text: "// " + Millis(p.long()).String()}
		l.place(&taken)
		v.Breaks = append(v.Breaks, l)
	}
	lines := 1.5
	if len(v.Breaks) > 0 {
		lines += 1.15
	}
	if len(v.Marks) > 0 {
		lines += 1.15
	}
	v.AxisHeight = percent(lines)
}

// place takes the label's text away where another stands already.
func (l *label) place(taken *[]float64) {
	at := l.Mid
	if at == "" {
		at = l.X
	}
	var x float64
	fmt.Sscan(at, &x) //nolint:errcheck // percent wrote it
	for _, t := range *taken {
		if x-t < 2*apart && t-x < 2*apart {
			l.Text = ""
			return
		}
	}
	*taken = append(*taken, x)
}

// edge says on which side a text of that half width would stick out.
func edge(x, half float64) string {
	switch {
	case x < half:
		return "left"
	case x > 100-half:
		return "right"
	}
	return ""
}

// legends are the kinds of bars that need an explanation.
func legends() []legend {
	return []legend{
		{"done", "step or command"},
		{"failed", "failed attempt or command"},
		{"wait", "waiting for a system"},
		{"people", "waiting for people"},
		{"nobody", "nobody at work"},
		{"child", "child run"},
		{"unfinished", "not finished"},
		{"left", "left by the end of the run"},
		{"undone", "undone later"},
		{"undo", "taking back"},
	}
}

// drawing draws items as bars.
type drawing struct {
	r     *Report
	at    clock
	scale *scale
	kinds map[string]bool // that were drawn
}

// percent spells a number with two decimals at most.
func percent(x float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", x), "0"), ".")
}

// least is how wide a bar is at least, in percent: something that took no time can be seen.
const least = 0.5

// middle is how far below the upper edge of its line the middle of a bar is, in pixels.
const middle = 16

func (d *drawing) bar(kind string, from, to time.Time, text string) bar {
	x := d.scale.x(from)
	w := max(d.scale.x(to)-x, least)
	x = min(x, 100-w)
	d.kinds[kind] = true
	if from.Equal(to) {
		text += ", " + d.at.at(from)
	} else {
		text += fmt.Sprintf(", %s to %s", d.at.at(from), d.at.at(to))
	}
	height := 12
	switch kind {
	case "group", Skipped:
		height = 3
	case "wait":
		height = 6
	}
	return bar{
		Kind: kind, X: percent(x), W: percent(w), End: percent(x + w), Text: text,
		H: height, Y: percent(middle - float64(height)/2), Cross: kind == Failed,
	}
}

// gap is the line of a time in which nobody was at work.
func (d *drawing) gap(g Gap) viewRow {
	row := viewRow{Kind: "gap", Icon: "gap", Symbol: "gap", Title: g.words(), Said: g.words(), Began: d.at.at(g.From), Took: g.Took.String()}
	row.Bars = []bar{d.bar("nobody", g.From, g.To, g.words())}
	return row
}

func (d *drawing) row(w row) viewRow {
	v := viewRow{
		Kind: string(w.Kind), Icon: w.State, Title: w.Title, Branch: w.branch, Depth: min(w.depth, 10),
		Began: d.at.at(w.Started), Word: d.r.word(w.Item), Took: w.Took.String(),
	}
	if w.Turn > 0 {
		v.Tag = fmt.Sprintf("turn %d", w.Turn)
	}
	if v.Word == Undone {
		v.Icon = Undone
	}
	switch w.Kind {
	case KindMark:
		v.Icon, v.Symbol, v.Title, v.Took, v.Word = "mark", "mark", "Point of no return", "", ""
		v.Said = "from here on nothing can be undone"
		return v
	case KindQuestion:
		v.Icon, v.Tag = "question", "asked"
	case KindChild:
		v.Tag = "child run " + w.Run
	case KindParallel, KindBranch, KindRun, KindBlock:
		v.Icon = "group"
	}
	if w.Why != "" {
		v.Notes = append(v.Notes, w.Why)
	}
	if w.Error != "" {
		v.Notes = append(v.Notes, firstLine(w.Error))
	}
	v.Notes = append(v.Notes, attemptNotes(w.Attempts)...)
	v.Symbol = symbol(v.Icon)
	v.Bars = d.bars(w.Item)
	for _, g := range d.r.Gaps {
		if w.Started.Before(g.To) && g.From.Before(w.Ended) && len(v.Bars) > 0 && v.Bars[0].H > 3 {
			v.Bars = append(v.Bars, d.bar("nobody", later(g.From, w.Started), earlier(g.To, w.Ended), "nobody at work"))
		}
	}
	said := make([]string, len(v.Bars))
	for i, b := range v.Bars {
		said[i] = b.Text
	}
	v.Said = strings.Join(said, "; ")
	return v
}

// symbol is the picture of an icon.
func symbol(icon string) string {
	switch icon {
	case Already:
		return Done
	case Left, "stopped", "running", "waiting":
		return Unfinished
	case "failed", "done", "skipped", "question", "group", "undone", "unfinished":
		return icon
	}
	return "group"
}

// attemptNotes say how the attempts of a step went; one that went well needs no words.
func attemptNotes(all []Attempt) []string {
	var notes []string
	for i, a := range all {
		if len(all) == 1 {
			if a.Error != "" {
				notes = append(notes, firstLine(a.Error))
			}
			break
		}
		if i > 0 && a.Error == all[i-1].Error && a.Error != "" {
			a.Error = "the same"
		}
		notes = append(notes, a.sentence())
	}
	return notes
}

// bars draws an item: a step by its attempts, with its waits and questions on top.
func (d *drawing) bars(it *Item) []bar {
	var all []bar
	switch it.Kind {
	case KindStep:
		if it.State == Skipped && len(it.Attempts) == 0 {
			return []bar{d.bar("skipped", it.Started, it.Started, "skipped")}
		}
		for _, a := range it.Attempts {
			kind := a.State
			if a.Undone {
				kind = "undone"
			}
			all = append(all, d.bar(kind, a.Started, a.Ended, fmt.Sprintf("attempt %d %s", a.Attempt, a.State)))
		}
		return append(all, d.waits(it.Items)...)
	case KindParallel, KindBranch, KindRun, KindBlock:
		return []bar{d.bar("group", it.Started, it.Ended, it.Title)}
	case KindQuestion:
		return []bar{d.bar("people", it.Started, it.Ended, "asked and answered")}
	case KindWait:
		return []bar{d.bar("wait", it.Started, it.Ended, "waited for a system")}
	case KindUndo:
		return append([]bar{d.bar("undo", it.Started, it.Ended, "taking back")}, d.waits(it.Items)...)
	case KindChild:
		kind := "child"
		if it.State == Failed {
			kind = Failed
		}
		return append([]bar{d.bar(kind, it.Started, it.Ended, "child run "+it.State)}, d.waits(it.Items)...)
	}
	kind := it.State
	if kind == Already {
		kind = Done
	}
	return []bar{d.bar(kind, it.Started, it.Ended, it.State)}
}

// waits draws what an item waited for; steps inside of it have lines of their own.
func (d *drawing) waits(items []*Item) []bar {
	var all []bar
	for _, it := range items {
		switch it.Kind {
		case KindWait:
			if d.scale.x(it.Ended)-d.scale.x(it.Started) >= least {
				all = append(all, d.bar("wait", it.Started, it.Ended, it.Title))
			}
		case KindQuestion:
			all = append(all, d.bar("people", it.Started, it.Ended, it.Title))
		case KindRun, KindCommand, KindBlock:
			all = append(all, d.waits(it.Items)...)
		}
	}
	return all
}
