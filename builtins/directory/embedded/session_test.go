package embedded_test

import (
	"io"
	"net"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/standin-project/standin/builtins/directory/embedded"
)

// request makes an LDAP message by hand, for what a decent client would not send.
func request(op ber.Tag, parts ...*ber.Packet) []byte {
	m := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(1), ""))
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, op, nil, "")
	for _, p := range parts {
		body.AppendChild(p)
	}
	m.AppendChild(body)
	return m.Bytes()
}

func FuzzServer(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01})
	f.Add(request(3))
	f.Add(request(6, ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "DC=x", "")))
	f.Add(request(0, ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(3), "")))
	f.Add(request(23, ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.2.3", "")))
	f.Add(request(8))
	dir := f.TempDir()
	if err := embedded.Init(dir, embedded.Fresh{Users: 1}); err != nil {
		f.Fatal(err)
	}
	s, err := embedded.Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, sent []byte) {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "ldap://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(sent); err != nil {
			return // the server hung up already
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			return
		}
		io.Copy(io.Discard, c) // ends when the server hangs up
	})
}
