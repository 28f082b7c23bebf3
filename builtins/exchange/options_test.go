package exchange

import (
	"reflect"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/directory"
)

func TestOptionsFile(t *testing.T) {
	o := &options{flags: map[string]bool{}}
	err := o.addFile("\ufeff# who moves\r\n-FailOver -s Indy\r\n\t-t \"ExchSrvr_Bkup\" # where to\r\n-r Sales, Inside:Indy_Sales, Inside -r\n-r \"A b,C (d):E,F\"\n-norus -u admin:p:w\n/l x#y.log")
	if err != nil {
		t.Fatal(err)
	}
	want := &options{flags: map[string]bool{"failover": true, "norus": true}, source: "Indy", target: "ExchSrvr_Bkup", log: "x#y.log",
		rules: []rule{{"Sales", "Inside", "Indy_Sales", "Inside"}, {}, {"A b", "C (d)", "E", "F"}},
		login: directory.Login{User: "admin", Password: "p:w"}}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got  %+v\nwant %+v", o, want)
	}
	for text, says := range map[string]string{
		"hello": `got "hello", want an option`, "-sideways x": "unknown option -sideways", "-s": "got 0 words after -s",
		"-s a b": "got 2 words after -s", "-norus yes": "after -norus, want none", "-s \"x": "line 1: got a quote", "-r ,x": "want group:group",
	} {
		o := &options{flags: map[string]bool{}}
		if err := o.addFile(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want it to say %q", text, err, says)
		}
	}
}

func TestRuleSpelling(t *testing.T) {
	for _, text := range []string{"G:H", "G,S:H,T", "Group with blanks,Store (X):H,T"} {
		r, err := parseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Trim(strings.TrimPrefix(r.String(), "-r "), `"`); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	if r, err := parseRule("G"); err != nil || r != (rule{"G", "", "G", ""}) {
		t.Errorf("got %+v, %v", r, err)
	}
}

func FuzzOptions(f *testing.F) {
	for _, s := range []string{"-failover -s a -t b", "-r A,B:C, D", "# x\n-u a:b", "-o \"", "/?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o := &options{flags: map[string]bool{}}
		err := o.addFile("-u somebody:hush-hush -u " + s)
		if err != nil && strings.Contains(err.Error(), "hush-hush") {
			t.Fatalf("the password shows: %v", err)
		}
		if r, err := parseRule(s); err == nil && r.group == "" {
			t.Fatalf("%q was read as -r alone", s)
		}
	})
}
