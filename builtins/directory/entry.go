package directory

import (
	"slices"
	"strings"

	"github.com/standin-project/standin/runtime/value"
)

// Fold gives the spelling by which two names of the same entry are equal: lower case, no blanks around separators.
func Fold(dn string) string {
	if folded(dn) {
		return dn
	}
	var b strings.Builder
	b.Grow(len(dn))
	for i, rdn := range splitDN(dn) {
		if i > 0 {
			b.WriteByte(',')
		}
		name, val, ok := strings.Cut(rdn, "=")
		b.WriteString(strings.ToLower(strings.TrimSpace(name)))
		if ok {
			b.WriteByte('=')
			b.WriteString(strings.ToLower(strings.TrimSpace(val)))
		}
	}
	return b.String()
}

// folded is the quick answer for the common case of a name that was folded before.
func folded(dn string) bool {
	for i := 0; i < len(dn); i++ {
		c := dn[i]
		if c >= 0x80 || c >= 'A' && c <= 'Z' || c == '\\' {
			return false
		}
		if c == ' ' && (i == 0 || i == len(dn)-1 || strings.IndexByte(",=", dn[i-1]) >= 0 || strings.IndexByte(",=", dn[i+1]) >= 0) {
			return false
		}
	}
	return strings.Contains(dn, "=")
}

// splitDN cuts a name at its unescaped commas.
func splitDN(dn string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			parts = append(parts, dn[start:i])
			start = i + 1
		}
	}
	return append(parts, dn[start:])
}

// Parent gives the name above dn, "" at the top.
func Parent(dn string) string {
	parts := splitDN(dn)
	if len(parts) < 2 {
		return ""
	}
	return strings.TrimSpace(dn[len(parts[0])+1:])
}

// Name gives the value of the leftmost part of a name: "EXCH1" of "CN=EXCH1,CN=Servers".
func Name(dn string) string {
	_, name, _ := strings.Cut(splitDN(dn)[0], "=")
	return strings.TrimSpace(name)
}

// Under says whether dn is base or stands below it.
func Under(dn, base string) bool {
	d, b := Fold(dn), Fold(base)
	return base == "" || d == b || strings.HasSuffix(d, ","+b)
}

// Same says whether two values are equal as a directory compares them: without case, names by their parts.
func Same(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	return strings.Contains(a, "=") && strings.Contains(b, "=") && Fold(a) == Fold(b)
}

// Holds says whether values contains v.
func Holds(values []string, v string) bool {
	return slices.ContainsFunc(values, func(x string) bool { return Same(x, v) })
}

// Apply gives the entry as a modification leaves it; e itself stays as it is. It refuses as a server does:
// deleting a value that is not there or adding one that is. single names the attributes that hold one value.
func (e *Entry) Apply(edits []Edit, single func(attr string) bool) (*Entry, error) {
	next := &Entry{DN: e.DN, Attrs: slices.Clone(e.Attrs)}
	for _, edit := range edits {
		i := slices.IndexFunc(next.Attrs, func(a Attr) bool { return strings.EqualFold(a.Name, edit.Attr) })
		if i < 0 {
			i = len(next.Attrs)
			next.Attrs = append(next.Attrs, Attr{Name: edit.Attr})
		}
		values := slices.Clone(next.Attrs[i].Values)
		for _, old := range edit.Old {
			at := slices.IndexFunc(values, func(v string) bool { return Same(v, old) })
			if at < 0 {
				return nil, conflict(e.DN, edit.Attr, "no longer has the value", old)
			}
			values = slices.Delete(values, at, at+1)
		}
		for _, v := range edit.New {
			if Holds(values, v) || len(values) > 0 && single(edit.Attr) {
				return nil, conflict(e.DN, edit.Attr, "cannot take the value", v)
			}
			values = append(values, v)
		}
		if next.Attrs[i].Values = values; len(values) == 0 {
			next.Attrs = slices.Delete(next.Attrs, i, i+1)
		}
	}
	return next, nil
}

func conflict(dn, attr, what, v string) error {
	return value.Failf(value.CodeConflict, "%q: %s %s %q", dn, attr, what, v).
		Hint("somebody else changed this entry: run the command again, it reads everything anew")
}

// Pick gives the entry with only the attributes asked for; no attrs means all.
func (e *Entry) Pick(attrs []string) *Entry {
	if len(attrs) == 0 || slices.Contains(attrs, "*") {
		return e
	}
	picked := &Entry{DN: e.DN}
	for _, name := range attrs {
		if values := e.All(name); values != nil {
			picked.Attrs = append(picked.Attrs, Attr{Name: name, Values: values})
		}
	}
	return picked
}

// Single says whether an attribute of the directory's Exchange schema holds one value. Attributes that it does not
// know hold many.
func Single(attr string) bool {
	switch strings.ToLower(attr) {
	case "homemdb", "homemta", "msexchhomeservername", "msexchhomepublicmdb", "msexchpatchmdb", "offlineabserver",
		"sitefolderserver", "msexchaddresslistservicelink", "msexchroutingmasterdn", "samaccountname", "cn",
		"legacyexchangedn", "dnshostname", "serialnumber", "msexchresponsiblemtaserver", "msexchhomeroutinggroup",
		"msexchexpansionservername", "msexchedbfile", "msexchslvfile":
		return true
	}
	return false
}

// ByName orders entries by their folded names.
func ByName(a, b *Entry) int { return strings.Compare(Fold(a.DN), Fold(b.DN)) }

// Covers says whether a search looks at dn.
func (q *Query) Covers(dn string) bool {
	switch q.Scope {
	case Base:
		return Fold(dn) == Fold(q.Base)
	case OneLevel:
		return Fold(Parent(dn)) == Fold(q.Base)
	}
	return Under(dn, q.Base)
}

// Rights is the attribute in which Active Directory lists what the bound account may write of an entry.
const Rights = "allowedAttributesEffective"

// Written names the attributes of the Exchange schema that a failover writes.
func Written() []string {
	return []string{"homeMDB", "homeMTA", "msExchHomeServerName", "msExchPatchMDB", "msExchHomePublicMDB", "offLineABServer",
		"siteFolderServer", "msExchAddressListServiceLink", "msExchRoutingMasterDN", "servicePrincipalName",
		"msExchServerBindings", "msExchSecureBindings"}
}
