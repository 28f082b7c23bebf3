package exchange

import (
	"context"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// server is an Exchange server as the configuration describes it.
type server struct {
	name, dn     string
	version      string // serialNumber
	legacy       string // legacyExchangeDN, by which mailboxes name their server
	mta          string // the agent that it uses, which in a cluster may be another server's
	routingGroup string
	fqdn         string
	stores       []*store
}

// adminGroup is the name of the administrative group that holds the server.
func (s *server) adminGroup() string { return directory.Parent(directory.Parent(s.dn)) }

// store is a mailbox or public folder store.
type store struct {
	server         *server
	dn             string
	group, name    string
	public         bool
	database, slv  string // paths of its two files
	prefix         string // of its group's log files
	logs, system   string // paths of its group's logs and checkpoint
	overwrite      []string
	overwritable   bool
	defaultPublics string
}

// title is how messages name a store.
func (s *store) title() string { return s.group + "," + s.name }

// file is the name of the database file without its path.
func (s *store) file() string { return s.database[strings.LastIndexAny(s.database, `\/`)+1:] }

// readServer finds a server by its network name and reads its stores, in the order of their names.
func readServer(ctx context.Context, d directory.Reader, info directory.Info, name string) (*server, error) {
	var found []*directory.Entry
	err := d.Search(ctx, directory.Query{Base: info.Configuration, Scope: directory.Subtree,
		Filter: "(&(objectClass=msExchExchangeServer)(cn=" + directory.Escape(name) + "))",
		Attrs:  []string{"cn", "serialNumber", "legacyExchangeDN", "msExchResponsibleMTAServer", "msExchHomeRoutingGroup", "networkAddress"},
	}, collect(&found))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, wrongServer(ctx, d, info, name, len(found))
	}
	e := found[0]
	s := &server{name: e.Get("cn"), dn: e.DN, version: e.Get("serialNumber"), legacy: e.Get("legacyExchangeDN"),
		mta: e.Get("msExchResponsibleMTAServer"), routingGroup: e.Get("msExchHomeRoutingGroup")}
	for _, a := range e.All("networkAddress") {
		if host, ok := strings.CutPrefix(a, "ncacn_ip_tcp:"); ok {
			s.fqdn = host
		}
	}
	return s, s.readStores(ctx, d)
}

func collect(into *[]*directory.Entry) func(*directory.Entry) error {
	return func(e *directory.Entry) error {
		*into = append(*into, e)
		return nil
	}
}

func wrongServer(ctx context.Context, d directory.Reader, info directory.Info, name string, n int) error {
	if n > 1 {
		return value.Failf(value.CodeConflict, "%d Exchange servers are called %q", n, name)
	}
	var all []string
	err := d.Search(ctx, directory.Query{Base: info.Configuration, Scope: directory.Subtree,
		Filter: "(objectClass=msExchExchangeServer)", Attrs: []string{"cn"}}, func(e *directory.Entry) error {
		all = append(all, e.Get("cn"))
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(all)
	return value.Failf(value.CodeNotThere, "no Exchange server %q in the organisation", name).
		Hint("its servers are: %s", strings.Join(all, ", "))
}

// readStores reads the storage groups and their stores; a recovery group is not one that users live in.
func (s *server) readStores(ctx context.Context, d directory.Reader) error {
	groups := map[string]*directory.Entry{}
	err := d.Search(ctx, directory.Query{Base: s.dn, Scope: directory.Subtree,
		Filter: "(&(objectClass=msExchStorageGroup)(!(msExchRestore=TRUE)))",
		Attrs:  []string{"cn", "msExchESEParamBaseName", "msExchESEParamLogFilePath", "msExchESEParamSystemPath"},
	}, func(e *directory.Entry) error {
		groups[directory.Fold(e.DN)] = e
		return nil
	})
	if err != nil {
		return err
	}
	err = d.Search(ctx, directory.Query{Base: s.dn, Scope: directory.Subtree,
		Filter: "(|(objectClass=msExchPrivateMDB)(objectClass=msExchPublicMDB))",
		Attrs:  []string{"cn", "objectClass", "msExchEDBFile", "msExchSLVFile", "msExchPatchMDB", "msExchHomePublicMDB"},
	}, func(e *directory.Entry) error {
		g := groups[directory.Fold(directory.Parent(e.DN))]
		if g == nil {
			return nil
		}
		s.stores = append(s.stores, &store{server: s, dn: e.DN, group: g.Get("cn"), name: e.Get("cn"),
			public:   directory.Holds(e.All("objectClass"), "msExchPublicMDB"),
			database: e.Get("msExchEDBFile"), slv: e.Get("msExchSLVFile"), prefix: g.Get("msExchESEParamBaseName"),
			logs: g.Get("msExchESEParamLogFilePath"), system: g.Get("msExchESEParamSystemPath"),
			overwrite: e.All("msExchPatchMDB"), overwritable: strings.EqualFold(e.Get("msExchPatchMDB"), "TRUE"),
			defaultPublics: e.Get("msExchHomePublicMDB")})
		return nil
	})
	slices.SortFunc(s.stores, func(a, b *store) int { return strings.Compare(strings.ToLower(a.title()), strings.ToLower(b.title())) })
	return err
}

// find gives the store by its group's and its own name, nil if the server has none.
func (s *server) find(group, name string) *store {
	for _, st := range s.stores {
		if strings.EqualFold(st.group, group) && strings.EqualFold(st.name, name) {
			return st
		}
	}
	return nil
}

// byName finds a store by its name in the directory.
func (s *server) byName(dn string) *store {
	for _, st := range s.stores {
		if directory.Same(st.dn, dn) {
			return st
		}
	}
	return nil
}
