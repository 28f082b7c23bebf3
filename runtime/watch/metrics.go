// Package watch tells machines how runs go: logs, traces, metrics, webhooks and the page that a monitor asks.
package watch

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// Family is one metric with all its samples. Every metric of ours is a gauge: it is read from journals and systems at
// the moment it is asked for, so nothing is lost when a process ends.
type Family struct {
	Name    string
	Help    string
	Samples []Sample
}

// Sample is one value of a metric.
type Sample struct {
	Labels []Label
	Value  float64
}

// Label is one label of a sample.
type Label struct{ Name, Value string }

// Labels makes labels of names and values in turn.
func Labels(pairs ...string) []Label {
	all := make([]Label, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, Label{pairs[i], pairs[i+1]})
	}
	return all
}

// MetricsType is the Content-Type of what WriteMetrics writes.
const MetricsType = "text/plain; version=0.0.4; charset=utf-8"

// WriteMetrics writes families in Prometheus' text format. A family without samples is left out.
func WriteMetrics(w io.Writer, families []Family) error {
	var b strings.Builder
	help := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	value := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	for _, f := range families {
		if len(f.Samples) == 0 {
			continue
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", f.Name, help.Replace(f.Help), f.Name)
		for _, s := range f.Samples {
			b.WriteString(f.Name)
			for i, l := range s.Labels {
				open := ","
				if i == 0 {
					open = "{"
				}
				fmt.Fprintf(&b, `%s%s="%s"`, open, l.Name, value.Replace(strings.ToValidUTF8(l.Value, "\uFFFD")))
			}
			if len(s.Labels) > 0 {
				b.WriteByte('}')
			}
			b.WriteString(" " + number(s.Value) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// number spells a value as the format wants it.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// Metrics serves what collect gives at each scrape.
func Metrics(collect func() []Family) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", MetricsType)
		WriteMetrics(w, collect()) //nolint:errcheck // a scraper that went away has nobody to tell
	})
}

// Truth is 1 for true and 0 for false, as metrics have it.
func Truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
