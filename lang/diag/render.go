package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden stands for a secret wherever one would be shown.
const Hidden = "•••"

const (
	tabWidth = 4
	maxWidth = 120 // columns of a line that are shown; of a longer one those around the span
)

// Option changes how Render prints.
type Option func(*renderer)

// Colour makes the messages stand out with ANSI escapes.
func Colour(on bool) Option {
	return func(r *renderer) { r.colour = on }
}

// Render prints diagnostics for a person: where and what, the line with the place marked below it, for run-time
// errors the variables' values and the chain of blocks around, and the way out.
func Render(w io.Writer, ds []*Diagnostic, options ...Option) error {
	r := &renderer{}
	for _, option := range options {
		option(r)
	}
	for _, d := range ds {
		r.diagnostic(d)
	}
	_, err := io.WriteString(w, r.out.String())
	return err
}

type renderer struct {
	out    strings.Builder
	colour bool
}

func (r *renderer) paint(style, text string) string {
	if !r.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

const (
	bold = "1"
	red  = "31"
	dim  = "2"
)

func (r *renderer) diagnostic(d *Diagnostic) {
	if d.Source != nil {
		r.out.WriteString(r.paint(bold, d.Source.Place(d.Span)+":") + " ")
	}
	r.out.WriteString(r.paint(red, visible(d.Message)) + "\n")
	if d.Source != nil && d.Source.Text != "" {
		r.excerpt(d.Source, d.Span)
	}
	if len(d.Values) > 0 {
		values := make([]string, len(d.Values))
		for i, v := range d.Values {
			values[i] = "$" + strings.TrimPrefix(v.Name, "$") + " = " + v.Value
		}
		r.note("with", strings.Join(values, "   "))
	}
	for _, f := range d.Chain {
		place := ""
		if f.Source != nil {
			place = "   " + f.Source.Place(f.Span)
		}
		r.note("in", f.Label+place)
	}
	if len(d.Hints) > 0 {
		r.note("hint", strings.Join(d.Hints, "   "))
	}
}

func (r *renderer) note(word, text string) {
	fmt.Fprintf(&r.out, "%s %s\n", r.paint(bold, word+":"), visible(text))
}

// excerpt prints the span's first line and marks the span below it.
func (r *renderer) excerpt(s *Source, span Span) {
	number, _ := s.Position(span.Start)
	start, end := s.lineSpan(number)
	from := min(max(span.Start, start), end)
	to := min(max(span.End, from), end)
	cells := s.cells(start, end)
	column, width := 0, 0
	for _, c := range cells {
		switch {
		case c.end <= from && c.start < from:
			column += c.width
		case c.start < to:
			width += c.width
		}
	}
	text, cut := window(cells, column, width)
	column -= cut
	width = max(min(width, maxWidth-column), 1)
	fmt.Fprintf(&r.out, "%s%s\n", r.paint(dim, fmt.Sprintf("%5d | ", number)), text)
	fmt.Fprintf(&r.out, "%s%s%s\n", r.paint(dim, "      | "), strings.Repeat(" ", column),
		r.paint(red, "^"+strings.Repeat("~", width-1)))
}

// cell is what the screen shows for some bytes of a line.
type cell struct {
	start, end int // offsets in the source
	text       string
	width      int
}

// cells cuts a line into what the screen shows of it; a secret is one cell.
func (s *Source) cells(start, end int) []cell {
	var cells []cell
	for i := start; i < end; {
		if secret, ok := s.secretAt(i); ok {
			stop := min(secret.End, end)
			cells = append(cells, cell{i, stop, Hidden, utf8.RuneCountInString(Hidden)})
			i = stop
			continue
		}
		char, size := utf8.DecodeRuneInString(s.Text[i:end])
		text, width := shown(char)
		cells = append(cells, cell{i, i + size, text, width})
		i += size
	}
	return cells
}

func (s *Source) secretAt(offset int) (Span, bool) {
	for _, secret := range s.Secret {
		if secret.Start <= offset && offset < secret.End {
			return secret, true
		}
	}
	return Span{}, false
}

// window cuts a long line to what surrounds the marked columns; cut is the number of columns taken off its left.
func window(cells []cell, column, width int) (text string, cut int) {
	total := 0
	for _, c := range cells {
		total += c.width
	}
	from := 0
	if total > maxWidth && column+min(width, maxWidth/2) > maxWidth-10 {
		from = column - maxWidth/3
	}
	var b strings.Builder
	at, shownFrom := 0, -1
	for _, c := range cells {
		switch {
		case at < from:
		case shownFrom >= 0 && at-shownFrom+c.width > maxWidth:
			return clip(b.String(), shownFrom > 0) + "…", shownFrom
		default:
			if shownFrom < 0 {
				shownFrom = at
			}
			b.WriteString(c.text)
		}
		at += c.width
	}
	return clip(b.String(), shownFrom > 0), max(shownFrom, 0)
}

// clip marks a text whose beginning has been left out, without making it longer.
func clip(text string, cut bool) string {
	if !cut || text == "" {
		return text
	}
	first, size := utf8.DecodeRuneInString(text)
	_, width := shown(first)
	return "…" + strings.Repeat(" ", max(width-1, 0)) + text[size:]
}

// shown is what stands on the screen for a character, and how many columns it takes. What would move the cursor or
// hide is shown as a blank or not at all, so that the mark below stays in its place.
func shown(r rune) (text string, width int) {
	switch {
	case r == '\t':
		return strings.Repeat(" ", tabWidth), tabWidth
	case r == utf8.RuneError:
		return "\ufffd", 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return string(r), 0
	case unicode.In(r, unicode.Cf):
		return "", 0
	case unicode.IsControl(r):
		return "\ufffd", 1
	case wide(r):
		return string(r), 2
	}
	return string(r), 1
}

// visible makes a text safe to print on one line of a terminal.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// wideRanges are the blocks whose characters take two columns (East Asian wide and fullwidth, emoji).
var wideRanges = [...][2]rune{
	{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0x33ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xa000, 0xa4cf},
	{0xa960, 0xa97f}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6},
	{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
}

func wide(r rune) bool {
	for _, block := range wideRanges {
		if block[0] <= r && r <= block[1] {
			return true
		}
	}
	return false
}
