// Package wire frames and encodes what two agents say to each other. Nothing in a frame is believed before its size is.
package wire

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/standin-project/standin/builtins/mirror/agent/tree"
)

// Limits of what a peer may send, in bytes and entries.
const (
	MaxFrame  = 2 << 20
	maxName   = 255
	maxPath   = 64 << 10
	maxTarget = 4096
	maxAttrs  = 1000
	maxRoots  = 10_000
	buffer    = 256 << 10 // measured: larger ones fall out of the cache
)

// Kind says what a frame is.
type Kind byte

// Frames of the source.
const (
	Hello   Kind = iota + 1 // JSON: who, what set, which roots
	Walk                    // walk your side: 1 byte, 1 = with block sums
	MakeDir                 // Item: a folder, and whatever is in its way is replaced if that is no folder
	Put                     // Item: a whole new file follows
	Patch                   // Item: the blocks of a file that differ follow
	Data                    // offset, bytes
	Zero                    // offset, length: a hole
	End                     // Item with the final description: the file is complete
	Abort                   // the file did not hold still
	Link                    // Item whose Link fields say where the file's other name is
	Symlink                 // Item
	Meta                    // Item: owner, permissions, attributes, time
	Remove                  // Item: an orphan
	Commit                  // make everything so far durable and visible, answer with Report
	Done                    // JSON: how the mirror ended; answered with Report
)

// Frames of the target.
const (
	Welcome Kind = iota + 64
	Refuse       // JSON: Refusal; the last frame
	Root         // number of a root whose walk begins
	Dir          // path of a folder whose entries follow
	Entry        // an entry of that folder; of the root itself with an empty name
	Sums         // block sums of the entry before; an empty one ends them
	Trouble      // text: something could not be read
	Walked       // the walk is over
	Report       // JSON: what was applied
)

// Refusal is why an agent does not do what was asked.
type Refusal struct {
	Code    int      `json:"code"`
	Message string   `json:"message"`
	Hints   []string `json:"hints,omitempty"`
}

// Conn is a connection that carries frames. One goroutine may send while another receives.
type Conn struct {
	net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	body []byte // of the frame received last

	drained chan struct{} // closed when Drain has ended; nil before it
}

// NewConn carries frames over c.
func NewConn(c net.Conn) *Conn {
	return &Conn{Conn: c, in: bufio.NewReaderSize(c, buffer), out: bufio.NewWriterSize(c, buffer)}
}

// Send writes a frame; Flush sees to it that it leaves.
func (c *Conn) Send(kind Kind, body ...[]byte) error {
	size := 0
	for _, b := range body {
		size += len(b)
	}
	if size > MaxFrame {
		return fmt.Errorf("a message of %d bytes is longer than %d", size, MaxFrame)
	}
	var head [5]byte
	head[0] = byte(kind)
	binary.BigEndian.PutUint32(head[1:], uint32(size))
	_, err := c.out.Write(head[:])
	for _, b := range body {
		if err == nil {
			_, err = c.out.Write(b)
		}
	}
	return err
}

// SendJSON writes a frame with v as JSON.
func (c *Conn) SendJSON(kind Kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Send(kind, b)
}

// Flush sends what is buffered.
func (c *Conn) Flush() error { return c.out.Flush() }

// Receive reads a frame; its body is valid until the next call.
func (c *Conn) Receive() (Kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint32(head[1:]))
	if size > MaxFrame {
		return 0, nil, fmt.Errorf("the peer's message of %d bytes is longer than %d", size, MaxFrame)
	}
	if cap(c.body) < size {
		c.body = make([]byte, size)
	}
	c.body = c.body[:size]
	_, err := io.ReadFull(c.in, c.body)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return Kind(head[0]), c.body, err
}

// Drain receives no more: it drops what still comes, in the background, so that a peer that sends is not held up. What it
// returns is closed when the connection has ended, or nothing has come for so long.
func (c *Conn) Drain(idle time.Duration) <-chan struct{} {
	if c.drained == nil {
		c.drained = make(chan struct{})
		go func() {
			defer close(c.drained)
			for err := error(nil); err == nil; {
				c.SetReadDeadline(time.Now().Add(idle))
				_, err = c.in.Discard(max(1, c.in.Buffered()))
			}
		}()
	}
	return c.drained
}

// Item names one entry below one root, and describes it.
type Item struct {
	Root  int
	Path  string // relative to the root, "" is the root itself
	Info  tree.Info
	Xattr []tree.Xattr
	// LinkRoot and LinkPath name the other entry of a hard link.
	LinkRoot int
	LinkPath string
}

// Append encodes the item.
func (it *Item) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(it.Root))
	b = appendText(b, it.Path)
	b = AppendInfo(b, it.Info)
	b = binary.AppendUvarint(b, uint64(len(it.Xattr)))
	for _, a := range it.Xattr {
		b = appendText(appendText(b, a.Name), a.Value)
	}
	b = binary.AppendUvarint(b, uint64(it.LinkRoot))
	return appendText(b, it.LinkPath)
}

// ParseItem decodes an item.
func ParseItem(b []byte) (Item, error) {
	d := decoder{b: b}
	it := Item{Root: int(d.uint(maxRoots)), Path: d.text(maxPath), Info: d.info()}
	n := d.uint(maxAttrs)
	for range n {
		it.Xattr = append(it.Xattr, tree.Xattr{Name: d.text(maxName), Value: d.text(64 << 10)})
	}
	it.LinkRoot, it.LinkPath = int(d.uint(maxRoots)), d.text(maxPath)
	return it, d.end()
}

// AppendInfo encodes a description.
func AppendInfo(b []byte, i tree.Info) []byte {
	b = appendText(b, i.Name)
	b = append(b, byte(i.Type))
	for _, v := range []uint64{uint64(i.Mode), uint64(i.UID), uint64(i.GID), uint64(i.Size), i.Dev, i.Ino, i.Links} {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.AppendVarint(b, i.Sec)
	b = binary.AppendUvarint(b, uint64(i.Nsec))
	return appendText(b, i.Target)
}

// ParseEntry decodes a description followed by the digest of its attributes.
func ParseEntry(b []byte) (tree.Info, tree.Digest, error) {
	d := decoder{b: b}
	info := d.info()
	var digest tree.Digest
	copy(digest[:], d.bytes(len(digest)))
	return info, digest, d.end()
}

// AppendOffset encodes a place in a file.
func AppendOffset(b []byte, off int64) []byte { return binary.AppendUvarint(b, uint64(off)) }

// CutOffset decodes a place in a file and gives what follows it.
func CutOffset(b []byte) (off int64, rest []byte, err error) {
	d := decoder{b: b}
	off = int64(d.uint(1 << 62))
	return off, d.b, d.err
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads a body; after the first error it reads zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("the peer's message has %s", what)
	}
	d.b = nil
}

func (d *decoder) uint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > limit {
		d.fail("a bad number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("a bad number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.fail("too few bytes")
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) text(limit uint64) string { return string(d.bytes(int(d.uint(limit)))) }

func (d *decoder) info() tree.Info {
	i := tree.Info{Name: d.text(maxName)}
	if t := d.bytes(1); t != nil {
		i.Type = tree.Type(t[0])
	}
	i.Mode, i.UID, i.GID = uint32(d.uint(0o7777)), uint32(d.uint(1<<32-1)), uint32(d.uint(1<<32-1))
	i.Size = int64(d.uint(1 << 62))
	i.Dev, i.Ino, i.Links = d.uint(1<<64-1), d.uint(1<<64-1), d.uint(1<<64-1)
	i.Sec, i.Nsec = d.int(), int64(d.uint(999_999_999))
	i.Target = d.text(maxTarget)
	if i.Type < tree.File || i.Type > tree.Other {
		d.fail("an unknown type of entry")
	}
	return i
}

func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("bytes after its end")
	}
	return d.err
}
