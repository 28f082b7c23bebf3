package watch_test

import (
	"bytes"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/watch"
	"github.com/standin-project/standin/runtime/watch/watchtest"
)

// Whatever stands in names and values, a strict reader gets back what was written.
func FuzzMetrics(f *testing.F) {
	f.Add("failover.dtcl", "10 \"quotes\"\nand \\ lines", 1.5)
	f.Add("", "\xff", math.Inf(-1))
	f.Fuzz(func(t *testing.T, a, b string, v float64) {
		want := []watch.Family{{Name: "standin_a", Help: b, Samples: []watch.Sample{{Labels: watch.Labels("script", a, "x", b), Value: v}, {Value: v}}}}
		var out bytes.Buffer
		if err := watch.WriteMetrics(&out, want); err != nil {
			t.Fatal(err)
		}
		got, err := watchtest.ParseMetrics(out.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		utf := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
		if len(got) != 2 || got[0].Labels["script"] != utf(a) || got[0].Labels["x"] != utf(b) {
			t.Errorf("got %v", got)
		}
		if got[1].Value != v && !math.IsNaN(v) {
			t.Errorf("got %v, want %v", got[1].Value, v)
		}
	})
}

func example() *watch.Verdict {
	now := time.Now()
	return &watch.Verdict{
		Script: "failover.dtcl", Lost: []string{"east"}, State: watch.NotReady, Predicted: true, Since: now.Add(-time.Hour), Checked: now, Took: 1.25, Changes: 31, Objects: 130,
		Stamp:    watch.Verified{State: watch.IsVerified, Time: now.Add(-time.Minute), By: watch.ByCheck},
		Findings: []watch.Finding{{Severity: watch.Stops, Check: "plan", Object: "failover.dtcl:31", Got: "<b>no</b>", Want: "yes"}},
		Connections: []watch.Connection{
			{ID: 1, Source: "east", Target: "west", Set: "mail \"stores\"", Connected: true, Protected: true, Data: "Good", Applied: now.Add(-90 * time.Second), Left: &watch.Left{Entries: 2, Bytes: 77}},
			{ID: 1, Source: "north", Target: "west", Set: "new", Data: "Bad"},
		},
	}
}

func TestMetricsOfAVerdict(t *testing.T) {
	var out bytes.Buffer
	v := example()
	if err := watch.WriteMetrics(&out, v.Families(v.Checked)); err != nil {
		t.Fatal(err)
	}
	all, err := watchtest.ParseMetrics(out.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	got := map[string]float64{}
	for _, s := range all {
		got[s.Name+s.Labels["severity"]+s.Labels["source"]] = s.Value
	}
	for name, want := range map[string]float64{
		"standin_ready": 0, "standin_ready_predicted": 1, "standin_verified": 1, "standin_stamp_age_seconds": 60, "standin_planned_changes": 31,
		"standin_ready_findingsstops": 1, "standin_ready_findingswarns": 0, "standin_replication_lag_secondseast": 90,
		"standin_replication_left_byteseast": 77, "standin_replication_data_goodnorth": 0,
	} {
		if g, ok := got[name]; !ok || math.Abs(g-want) > 0.01 {
			t.Errorf("%s: got %v, want %v", name, g, want)
		}
	}
	if _, told := got["standin_replication_lag_secondsnorth"]; told {
		t.Error("a lag is told of a target that never got a change")
	}
	promtool(t, out.String())
}

// promtool lets Prometheus' own checker read the metrics, where it is installed.
func promtool(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command("promtool", "check", "metrics")
	if cmd.Err != nil {
		t.Log("promtool is not here: only our own reader has looked")
		return
	}
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
