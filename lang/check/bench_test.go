package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/syntax"
)

// tenThousandLines is a long script of everyday statements.
func tenThousandLines() string {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `$conid%d = CONNECT mailstores TO 10.1.1.9 MAP EXACT;
if ($exitcode = 0 AND $conid%d > 0) then
    WRITE "Starting block checksum mirror %d of ", $conid%d;
    $mirror = MIRROR START $conid%d DIFFERENT,CHECKSUM ORPHANS;
    WAIT ON MIRROR $conid%d IDLE TIMEOUT 2h;
end
CLUSTER east GROUP "Exchange Group" ONLINE; // the group
$state%d = (CLUSTER east GROUP "Exchange Group" STATUS).state;
DNS ADD mydomain.com exch%d A 10.1.0.5 TTL 900;
`, i, i, i, i, i, i, i, i)
	}
	return b.String()
}

func BenchmarkCheck(b *testing.B) {
	set := commands(b)
	text := tenThousandLines()
	b.Run("check", func(b *testing.B) {
		src := &diag.Source{Name: "b", Text: text}
		f, _ := syntax.Parse(src, syntax.Options{OldLine: set.OldLine})
		b.ReportAllocs()
		for b.Loop() {
			if _, diags := check.Check(f, set, check.Options{Names: site}); len(diags) > 0 {
				b.Fatal(diags[0])
			}
		}
	})
	b.Run("parse+check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, diags := script(b, set, text, check.Options{Names: site}); len(diags) > 0 {
				b.Fatal(diags[0])
			}
		}
	})
}
