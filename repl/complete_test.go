package repl

import (
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/sig"
)

func commands(t *testing.T) *sig.Set {
	t.Helper()
	var sigs []*sig.Signature
	for _, usage := range []string{
		"CLUSTER <cluster> GROUP <group> (ONLINE | OFFLINE | STATUS)",
		"CLUSTER /cluster:<cluster> /STATUS",
		"CONNECT <set> TO <agent> MAP (EXACT | BASE)",
		"MIRROR START <connection:id> [DIFFERENT[,(NEWER|CHECKSUM)]] [ORPHANS]",
	} {
		sigs = append(sigs, &sig.Signature{Usage: usage, Effect: sig.Reads, Summary: "Does it."})
	}
	set, err := sig.NewSet(sigs)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// What a Tab makes of the text before the cursor; several ends are several candidates, none is "".
func TestComplete(t *testing.T) {
	c := &completer{Language: Language{
		Set:       commands(t),
		Names:     map[string][]string{"cluster": {"east", "west"}, "agent": {"east", "far away"}, "set": {"mailstores"}},
		Variables: func() []string { return []string{"conid", "count"} },
	}}
	for _, test := range []struct{ typed, want string }{
		{"CLU", "STER "},
		{"clu", "ster "},
		{"Clu", "STER "},
		{"CLUSTER ea", "st "},
		{"CLUSTER EA", "st "},
		{`CLUSTER "ea`, `st" `},
		{"cluster east g", "roup "},
		{`CLUSTER east GROUP "Exchange Group" `, "ONLINE |OFFLINE |STATUS "},
		{`CLUSTER east GROUP "Exchange Group" on`, "line "},
		{`CLUSTER east GROUP "Exchange Group" "on`, ""},
		{`CLUSTER east GROUP "a;b" st`, "atus "},
		{"cluster /c", "luster:|luster:east |luster:west "},
		{"cluster /cluster:w", "est "},
		{"$c = con", "nect "},
		{"$c=con", "nect "},
		{"$c = CONNECT mailstores TO ", `east |"far away" `},
		{`$c = CONNECT mailstores TO "far`, ` away" `},
		{"$c = CONNECT mailstores TO e", "ast "},
		{"CONNECT mail", "stores "},
		{"MIRROR START $con", "id "},
		{"MIRROR START $c", "onid |ount "},
		{"MIRROR START $conid DIFFERENT,CH", "ECKSUM "},
		{"WRITE 1; clu", "ster "},
		{"IF ($c = 0) THEN clu", "ster "},
		{"IF ((clu", "ster "},
		{`STEP "one" DO clu`, "ster "},
		{"IF (1) THEN␤clu", "ster "},
		{"plan clu", "ster "},
		{"PLAN $c = clu", "ster "},
		{"help clu", "ster "},
		{"? mirror st", "art "},
		{"hel", "p "},
		{"WHI", "LE "},
		{"nonsense ", ""},
		{"", "*"},
	} {
		ends, length := c.Do([]rune(test.typed+" and more"), len([]rune(test.typed)))
		var got []string
		for _, e := range ends {
			got = append(got, string(e))
		}
		if test.want == "*" {
			if len(got) < 10 || !slices.Contains(got, "HELP ") || !slices.Contains(got, "CLUSTER ") {
				t.Errorf("%q: got %q, want everything", test.typed, got)
			}
			continue
		}
		if text := strings.Join(got, "|"); text != test.want {
			t.Errorf("%q: got %q, want %q", test.typed, text, test.want)
		}
		if len(got) > 0 && length > len(test.typed) {
			t.Errorf("%q: %d runes are there already", test.typed, length)
		}
	}
}

// The library fails on a candidate that is wider than the screen.
func TestCompleteOnANarrowScreen(t *testing.T) {
	c := &completer{Language: Language{Set: commands(t)}, width: func() int { return 6 }}
	ends, _ := c.Do(nil, 0)
	for _, e := range ends {
		if len(e)+2 > 6 {
			t.Errorf("offers %q", string(e))
		}
	}
}
