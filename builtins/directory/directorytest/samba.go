package directorytest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/standin-project/standin/builtins/directory"
)

const (
	sambaHost     = "127.0.0.77" // a loopback address of its own: a domain controller takes the well-known ports
	sambaPassword = "Passw0rd!23"
)

// Samba starts a real Active Directory domain controller with Exchange's schema and the entries, until the test ends.
// It takes a minute and needs root, for the well-known ports, and Debian's Samba; otherwise, and with -short, the test
// is skipped.
func Samba(t *testing.T, entries []*directory.Entry) *Server {
	t.Helper()
	samba, err := exec.LookPath("/usr/sbin/samba")
	tool, err2 := exec.LookPath("samba-tool")
	switch {
	case testing.Short() || os.Getuid() != 0:
		t.Skip("needs root and a minute")
	case err != nil || err2 != nil:
		missing(t, "no Samba here: install the packages samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules")
	}
	dir := t.TempDir()
	provision(t, tool, dir)
	s := &Server{Plain: "ldap://" + sambaHost, TLS: "ldaps://" + sambaHost, CA: certificate(t, dir),
		Login: directory.Login{User: "administrator", Password: sambaPassword}}
	ended := start(t, samba, "-i", "--debug-stdout", "-M", "single", "-s", filepath.Join(dir, "smb.conf"))
	if !wait(t, ended, func() bool {
		c, err := net.Dial("tcp", sambaHost+":636")
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		t.Fatal("samba does not start")
	}
	extend(t, s, entries)
	return s
}

// missing skips a test whose server is not installed; where CI runs that is a failure.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func provision(t *testing.T, tool, dir string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool, "domain", "provision", "--targetdir="+dir+"/dc1", "--realm=MYDOMAIN.COM", "--domain=MYDOMAIN",
		"--server-role=dc", "--dns-backend=NONE", "--adminpass="+sambaPassword, "--host-name=dc1", "--host-ip="+sambaHost,
		"--option=interfaces=lo", "--option=bind interfaces only=yes").CombinedOutput()
	if err != nil {
		t.Fatalf("samba-tool domain provision: %v\n%s", err, out)
	}
	for _, d := range []string{"dc1/cache", "run/ncalrpc", "log"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	write(t, dir, "smb.conf", fmt.Appendf(nil, `[global]
	netbios name = DC1
	realm = MYDOMAIN.COM
	workgroup = MYDOMAIN
	server role = active directory domain controller
	server services = ldap, cldap
	private dir = %[1]s/dc1/private
	lock directory = %[1]s/dc1
	state directory = %[1]s/dc1/state
	cache directory = %[1]s/dc1/cache
	binddns dir = %[1]s/dc1/bind-dns
	pid directory = %[1]s/run
	ncalrpc dir = %[1]s/run/ncalrpc
	winbindd socket directory = %[1]s/run/winbindd
	ntp signd socket directory = %[1]s/run/ntp
	log file = %[1]s/log/%%m.log
	interfaces = %[2]s/8
	bind interfaces only = yes
	dsdb:schema update allowed = true
	tls certfile = %[1]s/cert.pem
	tls keyfile = %[1]s/key.pem
	tls cafile =
`, dir, sambaHost))
}

// extend adds the schema, then the entries, and only then what names another entry: a domain controller refuses a
// name that is not there.
func extend(t *testing.T, s *Server, entries []*directory.Entry) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CA)
	c, err := ldap.DialURL(s.TLS, ldap.DialWithTLSConfig(&tls.Config{RootCAs: roots, ServerName: sambaHost}))
	must(t, err)
	defer c.Close()
	must(t, c.Bind("administrator@mydomain.com", s.Login.Password))
	for _, half := range adSchema() {
		for _, e := range half {
			add(t, c, e)
		}
		update := ldap.NewModifyRequest("", nil)
		update.Add("schemaUpdateNow", []string{"1"})
		must(t, c.Modify(update))
	}
	user := ldap.NewModifyRequest("CN=User,CN=Schema,CN=Configuration,DC=mydomain,DC=com", nil)
	user.Add("auxiliaryClass", []string{"msExchMailStorage"})
	must(t, c.Modify(user))
	update := ldap.NewModifyRequest("", nil)
	update.Add("schemaUpdateNow", []string{"1"})
	must(t, c.Modify(update))
	var names []*ldap.ModifyRequest
	for _, e := range entries {
		later := ldap.NewModifyRequest(e.DN, nil)
		now := &directory.Entry{DN: e.DN}
		for _, a := range e.Attrs {
			if slices.Contains(namingAttrs(), a.Name) {
				later.Add(a.Name, a.Values)
			} else {
				now.Attrs = append(now.Attrs, a)
			}
		}
		add(t, c, now)
		if len(later.Changes) > 0 {
			names = append(names, later)
		}
	}
	for _, m := range names {
		if err := c.Modify(m); err != nil {
			t.Fatalf("%s: %v", m.DN, err)
		}
	}
}

// add adds an entry that a fresh domain does not have already.
func add(t *testing.T, c *ldap.Conn, e *directory.Entry) {
	t.Helper()
	_, err := c.Search(ldap.NewSearchRequest(e.DN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"cn"}, nil))
	if err == nil {
		return
	}
	req := ldap.NewAddRequest(e.DN, nil)
	for _, a := range e.Attrs {
		values := a.Values
		if a.Name == "objectClass" && slices.Contains(values, "computer") {
			req.Attribute("userAccountControl", []string{"4096"}) // a workstation's account
		}
		req.Attribute(a.Name, values)
	}
	if err := c.Add(req); err != nil {
		t.Fatalf("add %s: %v", e.DN, err)
	}
}

// namingAttrs are those whose values name entries.
func namingAttrs() []string {
	return []string{"homeMDB", "homeMTA", "msExchHomePublicMDB", "siteFolderServer", "offLineABServer", "msExchAddressListServiceLink",
		"msExchRoutingMasterDN", "msExchHomeRoutingGroup", "msExchResponsibleMTAServer", "msExchSourceBridgeheadServersDN", "msExchTargetBridgeheadServersDN"}
}

// adSchema turns the OpenLDAP schema of the suite into Active Directory's: attributes, then classes, without those
// that a domain has from the start.
func adSchema() [2][]*directory.Entry {
	var attrs, classes []*directory.Entry
	for _, line := range strings.Split(string(schema), "\n") {
		f := strings.Fields(line)
		if len(f) < 4 || f[0] == "#" || f[0] == "objectidentifier" {
			continue
		}
		name := strings.Trim(f[4], "'")
		id := "1.3.6.1.4.1.55555.7." + strings.TrimPrefix(f[2], "E:")
		switch {
		case slices.Contains(inEveryDomain(), name):
		case f[0] == "attributetype":
			attrs = append(attrs, adAttribute(name, id, line))
		case f[0] == "objectclass":
			classes = append(classes, adClass(name, id, line))
		}
	}
	classes = append(classes, adClass("msExchMailStorage", "1.3.6.1.4.1.55555.7.200",
		"objectclass ( E:200 NAME 'msExchMailStorage' SUP top AUXILIARY MAY ( homeMDB $ homeMTA $ msExchHomeServerName $ mailNickname ) )"))
	return [2][]*directory.Entry{attrs, classes}
}

func inEveryDomain() []string {
	return []string{"servicePrincipalName", "legacyExchangeDN", "sAMAccountName", "userPrincipalName", "dNSHostName", "networkAddress",
		"user", "computer", "domainDNS", "container", "server", "applicationSettings"}
}

func adEntry(name string, pairs ...string) *directory.Entry {
	e := &directory.Entry{DN: "CN=" + name + ",CN=Schema,CN=Configuration,DC=mydomain,DC=com"}
	for i := 0; i < len(pairs); i += 2 {
		e.Attrs = append(e.Attrs, directory.Attr{Name: pairs[i], Values: strings.Split(pairs[i+1], "|")})
	}
	return e
}

func adAttribute(name, id, line string) *directory.Entry {
	single := "FALSE"
	if strings.Contains(line, "SINGLE-VALUE") {
		single = "TRUE"
	}
	pairs := []string{"objectClass", "attributeSchema", "cn", name, "attributeID", id, "lDAPDisplayName", name, "isSingleValued", single}
	switch {
	case slices.Contains(namingAttrs(), name):
		object, _ := base64.StdEncoding.DecodeString("KwwCh3McAIVK") // the class of a name, as a BER object identifier
		pairs = append(pairs, "attributeSyntax", "2.5.5.1", "oMSyntax", "127", "oMObjectClass", string(object))
	case strings.Contains(line, "booleanMatch"):
		pairs = append(pairs, "attributeSyntax", "2.5.5.8", "oMSyntax", "1")
	default:
		pairs = append(pairs, "attributeSyntax", "2.5.5.12", "oMSyntax", "64")
	}
	return adEntry(name, pairs...)
}

func adClass(name, id, line string) *directory.Entry {
	_, after, _ := strings.Cut(line, " SUP ")
	sup, _, _ := strings.Cut(after, " ")
	category := "1"
	if strings.Contains(line, "AUXILIARY") {
		category = "3"
	}
	pairs := []string{"objectClass", "classSchema", "cn", name, "governsID", id, "lDAPDisplayName", name, "subClassOf", sup,
		"objectClassCategory", category, "rDNAttID", "cn", "possSuperiors", "container|server"}
	if _, may, ok := strings.Cut(line, " MAY "); ok {
		may = strings.Trim(strings.TrimSuffix(strings.TrimSpace(may), ")"), "( )")
		pairs = append(pairs, "mayContain", strings.ReplaceAll(may, " $ ", "|"))
	}
	return adEntry(name, pairs...)
}
