package wire_test

import (
	"bytes"
	"net"
	"reflect"
	"testing"

	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
)

var items = []wire.Item{
	{Path: "a/b", Info: tree.Info{Type: tree.File, Mode: 0o4755, UID: 1, GID: 2, Size: 1 << 40, Sec: -5, Nsec: 999_999_999, Links: 2}},
	{Root: 3, Path: "\xff\n", Info: tree.Info{Type: tree.Symlink, Target: "to"}, Xattr: []tree.Xattr{{Name: "user.a", Value: "\x00"}}},
	{Path: "x", Info: tree.Info{Type: tree.File}, LinkRoot: 2, LinkPath: "y/z"},
}

func TestItemsSurvive(t *testing.T) {
	for _, it := range items {
		got, err := wire.ParseItem(it.Append(nil))
		if err != nil || !reflect.DeepEqual(got, it) {
			t.Errorf("got %+v, %v, want %+v", got, err, it)
		}
	}
}

func TestFrames(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	go func() {
		c := wire.NewConn(a)
		c.Send(wire.Data, []byte("one "), []byte("body"))
		c.Send(wire.Abort)
		c.Flush()
		a.Close()
	}()
	c := wire.NewConn(b)
	if kind, body, err := c.Receive(); kind != wire.Data || string(body) != "one body" || err != nil {
		t.Fatalf("got %d %q %v", kind, body, err)
	}
	if kind, body, err := c.Receive(); kind != wire.Abort || len(body) != 0 || err != nil {
		t.Fatalf("got %d %q %v", kind, body, err)
	}
	if _, _, err := c.Receive(); err == nil {
		t.Fatal("a frame after the end")
	}
	if err := c.Send(wire.Data, make([]byte, wire.MaxFrame+1)); err == nil {
		t.Fatal("a frame that nobody would receive was sent")
	}
}

// Whatever a peer sends is an item that encodes to the same bytes' meaning, or an error.
func FuzzParseItem(f *testing.F) {
	for _, it := range items {
		f.Add(it.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := wire.ParseItem(b)
		if err != nil {
			return
		}
		again, err := wire.ParseItem(it.Append(nil))
		if err != nil || !reflect.DeepEqual(again, it) {
			t.Fatalf("%+v became %+v, %v", it, again, err)
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	for _, it := range items {
		f.Add(append(wire.AppendInfo(nil, it.Info), bytes.Repeat([]byte{7}, 16)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		info, digest, err := wire.ParseEntry(b)
		if err != nil {
			return
		}
		again, _, err := wire.ParseEntry(append(wire.AppendInfo(nil, info), digest[:]...))
		if err != nil || again != info {
			t.Fatalf("%+v became %+v, %v", info, again, err)
		}
	})
}
