package directory_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/value"
)

// only is a site with one directory.
type only struct{ directory.System }

func (o only) Directory(name string) (directory.System, error) {
	if name != "ad" {
		return nil, value.Failf(value.CodeNotThere, "no directory %q", name)
	}
	return o.System, nil
}

func fresh(t *testing.T) only {
	t.Helper()
	dir := t.TempDir()
	if err := embedded.Init(dir, embedded.Fresh{Users: 3}); err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ldap.New(ldap.Config{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.Close()
	})
	return only{c}
}

// read calls the record whose usage line begins like usage; operands are pairs of a slot and its value.
func read(t *testing.T, s directory.Systems, usage string, operands ...string) (string, error) {
	t.Helper()
	call := &def.Call{}
	for i := 0; i < len(operands); i += 2 {
		call.Args = append(call.Args, sig.Arg{Name: operands[i], Type: "text"})
		call.Vals = append(call.Vals, value.Text(operands[i+1]))
	}
	for _, c := range directory.Commands(s) {
		if strings.HasPrefix(c.Usage, usage) {
			v, err := c.Read(t.Context(), call)
			if err != nil {
				return "", err
			}
			text, err := json.Marshal(value.To(v))
			return string(text), err
		}
	}
	t.Fatalf("no record %s", usage)
	return "", nil
}

func TestCommands(t *testing.T) {
	s := fresh(t)
	got, err := read(t, s, "DIRECTORY <directory> STATUS", "directory", "ad")
	if err != nil || !strings.Contains(got, `"domain":"DC=mydomain,DC=com"`) {
		t.Errorf("got %s, %v", got, err)
	}
	got, err = read(t, s, "DIRECTORY <directory> QUERY", "directory", "ad", "base", "", "filter", "(sAMAccountName=user00002)", "attribute", "mail", "attribute", "sn")
	if want := `[{"dn":"CN=user00002,CN=Users,DC=mydomain,DC=com","mail":["user00002@mydomain.com"],"sn":["user00002"]}]`; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	got, err = read(t, s, "DIRECTORY <directory> QUERY", "directory", "ad", "base", "Configuration", "filter", "(objectClass=msExchExchangeServer)", "attribute", "cn")
	if err != nil || strings.Count(got, "dn") != 2 {
		t.Errorf("got %s, %v, want two servers", got, err)
	}
	for _, bad := range [][]string{
		{"directory", "ad", "base", "", "filter", "sAMAccountName=x"},
		{"directory", "other", "base", "", "filter", "(cn=*)"},
		{"directory", "ad", "base", "DC=nowhere", "filter", "(cn=*)"},
	} {
		if got, err := read(t, s, "DIRECTORY <directory> QUERY", bad...); err == nil {
			t.Errorf("%q: got %s", bad, got)
		}
	}
}
