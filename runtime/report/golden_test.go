package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/report"
)

var update = flag.Bool("update", false, "rewrite what the reports of the fixed journals must be")

// reports are of fixed journals, made at a fixed time.
func reports() map[string]*report.Report {
	run, child := theNight()
	made := night().Add(48 * time.Hour)
	waits := run
	waits.State, waits.Entries = plan.Waiting, run.Entries[:28]
	return map[string]*report.Report{
		"night":  report.Build(made, run, child),
		"return": report.Build(made, theReturn()),
		"waits":  report.Build(night().Add(2*time.Hour), waits),
	}
}

func TestReportsOfFixedJournals(t *testing.T) {
	for name, r := range reports() {
		var text bytes.Buffer
		if err := r.Text(&text); err != nil {
			t.Fatal(err)
		}
		same(t, name+".txt", text.Bytes())
		object, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		same(t, name+".json", append(object, '\n'))
	}
}

// same compares with a file of testdata, or rewrites it.
func same(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}
