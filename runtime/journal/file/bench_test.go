package file_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/lang/sig"
	"github.com/standin-project/standin/runtime/journal/file"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
	"github.com/standin-project/standin/runtime/vm"
)

// BenchmarkChange carries out changing commands through the walk, each with its durable intent and its result, and,
// in turn with them, writes the same bytes bare with one fdatasync. It reports both medians and what the walk costs
// in the bare write's time.
func BenchmarkChange(b *testing.B) {
	dir := b.TempDir()
	j, err := file.Open(dir).Create(b.Context(), &plan.Header{Script: "bench.dtcl"})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	world := ""
	set := &sig.Signature{Usage: "SET <text>", Effect: sig.Changes}
	observe := func(_ context.Context, c *plan.Call) (*plan.Action, error) {
		want := c.Text("text")
		if world == want {
			return &plan.Action{Done: plan.Yes}, nil
		}
		return &plan.Action{
			Done:    plan.No,
			Changes: []plan.Change{{System: "world", What: "text", From: world, To: want}},
			Do:      func(context.Context) (value.Value, error) { world = want; return nil, nil },
		}, nil
	}
	w := plan.New(plan.Config{Journal: j, Lookup: func(*sig.Signature) (*plan.Record, error) {
		return &plan.Record{Observe: observe}, nil
	}})
	bare, err := os.OpenFile(filepath.Join(dir, "bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	line := append(bytes.Repeat([]byte("x"), 460), '\n') // as many bytes as the two entries of a change

	ctx := w.Start(b.Context())
	var walked, written []time.Duration
	for n := 0; b.Loop(); n++ {
		begun := time.Now()
		_, err := w.Call(ctx, &vm.Call{
			Site: vm.Site{Place: "1"}, Sig: set,
			Args: []sig.Arg{{Name: "SET", Type: "keyword"}, {Name: "text", Type: "text"}},
			Vals: []value.Value{nil, value.Text(strconv.Itoa(n))},
		})
		if err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if _, err := bare.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(bare.Fd())); err != nil {
			b.Fatal(err)
		}
		walked, written = append(walked, between.Sub(begun)), append(written, time.Since(between))
	}
	a, c := median(walked), median(written)
	b.ReportMetric(float64(a.Nanoseconds())/1000, "µs-walk")
	b.ReportMetric(float64(c.Nanoseconds())/1000, "µs-bare")
	b.ReportMetric(float64(a)/float64(c), "walk/bare")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
