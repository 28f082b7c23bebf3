// Package directory is the vocabulary of directory services: what a command may ask of an LDAP directory, and the
// commands that only read one.
package directory

import (
	"context"
	"strings"

	"github.com/standin-project/standin/runtime/plan"
)

// Attr is one attribute of an entry with its values in the directory's order.
type Attr struct {
	Name   string
	Values []string
}

// Entry is one entry with the attributes that were asked for. Names of attributes are compared without case.
type Entry struct {
	DN    string
	Attrs []Attr
}

// All gives the values of an attribute, nil if the entry has none.
func (e *Entry) All(name string) []string {
	for _, a := range e.Attrs {
		if strings.EqualFold(a.Name, name) {
			return a.Values
		}
	}
	return nil
}

// Get gives the first value of an attribute, "" if the entry has none.
func (e *Entry) Get(name string) string {
	if all := e.All(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Scope says how far below its base a search looks.
type Scope int

// The scopes of LDAP.
const (
	Base Scope = iota
	OneLevel
	Subtree
)

// Query is one search. Filter is an RFC 4515 text; no Attrs means all of them.
type Query struct {
	Base   string
	Scope  Scope
	Filter string
	Attrs  []string
}

// Edit changes one attribute: the Old values are deleted and the New ones added in one modification, never replaced
// blindly, so that the server refuses whoever comes second.
type Edit struct {
	Attr string   `json:"attr"`
	Old  []string `json:"old,omitempty"`
	New  []string `json:"new,omitempty"`
}

// Modification is what one LDAP modify does to one entry: all of its edits or none.
type Modification struct {
	DN    string
	Edits []Edit
}

// Info is what a directory server says of itself.
type Info struct {
	Server        string // its DNS name, or its address where it does not say
	Default       string // naming context of the domain
	Configuration string // naming context of the forest's configuration
	USN           string // highest committed update number; "" where the server has none
}

// Login is the account to bind with. The zero Login is the site's own; a User without a Password takes it from the
// site file.
type Login struct {
	User     string
	Password string
}

// Reader is the half of a directory that cannot change it.
//
// Every method fails with a *value.Failure: CodeNotThere, CodeRefused, CodeUnreachable, CodeTimeout or CodeFailed.
type Reader interface {
	// Info reads the server's root entry.
	Info(ctx context.Context) (Info, error)
	// Entry reads one entry; no attrs means all.
	Entry(ctx context.Context, dn string, attrs ...string) (*Entry, error)
	// Search calls found for every entry in turn, page by page; an error of found ends the search and is returned.
	Search(ctx context.Context, q Query, found func(*Entry) error) error
	// Writable says whether the account may write the attributes of the entry, and names those that it may not.
	// Unknown is the answer of a server that does not tell rights.
	Writable(ctx context.Context, dn string, attrs ...string) (plan.Answer, []string, error)
	// Note reads a durable document kept with the directory; nil if there is none.
	Note(ctx context.Context, key string) ([]byte, error)
}

// System is a directory that can be changed. Its methods may be called from several goroutines at once.
type System interface {
	Reader
	// Modify changes one entry. CodeConflict means that an old value was not there or a new one already was.
	Modify(ctx context.Context, m Modification) error
	// SetNote writes a note, durably; nil removes it.
	SetNote(ctx context.Context, key string, note []byte) error
}

// Notes keeps small durable documents beside a directory, reachable by whoever can reach the directory.
type Notes interface {
	Note(ctx context.Context, key string) ([]byte, error)
	SetNote(ctx context.Context, key string, note []byte) error
}
