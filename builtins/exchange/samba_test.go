package exchange_test

import (
	"testing"

	"github.com/standin-project/standin/builtins/directory/directorytest"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/builtins/directory/notes"
)

// The same against a real domain controller: linked attributes, rights and the uniqueness of principal names are its own.
func TestSamba(t *testing.T) {
	server := directorytest.Samba(t, embedded.Entries(embedded.Fresh{Users: 30}))
	client, err := ldap.New(ldap.Config{URL: server.TLS, CA: server.CA, Login: server.Login, Notes: notes.Folder(t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := &site{t: t, dir: client}
	s.must("EXCHFAILOVER -SETUP -FAILOVER -s EXCH1 -t EXCH2")
	s.must(failover)
	if s.users("EXCH2") != 30 || s.users("EXCH1") != 0 {
		t.Fatalf("got %d mailboxes on the target and %d on the source, want 30 and 0", s.users("EXCH2"), s.users("EXCH1"))
	}
	if s.must(failover); len(s.changes) > 0 {
		t.Errorf("a second failover changed %v", s.changes)
	}
	s.must(failback)
	s.undo(s.changes)
	if s.users("EXCH2") != 30 {
		t.Fatalf("after undo of the failback got %d mailboxes on the target, want 30", s.users("EXCH2"))
	}
	s.must(failback)
	if s.users("EXCH1") != 30 {
		t.Fatalf("got %d mailboxes back, want 30", s.users("EXCH1"))
	}
}
