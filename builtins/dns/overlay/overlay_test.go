package overlay_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/builtins/dns/dnstest"
	"github.com/standin-project/standin/builtins/dns/embedded"
	"github.com/standin-project/standin/builtins/dns/overlay"
)

func TestOverlay(t *testing.T) {
	dnstest.Run(t, func(t *testing.T) dns.System {
		dir := t.TempDir()
		for zone, text := range dnstest.Zones() {
			if err := os.WriteFile(filepath.Join(dir, dnstest.FileName(zone)), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s, err := embedded.Open(dir, "dns1")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return overlay.New(s)
	})
}
