package vm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// run runs a script and gives what came of it.
func run(ctx context.Context, script string) (string, error) {
	w := &world{answers: map[string]bool{}}
	unit, diags := compile("limits.dtcl", script, lower.Options{})
	if diags != nil {
		return "", diags[0]
	}
	err := vm.Load(unit).Run(ctx, w, nil)
	return w.out.String(), err
}

// works wants a script to end well and to write a text.
func works(t *testing.T, script, want string) {
	t.Helper()
	got, err := run(context.Background(), script)
	if err != nil {
		t.Fatalf("got %v, want it to work", err)
	}
	if strings.TrimSuffix(got, "\n") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// refused wants a script to end in a diagnostic at a place of the script.
func refused(t *testing.T, script, want string) {
	t.Helper()
	_, err := run(context.Background(), script)
	var d *diag.Diagnostic
	if !errors.As(err, &d) {
		t.Fatalf("got %v, want a diagnostic that says %q", err, want)
	}
	if !strings.Contains(d.Message, want) || d.Code == "internal" {
		t.Errorf("got %s: %q, want %q", d.Code, d.Message, want)
	}
	if d.Source == nil || d.Source.Name != "limits.dtcl" || d.Span.End <= d.Span.Start || d.Span.End > len(d.Source.Text) {
		t.Errorf("got the place %v, want one in the script", d.Span)
	}
}

func lines(n int, line func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i))
		b.WriteByte('\n')
	}
	return b.String()
}

func TestManyVariables(t *testing.T) {
	assign := lines(2000, func(i int) string { return fmt.Sprintf("$v%d = %d;", i, i) })
	works(t, assign+"WRITE $v0, $v255, $v256, $v1023, $v1024, $v1999;", "02552561023"+"1024"+"1999")
}

func TestManyLocals(t *testing.T) {
	body := lines(199, func(i int) string { return fmt.Sprintf("$v%d = $n + %d;", i, i) })
	works(t, "FUNCTION f($n)\n"+body+"RETURN $v0 + $v198; END\nWRITE f(1);", "200")
	body = lines(300, func(i int) string { return fmt.Sprintf("$v%d = $n + %d;", i, i) })
	refused(t, "FUNCTION f($n)\n"+body+"RETURN $v0 + $v299; END\nWRITE f(1);", "variables in one FUNCTION")
}

func TestNestedLoopsHaveLocals(t *testing.T) {
	nest := func(n int) string {
		return lines(n, func(i int) string { return fmt.Sprintf("FOR $i%d = %d TO %d DO", i, i, i) }) +
			fmt.Sprintf("WRITE $i0, $i%d;", n-1) + strings.Repeat("END ", n)
	}
	works(t, nest(100), "099")
	refused(t, nest(130), "nested")
}

func TestManyLiterals(t *testing.T) {
	works(t, lines(25_000, func(i int) string { return fmt.Sprintf("$x = %d + %d;", i*2, i*2+1) })+"WRITE $x;", "99997")
	refused(t, lines(33_000, func(i int) string { return fmt.Sprintf("$x = %d + %d;", i*2, i*2+1) }), "want at most 65536")
}

func TestLargeLists(t *testing.T) {
	numbers := lines(5000, func(i int) string { return fmt.Sprint(i, ",") })
	works(t, "$l = ["+strings.TrimRight(numbers, ",\n")+"]; WRITE len($l), $l[0], $l[4999];", "500004999")
	computed := lines(5000, func(i int) string { return fmt.Sprint("$n + ", i, ",") })
	works(t, "$n = 1; $l = ["+strings.TrimRight(computed, ",\n")+"]; WRITE len($l), $l[0], $l[4999];", "500015000")
	members := lines(5000, func(i int) string { return fmt.Sprintf("k%d: $n + %d,", i, i) })
	works(t, "$n = 1; $m = {"+strings.TrimRight(members, ",\n")+"}; WRITE len($m), $m.k0, $m.k4999;", "500015000")
	works(t, `$l = ["x"]; FOR $i = 1 TO 20 DO $l = $l + $l; END WRITE len($l);`, "1048576")
	refused(t, `$l = ["x"]; FOR $i = 1 TO 21 DO $l = $l + $l; END`, "more than 1048576 items")
}

func TestLongTexts(t *testing.T) {
	works(t, `$t = "x"; FOR $i = 1 TO 26 DO $t = $t + $t; END WRITE len($t);`, "67108864")
	refused(t, `$t = "x"; FOR $i = 1 TO 27 DO $t = $t + $t; END`, "longer than 64 MiB")
	refused(t, `$t = "x"; FOR $i = 1 TO 26 DO $t = $t + $t; END $u = "${$t}${$t}";`, "longer than 64 MiB")
	refused(t, `$t = "x"; FOR $i = 1 TO 25 DO $t = $t + $t; END $u = replace($t, "x", "yyy");`, "longer than 64 MiB")
	refused(t, `$t = "x"; FOR $i = 1 TO 25 DO $t = $t + $t; END $u = join([$t, $t, $t], "");`, "longer than 64 MiB")
	refused(t, `$t = "x"; FOR $i = 1 TO 26 DO $t = $t + $t; END $l = [$t, $t, $t, $t, $t];`, "larger than 256 MiB")
	refused(t, `$t = "x"; FOR $i = 1 TO 22 DO $t = $t + $t; END $l = split($t, "x");`, "more than 1048576 items")
}

func TestDeepValues(t *testing.T) {
	refused(t, `$l = []; WHILE TRUE DO $l = [$l]; END`, "nested deeper than 200")
	refused(t, `$m = {}; WHILE TRUE DO $m = {a: $m}; END`, "nested deeper than 200")
	refused(t, `$l = ["0123456789abcdef"]; WHILE TRUE DO $l = [$l, $l]; END`, "larger than 256 MiB")
}

func TestDeepExpressions(t *testing.T) {
	works(t, "$x = "+strings.Repeat("(1 + ", 150)+"1"+strings.Repeat(")", 150)+"; WRITE $x;", "151")
	works(t, "$x = "+strings.Repeat("upper(", 150)+"'a'"+strings.Repeat(")", 150)+"; WRITE $x;", "A")
	wide := "$n = 1; $x = " + strings.Repeat("["+strings.Repeat("$n, ", 99), 30) + "1" + strings.Repeat("]", 30) + ";"
	refused(t, wide, "nested too deep")
	works(t, "", "")
}

func TestEndlessRecursion(t *testing.T) {
	for _, function := range []string{
		`FUNCTION f($n) RETURN f($n + 1); END $x = f(1);`,
		`FUNCTION f($n) RETURN (f($n + 1)); END $x = f(1);`,
		`FUNCTION f($n) RETURN 1 + f($n + 1); END $x = f(1);`,
		`FUNCTION f($n) RETURN TRUE AND f($n + 1); END $x = f(1);`,
		`FUNCTION f($n) f($n + 1); END f(1);`,
		`FUNCTION f() f(); END f();`,
		`FUNCTION f($a, $b = 1) $c = 1; $d = 2; RETURN [f($a), $b, $c, $d]; END $x = f(1);`,
		`FUNCTION a() RETURN b(); END FUNCTION b() RETURN a(); END $x = a();`,
	} {
		refused(t, function, "nested too deep")
	}
	refused(t, `FUNCTION f() TRY f(); FINALLY $x = 1; END END f();`, "nested more than 200 deep")
}

func TestDivisionByZeroInEveryShape(t *testing.T) {
	for _, x := range []string{"1 / $z", "1 % $z", "1.5 / $z", "1 / (0.5 - 0.5)", "0 / $z", "1 / -$z"} {
		refused(t, "$z = 0; $x = "+x+";", "by zero")
	}
}

func TestCancelStopsAnEndlessLoop(t *testing.T) {
	for _, script := range []string{
		"WHILE TRUE DO END",
		"FOR $i = 1 TO 9223372036854775807 DO END",
		"WHILE TRUE DO TRY $x = 1; ON ERROR DO END END",
		"WHILE TRUE DO STEP \"s\" DO $x = 1; END END",
		"WHILE TRUE DO PARALLEL DO STEP \"s\" DO $x = 1; END END END",
		"TRY WHILE TRUE DO END ON ERROR DO WRITE 1; FINALLY WHILE TRUE DO END END",
		"FUNCTION f() WHILE TRUE DO END END f();",
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		reason := errors.New("the operator says stop")
		time.AfterFunc(20*time.Millisecond, func() { cancel(reason) })
		_, err := run(ctx, script)
		if !errors.Is(err, reason) {
			t.Errorf("%s: got %v, want it stopped", script, err)
		}
	}
}

func TestACancelledRunDoesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if out, err := run(ctx, "WRITE 1;"); out != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("got %q, %v", out, err)
	}
}

// An Abort that comes just as a block ends must not stop the block after it.
func TestAbortRaces(t *testing.T) {
	script := `FOR $i = 1 TO 2000 DO TRY STEP "s" TIMEOUT 1ms DO WRITE "time is up"; END ON ERROR DO $x = $i; END $y = $i; END WRITE $y;`
	out, err := run(context.Background(), script)
	if err != nil || !strings.HasSuffix(out, "\n2000\n") {
		t.Errorf("got %v and %q", err, out)
	}
}

// A time-out stops an endless loop wherever it is.
func TestTimeoutOfAnEndlessLoop(t *testing.T) {
	for range 50 {
		refused(t, `STEP "endless" TIMEOUT 5s DO WRITE "time is up"; WHILE TRUE DO END END`, "the step took longer than 5s")
	}
}

// The bubble does not end before the last goroutine in it has.
func TestNoGoroutineIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		unit, diags := compile("limits.dtcl", `
PARALLEL DO
    STEP "a" DO TRY WRITE "ready"; WHILE TRUE DO END ON ERROR DO FINALLY WAIT 5s; END END
    STEP "b" DO WRITE "ready"; WHILE TRUE DO $x = 1; END END
END`, lower.Options{})
		if diags != nil {
			t.Fatal(diags[0])
		}
		h := &stopper{world: &world{}, cancel: cancel}
		if err := vm.Load(unit).Run(ctx, h, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want it stopped", err)
		}
	})
}

// stopper is a host that stops the run when both branches are in their loops, or about to be.
type stopper struct {
	*world
	cancel context.CancelFunc
	ready  atomic.Int32
}

func (h *stopper) Write(context.Context, vm.Site, string) error {
	if h.ready.Add(1) == 2 {
		h.cancel()
	}
	return nil
}

func TestErrorsKeepTheirCause(t *testing.T) {
	_, err := run(context.Background(), `STEP "s" DO FAIL -104 "no source"; END`)
	var f *value.Failure
	var e *vm.Error
	var d *diag.Diagnostic
	if !errors.As(err, &f) || f.Code != value.CodeNoSourceName || !errors.As(err, &e) || !errors.As(err, &d) {
		t.Fatalf("got %v", err)
	}
	_, err = run(context.Background(), `EXIT 7;`)
	var exit *vm.Exit
	if !errors.As(err, &exit) || exit.Code != 7 {
		t.Fatalf("got %v, want exit 7", err)
	}
}
