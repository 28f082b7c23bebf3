package value

import (
	"errors"
	"fmt"
	"slices"
)

// Codes of failed commands. Those above -1000 are DTCL's own (Scripting Guide, "Return codes").
const (
	CodeUnknown      = -1    // unknown error
	CodeBadParameter = -101  // a bad parameter
	CodeNotCommand   = -102  // not a command
	CodeNoSource     = -103  // no source module
	CodeNoSourceName = -104  // no source of that name
	CodeNotThere     = -1000 // the named object does not exist
	CodeUnreachable  = -1001 // the server did not answer
	CodeRefused      = -1002 // the server or a rule refused
	CodeTimeout      = -1003 // the time ran out
	CodeConflict     = -1004 // the world is not as the command needs it
	CodeFailed       = -1005 // the system tried and failed
	CodeCancelled    = -1006 // the run was stopped or the command cancelled
	CodeScript       = -1007 // the script itself erred: 1/0, a wrong type, a missing key
)

// Failure is the way a command fails: a negative code, one line that names the object, and the way out.
type Failure struct {
	Code    int
	Message string
	Hints   []string
	Err     error // the cause, if there is one
}

func (f *Failure) Error() string { return f.Message }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Failf makes a Failure; a %w operand becomes its cause.
func Failf(code int, format string, args ...any) *Failure {
	err := fmt.Errorf(format, args...)
	return &Failure{Code: code, Message: err.Error(), Err: err}
}

// Hint adds a way out and returns f.
func (f *Failure) Hint(format string, args ...any) *Failure {
	f.Hints = append(f.Hints, fmt.Sprintf(format, args...))
	return f
}

// HasCode says whether err is a Failure, or has one as its cause, with one of these codes.
func HasCode(err error, codes ...int) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && slices.Contains(codes, f.Code)
}
