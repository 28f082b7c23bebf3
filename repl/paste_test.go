package repl

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// typedAs gives what the editor makes of the keys: each rune at the end of the line, blocks put in place.
func typedAs(t *testing.T, p *paste) string {
	t.Helper()
	got, err := io.ReadAll(p)
	if err != nil {
		t.Fatal(err)
	}
	var line []rune
	for _, r := range string(got) {
		line = append(line, r)
		if longer, pos, ok := p.OnChange(line, len(line), r); ok {
			if pos != len(longer) {
				t.Errorf("the cursor is at %d, want the block's end %d", pos, len(longer))
			}
			line = longer
		}
	}
	return string(line)
}

func TestPaste(t *testing.T) {
	for _, test := range []struct{ name, keys, want string }{
		{"plain keys", "WRITE 1;\r", "WRITE 1;\r"},
		{"a block is one line", "\x1b[200~WRITE 1;\n\n\tWRITE 2; // c\r\nWRITE 3;\r\x1b[201~\r", "WRITE 1;␤␤    WRITE 2; // c␤WRITE 3;␤\r"},
		{"a block between keys", "a\x1b[200~b\x1b[201~c", "abc"},
		{"two blocks", "\x1b[200~a\n\x1b[201~\x1b[200~b\x1b[201~", "a␤b"},
		{"an empty block", "\x1b[200~\x1b[201~x", "x"},
		{"an arrow key", "\x1b[A\x1b[3~", "\x1b[A\x1b[3~"},
		{"the Escape key", "\x1bb", "\x1bb"},
		{"the Escape key last", "x\x1b", "x\x1b"},
		{"half a mark last", "x\x1b[20", "x\x1b[20"},
		{"a mark of something else", "\x1b[202~", "\x1b[202~"},
		{"an end without a beginning", "\x1b[201~x", "\x1b[201~x"},
		{"control characters in a block are no keys", "\x1b[200~a\x04\x1b[Ab\x1b[201~", "a[Ab"},
		{"Ctrl-C leaves a block that does not end", "\x1b[200~rm\x03x", "\x03x"},
		{"the input ends in a block", "\x1b[200~abc\x1b[20", "abc[20"},
		{"Ctrl-Z", "a\x1ab", "ab"},
		{"letters of several bytes", "ä\x1b[200~€\n界\x1b[201~", "ä€␤界"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := typedAs(t, newPaste(strings.NewReader(test.keys))); got != test.want {
				t.Errorf("at once: got %q, want %q", got, test.want)
			}
			if got := typedAs(t, newPaste(iotest.OneByteReader(strings.NewReader(test.keys)))); got != test.want {
				t.Errorf("byte by byte: got %q, want %q", got, test.want)
			}
		})
	}
}

// pieces gives its bytes in pieces of random lengths.
type pieces struct {
	rest []byte
	dice *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:1+p.dice.IntN(len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// However the terminal's bytes are cut into pieces, the editor sees the same.
func TestPasteInPieces(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	parts := []string{pasteBegin, pasteEnd, "\x1b", "\x1b[", "\x1b[20", "\x1b[A", "\r", "\n", "\r\n", "\t", "a", "b;", "ä", "\x03", "[200~", "~"}
	for range 2000 {
		var keys strings.Builder
		for range dice.IntN(12) {
			keys.WriteString(parts[dice.IntN(len(parts))])
		}
		want := typedAs(t, newPaste(strings.NewReader(keys.String())))
		for range 5 {
			if got := typedAs(t, newPaste(&pieces{[]byte(keys.String()), dice})); got != want {
				t.Fatalf("keys %q: got %q in pieces, %q at once", keys.String(), got, want)
			}
		}
	}
}

func FuzzPaste(f *testing.F) {
	f.Add("a\x1b[200~b\r\n\x1b[201~", uint64(1))
	f.Fuzz(func(t *testing.T, keys string, seed uint64) {
		if strings.ContainsRune(keys, pastedRune) {
			return
		}
		want := typedAs(t, newPaste(strings.NewReader(keys)))
		if got := typedAs(t, newPaste(&pieces{[]byte(keys), rand.New(rand.NewPCG(seed, 0))})); got != want {
			t.Errorf("got %q in pieces, %q at once", got, want)
		}
	})
}

// A context that ends types Ctrl-C; one that ends too late leaves nothing behind.
func TestInterruptWhen(t *testing.T) {
	in, keys := io.Pipe()
	p := newPaste(in)
	ctx, cancel := context.WithCancel(t.Context())
	stop := p.interruptWhen(ctx)
	cancel()
	b := make([]byte, 8)
	n, err := p.Read(b)
	if err != nil || !slices.Equal(b[:n], []byte{interrupt}) {
		t.Fatalf("got %q, %v, want Ctrl-C", b[:n], err)
	}
	stop()
	ctx, cancel = context.WithCancel(t.Context())
	stop = p.interruptWhen(ctx)
	cancel()
	stop()
	go keys.Write([]byte("x"))
	if n, err = p.Read(b); err != nil || string(b[:n]) != "x" {
		t.Errorf("got %q, %v, want the next key", b[:n], err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err = p.Read(b); err != io.EOF {
		t.Errorf("got %v after Close, want EOF", err)
	}
}
