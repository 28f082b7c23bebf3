package mirror

import (
	"fmt"
	"path"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// SplitPath takes an agent's path apart: `E:\mail\db` is volume "E:" and "mail/db", `/srv/mail` is volume "/" and
// "srv/mail". The rest is "" for a whole volume.
func SplitPath(p string) (volume, rest string, err error) {
	switch {
	case len(p) >= 2 && p[1] == ':' && isLetter(p[0]):
		volume, rest = strings.ToUpper(p[:2]), strings.ReplaceAll(p[2:], `\`, "/")
		if rest != "" && rest[0] != '/' {
			err = fmt.Errorf("no separator after the drive")
		}
	case strings.HasPrefix(p, "/"):
		volume, rest = "/", p
	default:
		err = fmt.Errorf("it begins with neither a drive nor a /")
	}
	rest = strings.Trim(rest, "/")
	if err == nil && rest != "" {
		err = CheckRelative(rest)
	}
	if err != nil {
		return "", "", value.Failf(value.CodeBadParameter, "%s is not a path on an agent: %w", value.Quote(p), err).
			Hint(`write it from its volume on: E:\Exchsrvr or /srv/mail`)
	}
	return volume, rest, nil
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// JoinPath is SplitPath's inverse.
func JoinPath(volume, rest string) string {
	if volume == "/" {
		return "/" + rest
	}
	return volume + `\` + strings.ReplaceAll(rest, "/", `\`)
}

// CheckRelative refuses a path that could lead out of the folder it is relative to.
func CheckRelative(p string) error {
	if strings.ContainsRune(p, 0) {
		return fmt.Errorf("it has a NUL byte")
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Errorf("%s may not be a part of it", value.Quote(part))
		case len(part) > 255:
			return fmt.Errorf("a part of it is longer than 255 bytes")
		}
	}
	return nil
}

// CleanPath gives the canonical spelling of an agent's path.
func CleanPath(p string) (string, error) {
	volume, rest, err := SplitPath(p)
	if err != nil {
		return "", err
	}
	return JoinPath(volume, rest), nil
}

// Below says whether p is dir or lies below it, and the rest of p.
func Below(p, dir string) (rest string, ok bool) {
	pv, pr, err1 := SplitPath(p)
	dv, dr, err2 := SplitPath(dir)
	switch {
	case err1 != nil || err2 != nil || pv != dv:
		return "", false
	case dr == "":
		return pr, true
	case pr == dr:
		return "", true
	}
	return strings.CutPrefix(pr, dr+"/")
}

// Extend gives the path of rest below dir.
func Extend(dir, rest string) string {
	volume, base, _ := SplitPath(dir)
	return JoinPath(volume, strings.TrimPrefix(path.Join(base, rest), "/"))
}

// BaseMap maps every root of rules into one folder, each below its drive's letter.
func BaseMap(rules []Rule, base string) []Pair {
	var pairs []Pair
	for _, r := range Roots(rules) {
		volume, rest, _ := SplitPath(r)
		pairs = append(pairs, Pair{From: r, To: Extend(base, path.Join(strings.Trim(volume, ":/"), rest))})
	}
	return pairs
}

// Roots gives the paths that the rules include and that lie below no other included one.
func Roots(rules []Rule) []string {
	var roots []string
	for i, r := range rules {
		if !r.Exclude && !covered(rules, i) {
			roots = append(roots, r.Path)
		}
	}
	return roots
}

// covered says whether the path of rule i is walked anyway, because it lies below another included path.
func covered(rules []Rule, i int) bool {
	for j, other := range rules {
		if rest, ok := Below(rules[i].Path, other.Path); ok && j != i && !other.Exclude && (rest != "" || j < i) {
			return true
		}
	}
	return false
}

// MapPath gives a root's path at the target.
func MapPath(pairs []Pair, p string) (string, error) {
	if len(pairs) == 0 {
		return p, nil
	}
	best, to := -1, ""
	for _, pair := range pairs {
		if rest, ok := Below(p, pair.From); ok && len(pair.From) > best {
			best, to = len(pair.From), Extend(pair.To, rest)
		}
	}
	if best < 0 {
		return "", value.Failf(value.CodeBadParameter, "no MAP pair says where %s goes", value.Quote(p)).
			Hint("add `%s TO <path>`, or use MAP EXACT", p)
	}
	return to, nil
}

// Reverse gives the connection that would carry c's data back: paths and roles change sides.
func Reverse(c Connection) (Connection, error) {
	back := Connection{Source: c.Target, Target: c.Source, Set: c.Set}
	for _, r := range c.Rules {
		to, err := MapPath(c.Map, r.Path)
		switch {
		case err != nil && r.Exclude:
			continue // it lies outside every root
		case err != nil:
			return back, err
		}
		back.Rules = append(back.Rules, Rule{Path: to, Exclude: r.Exclude, Recurse: r.Recurse})
	}
	for _, p := range c.Map {
		back.Map = append(back.Map, Pair{From: p.To, To: p.From})
	}
	return back, nil
}
