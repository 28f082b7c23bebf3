package docs_test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/report"
)

// The manual lists every name of the report's JSON, and no other: programs read them.
func TestReportNames(t *testing.T) {
	_, rest, ok := strings.Cut(read(t), "<!-- report -->\n")
	table, _, closed := strings.Cut(rest, "<!-- /report -->")
	if !ok || !closed {
		t.Fatal("the manual has no table of the report")
	}
	name := regexp.MustCompile("`([a-z_]+)`")
	listed := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cells := strings.Split(line, "|")
		object := "the report"
		if m := regexp.MustCompile("`([a-z]+)(?:\\[\\])?`").FindStringSubmatch(cells[1]); m != nil {
			object = m[1]
		}
		for _, m := range name.FindAllStringSubmatch(cells[2], -1) {
			listed[object] = append(listed[object], m[1])
		}
	}
	has := map[string][]string{}
	names(has, "the report", reflect.TypeFor[report.Report]())
	for _, object := range slices.Sorted(maps.Keys(has)) {
		got, want := listed[object], has[object]
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(slices.Compact(got), want) {
			t.Errorf("%s: the manual lists %v, the JSON has %v", object, got, want)
		}
	}
	for object := range listed {
		if has[object] == nil {
			t.Errorf("the manual lists %s, which the JSON has not", object)
		}
	}
}

// names collects the JSON names of a struct, and of those that it holds by the names under which it holds them.
func names(all map[string][]string, object string, t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || all[object] != nil {
		return
	}
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag == "" {
			continue
		}
		all[object] = append(all[object], tag)
		if tag != "items" { // more of the same
			names(all, tag, t.Field(i).Type)
		}
	}
}
