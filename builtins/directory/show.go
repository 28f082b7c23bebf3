package directory

import (
	"context"
	"slices"
	"strings"
)

// shown are the attributes that say what a failover is about; identifiers and times are not among them.
func shown() []string {
	return append([]string{"objectClass", "serialNumber", "legacyExchangeDN", "dNSHostName", "sAMAccountName",
		"msExchEDBFile", "msExchSLVFile", "msExchESEParamBaseName", "msExchESEParamLogFilePath",
		"msExchESEParamSystemPath", "msExchHomeRoutingGroup", "msExchResponsibleMTAServer", "networkAddress"}, Written()...)
}

// Show gives the state of a directory that matters to a failover: each entry of the Exchange organisation, each
// account with service principal names and each mailbox, by name, with its attributes; many values are sorted. Beside
// them stands its "serial": the server's update number, where it has one.
func Show(ctx context.Context, r Reader) (map[string]any, error) {
	info, err := r.Info(ctx)
	if err != nil {
		return nil, err
	}
	state := map[string]any{}
	add := func(e *Entry) error {
		if !strings.HasPrefix(Fold(e.DN), "cn=systemmailbox{") {
			state[e.DN] = showEntry(e)
		}
		return nil
	}
	queries := []Query{
		{Base: info.Configuration, Scope: Subtree, Filter: "(objectClass=*)", Attrs: shown()},
		{Base: info.Default, Scope: Subtree, Filter: "(|(homeMDB=*)(servicePrincipalName=*))", Attrs: shown()},
	}
	for _, q := range queries {
		if err := r.Search(ctx, q, add); err != nil {
			return nil, err
		}
	}
	if info.USN != "" {
		state["serial"] = info.USN
	}
	return state, nil
}

func showEntry(e *Entry) map[string]any {
	attrs := map[string]any{}
	for _, a := range e.Attrs {
		if len(a.Values) == 1 {
			attrs[a.Name] = a.Values[0]
			continue
		}
		values := slices.Sorted(slices.Values(a.Values))
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = v
		}
		attrs[a.Name] = list
	}
	return attrs
}
