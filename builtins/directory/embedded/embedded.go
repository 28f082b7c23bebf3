// Package embedded is an LDAP server on loopback for a site that has no directory of its own. Its entries live in one
// folder as LDIF, and it refuses what Active Directory would refuse: a value that is no longer there, a second value,
// a service principal name that another account has, a large search without paging.
//
// It speaks LDAP by hand on the BER codec and the filters of go-ldap, because the LDAP server libraries for Go hand a
// modify's values over undecoded, cannot say on which port they listen, and cannot answer "who am I".
package embedded

import (
	"errors"
	"net"
	"path/filepath"
	"sync"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/builtins/directory/notes"
	"github.com/standin-project/standin/runtime/value"
)

// Server is a running directory. It listens on 127.0.0.1 only.
type Server struct {
	store  *store
	listen net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool // nil when closed
	wait  sync.WaitGroup
}

// Option changes how a directory is opened.
type Option func(*Server)

// Refuse makes the directory refuse writes of an attribute of an entry, as one without the right would see it.
func Refuse(refuse func(dn, attr string) bool) Option {
	return func(s *Server) { s.store.refuse = refuse }
}

// Open reads the directory in dir, as Init made it, and serves it until Close.
func Open(dir string, options ...Option) (*Server, error) {
	st, err := openStore(dir)
	if err != nil {
		return nil, value.Failf(value.CodeFailed, "%w", err).Hint("standin site init makes a new site")
	}
	s := &Server{store: st, conns: map[net.Conn]bool{}}
	for _, o := range options {
		o(s)
	}
	if s.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(value.Failf(value.CodeFailed, "cannot listen on loopback: %w", err), st.close())
	}
	s.wait.Go(s.accept)
	return s, nil
}

// URL is where the directory can be reached while it is open.
func (s *Server) URL() string { return "ldap://" + s.listen.Addr().String() }

// Notes are the notes kept with the directory.
func (s *Server) Notes() directory.Notes { return notes.Folder(filepath.Join(s.store.dir, "notes")) }

// Close ends all connections and closes the folder.
func (s *Server) Close() error {
	err := s.listen.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wait.Wait()
	return errors.Join(err, s.store.close())
}

func (s *Server) accept() {
	for {
		c, err := s.listen.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.conns == nil {
			c.Close()
		} else {
			s.conns[c] = true
			s.wait.Go(func() {
				newSession(s.store, c).serve()
				s.mu.Lock()
				delete(s.conns, c)
				s.mu.Unlock()
			})
		}
		s.mu.Unlock()
	}
}
