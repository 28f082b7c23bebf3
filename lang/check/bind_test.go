package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
)

// bindings writes what the first command of a script binds, each expression with the text at its span.
func bindings(t *testing.T, set *sig.Set, text string) string {
	t.Helper()
	p, diags := script(t, set, text, check.Options{})
	if len(diags) > 0 {
		t.Fatalf("%s: %v", text, diags[0])
	}
	return spellCalls(p)
}

func spellCalls(p *check.Program) string {
	var words []string
	for _, call := range p.Calls {
		for _, a := range call.Args {
			if a.Type == "keyword" {
				if a.Expr != nil {
					words = append(words, "keyword with an expression")
				}
				continue
			}
			at := a.Expr.Pos()
			words = append(words, fmt.Sprintf("%s=%s@%s", a.Name, spellExpr(a.Expr), p.File.Source.Text[at.Start:at.End]))
		}
	}
	return strings.Join(words, " ")
}

func spellExpr(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Word:
		if e.Parts != nil {
			return spellParts(e.Parts)
		}
		return e.Text
	case *syntax.Text:
		if e.Parts != nil {
			return spellParts(e.Parts)
		}
		return e.Value
	case *syntax.Number:
		return e.Value + e.Unit
	case *syntax.Const:
		return e.Kind
	}
	return fmt.Sprintf("%T", e)
}

func spellParts(parts []syntax.Expr) string {
	var b strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Text:
			b.WriteString("'" + p.Value + "'")
		case *syntax.Var:
			b.WriteString("{" + p.Name + "}")
		default:
			fmt.Fprintf(&b, "{%T}", p)
		}
	}
	return b.String()
}

// A glued slot gets an expression of its own with the exact span, whatever stands around it.
func TestBinding(t *testing.T) {
	set := commands(t)
	const v = "$u = 1; $p = 2; "
	for text, want := range map[string]string{
		`cluster /cluster:"my west" group g /MOVE:w2`:                  `cluster=my west@"my west" group=g@g node=w2@w2`,
		`cluster /cluster:west group "G ""x""" /online`:                `cluster=west@west group=G "x"@"G ""x"""`,
		v + `REACH /at:"x${$u}y" "a${$u}:b${$p}c" "x${$u}", S:H, "T";`: `place='x'{u}'y'@"x${$u}y" user='a'{u}@"a${$u} password='b'{p}'c'@b${$p}c" pair='x'{u}',''S:H'',''T'@"x${$u}", S:H, "T"`,
		v + `REACH /at:x "${$u}:plain" $p;`:                            `place=x@x user={u}@"${$u} password=plain@plain" pair=*syntax.Var@$p`,
		v + `REACH "u:""${$p}$${" 'a' /at:"y";`:                        `user=u@"u password='"'{p}'${'@""${$p}$${" pair=a@'a' place=y@"y"`,
		`exchfailover -failover -s A -t B -u admin:"p;""w"`:            `source=A@A target=B@B user=admin@admin password=p;"w@"p;""w"`,
		`exchfailover -failover -s A -t B -u "dom\admin:pw"`:           `source=A@A target=B@B user=dom\admin@dom\admin password=pw@pw`,
		`exchfailover -failover -s A -t B -r Indy, Sales:Bkup , "A B"`: `source=A@A target=B@B pair=Indy,Sales:Bkup,A B@Indy, Sales:Bkup , "A B"`,
		`SHOW 1h30m;`: `value=5400000duration@1h30m`,
		`SHOW 64KB;`:  `value=65536size@64KB`,
		`SHOW none;`:  `value=NONE@none`,
		`SHOW -2.5;`:  `value=-2.5@-2.5`,
		`SHOW [1];`:   `value=*syntax.List@[1]`,
	} {
		if got := bindings(t, set, text+"\n"); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// A number is the same whether an expression or a slot reads it.
func TestNumbersAgree(t *testing.T) {
	set := commands(t)
	for _, text := range []string{"250ms", "5s", "10m", "1h30m", "2D", "1.5h", "64KB", "5mb", "2GB", "1TB", "12", "2.5"} {
		p, diags := script(t, set, "SHOW "+text+"; $x = "+text+";", check.Options{})
		if len(diags) > 0 {
			t.Errorf("%s: %v", text, diags[0])
			continue
		}
		inExpression := spellExpr(p.File.Body[1].(*syntax.Assign).Value)
		if got := spellCalls(p); got != "value="+inExpression+"@"+text {
			t.Errorf("%s: an expression reads %s, a slot %s", text, inExpression, got)
		}
	}
}

// One-shot: the old programs' lines as a shell hands them over.
func TestArguments(t *testing.T) {
	set := commands(t)
	for line, want := range map[string]string{
		"wait|25000":      "",
		"dtcl|wait|25000": "",
		"cluster|/cluster:my west|group|Exchange Group|/ONLINE":                                                `cluster=my west group=Exchange Group`,
		"cluster|/cluster:west|res|Exchange IP|/online":                                                        `cluster=west resource=Exchange IP`,
		"dnscmd|dns1|/RecordAdd|mydomain.com|@|MX|10|exch2.mydomain.com":                                       `server=dns1 zone=mydomain.com name=@ type=MX data=10 data=exch2.mydomain.com`,
		"dnscmd|dns1|/RecordDelete|1.10.in-addr.arpa|5.0|PTR|e.mydomain.com|/f":                                `server=dns1 zone=1.10.in-addr.arpa name=5.0 type=PTR data=e.mydomain.com`,
		"exchfailover.exe|-setup|-failover|-s|EXCH1|-t|EXCH2":                                                  `source=EXCH1 target=EXCH2`,
		"exchfailover|-failover|-s|A|-t|B|-r|Indy,|Sales:Indy_Bkup,|Sales|-r|Boston,|Sales:Boston_Bkup,|Sales": `source=A target=B pair=Indy,Sales:Indy_Bkup,Sales pair=Boston,Sales:Boston_Bkup,Sales`,
		"exchfailover|-failover|-s|A|-t|B|-r|First Group,S 1:H,T":                                              `source=A target=B pair=First Group,S 1:H,T`,
		"exchfailover|-failback|-s|A|-t|B|-u|admin:p w:$x":                                                     `source=A target=B user=admin password=p w:$x`,
		"exchfailover|-??": "",
	} {
		f, diags := syntax.ParseArgs(strings.Split(line, "|"), syntax.Options{OldLine: set.OldLine})
		p, more := check.Check(f, set, check.Options{})
		if diags = append(diags, more...); len(diags) > 0 {
			t.Errorf("%s: %v", line, diags[0])
			continue
		}
		var got []string
		for _, call := range p.Calls {
			for _, a := range call.Args {
				if a.Type != "keyword" {
					got = append(got, a.Name+"="+spellExpr(a.Expr))
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s\n got %s\nwant %s", line, strings.Join(got, " "), want)
		}
	}
}

// A literal in a secret operand is secret from here on, in a command that does not fit too; no message spells it.
func TestSecrets(t *testing.T) {
	set := commands(t)
	for text, want := range map[string][]string{
		`LOGIN east admin hunter2;`:                                          {"hunter2"},
		`LOGIN east admin "hunter 2";`:                                       {`"hunter 2"`},
		`LOGIN east admin hunter2 extra;`:                                    {"hunter2"},
		`exchfailover -failover -s A -t B -u admin:"hunter;2"` + "\n":        {`"hunter;2"`},
		`exchfailover -failover -s A -nonsense -u admin:hunter2 -t B` + "\n": {"hunter2"},
		`exchfailover -failover -u admin:hunter2` + "\n":                     {"hunter2"},
		`exchfailover -u hunter2 -bad` + "\n":                                {"hunter2"},
		`REACH /at:x a:b c -k hunter2;`:                                      {"b", "hunter2"},
		`PARAM $p SECRET = "hunter2";`:                                       {`"hunter2"`},
		`PARAM $p SECRET = 5;`:                                               {"5"},
		`$pw = "x"; LOGIN east admin "p${$pw}";`:                             {`"p${$pw}"`},
		`$pw = "x"; LOGIN east admin ("p" + $pw);`:                           {`("p" + $pw)`},
		`$pw = "x"; LOGIN east admin $pw;`:                                   nil,
		`RUN "c.dtcl" (pw = "hunter2");`:                                     {`"hunter2"`},
	} {
		src := &diag.Source{Name: "test.dtcl", Text: text}
		f, _ := syntax.Parse(src, syntax.Options{OldLine: set.OldLine})
		opt := check.Options{Load: folder(map[string]string{"c.dtcl": "PARAM $pw SECRET;"})}
		for range 2 { // a second check adds nothing
			_, diags := check.Check(f, set, opt)
			for _, d := range diags {
				if strings.Contains(d.Message+strings.Join(d.Hints, ""), "hunter") {
					t.Errorf("%s: %s %v", text, d.Message, d.Hints)
				}
			}
		}
		var got []string
		for _, s := range src.Secret {
			got = append(got, text[s.Start:s.End])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q secret, want %q", text, got, want)
		}
	}
}

// The lines of a REPL know each other's variables, PARAMs and functions, and have no order.
func TestSession(t *testing.T) {
	set := commands(t)
	var session check.Session
	for _, c := range []struct{ line, want string }{
		{"$x = 1;", ""},
		{"WRITE $X, $y;", "unknown-variable"},
		{"FUNCTION f($a) RETURN $a + $p; END", "unknown-variable"},
		{`PARAM $p TEXT = "a";`, ""},
		{"FUNCTION f($a) RETURN $a + $p; END", ""},
		{"$y = f($x) + $p;", ""},
		{"$y = f();", "wrong-arity"},
		{"FUNCTION f() RETURN 1; END", ""},
		{"$y = f();", ""},
		{"WRITE 1; ON ERROR CONTINUE;", ""},
		{`REQUIRE $y, "y";`, ""},
	} {
		p, diags := script(t, set, c.line, check.Options{Session: &session})
		got := ""
		if len(diags) > 0 {
			got = diags[0].Code
		} else {
			session.Keep(p)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.line, got, c.want)
		}
	}
}

// What the machine below cannot hold is refused with its place; what it can is not.
func TestLimits(t *testing.T) {
	set := commands(t)
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, c := range []struct{ name, text, want string }{
		{"2,000 variables", many(2000, "$v%d = 1;\n"), ""},
		{"a list of 5,000", "$l = [" + many(5000, "%d, ") + "1];", ""},
		{"60,001 variables", many(60_001, "$v%d = 1;\n"), "60001:1 got 60001 variables in one script, want at most 60000"},
		{"201 variables in a FUNCTION", "FUNCTION f()\n" + many(201, "$v%d = 1;\n") + "END", "202:1 got 201 variables in one FUNCTION, want at most 200"},
		{"201 parameters", "FUNCTION f(" + strings.TrimSuffix(many(201, "$v%d, "), ", ") + ") END", "1:10 got 201 variables in one FUNCTION, want at most 200"},
		{"201 arguments", "$x = max(" + many(200, "%d, ") + "1);", "1:900 got 201 arguments, want at most 200"},
		{"5,000 operands", "EXEC" + many(4997, " a%d") + " EFFECT READS;", ""},
		{"5,001 operands", "EXEC" + many(4998, " a%d") + " EFFECT READS;", "1:28891 got 5001 operands in one command, want at most 5000"},
		{"a list of 65,536", "$l = [\n" + many(65_535, "%d, ") + "\n1];", "3:1 got 65536 items in one list, want at most 65535"},
		{"a map of 65,536", "$l = {\n" + many(65_535, "k%d: 1, ") + "\nk: 1};", "3:1 got 65536 members in one map, want at most 65535"},
	} {
		_, diags := script(t, set, c.text, check.Options{})
		got := ""
		if len(diags) > 0 {
			line, column := diags[0].Source.Position(diags[0].Span.Start)
			got = fmt.Sprintf("%d:%d %s", line, column, diags[0].Message)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// Nobody reads the thousandth mistake: the list ends and says so, quickly.
func TestManyMistakes(t *testing.T) {
	set := commands(t)
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "$v%d = $w%d; CLUSTR x;\n", i, i)
	}
	_, diags := script(t, set, b.String(), check.Options{})
	if n := len(diags); n != 1001 || diags[n-1].Code != "too-many-errors" {
		t.Errorf("got %d diagnostics, the last %v", len(diags), diags[len(diags)-1])
	}
}

// What a program knows of itself.
func TestProgram(t *testing.T) {
	set := commands(t)
	load := folder(map[string]string{
		"lib.dtcl":   "FUNCTION f($a) $b = $a; RETURN $b; END",
		"child.dtcl": "WRITE 1;",
	})
	p, diags := script(t, set, `PARAM $Site TEXT = "east";
USE "lib.dtcl";
ON ERROR CONTINUE;
$X = F(1);
FOR $i = 1 TO 2 DO $y = $x; END
RUN "child.dtcl";
RUN "child.dtcl";`, check.Options{Load: load})
	if len(diags) > 0 {
		t.Fatal(diags[0])
	}
	f := p.Functions["f"]
	if !slices.Equal(p.Variables, []string{"site", "x", "i", "y"}) || f == nil || !slices.Equal(f.Variables, []string{"a", "b"}) {
		t.Errorf("got the variables %v", p.Variables)
	}
	if f.In == p || f.In.File.Source.Name != "lib.dtcl" || len(p.Params) != 1 || !p.ContinueOnError || len(p.Uses) != 1 || len(p.Runs) != 2 {
		t.Errorf("got %+v", p)
	}
	if _, diags := script(t, set, `$x = nope(1);`, check.Options{}); len(diags) != 1 || diags[0].Code != "unknown-function" {
		t.Errorf("got %v", diags)
	}
	if _, diags := script(t, set, `USE "lib.dtcl"; $x = f(1);`, check.Options{}); len(diags) > 0 {
		t.Errorf("without Load a module's function may be any: %v", diags[0])
	}
}

func FuzzCheck(f *testing.F) {
	set := commands(f)
	for _, text := range chunks(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := &diag.Source{Name: "fuzz.dtcl", Text: text}
		file, problems := syntax.Parse(src, syntax.Options{OldLine: set.OldLine})
		opt := check.Options{Names: site, Load: folder(map[string]string{"lib.dtcl": text, "child.dtcl": "PARAM $a TEXT;"})}
		p, diags := check.Check(file, set, opt)
		for _, d := range diags {
			if d.Source == nil || d.Code == "" || d.Message == "" || len(d.Hints) == 0 || strings.Contains(d.Message, "\n") {
				t.Errorf("%+v lacks something", d)
			}
			if d.Span.Start < 0 || d.Span.End < d.Span.Start || d.Span.End > len(d.Source.Text) {
				t.Errorf("%v lies outside the text", d)
			}
		}
		if len(problems) > 0 || len(diags) > 0 {
			return
		}
		for _, s := range file.Body {
			syntax.Walk(s, func(n syntax.Node) bool {
				if cmd, ok := n.(*syntax.Command); ok && p.Calls[cmd] == nil {
					t.Errorf("a command at %v is not bound", cmd.Span)
				}
				return true
			})
		}
		for _, call := range p.Calls {
			for _, a := range call.Args {
				if (a.Expr == nil) != (a.Type == "keyword") {
					t.Errorf("%s: %+v", call.Sig.Usage, a)
				}
			}
		}
	})
}
