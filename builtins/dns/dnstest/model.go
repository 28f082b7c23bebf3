package dnstest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/standin-project/standin/builtins/dns"
	"github.com/standin-project/standin/runtime/value"
)

// model is what a zone should hold: sets by name and type.
type model map[[2]string][]dns.Record

// followsModel makes random updates, good ones and bad ones, and compares the server with a model after each; in the end
// all are undone and everything must be as it was.
func followsModel(t *testing.T, s dns.System) {
	random := rand.New(rand.NewPCG(2136, 1996))
	m := make(model)
	var done []dns.Update
	for range 60 {
		u := m.randomUpdate(random)
		want := m.refuses(u)
		_, err := s.Update(t.Context(), u)
		var f *value.Failure
		if want != (err != nil) || err != nil && !(errors.As(err, &f) && (f.Code == value.CodeConflict || f.Code == value.CodeRefused)) {
			t.Fatalf("%+v: got %v, want refused: %v", u, err, want)
		}
		if err == nil {
			m.apply(u)
			done = append(done, u)
		}
		m.compare(t, s, u)
	}
	for _, u := range slices.Backward(done) {
		back := u.Inverse()
		if _, err := s.Update(t.Context(), back); err != nil {
			t.Fatalf("undo by %+v: %v", back, err)
		}
		m.apply(back)
		m.compare(t, s, back)
	}
	for at, set := range m {
		if len(set) > 0 {
			t.Errorf("%v is left: %v", at, set)
		}
	}
}

// randomUpdate changes one to three sets; now and then it is mistaken about what they are.
func (m model) randomUpdate(random *rand.Rand) dns.Update {
	u := dns.Update{Zone: "example.test"}
	for range 1 + random.IntN(3) {
		name := fmt.Sprintf("n%d.example.test", random.IntN(4))
		typ := []string{"A", "CNAME", "MX", "TXT"}[random.IntN(4)]
		if slices.ContainsFunc(u.Swaps, func(o dns.Swap) bool { return o.Name == name && o.Type == typ }) {
			continue
		}
		old := m[[2]string{name, typ}]
		if random.IntN(8) == 0 {
			old = Set(name, typ, 300, data(typ, 9))
		}
		u.Swaps = append(u.Swaps, dns.Swap{Name: name, Type: typ, Old: old, New: randomSet(random, name, typ)})
	}
	return u
}

func randomSet(random *rand.Rand, name, typ string) []dns.Record {
	size := random.IntN(4)
	if typ == "CNAME" {
		size = random.IntN(2)
	}
	var all []string
	for _, n := range random.Perm(5)[:size] {
		all = append(all, data(typ, n))
	}
	return Set(name, typ, uint32(60+60*random.IntN(2)), all...)
}

func data(typ string, n int) string {
	switch typ {
	case "A":
		return fmt.Sprintf("192.0.2.%d", n)
	case "MX":
		return fmt.Sprintf("%d mx%d.elsewhere.test", 10*n, n)
	case "TXT":
		return fmt.Sprintf(`"text %d"`, n)
	}
	return fmt.Sprintf("host%d.elsewhere.test", n)
}

// refuses says whether a server must refuse u: a set is not as it says, or a CNAME would not be alone.
func (m model) refuses(u dns.Update) bool {
	after := make(model)
	for at, set := range m {
		after[at] = set
	}
	after.apply(u)
	for _, s := range u.Swaps {
		if !dns.SameData(m[[2]string{s.Name, s.Type}], s.Old) {
			return true
		}
		cname := len(after[[2]string{s.Name, "CNAME"}]) > 0
		for _, typ := range []string{"A", "MX", "TXT"} {
			if cname && len(after[[2]string{s.Name, typ}]) > 0 {
				return true
			}
		}
	}
	return false
}

func (m model) apply(u dns.Update) {
	for _, s := range u.Swaps {
		m[[2]string{s.Name, s.Type}] = s.New
	}
}

func (m model) compare(t testing.TB, s dns.Reader, u dns.Update) {
	t.Helper()
	for _, swap := range u.Swaps {
		Want(t, s, swap.Name, swap.Type, m[[2]string{swap.Name, swap.Type}])
	}
}
