package watch_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/watch"
)

// The request as the OpenTelemetry protocol spells it in JSON; whatever else stands in it is refused.
type (
	request struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes []keyValue }
			ScopeSpans []struct {
				Scope struct{ Name string }
				Spans []spanJSON
			}
		}
	}
	spanJSON struct {
		TraceID           string `json:"traceId"`
		SpanID            string `json:"spanId"`
		ParentSpanID      string `json:"parentSpanId"`
		Name              string
		Kind              int
		StartTimeUnixNano string
		EndTimeUnixNano   string
		Attributes        []keyValue
		Status            struct {
			Code    int
			Message string
		}
	}
	keyValue struct {
		Key   string
		Value struct {
			StringValue *string
			BoolValue   *bool
			IntValue    *string
		}
	}
)

// receiver is an OTLP receiver that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []spanJSON
	headers []http.Header
	code    func(request int) int // of the answer to the nth request
	came    chan struct{}         // spans came
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{code: func(int) int { return http.StatusOK }, came: make(chan struct{}, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil || q.URL.Path != "/v1/traces" || q.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %s %s as %s: %v", q.Method, q.URL, q.Header.Get("Content-Type"), err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.headers = append(r.headers, q.Header)
		code := r.code(len(r.headers))
		w.WriteHeader(code)
		if code != http.StatusOK {
			return
		}
		var got request
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil {
			t.Errorf("%v: %s", err, body)
			return
		}
		for _, res := range got.ResourceSpans {
			for _, s := range res.ScopeSpans {
				r.spans = append(r.spans, s.Spans...)
			}
		}
		r.came <- struct{}{}
	}))
	t.Cleanup(r.Close)
	return r
}

// traced sends events to the receiver and gives the spans that arrived, by name.
func traced(t *testing.T, r *receiver, events ...plan.Event) map[string]spanJSON {
	t.Helper()
	to, err := watch.OTLPConfig(r.URL, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	x := watch.NewExporter(*to)
	tracer := watch.NewTracer(x)
	for _, e := range events {
		tracer.Event(e)
	}
	tracer.Close()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]spanJSON{}
	for _, s := range r.spans {
		all[s.Name] = s
	}
	return all
}

// story is a run with a step that is tried twice, a nested run, a child run and a failure at the end.
func story() []plan.Event {
	at := time.Unix(1_700_000_000, 0)
	tick := func(e plan.Event) plan.Event {
		at = at.Add(time.Second)
		e.Time = at
		if e.Run == "" {
			e.Run = "r1"
		}
		return e
	}
	return []plan.Event{
		tick(plan.Event{Kind: plan.EventBegin, Text: "failover.dtcl", State: "begun"}),
		tick(plan.Event{Kind: plan.EventStepBegin, Place: "3", Text: "Bring it up", Line: "failover.dtcl:9"}),
		tick(plan.Event{Kind: plan.EventFail, Place: "3@1/1", Text: "CLUSTER west GROUP g ONLINE", Error: "no", Millis: 500}),
		tick(plan.Event{Kind: plan.EventStepFail, Place: "3", Text: "Bring it up", Attempt: 1, Error: "no"}),
		tick(plan.Event{Kind: plan.EventCommand, Place: "3@2/1", Text: "CLUSTER west GROUP g ONLINE again", Changes: make([]plan.Change, 2)}),
		tick(plan.Event{Kind: plan.EventRun, Run: "r1-child", Parent: "r1", Text: "online.dtcl on west1"}),
		tick(plan.Event{Kind: plan.EventCommand, Run: "r1-child", Place: "1", Text: "CONNECT mail TO east"}),
		tick(plan.Event{Kind: plan.EventDone, Run: "r1-child", Place: "1", Text: "CONNECT mail TO east"}),
		tick(plan.Event{Kind: plan.EventRunEnd, Run: "r1-child", Parent: "r1", Text: "online.dtcl on west1"}),
		tick(plan.Event{Kind: plan.EventDone, Place: "3@2/1", Text: "CLUSTER west GROUP g ONLINE again"}),
		tick(plan.Event{Kind: plan.EventStepEnd, Place: "3", Text: "Bring it up", Attempt: 2}),
		tick(plan.Event{Kind: plan.EventRun, Place: "4", Text: "more.dtcl"}),
		tick(plan.Event{Kind: plan.EventAsk, Place: "4>1", Text: "go on?"}),
		tick(plan.Event{Kind: plan.EventAnswer, Place: "4>1", Text: "go on?"}),
		tick(plan.Event{Kind: plan.EventStepBegin, Place: "4>2", Text: "Never ends"}),
		tick(plan.Event{Kind: plan.EventStepFail, Place: "4>2", Text: "Never ends", Attempt: 1, Error: "it is gone"}),
		tick(plan.Event{Kind: plan.EventRunEnd, Place: "4", Text: "more.dtcl", Error: "it is gone"}),
		tick(plan.Event{Kind: plan.EventEnd, State: "failed", Error: "it is gone"}),
	}
}

func TestTraceOfARun(t *testing.T) {
	r := newReceiver(t)
	got := traced(t, r, story()...)
	above := func(name string) string {
		for other, s := range got {
			if s.SpanID == got[name].ParentSpanID {
				return other
			}
		}
		return ""
	}
	for name, want := range map[string]string{
		"run failover.dtcl":                 "",
		"STEP Bring it up":                  "run failover.dtcl",
		"CLUSTER west GROUP g ONLINE":       "STEP Bring it up",
		"CLUSTER west GROUP g ONLINE again": "STEP Bring it up",
		"run online.dtcl on west1":          "CLUSTER west GROUP g ONLINE again",
		"CONNECT mail TO east":              "run online.dtcl on west1",
		"more.dtcl":                         "run failover.dtcl",
		"go on?":                            "more.dtcl",
		"STEP Never ends":                   "more.dtcl",
	} {
		if _, ok := got[name]; !ok {
			t.Errorf("no span %q", name)
		} else if above(name) != want {
			t.Errorf("%q lies in %q, want %q", name, above(name), want)
		}
	}
	hex := regexp.MustCompile(`^[0-9a-f]+$`)
	for name, s := range got {
		begin, err1 := strconv.ParseInt(s.StartTimeUnixNano, 10, 64)
		end, err2 := strconv.ParseInt(s.EndTimeUnixNano, 10, 64)
		if err1 != nil || err2 != nil || end < begin || len(s.TraceID) != 32 || len(s.SpanID) != 16 || !hex.MatchString(s.TraceID+s.SpanID) {
			t.Errorf("%q: %+v", name, s)
		}
		if s.TraceID != got["run failover.dtcl"].TraceID {
			t.Errorf("%q is in another trace", name)
		}
	}
	for name, failed := range map[string]string{"run failover.dtcl": "it is gone", "STEP Never ends": "it is gone", "STEP Bring it up": "", "CLUSTER west GROUP g ONLINE": "no"} {
		if s := got[name].Status; s.Message != failed || (s.Code == 2) != (failed != "") {
			t.Errorf("%q: got status %+v, want %q", name, s, failed)
		}
	}
	if took := nanos(got["CLUSTER west GROUP g ONLINE"].EndTimeUnixNano) - nanos(got["CLUSTER west GROUP g ONLINE"].StartTimeUnixNano); took != 500e6 {
		t.Errorf("a failed command took %d ns, its event says 500 ms", took)
	}
}

func nanos(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// A prompt's session tells no begin and no end; what it does is traced all the same.
func TestASessionIsTraced(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	got := traced(t, newReceiver(t),
		plan.Event{Time: at, Run: "s1", Kind: plan.EventCommand, Place: "1", Text: "DNS ADD"},
		plan.Event{Time: at.Add(time.Second), Run: "s1", Kind: plan.EventDone, Place: "1", Text: "DNS ADD"})
	if got["DNS ADD"].ParentSpanID != got["run session"].SpanID || len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}

// A process that takes a run up again goes on in the trace of the first, below its span.
func TestAResumedRunJoinsItsTrace(t *testing.T) {
	first := traced(t, newReceiver(t), story()[:2]...) // it is killed in the step
	r := newReceiver(t)
	at := time.Unix(1_700_001_000, 0)
	second := traced(t, r,
		plan.Event{Time: at, Run: "r1", Kind: plan.EventBegin, Text: "failover.dtcl", State: "resumed"},
		plan.Event{Time: at.Add(time.Second), Run: "r1", Kind: plan.EventEnd, State: "done"})
	root, again := first["run failover.dtcl"], second["resume failover.dtcl"]
	if again.TraceID != root.TraceID || again.ParentSpanID != root.SpanID || again.SpanID == root.SpanID || again.SpanID == "" {
		t.Errorf("got %+v, its run is %+v", again, root)
	}
	if cut := slices.ContainsFunc(first["STEP Bring it up"].Attributes, func(a keyValue) bool { return a.Key == "standin.cut" && *a.Value.BoolValue }); !cut {
		t.Error("a step that the process's end cut short does not say so")
	}
}

// A receiver that is away for a while gets its spans later; one that refuses loses them, which is said, and neither
// makes anybody wait.
func TestAReceiverThatIsAway(t *testing.T) {
	r := newReceiver(t)
	r.code = func(n int) int {
		if n == 1 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	to, err := watch.OTLPConfig(r.URL, func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc,x=y"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	x := watch.NewExporter(*to)
	tracer := watch.NewTracer(x)
	for _, e := range story() {
		tracer.Event(e)
	}
	<-r.came
	if err := x.Close(); err != nil {
		t.Errorf("spans that were sent later count as lost: %v", err)
	}
	if h := r.headers[0]; h.Get("Authorization") != "Bearer abc" || h.Get("X") != "y" {
		t.Errorf("got headers %v", h)
	}

	refuses := newReceiver(t)
	refuses.code = func(int) int { return http.StatusBadRequest }
	to.URL = refuses.URL + "/v1/traces"
	x = watch.NewExporter(*to)
	tracer = watch.NewTracer(x)
	for _, e := range story() {
		tracer.Event(e)
	}
	if err := x.Close(); err == nil || !strings.Contains(err.Error(), "spans of the trace were lost: the receiver answered 400") {
		t.Errorf("got %v", err)
	}
}

func TestOTLPConfig(t *testing.T) {
	for _, c := range []struct {
		given string
		env   map[string]string
		want  string // "" for off, "!" for an error
	}{
		{"", nil, ""},
		{"http://127.0.0.1:4318", nil, "http://127.0.0.1:4318/v1/traces"},
		{"https://collector.example.com/otel/", nil, "https://collector.example.com/otel/v1/traces"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318"}, "http://otel:4318/v1/traces"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/x"}, "http://b/x"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "otel:4317"}, "!"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "!"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318", "OTEL_TRACES_EXPORTER": "none"}, ""},
		{"http://127.0.0.1:1", map[string]string{"OTEL_SDK_DISABLED": "true"}, "http://127.0.0.1:1/v1/traces"},
		{"ftp://x", nil, "!"},
	} {
		got, err := watch.OTLPConfig(c.given, func(name string) string { return c.env[name] })
		switch {
		case c.want == "!":
			if err == nil {
				t.Errorf("%+v: no error", c)
			}
		case err != nil:
			t.Errorf("%+v: %v", c, err)
		case c.want == "" && got != nil, c.want != "" && (got == nil || got.URL != c.want):
			t.Errorf("%+v: got %+v", c, got)
		}
	}
	plain, err := watch.OTLPConfig("http://collector.example.com", func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret"}[name]
	})
	if err != nil || len(plain.Headers) > 0 {
		t.Errorf("headers go over plain text beyond loopback: %v %v", plain.Headers, err)
	}
}
