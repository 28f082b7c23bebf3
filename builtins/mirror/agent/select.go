package agent

import (
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/mirror"
)

// rootSpec is one root of a connection: where it lies on one agent and which of the paths below it belong to the set.
// Both sides get the same rules, so that neither ever looks at what the other does not mean.
type rootSpec struct {
	Path  string    `json:"path"`
	Rules []relRule `json:"rules"`
}

// relRule is a rule by its path relative to the root.
type relRule struct {
	Path    string `json:"path"`
	Exclude bool   `json:"exclude,omitempty"`
	Recurse bool   `json:"recurse,omitempty"`
}

// verdict says what becomes of a path.
type verdict int

const (
	out     verdict = iota
	passage         // a folder that is no part of the set but leads to one that is
	in
)

// verdict decides by the most specific rule that reaches the path.
func (r *rootSpec) verdict(path string, folder bool) verdict {
	best, result := -1, out
	for _, rule := range r.Rules {
		if len(rule.Path) <= best || !reaches(rule, path, folder) {
			continue
		}
		best, result = len(rule.Path), in
		if rule.Exclude {
			result = out
		}
	}
	if result == out && folder && r.leadsOn(path) {
		return passage
	}
	return result
}

func reaches(rule relRule, path string, folder bool) bool {
	rest, ok := cutDir(path, rule.Path)
	return ok && (rest == "" || rule.Recurse || !folder && !strings.Contains(rest, "/"))
}

func (r *rootSpec) leadsOn(path string) bool {
	return slices.ContainsFunc(r.Rules, func(rule relRule) bool {
		rest, ok := cutDir(rule.Path, path)
		return ok && rest != "" && !rule.Exclude
	})
}

// cutDir says whether path is dir or lies below it, and gives the rest.
func cutDir(path, dir string) (rest string, ok bool) {
	switch {
	case dir == "":
		return path, true
	case path == dir:
		return "", true
	}
	return strings.CutPrefix(path, dir+"/")
}

// rootsOf gives the roots of a connection at its source and, one by one, at its target.
func rootsOf(c mirror.Connection) (source, target []rootSpec, err error) {
	for _, path := range mirror.Roots(c.Rules) {
		from := rootSpec{Path: path}
		for _, r := range c.Rules {
			if rest, ok := mirror.Below(r.Path, path); ok {
				from.Rules = append(from.Rules, relRule{Path: rest, Exclude: r.Exclude, Recurse: r.Recurse})
			}
		}
		to := from
		if to.Path, err = mirror.MapPath(c.Map, path); err != nil {
			return nil, nil, err
		}
		source, target = append(source, from), append(target, to)
	}
	return source, target, nil
}
