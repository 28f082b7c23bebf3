package directory

import (
	"context"
	"strings"

	"github.com/standin-project/standin/builtins/def"
	"github.com/standin-project/standin/runtime/value"
)

// maxFound bounds what one QUERY hands to a script.
const maxFound = 100_000

func query(ctx context.Context, s Systems, c *def.Call) (value.Value, error) {
	d, err := s.Directory(c.Text("directory"))
	if err != nil {
		return nil, err
	}
	q := Query{Base: c.Text("base"), Scope: Subtree, Filter: c.Text("filter"), Attrs: c.Texts("attribute")}
	if _, err := ParseFilter(q.Filter); err != nil {
		return nil, value.Failf(value.CodeBadParameter, "%w", err).Hint("a filter looks like (sAMAccountName=user00001)")
	}
	if q.Base == "" || strings.EqualFold(q.Base, "configuration") {
		info, err := d.Info(ctx)
		if err != nil {
			return nil, err
		}
		if q.Base == "" {
			q.Base = info.Default
		} else {
			q.Base = info.Configuration
		}
	}
	var found []value.Value
	err = d.Search(ctx, q, func(e *Entry) error {
		if len(found) == maxFound {
			return value.Failf(value.CodeRefused, "found more than %d entries below %q", maxFound, q.Base).
				Hint("ask a narrower question")
		}
		found = append(found, entryValue(e))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return value.List(found...), nil
}

func entryValue(e *Entry) value.Value {
	m := map[string]value.Value{"dn": value.Text(e.DN)}
	for _, a := range e.Attrs {
		m[strings.ToLower(a.Name)] = value.From(a.Values)
	}
	return value.Map(m)
}
