package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/standin-project/standin/runtime/journal/etcd/etcdtest"
)

// The runs of a team: two hosts, each with the site's folder, and one etcd for both.
func TestRunsInEtcd(t *testing.T) {
	cluster, files := etcdtest.StartTLS(t, 1)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/store", UpdateScripts: os.Getenv("UPDATE") != "", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ETCD", cluster.Endpoints()[0])
			e.Setenv("TLS", "ca_file = '"+files.CA+"'\ncert_file = '"+files.Cert+"'\nkey_file = '"+files.Key+"'")
			return nil
		},
	})
}

// A [store] that cannot be right is a wrong call, before anything is done.
func TestTheStoreOfTheSiteFile(t *testing.T) {
	for _, c := range []struct{ store, want string }{
		{"", ""},
		{"driver = 'file'", ""},
		{"driver = 'etcd'\nendpoints = ['http://127.0.0.1:2379', 'http://localhost:2379', 'http://[::1]:2379']", ""},
		{"driver = 'etcd'\nendpoints = ['https://e1.mydomain.com:2379']\ncert_file = 'c'\nkey_file = 'k'\nlease = '3s'\nprefix = '/mail/'", ""},
		{"driver = 'redis'", `[store] has driver "redis"`},
		{"driver = 'file'\nlease = '10s'", `[store] has driver "file", which has no other keys`},
		{"driver = 'etcd'", "[store] has no endpoints"},
		{"driver = 'etcd'\nendpoints = ['http://e1.mydomain.com:2379']", `"http://e1.mydomain.com:2379": it is beyond loopback and has no TLS`},
		{"driver = 'etcd'\nendpoints = ['https://10.0.0.1:2379']", "it is beyond loopback, and there is no cert_file and key_file"},
		{"driver = 'etcd'\nendpoints = ['127.0.0.1:2379']", `the endpoint "127.0.0.1:2379"`},
		{"driver = 'etcd'\nendpoints = ['http://127.0.0.1:2379/v3']", "it is no such URL"},
		{"driver = 'etcd'\nendpoints = ['http://127.0.0.1:2379']\ncert_file = 'c'", "want both or none"},
		{"driver = 'etcd'\nendpoints = ['http://127.0.0.1:2379']\nlease = '1s'", `the lease "1s"`},
		{"driver = 'etcd'\nendpoints = ['http://127.0.0.1:2379']\nlease = '2500ms'", `the lease "2500ms"`},
		{"driver = 'etcd'\nendpoints = ['http://127.0.0.1:2379']\nlease = 'soon'", `the lease "soon"`},
		{"driver = 'etcd'\npassword = 'x'", `unknown key ["store" "password"]`},
	} {
		dir := t.TempDir()
		text := ""
		if c.store != "" {
			text = "[store]\n" + c.store + "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, siteName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := testApp(&strings.Builder{}, dir).loadSite()
		_, wrongCall := errors.AsType[*wrongCall](err)
		if c.want == "" && err != nil || c.want != "" && (!wrongCall || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s:\n got %v\nwant %q", c.store, err, c.want)
		}
	}
}
