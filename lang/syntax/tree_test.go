package syntax

import (
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/diag"
)

// treeTests show what becomes of a statement: the dump of its tree.
var treeTests = []struct{ text, tree string }{
	// words
	{`A b "c" 'd';`, `(CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Word Raw=b Text=b) (Text Value=c) (Text Value=d Raw=true)]))`},
	{`A 10.1.0.5 5.0 d:\data @ http://x a#b /srv/*;`, `(CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Word Raw=10.1.0.5 Text=10.1.0.5) (Word Raw=5.0 Text=5.0) (Word Raw=d:\data Text=d:\data) (Word Raw=@ Text=@) (Word Raw=http://x Text=http://x) (Word Raw=a#b Text=a#b) (Word Raw=/srv/* Text=/srv/*)]))`},
	{`A /c:"e w" u:"p;w"x \\h\d$ 80% o'x;`, `(CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Word Raw=/c:"e w" Text=/c:e w Quoted=true) (Word Raw=u:"p;w"x Text=u:p;wx Quoted=true) (Word Raw=\\h\d$ Text=\\h\d$) (Word Raw=80% Text=80%) (Word Raw=o'x Text=o'x)]))`},
	{`A /c:"e${$x}"y"z" a$b;`, `(CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Word Raw=/c:"e${$x}"y"z" Quoted=true Parts=[(Text Value=/c:e) (Var Name=x) (Text Value=yz)]) (Word Raw=a$b Text=a$b)]))`},
	{`A B,C =D (k=v, l-m="x y") $v.n[1] [1] {a: 2};`, `(CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Word Raw=B Text=B) (Punct Text=,) (Word Raw=C Text=C) (Punct Text==) (Word Raw=D Text=D) (Props Items=[(Prop Key=k Value=(Word Raw=v Text=v)) (Prop Key=l-m Value=(Text Value=x y))]) (Index X=(Index X=(Var Name=v) Key=(Text Value=n) Dot=true) Key=(Number Raw=1 Value=1)) (List Items=[(Number Raw=1 Value=1)]) (Map Keys=[(Text Value=a)] Values=[(Number Raw=2 Value=2)])]))`},
	{`A () ($x = 1) (B c);`, `(CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Props) (Paren X=(Binary Op== X=(Var Name=x) Y=(Number Raw=1 Value=1))) (Paren X=(Command Operands=[(Word Raw=B Text=B) (Word Raw=c Text=c)]))]))`},
	{"A b // no\n# no\n/* no */ END c;", `(CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Word Raw=b Text=b) (Word Raw=END Text=END) (Word Raw=c Text=c)]))`},
	{`if-up.sh x;`, `(CommandStmt Command=(Command Operands=[(Word Raw=if-up.sh Text=if-up.sh) (Word Raw=x Text=x)]))`},
	{`ON x; POINT x; WAIT ON y;`, `(CommandStmt Command=(Command Operands=[(Word Raw=ON Text=ON) (Word Raw=x Text=x)])) (CommandStmt Command=(Command Operands=[(Word Raw=POINT Text=POINT) (Word Raw=x Text=x)])) (CommandStmt Command=(Command Operands=[(Word Raw=WAIT Text=WAIT) (Word Raw=ON Text=ON) (Word Raw=y Text=y)]))`},
	// values
	{`$x = A b;`, `(Assign Target=x Value=(Command Operands=[(Word Raw=A Text=A) (Word Raw=b Text=b)]))`},
	{`$x = not TRUE = none;`, `(Assign Target=x Value=(Unary Op=NOT X=(Binary Op== X=(Const Kind=TRUE) Y=(Const Kind=NONE))))`},
	{`$x = len($y);`, `(Assign Target=x Value=(Call Name=len Args=[(Var Name=y)]))`},
	{`$x = len ($y);`, `(Assign Target=x Value=(Command Operands=[(Word Raw=len Text=len) (Paren X=(Var Name=y))]))`},
	{`$x.a["b"][0] = (A b).c;`, `(Assign Target=x Path=[(Text Value=a) (Text Value=b) (Number Raw=0 Value=0)] Value=(Index X=(Paren X=(Command Operands=[(Word Raw=A Text=A) (Word Raw=b Text=b)])) Key=(Text Value=c) Dot=true))`},
	{`$x = 1 + 2 * 3 - -4 % $y;`, `(Assign Target=x Value=(Binary Op=- X=(Binary Op=+ X=(Number Raw=1 Value=1) Y=(Binary Op=* X=(Number Raw=2 Value=2) Y=(Number Raw=3 Value=3))) Y=(Binary Op=% X=(Unary Op=- X=(Number Raw=4 Value=4)) Y=(Var Name=y))))`},
	{`$x = $a or $b and not $c != 1;`, `(Assign Target=x Value=(Binary Op=OR X=(Var Name=a) Y=(Binary Op=AND X=(Var Name=b) Y=(Unary Op=NOT X=(Binary Op=<> X=(Var Name=c) Y=(Number Raw=1 Value=1))))))`},
	{`WRITE 1.50, 1h30m, 250ms, 1.5s, 0.0005ms, 64KB, 1.5kb, 2d;`, `(Write Args=[(Number Raw=1.50 Value=1.50) (Number Raw=1h30m Unit=duration Value=5400000) (Number Raw=250ms Unit=duration Value=250) (Number Raw=1.5s Unit=duration Value=1500) (Number Raw=0.0005ms Unit=duration Value=0.0005) (Number Raw=64KB Unit=size Value=65536) (Number Raw=1.5kb Unit=size Value=1536) (Number Raw=2d Unit=duration Value=172800000)])`},
	{`WRITE "a\""b", "${$x}", "$${$x} $", "${f('}')}";`, `(Write Args=[(Text Value=a\"b) (Text Parts=[(Var Name=x)]) (Text Value=${$x} $) (Text Parts=[(Call Name=f Args=[(Text Value=} Raw=true)])])])`},
	{`f(); g(1)`[:4] + ` WRITE $x.1;`, `(CallStmt Call=(Call Name=f)) (Write Args=[(Index X=(Var Name=x) Key=(Text Value=1) Dot=true)])`},
	// old programs' lines
	{"dnscmd d$ a:b \"${x\" $y $y:z\nWRITE;", `(CommandStmt Command=(Command Operands=[(Word Raw=dnscmd Text=dnscmd) (Word Raw=d$ Text=d$) (Word Raw=a:b Text=a:b) (Text Value=${x) (Var Name=y) (Word Raw=$y:z Text=$y:z)]) Line=true) (Write)`},
	{"EXCHFAILOVER.exe -s A,\nB\n-r C\n , D\n-?? WRITE; WRITE;", `(CommandStmt Command=(Command Operands=[(Word Raw=EXCHFAILOVER.exe Text=exchfailover) (Word Raw=-s Text=-s) (Word Raw=A Text=A) (Punct Text=,) (Word Raw=B Text=B) (Word Raw=-r Text=-r) (Word Raw=C Text=C) (Punct Text=,) (Word Raw=D Text=D) (Word Raw=-?? Text=-??) (Word Raw=WRITE Text=WRITE)])) (Write)`},
	{`"c:\p f\Cluster.EXE" /cluster:"west" res IP /online`, `(CommandStmt Command=(Command Operands=[(Word Raw="c:\p f\Cluster.EXE" Text=cluster) (Word Raw=/cluster:"west" Text=/cluster:west Quoted=true) (Word Raw=res Text=res) (Word Raw=IP Text=IP) (Word Raw=/online Text=/online)]) Line=true)`},
	{`CLUSTER /cluster:west res IP /online;`, `(CommandStmt Command=(Command Operands=[(Word Raw=CLUSTER Text=cluster) (Word Raw=/cluster:west Text=/cluster:west) (Word Raw=res Text=res) (Word Raw=IP Text=IP) (Word Raw=/online Text=/online)]))`},
	{"\"c:\\x y\\dtcl.exe\" wait 25000\nc:\\x\\DTCL write 1\ndtcl.exe A b\nWRITE;", `(Wait For=(Number Raw=25000 Value=25000)) (Write Args=[(Number Raw=1 Value=1)]) (CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Word Raw=b Text=b)])) (Write)`},
	// blocks
	{`TRY ON ERROR CONTINUE; ON ERROR $e DO FINALLY END;;`, `(Try Body=(Block Body=[(OnErrorContinue)]) ErrVar=e Handler=(Block) Finally=(Block))`},
	{"\ufeffIF 1 THEN\r\nWRITE;\r\nEND\r\n", `(If Arms=[(Arm Cond=(Number Raw=1 Value=1) Body=(Block Body=[(Write)]))])`},
}

func TestTrees(t *testing.T) {
	for _, c := range treeTests {
		f := mustParse(t, c.text)
		var trees []string
		for _, s := range f.Body {
			trees = append(trees, dump(s))
		}
		if got := strings.Join(trees, " "); got != c.tree {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.tree)
		}
		checkStable(t, c.text)
	}
}

func TestArgs(t *testing.T) {
	for _, c := range []struct {
		args []string
		tree string
	}{
		{[]string{"wait", "25000"}, `(Wait For=(Number Raw=25000 Value=25000))`},
		{[]string{"WRITE", "two words", ""}, ``},
		{[]string{"WRITE", `say "${x}"`, ",", ""}, `(Write Args=[(Text Value=say "${x}") (Text)])`},
		{[]string{"A", "a;b", "#c", "//d", "/*", "line\nbreak"}, `(CommandStmt Command=(Command Operands=[(Word Raw=A Text=A) (Word Raw=a;b Text=a;b) (Word Raw=#c Text=#c) (Word Raw=//d Text=//d) (Word Raw=/* Text=/*) (Text Value=line` + "\n" + `break)]))`},
		{[]string{`c:\x y\cluster.exe`, "/cluster:my cluster", "/online"}, `(CommandStmt Command=(Command Operands=[(Word Raw="c:\x y\cluster.exe" Text=cluster) (Word Raw=/cluster:"my cluster" Text=/cluster:my cluster Quoted=true) (Word Raw=/online Text=/online)]) Line=true)`},
		{[]string{"wait 25000"}, ``},
		{[]string{"TRY", "END"}, `(Try Body=(Block))`},
		{[]string{"TRY", "END", "TRY", "END"}, ``},
		{[]string{"TRY"}, ``},
		{[]string{"wait", "1", ";"}, ``},
		{nil, ``},
	} {
		f, problems := ParseArgs(c.args, oldPrograms)
		got := ""
		if len(problems) == 0 && len(f.Body) > 0 {
			got = dump(f.Body[0])
		}
		if got != c.tree {
			t.Errorf("%q\ngot  %s\nwant %s\n%v", c.args, got, c.tree, problems)
		}
	}
}

func TestIncomplete(t *testing.T) {
	for text, want := range map[string]bool{
		"":                          false,
		"WRITE 1;":                  false,
		"WRITE 1":                   true,
		"WRITE (1":                  true,
		"$x = [1,":                  true,
		"$x =":                      true,
		"IF $x THEN":                true,
		"IF $x":                     true,
		"IF $x THEN\nWRITE 1;":      true,
		"IF $x THEN\nWRITE )\n":     false,
		"IF $x THEN\nWRITE 1;\nEND": false,
		"CLUSTER east":              true,
		"/* and":                    true,
		`WRITE "a`:                  false,
		"dnscmd dns1 /x":            false,
		"dtcl wait 1":               false,
		"x = 1;":                    false,
	} {
		if got := Incomplete(&diag.Source{Text: text}, oldPrograms); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// TestWrappedLines: a line that print broke in two is one statement where the table of commands says so, and only there.
func TestWrappedLines(t *testing.T) {
	for text, want := range map[string]int{
		"exchfailover -failover -s A -t\nB":                                       1,
		"exchfailover -failover -s A -t\r\n    B\r\nWRITE 1;":                     2,
		"dnscmd d /RecordDelete z @ MX 10\nexch1 /f\n\ndnscmd d /RecordAdd z w A": 2,
		"exchfailover -s A -t\nWRITE 1;":                                          2,
		"exchfailover -s A -t\n$x = 1;":                                           2,
		"IF 1 THEN\nexchfailover -s A -t\nEND":                                    1,
		"exchfailover -s A -t\n\"c:\\dtcl.exe\" wait 5":                           2,
		"exchfailover -s A -t\nB;":                                                2, // a statement of its own, unknown
		"exchfailover -s A -t\n\nB;":                                              2,
	} {
		if got := len(mustParse(t, text).Body); got != want {
			t.Errorf("%q: got %d statements, want %d", text, got, want)
		}
		checkStable(t, text)
	}
}

// TestOldProgramsAsTheyAre: lines as they stand in batch files are statements, and commands from the system's shell.
func TestOldProgramsAsTheyAre(t *testing.T) {
	for _, line := range []string{
		`exchfailover -setup -failover -s EXCH1 -t EXCH2`,
		`exchfailover.exe -failover -s EXCH1 -t EXCH2 -r`,
		`exchfailover.exe -failover -s A -t B -r Indy:Indy_Bkup -r Boston:Boston_Bkup`,
		`exchfailover.exe -failover -s A -t B -r Indy, Sales:Indy_Bkup, Sales -r Boston,Sales:Boston_Bkup,Sales`,
		`exchfailover -failover -s A -t B -r Sales:Indy_Sales -norus -u administrator:pa$$w0rd`,
		`EXCHFAILOVER -failback -onlypublicfolders -s A -t B -o c:\dir\options_file.txt`,
		`exchfailover -??`,
		`cluster /cluster:"west" group "Exchange Group" /ONLINE`,
		`cluster /cluster:"west" res "Exchange IP" /online`,
		`dnscmd dns1 /RecordAdd mydomain.com @ MX 10 exch2.mydomain.com`,
		`dnsCMD dns1 /RecordDelete 1.10.in-addr.arpa 5.0 PTR exch1.mydomain.com /f`,
		`"c:\program files\OpenView\Storage Mirroring\dtcl.exe" wait 25000`,
	} {
		script := mustParse(t, line+"\n"+line+"\r\n")
		if len(script.Body) != 2 {
			t.Errorf("%s: got %d statements, want 2", line, len(script.Body))
		}
		if ended := mustParse(t, line+" ;"); len(ended.Body) != 1 {
			t.Errorf("%s: got %d statements, want 1", line, len(ended.Body))
		}
		checkStable(t, line+"\n"+line)
	}
}
