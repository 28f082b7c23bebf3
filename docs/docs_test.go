// Package docs_test runs what the manual says: its examples are checked and run, its tables compared with the program.
package docs_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/lang/check"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/lang/syntax"
	"github.com/standin-project/standin/stdlib"
)

var update = flag.Bool("update", false, "rewrite what the manual shows of the program: tables, messages, outputs")

const manual = "language.md"

// program is the built command, made once for all tests.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withProgram(m))
}

func withProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "standin-docs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "standin")
	out, err := exec.Command("go", "build", "-o", program, "../cmd/standin").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// block is a fenced block: ```info, its text, and where the text stands in the page.
type block struct {
	info       string
	text       string
	line       int
	start, end int
}

var fence = regexp.MustCompile("(?ms)^```([a-z ]*)\n(.*?)^```$")

func blocks(page string) []block {
	var all []block
	for _, m := range fence.FindAllStringSubmatchIndex(page, -1) {
		all = append(all, block{
			info: page[m[2]:m[3]], text: page[m[4]:m[5]], start: m[4], end: m[5],
			line: 1 + strings.Count(page[:m[4]], "\n"),
		})
	}
	return all
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func commands(t *testing.T) *sig.Set {
	t.Helper()
	set, err := builtins.Set(builtins.All(builtins.Systems{}))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// messages checks an example as the program would and gives what it has to say about it.
func messages(set *sig.Set, text string) string {
	src := &diag.Source{Name: "example.dtcl", Text: text}
	file, ds := syntax.Parse(src, syntax.Options{OldLine: set.OldLine})
	_, more := check.Check(file, set, check.Options{Load: module})
	var out bytes.Buffer
	diag.Render(&out, append(ds, more...))
	return out.String()
}

// module reads what an example USEs.
func module(path string, _ *diag.Source) (*diag.Source, error) {
	text, err := stdlib.FS.ReadFile(path + ".dtcl")
	if err != nil {
		return nil, errors.New("it is no module of the standard library")
	}
	return &diag.Source{Name: path, Text: string(text)}, nil
}

// TestExamples checks every ```dtcl block. One that `fails` is followed by its exact message, one that is `run` by its
// output on a fresh site.
func TestExamples(t *testing.T) {
	page, set := read(t), commands(t)
	all := blocks(page)
	fixed := page
	for i := len(all) - 1; i >= 0; i-- { // from the end, so that places before it stay right
		b := all[i]
		if !strings.HasPrefix(b.info, "dtcl") {
			continue
		}
		t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) {
			got := messages(set, b.text)
			if b.info == "dtcl" || b.info == "dtcl run" {
				if got != "" {
					t.Fatalf("the example has mistakes:\n%s", got)
				}
			}
			if b.info == "dtcl" {
				return
			}
			if b.info == "dtcl run" {
				got = output(t, b.text)
			}
			if i+1 == len(all) || all[i+1].info != "text" {
				t.Fatal("want a ```text block behind it")
			}
			want := all[i+1]
			if *update {
				fixed = fixed[:want.start] + got + fixed[want.end:]
			} else if got != want.text {
				t.Errorf("got:\n%s\nthe manual says:\n%s", got, want.text)
			}
		})
	}
	if *update {
		write(t, fixed)
	}
}

// output runs an example on a fresh site and gives what it wrote.
func output(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	standin(t, dir, "site", "init", "lab")
	if err := os.WriteFile(filepath.Join(dir, "example.dtcl"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	return standin(t, dir, "--site", "lab", "--yes", "run", "example.dtcl")
}

// standin runs the program in dir and gives its standard output; it must succeed.
func standin(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("standin %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// TestConsole runs the lines that a ```console block shows after its prompts, one after another in one folder.
func TestConsole(t *testing.T) {
	for _, b := range blocks(read(t)) {
		if b.info != "console" {
			continue
		}
		t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) {
			dir := t.TempDir()
			for _, line := range strings.Split(b.text, "\n") {
				if args, ok := strings.CutPrefix(line, "$ standin "); ok {
					standin(t, dir, shellWords(args)...)
				}
			}
		})
	}
}

var shellWord = regexp.MustCompile(`"[^"]*"|\S+`)

func shellWords(line string) []string {
	words := shellWord.FindAllString(line, -1)
	for i, w := range words {
		words[i] = strings.Trim(w, `"`)
	}
	return words
}

// TestTables compares the parts of the manual that the program itself knows with what it knows.
func TestTables(t *testing.T) {
	page := read(t)
	for name, want := range map[string]string{
		"functions": functionTable(),
		"codes":     codeTable(t),
		"commands":  commandTable(commands(t)),
		"types":     typeTable(),
		"sitefile":  siteFile(t),
		"events":    eventTable(t),
	} {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
		before, rest, ok := strings.Cut(page, begin)
		got, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Errorf("the manual has no part %s … %s", strings.TrimSpace(begin), strings.TrimSpace(end))
			continue
		}
		if *update {
			page = before + begin + want + end + after
		} else if got != want {
			t.Errorf("the part %q differs from the program; go test ./docs -update writes it:\n%s", name, want)
		}
	}
	if *update {
		write(t, page)
	}
}

func write(t *testing.T, page string) {
	t.Helper()
	if err := os.WriteFile(manual, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}

// cell keeps a text from ending a table's column.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func functionTable() string {
	var b strings.Builder
	b.WriteString("| function | what it gives |\n|---|---|\n")
	for _, f := range sig.Functions() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.Usage, cell(f.Summary))
	}
	return b.String()
}

func commandTable(set *sig.Set) string {
	var b strings.Builder
	b.WriteString("| command | effect | what it does |\n|---|---|---|\n")
	for _, s := range set.Signatures("") {
		text := s.Summary
		if s.Result != "" {
			text += " Gives " + s.Result + "."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", cell(s.Usage), s.Effect, cell(text))
	}
	return b.String()
}

// typeTable lists the types of a cluster's resources.
func typeTable() string {
	var b strings.Builder
	b.WriteString("| type | must have | may have |\n|---|---|---|\n")
	for _, t := range model.Types() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", t.Name, strings.Join(t.Required, ", "), strings.Join(t.Parameters, ", "))
	}
	return b.String()
}

// codeTable reads the codes of failures where they are declared.
func codeTable(t *testing.T) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../runtime/value/failure.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| code | what failed |\n|---|---|\n")
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Comment == nil || len(spec.Values) != 1 {
			return true
		}
		if minus, ok := spec.Values[0].(*ast.UnaryExpr); ok {
			fmt.Fprintf(&b, "| -%s | %s |\n", minus.X.(*ast.BasicLit).Value, strings.TrimSpace(spec.Comment.Text()))
		}
		return true
	})
	return b.String()
}

// siteFile is the site file of a fresh site.
func siteFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	standin(t, dir, "site", "init", "lab")
	text, err := os.ReadFile(filepath.Join(dir, "lab", "standin.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return "```toml\n" + strings.TrimRight(string(text), "\n") + "\n```\n"
}

// TestDependencies holds dependencies.md to one line for each direct dependency of go.mod.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\s+(\S+) v\S+$`).FindAllSubmatch(mod, -1) {
		direct[string(m[1])] = true
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllSubmatch(page, -1) {
		if !direct[string(m[1])] {
			t.Errorf("dependencies.md explains %s, which go.mod does not require directly", m[1])
		}
		delete(direct, string(m[1]))
	}
	for module := range direct {
		t.Errorf("dependencies.md does not say why %s is there", module)
	}
}
