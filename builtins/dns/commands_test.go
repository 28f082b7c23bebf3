package dns_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/embedded"
	"github.com/standin-project/standin/builtins/dns/overlay"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// servers are the DNS servers of a site.
type servers []dns.System

func (all servers) Servers() []string {
	var names []string
	for _, s := range all {
		names = append(names, s.Name())
	}
	return names
}

func (all servers) Server(name string) (dns.System, error) {
	for _, s := range all {
		if strings.EqualFold(s.Name(), name) {
			return s, nil
		}
	}
	return nil, value.Failf(value.CodeNotThere, "there is no DNS server %q", name)
}

// freshSite serves the zones of a fresh site.
func freshSite(t testing.TB) *embedded.Server { return freshServer(t, "dns1") }

func freshServer(t testing.TB, name string) *embedded.Server {
	t.Helper()
	dir := t.TempDir()
	if err := embedded.Init(dir); err != nil {
		t.Fatal(err)
	}
	return serve(t, dir, name)
}

func serve(t testing.TB, dir, name string) *embedded.Server {
	t.Helper()
	s, err := embedded.Open(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// session carries out statements as the walk does.
type session struct {
	t        testing.TB
	set      *sig.Set
	commands []def.Command
	changes  []undoable
	said     []string
}

type undoable struct {
	plan.Change
	undo *def.Command
}

func newSession(t testing.TB, systems dns.Systems) *session {
	t.Helper()
	s := &session{t: t, commands: dns.Commands(systems)}
	var sigs []*sig.Signature
	for i := range s.commands {
		sigs = append(sigs, &s.commands[i].Signature)
	}
	set, err := sig.NewSet(sigs)
	if err != nil {
		t.Fatal(err)
	}
	s.set = set
	return s
}

// call finds the command of a statement and binds its operands.
func (s *session) call(statement string) (*def.Command, *def.Call) {
	s.t.Helper()
	ops := operands(statement)
	match, mismatch := s.set.Match(ops)
	if match == nil {
		s.t.Fatalf("%s: does not fit at operand %d, want %v", statement, mismatch.At, mismatch.Want)
	}
	c := &def.Call{Say: func(f string, a ...any) { s.said = append(s.said, fmt.Sprintf(f, a...)) }}
	for _, b := range match.Binds {
		c.Args = append(c.Args, b.Arg)
		var v value.Value
		if b.Type != "keyword" {
			v = operand(b.Type, ops[b.From].Text)
		}
		c.Vals = append(c.Vals, v)
	}
	for i := range s.commands {
		if &s.commands[i].Signature == match.Sig {
			return &s.commands[i], c
		}
	}
	panic("a signature of no command")
}

func operand(typ, text string) value.Value {
	if t, _ := sig.TypeOf(typ); t.Parse != nil {
		v, err := t.Parse(text)
		if err != nil {
			panic(err) // the matcher took it
		}
		return value.From(v)
	}
	return value.Text(text)
}

// operands cuts a statement into words and quoted texts.
func operands(statement string) []sig.Operand {
	var ops []sig.Operand
	for i, part := range strings.Split(strings.TrimSuffix(statement, ";"), `"`) {
		if i%2 == 1 {
			ops = append(ops, sig.Operand{Kind: sig.TextOperand, Text: part, Raw: part, Quoted: true})
			continue
		}
		for _, word := range strings.Fields(part) {
			ops = append(ops, sig.Operand{Text: word, Raw: word})
		}
	}
	return ops
}

// run carries out one statement, and says what came of it as a transcript does.
func (s *session) run(ctx context.Context, statement string) string {
	s.t.Helper()
	s.said = nil
	out := s.carryOut(ctx, statement)
	for _, line := range s.said {
		out += "  " + line + "\n"
	}
	return out
}

func (s *session) carryOut(ctx context.Context, statement string) string {
	cmd, c := s.call(statement)
	if cmd.Read != nil {
		v, err := cmd.Read(ctx, c)
		if err != nil {
			return failure(err)
		}
		return result(v)
	}
	action, err := cmd.Observe(ctx, c)
	if err != nil {
		return failure(err)
	}
	if action.Done == plan.Yes {
		return "already: " + action.Why + "\n"
	}
	var out strings.Builder
	for _, change := range action.Changes {
		fmt.Fprintf(&out, "%s: %s: %s → %s\n", change.System, change.What, orNothing(change.From), orNothing(change.To))
		s.changes = append(s.changes, undoable{change, cmd})
	}
	if _, err := action.Do(ctx); err != nil {
		return out.String() + failure(err)
	}
	again, err := cmd.Observe(ctx, c)
	if err != nil || again.Done != plan.Yes {
		return out.String() + fmt.Sprintf("not done afterwards: %v, %v\n", again, err)
	}
	return out.String()
}

// undoAll takes all changes back, the last one first.
func (s *session) undoAll(ctx context.Context) error {
	for _, c := range slices.Backward(s.changes) {
		if err := c.undo.Undo(ctx, c.Inverse); err != nil {
			return err
		}
	}
	s.changes = nil
	return nil
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func failure(err error) string {
	var f *value.Failure
	if !errors.As(err, &f) {
		return fmt.Sprintf("no failure but %T: %v\n", err, err)
	}
	out := fmt.Sprintf("failure %d: %s\n", f.Code, f.Message)
	for _, h := range f.Hints {
		out += "  hint: " + h + "\n"
	}
	return out
}

func result(v value.Value) string {
	records, ok := value.AsList(v)
	if !ok {
		return "result: " + value.Print(v) + "\n"
	}
	out := fmt.Sprintf("result: %d records\n", len(records))
	for _, r := range records {
		m, _ := value.AsMap(r)
		out += fmt.Sprintf("  %s %s %s %s\n", value.Print(m["name"]), value.Print(m["ttl"]), value.Print(m["type"]), value.Print(m["data"]))
	}
	return out
}

// TestTranscripts plays each file of statements ("> …") on a fresh site. Every statement is planned on an overlay as well,
// and both must say the same; at the end everything is undone and the zones must be as they were.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.transcript")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { playTranscript(t, file) })
	}
}

func playTranscript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	site := freshSite(t)
	before := records(t, site)
	live := newSession(t, servers{site})
	planned := newSession(t, servers{overlay.New(freshSite(t))})
	var got strings.Builder
	for line := range strings.Lines(string(text)) {
		statement, ok := strings.CutPrefix(strings.TrimSpace(line), "> ")
		if strings.HasPrefix(line, "#") || line == "\n" {
			got.WriteString(line)
		}
		if !ok {
			continue
		}
		out := live.run(t.Context(), statement)
		if p := planned.run(t.Context(), statement); p != out {
			t.Errorf("%s:\nrun:\n%splan:\n%s", statement, out, p)
		}
		fmt.Fprintf(&got, "> %s\n%s", statement, out)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got.String() != string(text) {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), text)
	}
	if err := live.undoAll(t.Context()); err != nil {
		t.Fatalf("undo: %v", err)
	}
	if after := records(t, site); after != before {
		t.Errorf("after undo:\n%s\nbefore:\n%s", after, before)
	}
}

// records prints the state of a server, serials apart.
func records(t testing.TB, s *embedded.Server) string {
	t.Helper()
	all, err := s.Show(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, zone := range s.Zones() {
		fmt.Fprintln(&out, zone, all[zone])
	}
	return out.String()
}

// TestRecords holds every record to what HELP, check and the manual need of it, and runs its example on a fresh site.
func TestRecords(t *testing.T) {
	for _, cmd := range dns.Commands(nil) {
		form, err := sig.Parse(&cmd.Signature)
		if err != nil {
			t.Error(err)
			continue
		}
		var slots []string
		for _, slot := range form.Slots() {
			slots = append(slots, slot.Name)
			if cmd.Docs[slot.Name] == "" {
				t.Errorf("%s: <%s> is not documented", cmd.Usage, slot.Name)
			}
		}
		for doc := range cmd.Docs {
			if !slices.Contains(slots, doc) {
				t.Errorf("%s: documents <%s>, which it does not have", cmd.Usage, doc)
			}
		}
		if cmd.Summary == "" || cmd.Effect == 0 || (cmd.Effect == sig.Changes) != (cmd.Observe != nil && cmd.Undo != nil) {
			t.Errorf("%s: incomplete", cmd.Usage)
		}
		s := newSession(t, servers{freshSite(t)})
		_, example, ok := strings.Cut(cmd.Example, "= ")
		if !ok {
			example = cmd.Example
		}
		if used, _ := s.call(example); used.Usage != cmd.Usage {
			t.Errorf("%s: the example is of %s", cmd.Usage, used.Usage)
		}
		if out := s.run(t.Context(), example); strings.Contains(out, "failure") || strings.Contains(out, "not done") {
			t.Errorf("%s:\n%s", example, out)
		}
	}
}
