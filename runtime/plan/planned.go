package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Plan is what a run would do.
type Plan struct {
	// Lines are in the order of the run; both sides of a branch on an unknown value stand one after the other.
	Lines []Line `json:"lines"`
	// Changes are those of every way through the script, in order.
	Changes []Change `json:"changes"`
	// Missing says what could not be predicted; a plan with any makes the exit code 3.
	Missing []string `json:"missing,omitempty"`
	// Failure is how the run would end if not well: what a REQUIRE, a failing command or EXIT says.
	Failure error `json:"-"`
}

// Line is one line of a plan.
type Line struct {
	Kind    itemKind `json:"kind"`
	Depth   int      `json:"depth,omitempty"`
	Text    string   `json:"text,omitempty"`
	Why     string   `json:"why,omitempty"`
	Line    string   `json:"line,omitempty"`
	Place   string   `json:"place,omitempty"` // of a command
	Changes []Change `json:"changes,omitempty"`
	Final   bool     `json:"final,omitempty"` // cannot be undone
	Only    bool     `json:"only,omitempty"`  // runs only if something fails
	Way     bool     `json:"way,omitempty"`
	Err     error    `json:"-"`
}

type itemKind string

const (
	itemStep    itemKind = "step"
	itemAgain   itemKind = "again"
	itemSkip    itemKind = "skip"
	itemRun     itemKind = "run"
	itemRequire itemKind = "require"
	itemCommand itemKind = "change"
	itemAlready itemKind = "already"
	itemWait    itemKind = "wait"
	itemAsk     itemKind = "ask"
	itemManual  itemKind = "manual"
	itemMark    itemKind = "point of no return"
	itemWrite   itemKind = "write"
	itemBranch  itemKind = "branch"
	itemElse    itemKind = "otherwise"
	itemJoin    itemKind = "in either case"
	itemRepeat  itemKind = "repeats"
	itemOnly    itemKind = "only"
	itemUnknown itemKind = "unknown"
	itemFailing itemKind = "fails"
	itemFailure itemKind = "end"
	itemRule    itemKind = "rule"
)

// Next gives the changes between the first question of the plan and the one after it, and whether there is one.
func (p *Plan) Next() (changes []Change, more bool) {
	asked := false
	for _, l := range p.Lines {
		switch {
		case l.Kind == itemAsk && asked:
			return changes, true
		case l.Kind == itemAsk:
			asked = true
		case asked && !l.Only:
			changes = append(changes, l.Changes...)
		}
	}
	return changes, false
}

// merge makes one plan of all walks: what they share is printed once, each side of a branch below its condition.
func merge(walks []*prediction) *Plan {
	lists := make([][]Line, len(walks))
	for i, w := range walks {
		lists[i] = w.items
	}
	p := &Plan{Lines: tidy(weave(lists)), Failure: walks[0].failure}
	for _, l := range p.Lines {
		if l.Kind == itemUnknown {
			p.Missing = append(p.Missing, strings.TrimPrefix(l.Line+": ", ": ")+l.Why)
		}
		if !l.Only {
			p.Changes = append(p.Changes, l.Changes...)
		}
		if l.Err != nil && p.Failure == nil {
			p.Failure = l.Err
		}
	}
	return p
}

// weave merges the items of walks that went the same way so far. Walks part only at a branch item, unless the world
// changed between them.
func weave(walks [][]Line) []Line {
	if len(walks) == 1 {
		return walks[0]
	}
	at, parted := 0, false
	for ; !parted; at++ {
		if !all(walks, func(w []Line) bool { return at < len(w) && w[at].Kind == walks[0][at].Kind }) {
			return append(slices.Clone(walks[0]), Line{Kind: itemUnknown, Why: "the world changed while it was planned; plan again"})
		}
		parted = walks[0][at].Kind == itemBranch && !all(walks, func(w []Line) bool { return w[at].Way == walks[0][at].Way })
	}
	at--
	out := slices.Clone(walks[0][:at])
	var yes, no [][]Line
	for _, w := range walks {
		if w[at].Way {
			yes = append(yes, w[at+1:])
		} else {
			no = append(no, w[at+1:])
		}
	}
	a, b := weave(yes), weave(no)
	tail := commonTail(a, b)
	branch := walks[0][at]
	branch.Way = true
	out = append(out, branch)
	out = append(out, deeper(a[:len(a)-tail])...)
	out = append(out, Line{Kind: itemElse, Depth: branch.Depth})
	out = append(out, deeper(b[:len(b)-tail])...)
	if tail > 0 {
		out = append(out, Line{Kind: itemJoin, Depth: branch.Depth})
		out = append(out, a[len(a)-tail:]...)
	}
	return out
}

// tidy drops the heads of parts that weaving has left empty.
func tidy(items []Line) []Line {
	var out []Line
	for i, it := range items {
		last := i == len(items)-1
		switch {
		case it.Kind == itemElse && (last || items[i+1].Depth <= it.Depth):
		case it.Kind == itemJoin && (last || items[i+1].Depth < it.Depth):
		default:
			out = append(out, it)
		}
	}
	return out
}

func all(walks [][]Line, same func([]Line) bool) bool {
	for _, w := range walks {
		if !same(w) {
			return false
		}
	}
	return true
}

func deeper(items []Line) []Line {
	out := slices.Clone(items)
	for i := range out {
		out[i].Depth++
	}
	return out
}

func commonTail(a, b []Line) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n].String() == b[len(b)-1-n].String() {
		n++
	}
	return n
}

// Print writes the plan as text: each change as what, from and to, and what it cannot know as ‹unknown: why›.
func (p *Plan) Print(w io.Writer) error {
	for _, l := range p.Lines {
		if _, err := io.WriteString(w, l.String()); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s\n", p.Summary())
	return err
}

// Summary is the plan's last line.
func (p *Plan) Summary() string {
	objects := 0
	for _, c := range p.Changes {
		objects += max(c.Count, 1)
	}
	s := fmt.Sprintf("plan: %s to %s", counted(len(p.Changes), "change"), counted(objects, "object"))
	if n := len(p.Missing); n > 0 {
		s += ", " + counted(n, "thing") + " could not be predicted"
	}
	if p.Failure != nil {
		s += ", and the run would not end well"
	}
	return s
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// String prints a line and, below it, its changes.
func (i Line) String() string {
	in, text := strings.Repeat("    ", i.Depth), i.text()
	if i.Final {
		text += notUndone
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", in, text)
	for _, c := range i.Changes {
		fmt.Fprintf(&b, "%s    %s", in, c)
		if c.Inverse == nil && !i.Final { // the command's others can be
			b.WriteString(notUndone)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const notUndone = "   (cannot be undone)"

// text is what a line says of itself.
func (i *Line) text() string {
	switch i.Kind {
	case itemStep:
		return "STEP " + i.Text
	case itemAgain:
		return "tried again: STEP " + i.Text
	case itemSkip:
		return "STEP " + i.Text + ": skipped, its WHEN is false"
	case itemRun:
		return "RUN " + i.Text
	case itemRequire:
		if i.Why != "" {
			return "does not hold: " + i.Text
		}
		return "holds: " + i.Text
	case itemAlready:
		return i.Text + ": already so"
	case itemWait:
		return "assumed: " + i.Text
	case itemAsk:
		return "asks: " + i.Text
	case itemManual:
		return "by hand: " + i.Text
	case itemMark:
		return strings.ToUpper(string(itemMark))
	case itemWrite:
		return "writes: " + i.Text
	case itemBranch:
		return "if ‹unknown: " + i.Why + "› is true:"
	case itemElse:
		return "otherwise:"
	case itemJoin:
		return "in either case:"
	case itemRepeat:
		return "repeats until ‹unknown: " + i.Why + "› is false"
	case itemOnly:
		return i.Text + ":"
	case itemUnknown:
		return strings.TrimSpace(i.Text + " ‹unknown: " + i.Why + "›")
	case itemRule:
		return i.Text + ": " + i.Why
	case itemFailing:
		return i.Text + ": fails: " + i.Why
	case itemFailure:
		return "the run would end here: " + i.Text
	default: // itemCommand
		return i.Text
	}
}

// String prints a change as what, from and to.
func (c Change) String() string {
	what := c.What
	if c.Count > 1 {
		what = fmt.Sprintf("%s (%d objects)", what, c.Count)
	}
	switch {
	case c.From == "":
		return fmt.Sprintf("+ %s: %s: %s", c.System, what, c.To)
	case c.To == "":
		return fmt.Sprintf("- %s: %s: %s", c.System, what, c.From)
	}
	return fmt.Sprintf("~ %s: %s: %s → %s", c.System, what, c.From, c.To)
}
