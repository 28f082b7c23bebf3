package agent_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/standin-project/standin/builtins/mirror"
	"github.com/standin-project/standin/builtins/mirror/agent"
	"github.com/standin-project/standin/builtins/mirror/mirrortest"
)

// open makes a fresh site of two agents.
func open(t *testing.T) (*agent.Site, string) {
	t.Helper()
	dir := t.TempDir()
	var configs []agent.Config
	for name, address := range map[string]string{"east": "10.1.0.5", "west": "10.1.1.9"} {
		cfg := agent.Config{
			Name: name, Addresses: []string{address}, Folder: filepath.Join(dir, name), Volumes: map[string]string{"E:": "E"},
		}
		set := mirror.Set{Name: "mail", Saved: true, Rules: []mirror.Rule{{Path: `E:\mail`, Recurse: true}}}
		if err := agent.Init(cfg, set); err != nil {
			t.Fatal(err)
		}
		configs = append(configs, cfg)
	}
	s, err := agent.Open(t.Context(), configs, agent.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, dir
}

func TestConformance(t *testing.T) {
	mirrortest.Run(t, func(t *testing.T) mirrortest.Site {
		s, dir := open(t)
		return mirrortest.Site{System: s, Folder: func(agent string) string { return filepath.Join(dir, agent, "E") }}
	})
}
