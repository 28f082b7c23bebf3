package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/builtins/directory/overlay"
	"github.com/standin-project/standin/builtins/exchange"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// site is an embedded organisation and the commands that work on it, driven as the walk drives them.
type site struct {
	t   *testing.T
	dir directory.System

	planned bool             // the commands write to an overlay
	wrap    directory.System // if set, what the commands write to
	gate    func(giving, taking string, failback bool) error
	log     bytes.Buffer
	logins  []directory.Login
	said    []string
	changes []plan.Change // of the last command
	mu      sync.Mutex
}

func newSite(t *testing.T, f embedded.Fresh, options ...embedded.Option) *site {
	t.Helper()
	folder := t.TempDir()
	if err := embedded.Init(folder, f); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: openFolder(t, folder, options...)}
	return s
}

func openFolder(t *testing.T, folder string, options ...embedded.Option) directory.System {
	t.Helper()
	server, err := embedded.Open(folder, options...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ldap.New(ldap.Config{URL: server.URL(), Notes: server.Notes()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	return c
}

func (s *site) Organisation(_ context.Context, login directory.Login) (string, directory.System, error) {
	s.logins = append(s.logins, login)
	switch {
	case s.wrap != nil:
		return "ad", s.wrap, nil
	case s.planned:
		return "ad", overlay.New(s.dir), nil
	}
	return "ad", s.dir, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func (s *site) Log(context.Context, string) (io.WriteCloser, error) { return nopCloser{&s.log}, nil }

func (s *site) Options(path string) ([]byte, error) { return os.ReadFile(path) }

func (s *site) Gate(_ context.Context, giving, taking string, failback bool) error {
	if s.gate == nil {
		return nil
	}
	return s.gate(giving, taking, failback)
}

// run carries a command out as the walk does: observe, do, observe again.
func (s *site) run(line string) (value.Value, error) {
	s.t.Helper()
	cmd, call := s.parse(line)
	if cmd.Read != nil {
		return cmd.Read(s.t.Context(), call)
	}
	s.changes = nil
	a, err := cmd.Observe(s.t.Context(), call)
	if err != nil {
		return nil, err
	}
	s.changes = a.Changes
	if a.Done == plan.Yes {
		return a.Result, nil
	}
	result, err := a.Do(s.t.Context())
	if err != nil {
		return nil, err
	}
	again, err := cmd.Observe(s.t.Context(), call)
	if err != nil {
		return nil, err
	}
	if again.Done != plan.Yes {
		s.t.Errorf("%s: observed again, it still would change %+v", line, again.Changes)
	}
	return result, nil
}

func (s *site) must(line string) value.Value {
	s.t.Helper()
	v, err := s.run(line)
	if err != nil {
		s.t.Fatalf("%s: %v %v", line, err, hints(err))
	}
	return v
}

func hints(err error) []string {
	var f *value.Failure
	if errors.As(err, &f) {
		return f.Hints
	}
	return nil
}

// undo takes the last command's changes back as the walk does: last things first.
func (s *site) undo(changes []plan.Change) {
	s.t.Helper()
	cmd, _ := s.parse("EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2")
	for _, c := range slices.Backward(changes) {
		if err := cmd.Undo(s.t.Context(), c.Inverse); err != nil {
			s.t.Fatalf("undo of %s: %v", c.What, err)
		}
	}
}

// ldif is everything in the directory.
func (s *site) ldif() string {
	s.t.Helper()
	info, err := s.dir.Info(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var all []*directory.Entry
	err = s.dir.Search(s.t.Context(), directory.Query{Base: info.Default, Scope: directory.Subtree, Filter: "(objectClass=*)"}, func(e *directory.Entry) error {
		for _, a := range e.Attrs {
			for i, v := range a.Values {
				if strings.Contains(v, "=") && strings.Contains(v, ",") {
					a.Values[i] = directory.Fold(v) // OpenLDAP spells names its own way
				}
			}
			slices.Sort(a.Values)
		}
		slices.SortFunc(e.Attrs, func(a, b directory.Attr) int { return strings.Compare(a.Name, b.Name) })
		all = append(all, e)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := directory.WriteLDIF(&b, all...); err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}

// parse matches a command line against the records.
func (s *site) parse(line string) (*def.Command, *def.Call) {
	s.t.Helper()
	commands := exchange.Commands(s)
	var sigs []*sig.Signature
	for i := range commands {
		sigs = append(sigs, &commands[i].Signature)
	}
	set, err := sig.NewSet(sigs)
	if err == nil {
		err = set.Validate()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	ops := operands(strings.Replace(line, "exchfailover.exe", "exchfailover", 1)) // .exe is the parser's
	m, miss := set.Match(ops)
	if m == nil {
		s.t.Fatalf("%s: no record matches: %+v", line, miss)
	}
	call := &def.Call{Say: func(format string, args ...any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.said = append(s.said, fmt.Sprintf(format, args...))
	}}
	for _, b := range m.Binds {
		call.Args = append(call.Args, b.Arg)
		call.Vals = append(call.Vals, bound(b, ops))
	}
	for i := range commands {
		if &commands[i].Signature == m.Sig {
			return &commands[i], call
		}
	}
	return nil, nil
}

func bound(b sig.Bind, ops []sig.Operand) value.Value {
	if b.Type == "keyword" {
		return nil
	}
	var text strings.Builder
	for _, op := range ops[b.From:b.To] {
		text.WriteString(op.Text)
	}
	v := text.String()
	if b.Lo >= 0 {
		v = ops[b.From].Raw[b.Lo:b.Hi]
	}
	if b.Type == "secret" {
		return value.Secret(v)
	}
	return value.Text(v)
}

// operands cuts a line as the lexer does, as far as these tests need it.
func operands(line string) []sig.Operand {
	var ops []sig.Operand
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		switch {
		case line[0] == ',':
			ops, line = append(ops, sig.Operand{Kind: sig.MarkOperand, Text: ","}), line[1:]
		case line[0] == '"':
			text, rest, _ := strings.Cut(line[1:], `"`)
			ops, line = append(ops, sig.Operand{Kind: sig.TextOperand, Text: text, Raw: text, Quoted: true}), rest
		default:
			end := strings.IndexAny(line, " ,\n")
			if end < 0 {
				end = len(line)
			}
			ops, line = append(ops, sig.Operand{Text: line[:end], Raw: line[:end]}), line[end:]
		}
	}
	return ops
}

func optionsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "options_file.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}
