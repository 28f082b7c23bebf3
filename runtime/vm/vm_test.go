package vm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/lower"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// Every function of the language's table is there, and takes the arguments that the table says.
func TestEveryBuiltinIsThere(t *testing.T) {
	for _, f := range sig.Functions() {
		args := strings.TrimSuffix(strings.Repeat("NONE, ", f.Min), ", ")
		_, err := run(context.Background(), fmt.Sprintf("$x = %s(%s);", f.Name, args))
		if err != nil && strings.Contains(err.Error(), "there is no function") {
			t.Errorf("%s is in the table of functions but nothing carries it out", f.Name)
		}
	}
}

// A session keeps variables, FUNCTIONs and what a failed line assigned.
func TestSession(t *testing.T) {
	set, err := sig.NewSet(commands())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	known := &check.Session{}
	session := vm.NewSession(lower.Options{})
	for _, line := range []string{
		"$x = 1;",
		"FUNCTION twice($n) RETURN 2 * $n; END",
		"WRITE twice($x);",
		"$y = 5; WRITE 1 / 0; $y = 6;",
		"WRITE $y;",
		"FUNCTION twice($n) RETURN 20 * $n; END",
		"WRITE twice($x);",
		"FAIL -7;",
		"WRITE $exitcode;",
		"FOR $i = 1 TO 2 DO $x = $x + $i; END",
		"WRITE $x;",
	} {
		file, diags := syntax.Parse(&diag.Source{Name: "<repl>", Text: line}, syntax.Options{OldLine: set.OldLine})
		if diags != nil {
			t.Fatal(diags[0])
		}
		p, diags := check.Check(file, set, check.Options{Session: known})
		if diags != nil {
			t.Fatal(diags[0])
		}
		known.Keep(p)
		diags, err := session.Run(context.Background(), p, w, nil)
		if diags != nil {
			t.Fatal(diags[0])
		}
		if err != nil {
			w.say("%v", err)
		}
	}
	want := "2\n<repl>:1:15: cannot divide 1 by zero\n5\n20\n<repl>:1:1: it failed\n-7\n4\n"
	if got := w.out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := fmt.Sprint(session.Variables()); got != "[exitcode error x y i]" {
		t.Errorf("got the variables %s", got)
	}
	if v := session.Variable("X"); value.Print(v) != "4" || session.Variable("z") != nil {
		t.Errorf("got $x = %v", v)
	}
}

// One program may run several times, also at once.
func TestRunsAtOnce(t *testing.T) {
	unit, diags := compile("once.dtcl", `
PARAM $n NUMBER = 0 "which run this is";
$sum = 0;
FOR $i = 1 TO 1000 DO TRY $sum = $sum + $n; FINALLY $last = $i; END END
WRITE $n, ": ", $sum;`, lower.Options{})
	if diags != nil {
		t.Fatal(diags[0])
	}
	p := vm.Load(unit)
	done := make(chan error)
	for n := range 8 {
		go func() {
			w := &world{}
			err := p.Run(context.Background(), w, map[string]value.Value{"N": value.Int(int64(n))})
			if got, want := w.out.String(), fmt.Sprintf("%d: %d\n", n, n*1000); got != want {
				err = errors.Join(err, fmt.Errorf("got %q, want %q", got, want))
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Branches see copies; what they assign is merged in text order, also an assignment of the same value.
func TestParallelMerges(t *testing.T) {
	out, err := run(context.Background(), `
$list = [0, 0]; $flag = TRUE; $n = 1; $none = NONE;
PARALLEL DO
    STEP "a" DO FOR $i = 1 TO 500 DO $list[0] = $list[0] + 1; END $a = $list; END
    STEP "b" DO $b = 0; FOR $j = 1 TO 500 DO $b = $b + $n; END END
    STEP "c" DO TRY FAIL -3; ON ERROR $e DO $c = $e.code; END END
END
WRITE $a, $b, $c, $list, $e.code, $flag;`)
	if want := "[500, 0]500-3[500, 0]-3true\n"; err != nil || !strings.HasSuffix(out, want) {
		t.Errorf("got %q, %v, want %q at the end", out, err, want)
	}
}

// The random expressions of this test are evaluated twice: lowered and run, and by walking the tree.
func TestExpressionsAgainstATreeWalk(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		text, want := expression(random, 4)
		got, err := run(context.Background(), "$zero = 0; $one = 1; WRITE text("+text+");")
		var d *diag.Diagnostic
		switch {
		case want == "error" && !errors.As(err, &d):
			t.Fatalf("%s: got %q, want a diagnostic", text, got)
		case want != "error" && (err != nil || got != want+"\n"):
			t.Fatalf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// number is the tree walk's value: whole, decimal or a truth.
type result struct {
	n     float64
	truth bool
	bad   bool
}

func (r result) String() string {
	switch {
	case r.bad:
		return "error"
	case r.truth:
		return fmt.Sprint(r.n == 1)
	}
	return value.Print(value.Decimal(r.n))
}

func (r result) holds() bool { return r.n != 0 }

// expression makes a random expression of small numbers and its value.
func expression(random *rand.Rand, depth int) (string, string) {
	text, r := grow(random, depth)
	return text, r.String()
}

func grow(random *rand.Rand, depth int) (string, result) {
	if depth == 0 || random.IntN(6) == 0 {
		switch random.IntN(4) {
		case 0:
			return "$zero", result{}
		case 1:
			return "$one", result{n: 1}
		case 2:
			return "TRUE", result{n: 1, truth: true}
		}
		n := random.IntN(9)
		return fmt.Sprint(n), result{n: float64(n)}
	}
	x, a := grow(random, depth-1)
	if random.IntN(6) == 0 {
		if random.IntN(2) == 0 {
			return "(NOT (" + x + "))", truth(!a.holds(), a.bad)
		}
		return "-(" + x + ")", result{n: 0 - a.n, bad: a.bad || a.truth}
	}
	y, b := grow(random, depth-1)
	op := []string{"+", "-", "*", "/", "=", "<>", "<", ">=", "AND", "OR"}[random.IntN(10)]
	return "((" + x + ") " + op + " (" + y + "))", apply(op, a, b)
}

func truth(yes, bad bool) result {
	if yes {
		return result{n: 1, truth: true, bad: bad}
	}
	return result{truth: true, bad: bad}
}

func apply(op string, a, b result) result {
	switch op {
	case "AND":
		return truth(a.holds() && b.holds(), a.bad || a.holds() && b.bad)
	case "OR":
		return truth(a.holds() || b.holds(), a.bad || !a.holds() && b.bad)
	}
	bad := a.bad || b.bad
	switch op {
	case "=":
		return truth(a.truth == b.truth && a.n == b.n, bad)
	case "<>":
		return truth(a.truth != b.truth || a.n != b.n, bad)
	}
	bad = bad || a.truth || b.truth
	switch op {
	case "<":
		return truth(a.n < b.n, bad)
	case ">=":
		return truth(a.n >= b.n, bad)
	case "+":
		return result{n: a.n + b.n, bad: bad}
	case "-":
		return result{n: a.n - b.n, bad: bad}
	case "*":
		return result{n: a.n * b.n, bad: bad}
	}
	if b.n == 0 {
		return result{bad: true}
	}
	return result{n: a.n / b.n, bad: bad}
}

// What a host may rely on: Site.Place does not change with layout and comments.
func TestPlacesAreStable(t *testing.T) {
	places := func(script string) string {
		unit, diags := compile("p.dtcl", script, lower.Options{})
		if diags != nil {
			t.Fatal(diags[0])
		}
		seen := &places{world: &world{}}
		if err := vm.Load(unit).Run(context.Background(), seen, nil); err != nil {
			t.Fatal(err)
		}
		return strings.Join(seen.at, " ")
	}
	a := places(`SET a 1; IF TRUE THEN SET b 2; ELSE SET c 3; END TRY SET d 4; FINALLY SET e ((COUNT) * (COUNT)); END
FUNCTION f() SET g 1; RETURN 1; END FOR $i = 1 TO f() DO SET h 1; END`)
	b := places(`// a comment
SET a 1;

IF TRUE THEN
    SET b 2;   // another
ELSE SET c 3; END
TRY
    SET d 4;
FINALLY SET e ((COUNT)
        * (COUNT)); END
FUNCTION f() SET g 1; RETURN 1; END
FOR $i = 1 TO f() DO
    SET h 1;
END`)
	if want := "1 2.1.1 3.1.1 3.3.1+1 3.3.1+2 3.3.1 f.1 5.1.1"; a != b || a != want {
		t.Errorf("got  %s\nand  %s\nwant %s", a, b, want)
	}
}

// places is a host that notes where commands stand.
type places struct {
	*world
	at []string
}

func (p *places) Call(ctx context.Context, c *vm.Call) (value.Value, error) {
	p.at = append(p.at, c.Place)
	return p.world.Call(ctx, c)
}

// A host's own error ends a run even inside TRY.
func TestHostErrorsAreNotCaught(t *testing.T) {
	unit, diags := compile("h.dtcl", `TRY WAIT 5s; ON ERROR DO WRITE "never"; FINALLY WRITE "finally"; END`, lower.Options{})
	if diags != nil {
		t.Fatal(diags[0])
	}
	lost := errors.New("the lock is lost")
	h := &lockLost{world: &world{}, err: lost}
	err := vm.Load(unit).Run(context.Background(), h, nil)
	if !errors.Is(err, lost) || h.out.String() != "finally\n" {
		t.Errorf("got %v and %q", err, h.out.String())
	}
	h = &lockLost{world: &world{}, err: value.Failf(value.CodeCancelled, "stopped")}
	if err := vm.Load(unit).Run(context.Background(), h, nil); err == nil || h.out.String() != "finally\n" {
		t.Errorf("got %v and %q", err, h.out.String())
	}
}

type lockLost struct {
	*world
	err error
}

func (h *lockLost) Wait(context.Context, vm.Site, time.Duration) error { return h.err }
