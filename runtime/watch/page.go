package watch

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Board is where the newest verdict stands for whoever asks: a page for people, JSON, a status code and metrics for
// machines.
type Board struct {
	// Every is the time between two checks: a verdict older than two of them, or 0 for never, is stale.
	Every time.Duration
	// Metrics adds to what /metrics tells besides the verdict; nil adds nothing.
	Metrics func() []Family

	mu      sync.RWMutex
	verdict *Verdict
}

// Put replaces the verdict.
func (b *Board) Put(v *Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.verdict = v
}

// Get gives the verdict, nil before the first.
func (b *Board) Get() *Verdict {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.verdict
}

// stale says whether the verdict is too old to be believed.
func (b *Board) stale(v *Verdict, now time.Time) bool {
	return b.Every > 0 && now.Sub(v.Checked) > 2*b.Every+time.Duration(v.Took*float64(time.Second))
}

// Handler serves / for people, /status.json, /metrics, and /ready with code 200 when the runbook is ready and the
// verdict fresh, else 503.
func (b *Board) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", b.page)
	mux.HandleFunc("GET /status.json", b.json)
	mux.HandleFunc("GET /ready", b.code)
	mux.Handle("GET /metrics", Metrics(func() []Family {
		var all []Family
		if v := b.Get(); v != nil {
			all = v.Families(time.Now())
		}
		if b.Metrics != nil {
			all = append(all, b.Metrics()...)
		}
		return all
	}))
	return mux
}

func (b *Board) json(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(b.Get()) //nolint:errcheck // a caller that went away has nobody to tell
}

func (b *Board) code(w http.ResponseWriter, _ *http.Request) {
	v, now := b.Get(), time.Now()
	word, code := "not checked yet", http.StatusServiceUnavailable
	switch {
	case v == nil:
	case b.stale(v, now):
		word = "stale: last checked " + Ago(now.Sub(v.Checked)) + " ago"
	case v.State == Ready:
		word, code = string(v.State), http.StatusOK
	default:
		word = string(v.State)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintln(w, word)
}

const pageHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="15"><title>%s</title><style>
:root { color-scheme: light dark; --good: #14683c; --bad: #a8201a; --warn: #8a5a00; --line: #8884; --dim: #666 }
@media (prefers-color-scheme: dark) { :root { --good: #6fd39a; --bad: #ff8a80; --warn: #f3c164; --dim: #aaa } }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.2rem; font-weight: 600; margin: 0 } .state { font-size: 2.2rem; font-weight: 700; margin: .2rem 0 .6rem }
.ready { color: var(--good) } .not, .stops { color: var(--bad) } .un, .warns { color: var(--warn) }
table { border-collapse: collapse; width: 100%%; margin: 1rem 0 } td, th { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0; border-top: 1px solid var(--line) }
th { font-weight: 600; color: var(--dim) } .hint { color: var(--dim) } td:first-child { white-space: nowrap } p { margin: .3rem 0 }
@media print { body { margin: 0; max-width: none } }
</style></head><body>
`

// page is the verdict for a person. It needs no script and no other file, and loads itself again every 15 s.
func (b *Board) page(w http.ResponseWriter, _ *http.Request) {
	v, now := b.Get(), time.Now()
	var p strings.Builder
	text := func(format string, args ...any) {
		for i, a := range args {
			args[i] = html.EscapeString(fmt.Sprint(a))
		}
		fmt.Fprintf(&p, format, args...)
	}
	if v == nil {
		text(pageHead, "standin: not checked yet")
		text("<h1>standin ready</h1><p class=\"state un\">not checked yet</p>")
	} else {
		b.body(text, v, now)
	}
	text("</body></html>\n")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte(p.String())) //nolint:errcheck // a browser that went away has nobody to tell
}

func (b *Board) body(text func(format string, args ...any), v *Verdict, now time.Time) {
	word, class := string(v.State), map[State]string{Ready: "ready", NotReady: "not", Unpredictable: "un"}[v.State]
	if b.stale(v, now) {
		word, class = "not known: the last check is too old", "un"
	}
	text(pageHead, word+": "+v.Title())
	text("<h1>%s</h1><p class=\"state %s\">%s</p>", v.Title(), class, word)
	text("<p>Checked %s (%s ago), in this state since %s.</p>", v.Checked.Local().Format(time.DateTime), Ago(now.Sub(v.Checked)), v.Since.Local().Format(time.DateTime))
	text("<p>%s.</p>", v.Stamp)
	verb := "make"
	if v.State == NotReady {
		verb = "stop after"
	}
	text("<p>A run would %s %s to %s.</p>", verb, counted(v.Changes, "change"), counted(v.Objects, "object"))
	for _, q := range v.Asks {
		text("<p>It asks a person: %s</p>", q)
	}
	if len(v.Findings) > 0 {
		text("<table><tr><th>severity</th><th>object</th><th>found</th></tr>\n")
		for _, f := range v.Findings {
			text("<tr><td class=\"%s\">%s</td><td>%s</td><td>got %s; want %s", strings.Fields(string(f.Severity))[0], f.Severity, f.Object, f.Got, f.Want)
			if f.Hint != "" {
				text("<p class=\"hint\">%s</p>", f.Hint)
			}
			text("</td></tr>\n")
		}
		text("</table>\n")
	}
	if len(v.Connections) > 0 {
		text("<table><tr><th>data</th><th>what a loss would lose</th></tr>\n")
		for _, c := range v.Connections {
			text("<tr><td>%s</td><td>%s</td></tr>\n", c.Name(), strings.TrimPrefix(strings.TrimSpace(strings.TrimPrefix(c.Sentence(now), "data")), c.Name()+": "))
		}
		text("</table>\n")
	}
}

// Families are the metrics of a verdict, as they are at a moment.
func (v *Verdict) Families(now time.Time) []Family {
	script := Labels("script", v.Script, "lost", strings.Join(v.Lost, ","))
	one := func(name, help string, value float64) Family {
		return Family{name, help, []Sample{{script, value}}}
	}
	all := []Family{
		one("standin_ready", "1 if nothing that is known would stop the runbook and its plan predicted everything, else 0.", Truth(v.State == Ready)),
		one("standin_ready_predicted", "1 if the plan predicted everything, else 0.", Truth(v.Predicted)),
		one("standin_ready_checked_timestamp_seconds", "When the last readiness check began, in Unix time.", unix(v.Checked)),
		one("standin_ready_since_timestamp_seconds", "Since when the runbook is in this state, in Unix time.", unix(v.Since)),
		one("standin_ready_check_duration_seconds", "How long the last readiness check took.", v.Took),
		one("standin_planned_changes", "How many changes a run would make.", float64(v.Changes)),
		one("standin_verified", "1 if the runbook stands as it was when it last ran or was checked well, else 0.", Truth(v.Stamp.State == IsVerified)),
	}
	if !v.Stamp.Time.IsZero() {
		all = append(all, one("standin_stamp_age_seconds", "How long ago the runbook was verified as it stands.", max(now.Sub(v.Stamp.Time).Seconds(), 0)))
	}
	found := Family{Name: "standin_ready_findings", Help: "How many things the last readiness check found, by severity."}
	for _, s := range []Severity{Stops, Warns, Cannot} {
		found.Samples = append(found.Samples, Sample{append(Labels("severity", string(s)), script...), float64(v.Count(s))})
	}
	return append(append(all, found), ConnectionFamilies(v.Connections, now)...)
}

// ConnectionFamilies are the metrics of mirror connections.
func ConnectionFamilies(all []Connection, now time.Time) []Family {
	lag := Family{Name: "standin_replication_lag_seconds", Help: "How old the target's data is: 0 when nothing is left to send, else the time since the last change applied."}
	applied := Family{Name: "standin_replication_applied_timestamp_seconds", Help: "When the target applied the last change, in Unix time."}
	left := Family{Name: "standin_replication_left_bytes", Help: "Bytes that only the source has, where that can be told."}
	good := Family{Name: "standin_replication_data_good", Help: "1 if the target's data is whole and from one moment, else 0."}
	for _, c := range all {
		l := Labels("set", c.Set, "source", c.Source, "target", c.Target)
		good.Samples = append(good.Samples, Sample{l, Truth(c.Data == "Good")})
		if seconds, known := c.Lag(now); known {
			lag.Samples = append(lag.Samples, Sample{l, seconds})
		}
		if !c.Applied.IsZero() {
			applied.Samples = append(applied.Samples, Sample{l, unix(c.Applied)})
		}
		if c.Left != nil {
			left.Samples = append(left.Samples, Sample{l, float64(c.Left.Bytes)})
		}
	}
	return []Family{lag, applied, left, good}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
