// Package stdlib holds the modules that runbooks USE, as their text.
package stdlib

import "embed"

// FS holds the modules, each at its file name: `USE "exchange";` means exchange.dtcl.
//
//go:embed *.dtcl
var FS embed.FS
