package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/standin-project/standin/builtins/mirror"
)

// A look at 5,000 small files that are equal: by size and time, by blocks, and through everything a mirror does.
func BenchmarkNothingChanged(b *testing.B) {
	for _, how := range []struct {
		name string
		m    mirror.Mirror
	}{
		{"DIFFERENT", mirror.Mirror{}},
		{"CHECKSUM", mirror.Mirror{Compare: mirror.Compare{Checksum: true}}},
		{"FULL", mirror.Mirror{Compare: mirror.Compare{All: true}}},
	} {
		b.Run(how.name, func(b *testing.B) {
			s, dir := pairOf(b, Options{})
			for i := range 5000 {
				path := filepath.Join(mail(dir, "east"), fmt.Sprintf("%02d/%d", i%50, i))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					b.Fatal(err)
				}
				if err := os.WriteFile(path, make([]byte, 2000), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			mirrored(b, s, mirror.Mirror{})
			for b.Loop() {
				if last := mirrored(b, s, how.m); last.Error != "" {
					b.Fatal(last.Error)
				}
			}
		})
	}
}
