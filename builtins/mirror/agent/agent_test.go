package agent

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/standin-project/standin/builtins/mirror"
)

func open(t *testing.T) (*Site, string) {
	t.Helper()
	dir := t.TempDir()
	var configs []Config
	for _, name := range []string{"east", "west"} {
		cfg := Config{Name: name, Folder: filepath.Join(dir, name), Volumes: map[string]string{"E:": "E"}}
		set := mirror.Set{Name: "s", Saved: true, Rules: []mirror.Rule{{Path: `E:\mail`, Recurse: true}}}
		if err := Init(cfg, set); err != nil {
			t.Fatal(err)
		}
		configs = append(configs, cfg)
	}
	s, err := Open(t.Context(), configs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s, dir
}

func TestSmoke(t *testing.T) {
	s, dir := open(t)
	m := filepath.Join(dir, "east/E/mail")
	os.MkdirAll(filepath.Join(m, "a/b"), 0o750)
	os.WriteFile(filepath.Join(m, "a/x"), []byte("hello"), 0o640)
	os.WriteFile(filepath.Join(m, "big"), make([]byte, 300000), 0o640)
	ctx := t.Context()
	id, err := s.Connect(ctx, mirror.Connection{Source: "east", Target: "west", Set: "s", Rules: []mirror.Rule{{Path: `E:\mail`, Recurse: true}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []mirror.Mirror{{Compare: mirror.Compare{All: true}}, {}, {Compare: mirror.Compare{Checksum: true}, Orphans: true}} {
		began := time.Now()
		if _, err := s.StartMirror(ctx, "east", id, o); err != nil {
			t.Fatal(err)
		}
		n := s.nodes["east"]
		if _, err := n.await(ctx, id); err != nil {
			t.Fatal(err)
		}
		st, _ := s.Connections(ctx, "east")
		t.Logf("%+v %v", st[0], time.Since(began))
	}
	d, err := s.Compare(ctx, mirror.Connection{Source: "east", Target: "west", Set: "s", Rules: []mirror.Rule{{Path: `E:\mail`, Recurse: true}}}, mirror.Compare{Checksum: true})
	t.Logf("%+v %v", d, err)
}
