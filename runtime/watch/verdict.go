package watch

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Severity says how much a Finding matters.
type Severity string

// The severities. What could not be told is said, and stops nothing by itself.
const (
	Stops  Severity = "stops"
	Warns  Severity = "warns"
	Cannot Severity = "cannot tell"
)

// Finding is one thing that a readiness check found.
type Finding struct {
	Severity Severity `json:"severity"`
	Check    string   `json:"check"`  // what was looked at: plan, unknown, unreachable, state, drift, rights, data, capacity, place, clock, certificate
	Object   string   `json:"object"` // kind and name: "agent west", "failover.dtcl:31"
	Got      string   `json:"got"`
	Want     string   `json:"want"`
	Hint     string   `json:"hint,omitempty"` // the way out
}

// same says whether two findings are about the same: figures that change from look to look do not count.
func (f Finding) same(g Finding) bool {
	return f.Severity == g.Severity && f.Check == g.Check && f.Object == g.Object && (f.Check != "plan" || f.Want == g.Want)
}

// String prints a finding: a line, and its way out below it.
func (f Finding) String() string {
	s := fmt.Sprintf("%-11s %s: got %s; want %s", f.Severity, f.Object, f.Got, f.Want)
	if f.Hint != "" {
		s += "\n            hint: " + f.Hint
	}
	return s
}

// State is whether a runbook is ready.
type State string

// The states of a runbook.
const (
	Ready         State = "ready"
	NotReady      State = "not ready"
	Unpredictable State = "unpredictable" // nothing stops it that is known, but the plan could not predict everything
)

// Connection is what a readiness check saw of one mirror connection, from the side of its target.
type Connection struct {
	ID        int64  `json:"id"`
	Source    string `json:"source"`
	Target    string `json:"target"`
	Set       string `json:"set"`
	Connected bool   `json:"connected"`
	Data      string `json:"data"`  // Good, Crash or Bad
	Owner     bool   `json:"owner"` // the target has taken the data over
	// Applied is when the target applied the last change; zero before the first.
	Applied time.Time `json:"applied_time,omitzero"`
	// Left is what the source has and the target does not: what a failover now would lose. Nil when it cannot be told.
	Left *Left `json:"left,omitempty"`
	// Why says why Left cannot be told.
	Why string `json:"why,omitempty"`
	// Protected says that changes reach the target: connected, its source answers, its last mirror is complete. If not,
	// Applied is since when not.
	Protected bool `json:"protected"`
}

// Left is what stands only on the source.
type Left struct {
	Entries int64 `json:"entries"`
	Bytes   int64 `json:"bytes"`
}

// Name names the connection for a person.
func (c Connection) Name() string { return fmt.Sprintf("%s: %s → %s", c.Set, c.Source, c.Target) }

// Lag is how old the target's data is, in seconds: 0 when nothing is left to send, else the time since the last change
// that the target applied. known is false when neither can be told.
func (c Connection) Lag(now time.Time) (seconds float64, known bool) {
	switch {
	case c.Left != nil && c.Left.Entries == 0:
		return 0, true
	case c.Applied.IsZero():
		return 0, false
	}
	return max(now.Sub(c.Applied).Seconds(), 0), true
}

// Verified is the stamp of a runbook as it stands now.
type Verified struct {
	State string    `json:"state"` // VERIFIED or NEEDS VERIFIED
	Time  time.Time `json:"time,omitzero"`
	By    string    `json:"by,omitempty"`  // the run's id, or "check"
	Why   string    `json:"why,omitempty"` // NEEDS VERIFIED: never, or what was edited since
}

// The words of a stamp.
const (
	IsVerified    = "VERIFIED"
	NeedsVerified = "NEEDS VERIFIED"
	ByCheck       = "check"
)

// String prints a stamp for a person.
func (v Verified) String() string {
	switch {
	case v.State != IsVerified:
		return v.State + ": " + v.Why
	case v.By == ByCheck:
		return fmt.Sprintf("%s by a check at %s", v.State, v.Time.Local().Format(time.DateTime))
	}
	return fmt.Sprintf("%s by run %s at %s", v.State, v.By, v.Time.Local().Format(time.DateTime))
}

// Verdict is the outcome of one readiness check of one runbook.
type Verdict struct {
	Script      string       `json:"script"`
	Params      []string     `json:"params,omitempty"` // as given, secrets as •••
	Lost        []string     `json:"lost,omitempty"`   // sites that were planned as gone
	State       State        `json:"state"`
	Predicted   bool         `json:"predicted"`    // the plan predicted everything
	Since       time.Time    `json:"since_time"`   // of this state
	Checked     time.Time    `json:"checked_time"` // when the check began
	Took        float64      `json:"took_seconds"`
	Changes     int          `json:"changes"` // that a run would make
	Objects     int          `json:"objects"` // that they touch
	Asks        []string     `json:"asks,omitempty"`
	Stamp       Verified     `json:"stamp"`
	Findings    []Finding    `json:"findings"`
	Connections []Connection `json:"connections"`
	Host        string       `json:"host,omitempty"`
}

// Settle sorts the findings, the worst first, and derives the state from them.
func (v *Verdict) Settle(predicted bool) {
	v.Predicted = predicted
	rank := map[Severity]int{Stops: 0, Warns: 1, Cannot: 2}
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	switch {
	case v.Count(Stops) > 0:
		v.State = NotReady
	case !predicted:
		v.State = Unpredictable
	default:
		v.State = Ready
	}
}

// Count says how many findings have a severity.
func (v *Verdict) Count(s Severity) int {
	n := 0
	for _, f := range v.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Title names what was checked.
func (v *Verdict) Title() string {
	title := strings.Join(append([]string{v.Script}, v.Params...), " ")
	if len(v.Lost) > 0 {
		title += ", as if " + strings.Join(v.Lost, " and ") + " were gone"
	}
	return title
}

// Summary is the verdict in one line.
func (v *Verdict) Summary() string {
	s := fmt.Sprintf("%s: %s", v.State, v.Title())
	if v.State == Ready {
		s += fmt.Sprintf("; %s to %s", counted(v.Changes, "change"), counted(v.Objects, "object"))
	}
	if n := len(v.Asks); n > 0 {
		s += ", " + counted(n, "question") + " to a person"
	}
	return s
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Print writes the verdict for a person.
func (v *Verdict) Print(w io.Writer) error {
	var b strings.Builder
	for _, f := range v.Findings {
		b.WriteString(f.String() + "\n")
	}
	for _, c := range v.Connections {
		b.WriteString(c.Sentence(v.Checked) + "\n")
	}
	fmt.Fprintf(&b, "%s\n%s\n", v.Stamp, v.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// Sentence says for a person what a loss of the source now would lose.
func (c Connection) Sentence(now time.Time) string {
	s := fmt.Sprintf("data        %s: %s", c.Name(), c.Data)
	switch {
	case c.Owner:
		return s + ", taken over by " + c.Target
	case c.Applied.IsZero():
		s += ", no change applied yet"
	default:
		s += fmt.Sprintf(", last change applied %s (%s ago)", c.Applied.Local().Format(time.DateTime), Ago(now.Sub(c.Applied)))
	}
	switch {
	case c.Left == nil && c.Why != "":
		s += "; cannot tell what is left to send: " + c.Why
	case c.Left == nil:
	case c.Left.Entries == 0:
		s += "; nothing is left to send"
	default:
		s += fmt.Sprintf("; only on %s: %d files and folders, %d bytes", c.Source, c.Left.Entries, c.Left.Bytes)
	}
	switch {
	case c.Protected:
	case c.Applied.IsZero():
		s += "; never protected"
	default:
		s += "; unprotected since then"
	}
	return s
}

// Ago prints a span of time in the unit that a person would use.
func Ago(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

// Difference is what changed from one verdict to the next, in lines; none if nothing that matters did.
func (v *Verdict) Difference(was *Verdict) []string {
	var lines []string
	if was == nil || was.State != v.State {
		from := "first check"
		if was != nil {
			from = "was " + string(was.State)
		}
		lines = append(lines, fmt.Sprintf("%s (%s)", v.Summary(), from))
	}
	var before []Finding
	if was != nil {
		before = was.Findings
	}
	for _, f := range v.Findings {
		if !slices.ContainsFunc(before, f.same) {
			lines = append(lines, f.String())
		}
	}
	for _, f := range before {
		if !slices.ContainsFunc(v.Findings, f.same) {
			lines = append(lines, fmt.Sprintf("%-11s %s: no longer %s", "gone", f.Object, f.Got))
		}
	}
	if was != nil && was.Stamp.State != v.Stamp.State {
		lines = append(lines, v.Stamp.String())
	}
	return lines
}
