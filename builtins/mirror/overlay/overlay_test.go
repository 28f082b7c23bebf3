package overlay_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent"
	"github.com/standin-project/standin/builtins/mirror/mirrortest"
	"github.com/standin-project/standin/builtins/mirror/overlay"
)

// readOnly is agents whose every write would fail to compile: an overlay is given no more.
type readOnly struct{ mirror.Reader }

func TestConformance(t *testing.T) {
	mirrortest.Run(t, func(t *testing.T) mirrortest.Site {
		dir := t.TempDir()
		set := mirror.Set{Name: "mail", Saved: true, Rules: []mirror.Rule{{Path: `E:\mail`, Recurse: true}}}
		var configs []agent.Config
		for name, address := range map[string]string{"east": "10.1.0.5", "west": "10.1.1.9"} {
			cfg := agent.Config{
				Name: name, Addresses: []string{address}, Folder: filepath.Join(dir, name), Volumes: map[string]string{"E:": "E"},
			}
			if err := agent.Init(cfg, set); err != nil {
				t.Fatal(err)
			}
			configs = append(configs, cfg)
		}
		s, err := agent.Open(t.Context(), configs, agent.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close(context.Background()) })
		return mirrortest.Site{System: overlay.New(readOnly{s})}
	})
}
