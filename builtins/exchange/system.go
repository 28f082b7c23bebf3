// Package exchange is the vocabulary of an Exchange organisation that is kept in a directory: it moves mailboxes and
// everything else that names a server from one server to the one that stands in for it.
package exchange

import (
	"context"
	"io"

	"github.com/standin-project/standin/builtins/directory"
)

// Systems is what the commands ask of a site.
type Systems interface {
	// Organisation opens the directory that holds the Exchange organisation, bound as login, and gives its name.
	Organisation(ctx context.Context, login directory.Login) (name string, d directory.System, err error)
	// Log opens the log file at path for appending; in a plan what is written goes nowhere.
	Log(ctx context.Context, path string) (io.WriteCloser, error)
	// Options reads a file of options.
	Options(path string) ([]byte, error)
	// Gate refuses a failover (or a failback) while the server that gives its mailboxes away may still be serving
	// them, or the other's data is not what is to be served; its answer is a *value.Failure.
	Gate(ctx context.Context, giving, taking string, failback bool) error
}

// commands are the functions of the records over a site.
type commands struct{ Systems }
