package embedded_test

import (
	"testing"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/directorytest"
	"github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/directory/ldap"
	"github.com/standin-project/standin/builtins/directory/overlay"
)

func open(t *testing.T, dir string) *ldap.Client {
	t.Helper()
	s, err := embedded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ldap.New(ldap.Config{URL: s.URL(), Notes: s.Notes()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func fresh(t *testing.T, users int) string {
	t.Helper()
	dir := t.TempDir()
	if err := embedded.Init(dir, embedded.Fresh{Users: users}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestConformance(t *testing.T) {
	directorytest.Run(t, func(t *testing.T) directory.System { return open(t, fresh(t, directorytest.Users)) })
}

func TestOverlayConformance(t *testing.T) {
	directorytest.Run(t, func(t *testing.T) directory.System {
		return overlay.New(open(t, fresh(t, directorytest.Users)))
	})
}
