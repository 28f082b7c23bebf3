package watch_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/watch"
)

func TestWebhookURL(t *testing.T) {
	for at, good := range map[string]bool{
		"https://hooks.example.com/x": true, "http://127.0.0.1:1/": true, "http://localhost/": true, "http://[::1]:80/": true,
		"http://hooks.example.com/": false, "ftp://127.0.0.1/": false, "hooks.example.com": false, "": false, "http://127.0.0.1.example.com/": false,
	} {
		h, err := watch.NewWebhook(at, func(error) {})
		if (err == nil) != good {
			t.Errorf("%q: %v", at, err)
		}
		if err == nil {
			h.Close()
		}
	}
}

// A message is tried again until it is taken; of several that wait only the newest is told, and nobody waits for it.
func TestWebhookTellsTheNewest(t *testing.T) {
	got := make(chan string, 10)
	refuse := make(chan int, 10)
	refuse <- http.StatusInternalServerError
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case code := <-refuse:
			w.WriteHeader(code)
			got <- "refused " + string(body)
		default:
			got <- string(body)
		}
	}))
	defer s.Close()
	h, err := watch.NewWebhook(s.URL, func(err error) { t.Errorf("lost: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	h.Post([]byte("first"))
	if g := <-got; g != "refused first" {
		t.Fatalf("got %q", g)
	}
	h.Post([]byte("second"))
	h.Post([]byte("third"))
	for g := range got {
		if g == "third" {
			break
		}
		if g == "first" {
			t.Errorf("an old message is told after a newer one")
		}
	}
	h.Close()
}

// What cannot be delivered before the end is said, and holds nothing up; a redirect is no delivery.
func TestWebhookThatNobodyTakes(t *testing.T) {
	s := httptest.NewServer(http.RedirectHandler("http://example.com/", http.StatusFound))
	defer s.Close()
	lost := make(chan error, 1)
	h, err := watch.NewWebhook(s.URL+"/token", func(err error) { lost <- err })
	if err != nil {
		t.Fatal(err)
	}
	h.Post([]byte("{}"))
	h.Close()
	if err := <-lost; !strings.Contains(err.Error(), "302") || strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	events := watch.Log(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
	at := time.Unix(1_700_000_000, 0).UTC()
	events(plan.Event{Time: at, Kind: plan.EventSay, Text: "12 of 15 files"})
	events(plan.Event{Time: at, Run: "r1", Kind: plan.EventCommand, Place: "3", Line: "a.dtcl:1", Text: "DNS ADD", Changes: []plan.Change{{System: "dns dns1", What: "A x", To: "10.0.0.1"}}})
	events(plan.Event{Time: at, Run: "r1", Kind: plan.EventStepFail, Text: "up", Attempt: 2, Error: "no", Millis: 7})
	events(plan.Event{Time: at, Run: "r1", Kind: plan.EventEnd, State: "failed", Error: "no"})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("progress is for debugging only; got %q", lines)
	}
	for i, want := range []map[string]any{
		{"level": "INFO", "msg": "command", "run": "r1", "place": "3", "line": "a.dtcl:1", "text": "DNS ADD"},
		{"level": "WARN", "msg": "step-failed", "attempt": 2.0, "error": "no", "ms": 7.0},
		{"level": "ERROR", "msg": "end", "state": "failed"},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("line %d: %s: got %v, want %v", i, k, got[k], v)
			}
		}
	}
	if !strings.Contains(lines[0], `"changes":["+ dns dns1: A x: 10.0.0.1"]`) {
		t.Errorf("got %s", lines[0])
	}
}
