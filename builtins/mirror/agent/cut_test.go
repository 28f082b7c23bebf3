package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent/tree"
	"github.com/standin-project/standin/builtins/mirror/agent/wire"
	"github.com/standin-project/standin/builtins/mirror/mirrortest"
	"github.com/standin-project/standin/runtime/value"
)

var rules = []mirror.Rule{{Path: `E:\mail`, Recurse: true}}

// pairOf makes two agents with a connection, and gives the folder that they live in.
func pairOf(t testing.TB, opt Options) (*Site, string) {
	t.Helper()
	dir := t.TempDir()
	s := reopen(t, dir, opt)
	if _, err := s.Connect(context.Background(), mirror.Connection{Source: "east", Target: "west", Set: "mail", Rules: rules}); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func reopen(t testing.TB, dir string, opt Options) *Site {
	t.Helper()
	var configs []Config
	for _, name := range []string{"east", "west"} {
		cfg := Config{Name: name, Folder: filepath.Join(dir, name), Volumes: map[string]string{"E:": "E"}}
		if err := os.MkdirAll(filepath.Join(dir, name, "E"), 0o755); err != nil {
			t.Fatal(err)
		}
		configs = append(configs, cfg)
	}
	s, err := Open(context.Background(), configs, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

func mail(dir, agent string) string { return filepath.Join(dir, agent, "E/mail") }

// mirrored starts a mirror and waits for its end.
func mirrored(t testing.TB, s *Site, m mirror.Mirror) mirror.Run {
	t.Helper()
	if _, err := s.StartMirror(context.Background(), "east", 1, m); err != nil {
		t.Fatal(err)
	}
	n := s.nodes["east"]
	for _, r := range n.running() {
		<-r.done
	}
	st, err := s.Connections(context.Background(), "east")
	if err != nil {
		t.Fatal(err)
	}
	return st[0].Last
}

func same(t *testing.T, dir string) {
	t.Helper()
	diffs, err := mirrortest.Same(mail(dir, "east"), mail(dir, "west"))
	if err != nil || len(diffs) > 0 {
		t.Fatalf("%v, %v", diffs, err)
	}
}

// A connection that is cut again and again is made again, and both sides end equal.
func TestCutConnection(t *testing.T) {
	var s *Site
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2))
	cuts := 0
	s, dir := pairOf(t, Options{Progress: func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Running() && cuts < maxAttempts-1 && p.Files > 0 && random.IntN(2) == 0 {
			cuts++
			s.nodes["west"].cutSessions(func(*receiver) bool { return true })
		}
	}})
	mirrortest.Grow(t, mail(dir, "east"), 5)
	for i := range 300 {
		path := filepath.Join(mail(dir, "east"), fmt.Sprint("many ", i))
		if err := os.WriteFile(path, []byte(strings.Repeat("x", i*1000)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if last := mirrored(t, s, mirror.Mirror{Orphans: true}); last.Error != "" && !strings.Contains(last.Error, "broke") {
		t.Fatal(last.Error)
	}
	t.Logf("cut %d times", cuts)
	if last := mirrored(t, s, mirror.Mirror{Orphans: true}); last.Error != "" {
		t.Fatal(last.Error)
	}
	same(t, dir)
	noTemps(t, dir)
}

func noTemps(t *testing.T, dir string) {
	t.Helper()
	filepath.WalkDir(filepath.Join(dir, "west/E"), func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), tree.TempPrefix) {
			t.Errorf("%s was left behind", path)
		}
		return nil
	})
}

// An agent that goes away in the middle leaves data that say so, in the next process too, and a new mirror mends them.
func TestAgentGoesAway(t *testing.T) {
	var s *Site
	var once sync.Once
	s, dir := pairOf(t, Options{Progress: func(p Progress) {
		if p.Running() && p.Files > 0 {
			once.Do(func() { s.Fail("west") })
		}
	}})
	mirrortest.Grow(t, mail(dir, "east"), 6)
	last := mirrored(t, s, mirror.Mirror{Compare: mirror.Compare{All: true}})
	if last.Error == "" {
		t.Fatal("the mirror completed without its target")
	}
	st, err := s.Connections(context.Background(), "east")
	if err != nil || st[0].TargetState != mirror.Retrying {
		t.Fatalf("%q, data %s, %+v, %v", st[0].TargetState, st[0].Data, st[0].Last, err)
	}
	if _, err := s.StartMirror(context.Background(), "east", 1, mirror.Mirror{}); !value.HasCode(err, value.CodeUnreachable) {
		t.Fatalf("got %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, dir, Options{})
	if !s.Down("west") || s.Down("east") {
		t.Fatal("who is down was forgotten")
	}
	if err := s.Heal("west"); err != nil {
		t.Fatal(err)
	}
	st, err = s.Connections(context.Background(), "east")
	if err != nil || st[0].TargetState != mirror.RemirrorRequired {
		t.Fatalf("%q, data %s, %+v, %v", st[0].TargetState, st[0].Data, st[0].Last, err)
	}
	if last := mirrored(t, s, mirror.Mirror{Compare: mirror.Compare{Checksum: true}, Orphans: true}); last.Error != "" {
		t.Fatal(last.Error)
	}
	same(t, dir)
	noTemps(t, dir)
}

// A connection is revived although its target has gone away since it ended: the next mirror tells the target of it.
func TestReviveWithoutTheTarget(t *testing.T) {
	s, dir := pairOf(t, Options{})
	ctx := context.Background()
	mirrored(t, s, mirror.Mirror{Compare: mirror.Compare{All: true}})
	was, err := s.Connections(ctx, "east")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return s.Disconnect(ctx, "east", 1) },
		func() error { return s.Fail("west") },
		func() error { return s.Revive(ctx, was[0]) },
		func() error { return s.Heal("west") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	mirrortest.Grow(t, mail(dir, "east"), 2)
	if last := mirrored(t, s, mirror.Mirror{}); last.Error != "" || last.Number != was[0].Last.Number+1 {
		t.Fatalf("got %+v after %+v", last, was[0].Last)
	}
	same(t, dir)
	if in, err := s.Inbound(ctx, "west"); err != nil || len(in) != 1 || !in[0].Connected {
		t.Fatalf("the target remembers %+v, %v", in, err)
	}
}

// What a peer may not do, it does not do, and nothing appears outside the set.
func TestHostilePeer(t *testing.T) {
	info := tree.Info{Type: tree.File, Mode: 0o644, Links: 1}
	item := func(path string) []byte {
		it := wire.Item{Path: path, Info: info}
		return it.Append(nil)
	}
	link := wire.Item{Path: "good", Info: info, LinkPath: "../../../../etc/passwd"}
	root := wire.Item{Root: 7, Path: "good", Info: info}
	for name, frame := range map[string]struct {
		kind wire.Kind
		body []byte
	}{
		"a path that climbs":          {wire.Put, item("../../escaped")},
		"a path that climbs later":    {wire.Put, item("a/../../escaped")},
		"an absolute path":            {wire.Put, item("/tmp/escaped")},
		"an empty part":               {wire.Put, item("a//b")},
		"a NUL byte":                  {wire.Put, item("a\x00b")},
		"an excluded path":            {wire.Remove, item("private/file")},
		"a root that is not there":    {wire.Put, root.Append(nil)},
		"a link to somewhere else":    {wire.Link, link.Append(nil)},
		"data of no file":             {wire.Data, []byte{0, 1, 2}},
		"the end of no file":          {wire.End, item("good")},
		"a frame that does not exist": {wire.Kind(200), nil},
		"half an item":                {wire.Put, item("good")[:3]},
		"no item":                     {wire.Meta, nil},
		"a data state of its own":     {wire.Done, []byte(`{"data":"Perfect"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := pairOf(t, Options{})
			if err := os.MkdirAll(filepath.Join(mail(dir, "west"), "private"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(mail(dir, "west"), "private/file"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			conn := mirror.Connection{ID: 1, Source: "east", Target: "west", Set: "mail", Rules: []mirror.Rule{
				rules[0], {Path: `E:\mail\private`, Exclude: true, Recurse: true},
			}}
			m, err := s.nodes["east"].session(context.Background(), hello{Connection: conn, Purpose: carry})
			if err != nil {
				t.Fatal(err)
			}
			defer m.close()
			if err := errors.Join(m.conn.Send(frame.kind, frame.body), m.conn.Flush()); err != nil {
				t.Fatal(err)
			}
			if err := expect(m.conn, wire.Report, nil); err == nil {
				t.Fatal("it was accepted")
			}
			if found, _ := filepath.Glob(filepath.Join(dir, "*", "escaped")); len(found) > 0 {
				t.Fatal(found)
			}
			if _, err := os.Stat(filepath.Join(mail(dir, "west"), "private/file")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A message that claims to be huge ends the session before anything is made room for.
func TestOversizedMessage(t *testing.T) {
	s, _ := pairOf(t, Options{})
	m, err := s.nodes["east"].session(context.Background(), hello{Connection: mirror.Connection{ID: 1, Source: "east", Target: "west", Set: "mail", Rules: rules}, Purpose: carry})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	head := []byte{byte(wire.Put), 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[1:], 1<<31)
	if _, err := m.conn.Conn.Write(head); err != nil {
		t.Fatal(err)
	}
	if err := expect(m.conn, wire.Report, nil); err == nil {
		t.Fatal("it was accepted")
	}
}

// Nobody speaks for another agent, and who may look may not write.
func TestWhoSpeaks(t *testing.T) {
	s, _ := pairOf(t, Options{})
	conn := mirror.Connection{ID: 1, Source: "west", Target: "west", Set: "mail", Rules: rules}
	if m, err := s.nodes["east"].session(context.Background(), hello{Connection: conn, Purpose: carry}); err == nil {
		m.close()
		t.Fatal("east spoke for west")
	}
	conn.Source = "east"
	m, err := s.nodes["east"].session(context.Background(), hello{Connection: conn, Purpose: look})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	it := wire.Item{Path: "x", Info: tree.Info{Type: tree.File}}
	m.conn.Send(wire.Put, it.Append(nil))
	m.conn.Flush()
	err = expect(m.conn, wire.Report, nil)
	if f, ok := errors.AsType[*value.Failure](err); !ok || f.Code != value.CodeRefused {
		t.Fatalf("got %v", err)
	}
}

// A target decides which sources may write below which of its folders.
func TestGrants(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		grants map[string][]string
		want   bool
	}{
		"nothing said":                {nil, true},
		"the folder":                  {map[string][]string{"east": {`E:\mail`}}, true},
		"the folder above":            {map[string][]string{"east": {`F:\`, `E:\`}}, true},
		"a folder below":              {map[string][]string{"east": {`E:\mail\below`}}, false},
		"a folder with a longer name": {map[string][]string{"east": {`E:\mailbox`}}, false},
		"to another source":           {map[string][]string{"north": {`E:\`}}, false},
		"to nobody":                   {map[string][]string{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			configs := []Config{{Name: "east"}, {Name: "west", Grants: test.grants}}
			for i := range configs {
				configs[i].Folder, configs[i].Volumes = filepath.Join(dir, name, configs[i].Name), map[string]string{"E:": "E"}
				if err := Init(configs[i]); err != nil {
					t.Fatal(err)
				}
			}
			s, err := Open(t.Context(), configs, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(context.Background())
			c := mirror.Connection{Source: "east", Target: "west", Set: "mail", Rules: rules}
			_, looked := s.Compare(t.Context(), c, mirror.Compare{Checksum: true})
			_, err = s.Connect(t.Context(), c)
			for _, err := range []error{looked, err} {
				if (err == nil) != test.want || err != nil && !value.HasCode(err, value.CodeRefused) {
					t.Fatalf("got %v", err)
				}
			}
			if err != nil {
				return
			}
			_, err = s.Sweep(t.Context(), "east", 1, mirror.Sweep{MoveTo: `E:\mailbox`})
			if above := name != "the folder"; (err == nil) != above || err != nil && !value.HasCode(err, value.CodeRefused) {
				t.Fatalf("orphans moved elsewhere: %v", err)
			}
		})
	}
}
