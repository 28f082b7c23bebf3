package exchange_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/runtime/value"
)

func TestQueries(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 8})
	for line, want := range map[string]string{
		"EXCHANGE SERVER exch2 STATUS":            `"fqdn":"exch2.mydomain.com"`,
		"EXCHANGE STORES EXCH1":                   `{"database":"E:\\Exchsrvr\\MDBDATA\\priv1.edb","file":"priv1.edb","group":"First Storage Group","kind":"mailbox","logs":"E:\\Exchsrvr\\MDBDATA","name":"Mailbox Store (EXCH1)","overwrite":false,"prefix":"E00","streaming":"E:\\Exchsrvr\\MDBDATA\\priv1.stm","system":"E:\\Exchsrvr\\MDBDATA"}`,
		"EXCHANGE MAILBOXES EXCH1":                `{"elsewhere":0,"stores":[{"count":7,"group":"First Storage Group","store":"Mailbox Store (EXCH1)"},{"count":1,"group":"Second Storage Group","store":"Sales Store (EXCH1)"}],"total":8}`,
		"EXCHANGE PAIRS EXCH1 EXCH2":              `{"file":"sales.edb","source":"Second Storage Group,Sales Store (EXCH1)","target":"Second Storage Group,Sales Store (EXCH2)"}`,
		"EXCHANGE FAILOVER EXCH1 TO EXCH2 STATUS": `{"moved":{},"state":"none"}`,
	} {
		got, err := json.Marshal(value.To(s.must(line)))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: got %s, %v, want %s", line, got, err, want)
		}
	}
}

func TestMoveMailbox(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 2})
	before := s.ldif()
	s.must(`EXCHANGE MOVE MAILBOX user00001@mydomain.com TO EXCH2 "First Storage Group,Mailbox Store (EXCH2)"`)
	changes := s.changes
	if s.users("EXCH2") != 1 || len(changes) != 1 {
		t.Fatalf("got %d mailboxes there, changes %v", s.users("EXCH2"), changes)
	}
	if s.must(`EXCHANGE MOVE MAILBOX user00001 TO EXCH2 "Mailbox Store (EXCH2)"`); len(s.changes) > 0 {
		t.Errorf("moved twice: %v", s.changes)
	}
	if s.undo(changes); s.ldif() != before {
		t.Errorf("after undo the directory differs:\n%s", diff(before, s.ldif()))
	}
}

func TestWrongCalls(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 2})
	before := s.ldif()
	for line, want := range map[string]struct {
		code int
		says string
	}{
		"EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH9":                                     {value.CodeNotThere, "EXCH1, EXCH2"},
		"EXCHFAILOVER -FAILOVER -s EXCH1 -t exch1":                                     {value.CodeBadParameter, "both source and target"},
		"EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2 -onlypublicfolders -nopublicfolders": {value.CodeBadParameter, "-nopublicfolders"},
		"EXCHFAILOVER -o " + optionsFile(t, "-failover -failback -s a -t b"):           {value.CodeBadParameter, "-FAILBACK"},
		"EXCHFAILOVER -o " + optionsFile(t, "-failover -s EXCH1"):                      {value.CodeBadParameter, "no target"},
		"EXCHFAILOVER -o /no/such/file":                                                {value.CodeBadParameter, "/no/such/file"},
		`EXCHANGE MOVE MAILBOX nobody TO EXCH2 "Mailbox Store (EXCH2)"`:                {value.CodeNotThere, "nobody"},
		`EXCHANGE MOVE MAILBOX user00001 TO EXCH2 Attic`:                               {value.CodeNotThere, "Sales Store (EXCH2)"},
	} {
		_, err := s.run(line)
		var f *value.Failure
		if !errors.As(err, &f) || f.Code != want.code || !strings.Contains(f.Message+strings.Join(f.Hints, " "), want.says) || len(f.Hints) == 0 && want.code == value.CodeNotThere {
			t.Errorf("%s: got %v %v, want code %d saying %q", line, err, hints(err), want.code, want.says)
		}
	}
	if s.ldif() != before {
		t.Error("a wrong call changed something")
	}
}

func TestServersMustBeAlike(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 2})
	target := serverDN(t, s, "EXCH2")
	for dn, edit := range map[string]directory.Edit{
		target: {Attr: "serialNumber", Old: []string{"Version 6.5 (Build 7638.2: Service Pack 2)"}, New: []string{"Version 6.5 (Build 6944.4)"}},
		"CN=Second Storage Group,CN=InformationStore," + target: {Attr: "msExchESEParamBaseName", Old: []string{"E01"}, New: []string{"E07"}},
	} {
		if err := s.dir.Modify(t.Context(), directory.Modification{DN: dn, Edits: []directory.Edit{edit}}); err != nil {
			t.Fatal(err)
		}
	}
	before := s.ldif()
	_, err := s.run(failover)
	said := strings.Join(hints(err), "\n")
	for _, want := range []string{"Build 6944.4", `"E07"`} {
		if !strings.Contains(said, want) {
			t.Errorf("got %q, want it to name %s", said, want)
		}
	}
	if s.ldif() != before {
		t.Error("something was changed")
	}
}

// A binding is added once and removed once, and undone either way.
func TestBindings(t *testing.T) {
	s := newSite(t, embedded.Fresh{Users: 1})
	before := s.ldif()
	for _, c := range []struct {
		line    string
		changes int
	}{
		{"EXCHANGE BINDING ADD 10.1.0.5 TO EXCH2", 1},
		{"EXCHANGE BINDING ADD 10.1.0.5 TO EXCH2", 0},
		{"EXCHANGE BINDING REMOVE 10.1.0.5 FROM EXCH2", 1},
		{"EXCHANGE BINDING REMOVE 10.1.0.5 FROM EXCH2", 0},
	} {
		s.must(c.line)
		if len(s.changes) != c.changes {
			t.Errorf("%s: %d changes, want %d", c.line, len(s.changes), c.changes)
		}
	}
	if s.ldif() != before {
		t.Error("the directory is not as it was")
	}
	s.must("EXCHANGE BINDING ADD 10.1.0.5 TO EXCH2")
	s.undo(s.changes)
	if s.ldif() != before {
		t.Error("the undone directory is not as it was")
	}
}
