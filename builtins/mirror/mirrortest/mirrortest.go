// Package mirrortest is the conformance suite of mirror agents.
package mirrortest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/runtime/value"
)

// Site is two agents, "east" and "west", whose volume "E:" is a folder here; each has the set "mail" of `E:\mail`.
type Site struct {
	mirror.System
	// Folder is where an agent's volume "E:" lies; "" for agents that carry nothing (a plan's).
	Folder func(agent string) string
}

// Mail is the connection of the set that every site has.
func Mail() mirror.Connection {
	return mirror.Connection{Source: "east", Target: "west", Set: "mail", Rules: mailSet().Rules}
}

func mailSet() mirror.Set {
	return mirror.Set{Name: "mail", Saved: true, Rules: []mirror.Rule{{Path: `E:\mail`, Recurse: true}}}
}

// Run runs the whole suite.
func Run(t *testing.T, open func(t *testing.T) Site) {
	for _, test := range []struct {
		name string
		f    func(*testing.T, Site)
	}{
		{"sets are made, changed and dropped", sets},
		{"agents are found by name and address", names},
		{"settings are kept", settings},
		{"connections are numbered from 1 and each number is used once", numbers},
		{"who took over refuses an older generation", generations},
		{"only a restore goes over a source", restored},
		{"a marker is replaced only by who knows it", markers},
		{"two sets do not share a target path", overlapping},
		{"a connection that is not there is named", notThere},
		{"a connection is retracted, and its target remembers what it did before", retracted},
		{"a connection that was ended is revived as it was", revived},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, open(t)) })
	}
	if open(t).Folder == nil {
		return
	}
	for _, test := range carrying {
		t.Run(test.name, func(t *testing.T) { test.f(t, open(t)) })
	}
}

func ok[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// code fails the test unless err is a Failure of that code.
func code(t *testing.T, err error, want int) {
	t.Helper()
	f, isFailure := err.(*value.Failure)
	if !isFailure || f.Code != want {
		t.Fatalf("got %v, want a failure of code %d", err, want)
	}
}

func sets(t *testing.T, s Site) {
	ctx := t.Context()
	must(t, s.PutSet(ctx, "east", mirror.Set{Name: "Mail"}))
	must(t, s.PutSet(ctx, "east", mirror.Set{Name: "a"}))
	all := ok[[]mirror.Set](t)(s.Sets(ctx, "east"))
	if len(all) != 3 || all[0].Name != "Mail" || all[1].Name != "a" || all[2].Name != "mail" {
		t.Fatalf("got %v, want Mail, a and mail", all)
	}
	must(t, s.DropSet(ctx, "east", "a"))
	must(t, s.DropSet(ctx, "east", "a"))
	if all := ok[[]mirror.Set](t)(s.Sets(ctx, "east")); len(all) != 2 {
		t.Fatalf("got %v after the drop", all)
	}
	if all := ok[[]mirror.Set](t)(s.Sets(ctx, "west")); len(all) != 1 {
		t.Fatalf("the other agent has %v", all)
	}
}

func names(t *testing.T, s Site) {
	if got := s.Agents(); !slices.Equal(got, []string{"east", "west"}) {
		t.Fatalf("got %v", got)
	}
	for _, name := range []string{"west", "WEST", "10.1.1.9"} {
		if got := ok[string](t)(s.Resolve(name)); got != "west" {
			t.Fatalf("%q is %q", name, got)
		}
	}
	_, err := s.Resolve("north")
	code(t, err, value.CodeNotThere)
	_, err = s.Sets(t.Context(), "north")
	code(t, err, value.CodeNotThere)
}

func settings(t *testing.T, s Site) {
	ctx := t.Context()
	a := ok[mirror.Agent](t)(s.Agent(ctx, "east"))
	if a.Name != "east" || !a.Up || a.Settings != (mirror.Settings{Checksum: true}) || !slices.Contains(a.Addresses, "10.1.0.5") {
		t.Fatalf("a fresh agent is %+v", a)
	}
	if v := a.Volumes["E:"]; v.Free <= 0 || v.Size < v.Free || a.Clock.IsZero() || a.Version == "" {
		t.Fatalf("it tells of itself %+v", a)
	}
	want := mirror.Settings{Reconnect: true}
	must(t, s.Configure(ctx, "east", want))
	if a := ok[mirror.Agent](t)(s.Agent(ctx, "east")); a.Settings != want {
		t.Fatalf("got %+v, want %+v", a.Settings, want)
	}
	if a := ok[mirror.Agent](t)(s.Agent(ctx, "west")); a.Settings != (mirror.Settings{Checksum: true}) {
		t.Fatalf("the other agent has %+v", a.Settings)
	}
	_, err := s.Agent(ctx, "north")
	code(t, err, value.CodeNotThere)
	code(t, s.Configure(ctx, "north", want), value.CodeNotThere)
}

func numbers(t *testing.T, s Site) {
	ctx := t.Context()
	id := func(want int64) {
		t.Helper()
		if next := ok[int64](t)(s.NextID(ctx, "east")); next != want {
			t.Fatalf("the next id is %d, want %d", next, want)
		}
		if got := ok[int64](t)(s.Connect(ctx, Mail())); got != want {
			t.Fatalf("got id %d, want %d", got, want)
		}
	}
	id(1)
	must(t, s.Disconnect(ctx, "east", 1))
	id(2)
	in := ok[[]mirror.Inbound](t)(s.Inbound(ctx, "west"))
	if len(in) != 1 || in[0].ID != 2 || !in[0].Connected || in[0].Data != mirror.Bad || in[0].Generation != 1 {
		t.Fatalf("the target remembers %+v", in)
	}
	must(t, s.Disconnect(ctx, "east", 2))
	if in := ok[[]mirror.Inbound](t)(s.Inbound(ctx, "west")); len(in) != 1 || in[0].Connected {
		t.Fatalf("the target remembers %+v after the disconnect", in)
	}
	back := Mail()
	back.ID = 2
	if got := ok[int64](t)(s.Connect(ctx, back)); got != 2 {
		t.Fatalf("reconnecting gave id %d", got)
	}
	if next := ok[int64](t)(s.NextID(ctx, "east")); next != 3 {
		t.Fatalf("the next id is %d, want 3", next)
	}
}

// start mirrors and waits for the end.
func start(t *testing.T, s Site, source string, id int64, m mirror.Mirror) mirror.Status {
	t.Helper()
	if _, err := s.StartMirror(t.Context(), source, id, m); err != nil {
		t.Fatal(err)
	}
	return ended(t, s, source, id)
}

// ended waits for the end of a mirror.
func ended(t *testing.T, s Site, source string, id int64) mirror.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		for _, st := range ok[[]mirror.Status](t)(s.Connections(ctx, source)) {
			if st.ID == id && (st.Last.State == mirror.Idle || !st.Last.Running()) {
				return st
			}
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the mirror does not end: %+v", ok[[]mirror.Status](t)(s.Connections(t.Context(), source)))
		}
	}
}

func generations(t *testing.T, s Site) {
	ctx := t.Context()
	id := ok[int64](t)(s.Connect(ctx, Mail()))
	if st := start(t, s, "east", id, mirror.Mirror{}); st.Last.Number != 1 || st.Last.Error != "" || st.Data != mirror.Good {
		t.Fatalf("the first mirror: %+v", st)
	}
	old := ok[mirror.Marker](t)(s.Marker(ctx, "west", "mail"))
	if old.Role != mirror.RoleTarget || old.Generation != 1 {
		t.Fatalf("the target's marker is %+v", old)
	}
	taken := mirror.Marker{Set: "mail", Role: mirror.RoleSource, Generation: 2, TakenFrom: "east"}
	must(t, s.Mark(ctx, "west", old, taken))
	_, err := s.StartMirror(ctx, "east", id, mirror.Mirror{})
	code(t, err, value.CodeRefused)
	_, err = s.Sweep(ctx, "east", id, mirror.Sweep{})
	code(t, err, value.CodeRefused)

	_, err = s.StartMirror(ctx, "east", id, mirror.Mirror{Restore: true})
	code(t, err, value.CodeRefused)
}

func restored(t *testing.T, s Site) {
	ctx := t.Context()
	ok[int64](t)(s.Connect(ctx, Mail()))
	first := ok[mirror.Marker](t)(s.Marker(ctx, "west", "mail"))
	must(t, s.Mark(ctx, "west", first, mirror.Marker{Set: "mail", Role: mirror.RoleSource, Generation: 2, TakenFrom: "east"}))
	back := ok[int64](t)(s.Connect(ctx, ok[mirror.Connection](t)(mirror.Reverse(Mail()))))
	for _, m := range []mirror.Mirror{{}, {Compare: mirror.Compare{All: true}}, {Orphans: true}} {
		_, err := s.StartMirror(ctx, "west", back, m)
		code(t, err, value.CodeRefused)
	}
	_, err := s.Sweep(ctx, "west", back, mirror.Sweep{})
	code(t, err, value.CodeRefused)
	if m := ok[mirror.Marker](t)(s.Marker(ctx, "east", "mail")); m != mirror.FirstMarker("mail") {
		t.Fatalf("the old source is %+v before anybody said RESTORE", m)
	}
	if in := ok[[]mirror.Inbound](t)(s.Inbound(ctx, "east")); len(in) != 1 || in[0].Generation != 1 {
		t.Fatalf("the old source remembers %+v", in)
	}
	for _, m := range []mirror.Mirror{{Restore: true}, {}, {Restore: true}} {
		if st := start(t, s, "west", back, m); st.Last.Error != "" || st.Generation != 2 || st.TargetState != mirror.Online {
			t.Fatalf("the way back: %+v", st)
		}
		if m := ok[mirror.Marker](t)(s.Marker(ctx, "east", "mail")); m.Role != mirror.RoleTarget || m.Generation != 2 {
			t.Fatalf("the old source is %+v", m)
		}
	}
	if _, err := s.Sweep(ctx, "west", back, mirror.Sweep{}); err != nil {
		t.Fatal(err)
	}
}

func markers(t *testing.T, s Site) {
	ctx := t.Context()
	ok[int64](t)(s.Connect(ctx, Mail()))
	m := ok[mirror.Marker](t)(s.Marker(ctx, "west", "mail"))
	next := m
	next.Generation = 7
	must(t, s.Mark(ctx, "west", m, next))
	code(t, s.Mark(ctx, "west", m, next), value.CodeConflict)
	if got := ok[mirror.Marker](t)(s.Marker(ctx, "west", "mail")); got != next {
		t.Fatalf("got %+v", got)
	}
	must(t, s.Mark(ctx, "west", next, mirror.Marker{Set: "mail"}))
	if got := ok[mirror.Marker](t)(s.Marker(ctx, "west", "mail")); got != (mirror.Marker{}) {
		t.Fatalf("a marker that was removed is %+v", got)
	}
	if got := ok[mirror.Marker](t)(s.Marker(ctx, "east", "other")); got != (mirror.Marker{}) {
		t.Fatalf("a set without a marker has %+v", got)
	}
}

func retracted(t *testing.T, s Site) {
	ctx := t.Context()
	conn := Mail()
	var was *mirror.Inbound
	for want := int64(1); want < 4; want++ {
		conn.ID = ok[int64](t)(s.Connect(ctx, Mail()))
		if conn.ID != want {
			t.Fatalf("got id %d, want %d: a number is used once", conn.ID, want)
		}
		if want == 2 { // this one ends as others do
			must(t, s.Disconnect(ctx, "east", conn.ID))
			was = &ok[[]mirror.Inbound](t)(s.Inbound(ctx, "west"))[0]
			continue
		}
		for range 2 {
			must(t, s.Retract(ctx, conn, was))
			if all := ok[[]mirror.Status](t)(s.Connections(ctx, "east")); len(all) > 0 {
				t.Fatalf("retracted, it is still there: %+v", all)
			}
			in := ok[[]mirror.Inbound](t)(s.Inbound(ctx, "west"))
			if was == nil && len(in) > 0 || was != nil && (len(in) != 1 || in[0].ID != was.ID || in[0].Connected) {
				t.Fatalf("the target remembers %+v, want %+v", in, was)
			}
		}
	}
	later := ok[int64](t)(s.Connect(ctx, Mail()))
	must(t, s.Retract(ctx, conn, was))
	if in := ok[[]mirror.Inbound](t)(s.Inbound(ctx, "west")); len(in) != 1 || in[0].ID != later || !in[0].Connected {
		t.Fatalf("retracting an earlier one, the target has forgotten the later: %+v", in)
	}
}

func revived(t *testing.T, s Site) {
	ctx := t.Context()
	id := ok[int64](t)(s.Connect(ctx, Mail()))
	start(t, s, "east", id, mirror.Mirror{})
	st := ok[[]mirror.Status](t)(s.Connections(ctx, "east"))[0]
	must(t, s.Disconnect(ctx, "east", id))
	for range 2 {
		must(t, s.Revive(ctx, st))
		now := ok[[]mirror.Status](t)(s.Connections(ctx, "east"))
		if len(now) != 1 || now[0].ID != id || now[0].Last.Number != 1 || now[0].Data != st.Data || now[0].TargetState != st.TargetState {
			t.Fatalf("revived, it is %+v, and was %+v", now, st)
		}
		if in := ok[[]mirror.Inbound](t)(s.Inbound(ctx, "west")); len(in) != 1 || !in[0].Connected || in[0].Data != st.Data {
			t.Fatalf("the target remembers %+v", in)
		}
	}
	if next := ok[int64](t)(s.NextID(ctx, "east")); next != id+1 {
		t.Fatalf("the next id is %d, want %d", next, id+1)
	}
	over := ok[mirror.Marker](t)(s.Marker(ctx, "west", "mail"))
	taken := over
	taken.Role, taken.Generation = mirror.RoleSource, over.Generation+1
	must(t, s.Mark(ctx, "west", over, taken))
	must(t, s.Disconnect(ctx, "east", id))
	must(t, s.Revive(ctx, st)) // what its target owns since does not matter, and stays
	if now := ok[mirror.Marker](t)(s.Marker(ctx, "west", "mail")); now.Role != taken.Role || now.Generation != taken.Generation {
		t.Fatalf("west is %+v, was %+v", now, taken)
	}
	st.ID, st.Set, st.Rules = 7, "other", []mirror.Rule{{Path: `E:\mail\in`, Recurse: true}}
	code(t, s.Revive(ctx, st), value.CodeConflict) // another one has its target's path by now
}

func notThere(t *testing.T, s Site) {
	ctx := t.Context()
	_, err := s.StartMirror(ctx, "east", 9, mirror.Mirror{})
	code(t, err, value.CodeNotThere)
	code(t, s.Disconnect(ctx, "east", 9), value.CodeNotThere)
	code(t, s.Replicate(ctx, "east", 9, true), value.CodeNotThere)
	code(t, s.ControlMirror(ctx, "east", 9, mirror.Pause), value.CodeNotThere)
	_, err = s.Sweep(ctx, "east", 9, mirror.Sweep{})
	code(t, err, value.CodeNotThere)
}

// mail is the folder of the set on one side.
func (s Site) mail(agent string) string { return filepath.Join(s.Folder(agent), "mail") }

// equal fails the test unless both sides are the same.
func (s Site) equal(t *testing.T) {
	t.Helper()
	for i, d := range ok[[]string](t)(Same(s.mail("east"), s.mail("west"))) {
		if i == 10 {
			t.Fatal("and more")
		}
		t.Error(d)
	}
}

func (s Site) write(t *testing.T, agent, path, text string) {
	t.Helper()
	path = filepath.Join(s.Folder(agent), path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func (s Site) has(agent, path string) bool {
	_, err := os.Lstat(filepath.Join(s.Folder(agent), path))
	return err == nil
}

func many(t *testing.T, s Site, agent, dir string, n int) {
	for i := range n {
		s.write(t, agent, fmt.Sprintf("mail/%s/%02d/%d", dir, i%50, i), fmt.Sprint("file ", i))
	}
}
