package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of an Exporter.
const (
	maxQueue   = 4096 // spans that wait to be sent; beyond it new ones are lost and counted
	maxBatch   = 512  // spans in one request
	sendEvery  = time.Second
	sendTime   = 5 * time.Second // one request
	sendTries  = 3
	maxClosing = 2 * time.Second // what Close may take in all
)

// OTLP says where traces go, as OpenTelemetry's variables do.
type OTLP struct {
	URL      string            // of the traces: ends in /v1/traces
	Headers  map[string]string // sent with each request over https or to loopback, nowhere else: they may be secret
	Resource map[string]string // attributes of who sends: service.name, host.name
}

// OTLPConfig reads OpenTelemetry's variables; given, if not "", is a URL that goes before them. It gives nil when no
// variable and no URL says where traces go, and an error that names the variable when one is no http or https URL.
func OTLPConfig(given string, env func(name string) string) (*OTLP, error) {
	if given == "" && (strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") || strings.EqualFold(env("OTEL_TRACES_EXPORTER"), "none")) {
		return nil, nil
	}
	name, at, path := "--otlp", given, "/v1/traces"
	if at == "" {
		if name, at, path = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), ""; at == "" {
			name, at, path = "OTEL_EXPORTER_OTLP_ENDPOINT", env("OTEL_EXPORTER_OTLP_ENDPOINT"), "/v1/traces"
		}
	}
	if at == "" {
		return nil, nil
	}
	for _, protocol := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p := env(protocol); given == "" && p != "" {
			if !strings.HasPrefix(p, "http/") {
				return nil, fmt.Errorf("%s: got %q, want http/json: --otlp URL names a receiver for it", protocol, p)
			}
			break
		}
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: got %q, want the http or https URL of an OTLP receiver, as http://127.0.0.1:4318", name, at)
	}
	if !strings.HasSuffix(u.Path, path) {
		u.Path = strings.TrimSuffix(u.Path, "/") + path
	}
	o := &OTLP{URL: u.String(), Headers: pairs(env("OTEL_EXPORTER_OTLP_HEADERS")), Resource: pairs(env("OTEL_RESOURCE_ATTRIBUTES"))}
	if service := env("OTEL_SERVICE_NAME"); service != "" {
		o.Resource["service.name"] = service
	}
	if o.Resource["service.name"] == "" {
		o.Resource["service.name"] = "standin"
	}
	if u.Scheme == "http" && !Loopback(u.Hostname()) {
		o.Headers = nil
	}
	return o, nil
}

// pairs reads `name=value,name=value` with percent signs as in a URL.
func pairs(text string) map[string]string {
	all := map[string]string{}
	for _, part := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		if plain, err := url.PathUnescape(strings.TrimSpace(value)); err == nil {
			value = plain
		}
		all[strings.TrimSpace(name)] = value
	}
	return all
}

// Exporter sends spans to an OTLP receiver over HTTP as JSON, in the background and in batches. What cannot be sent is
// dropped and counted: a trace is never worth a failover.
type Exporter struct {
	to     OTLP
	client *http.Client
	queue  chan span
	stop   chan struct{}
	done   chan struct{}
	cancel context.CancelFunc // of the request under way

	mu   sync.Mutex
	lost int
	why  error
}

// NewExporter starts an exporter. Close ends it.
func NewExporter(to OTLP) *Exporter {
	x := &Exporter{
		to: to, client: &http.Client{Timeout: sendTime, CheckRedirect: noRedirect}, queue: make(chan span, maxQueue),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.cancel = cancel
	go x.run(ctx)
	return x
}

// noRedirect keeps a request at the address that it was meant for.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (x *Exporter) add(s span) {
	select {
	case x.queue <- s:
	default:
		x.lose(1, errors.New("more spans came than could be sent"))
	}
}

func (x *Exporter) lose(n int, why error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lost, x.why = x.lost+n, why
}

// Close sends what is left, for at most a few seconds, and gives an error that says how many spans were lost.
func (x *Exporter) Close() error {
	late := time.AfterFunc(maxClosing, x.cancel)
	close(x.stop)
	<-x.done
	late.Stop()
	x.cancel()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.lost == 0 {
		return nil
	}
	return fmt.Errorf("%d spans of the trace were lost: %w", x.lost, x.why)
}

func (x *Exporter) run(ctx context.Context) {
	defer close(x.done)
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	var batch []span
	for {
		select {
		case s := <-x.queue:
			if batch = append(batch, s); len(batch) == maxBatch {
				batch = x.flush(ctx, batch)
			}
		case <-tick.C:
			batch = x.flush(ctx, batch)
		case <-x.stop:
			for len(x.queue) > 0 {
				if batch = append(batch, <-x.queue); len(batch) == maxBatch {
					batch = x.flush(ctx, batch)
				}
			}
			x.flush(ctx, batch)
			return
		}
	}
}

// flush sends a batch and gives an empty one. While the process goes on a receiver that is away is asked again; one
// that is asked to end does not wait for it.
func (x *Exporter) flush(ctx context.Context, batch []span) []span {
	if len(batch) == 0 {
		return batch
	}
	body, err := json.Marshal(x.to.request(batch))
	for try := 1; err == nil; try++ {
		var again bool
		if again, err = x.post(ctx, body); err == nil {
			return batch[:0]
		}
		if !again || try == sendTries {
			break
		}
		err = x.rest(ctx, time.Duration(try)*500*time.Millisecond, err)
	}
	x.lose(len(batch), err)
	return batch[:0]
}

// rest waits before the next try and gives nil, or gives err when there is to be none.
func (x *Exporter) rest(ctx context.Context, d time.Duration, err error) error {
	select {
	case <-time.After(d):
		return nil
	case <-x.stop:
	case <-ctx.Done():
	}
	return err
}

// post sends one request; again says whether the receiver may take it later.
func (x *Exporter) post(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, x.to.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	for name, value := range x.to.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := x.client.Do(r)
	if err != nil {
		return true, plain(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	switch answer.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("the receiver answered %s %s", answer.Status, strings.TrimSpace(string(text)))
}

// plain drops the URL from an error of the client: it may carry a password.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// The JSON of OTLP's ExportTraceServiceRequest: ids in hex, times and whole numbers as texts.
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope      `json:"scope"`
		Spans []wireSpan `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	wireSpan struct {
		TraceID    string      `json:"traceId"`
		SpanID     string      `json:"spanId"`
		Parent     string      `json:"parentSpanId,omitempty"`
		Name       string      `json:"name"`
		Kind       int         `json:"kind"`
		Start      string      `json:"startTimeUnixNano"`
		End        string      `json:"endTimeUnixNano"`
		Attributes []attribute `json:"attributes,omitempty"`
		Status     status      `json:"status"`
	}
	attribute struct {
		Key   string   `json:"key"`
		Value anyValue `json:"value"`
	}
	anyValue struct {
		String *string `json:"stringValue,omitempty"`
		Bool   *bool   `json:"boolValue,omitempty"`
		Int    *string `json:"intValue,omitempty"`
	}
	status struct {
		Code    int    `json:"code,omitempty"` // 2 is an error
		Message string `json:"message,omitempty"`
	}
)

const (
	kindInternal = 1
	statusError  = 2
)

func (o *OTLP) request(batch []span) exportRequest {
	sent := scopeSpans{Scope: scope{"standin"}}
	for _, s := range batch {
		w := wireSpan{
			TraceID: s.trace, SpanID: s.id, Parent: s.parent, Name: s.name, Kind: kindInternal,
			Start: nanos(s.begin), End: nanos(s.end), Attributes: attributesOf(s.attributes),
		}
		if s.failed != "" {
			w.Status = status{statusError, s.failed}
		}
		sent.Spans = append(sent.Spans, w)
	}
	own := make(map[string]any, len(o.Resource))
	for k, v := range o.Resource {
		own[k] = v
	}
	return exportRequest{[]resourceSpans{{resource{attributesOf(own)}, []scopeSpans{sent}}}}
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func attributesOf(all map[string]any) []attribute {
	out := make([]attribute, 0, len(all))
	for _, k := range slices.Sorted(maps.Keys(all)) {
		a := attribute{Key: k}
		switch v := all[k].(type) {
		case string:
			a.Value.String = &v
		case bool:
			a.Value.Bool = &v
		case int:
			text := strconv.Itoa(v)
			a.Value.Int = &text
		}
		out = append(out, a)
	}
	return out
}
