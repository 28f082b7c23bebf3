package embedded_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/runtime/value"
)

const user1 = "CN=user00001,CN=Users,DC=mydomain,DC=com"

func describe(t *testing.T, d directory.System, old, now string) error {
	t.Helper()
	e := directory.Edit{Attr: "description", New: []string{now}}
	if old != "" {
		e.Old = []string{old}
	}
	return d.Modify(t.Context(), directory.Modification{DN: user1, Edits: []directory.Edit{e}})
}

func description(t *testing.T, d directory.Reader) string {
	t.Helper()
	e, err := d.Entry(t.Context(), user1, "description")
	if err != nil {
		t.Fatal(err)
	}
	return e.Get("description")
}

// session opens the directory, does something and closes it again.
func session(t *testing.T, dir string, do func(d directory.System)) {
	t.Helper()
	s, err := embedded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ldap.New(ldap.Config{URL: s.URL(), Notes: s.Notes()})
	if err != nil {
		t.Fatal(err)
	}
	do(c)
	c.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStateOutlivesTheProcess(t *testing.T) {
	dir := fresh(t, 3)
	session(t, dir, func(d directory.System) { must(t, describe(t, d, "", "one")) })
	session(t, dir, func(d directory.System) { must(t, describe(t, d, "one", "two")) })
	session(t, dir, func(d directory.System) {
		if got := description(t, d); got != "two" {
			t.Errorf("got %q, want two", got)
		}
	})
}

// A change that a crash cut off was never answered; it is forgotten, and the ones before it are not.
func TestTornJournal(t *testing.T) {
	dir := fresh(t, 3)
	session(t, dir, func(d directory.System) { must(t, describe(t, d, "", "one")) })
	journal := filepath.Join(dir, "journal.1.ldif")
	whole, err := os.ReadFile(journal)
	must(t, err)
	session(t, dir, func(d directory.System) { must(t, describe(t, d, "one", "two")) })
	both, err := os.ReadFile(journal)
	must(t, err)
	for cut := len(whole); cut <= len(both); cut++ {
		must(t, os.WriteFile(journal, both[:cut], 0o600))
		session(t, dir, func(d directory.System) {
			want := "one"
			if cut == len(both) {
				want = "two"
			}
			if got := description(t, d); got != want {
				t.Fatalf("journal cut after %d of %d bytes: got %q, want %q", cut, len(both), got, want)
			}
			must(t, describe(t, d, want, "three"))
		})
	}
}

// A big journal is folded into the snapshot; a crash between the two halves of that does not apply it twice.
func TestCompaction(t *testing.T) {
	dir := fresh(t, 3)
	big := strings.Repeat("x", 300<<10)
	session(t, dir, func(d directory.System) {
		last := ""
		for i := range 5 {
			now := fmt.Sprint(i, big)
			must(t, describe(t, d, last, now))
			last = now
		}
	})
	old, err := os.ReadFile(filepath.Join(dir, "journal.1.ldif"))
	must(t, err)
	for range 2 {
		session(t, dir, func(d directory.System) {
			if got := description(t, d); got != "4"+big {
				t.Errorf("got %.10q…, want the last value", got)
			}
		})
		snapshot, err := os.ReadFile(filepath.Join(dir, "entries.ldif"))
		must(t, err)
		if !bytes.HasPrefix(snapshot, []byte("# generation 2, serial 5\n")) {
			t.Fatalf("got snapshot %.20q", snapshot)
		}
		must(t, os.WriteFile(filepath.Join(dir, "journal.1.ldif"), old, 0o600)) // as if it had not been removed
	}
}

// The update number counts what was changed since the directory was made, whatever process did it.
func TestUpdateNumber(t *testing.T) {
	dir := fresh(t, 1)
	for i := range 3 {
		session(t, dir, func(d directory.System) {
			info, err := d.Info(t.Context())
			must(t, err)
			if want := fmt.Sprint(i); info.USN != want {
				t.Errorf("got update number %s, want %s", info.USN, want)
			}
			must(t, describe(t, d, strings.Repeat("x", i), strings.Repeat("x", i+1)))
			if err := describe(t, d, "not there", "x"); err == nil {
				t.Error("a change of what is not there was made")
			}
		})
	}
}

func TestUniquePrincipalNames(t *testing.T) {
	d := open(t, fresh(t, 0))
	spn := func(dn string, e directory.Edit) error {
		e.Attr = "servicePrincipalName"
		return d.Modify(t.Context(), directory.Modification{DN: dn, Edits: []directory.Edit{e}})
	}
	const one, two = "CN=EXCH1,CN=Computers,DC=mydomain,DC=com", "CN=EXCH2,CN=Computers,DC=mydomain,DC=com"
	var f *value.Failure
	if err := spn(two, directory.Edit{New: []string{"host/exch1"}}); !errors.As(err, &f) || f.Code != value.CodeConflict {
		t.Fatalf("got %v, want a conflict", err)
	}
	must(t, spn(one, directory.Edit{Old: []string{"HOST/EXCH1"}}))
	must(t, spn(two, directory.Edit{New: []string{"HOST/EXCH1"}}))
}

func TestLogins(t *testing.T) {
	s, err := embedded.Open(fresh(t, 1))
	must(t, err)
	defer s.Close()
	for user, ok := range map[string]bool{
		"administrator": true, `MYDOMAIN\Administrator`: true, "administrator@mydomain.com": true, user1: true, "nobody": false, "CN=nobody,DC=x": false,
	} {
		c, err := ldap.New(ldap.Config{URL: s.URL(), Login: directory.Login{User: user, Password: "Hush"}})
		must(t, err)
		_, err = c.Info(t.Context())
		var f *value.Failure
		switch {
		case ok && err != nil:
			t.Errorf("%s: %v", user, err)
		case !ok && (!errors.As(err, &f) || f.Code != value.CodeRefused || strings.Contains(err.Error(), "Hush")):
			t.Errorf("%s: got %v, want a refusal", user, err)
		}
		c.Close()
	}
}

func TestWhoAmI(t *testing.T) {
	s, err := embedded.Open(fresh(t, 1))
	must(t, err)
	defer s.Close()
	c, err := goldap.DialURL(s.URL())
	must(t, err)
	defer c.Close()
	must(t, c.Bind("administrator", "x"))
	who, err := c.WhoAmI(nil)
	if err != nil || who.AuthzID != "dn:CN=Administrator,CN=Users,DC=mydomain,DC=com" {
		t.Fatalf("got %+v, %v", who, err)
	}
}

func TestInitIsDeterministic(t *testing.T) {
	var before []byte
	for range 2 {
		now, err := os.ReadFile(filepath.Join(fresh(t, 50), "entries.ldif"))
		must(t, err)
		if before != nil && !bytes.Equal(before, now) {
			t.Fatal("two fresh directories differ")
		}
		before = now
	}
}

func TestShow(t *testing.T) {
	state, err := directory.Show(t.Context(), open(t, fresh(t, 2)))
	must(t, err)
	user, _ := state[user1].(map[string]any)
	if user["msExchHomeServerName"] != "/o=First Organization/ou=First Administrative Group/cn=Configuration/cn=Servers/cn=EXCH1" {
		t.Errorf("got %v", user)
	}
	for dn, attrs := range state {
		if strings.Contains(dn, "{") || strings.Contains(fmt.Sprint(attrs), "SystemMailbox") {
			t.Errorf("%s is shown", dn)
		}
	}
}

func TestNoDirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := embedded.Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want an error that names the folder", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "entries.ldif"), []byte("# generation 1, serial 0\nrubbish\n"), 0o600))
	if _, err := embedded.Open(dir); err == nil || !strings.Contains(err.Error(), "line") {
		t.Errorf("got %v, want an error that names the line", err)
	}
}
