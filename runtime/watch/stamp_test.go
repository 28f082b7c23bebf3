package watch_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/watch"
)

func stamp(by string, at time.Time) *watch.Stamp {
	return &watch.Stamp{
		Time: at, By: by, Files: map[string]string{"/a/failover.dtcl": "1", "lib/failover.dtcl": "2", "standin.toml": "3"},
		Scripts: map[string]string{"scripts/east1/online.dtcl": "4"}, Params: map[string]string{"source": "east"},
	}
}

func hashes(script string) string { return map[string]string{"scripts/east1/online.dtcl": "4"}[script] }

// Whatever is edited, added or left out voids a stamp; where the files lie does not.
func TestAnyEditVoidsAStamp(t *testing.T) {
	s := stamp("20261122-124741", time.Unix(1000, 0))
	moved := stamp(watch.ByCheck, time.Unix(2000, 0))
	moved.Files = map[string]string{"/b/failover.dtcl": "1", "/b/lib/failover.dtcl": "2", "standin.toml": "3"}
	if void := s.Void(moved, hashes); len(void) > 0 {
		t.Errorf("moved files: %q", void)
	}
	for name, edit := range map[string]func(*watch.Stamp){
		"failover.dtcl":    func(n *watch.Stamp) { n.Files["/a/failover.dtcl"] = "x" },
		"standin.toml":     func(n *watch.Stamp) { n.Files["standin.toml"] = "x" },
		"new.dtcl":         func(n *watch.Stamp) { n.Files["new.dtcl"] = "5" },
		"parameter source": func(n *watch.Stamp) { n.Params["source"] = "west" },
		"parameter more":   func(n *watch.Stamp) { n.Params["more"] = "x" },
	} {
		now := stamp(watch.ByCheck, time.Unix(2000, 0))
		now.Files, now.Params = maps.Clone(now.Files), maps.Clone(now.Params)
		edit(now)
		if void := s.Void(now, hashes); len(void) != 1 || void[0] != name {
			t.Errorf("%s: got %q", name, void)
		}
	}
	gone := stamp(watch.ByCheck, time.Unix(2000, 0))
	delete(gone.Files, "standin.toml")
	if void := s.Void(gone, hashes); len(void) != 1 {
		t.Errorf("a file that is gone: %q", void)
	}
	if void := s.Void(stamp(watch.ByCheck, time.Unix(2000, 0)), func(string) string { return "edited" }); len(void) != 1 || void[0] != "online.dtcl of east1" {
		t.Errorf("a resource's script: %q", void)
	}
}

// A run shows more than a check does; the newest that holds counts.
func TestVerify(t *testing.T) {
	now := stamp(watch.ByCheck, time.Unix(9000, 0))
	old := stamp("old", time.Unix(100, 0))
	run := stamp("run", time.Unix(200, 0))
	check := stamp(watch.ByCheck, time.Unix(300, 0))
	edited := stamp("edited", time.Unix(400, 0))
	edited.Files = map[string]string{"/a/failover.dtcl": "was"}
	if v := watch.Verify([]*watch.Stamp{old, check, run, edited}, now, hashes); v.State != watch.IsVerified || v.By != "run" {
		t.Errorf("got %+v", v)
	}
	if v := watch.Verify([]*watch.Stamp{check, edited}, now, hashes); v.By != watch.ByCheck {
		t.Errorf("got %+v", v)
	}
	if v := watch.Verify([]*watch.Stamp{edited}, now, hashes); v.State != watch.NeedsVerified || !strings.Contains(v.Why, "when run edited ended well: failover.dtcl, standin.toml") {
		t.Errorf("got %+v", v)
	}
	if v := watch.Verify(nil, now, hashes); v.State != watch.NeedsVerified || !strings.Contains(v.Why, "never") {
		t.Errorf("got %+v", v)
	}
}

func TestDrift(t *testing.T) {
	was, now := &watch.Stamp{Plan: []string{"a", "b", "c"}}, &watch.Stamp{Plan: []string{"a", "c", "d"}}
	if got := was.Drift(now); !strings.Contains(got, "1 change that then was not planned (the first: d), and 1 fewer") {
		t.Errorf("got %q", got)
	}
	if got := was.Drift(was); got != "" {
		t.Errorf("got %q", got)
	}
	if got := was.Drift(&watch.Stamp{Plan: []string{"a"}}); !strings.Contains(got, "2 changes fewer than then (the first: b)") {
		t.Errorf("got %q", got)
	}
}
