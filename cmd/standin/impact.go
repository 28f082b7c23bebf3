package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/plan"
)

// planRest says what going on with a run would do.
func (a *app) planRest(ctx context.Context, id string, args []string) error {
	site, err := a.storeOnly()
	if err != nil {
		return err
	}
	x := &execution{app: a, site: site}
	if x.was, _, err = site.find(ctx, id); err == nil {
		x.h = &x.was.Header
		err = x.prepare(ctx, args)
	}
	if err == nil {
		err = x.remember(ctx)
	}
	if err == nil {
		err = site.systemsUp(ctx)
	}
	if err != nil {
		return errors.Join(err, site.close())
	}
	program, err := a.compile(x.s.checked, true)
	if err == nil {
		err = a.planProgram(ctx, site, x.s, program, nil)
	}
	return errors.Join(err, site.close())
}

// remember gives the script what its run has done so far.
func (x *execution) remember(ctx context.Context) error {
	if err := x.children(ctx); err != nil {
		return err
	}
	entries := make([][]plan.Entry, len(x.child))
	for i, child := range x.child {
		entries[i] = child.Entries
	}
	x.s.past = plan.NewPast(x.was.Entries, entries...)
	return nil
}

// impact says what would be changed between the question that is asked now and the next one. It plans the rest of the
// run, so that a person answers with the numbers before his eyes.
func (x *execution) impact(ctx context.Context) string {
	rest := &execution{app: x.app, site: x.site, s: new(script), h: x.h}
	*rest.s = *x.s
	var err error
	if rest.was, err = x.site.journals.Load(ctx, x.h.ID); err != nil {
		return ""
	}
	if err := rest.remember(ctx); err != nil {
		return ""
	}
	program, err := x.app.compile(rest.s.checked, true)
	if err != nil {
		return ""
	}
	p, err := x.app.predict(ctx, x.site, rest.s, program, nil, x.site.planned)
	if err != nil {
		return ""
	}
	return summary(p.Next())
}

// summary counts the objects of changes by system.
func summary(changes []plan.Change, more bool) string {
	objects := map[string]int{}
	for _, c := range changes {
		objects[c.System] += max(c.Count, 1)
	}
	var parts []string
	for _, system := range slices.Sorted(maps.Keys(objects)) {
		parts = append(parts, fmt.Sprintf("%s: %s", system, count(objects[system], "object")))
	}
	until := "the end"
	if more {
		until = "the next question"
	}
	if parts == nil {
		return fmt.Sprintf("Nothing is changed from here to %s.", until)
	}
	return fmt.Sprintf("From here to %s %s: %s.", until, count(len(changes), "change"), strings.Join(parts, ", "))
}
