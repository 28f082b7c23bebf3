package core_test

import (
	"context"
	"errors"
	"testing"

	"github.com/standin-project/standin/builtins/core"
	"github.com/standin-project/standin/builtins/core/overlay"
	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// fake is a host that notes what it was asked, and the site that has only it.
type fake struct {
	agent  string
	probed core.Probe
	asked  []string
	ran    []string
	fails  error
}

func (f *fake) Host(agent string) (core.System, error) {
	f.agent = agent
	return f, nil
}

func (f *fake) Probe(_ context.Context, p core.Probe) (core.Answer, error) {
	f.probed = p
	return core.Answer{Answered: true, Address: "10.1.0.5", Detail: "yes", Status: 200}, f.fails
}

func (f *fake) Query(_ context.Context, p core.Program) (core.Output, error) {
	f.asked = append(f.asked, p.String())
	return core.Output{Stdout: "one\ntwo\n", Stderr: "hm\n"}, f.fails
}

func (f *fake) Exec(_ context.Context, p core.Program) (core.Output, error) {
	f.ran = append(f.ran, p.String())
	return core.Output{Stdout: "done\n"}, f.fails
}

// call makes a call from keywords (a bare string) and slots (a pair of name and value).
func call(parts ...any) *def.Call {
	c := &def.Call{Say: func(string, ...any) {}}
	for i := 0; i < len(parts); i++ {
		name := parts[i].(string)
		a, v := sig.Arg{Name: name, Type: "keyword"}, value.Value(nil)
		if name[0] == '<' {
			i++
			a, v = sig.Arg{Name: name[1 : len(name)-1], Type: "text"}, value.From(parts[i])
		}
		c.Args, c.Vals = append(c.Args, a), append(c.Vals, v)
	}
	return c
}

func failure(err error) int {
	var f *value.Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return 0
}

const (
	probe = iota
	reads
	changes
)

func TestProbe(t *testing.T) {
	f := &fake{}
	c := core.Commands(f)[probe]
	for _, x := range []struct {
		call *def.Call
		want core.Probe
	}{
		{call("PROBE", "<host>", "exch1", "PING"), core.Probe{Host: "exch1", Kind: core.Ping}},
		{call("PROBE", "<host>", "exch1", "ARP", "FROM", "<agent>", "west"), core.Probe{Host: "exch1", Kind: core.ARP}},
		{call("PROBE", "<host>", "exch1", "TCP", "<port>", 25, "EXPECT", "<text>", "220"), core.Probe{Host: "exch1", Kind: core.TCP, Port: 25, Expect: "220"}},
		{call("PROBE", "<host>", "exch1", "HTTP", "<url>", "/owa"), core.Probe{Host: "exch1", Kind: core.HTTP, URL: "/owa"}},
	} {
		v, err := c.Read(t.Context(), x.call)
		if err != nil || f.probed != x.want {
			t.Errorf("asked %+v, %v, want %+v", f.probed, err, x.want)
			continue
		}
		m, _ := value.AsMap(v)
		if yes, _ := value.AsTruth(m["answered"]); !yes || value.Print(m["kind"]) != string(x.want.Kind) {
			t.Errorf("%s gives %v", x.want.Kind, value.To(v))
		}
	}
	for _, port := range []int{0, -1, 65536} {
		if _, err := c.Read(t.Context(), call("PROBE", "<host>", "exch1", "TCP", "<port>", port)); failure(err) != value.CodeBadParameter {
			t.Errorf("port %d: %v", port, err)
		}
	}
}

func TestExecThatReads(t *testing.T) {
	f := &fake{}
	v, err := core.Commands(f)[reads].Read(t.Context(), call("EXEC", "<program>", "df", "<args>", "-h", "<args>", `E: "x"`, "ON", "<agent>", "west", "EFFECT", "READS"))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.asked) != 1 || f.asked[0] != `df -h "E: \"x\""` || f.agent != "west" || len(f.ran) != 0 {
		t.Errorf("on %q it asked %q and ran %q", f.agent, f.asked, f.ran)
	}
	m, _ := value.AsMap(v)
	if value.Print(m["output"]) != "one\ntwo" || value.Print(m["errors"]) != "hm" {
		t.Errorf("got %v", value.To(v))
	}
}

func TestExecThatChanges(t *testing.T) {
	f := &fake{}
	a, err := core.Commands(f)[changes].Observe(t.Context(), call("EXEC", "<program>", "service", "<args>", "restart", "ON", "<agent>", "west", "EFFECT", "CHANGES"))
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Change{System: "agent west", What: "program service restart", To: "runs"}
	if a.Done != plan.No || len(a.Changes) != 1 || a.Changes[0].String() != want.String() || len(f.ran) != 0 {
		t.Fatalf("observed %+v, ran %q", a, f.ran)
	}
	if answer, _ := a.Verify(t.Context()); answer != plan.Unknown {
		t.Errorf("before it ran it verifies %s", answer)
	}
	if _, err := a.Do(t.Context()); err != nil || len(f.ran) != 1 {
		t.Errorf("ran %q, %v", f.ran, err)
	}
	if answer, _ := a.Verify(t.Context()); answer != plan.Yes {
		t.Errorf("after it ran it verifies %s", answer)
	}
}

func TestAProgramThatFails(t *testing.T) {
	f := &fake{fails: value.Failf(value.CodeFailed, "program %q ended with exit status 1", "false")}
	if _, err := core.Commands(f)[reads].Read(t.Context(), call("EXEC", "<program>", "false", "EFFECT", "READS")); failure(err) != value.CodeFailed {
		t.Errorf("got %v", err)
	}
}

func TestASecretIsNoArgument(t *testing.T) {
	f := &fake{}
	c := call("EXEC", "<program>", "net", "<args>", "use", "<args>", value.Secret("hunter2"), "EFFECT", "CHANGES")
	if _, err := core.Commands(f)[changes].Observe(t.Context(), c); failure(err) != value.CodeBadParameter || len(f.ran) != 0 {
		t.Errorf("got %v, ran %q", err, f.ran)
	}
}

// In a plan a program that reads is run and one that changes is not; nobody can know what it would print.
func TestThePlan(t *testing.T) {
	f := &fake{}
	site := over{overlay.New(f)}
	if _, err := core.Commands(site)[reads].Read(t.Context(), call("EXEC", "<program>", "df", "EFFECT", "READS")); err != nil || len(f.asked) != 1 {
		t.Errorf("asked %q, %v", f.asked, err)
	}
	a, err := core.Commands(site)[changes].Observe(t.Context(), call("EXEC", "<program>", "reboot", "EFFECT", "CHANGES"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Do(t.Context())
	if err != nil || len(f.ran) != 0 {
		t.Fatalf("ran %q, %v", f.ran, err)
	}
	if _, unknown := value.IsUnknown(v); !unknown {
		t.Errorf("got %v, want unknown", value.To(v))
	}
}

type over struct{ host core.System }

func (o over) Host(string) (core.System, error) { return o.host, nil }
