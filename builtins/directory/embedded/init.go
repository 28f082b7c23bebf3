package embedded

import (
	"crypto/sha1"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// Fresh describes a new directory. The zero Fresh has the two servers of a fresh site and no mailboxes.
type Fresh struct {
	Users   int // mailboxes on the first server, spread over its mailbox stores
	Servers []Server2003
}

// Server2003 describes an Exchange 2003 virtual server.
type Server2003 struct {
	Name    string // network name, in capitals
	Address string // that its HTTP virtual server is bound to
	Nodes   []string
	Groups  []StorageGroup
}

// StorageGroup describes a storage group: its stores share one log.
type StorageGroup struct {
	Name   string
	Prefix string // of its log files: "E00"
	Path   string // of its logs and databases
	Stores []Store
}

// Store describes a mailbox or public folder store with its database file, without ".edb".
type Store struct {
	Name   string
	File   string
	Public bool
}

const (
	domain        = "DC=mydomain,DC=com"
	configuration = "CN=Configuration," + domain
	organisation  = "CN=First Organization,CN=Microsoft Exchange,CN=Services," + configuration
	adminGroup    = "CN=First Administrative Group,CN=Administrative Groups," + organisation
	routingGroup  = "CN=First Routing Group,CN=Routing Groups," + adminGroup
	legacy        = "/o=First Organization/ou=First Administrative Group"
)

// Init makes a new directory in dir: an organisation in the shape of Exchange 2003 in the domain mydomain.com, always
// the same one for the same Fresh.
func Init(dir string, f Fresh) error {
	entries := Entries(f)
	slices.SortFunc(entries, directory.ByName)
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = writeSnapshot((&store{dir: dir}).snapshot(), 1, 0, entries)
	}
	if err != nil {
		return value.Failf(value.CodeFailed, "cannot make directory %q: %w", dir, err)
	}
	return nil
}

func defaultGroups(server string) []StorageGroup {
	return []StorageGroup{
		{Name: "First Storage Group", Prefix: "E00", Path: `E:\Exchsrvr\MDBDATA`, Stores: []Store{
			{Name: "Mailbox Store (" + server + ")", File: "priv1"},
			{Name: "Public Folder Store (" + server + ")", File: "pub1", Public: true},
		}},
		{Name: "Second Storage Group", Prefix: "E01", Path: `E:\Exchsrvr\Second Storage Group`, Stores: []Store{
			{Name: "Sales Store (" + server + ")", File: "sales"},
		}},
	}
}

// Entries gives the entries that Init writes, parents before their children.
func Entries(f Fresh) []*directory.Entry {
	if len(f.Servers) == 0 {
		f.Servers = []Server2003{
			{Name: "EXCH1", Address: "10.1.0.5", Nodes: []string{"EAST1", "EAST2"}, Groups: defaultGroups("EXCH1")},
			{Name: "EXCH2", Address: "10.1.1.9", Nodes: []string{"WEST1", "WEST2"}, Groups: defaultGroups("EXCH2")},
		}
	}
	t := &tree{}
	t.domain()
	t.organisation(f.Servers[0])
	for _, s := range f.Servers {
		t.server(s)
		t.accounts(s)
	}
	t.users(f.Users, f.Servers[0])
	return t.entries
}

// tree collects entries.
type tree struct{ entries []*directory.Entry }

// add adds an entry; attrs are pairs of a name and a value.
func (t *tree) add(dn string, classes string, attrs ...string) {
	e := &directory.Entry{DN: dn, Attrs: []directory.Attr{{Name: "objectClass", Values: strings.Fields("top " + classes)}}}
	rdn, _, _ := strings.Cut(dn, "=")
	name := map[string]string{"CN": "cn", "OU": "ou", "DC": "dc"}[rdn]
	for i, pairs := 0, append([]string{name, directory.Name(dn)}, attrs...); i < len(pairs); i += 2 {
		if last := len(e.Attrs) - 1; e.Attrs[last].Name == pairs[i] {
			e.Attrs[last].Values = append(e.Attrs[last].Values, pairs[i+1])
		} else {
			e.Attrs = append(e.Attrs, directory.Attr{Name: pairs[i], Values: []string{pairs[i+1]}})
		}
	}
	t.entries = append(t.entries, e)
}

func (t *tree) domain() {
	t.add(domain, "domain domainDNS")
	t.add("CN=Users,"+domain, "container")
	t.add("CN=Computers,"+domain, "container")
	t.add("CN=Microsoft Exchange System Objects,"+domain, "container")
	t.add("OU=Sales,"+domain, "organizationalUnit")
	t.add("CN=Administrator,CN=Users,"+domain, "person organizationalPerson user",
		"sn", "Administrator", "sAMAccountName", "Administrator", "userPrincipalName", "administrator@mydomain.com")
}

// organisation adds what the servers share; all of it names the first one.
func (t *tree) organisation(first Server2003) {
	server := serverDN(first)
	for _, dn := range []string{configuration, "CN=Services," + configuration, "CN=Microsoft Exchange,CN=Services," + configuration} {
		t.add(dn, "container")
	}
	t.add(organisation, "container msExchOrganizationContainer", "legacyExchangeDN", "/o=First Organization")
	t.add("CN=Administrative Groups,"+organisation, "container")
	t.add(adminGroup, "container msExchAdminGroup", "legacyExchangeDN", legacy, "siteFolderServer", first.store(true))
	t.add("CN=Servers,"+adminGroup, "container")
	t.add("CN=Routing Groups,"+adminGroup, "container")
	t.add(routingGroup, "container msExchRoutingGroup", "msExchRoutingMasterDN", server)
	lists := "CN=Address Lists Container," + organisation
	t.add(lists, "container")
	t.add("CN=Offline Address Lists,"+lists, "container")
	t.add("CN=Default Offline Address List,CN=Offline Address Lists,"+lists, "msExchOAB", "offLineABServer", server)
	t.add("CN=Recipient Update Services,"+lists, "container")
	for _, scope := range []string{"Enterprise Configuration", "MYDOMAIN"} {
		t.add("CN=Recipient Update Service ("+scope+"),CN=Recipient Update Services,"+lists, "msExchAddressListService",
			"msExchAddressListServiceLink", server)
	}
}

func serverDN(s Server2003) string { return "CN=" + s.Name + ",CN=Servers," + adminGroup }

func (s Server2003) legacy() string { return legacy + "/cn=Configuration/cn=Servers/cn=" + s.Name }

func (s Server2003) mta() string { return "CN=Microsoft MTA," + serverDN(s) }

func (s Server2003) fqdn() string { return strings.ToLower(s.Name) + ".mydomain.com" }

// store gives the name of the server's first store of a kind, "" if it has none.
func (s Server2003) store(public bool) string {
	for _, g := range s.Groups {
		for _, st := range g.Stores {
			if st.Public == public {
				return storeDN(s, g, st)
			}
		}
	}
	return ""
}

func storeDN(s Server2003, g StorageGroup, st Store) string {
	return "CN=" + st.Name + ",CN=" + g.Name + ",CN=InformationStore," + serverDN(s)
}

func (t *tree) server(s Server2003) {
	server := serverDN(s)
	t.add(server, "server msExchExchangeServer", "serialNumber", "Version 6.5 (Build 7638.2: Service Pack 2)",
		"legacyExchangeDN", s.legacy(), "networkAddress", "ncacn_ip_tcp:"+s.fqdn(), "networkAddress", "netbios:"+s.Name,
		"msExchResponsibleMTAServer", s.mta(), "msExchHomeRoutingGroup", routingGroup)
	t.add(s.mta(), "applicationSettings mTA", "legacyExchangeDN", s.legacy()+"/cn=Microsoft MTA")
	t.add("CN=Microsoft System Attendant,"+server, "exchangeAdminService",
		"legacyExchangeDN", s.legacy()+"/cn=Microsoft System Attendant", "homeMDB", s.store(false))
	t.add("CN=InformationStore,"+server, "container msExchInformationStore")
	for _, g := range s.Groups {
		group := "CN=" + g.Name + ",CN=InformationStore," + server
		t.add(group, "container msExchStorageGroup", "msExchESEParamBaseName", g.Prefix,
			"msExchESEParamLogFilePath", g.Path, "msExchESEParamSystemPath", g.Path)
		for _, st := range g.Stores {
			t.store(s, g, st)
		}
	}
	t.add("CN=Protocols,"+server, "container protocolCfgSharedContainer")
	for _, p := range []struct{ name, binding string }{{"HTTP", s.Address + ":80:"}, {"SMTP", ":25:"}, {"POP3", ":110:"}, {"IMAP", ":143:"}} {
		t.add("CN="+p.name+",CN=Protocols,"+server, "container")
		t.add("CN=1,CN="+p.name+",CN=Protocols,"+server, "protocolCfg"+p.name+"Server", "msExchServerBindings", p.binding)
	}
}

func (t *tree) store(s Server2003, g StorageGroup, st Store) {
	files := []string{"msExchEDBFile", g.Path + `\` + st.File + ".edb", "msExchSLVFile", g.Path + `\` + st.File + ".stm", "msExchPatchMDB", "FALSE"}
	if st.Public {
		t.add(storeDN(s, g, st), "msExchMDB msExchPublicMDB", files...)
		return
	}
	if public := s.store(true); public != "" {
		files = append(files, "msExchHomePublicMDB", public)
	}
	t.add(storeDN(s, g, st), "msExchMDB msExchPrivateMDB", append(files, "legacyExchangeDN", s.legacy()+"/cn=Microsoft Private MDB")...)
	// Exchange keeps one system mailbox for each store; it belongs to the store and never moves.
	id := sha1.Sum([]byte(storeDN(s, g, st)))
	name := fmt.Sprintf("SystemMailbox{%x-%x-%x-%x-%x}", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
	t.add("CN="+name+",CN=Microsoft Exchange System Objects,"+domain, "msExchSystemMailbox",
		"homeMDB", storeDN(s, g, st), "homeMTA", s.mta(), "msExchHomeServerName", s.legacy())
}

func (t *tree) accounts(s Server2003) {
	names := []string{"HOST", "exchangeMDB", "exchangeRFR", "SMTPSVC"}
	attrs := []string{"sn", s.Name, "sAMAccountName", s.Name + "$", "dNSHostName", s.fqdn()}
	for _, n := range names {
		attrs = append(attrs, "servicePrincipalName", n+"/"+s.Name, "servicePrincipalName", n+"/"+s.fqdn())
	}
	t.add("CN="+s.Name+",CN=Computers,"+domain, "person organizationalPerson user computer", attrs...)
	for _, node := range s.Nodes {
		fqdn := strings.ToLower(node) + ".mydomain.com"
		t.add("CN="+node+",CN=Computers,"+domain, "person organizationalPerson user computer", "sn", node,
			"sAMAccountName", node+"$", "dNSHostName", fqdn, "servicePrincipalName", "HOST/"+node, "servicePrincipalName", "HOST/"+fqdn)
	}
}

// users adds mailboxes: most in CN=Users, some in an OU, some of class inetOrgPerson, every fourth on the next store.
func (t *tree) users(n int, s Server2003) {
	var stores []string
	for _, g := range s.Groups {
		for _, st := range g.Stores {
			if !st.Public {
				stores = append(stores, storeDN(s, g, st))
			}
		}
	}
	for i := 1; i <= n; i++ {
		name, place, classes := fmt.Sprintf("user%05d", i), "CN=Users,", "person organizationalPerson user"
		if i%7 == 0 {
			place = "OU=Sales,"
		}
		if i%10 == 0 {
			classes += " inetOrgPerson"
		}
		home := stores[0]
		if i%4 == 0 {
			home = stores[i/4%len(stores)]
		}
		t.add("CN="+name+","+place+domain, classes, "sn", name, "sAMAccountName", name,
			"userPrincipalName", name+"@mydomain.com", "mail", name+"@mydomain.com", "mailNickname", name,
			"legacyExchangeDN", legacy+"/cn=Recipients/cn="+name, "homeMDB", home, "homeMTA", s.mta(), "msExchHomeServerName", s.legacy())
	}
}
