package overlay_test

import (
	"context"
	"errors"
	"testing"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/clustertest"
	"github.com/standin-project/standin/builtins/cluster/embedded"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/cluster/overlay"
)

func fresh() *model.Cluster { return embedded.Fresh()[1] }

// still is a cluster that can only be read.
type still struct {
	state *model.Cluster
	err   error
	reads int
}

func (s *still) State(context.Context) (*model.Cluster, error) {
	s.reads++
	return s.state, s.err
}

func open(_ *testing.T, start *model.Cluster, run cluster.ScriptRunner) cluster.System {
	return overlay.New(&still{state: start}, "/site", run)
}

func TestConformance(t *testing.T) { clustertest.Run(t, fresh, open) }

func TestProperties(t *testing.T) { clustertest.Properties(t, 300, fresh, open) }

func TestThePlanLeavesTheClusterAlone(t *testing.T) {
	below := &still{state: fresh()}
	o := overlay.New(below, "/site", nil)
	if err := o.Apply(t.Context(), model.Op{Verb: model.GroupOnline, Group: "Exchange Group"}); err != nil {
		t.Fatal(err)
	}
	if m, err := o.State(t.Context()); err != nil || m.GroupState("Exchange Group") != model.Online {
		t.Errorf("the plan does not see its own change: %v", err)
	}
	if got := below.state.GroupState("Exchange Group"); got != model.Offline {
		t.Errorf("the cluster below is %s", got)
	}
	if below.reads != 1 {
		t.Errorf("the cluster was read %d times, want once: a plan sees one world", below.reads)
	}
}

func TestAClusterThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	away := errors.New("no answer")
	below := &still{err: away}
	o := overlay.New(below, "/site", nil)
	if _, err := o.State(t.Context()); !errors.Is(err, away) {
		t.Errorf("got %v, want the cluster's own error", err)
	}
	below.state, below.err = fresh(), nil
	if _, err := o.State(t.Context()); err != nil {
		t.Errorf("asked again: %v", err)
	}
}
