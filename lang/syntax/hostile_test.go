package syntax

import (
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/diag"
)

// TestLimits: what is too much of something is one diagnostic, and what is not, works.
func TestLimits(t *testing.T) {
	many := strings.Repeat
	for name, c := range map[string]struct{ text, code string }{
		"open brackets":        {"$x = " + many("(", 100_000), "too-deep"},
		"brackets":             {"$x = " + many("(", 150) + "1" + many(")", 150) + ";", ""},
		"open lists":           {"$x = " + many("[", 100_000), "too-deep"},
		"open maps":            {"$x = " + many("{a:", 30_000), "too-deep"},
		"calls":                {"$x = " + many("f(", 30_000), "too-deep"},
		"commands in brackets": {"$x = " + many("(A ", 30_000), "too-deep"},
		"props":                {"A " + many("(a=", 30_000), "too-deep"},
		"signs":                {"$x = " + many("-", 100_000) + "1;", "too-deep"},
		"NOTs":                 {"$x = " + many("NOT ", 30_000) + "1;", "too-deep"},
		"blocks":               {many("TRY ", 30_000), "too-deep"},
		"nested blocks":        {many("TRY\n", 200) + many("END\n", 200), ""},
		"a sum":                {"$x = 1" + many("+1", 900) + ";", ""},
		"a long sum":           {"$x = 1" + many("+1", 50_000) + ";", "too-long"},
		"a path":               {"$x = $y" + many(".a", 50_000) + ";", "too-long"},
		"a list":               {"$x = [" + many("1,", 50_000) + "];", ""},
		"operands":             {"A " + many("b,", 50_000) + ";", ""},
		"a word":               {"A " + many("b.", 50_000) + ";", ""},
		"quotes in a word":     {"A b" + many(`"c"d`, 20_000) + ";", ""},
		"an interpolated word": {"A b" + many(`"${$c}"d`, 5_000) + ";", ""},
		"interpolations":       {`WRITE "` + many("${$x}y", 20_000) + `";`, ""},
		"open interpolations":  {`WRITE "` + many("${", 20_000) + `";`, "unclosed-interpolation"},
		"a number":             {"$x = " + many("9", 100_000) + ";", "number-range"},
		"a duration":           {"$x = " + many("1h", 50_000) + ";", "bad-number"},
		"ENDs":                 {many("END\n", 30_000), "too-many-errors"},
		"garbage":              {many(") $ ] \n ;", 30_000), "too-many-errors"},
		"unclosed texts":       {many("WRITE \"a\n", 10_000), "too-many-errors"},
		"semicolons":           {many(";", 300_000), ""},
		"old lines":            {many("dnscmd a b\n", 10_000), ""},
		"dtcl":                 {many("dtcl ", 50_000), "missing-command"},
		"dtcl lines":           {many("dtcl wait 1\n", 10_000), ""},
		"comments":             {many("/**/ // x\n", 20_000), ""},
		"elseifs":              {"IF 1 THEN " + many("ELSEIF 1 THEN ", 10_000) + "END", ""},
		"a line":               {"WRITE 1" + many(" ", 300_000) + ";", ""},
		"NULs":                 {many("\x00", 300_000), "bad-byte"},
		"a large script":       {many(" ", MaxSize+1), "too-large"},
		"the largest script":   {many(" ", MaxSize), ""},
	} {
		f, problems := parseText(c.text)
		switch {
		case c.code == "" && len(problems) > 0:
			t.Errorf("%s: %v", name, problems[0])
		case c.code != "" && len(problems) == 0:
			t.Errorf("%s: got no diagnostic, want %s", name, c.code)
		case c.code == "":
			Print(f)
		case problems[len(problems)-1].Code != c.code:
			t.Errorf("%s: got %v %v, want %s", name, problems[len(problems)-1].Code, problems[0], c.code)
		}
	}
}

// TestBadBytes: a few bad bytes are one diagnostic beside the script's own; many make it no script at all.
func TestBadBytes(t *testing.T) {
	for text, want := range map[string]string{
		"WRITE \"a\x00b\";\n":                            "1:9 bad-byte",
		"WRITE\x00 1;\n\xff$x = ;\x00":                   "1:6 bad-byte 2:7 unexpected",
		"\xfe\xff\x00W\x00R\x00I\x00T\x00E\x00 \x00\x00": "1:1 bad-byte",
		"WRITE \"\ufffd\";":                              "",
	} {
		_, problems := parseText(text)
		var got []string
		for _, d := range problems {
			_, place, _ := strings.Cut(d.Source.Place(d.Span), ":")
			got = append(got, place+" "+d.Code)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %v, want %s", text, got, want)
		}
	}
}

// TestRecovery: one mistake hides no other, and the tree keeps what the bad statement would have assigned.
func TestRecovery(t *testing.T) {
	f, problems := parseText("$a = ;\nx = 2;\nFOR $i = DO BREAK; END\nPARAM $p = 1;\nTRY ON ERROR $e $f DO END\n$ok = 1;\n")
	if len(problems) != 5 {
		t.Errorf("got %v", problems)
	}
	var assigned []string
	f.Walk(func(n Node) bool {
		if bad, ok := n.(*Bad); ok {
			for _, name := range bad.Assigns {
				assigned = append(assigned, name.Text)
			}
		}
		return true
	})
	if got := strings.Join(assigned, " "); got != "a x i p e" {
		t.Errorf("got %q", got)
	}
	if text := "$a = ;  // as it is\n"; Print(first(parseText(text))) != text {
		t.Error("a file with mistakes was formatted")
	}
}

func first(f *File, _ []*diag.Diagnostic) *File { return f }

// TestSpans: nodes know where they stand.
func TestSpans(t *testing.T) {
	const text = "IF ($x.y = 1) THEN\n    A b.c \"d\";\nELSE\n    $z = f(1, -$q);\nEND\nWRITE \"a ${$b.c} d\";"
	var got []string
	f := mustParse(t, text)
	f.Walk(func(n Node) bool {
		got = append(got, text[n.Pos().Start:n.Pos().End])
		return true
	})
	want := []string{
		text[:strings.Index(text, "\nWRITE")], "($x.y = 1)", "$x.y = 1", "$x.y", "$x", "y", "1",
		"THEN\n    A b.c \"d\";\nELSE", `A b.c "d"`, `A b.c "d"`, "A", "b.c", `"d"`,
		"ELSE\n    $z = f(1, -$q);\nEND", "$z = f(1, -$q)", "f(1, -$q)", "1", "-$q", "$q",
		`WRITE "a ${$b.c} d"`, `"a ${$b.c} d"`, "a ", "$b.c", "$b", "c", " d",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "|"), strings.Join(want, "|"))
	}
}
