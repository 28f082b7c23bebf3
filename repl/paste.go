package repl

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
)

// newlineSign stands for a newline in the line editor, which edits one line, and in the history file.
const newlineSign = "␤"

func oneLine(text string) string   { return strings.ReplaceAll(text, "\n", newlineSign) }
func manyLines(line string) string { return strings.ReplaceAll(line, newlineSign, "\n") }

// pastedRune stands for a pasted block on its way through the editor. It is private to Unicode's users.
const pastedRune = '\uE000'

const (
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
	interrupt  = 0x03 // Ctrl-C
	suspend    = 0x1a // Ctrl-Z
)

// paste filters a terminal's input: it takes each pasted block out and puts one rune in its place. As the editor's
// listener it then puts the whole block into the line at once: key by key the editor would draw the line for each.
type paste struct {
	in      io.Reader
	pending chan chunk    // of the read that goes on; nil for none
	give    chan struct{} // asks Read for an interrupt
	closed  chan struct{}

	ready  []byte // filtered, not yet handed out
	rest   []byte // read, perhaps the beginning of a mark
	inside bool
	block  []byte // of the paste that goes on

	mu     sync.Mutex
	blocks []string // on their way to the editor
}

type chunk struct {
	b   []byte
	err error
}

func newPaste(in io.Reader) *paste {
	return &paste{in: in, give: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Read gives filtered input. The terminal is read only while somebody waits for input.
func (p *paste) Read(b []byte) (int, error) {
	for len(p.ready) == 0 {
		if p.pending == nil {
			p.pending = make(chan chunk, 1)
			go p.read(p.pending)
		}
		select {
		case got := <-p.pending:
			p.pending = nil
			p.filter(got.b)
			if got.err != nil {
				p.finish()
				if len(p.ready) == 0 {
					return 0, got.err
				}
			}
		case <-p.give:
			p.ready = append(p.ready, interrupt)
		case <-p.closed:
			return 0, io.EOF
		}
	}
	n := copy(b, p.ready)
	p.ready = p.ready[n:]
	return n, nil
}

func (p *paste) read(to chan<- chunk) {
	b := make([]byte, 4096)
	n, err := p.in.Read(b)
	to <- chunk{b[:n], err}
}

// interruptWhen types Ctrl-C when ctx ends before the returned function is called.
func (p *paste) interruptWhen(ctx context.Context) (stop func()) {
	typed := make(chan struct{})
	calm := context.AfterFunc(ctx, func() {
		p.give <- struct{}{}
		close(typed)
	})
	return func() {
		if calm() {
			return
		}
		<-typed
		select {
		case <-p.give: // nobody read it
		default:
		}
	}
}

// Close ends the input; a Read that waits returns.
func (p *paste) Close() error {
	close(p.closed)
	return nil
}

// filter takes in what was read. An incomplete mark is kept back; the editor does nothing at the beginning of an escape
// sequence anyway.
func (p *paste) filter(in []byte) {
	in = slices.Concat(p.rest, in)
	p.rest = nil
	for len(in) > 0 {
		mark := pasteBegin
		if p.inside {
			mark = pasteEnd
		}
		switch {
		case bytes.HasPrefix(in, []byte(mark)):
			in = in[len(mark):]
			if p.inside {
				p.end()
			}
			p.inside = !p.inside
			continue
		case strings.HasPrefix(mark, string(in)):
			p.rest = in
			return
		case p.inside && in[0] == interrupt: // the end mark got lost: Ctrl-C is the way out
			p.inside, p.block = false, nil
			p.ready = append(p.ready, interrupt)
		case p.inside:
			p.block = append(p.block, in[0])
		case in[0] != suspend: // the editor would stop this process's parent
			p.ready = append(p.ready, in[0])
		}
		in = in[1:]
	}
}

// finish hands out what the end of the input leaves.
func (p *paste) finish() {
	if p.inside {
		p.block = append(p.block, p.rest...)
		p.end()
		p.inside = false
	} else {
		p.ready = append(p.ready, p.rest...)
	}
	p.rest = nil
}

// end hands out the block.
func (p *paste) end() {
	text := strings.NewReplacer("\r\n", newlineSign, "\r", newlineSign, "\n", newlineSign, "\t", "    ").Replace(string(p.block))
	p.block = nil
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1 // no key press
		}
		return r
	}, text)
	if text == "" {
		return
	}
	p.mu.Lock()
	p.blocks = append(p.blocks, text)
	p.mu.Unlock()
	p.ready = append(p.ready, string(pastedRune)...)
}

// OnChange puts a block in the place of its rune.
func (p *paste) OnChange(line []rune, pos int, key rune) ([]rune, int, bool) {
	if key != pastedRune {
		return nil, 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.blocks) == 0 {
		return nil, 0, false
	}
	block := []rune(p.blocks[0])
	p.blocks = p.blocks[1:]
	at := slices.Index(line, pastedRune)
	if at < 0 {
		return nil, 0, false // it was typed into a search
	}
	return slices.Concat(line[:at], block, line[at+1:]), at + len(block), true
}
