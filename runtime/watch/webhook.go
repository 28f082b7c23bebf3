package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Tries of one message to a webhook: the rests between them double from the first.
const (
	hookTime  = 10 * time.Second // one request
	hookTries = 6
	hookRest  = time.Second
)

// Webhook posts JSON to a URL in the background. Only the newest message waits: whoever is told late wants to know how
// things are, not how they were.
type Webhook struct {
	url    string
	client *http.Client
	lost   func(error)
	rest   time.Duration

	mu     sync.Mutex
	next   []byte
	wake   chan struct{}
	cancel context.CancelFunc
	stop   chan struct{}
	done   chan struct{}
}

// NewWebhook starts a webhook; lost is told of a message that could not be delivered. The URL must be https, or http to
// loopback.
func NewWebhook(at string, lost func(error)) (*Webhook, error) {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())) {
		return nil, errors.New("the URL of a webhook must be https://…, or http://… to loopback")
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &Webhook{
		url: at, client: &http.Client{Timeout: hookTime, CheckRedirect: noRedirect}, lost: lost, rest: hookRest,
		wake: make(chan struct{}, 1), cancel: cancel, stop: make(chan struct{}), done: make(chan struct{}),
	}
	go h.run(ctx)
	return h, nil
}

// Post gives the webhook a JSON text to deliver, in place of one that still waits. It never blocks.
func (h *Webhook) Post(body []byte) {
	h.mu.Lock()
	h.next = body
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Close tries once to deliver what waits, for at most two seconds.
func (h *Webhook) Close() {
	late := time.AfterFunc(maxClosing, h.cancel)
	close(h.stop)
	<-h.done
	late.Stop()
	h.cancel()
}

func (h *Webhook) run(ctx context.Context) {
	defer close(h.done)
	for {
		select {
		case <-h.wake:
			h.deliver(ctx)
		case <-h.stop:
			h.deliver(ctx)
			return
		}
	}
}

func (h *Webhook) take() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	body := h.next
	h.next = nil
	return body
}

// deliver tries until the message is taken, a newer one comes or the tries are used up.
func (h *Webhook) deliver(ctx context.Context) {
	body, rest := h.take(), h.rest
	for try := 1; body != nil; try++ {
		err := h.post(ctx, body)
		if err == nil {
			return
		}
		if try == hookTries || !h.pause(ctx, rest) {
			h.lost(err)
			return
		}
		rest *= 2
		if newer := h.take(); newer != nil {
			body, try, rest = newer, 0, h.rest
		}
	}
}

// pause rests between two tries, shorter when a newer message comes; it says whether there is time for another try.
func (h *Webhook) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-h.wake:
		return true
	case <-h.stop:
	case <-ctx.Done():
	}
	return false
}

func (h *Webhook) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return plain(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := h.client.Do(r)
	if err != nil {
		return plain(err)
	}
	answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("it answered %s", answer.Status)
	}
	return nil
}
