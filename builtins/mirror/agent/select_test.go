package agent

import "testing"

func TestVerdict(t *testing.T) {
	spec := rootSpec{Rules: []relRule{
		{Path: "", Recurse: true},
		{Path: "temp", Exclude: true, Recurse: true},
		{Path: "temp/but/this", Recurse: true},
		{Path: "flat", Exclude: true, Recurse: true},
		{Path: "flat/in", Recurse: false},
		{Path: "one.log", Exclude: true},
	}}
	for path, want := range map[string]verdict{
		"": in, "a": in, "a/b": in, "tempo": in,
		"temp": passage, "temp/x": out, "temp/but": passage, "temp/but/this": in, "temp/but/this/x/y": in,
		"flat": passage, "flat/in": in, "flat/in/sub": out, "one.log": out,
	} {
		if got := spec.verdict(path, true); got != want {
			t.Errorf("folder %q: got %d, want %d", path, got, want)
		}
	}
	for path, want := range map[string]verdict{
		"temp": out, "temp/x": out, "flat/in/file": in, "flat/in/sub/file": out, "one.log": out, "one.log.1": in,
	} {
		if got := spec.verdict(path, false); got != want {
			t.Errorf("file %q: got %d, want %d", path, got, want)
		}
	}
}
