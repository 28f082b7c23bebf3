package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// build makes the program as `make build` does: one static binary, which starts without the dynamic linker.
func build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "standin")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// maxInit is what all packages together may take to initialise, in milliseconds.
const maxInit = 1.5

// The start of the program belongs to every `standin do` in a shell loop; one careless package-level table doubles it.
// The quickest of several starts counts: a busy machine is no fault of a package.
func TestPackagesInitialiseQuickly(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	program := build(t)
	least, slowest := 0.0, []string(nil)
	for i := range 20 {
		sum, parts := initTimes(t, program)
		if i == 0 || sum < least {
			least, slowest = sum, parts
		}
	}
	t.Logf("all packages: %.2f ms", least)
	if least > maxInit {
		t.Errorf("the packages initialise in %.2f ms, want at most %.1f; the slowest are:\n%s", least, maxInit, strings.Join(slowest, "\n"))
	}
}

// initTimes starts the program and gives what its packages take to initialise, in milliseconds, and the slowest five.
func initTimes(t *testing.T, program string) (sum float64, slowest []string) {
	t.Helper()
	c := exec.Command(program, "do", "wait", "0")
	c.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	type part struct {
		name string
		ms   float64
	}
	var parts []part
	for _, m := range regexp.MustCompile(`init (\S+) @\S+ ms, (\S+) ms clock`).FindAllStringSubmatch(string(out), -1) {
		ms, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += ms
		parts = append(parts, part{m[1], ms})
	}
	if len(parts) == 0 {
		t.Fatalf("no package in the trace:\n%s", out)
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(b.ms, a.ms) })
	for _, p := range parts[:min(5, len(parts))] {
		slowest = append(slowest, fmt.Sprintf("  %s: %.3f ms", p.name, p.ms))
	}
	return sum, slowest
}

// BenchmarkStart runs whole processes that do nothing, in turn, and reports the median of each.
func BenchmarkStart(b *testing.B) {
	rivals := [][]string{
		{build(b), "do", "wait", "0"},
		{"tclsh", "/dev/null"},
		{"python3", "-c", "pass"},
		{"bash", "-c", ":"},
	}
	rivals = slices.DeleteFunc(rivals, func(argv []string) bool { return exec.Command(argv[0]).Err != nil })
	took := make([][]time.Duration, len(rivals))
	for b.Loop() {
		for i, argv := range rivals {
			begun := time.Now()
			if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
				b.Fatalf("%v: %v", argv, err)
			}
			took[i] = append(took[i], time.Since(begun))
		}
	}
	for i, argv := range rivals {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2].Microseconds())/1000, "ms-"+filepath.Base(argv[0]))
	}
}
