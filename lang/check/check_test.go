package check_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// commands is a table such as the program has, with a line of each shape.
func commands(t testing.TB) *sig.Set {
	t.Helper()
	line := func(effect sig.Effect, usage string) *sig.Signature {
		return &sig.Signature{Usage: usage, Effect: effect, Summary: "Does it."}
	}
	old := func(effect sig.Effect, usage string) *sig.Signature {
		s := line(effect, usage)
		s.OldLine = true
		return s
	}
	set, err := sig.NewSet([]*sig.Signature{
		line(sig.Session, "SOURCE <agent>"),
		line(sig.Session, "LOGIN <agent> <user> <password:secret>"),
		line(sig.Changes, "CONNECT <set> TO <target:agent> MAP (EXACT | BASE <path> | <path> TO <path> [, <path> TO <path>]…) [MIRROR|NOMIRROR]"),
		line(sig.Changes, "CONNECT <set> TO TDU <file:path>"),
		line(sig.Changes, "DISCONNECT <connection:id>"),
		line(sig.Final, "MIRROR START <connection:id> [DIFFERENT[,(NEWER|CHECKSUM)]] [ORPHANS]"),
		line(sig.Changes, "MIRROR (STOP|PAUSE|RESUME) <connection:id>"),
		line(sig.Changes, "REPSET CREATE <set>"),
		line(sig.Reads, "STATUS CON <connection:id>"),
		line(sig.Changes, "ORPHANS START <connection:id> [DELETE | MOVE TO <folder:path>] [OLDER THAN <duration>]"),
		line(sig.Changes, "LIMIT BANDWIDTH <bytes:size>, <seconds> TO <target:agent>"),
		line(sig.Changes, "CLUSTER <cluster> GROUP <group> ONLINE"),
		line(sig.Changes, "CLUSTER <cluster> GROUP <group> OFFLINE"),
		line(sig.Changes, "CLUSTER <cluster> GROUP <group> MOVE [TO <node>]"),
		line(sig.Reads, "CLUSTER <cluster> GROUP <group> STATUS"),
		line(sig.Changes, "CLUSTER <cluster> RESOURCE <resource> CREATE GROUP <group> TYPE <type> [<properties>]"),
		line(sig.Reads, "CLUSTER <cluster> STATUS"),
		old(sig.Changes, "cluster /cluster:<cluster> group <group> /ONLINE"),
		old(sig.Changes, "cluster /cluster:<cluster> group <group> /MOVE[:<node>]"),
		old(sig.Changes, "cluster /cluster:<cluster> (res|resource) <resource> /ONLINE"),
		line(sig.Changes, "DNS ADD <zone> <name> <type> <data…> [TTL <seconds>]"),
		line(sig.Changes, "DNS MOVE HOST <fqdn> FROM <from:address> TO <to:address>"),
		line(sig.Reads, "DNS QUERY <name> <type> [ON <server:dnsserver>]"),
		old(sig.Changes, "dnscmd <server:dnsserver> /RecordAdd <zone> <name> [<ttl:seconds>] <type> <data…>"),
		old(sig.Changes, "dnscmd <server:dnsserver> /RecordDelete <zone> <name> <type> [<data…>] [/f]"),
		line(sig.Waits, "WAIT ON MIRROR <connection:id> (IDLE|COMPLETE) TIMEOUT <timeout:duration>"),
		line(sig.Reads, "PROBE <host> (PING | ARP | TCP <port:number> [EXPECT <expect:text>] | HTTP <url>) [FROM <agent>]"),
		line(sig.Changes, "EXEC <program> [<args…>] [ON <agent>] EFFECT CHANGES"),
		line(sig.Reads, "EXEC <program> [<args…>] [ON <agent>] EFFECT READS"),
		line(sig.Reads, "SHOW <value:expr>"),
		line(sig.Changes, "REACH /at:<place> <user>:<password:secret> <pair:pairing> [-k <key>:<value:secret>]"),
		old(sig.Changes, "EXCHFAILOVER (-FAILOVER|-FAILBACK) -s <source> -t <target> [-l <log:path>] [-norus] [-nospn] [-nopublicfolders] [-onlypublicfolders] [-o <options:path>] [-r [<pair:pairing>]]… [-SETUP] [-test] [-u <user>[:<password:secret>]]"),
		old(sig.Reads, "EXCHFAILOVER (-?|-??)"),
	})
	if err == nil {
		err = set.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// site is what the scripts of the tests are checked against.
var site = map[string][]string{
	"agent": {"east", "west"}, "cluster": {"east", "west"}, "dnsserver": {"dns1"},
}

// folder reads the files that USE and RUN name from a map.
func folder(files map[string]string) func(string, *diag.Source) (*diag.Source, error) {
	return func(path string, _ *diag.Source) (*diag.Source, error) {
		text, ok := files[path]
		if !ok {
			return nil, errors.New("no such file")
		}
		return &diag.Source{Name: path, Text: text}, nil
	}
}

// script parses and checks a text as a script.
func script(t testing.TB, set *sig.Set, text string, opt check.Options) (*check.Program, []*diag.Diagnostic) {
	t.Helper()
	src := &diag.Source{Name: "test.dtcl", Text: text}
	f, problems := syntax.Parse(src, syntax.Options{OldLine: set.OldLine})
	p, more := check.Check(f, set, opt)
	return p, append(problems, more...)
}

// TestScripts runs testdata/*.txt: --- parts scripts, ### "regexp" at the end of a line is the diagnostic wanted on it
// (message and hints as one text), === name begins a file that the script names.
func TestScripts(t *testing.T) {
	set := commands(t)
	for name, chunk := range chunks(t) {
		t.Run(name, func(t *testing.T) { runChunk(t, set, chunk) })
	}
}

// chunks gives the scripts of testdata by file and line.
func chunks(t testing.TB) map[string]string {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	all := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := 1
		for _, chunk := range strings.SplitAfter(string(data), "\n---\n") {
			all[fmt.Sprintf("%s:%d", filepath.Base(file), line)] = strings.TrimSuffix(chunk, "---\n")
			line += strings.Count(chunk, "\n")
		}
	}
	return all
}

var (
	wantedErrors = regexp.MustCompile(`### "(.*)"$`)
	between      = regexp.MustCompile(`" "`)
)

func runChunk(t *testing.T, set *sig.Set, chunk string) {
	parts := strings.Split(chunk, "\n=== ")
	files := map[string]string{"test.dtcl": parts[0]}
	for _, p := range parts[1:] {
		name, text, _ := strings.Cut(p, "\n")
		files[name] = text
	}
	_, got := script(t, set, parts[0], check.Options{Names: site, Load: folder(files)})
	want := map[string][]string{} // place → regexps
	for name, text := range files {
		for i, l := range strings.Split(text, "\n") {
			if m := wantedErrors.FindStringSubmatch(l); m != nil {
				place := fmt.Sprintf("%s:%d", name, i+1)
				want[place] = between.Split(m[1], -1)
			}
		}
	}
	for _, d := range got {
		if d.Source == nil || d.Code == "" || len(d.Hints) == 0 || d.Span.End < d.Span.Start {
			t.Errorf("%v: a diagnostic needs a source, a code, a hint and a span: %+v", d, d)
		}
		line, _ := d.Source.Position(d.Span.Start)
		place := fmt.Sprintf("%s:%d", d.Source.Name, line)
		text := d.Message + "\n" + strings.Join(d.Hints, "\n")
		i := slices.IndexFunc(want[place], func(pattern string) bool {
			return regexp.MustCompile("(?s)" + pattern).MatchString(text)
		})
		if i < 0 {
			t.Errorf("%s: got %q, want %q", place, text, want[place])
			continue
		}
		want[place] = slices.Delete(want[place], i, i+1)
	}
	for place, patterns := range want {
		for _, p := range patterns {
			t.Errorf("%s: got nothing, want %q", place, p)
		}
	}
}
