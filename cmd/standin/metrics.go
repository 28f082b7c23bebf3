package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/watch"
)

// scrapeTime is how long the store has to answer a scraper.
const scrapeTime = 10 * time.Second

// runFamilies are the metrics of the site's runs.
func (a *app) runFamilies(ctx context.Context) []watch.Family {
	up := watch.Family{Name: "standin_store_up", Help: "1 if the store of the runs answers, else 0."}
	build := watch.Family{Name: "standin_build_info", Help: "1, with the program's version.", Samples: []watch.Sample{{Labels: watch.Labels("version", version()), Value: 1}}}
	runs, err := a.allRuns(ctx)
	up.Samples = []watch.Sample{{Value: watch.Truth(err == nil)}}
	all := []watch.Family{build, up}
	if err != nil {
		return all
	}
	return append(all, familiesOf(runs)...)
}

// allRuns lists the site's runs.
func (a *app) allRuns(ctx context.Context) ([]*journal.Run, error) {
	file, err := a.loadSite()
	if err != nil {
		return nil, err
	}
	store, err := a.openStore(file)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // it was only read
	return store.List(ctx)
}

// states are all states of a run, so that a count of 0 is told too.
func states() []plan.State {
	return []plan.State{plan.Running, plan.Waiting, plan.Stopped, plan.Failed, plan.Done, plan.Undone}
}

// familiesOf counts runs and describes the last one of each script. Child runs and single commands are left out.
func familiesOf(runs []*journal.Run) []watch.Family {
	count := map[plan.State]int{}
	last := map[string]*journal.Run{}
	for _, r := range runs {
		if r.Parent != "" || single(r) {
			continue
		}
		count[r.State]++
		last[scriptName(r)] = r
	}
	byState := watch.Family{Name: "standin_runs", Help: "How many runs of scripts the store has, by state."}
	for _, s := range states() {
		byState.Samples = append(byState.Samples, watch.Sample{Labels: watch.Labels("state", string(s)), Value: float64(count[s])})
	}
	state := watch.Family{Name: "standin_run_last_state", Help: "1 for the state of the last run of a script, 0 for the others."}
	took := watch.Family{Name: "standin_run_last_duration_seconds", Help: "How long the last run of a script took, waits included; of one that has not ended, so far."}
	began := watch.Family{Name: "standin_run_last_started_timestamp_seconds", Help: "When the last run of a script began, in Unix time."}
	for _, script := range slices.Sorted(maps.Keys(last)) {
		r := last[script]
		for _, s := range states() {
			state.Samples = append(state.Samples, watch.Sample{Labels: watch.Labels("script", script, "state", string(s)), Value: watch.Truth(r.State == s)})
		}
		ended := r.Ended
		if ended.IsZero() {
			ended = time.Now()
		}
		took.Samples = append(took.Samples, watch.Sample{Labels: watch.Labels("script", script), Value: ended.Sub(r.Started).Seconds()})
		began.Samples = append(began.Samples, watch.Sample{Labels: watch.Labels("script", script), Value: float64(r.Started.UnixMilli()) / 1000})
	}
	return []watch.Family{byState, state, took, began}
}

// single says whether a run is of one command or of the prompt, not of a script.
func single(r *journal.Run) bool { return strings.HasPrefix(r.Script, "do ") || r.Script == "repl" }

// scriptName is what a script is called whatever folder it was started from, and whether its ending was typed or not.
func scriptName(r *journal.Run) string { return shippedName(filepath.Base(r.Script)) }
