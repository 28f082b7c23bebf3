package watch

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Stamp is what stood when a runbook was last seen to be good: by a run that ended well, or by a check that found
// nothing in its way.
type Stamp struct {
	Time time.Time `json:"time"`
	By   string    `json:"by"` // the run's id, or ByCheck
	// Files are the hashes of the script, of all that it uses and runs, and of the site file.
	Files map[string]string `json:"files"`
	// Scripts are those of the scripts that resources ran meanwhile.
	Scripts map[string]string `json:"scripts,omitempty"`
	Params  map[string]string `json:"params,omitempty"`
	// Plan is what the check planned, a sorted list of what is changed; empty for a run.
	Plan []string `json:"plan,omitempty"`
}

// Void says why a stamp no longer holds for what stands now: the names of what was edited, added or left out. Files are
// compared by their names without folders, as a run may have been started from anywhere.
func (s *Stamp) Void(now *Stamp, hashNow func(script string) string) []string {
	why := differing(bases(s.Files), bases(now.Files))
	for _, name := range slices.Sorted(maps.Keys(s.Scripts)) {
		if hashNow(name) != s.Scripts[name] {
			why = append(why, path.Base(filepath.ToSlash(name))+" of "+path.Base(path.Dir(filepath.ToSlash(name))))
		}
	}
	for _, name := range differing(s.Params, now.Params) {
		why = append(why, "parameter "+name)
	}
	return why
}

// bases joins the hashes of all files of one base name.
func bases(files map[string]string) map[string]string {
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		base := path.Base(filepath.ToSlash(name))
		all[base] = strings.TrimPrefix(all[base]+" "+files[name], " ")
	}
	for base, hashes := range all {
		parts := strings.Fields(hashes)
		slices.Sort(parts)
		all[base] = strings.Join(slices.Compact(parts), " ")
	}
	return all
}

// differing gives the sorted keys whose values are not the same in both.
func differing(a, b map[string]string) []string {
	var names []string
	for k, v := range a {
		if w, ok := b[k]; !ok || w != v {
			names = append(names, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

// Verify gives the stamp of what stands now: that of the newest run that still holds, else that of a check, which only
// planned; or why none does.
func Verify(all []*Stamp, now *Stamp, hashNow func(script string) string) Verified {
	var newest *Stamp
	var why []string
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b *Stamp) int {
		return cmp.Or(cmp.Compare(Truth(a.By == ByCheck), Truth(b.By == ByCheck)), b.Time.Compare(a.Time))
	})
	for _, s := range sorted {
		void := s.Void(now, hashNow)
		if len(void) == 0 {
			return Verified{State: IsVerified, Time: s.Time, By: s.By}
		}
		if newest == nil || s.Time.After(newest.Time) {
			newest, why = s, void
		}
	}
	if newest == nil {
		return Verified{State: NeedsVerified, Why: "it was never run or checked well on this site"}
	}
	return Verified{State: NeedsVerified, Why: fmt.Sprintf("edited since %s, when %s: %s",
		newest.Time.Local().Format(time.DateTime), newest.by(), strings.Join(why, ", "))}
}

func (s *Stamp) by() string {
	if s.By == ByCheck {
		return "a check was clean"
	}
	return "run " + s.By + " ended well"
}

// Drift says how a plan differs from the one of a check that was clean; "" if it does not.
func (s *Stamp) Drift(now *Stamp) string {
	if s.Plan == nil || now.Plan == nil {
		return ""
	}
	gone, come := missing(s.Plan, now.Plan), missing(now.Plan, s.Plan)
	switch {
	case len(come) > 0:
		return fmt.Sprintf("%s that then was not planned (the first: %s), and %d fewer", counted(len(come), "change"), come[0], len(gone))
	case len(gone) > 0:
		return fmt.Sprintf("%s fewer than then (the first: %s)", counted(len(gone), "change"), gone[0])
	}
	return ""
}

// missing gives what is in the sorted list a and not in b.
func missing(a, b []string) []string {
	var out []string
	for _, x := range a {
		if _, found := slices.BinarySearch(b, x); !found {
			out = append(out, x)
		}
	}
	return out
}
