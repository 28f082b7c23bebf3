package syntax

import (
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/diag"
)

// benchScript is 10,000 lines of what runbooks consist of.
func benchScript() string {
	const part = `// bring one group online
$conid = CONNECT mailstores TO 10.1.1.9 MAP EXACT;
IF ($exitcode = 0) THEN
    WRITE "Starting block checksum mirror of ${$conid}";
    $mirror = MIRROR START $conid DIFFERENT,CHECKSUM ORPHANS;
END
STEP "Bring the group online" TIMEOUT 5m RETRY 3 EVERY 10s DO
    CLUSTER east GROUP "Exchange Group" ONLINE;
END
$n = ($n + 1) * 2 - len($list) / 3;
`
	return strings.Repeat(part, 1000)
}

func BenchmarkParse(b *testing.B) {
	text := benchScript()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Parse(&diag.Source{Text: text}, Options{}); len(problems) > 0 {
			b.Fatal(problems[0])
		}
	}
}

// BenchmarkFirstStatement is what a one-shot command pays for its grammar.
func BenchmarkFirstStatement(b *testing.B) {
	for b.Loop() {
		production[waitStatement]()()
	}
}
