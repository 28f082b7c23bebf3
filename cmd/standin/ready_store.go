package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/standin-project/standin/runtime/watch"
)

// store looks whether a run could be journaled, and at each member of a store that stands elsewhere.
func (c *checkup) store(ctx context.Context) {
	if _, err := c.site.journals.List(ctx); err != nil {
		c.found(watch.Stops, checkUnreachable, "store of the runs", err.Error(), "an answer", hints(err))
	}
	if e := c.site.file.Store; e.remote() {
		c.members(ctx, e)
	}
	dir := c.site.file.at(c.site.file.Runs)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		dir = c.site.file.dir
	}
	if err := unix.Access(dir, unix.W_OK); err != nil {
		c.found(watch.Stops, checkRights, "folder "+dir, err.Error(), "a folder that runs can be written to", "")
		return
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err == nil && int64(fs.Bavail)*fs.Bsize < leastJournal {
		c.found(watch.Warns, checkCapacity, "folder "+dir, fmt.Sprintf("%d MiB free", int64(fs.Bavail)*fs.Bsize>>20), fmt.Sprintf("%d MiB", leastJournal>>20), "")
	}
}

// memberTime is how long a member of the store has to answer.
const memberTime = 5 * time.Second

// members asks each member of an etcd cluster by itself: a run needs most of them, and one that is away shows nowhere else.
func (c *checkup) members(ctx context.Context, e *storeEntry) {
	for name, path := range map[string]string{"ca_file": e.CA, "cert_file": e.Cert} {
		if path != "" {
			c.pemFile(name+" of the store", c.site.file.at(path))
		}
	}
	secure, err := storeTLS(c.site.file)
	if err != nil {
		return // that the store cannot be opened is told already
	}
	transport := &http.Transport{TLSClientConfig: secure}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: memberTime}
	for _, endpoint := range e.Endpoints {
		object := "store's member " + endpoint
		asked := time.Now()
		state, at, err := member(ctx, client, endpoint)
		if err != nil {
			c.found(watch.Warns, checkUnreachable, object, cause(err).Error(), "an answer", "a run needs most of the members")
			continue
		}
		if state != nil {
			c.certificates(object, state.PeerCertificates)
		}
		c.clock(object, at, asked)
	}
}

// member asks one member for its health, and gives what it showed of its certificate and its clock.
func member(ctx context.Context, client *http.Client, endpoint string) (*tls.ConnectionState, time.Time, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(endpoint, "/")+"/health", nil)
	if err != nil {
		return nil, time.Time{}, err
	}
	answer, err := client.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, time.Time{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err == nil && (answer.StatusCode != http.StatusOK || !strings.Contains(string(text), `"true"`)) {
		err = fmt.Errorf("it is not healthy: %s %s", answer.Status, strings.TrimSpace(string(text)))
	}
	at, _ := http.ParseTime(answer.Header.Get("Date")) //nolint:errcheck // one that tells no time has none to compare
	return answer.TLS, at, err
}
