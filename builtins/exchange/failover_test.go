package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/directorytest"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/builtins/directory/notes"
	"github.com/standin-project/standin/builtins/directory/overlay"
	"github.com/standin-project/standin/runtime/value"
)

const (
	failover = "EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2"
	failback = "EXCHFAILOVER -FAILBACK -s EXCH1 -t EXCH2"
)

func (s *site) users(server string) int {
	s.t.Helper()
	m, _ := value.AsMap(s.must("EXCHANGE MAILBOXES " + server))
	n, _ := value.AsInt(m["total"])
	return int(n)
}

func TestFailoverAndBack(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 100})
	before := s.ldif()
	s.must("exchfailover -setup -failover -s exch1 -t exch2")
	if got := s.users("EXCH1"); got != 100 {
		t.Fatalf("-SETUP moved mailboxes: %d are left", got)
	}
	s.must(failover)
	if s.users("EXCH1") != 0 || s.users("EXCH2") != 100 {
		t.Fatalf("got %d and %d mailboxes, want 0 and 100", s.users("EXCH1"), s.users("EXCH2"))
	}
	after := s.ldif()
	for _, name := range []string{
		"msExchRoutingMasterDN: cn=exch1", "offLineABServer: cn=exch1", "msExchAddressListServiceLink: cn=exch1",
		"siteFolderServer: cn=public folder store (exch1)", "msExchHomePublicMDB: cn=public folder store (exch1)",
	} {
		if strings.Contains(after, name) {
			t.Errorf("after the failover there is still %q", name)
		}
	}
	if v := s.must(failover); value.To(v) != nil && value.To(v) != int64(0) || len(s.changes) > 0 {
		t.Errorf("a second failover changed %v", s.changes)
	}
	s.must("exchfailover -setup -failback -s exch1 -t exch2")
	s.must("exchfailover -failback -nopublicfolders -s exch1 -t exch2")
	if s.users("EXCH1") != 100 {
		t.Fatalf("got %d mailboxes back, want 100", s.users("EXCH1"))
	}
	s.must("exchfailover -failback -onlypublicfolders -s exch1 -t exch2")
	if got := flagsOff(s.ldif()); got != flagsOff(before) {
		t.Fatalf("after failover and failback the directory differs:\n%s", diff(flagsOff(before), got))
	}
	for range 2 {
		if s.must(failback); len(s.changes) > 0 {
			t.Errorf("another failback changed %v", s.changes)
		}
	}
}

// flagsOff leaves the overwrite flags out: Exchange itself takes them away when it mounts a store.
func flagsOff(ldif string) string {
	return strings.ReplaceAll(ldif, "msExchPatchMDB: TRUE", "msExchPatchMDB: FALSE")
}

func diff(a, b string) string {
	var out strings.Builder
	had := map[string]bool{}
	for _, l := range strings.Split(a, "\n") {
		had[l] = true
	}
	n := 0
	for _, l := range strings.Split(b, "\n") {
		if !had[l] && n < 10 {
			fmt.Fprintln(&out, "+", l)
			n++
		}
	}
	return out.String()
}

func TestUndo(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 30})
	before := s.ldif()
	s.must(failover)
	s.undo(s.changes)
	if got := s.ldif(); got != before {
		t.Fatalf("after undo the directory differs:\n%s", diff(before, got))
	}
	s.must(failover)
	over := s.ldif()
	s.must(failback)
	s.undo(s.changes)
	if got := s.ldif(); got != over {
		t.Fatalf("after undo of the failback the directory differs:\n%s", diff(over, got))
	}
	s.must(failback)
	if got := flagsOff(s.ldif()); got != flagsOff(before) {
		t.Fatalf("the record did not come back with the undo:\n%s", diff(before, got))
	}
}

// A plan says exactly what the run then changes.
func TestPlanIsTheRun(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 50})
	before := s.ldif()
	s.wrap = overlay.New(s.dir)
	s.must(failover)
	planned := fmt.Sprint(s.changes)
	s.must(failback)
	plannedBack := fmt.Sprint(s.changes)
	s.wrap = nil
	if s.ldif() != before {
		t.Fatal("a plan wrote to the directory")
	}
	if s.must(failover); fmt.Sprint(s.changes) != planned {
		t.Errorf("got changes %v\nplanned %s", s.changes, planned)
	}
	if s.must(failback); fmt.Sprint(s.changes) != plannedBack {
		t.Errorf("got changes %v\nplanned %s", s.changes, plannedBack)
	}
}

func TestTestChangesNothing(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 5})
	before := s.ldif()
	if s.must(failover + " -test"); s.ldif() != before {
		t.Fatal("-test changed the directory")
	}
	if said := strings.Join(s.said, "\n"); !strings.Contains(said, "would change") {
		t.Fatalf("-test said %q", said)
	}
}

// breaker fails every write from the nth on, as a server that dies there does.
type breaker struct {
	directory.System
	left int
}

var errDied = errors.New("died")

func (b *breaker) spend() error {
	if b.left--; b.left < 0 {
		return errDied
	}
	return nil
}

func (b *breaker) Modify(ctx context.Context, m directory.Modification) error {
	if err := b.spend(); err != nil {
		return err
	}
	return b.System.Modify(ctx, m)
}

func (b *breaker) SetNote(ctx context.Context, key string, note []byte) error {
	if err := b.spend(); err != nil {
		return err
	}
	return b.System.SetNote(ctx, key, note)
}

// serial lets one write at a time through, so that a test knows which one comes next.
type serial struct {
	directory.System
	turn chan struct{}
}

func (s *serial) Modify(ctx context.Context, m directory.Modification) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return s.System.Modify(ctx, m)
}

// Wherever a run is cut off, run again it ends in the same directory.
func TestCutAnywhere(t *testing.T) {
	whole := newSite(t, embedded.Fresh{Users: 9})
	start := whole.ldif()
	whole.must(failover)
	over := whole.ldif()
	whole.must(failback)
	home := whole.ldif()

	cut := newSite(t, embedded.Fresh{Users: 9})
	died := 0
	for n := 0; ; n++ {
		if cut.dies(failover, n) {
			died++
			cut.must(failover)
		}
		if got := cut.ldif(); flagsOff(got) != flagsOff(over) {
			t.Fatalf("cut after %d writes and run again, the failover differs:\n%s", n, diff(over, got))
		}
		back := cut.dies(failback, n)
		if back {
			died++
			cut.must(failback)
		}
		if got := cut.ldif(); flagsOff(got) != flagsOff(home) || flagsOff(got) != flagsOff(start) {
			t.Fatalf("cut after %d writes and run again, the failback differs:\n%s", n, diff(home, got))
		}
		if !back && n > 30 {
			break
		}
	}
	if died < 40 {
		t.Fatalf("only %d runs were cut off", died)
	}
}

// dies runs a command that is cut off after n writes; false if it needed no more than n.
func (s *site) dies(line string, n int) bool {
	s.t.Helper()
	s.wrap = &serial{&breaker{s.dir, n}, make(chan struct{}, 1)}
	defer func() { s.wrap = nil }()
	_, err := s.run(line)
	if err != nil && !errors.Is(err, errDied) {
		s.t.Fatal(err)
	}
	return err != nil
}

func TestFailbackReturnsWhatItShould(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 10})
	// user00010 always lived on the target; user00009 is taken there by hand after the failover, another way.
	s.must(`EXCHANGE MOVE MAILBOX user00010 TO EXCH2 "Mailbox Store (EXCH2)"`)
	s.must(failover)
	s.must(`EXCHANGE MOVE MAILBOX user00009 TO EXCH1 "Sales Store (EXCH1)"`)
	s.must(`EXCHANGE MOVE MAILBOX user00009 TO EXCH2 "Sales Store (EXCH2)"`)
	s.must(failback)
	if got := s.users("EXCH2"); got != 2 {
		t.Errorf("got %d mailboxes on the target, want its own and the one moved by hand", got)
	}
	if !strings.Contains(strings.Join(s.said, "\n"), "user00009") {
		t.Error("the mailbox that was left is not listed")
	}
}

func TestFailbackWithoutRecord(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 3})
	s.must(failover)
	record := "failover-exch1-to-exch2"
	if err := s.dir.SetNote(t.Context(), record, nil); err != nil {
		t.Fatal(err)
	}
	over := s.ldif()
	_, err := s.run(failback)
	if err == nil || s.ldif() != over {
		t.Fatal("a failback without a record did something")
	}
	typed := ""
	for _, h := range hints(err) {
		if _, after, ok := strings.Cut(h, "-typed "); ok {
			typed = after
		}
	}
	s.must(failback + " -typed " + typed)
	if s.users("EXCH1") != 3 {
		t.Error("the typed failback returned no mailboxes")
	}
}

func TestReverseIsRefused(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 3})
	s.must(failover)
	if _, err := s.run("EXCHFAILOVER -FAILOVER -s EXCH2 -t EXCH1"); err == nil {
		t.Fatal("the server that stands in was failed over")
	}
}

func TestGate(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 3})
	var asked string
	s.gate = func(giving, taking string, back bool) error {
		asked = fmt.Sprint(giving, " ", taking, " ", back)
		return value.Failf(value.CodeRefused, "group is online")
	}
	if _, err := s.run(failback); err == nil || asked != "EXCH2 EXCH1 true" {
		t.Fatalf("got %v, asked %q", err, asked)
	}
	// -test is asked the day before, while the source still serves: it says so and goes on.
	s.must(failover + " -test")
	if said := strings.Join(s.said, "\n"); !strings.Contains(said, "now it would be refused: group is online") || !strings.Contains(said, "would change") {
		t.Errorf("-test said %q", said)
	}
}

func TestMissingRights(t *testing.T) {
	readOnly := ""
	s := newSite(t, embedded.Fresh{Users: 3}, embedded.Refuse(func(dn, attr string) bool { return attr == readOnly }))
	before := s.ldif()
	readOnly = "servicePrincipalName"
	_, err := s.run(failover)
	if err == nil || !strings.Contains(strings.Join(hints(err), "\n"), `servicePrincipalName of "CN=EXCH1,CN=Computers`) {
		t.Fatalf("got %v %v, want the missing right named", err, hints(err))
	}
	if s.ldif() != before {
		t.Fatal("something was written although a right is missing")
	}
	readOnly = "msExchRoutingMasterDN"
	s.must(failover)
	if !strings.Contains(strings.Join(s.said, "\n"), "msExchRoutingMasterDN") || s.users("EXCH2") != 3 {
		t.Fatalf("said %q", s.said)
	}
	readOnly = ""
	s.must(failback)
	if got := flagsOff(s.ldif()); got != before {
		t.Fatalf("the directory differs:\n%s", diff(before, got))
	}
}

func TestPasswordNeverShows(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 3})
	s.must(failover + " -u administrator:Hush:Hush")
	if got := s.logins[0]; got != (directory.Login{User: "administrator", Password: "Hush:Hush"}) {
		t.Fatalf("got login %q", got.User)
	}
	s.must("EXCHFAILOVER -o " + optionsFile(t, "-failback -s EXCH1\n-t EXCH2 # home again\n-u administrator:Hush:Hush\n"))
	_, err := s.run("EXCHFAILOVER -o " + optionsFile(t, "-failback -s EXCH1 -t EXCH2 -u administrator: Hush\n"))
	seen := s.log.String() + fmt.Sprint(s.said) + fmt.Sprint(s.changes) + fmt.Sprint(err) + fmt.Sprint(hints(err))
	if err == nil || strings.Contains(seen, "Hush") {
		t.Fatalf("the password shows, or a bad file was taken: %v", seen)
	}
}

func TestParts(t *testing.T) {
	for options, want := range map[string]string{
		"-onlypublicfolders":                   "store public folders offline address book site folder server",
		"-norus -nospn -nopublicfolders":       "store mailboxes routing master addresses",
		"-nopublicfolders":                     "store mailboxes recipient update service routing master service principal names addresses",
		"-setup":                               "store",
		"-NORUS -NoSpn -test -nopublicfolders": "",
	} {
		s := newSite(t, embedded.Fresh{Users: 3})
		s.must(failover + " " + options)
		var got []string
		for _, c := range s.changes {
			kind, _, _ := strings.Cut(c.What, ":")
			for _, k := range []string{"store", "mailboxes", "service principal names", "addresses"} {
				if strings.HasPrefix(kind, k) {
					kind = k
				}
			}
			if !strings.HasPrefix(kind, "record") && (len(got) == 0 || got[len(got)-1] != kind) {
				got = append(got, kind)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", options, strings.Join(got, " "), want)
		}
	}
}

// The same against a real server, over TLS.
func TestOpenLDAP(t *testing.T) {
	server := directorytest.OpenLDAP(t, embedded.Entries(embedded.Fresh{Users: 200}))
	client, err := ldap.New(ldap.Config{URL: server.TLS, CA: server.CA, Login: server.Login, Notes: notes.Folder(t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := &site{t: t, dir: client}
	before := s.ldif()
	s.must("EXCHFAILOVER -SETUP -FAILOVER -s EXCH1 -t EXCH2")
	s.must(failover)
	if s.users("EXCH2") != 200 {
		t.Fatalf("got %d mailboxes on the target, want 200", s.users("EXCH2"))
	}
	if s.must(failover); len(s.changes) > 0 {
		t.Errorf("a second failover changed %v", s.changes)
	}
	over := s.ldif()
	s.must(failback)
	if got := flagsOff(s.ldif()); got != flagsOff(before) {
		t.Fatalf("after failover and failback the directory differs:\n%s", diff(flagsOff(before), got))
	}
	s.undo(s.changes)
	if got := s.ldif(); got != over {
		t.Fatalf("after undo of the failback the directory differs:\n%s", diff(over, got))
	}
}

// What cannot be moved by this command is listed: mailboxes on stores without a pair, connectors, groups.
func TestLists(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 3})
	home := func(old, now string) directory.Modification {
		return directory.Modification{DN: "CN=user00002,CN=Users,DC=mydomain,DC=com", Edits: []directory.Edit{{Attr: "homeMDB", Old: []string{old}, New: []string{now}}}}
	}
	e, err := s.dir.Entry(t.Context(), "CN=user00002,CN=Users,DC=mydomain,DC=com")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.dir.Modify(t.Context(), home(e.Get("homeMDB"), "CN=Lost Store,DC=mydomain,DC=com")); err != nil {
		t.Fatal(err)
	}
	info, err := s.dir.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for dn, edit := range map[string]directory.Edit{
		"CN=Services," + info.Configuration:                    {Attr: "msExchSourceBridgeheadServersDN", New: []string{"CN=1,CN=SMTP,CN=Protocols," + serverDN(t, s, "EXCH1")}},
		"OU=Sales,DC=mydomain,DC=com":                          {Attr: "msExchExpansionServerName", New: []string{e.Get("msExchHomeServerName")}},
		"CN=1,CN=SMTP,CN=Protocols," + serverDN(t, s, "EXCH2"): {Attr: "msExchServerBindings", Old: []string{":25:"}, New: []string{"10.1.1.9:25:"}},
	} {
		if err := s.dir.Modify(t.Context(), directory.Modification{DN: dn, Edits: []directory.Edit{edit}}); err != nil {
			t.Fatal(err)
		}
	}
	s.must(failover)
	said := strings.Join(s.said, "\n")
	for _, want := range []string{"CN=user00002,CN=Users", "CN=Lost Store", "msExchSourceBridgeheadServersDN", "OU=Sales", "10.1.1.9:25:"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not listed in:\n%s", want, said)
		}
	}
	if s.users("EXCH2") != 2 {
		t.Errorf("got %d mailboxes moved, want 2", s.users("EXCH2"))
	}
}

func serverDN(t *testing.T, s *site, name string) string {
	t.Helper()
	m, _ := value.AsMap(s.must("EXCHANGE SERVER " + name + " STATUS"))
	dn, _ := value.AsText(m["dn"])
	return dn
}

// lost hides an entry, as if somebody had removed it.
type lost struct {
	directory.System
	dn string
}

func (l *lost) Entry(ctx context.Context, dn string, attrs ...string) (*directory.Entry, error) {
	if directory.Same(dn, l.dn) {
		return nil, value.Failf(value.CodeNotThere, "no entry %q", dn)
	}
	return l.System.Entry(ctx, dn, attrs...)
}

// What was removed since the failover does not stop the failback.
func TestFailbackWithoutAnEntry(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 3})
	s.must(failover)
	info, err := s.dir.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = s.dir.Search(t.Context(), directory.Query{Base: info.Configuration, Scope: directory.Subtree, Filter: "(offLineABServer=*)"}, func(e *directory.Entry) error {
		s.wrap = &lost{s.dir, e.DN}
		return nil
	})
	if err != nil || s.wrap == nil {
		t.Fatal(err, "no address list")
	}
	s.must(failback)
	s.wrap = nil
	if s.users("EXCH1") != 3 || !strings.Contains(strings.Join(s.said, "\n"), "no longer there") {
		t.Errorf("got %d users back, said %q", s.users("EXCH1"), s.said)
	}
}

func TestTwentyThousandUsers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	s := newSite(t, embedded.Fresh{Users: 20_000})
	s.must(failover)
	n := 0
	for _, c := range s.changes {
		if strings.HasPrefix(c.What, "mailboxes") {
			n += c.Count
		}
	}
	if n != 20_000 || s.users("EXCH2") != 20_000 {
		t.Fatalf("got %d changes and %d users", n, s.users("EXCH2"))
	}
}
