package embedded

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	mdns "github.com/miekg/dns"
)

// TestFreshZonesAreAsWritten: the files of a fresh site are what the server itself would write.
func TestFreshZonesAreAsWritten(t *testing.T) {
	dir := t.TempDir()
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	all, err := load(dir)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	for origin, z := range all {
		path := z.path
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(z.text()); got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
		}
		if checker, err := exec.LookPath("named-checkzone"); err == nil {
			if out, err := exec.Command(checker, strings.TrimSuffix(origin, "."), path).CombinedOutput(); err != nil {
				t.Errorf("named-checkzone: %v\n%s", err, out)
			}
		}
	}
}

// TestUpdates plays each archive of testdata: a zone, a message of updates in the words of nsupdate, and the zone or
// the refusal that comes of it.
func TestUpdates(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			parts := make(map[string]string)
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
			}
			z, err := parseZone(parts["before"], "before")
			if err != nil {
				t.Fatal(err)
			}
			next, rcode := z.update(message(t, z.origin, parts["update"]))
			if got, want := mdns.RcodeToString[rcode], strings.TrimSpace(parts["rcode"]); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			want, changed := parts["after"]
			if !changed {
				want = parts["before"]
			}
			if changed == (next == z) {
				t.Errorf("changed: got %v, want %v", next != z, changed)
			}
			if got := string(next.text()); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// message reads lines such as "prereq nxdomain NAME", "prereq yxrrset NAME TYPE DATA", "update add NAME TTL TYPE DATA".
func message(t testing.TB, zone, text string) *mdns.Msg {
	t.Helper()
	m := new(mdns.Msg)
	m.SetUpdate(zone)
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		rr := func(from int, ttl string) []mdns.RR {
			typ := "ANY"
			if len(words) > from+1 {
				typ = words[from+1]
			}
			if len(words) <= from+2 {
				return []mdns.RR{&mdns.ANY{Hdr: mdns.RR_Header{Name: words[from], Rrtype: mdns.StringToType[typ]}}}
			}
			r, err := mdns.NewRR(words[from] + " " + ttl + " " + strings.Join(words[from+1:], " "))
			if err != nil {
				t.Fatal(err)
			}
			return []mdns.RR{r}
		}
		switch words[0] + " " + words[1] {
		case "prereq nxdomain":
			m.NameNotUsed(rr(2, ""))
		case "prereq yxdomain":
			m.NameUsed(rr(2, ""))
		case "prereq nxrrset":
			m.RRsetNotUsed(rr(2, ""))
		case "prereq yxrrset":
			if len(words) > 4 {
				m.Used(rr(2, "0"))
			} else {
				m.RRsetUsed(rr(2, ""))
			}
		case "update add":
			ttl := words[3]
			words = append(words[:3], words[4:]...)
			m.Insert(rr(2, ttl))
		case "update delete":
			switch len(words) {
			case 3:
				m.RemoveName(rr(2, ""))
			case 4:
				m.RemoveRRset(rr(2, ""))
			default:
				m.Remove(rr(2, "0"))
			}
		default:
			t.Fatalf("cannot read %q", line)
		}
	}
	return received(t, m)
}

// received is m after a way over the wire.
func received(t testing.TB, m *mdns.Msg) *mdns.Msg {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r := new(mdns.Msg)
	if err := r.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSerialWraps(t *testing.T) {
	z, err := parseZone("example.test. 300 SOA a. b. 4294967295 1 1 1 300\nexample.test. 300 NS a.\n", "zone")
	if err != nil {
		t.Fatal(err)
	}
	z.bump()
	if got := z.soa().Serial; got != 1 {
		t.Errorf("got serial %d, want 1", got)
	}
}

func TestZoneFilesThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "it has no SOA",
		"$ORIGIN example.test.\n@ 300 A x\n": "bad A A",
		"$INCLUDE /etc/passwd\n":             "$INCLUDE",
		". 300 SOA a. b. 1 1 1 1 1\n":        "no SOA of a zone",
		"a.test. 300 SOA a. b. 1 1 1 1 1\nb.test. 300 A 192.0.2.1\n": `"b.test." is not in the zone "a.test."`,
	} {
		if _, err := parseZone(text, "some.zone"); err == nil || !strings.Contains(err.Error(), `"some.zone"`) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
}

// FuzzMessage: whatever comes over the network, the server answers, and a zone that it changes can be read again.
func FuzzMessage(f *testing.F) {
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		wire, err := message(f, "example.test.", string(archive.Files[1].Data)).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	const text = "example.test. 300 SOA a. b. 1 1 1 1 300\nexample.test. 300 NS a.\na.example.test. 300 A 192.0.2.1\nc.example.test. 300 CNAME a.example.test.\n"
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(mdns.Msg)
		if m.Unpack(wire) != nil || len(m.Question) != 1 {
			return
		}
		z, err := parseZone(text, "zone")
		if err != nil {
			t.Fatal(err)
		}
		next, rcode := z.update(m)
		if next != z && rcode != mdns.RcodeSuccess {
			t.Fatalf("changed in spite of %s", mdns.RcodeToString[rcode])
		}
		again, err := parseZone(string(next.text()), "zone")
		if err != nil {
			t.Fatalf("%v:\n%s", err, next.text())
		}
		if string(again.text()) != string(next.text()) {
			t.Fatalf("got\n%s\nwant\n%s", again.text(), next.text())
		}
		r := new(mdns.Msg)
		r.SetReply(m)
		zones{next.origin: next}.answer(r)
		if _, err := r.Pack(); err != nil {
			t.Fatalf("%v: %v", err, r)
		}
	})
}
