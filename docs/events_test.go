package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/standin-project/standin/runtime/plan"
)

// eventTable lists the events and their fields, from where they are declared.
func eventTable(t *testing.T) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../runtime/plan/event.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var kinds, fields strings.Builder
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			kind := literal(t, n.Values[0])
			if n.Comment == nil {
				t.Errorf("the event %s has no comment: the manual would not explain it", kind)
			}
			fmt.Fprintf(&kinds, "| `%s` | %s |\n", kind, cell(strings.TrimSpace(n.Comment.Text())))
		case *ast.Field:
			if n.Tag == nil {
				return true
			}
			name, _, _ := strings.Cut(reflect.StructTag(literal(t, n.Tag)).Get("json"), ",")
			if n.Comment == nil {
				t.Errorf("the field %s has no comment: the manual would not explain it", name)
			}
			fmt.Fprintf(&fields, "| `%s` | %s |\n", name, cell(strings.TrimSpace(n.Comment.Text())))
		}
		return true
	})
	return "| event | what has happened |\n|---|---|\n" + kinds.String() +
		"\nA field that says nothing is left out.\n\n| field | what it tells |\n|---|---|\n" + fields.String()
}

func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("got %T, want a literal", e)
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A run tells nothing that the manual does not explain, and each event that a good run can have is told.
func TestEventsAreThoseOfTheManual(t *testing.T) {
	const script = `
DNS ADD mydomain.com exch8 A 10.1.0.8;
STEP "skipped" WHEN FALSE DO WRITE "never"; END
STEP "tried twice" RETRY 1 DO
    DNS ADD mydomain.com exch8 A 10.1.0.8;
    WAIT 1ms;
END
CONFIRM "go on?";
$gone = DNS ADD elsewhere.test x A 10.1.0.1;
RUN "part.dtcl";
CLUSTER east GROUP "Exchange Group" ONLINE;
POINT OF NO RETURN;
WRITE "done";
`
	dir := t.TempDir()
	for name, text := range map[string]string{"script.dtcl": script, "part.dtcl": `WRITE "part";`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	standin(t, dir, "site", "init", "lab")
	seen := map[string]bool{}
	table := eventTable(t)
	for _, line := range strings.Split(strings.TrimSpace(standin(t, dir, "--site", "lab", "--yes", "--json", "run", "script.dtcl")), "\n") {
		var e plan.Event
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		seen[string(e.Kind)] = true
		if !strings.Contains(table, "| `"+string(e.Kind)+"` |") {
			t.Errorf("the manual does not explain the event %q", e.Kind)
		}
	}
	for _, kind := range []plan.EventKind{
		plan.EventBegin, plan.EventEnd, plan.EventStepBegin, plan.EventStepEnd, plan.EventStepSkip, plan.EventCommand, plan.EventAlready,
		plan.EventDone, plan.EventFail, plan.EventWait, plan.EventWaited, plan.EventWrite, plan.EventAsk, plan.EventAnswer, plan.EventMark,
		plan.EventSay, plan.EventRun, plan.EventRunEnd,
	} {
		if !seen[string(kind)] {
			t.Errorf("no event %q was told", kind)
		}
	}
}
