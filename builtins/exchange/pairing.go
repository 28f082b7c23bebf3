package exchange

import (
	"fmt"
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// rule is one -r: how to pair a group, or one store, of the source with one of the target. The zero rule is -r alone.
type rule struct {
	group, store     string
	toGroup, toStore string
}

// parseRule reads group[,store][:group[,store]]; a side that is left out has the names of the other.
func parseRule(text string) (rule, error) {
	from, to, mapped := strings.Cut(text, ":")
	if !mapped {
		to = from
	}
	var r rule
	r.group, r.store = cutTrim(from)
	r.toGroup, r.toStore = cutTrim(to)
	if r.group == "" || r.toGroup == "" || (r.store == "") != (r.toStore == "") {
		return r, fmt.Errorf("got pairing rule %q, want group:group or group,store:group,store", text)
	}
	return r, nil
}

func cutTrim(s string) (group, store string) {
	group, store, _ = strings.Cut(s, ",")
	return strings.TrimSpace(group), strings.TrimSpace(store)
}

func (r rule) String() string {
	text := r.group + "," + r.store + ":" + r.toGroup + "," + r.toStore
	switch {
	case r.group == "":
		return "-r"
	case r.store == "":
		text = r.group + ":" + r.toGroup
	}
	if strings.ContainsAny(text, " ;()") {
		text = `"` + text + `"`
	}
	return "-r " + text
}

// pair is a store of the source and the one of the target that stands in for it.
type pair struct{ source, target *store }

// pairing is the work of pairing: what is settled and what is wrong.
type pairing struct {
	source, target *server
	pairs          []pair
	tried          map[*store]bool // source stores that a rule named
	problems       []string
}

// pairStores pairs the stores of two servers. Rules for one store come first, then those for a group, then -r alone;
// stores that no rule names are paired by the names of their database files. Every problem is given together with the
// rule that would settle it.
func pairStores(source, target *server, rules []rule) *pairing {
	p := &pairing{source: source, target: target, tried: map[*store]bool{}}
	byName := false
	for _, r := range rules {
		if r.store != "" {
			p.storeRule(r)
		}
	}
	for _, r := range rules {
		switch {
		case r.group == "":
			byName = true
		case r.store == "":
			p.groupRule(r)
		}
	}
	for _, s := range source.stores {
		switch {
		case p.paired(s), p.tried[s]:
		case byName:
			p.inGroup(s, s.group, rule{})
		default:
			p.byFile(s)
		}
	}
	p.check()
	return p
}

// recordedPairs pairs the stores as a failover did.
func recordedPairs(source, target *server, names [][2]string) *pairing {
	p := &pairing{source: source, target: target}
	for _, n := range names {
		s, t := source.byName(n[0]), target.byName(n[1])
		if s == nil || t == nil {
			p.problem("store %q or %q of the failover's record is no longer there; say with -r how to pair the stores now", n[0], n[1])
			continue
		}
		p.pairs = append(p.pairs, pair{s, t})
	}
	p.check()
	return p
}

// failure lists the problems, nil without any.
func (p *pairing) failure() error {
	if len(p.problems) == 0 {
		return nil
	}
	f := value.Failf(value.CodeConflict, "cannot pair the stores of %s with those of %s: %d problems, nothing was changed", p.source.name, p.target.name, len(p.problems))
	for _, text := range p.problems {
		f.Hint("%s", text)
	}
	return f
}

func (p *pairing) paired(s *store) bool {
	return slices.ContainsFunc(p.pairs, func(q pair) bool { return q.source == s || q.target == s })
}

func (p *pairing) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(p.problems, text) {
		p.problems = append(p.problems, text)
	}
}

// join settles a pair unless one of the two is taken.
func (p *pairing) join(s, t *store, by rule) {
	for _, q := range p.pairs {
		if q.source == s || q.target == t {
			p.problem("%s uses a store twice: %s is already paired with %s; leave one of the rules out", by, q.source.title(), q.target.title())
			return
		}
	}
	p.pairs = append(p.pairs, pair{s, t})
}

func (p *pairing) storeRule(r rule) {
	s, t := p.source.find(r.group, r.store), p.target.find(r.toGroup, r.toStore)
	if s == nil {
		p.problem("%s: %s has no store %q in group %q; its stores are %s", r, p.source.name, r.store, r.group, titles(p.source.stores))
	}
	if t == nil {
		p.problem("%s: %s has no store %q in group %q; its stores are %s", r, p.target.name, r.toStore, r.toGroup, titles(p.target.stores))
	}
	if p.tried[s] = true; s != nil && t != nil {
		p.join(s, t, r)
	}
}

func (p *pairing) groupRule(r rule) {
	if !hasGroup(p.source, r.group) {
		p.problem("%s: %s has no storage group %q; its groups are %s", r, p.source.name, r.group, groups(p.source))
		return
	}
	if !hasGroup(p.target, r.toGroup) {
		p.problem("%s: %s has no storage group %q; its groups are %s", r, p.target.name, r.toGroup, groups(p.target))
		return
	}
	for _, s := range p.source.stores {
		if strings.EqualFold(s.group, r.group) && !p.paired(s) {
			p.tried[s] = true
			p.inGroup(s, r.toGroup, r)
		}
	}
}

// inGroup pairs a store with the one of the same name in a group of the target. Exchange puts the server's name into
// the names that it gives to stores itself, so names that differ only by it are the same; failing that, the one store
// of the group with the same database file is meant.
func (p *pairing) inGroup(s *store, group string, by rule) {
	var named, filed []*store
	for _, t := range p.target.stores {
		if !strings.EqualFold(t.group, group) || t.public != s.public {
			continue
		}
		if strings.EqualFold(plainName(s), plainName(t)) {
			named = append(named, t)
		}
		if strings.EqualFold(s.file(), t.file()) {
			filed = append(filed, t)
		}
	}
	if len(named) != 1 {
		named = filed
	}
	if len(named) != 1 {
		p.problem("%s: store %s has no counterpart in group %q of %s; settle it with %s", by, s.title(), group, p.target.name, p.suggest(s))
		return
	}
	p.join(s, named[0], by)
}

// plainName is a store's name without the server's.
func plainName(s *store) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToLower(s.name), "("+strings.ToLower(s.server.name)+")", ""))
}

// byFile pairs a store with the only one whose database file has the same name.
func (p *pairing) byFile(s *store) {
	same := func(all []*store) (found []*store) {
		for _, t := range all {
			if strings.EqualFold(t.file(), s.file()) && !p.paired(t) {
				found = append(found, t)
			}
		}
		return found
	}
	here, there := same(p.source.stores), same(p.target.stores)
	switch {
	case len(there) == 0:
		p.problem("store %s: no free store of %s has the database file %q; create it there, or settle it with %s", s.title(), p.target.name, s.file(), p.suggest(s))
	case len(here) > 1 || len(there) > 1:
		p.problem("store %s: the database file %q occurs %d times on %s and %d times on %s; settle it with %s",
			s.title(), s.file(), len(here), p.source.name, len(there), p.target.name, p.suggest(s))
	default:
		p.pairs = append(p.pairs, pair{s, there[0]})
		return
	}
}

// suggest gives the rule that would settle a store: with the target store that fits best, if one does.
func (p *pairing) suggest(s *store) string {
	r := rule{s.group, s.name, "<group>", "<store>"}
	best := 0
	for _, t := range p.target.stores {
		fit := 0
		if t.public == s.public && strings.EqualFold(t.file(), s.file()) && !p.paired(t) {
			fit = 1
			if strings.EqualFold(plainName(t), plainName(s)) {
				fit++
			}
			if strings.HasPrefix(strings.ToLower(t.group), strings.ToLower(s.group)) {
				fit += 2
			}
		}
		if fit > best {
			best, r.toGroup, r.toStore = fit, t.group, t.name
		}
	}
	return r.String()
}

// check refuses pairs that cannot stand in for each other.
func (p *pairing) check() {
	if !strings.EqualFold(p.source.adminGroup(), p.target.adminGroup()) {
		p.problem("%s and %s are in different administrative groups: %q and %q", p.source.name, p.target.name, p.source.adminGroup(), p.target.adminGroup())
	}
	if p.source.version != p.target.version {
		p.problem("%s runs %q but %s runs %q; bring both to the same version", p.source.name, p.source.version, p.target.name, p.target.version)
	}
	for _, q := range p.pairs {
		s, t := q.source, q.target
		if s.public != t.public {
			p.problem("%s and %s are not both public folder stores", s.title(), t.title())
			continue
		}
		for _, same := range []struct{ what, source, target string }{
			{"database", s.database, t.database}, {"streaming database", s.slv, t.slv}, {"log path", s.logs, t.logs},
			{"system path", s.system, t.system}, {"log prefix", s.prefix, t.prefix},
		} {
			if !strings.EqualFold(same.source, same.target) {
				p.problem("%s and %s: got the %s %q on %s, want %q as on %s", s.title(), t.title(), same.what, same.target, p.target.name, same.source, p.source.name)
			}
		}
	}
}

func hasGroup(s *server, group string) bool {
	return slices.ContainsFunc(s.stores, func(st *store) bool { return strings.EqualFold(st.group, group) })
}

func groups(s *server) string {
	var names []string
	for _, st := range s.stores {
		if !slices.Contains(names, st.group) {
			names = append(names, st.group)
		}
	}
	return strings.Join(names, "; ")
}

func titles(stores []*store) string {
	var names []string
	for _, s := range stores {
		names = append(names, s.title())
	}
	return strings.Join(names, "; ")
}
