package directory_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

func TestFold(t *testing.T) {
	for dn, want := range map[string]string{
		"CN=EXCH1, CN=Servers,DC=x":  "cn=exch1,cn=servers,dc=x",
		"cn=exch1,cn=servers,dc=x":   "cn=exch1,cn=servers,dc=x",
		"cn = a b ,dc=x":             "cn=a b,dc=x",
		`CN=Last\, First,DC=x`:       `cn=last\, first,dc=x`,
		"":                           "",
		"CN=Ünï (E),DC=X":            "cn=ünï (e),dc=x",
		"CN=Mailbox Store (E1),DC=X": "cn=mailbox store (e1),dc=x",
	} {
		if got := directory.Fold(dn); got != want || directory.Fold(got) != want {
			t.Errorf("Fold(%q) = %q, want %q", dn, got, want)
		}
	}
	if got := directory.Parent(`CN=Last\, First,OU=x, DC=y`); got != "OU=x, DC=y" {
		t.Errorf("got parent %q", got)
	}
	if directory.Name("CN=EXCH1,DC=x") != "EXCH1" || directory.Parent("DC=x") != "" {
		t.Error("wrong name or parent")
	}
	if !directory.Under("CN=a,DC=X", "dc=x") || directory.Under("CN=a,DC=xx", "DC=x") || directory.Under("DC=a", "DC=aa") {
		t.Error("wrong answer of Under")
	}
}

var alice = &directory.Entry{DN: "CN=Alice,DC=x", Attrs: []directory.Attr{
	{Name: "cn", Values: []string{"Alice"}},
	{Name: "mail", Values: []string{"alice@x", "Al(i)ce*@x"}},
	{Name: "homeMDB", Values: []string{"CN=Store, DC=x"}},
	{Name: "uid", Values: []string{"42"}},
}}

func TestFilter(t *testing.T) {
	for text, want := range map[string]bool{
		"(cn=alice)":                       true,
		"(CN=ALICE)":                       true,
		"(cn=bob)":                         false,
		"(cn=*)":                           true,
		"(phone=*)":                        false,
		"(mail=al*@x)":                     true,
		"(mail=*LICE*)":                    true,
		"(mail=alice*alice)":               false,
		`(mail=al\28i\29ce\2a@x)`:          true,
		"(homeMDB=cn=store,dc=X)":          true,
		"(uid>=7)":                         true,
		"(uid<=7)":                         false,
		"(cn~=alice)":                      true,
		"(&(cn=alice)(!(cn=bob)))":         true,
		"(|(cn=bob)(cn=carol))":            false,
		"(&)":                              true,
		"(|)":                              false,
		"(&(cn=alice)(|(cn=bob)(uid=42)))": true,
	} {
		f, err := directory.ParseFilter(text)
		if err != nil || f.Match(alice) != want {
			t.Errorf("%s: got %v, %v, want %v", text, f.Match(alice), err, want)
		}
	}
	for _, bad := range []string{"", "(", "()", "cn=x", "(cn)", "(cn=x", "(&(cn=x)", "(!(a=b)(c=d))", "(cn=x)y", `(cn=\zz)`, `(cn=\2)`,
		"(cn:dn:=x)", strings.Repeat("(!", 200) + "(a=b)" + strings.Repeat(")", 200)} {
		if _, err := directory.ParseFilter(bad); err == nil {
			t.Errorf("filter %q was taken", bad)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"(cn=alice)", "(&(a=b)(|(c=*)(!(d=e*f))))", `(a=\28\29)`, "(a>=1)", "((", "(a=*b*)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if filter, err := directory.ParseFilter(s); err == nil {
			filter.Match(alice)
		}
		if filter, err := directory.ParseFilter("(cn=" + directory.Escape(s) + ")"); err != nil {
			t.Fatalf("escaped %q is not a value: %v", s, err)
		} else if !filter.Match(&directory.Entry{Attrs: []directory.Attr{{Name: "cn", Values: []string{s}}}}) {
			t.Fatalf("escaped %q does not match itself", s)
		}
	})
}

func TestApply(t *testing.T) {
	next, err := alice.Apply([]directory.Edit{{Attr: "HOMEmdb", Old: []string{"cn=store,dc=x"}, New: []string{"CN=Other,DC=x"}},
		{Attr: "cn", Old: []string{"Alice"}}, {Attr: "phone", New: []string{"1", "2"}}}, directory.Single)
	if err != nil || next.Get("homeMDB") != "CN=Other,DC=x" || next.All("cn") != nil || len(next.All("phone")) != 2 {
		t.Fatalf("got %+v, %v", next, err)
	}
	if alice.Get("homeMDB") != "CN=Store, DC=x" || alice.Get("cn") != "Alice" {
		t.Fatal("the entry itself was changed")
	}
	for _, refused := range []directory.Edit{
		{Attr: "cn", Old: []string{"Bob"}}, {Attr: "phone", Old: []string{"1"}}, {Attr: "mail", New: []string{"ALICE@x"}},
		{Attr: "homeMDB", New: []string{"CN=second,DC=x"}},
	} {
		var f *value.Failure
		if _, err := alice.Apply([]directory.Edit{refused}, directory.Single); !errors.As(err, &f) || f.Code != value.CodeConflict {
			t.Errorf("%+v: got %v, want a conflict", refused, err)
		}
	}
}

func TestLDIF(t *testing.T) {
	odd := &directory.Entry{DN: "CN=Zoë,DC=x", Attrs: []directory.Attr{
		{Name: "a", Values: []string{"", " leading", "trailing ", ":colon", "<less", "two\nlines", "nul\x00", "plain", "käse", "x: y"}},
		{Name: "b", Values: []string{"1"}}}}
	var b bytes.Buffer
	if err := directory.WriteLDIF(&b, alice, odd); err != nil {
		t.Fatal(err)
	}
	r := directory.NewLDIFReader(&b)
	for _, want := range []*directory.Entry{alice, odd} {
		if got, err := r.Entry(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := r.Entry(); err != io.EOF {
		t.Errorf("got %v at the end", err)
	}
	change := directory.Modification{DN: "CN=Zoë,DC=x", Edits: []directory.Edit{{Attr: "a", Old: []string{"x"}, New: []string{" y ", "z"}},
		{Attr: "b", New: []string{"-"}}, {Attr: "c", Old: []string{"-", ""}}}}
	b.Reset()
	if err := directory.WriteLDIFChange(&b, change); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if got, err := directory.NewLDIFReader(&b).Change(); err != nil || !reflect.DeepEqual(got, change) {
		t.Errorf("got %+v, %v", got, err)
	}
	for cut := 1; cut < len(text)-1; cut++ {
		if got, err := directory.NewLDIFReader(strings.NewReader(text[:cut])).Change(); err == nil {
			t.Errorf("a change cut off after %d bytes was read as %+v", cut, got)
		}
	}
}
