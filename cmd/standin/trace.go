package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/watch"
)

// watching is where the events of what this call runs also go: a log and a trace. Both are off unless asked for.
type watching struct {
	logFile string // "-" is standard error; "" none
	otlp    string // URL of an OTLP receiver; "" is what OpenTelemetry's variables say

	begun   bool
	sinks   []plan.Events
	log     slog.Handler
	closers []func() error
}

func (c *common) watchFlags(fs *flag.FlagSet) {
	if c.watch == nil {
		c.watch = &watching{}
	}
	fs.StringVar(&c.watch.logFile, "log", c.watch.logFile, "also write what is run to this file as JSON lines; - is standard error")
	fs.StringVar(&c.watch.otlp, "otlp", c.watch.otlp, "send a trace of what is run to this OTLP receiver, as http://127.0.0.1:4318")
}

// startWatching opens the log and the trace that flags and variables ask for. A mistake in a flag is told before
// anything runs; one in a variable, which may be meant for others, only turns the trace off.
func (a *app) startWatching() error {
	w := a.watch
	if w == nil || w.begun {
		return nil
	}
	w.begun = true
	if w.logFile != "" {
		if err := w.openLog(a.stderr); err != nil {
			return wrong("name a file in a folder that there is, or - for standard error", "--log: cannot write %q: %v", w.logFile, cause(err))
		}
	}
	to, err := watch.OTLPConfig(w.otlp, a.getenv)
	switch {
	case err != nil && w.otlp != "":
		return wrong("--otlp http://127.0.0.1:4318", "%v", err)
	case err != nil:
		fmt.Fprintf(a.stderr, "standin: no trace is sent: %v\n", err)
	case to != nil:
		w.openTrace(to)
	}
	return nil
}

func (w *watching) openLog(standard io.Writer) error {
	out := standard
	if w.logFile != "-" {
		f, err := os.OpenFile(w.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		out = f
		w.closers = append(w.closers, f.Close)
	}
	w.log = slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})
	w.sinks = append(w.sinks, watch.Log(w.log))
	return nil
}

func (w *watching) openTrace(to *watch.OTLP) {
	if to.Resource["host.name"] == "" {
		to.Resource["host.name"], _ = os.Hostname() //nolint:errcheck // a host without a name has none to send
	}
	to.Resource["service.version"] = version()
	x := watch.NewExporter(*to)
	t := watch.NewTracer(x)
	w.sinks = append(w.sinks, t.Event)
	w.closers = append(w.closers, func() error {
		t.Close()
		return x.Close()
	})
}

// stopWatching sends and closes what startWatching has opened. What is lost is said and changes no exit code.
func (a *app) stopWatching() {
	if a.watch == nil {
		return
	}
	for _, c := range a.watch.closers {
		if err := c(); err != nil {
			fmt.Fprintf(a.stderr, "standin: %v\n", err)
		}
	}
	a.watch.closers = nil
}

// watched gives events to own and to the log and the trace.
func (a *app) watched(own plan.Events) plan.Events {
	if a.watch == nil || len(a.watch.sinks) == 0 {
		return own
	}
	all := append([]plan.Events{own}, a.watch.sinks...)
	return func(e plan.Event) {
		for _, sink := range all {
			sink(e)
		}
	}
}

// told tells the watchers that this process begins the run or takes it up again. The function that it gives tells them
// how the run stands as the process leaves it: as its error says, or in state if that is not "" and there is no error.
func (x *execution) told(events plan.Events) func(state plan.State, err error) {
	began := time.Now()
	e := plan.Event{Time: began, Run: x.h.ID, Kind: plan.EventBegin, Text: x.h.Script, State: "begun"}
	if x.was != nil {
		e.State = "resumed"
	}
	events(e)
	return func(state plan.State, err error) {
		if state == "" || err != nil {
			state, _ = outcome(err)
		}
		end := plan.Event{Time: time.Now(), Run: x.h.ID, Kind: plan.EventEnd, Text: x.h.Script, State: string(state), Millis: time.Since(began).Milliseconds()}
		if err != nil && !errors.As(err, new(ended)) {
			end.Error = x.walk.Redact(firstLine(err.Error()))
		}
		events(end)
	}
}
