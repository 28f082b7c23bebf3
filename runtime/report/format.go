package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/standin-project/standin/runtime/plan"
)

// String prints a span of time for people: 353 ms, 5.2 s, 4 min 05 s, 5 h 02 min, 3 d 4 h.
func (m Millis) String() string {
	d := time.Duration(m)
	if d < 0 {
		d = 0
	}
	seconds := d.Round(time.Second)
	minutes := d.Round(time.Minute)
	switch {
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return "<1 ms"
	case d.Round(time.Millisecond) < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d.Round(100*time.Millisecond) < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case seconds < time.Minute:
		return fmt.Sprintf("%d s", seconds/time.Second)
	case seconds < time.Hour:
		return fmt.Sprintf("%d min %02d s", seconds/time.Minute, seconds%time.Minute/time.Second)
	case minutes < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", minutes/time.Hour, minutes%time.Hour/time.Minute)
	}
	hours := d.Round(time.Hour)
	return fmt.Sprintf("%d d %d h", hours/(24*time.Hour), hours%(24*time.Hour)/time.Hour)
}

// clock prints instants as those who ran the run read them off their clock.
type clock struct {
	zone   *time.Location
	layout string
}

// quick is how short a run is whose instants are printed with milliseconds.
const quick = 10 * time.Second

// clock is for the zone that the run began in. It prints the day where the picture has more than one.
func (r *Report) clock() clock {
	name, offset := r.Started.Zone()
	if r.Zone != "" {
		name = r.Zone
	}
	c := clock{time.FixedZone(name, offset), "15:04:05"}
	from, to := r.spans.whole.from.In(c.zone), r.spans.whole.to.In(c.zone)
	switch {
	case from.Format(time.DateOnly) != to.Format(time.DateOnly):
		c.layout = "2 Jan 15:04:05"
	case to.Sub(from) < quick:
		c.layout = "15:04:05.000"
	}
	return c
}

// at prints an instant; "" for none.
func (c clock) at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(c.zone).Format(c.layout)
}

// day prints an instant with its day and zone.
func (c clock) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(c.zone).Format("2 January 2006, 15:04:05 MST")
}

// period prints from when to when, with the day once where one is enough.
func (c clock) period(from, to time.Time, ended bool) string {
	if from.IsZero() {
		return "at an unknown time"
	}
	end := to.In(c.zone).Format("15:04:05 MST")
	if from.In(c.zone).Format(time.DateOnly) != to.In(c.zone).Format(time.DateOnly) {
		end = c.day(to)
	}
	if !ended {
		end = "so far " + end
	}
	return from.In(c.zone).Format("2 January 2006, 15:04:05") + " – " + end
}

// capital gives a text with its first letter a capital.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// who names a person at a host; "" for nobody known.
func who(a *plan.Actor) string {
	switch {
	case a == nil || a.Who == "" && a.Host == "":
		return ""
	case a.Host == "":
		return a.Who
	case a.Who == "":
		return a.Host
	}
	return a.Who + "@" + a.Host
}

// count prints a number with what it counts: 1 change, 20,000 objects.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// number prints a number with a comma between thousands.
func number(n int) string {
	if n < 0 {
		return "-" + number(-n)
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// outcome says in a few words how the run ended, or that it has not.
func (r *Report) outcome() string {
	switch r.State {
	case plan.Done:
		return "done"
	case plan.Failed:
		if r.Code != 0 {
			return fmt.Sprintf("failed, exit code %d", r.Code)
		}
		return "failed"
	case plan.Undone:
		return "undone"
	case plan.Running:
		return "still running"
	case plan.Waiting:
		return "waiting for an answer"
	case plan.Stopped:
		return "stopped, can be resumed"
	}
	return string(r.State)
}

// next says what to type, in this order, when the run is not at its end.
func (r *Report) next() []string {
	id := r.Run
	if r.Parent != "" {
		id = r.Parent // a child run goes on with the run that ran it
	}
	answer, resume := "standin answer "+id+" ANSWER", "standin resume "+id
	switch {
	case r.State == plan.Waiting && r.Alive:
		return []string{answer}
	case r.State == plan.Waiting:
		return []string{answer, resume}
	case r.State == plan.Stopped:
		return []string{resume}
	}
	return nil
}

// open are the questions that stand open.
func (r *Report) open() []string {
	var all []string
	for _, q := range r.Questions {
		if q.Answer == "" && (r.State == plan.Waiting || r.State == plan.Running) {
			all = append(all, q.Text)
		}
	}
	return all
}

// title names the run: its script's file, or the command that was given alone.
func (r *Report) title() string {
	if strings.HasPrefix(r.Script, "do ") || !strings.ContainsAny(r.Script, `/\`) {
		return r.Script
	}
	return r.Script[strings.LastIndexAny(r.Script, `/\`)+1:]
}

// count prints how a change counts its objects, "" for one.
func (c Change) count() string {
	if c.Count < 2 {
		return ""
	}
	return count(c.Count, "object")
}

// fate says what became of a change, "" for one that was simply made.
func (c Change) fate() string {
	switch {
	case c.Undo != "":
		return c.Undo
	case c.State != Made:
		return c.State
	case !c.Undoable:
		return "cannot be undone"
	}
	return ""
}

// sentence says what may be lost, and why that is not known where it is not.
func (l Lag) sentence(c clock) string {
	what := "the data"
	if l.Set != "" {
		what = fmt.Sprintf("%q on %s", l.Set, l.Target)
	}
	var s string
	switch {
	case l.Known:
		s = fmt.Sprintf("%s as of %s, %s before they were taken over", what, c.at(l.Applied), l.Lag)
		if l.Quality != "" && l.Quality != "Good" {
			s += "; their state was " + l.Quality
		}
	default:
		s = what + ": unknown; " + l.Why
	}
	if !l.Equal.IsZero() {
		s += fmt.Sprintf(". The run saw nothing left to send at %s", c.at(l.Equal))
	}
	return s
}

// worst is the longest lag of all takeovers. It is not known where one of them is not, or where there was none.
func (r *Report) worst() (lag Millis, known bool) {
	known = len(r.Data) > 0
	for _, l := range r.Data {
		known = known && l.Known
		lag = max(lag, l.Lag)
	}
	return lag, known
}

// word is an item's state in a word, as it stands in the table of steps.
func (r *Report) word(it *Item) string {
	switch {
	case it.Kind == KindQuestion && it.State == Done:
		return "answered"
	case it.Kind == KindQuestion && it.State == Failed:
		return "declined"
	case len(it.Attempts) > 0 && it.Attempts[len(it.Attempts)-1].Undone:
		return Undone
	case it.State != Unfinished:
		return it.State
	case r.State == plan.Stopped:
		return "stopped"
	case it.Kind == KindQuestion:
		return "open"
	}
	return "running"
}

// plain takes from a text what a terminal could obey and what turns the order of letters around: a server's message may
// hold anything.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
		case unicode.IsControl(c), c >= '\u202A' && c <= '\u202E', c >= '\u2066' && c <= '\u2069', c == '\uFFFE', c == '\uFFFF':
			return unicode.ReplacementChar
		}
		return c
	}, text)
}
