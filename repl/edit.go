package repl

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/chzyer/readline"

	"github.com/standin-project/standin/lang/sig"
)

// edit opens the line editor.
func (c *Config) edit() (lines, func(), error) {
	rl, err := readline.NewEx(&readline.Config{
		Prompt: prompt, HistoryFile: c.History, DisableAutoSaveHistory: true, HistorySearchFold: true,
		AutoComplete: &completer{c.Set, c.Names},
		Stdin:        &paste{in: readline.NewCancelableStdin(os.Stdin)}, Stdout: c.Out, Stderr: c.Err,
	})
	if err != nil {
		return nil, nil, err
	}
	io.WriteString(c.Out, "\x1b[?2004h") //nolint:errcheck // without it a pasted block runs line by line
	c.remember = rl.SaveHistory
	return &editor{rl}, func() {
		io.WriteString(c.Out, "\x1b[?2004l") //nolint:errcheck // the terminal is going away
		rl.Close()
	}, nil
}

// editor reads lines with the line editor.
type editor struct{ rl *readline.Instance }

func (e *editor) next(prompt string) (string, error) {
	e.rl.SetPrompt(prompt)
	line, err := e.rl.Readline()
	if errors.Is(err, readline.ErrInterrupt) {
		return "", err
	}
	return strings.ReplaceAll(line, string(pastedNewline), "\n"), err
}

// pastedNewline stands for a newline inside a pasted block until the block is read, so that the editor takes it as one
// line; it is the visible sign of one.
const pastedNewline = '␤'

var (
	pasteBegin = []byte("\x1b[200~")
	pasteEnd   = []byte("\x1b[201~")
)

// paste filters a terminal's input: the marks of bracketed paste go, newlines between them become pastedNewline, and
// tabs, which would ask for completion, become blanks.
type paste struct {
	in     io.ReadCloser
	inside bool
	ready  []byte // filtered, not yet handed out
	rest   []byte // read, perhaps the beginning of a mark
}

// Read gives filtered input.
func (p *paste) Read(b []byte) (int, error) {
	for len(p.ready) == 0 {
		buf := make([]byte, 4096)
		n, err := p.in.Read(buf)
		p.filter(append(p.rest, buf[:n]...), err != nil)
		if err != nil && len(p.ready) == 0 {
			return 0, err
		}
	}
	n := copy(b, p.ready)
	p.ready = p.ready[n:]
	return n, nil
}

// Close closes the input.
func (p *paste) Close() error { return p.in.Close() }

func (p *paste) filter(in []byte, last bool) {
	p.rest = nil
	for len(in) > 0 {
		mark := pasteBegin
		if p.inside {
			mark = pasteEnd
		}
		switch {
		case bytes.HasPrefix(in, mark):
			p.inside = !p.inside
			in = in[len(mark):]
		case in[0] == '\x1b' && len(in) > 1 && len(in) < len(mark) && bytes.HasPrefix(mark, in) && !last:
			p.rest = slices.Clone(in)
			return
		case p.inside && (in[0] == '\n' || in[0] == '\r'):
			if in[0] == '\r' && len(in) > 1 && in[1] == '\n' {
				in = in[1:]
			}
			p.ready = append(p.ready, string(pastedNewline)...)
			in = in[1:]
		case p.inside && in[0] == '\t':
			p.ready = append(p.ready, "    "...)
			in = in[1:]
		default:
			p.ready = append(p.ready, in[0])
			in = in[1:]
		}
	}
}

// completer offers what may come next in a command.
type completer struct {
	set   *sig.Set
	names map[string][]string
}

// Do gives the ends of the words that the text before the cursor may go on with, and how much of the word is there.
func (c *completer) Do(text []rune, pos int) ([][]rune, int) {
	words, part := split(string(text[:pos]))
	var ends [][]rune
	for _, w := range c.offers(words) {
		if len(w) < len(part) || !strings.EqualFold(w[:len(part)], part) {
			continue
		}
		end := w[len(part):]
		if part != "" && part == strings.ToLower(part) && w == strings.ToUpper(w) {
			end = strings.ToLower(end)
		}
		if !strings.HasSuffix(end, ":") {
			end += " "
		}
		if !slices.ContainsFunc(ends, func(e []rune) bool { return string(e) == end }) {
			ends = append(ends, []rune(end))
		}
	}
	return ends, len([]rune(part))
}

// split gives the finished words before the cursor and the one that is being typed.
func split(text string) (words []string, part string) {
	if i := strings.LastIndexByte(text, ';'); i >= 0 {
		text = text[i+1:]
	}
	var b strings.Builder
	quoted := false
	for _, r := range text {
		if r == '"' {
			quoted = !quoted
		}
		if r != ' ' || quoted {
			b.WriteRune(r)
			continue
		}
		if b.Len() > 0 {
			words = append(words, b.String())
			b.Reset()
		}
	}
	return words, b.String()
}

// offers gives the words that may stand after these.
func (c *completer) offers(words []string) []string {
	if len(words) > 0 {
		switch strings.ToLower(words[0]) {
		case "plan", "help":
			words = words[1:]
		default:
			if strings.HasPrefix(words[0], "$") && len(words) > 1 && words[1] == "=" {
				words = words[2:]
			}
		}
	}
	var offers []string
	if len(words) == 0 {
		offers = append(offers, "HELP", "PLAN", "QUIT")
		for _, s := range sig.Statements() {
			offers = append(offers, s.Keyword)
		}
	}
	for _, candidate := range c.set.Complete(words) {
		if candidate.Text != "" {
			offers = append(offers, candidate.Text)
			continue
		}
		for _, name := range c.names[candidate.Type] {
			if strings.ContainsAny(name, " ;,()") {
				name = `"` + name + `"`
			}
			offers = append(offers, name)
		}
	}
	return offers
}
