package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/standin-project/standin/runtime/plan"
)

// width is how many columns the report takes on a terminal.
const width = 80

// Text prints the report for a terminal of 80 columns, without colours.
func (r *Report) Text(w io.Writer) error {
	p := &page{r: r, clock: r.clock()}
	p.head()
	p.timeline()
	p.changes()
	p.people()
	p.failures()
	p.written()
	_, err := io.WriteString(w, plain(p.b.String()))
	return err
}

// page is the report as it is being written.
type page struct {
	b     strings.Builder
	r     *Report
	clock clock
}

// lines prints a text in as many lines as it needs. The first begins with label, the others with as many blanks.
func (p *page) lines(label, text string) {
	indent := utf8.RuneCountInString(label)
	for i, l := range wrap(text, max(width-indent, 20)) {
		if i > 0 {
			label = strings.Repeat(" ", indent)
		}
		p.b.WriteString(strings.TrimRight(label+l, " ") + "\n")
	}
}

// wrap breaks a text into lines of at most so many characters, between words where it can.
func wrap(text string, wide int) []string {
	var out []string
	for _, par := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Fields(par) {
			for line == "" && utf8.RuneCountInString(word) > wide {
				cut := []rune(word)
				out, word = append(out, string(cut[:wide])), string(cut[wide:])
			}
			switch {
			case line == "":
				line = word
			case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= wide:
				line += " " + word
			default:
				out, line = append(out, line), ""
				for utf8.RuneCountInString(word) > wide {
					cut := []rune(word)
					out, word = append(out, string(cut[:wide])), string(cut[wide:])
				}
				line = word
			}
		}
		out = append(out, line)
	}
	return out
}

func (p *page) section(title string, n int) {
	if n > 0 {
		title += fmt.Sprintf(" (%s)", number(n))
	}
	fmt.Fprintf(&p.b, "\n%s\n", title)
}

func (p *page) head() {
	r := p.r
	p.lines("", r.title()+": "+r.outcome())
	if r.Error != "" {
		p.lines("  ", r.Error)
	}
	for _, q := range r.open() {
		p.lines("  asks: ", q)
	}
	for _, words := range r.next() {
		p.lines("  next: ", words)
	}
	run := "run " + r.Run
	if by := who(&r.By); by != "" {
		run += " by " + by
	}
	if r.Parent != "" {
		run += ", a child of run " + r.Parent
	}
	p.lines("", run)
	if r.Alone != "" {
		p.lines("break glass: ", r.Alone)
	}
	p.b.WriteByte('\n')
	p.lines("began    ", p.clock.day(r.Started))
	switch {
	case !r.Ended.IsZero():
		p.lines("ended    ", p.clock.day(r.Ended))
	default:
		p.lines("so far   ", p.clock.day(r.Until))
	}
	t := r.Time
	p.lines("took     ", fmt.Sprintf("%s: machine %s, waiting for people %s, nobody at work %s", t.Total, t.Machine, t.People, t.Nobody))
	if len(r.Data) == 0 {
		p.lines("data     ", "the run took no data over")
	}
	for _, l := range r.Data {
		p.lines("data     ", l.sentence(p.clock))
	}
	for _, u := range r.Undoing {
		p.lines("undone   ", u.sentence(p.clock))
	}
	for _, s := range r.Resumes {
		text := p.clock.day(s.Time) + " by " + orUnknown(who(s.By))
		if s.For != "" {
			text += ", for " + s.For
		}
		if s.Changed {
			text += changedNote
		}
		p.lines("resumed  ", text)
	}
	for _, n := range r.Notes {
		p.lines("NOTE: ", n)
	}
}

// changedNote says that somebody accepted a difference.
const changedNote = ", with a changed script or site, which was accepted"

func orUnknown(who string) string {
	if who == "" {
		return "somebody unknown"
	}
	return who
}

// sentence says what was taken back.
func (u Undoing) sentence(c clock) string {
	s := count(u.Undone, "change") + " taken back"
	if u.To != "" {
		s += fmt.Sprintf(", back to %q", u.To)
	}
	if u.Kept > 0 {
		s += fmt.Sprintf(", %s that cannot be", count(u.Kept, "change"))
	}
	if u.Failed > 0 {
		s += ", " + count(u.Failed, "failure")
	}
	if u.State == Unfinished {
		return s + ", not finished"
	}
	return s + fmt.Sprintf(" in %s at %s", u.Took, c.at(u.Ended))
}

// timeline prints one line an item, with its attempts below it.
func (p *page) timeline() {
	rows := p.r.rows()
	if len(rows) == 0 {
		return
	}
	p.section("Timeline", 0)
	gaps := p.r.Gaps
	for _, row := range rows {
		for len(gaps) > 0 && !row.Started.IsZero() && !gaps[0].To.After(row.Started) {
			p.gap(gaps[0])
			gaps = gaps[1:]
		}
		p.row(row)
	}
	for _, g := range gaps {
		p.gap(g)
	}
}

// cells begins a line of the timeline: when it began, how long it took, how it ended.
func (p *page) cells(began, took, state string) string {
	return fmt.Sprintf("%-*s  %11s  %-8s  ", len(p.clock.layout), began, took, state)
}

func (p *page) gap(g Gap) {
	p.lines(p.cells(p.clock.at(g.From), g.Took.String(), ""), "--- "+g.words())
}

// words says what kind of gap it is.
func (g Gap) words() string {
	switch {
	case g.After:
		return "the run had ended"
	case g.Question != "":
		return "nobody at work, a question stood open"
	}
	return "nobody at work"
}

func (p *page) row(row row) {
	in := strings.Repeat("  ", min(row.depth, 8))
	text := row.Title
	switch row.Kind {
	case KindMark:
		p.lines(p.cells(p.clock.at(row.Started), "", "")+in, "====== POINT OF NO RETURN ======")
		return
	case KindQuestion:
		text = "asked: " + text
	case KindChild:
		text = fmt.Sprintf("%s, child run %s", text, row.Run)
	}
	if row.Turn > 0 {
		text += fmt.Sprintf(" (turn %d)", row.Turn)
	}
	if row.branch != "" {
		text = row.branch + ": " + text
	}
	p.lines(p.cells(p.clock.at(row.Started), row.Took.String(), p.r.word(row.Item))+in, text)
	below := strings.Repeat(" ", utf8.RuneCountInString(p.cells("", "", "")+in)) + "  "
	if row.Why != "" {
		p.lines(below, row.Why)
	}
	if row.Error != "" {
		p.lines(below, firstLine(row.Error))
	}
	if n := len(row.Attempts); n == 1 && row.Attempts[0].Error != "" {
		p.lines(below, firstLine(row.Attempts[0].Error))
	} else if n > 1 {
		for i, a := range row.Attempts {
			if i > 0 && a.Error == row.Attempts[i-1].Error && a.Error != "" {
				a.Error = "the same"
			}
			p.lines(below, a.sentence())
		}
	}
}

// sentence says how an attempt went.
func (a Attempt) sentence() string {
	s := fmt.Sprintf("attempt %d: %s", a.Attempt, a.State)
	switch a.State {
	case Done, Failed:
		s += " after " + a.Took.String()
	}
	if a.Undone {
		s += ", undone"
	}
	if a.Error != "" {
		s += ": " + firstLine(a.Error)
	}
	return s
}

func (p *page) changes() {
	r := p.r
	if len(r.Changes) == 0 {
		return
	}
	p.section("Changes", len(r.Changes))
	last := "\x00"
	for _, c := range r.Changes {
		if head := c.where(); head != last {
			p.lines("  ", head)
			last = head
		}
		change := plan.Change{System: c.System, What: c.What, From: c.From, To: c.To, Count: c.Count}.String()
		if fate := c.fate(); fate != "" {
			change += "  [" + fate + "]"
		}
		p.lines("    ", change)
		if c.Error != "" {
			p.lines("      ", firstLine(c.Error))
		}
	}
}

// where says what made a change: the step, or the command that stands in none.
func (c Change) where() string {
	if c.Step != "" {
		return c.Step
	}
	return c.Command
}

// people prints what people did: answers, overridden rules, orders.
func (p *page) people() {
	r := p.r
	if len(r.Questions) > 0 {
		p.section("Questions", len(r.Questions))
	}
	for _, q := range r.Questions {
		p.lines("  "+p.clock.at(q.Asked)+"  ", q.Text)
		p.lines("    ", q.sentence(r.State))
	}
	if len(r.Overrides) > 0 {
		p.section("Overridden rules", len(r.Overrides))
	}
	for _, o := range r.Overrides {
		p.lines("  "+p.clock.at(o.Time)+"  ", fmt.Sprintf("%s, by %s: %s", o.Rule, orUnknown(who(o.By)), o.Reason))
		if o.Found != "" {
			p.lines("    ", o.Found)
		}
		if o.Command != "" {
			p.lines("    ", o.Command)
		}
	}
	if len(r.Orders) > 0 {
		p.section("Orders", len(r.Orders))
	}
	for _, o := range r.Orders {
		p.lines("  "+p.clock.at(o.Taken)+"  ", strings.TrimSpace(o.Order+" "+o.Text)+", by "+orUnknown(who(o.By)))
	}
}

// sentence says how a question was answered, and how long it stood.
func (q Question) sentence(s plan.State) string {
	var b strings.Builder
	switch {
	case q.Answer != "":
		fmt.Fprintf(&b, "answered %q", q.Answer)
		if by := who(q.By); by != "" {
			b.WriteString(" by " + by)
		}
		fmt.Fprintf(&b, " after %s", q.Took)
	case s == plan.Waiting || s == plan.Running || s == plan.Stopped:
		fmt.Fprintf(&b, "open, for %s", q.Took)
	default:
		b.WriteString("never answered")
	}
	if q.Nobody > 0 {
		fmt.Fprintf(&b, ", of which %s without a process", q.Nobody)
	}
	return b.String()
}

func (p *page) failures() {
	r := p.r
	if len(r.Failures) == 0 {
		return
	}
	p.section("Failures", len(r.Failures))
	for _, f := range r.failures() {
		p.lines("  "+p.clock.at(f.Time)+"  ", f.headline())
		if times := f.times(p.clock); times != "" {
			p.lines("    ", times)
		}
		p.lines("    ", f.Error)
		for hint := range strings.SplitSeq(f.Hint, "\n") {
			if hint != "" {
				p.lines("    hint: ", hint)
			}
		}
	}
}

// repeated is a failure that came several times.
type repeated struct {
	Failure
	count int
	last  time.Time
}

// failures are those of the run, one that came again counted and not told again.
func (r *Report) failures() []*repeated {
	var all []*repeated
	first := map[Failure]*repeated{}
	for _, f := range r.Failures {
		key := f
		key.Time, key.Attempt = time.Time{}, 0
		if was := first[key]; was != nil {
			was.count++
			was.last = f.Time
			continue
		}
		n := &repeated{f, 1, f.Time}
		first[key] = n
		all = append(all, n)
	}
	return all
}

// times says how often a failure came, "" for once.
func (f *repeated) times(at clock) string {
	if f.count == 1 {
		return ""
	}
	return fmt.Sprintf("%d times, the last at %s", f.count, at.at(f.last))
}

// headline names what failed, and where.
func (f Failure) headline() string {
	s := f.What
	if f.Rule != "" {
		s = fmt.Sprintf("refused by rule %s: %s", f.Rule, s)
	}
	if f.Line != "" {
		s += " (" + f.Line + ")"
	}
	return s
}

func (p *page) written() {
	if len(p.r.Written) == 0 {
		return
	}
	p.section("Written by the script", 0)
	for _, l := range p.r.Written {
		p.lines("  "+p.clock.at(l.Time)+"  ", l.Text)
	}
}
