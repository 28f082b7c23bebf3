package watch

import (
	"context"
	"log/slog"

	"github.com/standin-project/standin/runtime/plan"
)

// Log writes events as records of a structured log: what a person must see is a warning or an error, progress is for
// debugging, everything else is information.
func Log(h slog.Handler) plan.Events {
	return func(e plan.Event) {
		ctx, level := context.Background(), level(e)
		if !h.Enabled(ctx, level) {
			return
		}
		r := slog.NewRecord(e.Time, level, string(e.Kind), 0)
		r.AddAttrs(attributes(e)...)
		h.Handle(ctx, r) //nolint:errcheck // a log that cannot be written ends no failover
	}
}

func attributes(e plan.Event) []slog.Attr {
	all := make([]slog.Attr, 0, 8)
	for _, a := range []slog.Attr{
		slog.String("run", e.Run), slog.String("place", e.Place), slog.String("line", e.Line), slog.String("text", e.Text), slog.String("state", e.State),
		slog.Int("attempt", e.Attempt), slog.Int64("ms", e.Millis), slog.String("error", e.Error),
	} {
		if !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.Int64Value(0)) {
			all = append(all, a)
		}
	}
	if len(e.Changes) > 0 {
		lines := make([]string, len(e.Changes))
		for i, c := range e.Changes {
			lines[i] = c.String()
		}
		all = append(all, slog.Any("changes", lines))
	}
	return all
}

func level(e plan.Event) slog.Level {
	switch e.Kind {
	case plan.EventSay:
		return slog.LevelDebug
	case plan.EventStepFail, plan.EventFail, plan.EventAsk, plan.EventRule:
		return slog.LevelWarn
	case plan.EventEnd:
		if e.Error != "" {
			return slog.LevelError
		}
	}
	return slog.LevelInfo
}
