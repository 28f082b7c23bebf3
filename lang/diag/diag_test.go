package diag

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPosition(t *testing.T) {
	src := &Source{Name: "t", Text: "\ufeffäb\r\n\tc\n\nlast"}
	at := func(part string) int { return strings.Index(src.Text, part) }
	for _, c := range []struct{ offset, line, column int }{
		{-5, 1, 1},
		{0, 1, 1},
		{3, 1, 1},
		{at("b"), 1, 2},
		{at("\r"), 1, 3},
		{at("\t"), 2, 1},
		{at("c"), 2, 2},
		{at("last") - 1, 3, 1},
		{at("last"), 4, 1},
		{len(src.Text), 4, 5},
		{len(src.Text) + 9, 4, 5},
	} {
		if line, column := src.Position(c.offset); line != c.line || column != c.column {
			t.Errorf("offset %d: got %d:%d, want %d:%d", c.offset, line, column, c.line, c.column)
		}
	}
	for n, want := range map[int]string{0: "", 1: "äb", 2: "\tc", 3: "", 4: "last", 5: ""} {
		if got := src.Line(n); got != want {
			t.Errorf("line %d: got %q, want %q", n, got, want)
		}
	}
	if got := src.Place(Span{at("last"), at("last")}); got != "t:4:1" {
		t.Errorf("got %s", got)
	}
}

func TestErrorIsOneLine(t *testing.T) {
	src := &Source{Name: "a.dtcl", Text: "x\nyz"}
	for want, d := range map[string]*Diagnostic{
		"a.dtcl:2:2: no": {Source: src, Span: Span{3, 4}, Message: "no"},
		"no":             {Message: "no"},
	} {
		if got := d.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSort(t *testing.T) {
	a, b := &Source{Name: "z"}, &Source{Name: "a"}
	first := &Diagnostic{Source: a, Span: Span{5, 6}, Message: "second"}
	got := Sort([]*Diagnostic{
		first,
		{Source: b, Span: Span{0, 1}, Message: "third"},
		{Source: a, Span: Span{0, 1}, Message: "first"},
		{Source: a, Span: Span{5, 6}, Message: "second"},
	})
	var messages []string
	for _, d := range got {
		messages = append(messages, d.Message)
	}
	if strings.Join(messages, " ") != "first second third" {
		t.Errorf("got %v", messages)
	}
}

func TestJoin(t *testing.T) {
	if got := (Span{3, 4}).Join(Span{1, 2}); got != (Span{1, 4}) {
		t.Errorf("got %v", got)
	}
}

func TestSuggest(t *testing.T) {
	words := []string{"ONLINE", "OFFLINE", "MOVE", "STATUS", "ON", "Exchange Group"}
	for word, want := range map[string]string{
		"ONLIN":          "ONLINE",
		"onlnie":         "ONLINE",
		"OFFLIN":         "OFFLINE",
		"STATSU":         "STATUS",
		"stat":           "STATUS",
		"MVOE":           "MOVE",
		"exchange groop": "Exchange Group",
		"on":             "ON",
		"x":              "",
		"":               "",
		"RESOURCE":       "",
		"STAT":           "STATUS",
	} {
		if got := Suggest(word, words); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

// TestRender compares with testdata/render.txt: what a person sees of each kind of diagnostic.
func TestRender(t *testing.T) {
	const script = "WRITE 1;\n  CLUSTER east GROUP \"Exchange Group\" ONLIN;\n\tLOGIN east admin \"p;w\" x;\n界 = 1; x\u0301 b;\n"
	src := &Source{Name: "failover.dtcl", Text: script}
	span := func(part string) Span {
		i := strings.Index(script, part)
		return Span{i, i + len(part)}
	}
	src.Secret = []Span{span(`"p;w"`)}
	long := &Source{Name: "long.dtcl", Text: strings.Repeat("word ", 60) + "HERE" + strings.Repeat(" 界", 80)}
	here := strings.Index(long.Text, "HERE")
	var b strings.Builder
	err := Render(&b, []*Diagnostic{
		{Source: src, Span: span("ONLIN"), Message: `unknown command word "ONLIN"`, Hints: []string{
			"did you mean ONLINE?", "usage: CLUSTER <cluster> GROUP <group> (ONLINE | OFFLINE | MOVE [TO <node>] | STATUS)"}},
		{Source: src, Span: span("x;"), Message: "behind a secret"},
		{Source: src, Span: span(`"p;w"`), Message: "the secret itself"},
		{Source: src, Span: Span{0, len(script)}, Message: "over several lines"},
		{Source: src, Span: span("="), Message: "behind a wide character"},
		{Source: src, Span: span("b;"), Message: "behind a combining character"},
		{Source: src, Span: Span{len(script), len(script)}, Message: "at the end"},
		{Source: long, Span: Span{here, here + 4}, Message: "in a long line"},
		{Source: long, Span: Span{0, 4}, Message: "at a long line's beginning"},
		{Source: long, Span: Span{0, len(long.Text)}, Message: "a whole long line"},
		{Source: &Source{Name: "big.dtcl"}, Message: "about a file"},
		{Message: "about nothing in a file"},
		{Source: src, Span: span("CLUSTER"), Message: "the group failed",
			Values: []Named{{"n", "3"}, {"pw", Hidden}},
			Chain: []Frame{
				{Label: `STEP "Bring the group online"`, Source: src, Span: span("CLUSTER")},
				{Label: `RUN "offline.dtcl"`},
			},
			Hints: []string{"look at the cluster's log"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "render.txt", b.String())

	b.Reset()
	if err := Render(&b, []*Diagnostic{{Source: src, Span: span("ONLIN"), Message: "no", Hints: []string{"yes"}}}, Colour(true)); err != nil {
		t.Fatal(err)
	}
	golden(t, "colour.txt", b.String())
}

func TestRenderShowsNoControlCharacters(t *testing.T) {
	src := &Source{Name: "t", Text: "a\x1b[31mb\u200b\xffc d"}
	var b strings.Builder
	err := Render(&b, []*Diagnostic{{Source: src, Span: Span{len(src.Text) - 1, len(src.Text)}, Message: "m",
		Values: []Named{{"$x", "a\nb\x1b"}}}})
	if err != nil || !utf8.ValidString(b.String()) || strings.ContainsAny(b.String(), "\x1b\u200b") {
		t.Errorf("%v %q", err, b.String())
	}
}

// golden compares with a file in testdata; UPDATE=1 in the environment writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func TestRedacted(t *testing.T) {
	src := &Source{Text: "LOGIN a secret b other", Secret: []Span{{17, 22}, {8, 12}, {10, 14}}}
	if got, want := src.Redacted(), "LOGIN a ••• b •••"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
