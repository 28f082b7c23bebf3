package cluster_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/standin-project/standin/builtins/cluster"
	"github.com/standin-project/standin/builtins/cluster/embedded"
	"github.com/standin-project/standin/builtins/cluster/model"
	"github.com/standin-project/standin/builtins/cluster/overlay"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// timeline is a cluster that is as its last entry says whose time has come.
type timeline struct {
	began   time.Time
	entries []entry
}

type entry struct {
	after time.Duration
	state model.State // of every resource
	err   error
}

func (l *timeline) State(context.Context) (*model.Cluster, error) {
	var now entry
	for _, e := range l.entries {
		if time.Since(l.began) >= e.after {
			now = e
		}
	}
	m := embedded.Fresh()[1]
	for _, r := range m.Resources {
		r.State = now.state
	}
	return m, now.err
}

func (l *timeline) Apply(context.Context, model.Op) error { return errors.New("it can only be read") }

// run runs a script on a site and gives the failure that ended it.
func run(t *testing.T, ctx context.Context, s site, script string) *value.Failure {
	t.Helper()
	_, l := commands(t, s)
	w := plan.New(plan.Config{Lookup: l, Out: &strings.Builder{}})
	err := load(t, checked(t, script), false).Run(w.Start(ctx), w, nil)
	if err == nil {
		return nil
	}
	return plan.AsFailure(err)
}

func TestWaitOn(t *testing.T) {
	away := value.Failf(value.CodeUnreachable, "cluster %q does not answer", "west")
	for _, c := range []struct {
		name    string
		entries []entry
		script  string
		took    time.Duration // at least; the next look is at most a second later
		code    int
		message string
	}{
		{"a level that holds", []entry{{0, model.Online, nil}}, "ONLINE TIMEOUT 5m", 0, 0, ""},
		{"a level that comes", []entry{{0, model.Pending, nil}, {time.Minute, model.Online, nil}}, "ONLINE TIMEOUT 5m", time.Minute, 0, ""},
		{"a cluster that comes back", []entry{{0, model.Offline, away}, {time.Minute, model.Offline, nil}}, "OFFLINE TIMEOUT 5m", time.Minute, 0, ""},
		{"a level that never comes", []entry{{0, model.Pending, nil}}, "ONLINE TIMEOUT 5m", 5 * time.Minute, value.CodeTimeout,
			`group "Exchange Group" of cluster "west" was not online within 5m0s: last seen Pending`},
		{"a cluster that stays away", []entry{{0, model.Offline, away}}, "ONLINE TIMEOUT 5m", 5 * time.Minute, value.CodeTimeout,
			`last seen cluster "west" does not answer`},
		{"a cluster that cannot be read", []entry{{0, model.Offline, value.Failf(value.CodeFailed, "no rights")}}, "ONLINE TIMEOUT 5m", 0, value.CodeFailed, "no rights"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := site{"west": &timeline{began, c.entries}}
				f := run(t, t.Context(), s, `WAIT ON CLUSTER west GROUP "Exchange Group" `+c.script+";")
				if took := time.Since(began); took < c.took || took > c.took+time.Second {
					t.Errorf("took %s, want %s", took, c.took)
				}
				switch {
				case f == nil && c.code != 0:
					t.Errorf("succeeded, want code %d", c.code)
				case f != nil && (f.Code != c.code || !strings.Contains(f.Message, c.message)):
					t.Errorf("got %d %s, want %d %s", f.Code, f.Message, c.code, c.message)
				}
			})
		})
	}
}

func TestWaitOnIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		s := site{"west": &timeline{began, []entry{{0, model.Offline, nil}}}}
		if f := run(t, ctx, s, `WAIT ON CLUSTER west GROUP "Exchange Group" ONLINE TIMEOUT 2h;`); f == nil || time.Since(began) != time.Minute {
			t.Errorf("got %v after %s", f, time.Since(began))
		}
	})
}

func TestAnOperationThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context, _ cluster.Script) error {
			<-ctx.Done()
			return ctx.Err()
		}
		still := &timeline{time.Now(), []entry{{0, model.Offline, nil}}}
		s := site{"west": overlay.New(still, "", slow)}
		f := run(t, t.Context(), s, `CLUSTER west GROUP "Exchange Group" ONLINE WAIT 5m;`)
		if f == nil || f.Code != value.CodeTimeout || !strings.Contains(f.Message, `cluster "west" did not come to rest within 5m0s`) {
			t.Errorf("got %v", f)
		}
		m, err := s["west"].State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r := m.Resource("Exchange System Attendant"); r.State != model.Online {
			t.Errorf("the attendant is %s: production goes on", r.State)
		}
		if r := m.Resource("Source Connection"); r.State != model.Failed || r.Note != "online.dtcl was interrupted" {
			t.Errorf("the source connection is %s, %s", r.State, r.Note)
		}
	})
}
