package sig

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// fields parts a line at blanks outside quotes, as a shell would, and keeps the quotes.
func fields(line string) []string {
	quoted := false
	return strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

// spell writes what a match binds.
func spell(m *Match, ops []Operand) string {
	var words []string
	for _, b := range m.Binds {
		if b.Type == "keyword" {
			words = append(words, b.Name)
			continue
		}
		text := ""
		for _, op := range ops[b.From:b.To] {
			text += op.Text
		}
		switch {
		case ops[b.From].Kind == ValueOperand:
			text = "$"
		case b.Lo >= 0:
			text = ops[b.From].Raw[b.Lo:b.Hi]
		}
		words = append(words, b.Name+":"+b.Type+"="+text)
	}
	return strings.Join(words, " ")
}

func TestUsages(t *testing.T) {
	data, err := os.ReadFile("testdata/usages.txt")
	if err != nil {
		t.Fatal(err)
	}
	var set *Set
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ':
			if set, err = NewSet([]*Signature{{Usage: line}}); err == nil {
				err = set.Validate()
			}
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
		default:
			command, want, fits := cutLast(strings.TrimSpace(line), " = ", " ! ")
			ops := operandsOf(command)
			match, miss := set.Match(ops)
			got := ""
			switch {
			case match != nil:
				got = spell(match, ops)
			case !miss.Known:
				got = "unknown"
			case len(miss.Want) == 0:
				got = "nothing"
			default:
				got = strings.Join(miss.Want, " ")
			}
			if want == "unfit" && match == nil {
				continue
			}
			if got != want || fits != (match != nil) {
				t.Errorf("line %d: %s\n got %s\nwant %s", i+1, command, got, want)
			}
		}
	}
}

// cutLast parts a line of the table at its last mark.
func cutLast(line, yes, no string) (before, after string, fits bool) {
	if i := strings.LastIndex(line, no); i >= 0 {
		return line[:i], line[i+len(no):], false
	}
	i := strings.LastIndex(line, yes)
	return strings.TrimSpace(line[:i]), line[i+len(yes):], true
}

func operandsOf(command string) []Operand {
	var ops []Operand
	for _, f := range fields(command) {
		if f == "=" {
			ops = append(ops, Operand{Kind: MarkOperand, Text: "="})
			continue
		}
		ops = append(ops, typedOperands([]string{f})...)
	}
	return ops
}

func TestBadUsages(t *testing.T) {
	for usage, want := range map[string]string{
		"":                                "no first word",
		"<x> A":                           "no first word",
		"A <x":                            "without its >",
		"A > b":                           "want a word, a slot or a mark",
		"A <x:sice>":                      `slot type "sice"`,
		"A <>":                            "want a slot's name",
		"A [":                             "the line ends too early",
		"A []":                            "want a word, a slot or a group",
		"A (b |":                          "the line ends too early",
		"A ]":                             `got "]"`,
		"A | b |":                         "the line ends too early",
		"A <x>[:<y…>]":                    "cannot repeat",
		"A <x>[<y>:]":                     "must begin with the mark",
		"A " + strings.Repeat("(", 50):    "nested deeper",
		"A" + strings.Repeat(" [-x]", 70): "options",
	} {
		_, err := Parse(&Signature{Usage: usage})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", usage, err, want)
		}
	}
	if _, err := NewSet([]*Signature{{Usage: "A b"}, {Usage: "A b"}}); err == nil {
		t.Error("a usage line twice: got no error")
	}
	if _, err := NewSet([]*Signature{{Usage: " <x>"}}); err == nil {
		t.Error("no first word: got no error")
	}
	set, err := NewSet([]*Signature{{Usage: "A [x"}, {Usage: "A y"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Validate(); err == nil || !strings.Contains(err.Error(), `"A [x"`) {
		t.Errorf("Validate: got %v, want the bad line named", err)
	}
	if m, _ := set.Match(operandsOf("A y")); m == nil {
		t.Error("a bad line hides the good one beside it")
	}
}

func clusterSet(t testing.TB) *Set {
	t.Helper()
	var sigs []*Signature
	for _, u := range []string{
		"CLUSTER <cluster> GROUP <group> ONLINE [WAIT <duration>]",
		"CLUSTER <cluster> GROUP <group> MOVE [TO <node>] [WAIT <duration>]",
		"CLUSTER <cluster> GROUP <group> STATUS [WAIT <duration>]",
		"CLUSTER <cluster> RESOURCE <resource> ONLINE [WAIT <duration>]",
		"CLUSTER <cluster> RESOURCE <resource> OFFLINE [WAIT <duration>]",
		"CLUSTER <cluster> STATUS",
		"DNS QUERY <name> <type> [ON <server:dnsserver>]",
	} {
		sigs = append(sigs, &Signature{Usage: u, Summary: "Does it.", Docs: map[string]string{"group": "the group's name"}})
	}
	sigs = append(sigs,
		&Signature{Usage: "CLUSTER /cluster:<cluster> GROUP <group> /ONLINE", OldLine: true},
		&Signature{Usage: "DNSCMD <server> /RecordAdd <zone>", OldLine: true})
	set, err := NewSet(sigs)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestMergedUsage(t *testing.T) {
	set := clusterSet(t)
	for words, want := range map[string]string{
		"cluster x group": "CLUSTER (<cluster> GROUP <group> (ONLINE | MOVE [TO <node>] | STATUS) [WAIT <duration>] | /cluster:<cluster> GROUP <group> /ONLINE)",
		"cluster":         "CLUSTER (<cluster> (GROUP … | RESOURCE … | STATUS) | /cluster:<cluster> GROUP <group> /ONLINE)",
		"DNS":             "DNS QUERY <name> <type> [ON <server:dnsserver>]",
		"DNS ADD":         "",
		"nothing":         "",
		"":                "",
	} {
		if got := set.Usage(strings.Fields(words)...); got != want {
			t.Errorf("%s: got %s, want %s", words, got, want)
		}
	}
	_, miss := set.Match(operandsOf(`CLUSTER east GROUP "G" ONLIN`))
	if want := "CLUSTER <cluster> GROUP <group> (ONLINE | MOVE [TO <node>] | STATUS) [WAIT <duration>]"; miss.Usage != want {
		t.Errorf("got %s, want %s", miss.Usage, want)
	}
	long := strings.Repeat(" [WITH <something>]", 11)
	set, _ = NewSet([]*Signature{{Usage: "A B" + long + " C"}, {Usage: "A B D"}, {Usage: "A (E | F) x"}, {Usage: "A G"}})
	if got := set.Usage("a"); got != "A (B … | (E | F) x | G)" {
		t.Errorf("got %s", got)
	}
	set, _ = NewSet([]*Signature{{Usage: "A B" + long}, {Usage: "A C" + strings.Replace(long, "WITH", "BY", 1)}, {Usage: "A D"}})
	if got := set.Usage("a"); got != "A (B … | C … | D)" {
		t.Errorf("got %s", got)
	}
	set, _ = NewSet([]*Signature{{Usage: "A <b>"}, {Usage: "A <b> C"}})
	if got := set.Usage("a"); got != "A <b> [C]" {
		t.Errorf("got %s", got)
	}
}

func TestOldLine(t *testing.T) {
	set := clusterSet(t)
	for _, c := range []struct {
		first, second string
		want          bool
	}{
		{"cluster", "/cluster:west", true}, {"cluster", "west", false}, {"CLUSTER", "", false},
		{"dnscmd", "dns1", true}, {"dnscmd", "", true}, {"dns", "query", false}, {"other", "-x", false},
	} {
		if got, _ := set.OldLine([]Operand{{Text: c.first}, {Text: c.second}}, nil); got != c.want {
			t.Errorf("%s %s: got %v", c.first, c.second, got)
		}
	}
}

// TestOldLineGoesOn: the next line belongs to an old program's line where it begins no command and both are one command.
func TestOldLineGoesOn(t *testing.T) {
	set, err := NewSet([]*Signature{
		{Usage: "EXCHFAILOVER -FAILOVER -s <source> -t <target> [-norus]", OldLine: true},
		{Usage: "DNSCMD <server> /RecordAdd <zone> <name> <type> <data…>", OldLine: true},
		{Usage: "DNSCMD <server> /RecordDelete <zone> <name> <type> [<data…>] [/f]", OldLine: true},
		{Usage: "MIRROR START <connection:id>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line, next string
		want       bool
	}{
		{"exchfailover -failover -s A -t", "B", true},
		{"exchfailover -failover -s A -t", "B -norus", true},
		{"exchfailover -failover -s A -t", `"B C"`, true},
		{"exchfailover -failover -s A -t B", "C", false},
		{"exchfailover -failover -s A -t", "B C", false},
		{"exchfailover -failover -s A -t", "mirror", false},
		{"dnscmd d /RecordDelete z @ MX 10", "exch1.mydomain.com /f", true},
		{"dnscmd d /RecordDelete z w CNAME", "exch1.mydomain.com /f", true},
		{"dnscmd d /RecordAdd z w TXT a", "exchfailver -failover -s A -t B", false},
		{"dnscmd d /RecordAdd z w TXT a", "dnscdm d /RecordAdd z v TXT a", false},
		{"mirror start", "5", false},
		{"other", "5", false},
	} {
		if _, got := set.OldLine(operandsOf(c.line), operandsOf(c.next)); got != c.want {
			t.Errorf("%s | %s: got %v", c.line, c.next, got)
		}
	}
}

func TestComplete(t *testing.T) {
	set := clusterSet(t)
	for line, want := range map[string]string{
		"":                              "CLUSTER DNS DNSCMD",
		"nothing":                       "",
		"DNS":                           "QUERY",
		"CLUSTER":                       "<cluster:cluster> /cluster:<cluster:cluster> /ONLINE GROUP",
		"cluster east":                  "GROUP RESOURCE STATUS",
		`cluster east group "G"`:        "ONLINE MOVE STATUS",
		"cluster $c group $g move":      "TO WAIT",
		"cluster $c group $g move TO":   "<node:text>",
		"cluster east status":           "",
		`cluster /cluster:"east" group`: "<group:text>",
	} {
		var got []string
		for _, c := range set.Complete(fields(line)) {
			if c.Slot != "" {
				c.Text += "<" + c.Slot + ":" + c.Type + ">"
			}
			got = append(got, c.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", line, got, want)
		}
	}
	if c := set.Complete([]string{"cluster", "east", "group"}); len(c) != 1 || c[0].Doc != "the group's name" {
		t.Errorf("a slot's doc: got %v", c)
	}
	set.Complete([]string{""})
}

func TestHelp(t *testing.T) {
	got := Help(&Signature{
		Usage: "MIRROR START <connection:id> [ORPHANS] [-u <user>:<password:secret>]", Summary: "Starts a mirror.",
		Docs:   map[string]string{"connection": "the connection"},
		Result: "the mirror's number", Effect: Final, Example: "MIRROR START 1;", Unsupported: "the driver has no mirrors",
	})
	want := `MIRROR START <connection:id> [ORPHANS] [-u <user>:<password:secret>]

Starts a mirror.
* not available here: the driver has no mirrors

  connection  the connection (an id, a whole number from 1)
  user        a text
  password    a secret text

result:  the mirror's number
effect:  cannot be undone
example: MIRROR START 1;
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	f, _ := Parse(&Signature{Usage: "A -x [B]"})
	if fmt.Sprint(f.Keywords()) != "[-X A B]" {
		t.Error(f.Keywords())
	}
}

func TestSetLists(t *testing.T) {
	set := clusterSet(t)
	if got := len(set.Signatures("")); got != 9 {
		t.Errorf("got %d signatures, want 9", got)
	}
	if len(set.Signatures("dns")) != 1 || set.Signatures("x") != nil || len(set.FirstWords()) != 3 {
		t.Error("the lists by first word differ from the table")
	}
}

// The search of one usage line is bounded, whatever the line and the operands are.
func TestSearchIsBounded(t *testing.T) {
	set, err := NewSet([]*Signature{{Usage: "A " + strings.Repeat("[<a>]… ", 12) + "END"}})
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := set.Match(operandsOf("A" + strings.Repeat(" x", 60))); m != nil {
		t.Error("got a match")
	}
}

func FuzzUsage(f *testing.F) {
	data, err := os.ReadFile("testdata/usages.txt")
	if err != nil {
		f.Fatal(err)
	}
	usage := ""
	for _, line := range strings.Split(string(data), "\n") {
		if line != "" && line[0] != ' ' && line[0] != '#' {
			usage = line
		} else if command, _, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			f.Add(usage, command)
		}
	}
	f.Fuzz(func(t *testing.T, usage, command string) {
		s := &Signature{Usage: usage}
		form, err := Parse(s)
		set, setErr := NewSet([]*Signature{s})
		if err != nil || setErr != nil {
			return
		}
		Help(s)
		set.Complete(fields(command))
		ops := operandsOf(command)
		match, miss := set.Match(ops)
		if match == nil {
			if miss.At > len(ops) {
				t.Errorf("the operand %d does not fit, of %d", miss.At, len(ops))
			}
			return
		}
		slots := form.Slots()
		for _, b := range match.Binds {
			if b.From >= b.To || b.To > len(ops) || b.Lo >= 0 && (b.Lo > b.Hi || b.Hi > len(ops[b.From].Raw)) {
				t.Errorf("%+v lies outside the operands", b)
			}
			found := b.Type == "keyword"
			for _, s := range slots {
				found = found || s == b.Arg
			}
			if !found {
				t.Errorf("%+v is no slot of the line", b)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	set := clusterSet(b)
	ops := operandsOf(`CLUSTER east RESOURCE "Exchange IP Address" OFFLINE WAIT 5m`)
	b.ReportAllocs()
	for b.Loop() {
		if m, _ := set.Match(ops); m == nil {
			b.Fatal("no match")
		}
	}
}
