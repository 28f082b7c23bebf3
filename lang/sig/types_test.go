package sig

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestTypes(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"name", "Exchange Group", "Exchange Group"}, {"name", "", "!"}, {"name", "a\nb", "!"}, {"name", "5.0", "5.0"},
		{"path", `E:\Exchsrvr`, `E:\Exchsrvr`}, {"path", "", "!"}, {"path", "a\x00", "!"},
		{"host", "exch1", "exch1"}, {"host", "10.1.0.5", "10.1.0.5"}, {"host", "fe80::1", "fe80::1"}, {"host", "a b", "!"},
		{"address", "10.1.0.5", "10.1.0.5"}, {"address", "2001:DB8::1", "2001:db8::1"}, {"address", "10.1.0.256", "!"}, {"address", "x", "!"},
		{"fqdn", "exch1.mydomain.com", "exch1.mydomain.com"}, {"fqdn", "exch1.mydomain.com.", "exch1.mydomain.com."},
		{"fqdn", "exch1", "!"}, {"fqdn", "a..b", "!"}, {"fqdn", "bücher.example", "bücher.example"},
		{"fqdn", strings.Repeat("a", 64) + ".b", "!"}, {"fqdn", strings.Repeat("a.", 130) + "b", "!"},
		{"id", "1", "1"}, {"id", "0", "!"}, {"id", "-1", "!"}, {"id", "1.5", "!"},
		{"number", "-5", "-5"}, {"number", "+5", "!"}, {"number", "", "!"}, {"number", "99999999999999999999", "!"},
		{"seconds", "900", "900"}, {"seconds", "5m", "!"}, {"seconds", "-1", "!"}, {"seconds", "2147483648", "!"},
		{"duration", "250ms", "250"}, {"duration", "5s", "5000"}, {"duration", "1h30m", "5400000"}, {"duration", "1H", "3600000"},
		{"duration", "5", "!"}, {"duration", "m", "!"}, {"duration", "30m1h", "!"}, {"duration", "5m5m", "!"}, {"duration", "5x", "!"},
		{"duration", "", "!"}, {"duration", "1.5h", "5400000"}, {"duration", "2d", "172800000"}, {"duration", "0.5ms", "!"}, {"duration", ".s", "!"}, {"duration", "2562048h", "!"}, {"duration", "99999999999999999999s", "!"}, {"duration", "-5s", "!"},
		{"size", "64KB", "65536"}, {"size", "5mb", "5242880"}, {"size", "2GB", "2147483648"}, {"size", "1TB", "1099511627776"},
		{"size", "512", "512"}, {"size", "10B", "10"}, {"size", "KB", "!"}, {"size", "-1", "!"}, {"size", "9000000000GB", "!"},
		{"size", "99999999999999999999KB", "!"}, {"size", "5XB", "!"}, {"size", "1.5KB", "1536"}, {"size", "1GB512MB", "!"}, {"size", "", "!"},
		{"percent", "80%", "80"}, {"percent", "80", "80"}, {"percent", "101%", "!"}, {"percent", "%", "!"},
		{"pairing", "A,B:C,D", "A,B:C,D"}, {"pairing", "", "!"},
		{"hh:mm", "22:30", "22:30"}, {"hh:mm", "24:00", "!"}, {"hh:mm", "2:30", "!"},
		{"mm/dd/yy", "11/22/26", "11/22/26"}, {"mm/dd/yy", "13/01/26", "!"},
		{"decimal", "2.5", "2.5"}, {"decimal", "10", "10"}, {"decimal", "1e400", "!"}, {"decimal", "NaN", "!"}, {"decimal", "0x10", "!"},
		{"truth", "true", "true"}, {"truth", "FALSE", "false"}, {"truth", "yes", "!"},
	} {
		typ, ok := TypeOf(c.typ)
		if !ok {
			t.Fatalf("no type %q", c.typ)
		}
		v, err := typ.Parse(c.text)
		got := fmt.Sprint(v)
		if err != nil {
			got = "!"
		}
		if got != c.want {
			t.Errorf("%s %q: got %s (%v), want %s", c.typ, c.text, got, err, c.want)
		}
	}
}

func TestTypeTable(t *testing.T) {
	for _, typ := range Types() {
		if typ.Want == "" || TypeNames() == nil {
			t.Errorf("%s: got no words for what it wants", typ.Name)
		}
		if got, ok := TypeOf(typ.Name); !ok || got.Name != typ.Name {
			t.Errorf("%s: got %v", typ.Name, got)
		}
	}
	for _, word := range ParamTypes() {
		if _, ok := ParamType(strings.ToLower(word)); !ok {
			t.Errorf("PARAM type %s is no slot type", word)
		}
	}
	if _, ok := ParamType("LIST"); ok {
		t.Error("got a PARAM type LIST")
	}
}

func TestFunctions(t *testing.T) {
	table := Functions()
	if !slices.IsSortedFunc(table, func(a, b Function) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the table of functions is not sorted")
	}
	for _, f := range table {
		got, ok := FunctionOf(strings.ToUpper(f.Name))
		if !ok || got != f || !strings.HasPrefix(f.Usage, f.Name+"(") || !strings.HasSuffix(f.Summary, ".") {
			t.Errorf("%s: got %+v", f.Name, got)
		}
		if f.Max >= 0 && f.Max < f.Min || f.Max > math.MaxUint8 {
			t.Errorf("%s: takes %d to %d arguments", f.Name, f.Min, f.Max)
		}
	}
	if _, ok := FunctionOf("no"); ok {
		t.Error("got a function no")
	}
}

func TestStatements(t *testing.T) {
	for _, s := range Statements() {
		if !strings.HasPrefix(s.Usage, s.Keyword) || !strings.HasSuffix(s.Summary, ".") || !Reserved(s.Keyword) {
			t.Errorf("%+v", s)
		}
	}
	for _, w := range []string{"end", "then", "NONE", "endif", "Or"} {
		if !Reserved(w) {
			t.Errorf("%s is not reserved", w)
		}
	}
	for _, w := range []string{"type", "online", "file", "i", ""} {
		if Reserved(w) {
			t.Errorf("%s is reserved", w)
		}
	}
	if Effect(Final).String() != "cannot be undone" {
		t.Error("the effects' words are out of step")
	}
}
