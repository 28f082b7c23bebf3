package report

import (
	"bytes"
	_ "embed" // the page's template
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/plan"
)

//go:embed page.html
var pageText string

// HTML writes the report as one page that needs nothing beside itself: no script, no style sheet, no picture.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("report").Parse(pageText)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, r.view()); err != nil {
		return err
	}
	_, err = io.WriteString(w, plain(b.String()))
	return err
}

// view is what the page shows, in the words that it shows.
type view struct {
	Title, State, StateIcon, Outcome, Error  string
	Run, By, Parent, Alone, Zone             string
	When, BeganShort, Made, Total, StateWord string
	BeganWidth                               string // of the columns that hold an instant, in letter heights
	AxisHeight                               string // in letter heights
	Tiles                                    []tile
	Next, Lags, Open, Undoing, Notes         []string

	Ribbon []bar // who was at work
	Ticks  []label
	Marks  []label // the points of no return: lines from top to bottom
	Breaks []label // where the axis is broken
	Legend []legend
	Rows   []viewRow

	ChangeCount, FailureCount string
	Changes                   []group
	Questions                 []viewQuestion
	Overrides                 []viewOverride
	Failures                  []viewFailure
	Orders, Written           []fact
	About, Files              []fact
}

// tile is one of the numbers that come first.
type tile struct {
	Kind, Label, Value, Note string
	Swatch                   bool // it has its own kind of bar
}

// legend says what a kind of bar means.
type legend struct{ Kind, Text string }

// label is a place on the axis; X, To and Mid are percent of its width.
type label struct {
	X, To, Mid string
	Edge       string // "left" or "right" where a text in the middle would stick out
	Text       string
}

// bar is something drawn on a line of the picture.
type bar struct {
	Kind      string
	X, W, End string // percent of the picture's width
	Y         string // pixels below the line's upper edge
	H         int    // pixels
	Cross     bool   // it failed
	Text      string // shown by pointing at it, and said by a screen reader
}

// viewRow is a line of the picture.
type viewRow struct {
	Kind, Icon, Symbol, Title, Branch, Tag string
	Depth                                  int
	Began, Word, Took                      string
	Said                                   string // what the bars show
	Notes                                  []string
	Bars                                   []bar
}

type group struct {
	Title   string
	Changes []viewChange
}

type viewChange struct{ System, What, Count, From, To, Fate, Error string }

type viewQuestion struct{ Asked, Text, Answer, By, Took, Nobody string }

type viewOverride struct{ Time, Rule, Reason, Found, Command, By string }

type viewFailure struct {
	Time, Times, What, Step, Error string
	Hints                          []string
}

// fact is a name and what it stands for.
type fact struct{ Name, Text string }

func (r *Report) view() *view {
	at := r.clock()
	v := &view{
		Title: r.title(), State: string(r.State), Outcome: capital(r.outcome()), Error: r.Error, Next: r.next(),
		Run: r.Run, By: who(&r.By), Parent: r.Parent, Alone: r.Alone,
		When: at.period(r.Started, r.Until, !r.Ended.IsZero()), Made: at.day(r.Made), StateWord: string(r.State),
		BeganShort: at.at(r.Started), Total: r.Time.Total.String(), BeganWidth: percent(1.4 + 0.58*float64(len(at.layout))), Zone: at.zone.String(),
		StateIcon: symbol(string(r.State)),
		Tiles:     r.tiles(at), Notes: r.Notes,
	}
	for _, l := range r.Data {
		v.Lags = append(v.Lags, l.sentence(at))
	}
	for _, u := range r.Undoing {
		v.Undoing = append(v.Undoing, u.sentence(at))
	}
	v.Open = r.open()
	r.picture(v, at)
	r.lists(v, at)
	v.ChangeCount, v.FailureCount = number(len(r.Changes)), number(len(r.Failures))
	return v
}

// tiles are the recovery time with its parts, and the recovery point.
func (r *Report) tiles(at clock) []tile {
	total := tile{Kind: "total", Label: "Recovery time (RTO)", Value: r.Time.Total.String(), Note: "from the run’s beginning to its end"}
	switch {
	case r.Ended.IsZero():
		total.Label, total.Note = "Time so far", "the run has not ended"
	case r.State == plan.Failed:
		total.Label, total.Note = "Time until it failed", "from the run’s beginning to its end"
	case r.State == plan.Undone:
		total.Note = "until the run ended; it was undone after that"
	}
	data := tile{Kind: "data", Label: "Data age (RPO)", Value: "unknown", Note: "the target did not say before the takeover"}
	if lag, known := r.worst(); known {
		data.Value, data.Note = lag.String(), "how old the target’s data were when taken over"
	} else if len(r.Data) == 0 {
		data.Value, data.Note = "–", "the run took no data over"
	}
	return []tile{
		total,
		{"work", "Machine", r.Time.Machine.String(), "a process was at work", true},
		{"people", "Waiting for people", r.Time.People.String(), "a question stood open", true},
		{"nobody", "Nobody at work", r.Time.Nobody.String(), "no process of the run lived", true},
		data,
	}
}

// lists fills in what stands below the picture.
func (r *Report) lists(v *view, at clock) {
	for _, c := range r.Changes {
		if n := len(v.Changes); n == 0 || v.Changes[n-1].Title != c.where() {
			v.Changes = append(v.Changes, group{Title: c.where()})
		}
		g := &v.Changes[len(v.Changes)-1]
		g.Changes = append(g.Changes, viewChange{c.System, c.What, c.count(), c.From, c.To, c.fate(), firstLine(c.Error)})
	}
	for _, q := range r.Questions {
		w := viewQuestion{Asked: at.at(q.Asked), Text: q.Text, Answer: q.Answer, By: who(q.By), Took: q.Took.String()}
		if q.Answer == "" {
			w.Answer = q.sentence(r.State)
		}
		if q.Nobody > 0 {
			w.Nobody = q.Nobody.String()
		}
		v.Questions = append(v.Questions, w)
	}
	for _, o := range r.Overrides {
		v.Overrides = append(v.Overrides, viewOverride{at.at(o.Time), o.Rule, o.Reason, o.Found, o.Command, who(o.By)})
	}
	v.Orders = r.orders(at)
	for _, f := range r.failures() {
		w := viewFailure{at.at(f.Time), f.times(at), f.headline(), f.Step, f.Error, nil}
		for hint := range strings.SplitSeq(f.Hint, "\n") {
			if hint != "" {
				w.Hints = append(w.Hints, hint)
			}
		}
		v.Failures = append(v.Failures, w)
	}
	for _, l := range r.Written {
		v.Written = append(v.Written, fact{at.at(l.Time), l.Text})
	}
	r.about(v)
}

// orders are those from other terminals and the processes that took the run up again, in the order of time.
func (r *Report) orders(at clock) []fact {
	type dated struct {
		time time.Time
		text string
	}
	var all []dated
	for _, o := range r.Orders {
		all = append(all, dated{o.Taken, "order: " + strings.TrimSpace(o.Order+" "+o.Text) + ", by " + orUnknown(who(o.By))})
	}
	for _, s := range r.Resumes {
		verb := "taken up again"
		if s.For != "" {
			verb = "taken over for " + s.For
		}
		verb += " by " + orUnknown(who(s.By))
		if s.Changed {
			verb += changedNote
		}
		all = append(all, dated{s.Time, verb})
	}
	slices.SortStableFunc(all, func(a, b dated) int { return a.time.Compare(b.time) })
	var facts []fact
	for _, d := range all {
		facts = append(facts, fact{at.at(d.time), d.text})
	}
	return facts
}

// about says what was run, where and with what.
func (r *Report) about(v *view) {
	add := func(name, text string) {
		if text != "" {
			v.About = append(v.About, fact{name, text})
		}
	}
	add("Run", r.Run)
	add("Script", r.Script)
	add("Site", r.Site)
	add("By", who(&r.By))
	add("Standin", r.Version)
	add("Approved plan", r.Plan)
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		add("PARAM "+name, r.Params[name])
	}
	for _, c := range r.Children {
		add("Child run "+c.Run, c.Script+": "+string(c.State))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		v.Files = append(v.Files, fact{name, r.Files[name]})
	}
}
