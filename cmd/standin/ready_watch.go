package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/standin-project/standin/runtime/durable"
	"github.com/standin-project/standin/runtime/watch"
)

// save writes the verdict to the file that --status names.
func (f *readyFlags) save(v *watch.Verdict) error {
	if f.status == "" {
		return nil
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(f.status, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write the status file %q: %w", f.status, cause(err))
	}
	return nil
}

// keepReady checks until it is told to end, which is a good end.
func (a *app) keepReady(ctx context.Context, args []string, f *readyFlags) (err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	k := &keeper{app: a, args: args, flags: f, board: &watch.Board{Every: f.every}}
	k.board.Metrics = k.metrics
	if f.webhook != "" {
		if k.hook, err = watch.NewWebhook(f.webhook, k.lost); err != nil {
			return wrong("tell it over TLS, or on this machine", "--webhook: %v", err)
		}
		defer k.hook.Close()
	}
	if f.listen != "" {
		done, err := k.serve()
		if err != nil {
			return err
		}
		defer done()
	}
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		if err := k.round(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// keeper is `standin ready --every` at work.
type keeper struct {
	app   *app
	args  []string
	flags *readyFlags
	board *watch.Board
	hook  *watch.Webhook
}

// round checks once and tells what changed. What would be a wrong call of a single check, as a mistake in the script, is
// here a runbook that is not ready: somebody may be editing it.
func (k *keeper) round(ctx context.Context) error {
	quiet := *k.app
	var said strings.Builder
	quiet.stderr = &said
	quiet.color = "never"
	v, err := quiet.verdict(ctx, k.args, k.flags)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		v = k.broken(err, said.String())
	}
	was := k.board.Get()
	if err != nil && was != nil && was.State == v.State {
		v.Since = was.Since
	}
	k.board.Put(v)
	if err := k.flags.save(v); err != nil {
		fmt.Fprintf(k.app.stderr, "standin: %v\n", err) // the disk may have room at the next check
	}
	lines := v.Difference(was)
	if len(lines) == 0 {
		return nil
	}
	k.log(v)
	if k.hook != nil {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		k.hook.Post(text)
	}
	if k.app.json {
		return k.app.encode(v)
	}
	at := v.Checked.Local().Format(time.DateTime)
	for _, l := range lines {
		if _, err := fmt.Fprintf(k.app.stdout, "%s  %s\n", at, strings.ReplaceAll(l, "\n", "\n                     ")); err != nil {
			return err
		}
	}
	return nil
}

// broken is the verdict of a check that could not be made.
func (k *keeper) broken(err error, said string) *watch.Verdict {
	now := time.Now()
	f := watch.Finding{Severity: watch.Stops, Check: checkPlan, Object: k.args[0], Got: err.Error(), Want: "a runbook that can be planned"}
	var call *wrongCall
	switch {
	case errors.As(err, new(ended)):
		f.Got = firstLine(strings.TrimSpace(said))
		f.Hint = "standin check " + k.args[0] + " tells all mistakes"
	case errors.As(err, &call):
		f.Hint = call.hint
	}
	v := &watch.Verdict{
		Script: k.args[0], Lost: k.flags.lost, Checked: now, Since: now, Findings: []watch.Finding{f}, Connections: []watch.Connection{},
		Stamp: watch.Verified{State: watch.NeedsVerified, Why: "it could not be checked"},
	}
	v.Settle(true)
	return v
}

// log puts a change of the verdict into the log that --log names.
func (k *keeper) log(v *watch.Verdict) {
	if k.app.watch == nil || k.app.watch.log == nil {
		return
	}
	h := k.app.watch.log
	level := slog.LevelInfo
	if v.State != watch.Ready {
		level = slog.LevelWarn
	}
	r := slog.NewRecord(v.Checked, level, "ready", 0)
	r.AddAttrs(slog.String("script", v.Script), slog.String("state", string(v.State)), slog.Int("stops", v.Count(watch.Stops)), slog.Int("warns", v.Count(watch.Warns)))
	for _, f := range v.Findings {
		r.AddAttrs(slog.String(string(f.Severity), f.Object+": "+f.Got))
	}
	h.Handle(context.Background(), r) //nolint:errcheck // a log that cannot be written ends no watch
}

// lost tells of a message that the webhook did not take.
func (k *keeper) lost(err error) {
	fmt.Fprintf(k.app.stderr, "standin: the webhook did not take the verdict: %v\n", err)
}

// serve answers callers of --listen until the function that it gives is called.
func (k *keeper) serve() (done func(), err error) {
	l, err := watch.Listen(k.flags.listen, k.flags.tls)
	if errors.Is(err, watch.ErrPlain) {
		return nil, wrong("listen on 127.0.0.1, or add --tls-cert, --tls-key and --tls-ca", "--listen: %v", err)
	}
	if err != nil {
		return nil, wrong("as 127.0.0.1:9590", "--listen: %v", err)
	}
	server := watch.Server(k.board.Handler())
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(k.app.stderr, "standin: the page is not served any more: %v\n", err)
		}
	}()
	k.tell(l.Addr())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close() //nolint:errcheck // whoever still reads is cut off
		}
	}, nil
}

// tell says where the page is: the port may have been left to the system.
func (k *keeper) tell(at net.Addr) {
	scheme := "http"
	if k.flags.tls != (watch.TLS{}) {
		scheme = "https"
	}
	fmt.Fprintf(k.app.stderr, "standin: the page is at %s://%s/, metrics at /metrics\n", scheme, at)
}

// metrics are those of the site's runs, as the journals have them when they are asked for.
func (k *keeper) metrics() []watch.Family {
	quiet := *k.app
	quiet.stderr = io.Discard
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	return quiet.runFamilies(ctx)
}
