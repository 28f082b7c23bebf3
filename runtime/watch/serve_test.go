package watch_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/watch"
	"github.com/standin-project/standin/runtime/watch/watchtest"
)

// An address that others could reach needs mutual TLS: without it nothing listens there.
func TestOnlyLoopbackListensInPlainText(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.2:0", "example.com:0", "10.1.0.5:80"} {
		l, err := watch.Listen(address, watch.TLS{})
		if !errors.Is(err, watch.ErrPlain) {
			t.Errorf("%s: got %v, want %v", address, err, watch.ErrPlain)
		}
		if l != nil {
			l.Close()
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "127.1.2.3:0"} {
		l, err := watch.Listen(address, watch.TLS{})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		l.Close()
	}
	if _, err := watch.Listen("127.0.0.1:0", watch.TLS{Cert: "only.pem"}); err == nil {
		t.Error("a certificate without the callers' authority is taken for mutual TLS")
	}
}

func get(t *testing.T, h http.Handler, path, host string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://"+host+path, nil)
	w := httptest.NewRecorder()
	watch.Server(h).Handler.ServeHTTP(w, r)
	return w
}

func TestBoard(t *testing.T) {
	b := &watch.Board{Every: time.Minute}
	h := b.Handler()
	if w := get(t, h, "/ready", "127.0.0.1:9590"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before the first check: %d", w.Code)
	}
	v := example()
	b.Put(v)
	if w := get(t, h, "/ready", "localhost"); w.Code != http.StatusServiceUnavailable || w.Body.String() != "not ready\n" {
		t.Errorf("not ready: %d %q", w.Code, w.Body)
	}
	good := *v
	good.State, good.Findings = watch.Ready, nil
	b.Put(&good)
	if w := get(t, h, "/ready", "[::1]:9590"); w.Code != http.StatusOK {
		t.Errorf("ready: %d %q", w.Code, w.Body)
	}
	old := good
	old.Checked = time.Now().Add(-time.Hour)
	b.Put(&old)
	if w := get(t, h, "/ready", "127.0.0.1"); w.Code != http.StatusServiceUnavailable || !strings.HasPrefix(w.Body.String(), "stale") {
		t.Errorf("a verdict that is an hour old is still believed: %d %q", w.Code, w.Body)
	}
	if w := get(t, h, "/", "evil.example.com"); w.Code != http.StatusForbidden {
		t.Errorf("a page elsewhere can read ours by its own name: %d", w.Code)
	}
	if w := get(t, h, "/nowhere", "127.0.0.1"); w.Code != http.StatusNotFound {
		t.Errorf("/nowhere: %d", w.Code)
	}
	b.Put(v)
	var told watch.Verdict
	if err := json.Unmarshal(get(t, h, "/status.json", "127.0.0.1").Body.Bytes(), &told); err != nil || told.Script != v.Script || len(told.Findings) != 1 {
		t.Errorf("%v: %+v", err, told)
	}
	if _, err := watchtest.ParseMetrics(get(t, h, "/metrics", "127.0.0.1").Body.String()); err != nil {
		t.Error(err)
	}
}

// The page needs nothing from elsewhere, and shows texts as texts.
func TestPageIsWholeAndEscaped(t *testing.T) {
	b := &watch.Board{}
	b.Put(example())
	page := get(t, b.Handler(), "/", "127.0.0.1").Body.String()
	if strings.Contains(page, "<b>no</b>") || !strings.Contains(page, "&lt;b&gt;no&lt;/b&gt;") {
		t.Error("a text of a finding is markup on the page")
	}
	for _, outside := range []string{"http://", "https://", "src=", "<script", "<link"} {
		if strings.Contains(page, outside) {
			t.Errorf("the page asks for something else: %s", outside)
		}
	}
	for _, want := range []string{"not ready", "failover.dtcl", "as if east were gone", "only on east: 2 files and folders, 77 bytes", "31 changes to 130 objects"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the page is not well formed: %v\n%s", err, page)
		}
	}
}

// Only what matters is told as a change: the same findings with other figures are none.
func TestDifference(t *testing.T) {
	was := example()
	now := *was
	now.Findings = slices.Clone(was.Findings)
	now.Findings[0].Got = "another figure"
	if got := now.Difference(was); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	now.Findings = append(now.Findings, watch.Finding{Severity: watch.Warns, Check: "unreachable", Object: "agent west", Got: "no answer", Want: "an answer"})
	if got := now.Difference(was); len(got) != 1 || !strings.Contains(got[0], "agent west: got no answer; want an answer") {
		t.Errorf("got %q", got)
	}
	if got := was.Difference(&now); len(got) != 1 || !strings.HasPrefix(got[0], "gone") {
		t.Errorf("got %q", got)
	}
	if got := was.Difference(nil); len(got) != 2 || !strings.Contains(got[0], "first check") {
		t.Errorf("got %q", got)
	}
}
