// Package scripts holds the runbooks that ship with Standin, as their text.
//
// They are starting points: `standin scripts copy` puts them beside a site, where an operator edits them.
package scripts

import (
	"embed"
	"strings"
)

// FS holds the runbooks, each at its file name: "failover.dtcl".
//
//go:embed *.dtcl
var FS embed.FS

// Runbook is one shipped runbook.
type Runbook struct {
	Name  string // its file name
	Title string // its first comment line: what it is for
}

// List gives the runbooks by name.
func List() []Runbook {
	files, err := FS.ReadDir(".")
	if err != nil {
		panic(err) // the embedded root is always there
	}
	all := make([]Runbook, 0, len(files))
	for _, f := range files {
		text, err := FS.ReadFile(f.Name())
		if err != nil {
			panic(err) // it was listed above
		}
		all = append(all, Runbook{Name: f.Name(), Title: title(string(text))})
	}
	return all
}

// title is the first line without its comment mark.
func title(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(strings.TrimPrefix(first, "//"))
}
