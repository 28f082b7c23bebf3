package syntax

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
)

// oldPrograms is what the table of commands says of the old programs.
var oldPrograms = Options{OldLine: func(line, next []sig.Operand) (old, on bool) {
	switch line[0].Text {
	case "dnscmd", "exchfailover":
		old = true
	case "cluster":
		old = len(line) > 1 && strings.HasPrefix(strings.ToLower(line[1].Text), "/cluster:")
	}
	last := line[len(line)-1].Text
	return old, old && len(next) > 0 && (last == "-t" || last == "10")
}}

func parseText(text string) (*File, []*diag.Diagnostic) {
	return Parse(&diag.Source{Name: "t.dtcl", Text: text}, oldPrograms)
}

// mustParse reads a script that has no mistakes.
func mustParse(t *testing.T, text string) *File {
	t.Helper()
	f, problems := parseText(text)
	for _, d := range problems {
		t.Errorf("%v\nin %q", d, text)
	}
	return f
}

func readTestdata(t testing.TB, name string) string {
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// dump writes a tree as (Type field=value …), spans and empty fields apart.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v))
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		dumpValue(b, v.Elem())
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			dumpValue(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Struct:
		if name, ok := v.Interface().(Name); ok {
			b.WriteString(name.Text)
			return
		}
		b.WriteString("(" + v.Type().Name())
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if f := v.Field(i); field.Name != "At" && field.Type != spanType && !f.IsZero() {
				b.WriteString(" " + field.Name + "=")
				dumpValue(b, f)
			}
		}
		b.WriteByte(')')
	default:
		fmt.Fprintf(b, "%v", v)
	}
}

var expectation = regexp.MustCompile(`(\d+) ("(?:[^"\\]|\\.)*")`)

// TestErrors reads testdata/errors.txt: scripts with mistakes, separated by ---. What stands behind ### is not part
// of the script: the column and a pattern of each diagnostic that the line must get; a line without it gets none.
func TestErrors(t *testing.T) {
	for _, chunk := range strings.Split(readTestdata(t, "errors.txt"), "\n---\n") {
		checkErrors(t, chunk)
	}
}

// checkErrors parses a script without what stands behind ### and compares the diagnostics with that.
func checkErrors(t *testing.T, chunk string) {
	t.Helper()
	type place struct{ line, column int }
	wanted := map[place]*regexp.Regexp{}
	var script []string
	for i, line := range strings.Split(chunk, "\n") {
		code, comment, _ := strings.Cut(line, " ### ")
		script = append(script, code)
		for _, m := range expectation.FindAllStringSubmatch(comment, -1) {
			column, _ := strconv.Atoi(m[1])
			pattern, err := strconv.Unquote(m[2])
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			wanted[place{i + 1, column}] = regexp.MustCompile(pattern)
		}
	}
	_, problems := parseText(strings.Join(script, "\n"))
	for _, d := range problems {
		line, column := d.Source.Position(d.Span.Start)
		at := place{line, column}
		pattern := wanted[at]
		switch {
		case pattern == nil:
			t.Errorf("not expected: %v\nin\n%s", d, chunk)
		case !pattern.MatchString(d.Message):
			t.Errorf("got %v\nwant %v\nin\n%s", d, pattern, chunk)
		case len(d.Hints) == 0:
			t.Errorf("no way out: %v", d)
		}
		delete(wanted, at)
	}
	for at, pattern := range wanted {
		t.Errorf("missing %d:%d: %v\nin\n%s", at.line, at.column, pattern, chunk)
	}
}

func TestPrintGolden(t *testing.T) {
	archive := txtar.Parse([]byte(readTestdata(t, "fmt.txtar")))
	for i := 0; i < len(archive.Files); i += 2 {
		in, out := archive.Files[i], archive.Files[i+1]
		t.Run(in.Name, func(t *testing.T) {
			if got := Print(mustParse(t, string(in.Data))); got != string(out.Data) {
				t.Errorf("got\n%s\nwant\n%s", got, out.Data)
			}
			checkStable(t, string(in.Data))
		})
	}
}

// checkStable holds fmt to its promises for one script without mistakes.
func checkStable(t *testing.T, text string) {
	t.Helper()
	f, problems := parseText(text)
	if len(problems) > 0 {
		return
	}
	printed := Print(f)
	again, problems := parseText(printed)
	if len(problems) > 0 {
		t.Fatalf("fmt made a mistake: %v\n%q\n%q", problems[0], text, printed)
	}
	if !Equal(f, again) {
		t.Fatalf("fmt changed the script\n%q\n%q\n%s\n%s", text, printed, dump(f.Body), dump(again.Body))
	}
	if twice := Print(again); twice != printed {
		t.Fatalf("fmt is not stable\n%q\n%q\n%q", text, printed, twice)
	}
}
