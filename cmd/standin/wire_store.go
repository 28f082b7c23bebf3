package main

import (
	"context"
	"crypto/tls"
	"path/filepath"

	"github.com/standin-project/standin/runtime/journal"
	"github.com/standin-project/standin/runtime/journal/etcd"
	"github.com/standin-project/standin/runtime/journal/file"
	"github.com/standin-project/standin/runtime/journal/glass"
)

// openStore opens the store of the site's runs.
func (a *app) openStore(s *siteFile) (journal.Store, error) {
	if !s.Store.remote() {
		if a.breakGlass != "" {
			return nil, wrong("leave --break-glass out", "--break-glass: the runs of this site are kept on this host anyway")
		}
		return file.Open(s.at(s.Runs)), nil
	}
	remote, err := openEtcd(s)
	if err != nil {
		return nil, err
	}
	if a.breakGlass != "" && remote.Ping(context.Background()) == nil {
		return nil, wrong("leave --break-glass out: the store's locks keep two runs apart", "--break-glass: the store of the runs answers")
	}
	return glass.New(remote, file.Open(filepath.Join(s.at(s.Runs), "break-glass")), a.breakGlass), nil
}

func openEtcd(s *siteFile) (*etcd.Store, error) {
	e := s.Store
	c := etcd.Config{Endpoints: e.Endpoints, Prefix: e.Prefix, Lease: e.lease}
	var err error
	if c.TLS, err = storeTLS(s); err != nil {
		return nil, wrong("", "site file %q: [store]: %v", s.path, err)
	}
	return etcd.Open(c)
}

func storeTLS(s *siteFile) (*tls.Config, error) {
	e := s.Store
	at := func(path string) string {
		if path == "" {
			return ""
		}
		return s.at(path)
	}
	return etcd.TLS(at(e.CA), at(e.Cert), at(e.Key))
}
