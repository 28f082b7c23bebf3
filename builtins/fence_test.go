package builtins_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/plan"
)

// writes are calls of everything that can change a system.
func writes(w *world) map[reflect.Type]map[string]func(ctx context.Context) error {
	conn := mirror.Connection{Source: "east", Target: "west", Set: "mailstores", Rules: []mirror.Rule{{Path: `E:\Exchsrvr`, Recurse: true}}}
	named := conn
	named.ID = 1
	record := []dns.Record{{Name: "exch1.mydomain.com", Type: "A", TTL: 900, Data: "10.1.0.5"}}
	marker := mirror.FirstMarker("mailstores")
	return map[reflect.Type]map[string]func(ctx context.Context) error{
		reflect.TypeFor[cluster.System](): {
			"Apply": func(ctx context.Context) error {
				return w.clusters["west"].Apply(ctx, model.Op{Verb: model.GroupOnline, Group: "Exchange Group"})
			},
		},
		reflect.TypeFor[dns.System](): {
			"Update": func(ctx context.Context) error {
				_, err := w.dns.Update(ctx, dns.Update{Zone: "mydomain.com", Swaps: []dns.Swap{{Name: record[0].Name, Type: "A", Old: record}}})
				return err
			},
		},
		reflect.TypeFor[directory.System](): {
			"Modify": func(ctx context.Context) error {
				return w.client.Modify(ctx, directory.Modification{DN: "CN=user00001,CN=Users,DC=mydomain,DC=com",
					Edits: []directory.Edit{{Attr: "description", New: []string{"late"}}}})
			},
			"SetNote": func(ctx context.Context) error { return w.client.SetNote(ctx, "failover-exch1-to-exch2", []byte("{}")) },
		},
		reflect.TypeFor[mirror.System](): {
			"Configure":  func(ctx context.Context) error { return w.agents.Configure(ctx, "east", mirror.Settings{}) },
			"PutSet":     func(ctx context.Context) error { return w.agents.PutSet(ctx, "east", mirror.Set{Name: "other"}) },
			"DropSet":    func(ctx context.Context) error { return w.agents.DropSet(ctx, "east", "mailstores") },
			"Connect":    func(ctx context.Context) error { _, err := w.agents.Connect(ctx, conn); return err },
			"Disconnect": func(ctx context.Context) error { return w.agents.Disconnect(ctx, "east", 1) },
			"Retract":    func(ctx context.Context) error { return w.agents.Retract(ctx, named, nil) },
			"Revive":     func(ctx context.Context) error { return w.agents.Revive(ctx, mirror.Status{Connection: named}) },
			"StartMirror": func(ctx context.Context) error {
				_, err := w.agents.StartMirror(ctx, "east", 1, mirror.Mirror{})
				return err
			},
			"ControlMirror": func(ctx context.Context) error { return w.agents.ControlMirror(ctx, "east", 1, mirror.Resume) },
			"Replicate":     func(ctx context.Context) error { return w.agents.Replicate(ctx, "east", 1, true) },
			"Sweep":         func(ctx context.Context) error { _, err := w.agents.Sweep(ctx, "east", 1, mirror.Sweep{}); return err },
			"Mark": func(ctx context.Context) error {
				return w.agents.Mark(ctx, "east", marker, mirror.Marker{Set: "mailstores"})
			},
		},
	}
}

// readers are the halves of the systems that change nothing.
func readers() map[reflect.Type]reflect.Type {
	return map[reflect.Type]reflect.Type{
		reflect.TypeFor[cluster.System]():   reflect.TypeFor[cluster.Reader](),
		reflect.TypeFor[dns.System]():       reflect.TypeFor[dns.Reader](),
		reflect.TypeFor[directory.System](): reflect.TypeFor[directory.Reader](),
		reflect.TypeFor[mirror.System]():    reflect.TypeFor[mirror.Reader](),
	}
}

// A run that has lost its lock changes nothing any more, by whatever way it comes to a system.
func TestNothingIsWrittenWithoutTheLock(t *testing.T) {
	w := enter(t, newSite(t))
	defer w.leave()
	w.gate.set(true)
	must(t, w.run(connected+`MIRROR START 1; MIRROR PAUSE 1;`, &notebook{}, nil))
	before := w.show()
	lost := errors.New("somebody else has it")
	walk := plan.New(plan.Config{Held: func(context.Context) error { return lost }})
	ctx := walk.Start(t.Context())
	for system, calls := range writes(w) {
		for i := range system.NumMethod() {
			name := system.Method(i).Name
			if _, reads := readers()[system].MethodByName(name); reads {
				continue
			}
			write := calls[name]
			if write == nil {
				t.Errorf("nobody tries %s.%s without the lock", system, name)
				continue
			}
			if err := write(ctx); !errors.Is(err, lost) {
				t.Errorf("%s.%s: got %v, want that the lock is lost", system, name, err)
			}
		}
	}
	if got := w.show(); !reflect.DeepEqual(got, before) {
		t.Errorf("something was written: %s", differing("", got, before))
	}
}
