// Package dns is the vocabulary for DNS: records are added, deleted, replaced, moved, asked for and waited on.
package dns

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Record is one resource record as people write it.
type Record struct {
	Name string `json:"name"` // full, without the final dot
	Type string `json:"type"` // one of Types
	TTL  uint32 `json:"ttl"`  // seconds
	// Data is the record's data in its usual spelling, names in it full and without the final dot
	// ("10 exch1.mydomain.com"); TXT strings are quoted.
	Data string `json:"data"`
}

// Types are the types of records that commands may name.
func Types() []string { return []string{"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT"} }

// Same says whether two records differ in their TTL and in letter case at most.
func (r Record) Same(o Record) bool {
	if !strings.EqualFold(r.Name, o.Name) || r.Type != o.Type {
		return false
	}
	if r.Type == "TXT" {
		return r.Data == o.Data
	}
	return strings.EqualFold(r.Data, o.Data)
}

func (r Record) String() string { return fmt.Sprintf("%s (ttl %d)", r.Data, r.TTL) }

// Has says whether set has r, whatever its TTL.
func Has(set []Record, r Record) bool { return slices.ContainsFunc(set, r.Same) }

// SameData says whether two sets have the same records, in any order and with any TTL.
func SameData(a, b []Record) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(r Record) bool { return !Has(b, r) })
}

// Equal says whether two sets have the same records with the same TTLs, in any order.
func Equal(a, b []Record) bool {
	return SameData(a, b) && !slices.ContainsFunc(a, func(r Record) bool {
		return !slices.ContainsFunc(b, func(o Record) bool { return r.Same(o) && r.TTL == o.TTL })
	})
}

// Sort puts records in order of name (a zone's own name first), type and data.
func Sort(set []Record) {
	slices.SortFunc(set, func(a, b Record) int {
		return cmp.Or(
			slices.Compare(labelsFromRoot(a.Name), labelsFromRoot(b.Name)),
			cmp.Compare(a.Type, b.Type), cmp.Compare(a.Data, b.Data))
	})
}

func labelsFromRoot(name string) []string {
	l := strings.Split(strings.ToLower(name), ".")
	slices.Reverse(l)
	return l
}

// printed is a record set in the words of a plan.
func printed(set []Record) string {
	set = slices.Clone(set)
	Sort(set)
	words := make([]string, len(set))
	for i, r := range set {
		words[i] = r.String()
	}
	return strings.Join(words, ", ")
}
