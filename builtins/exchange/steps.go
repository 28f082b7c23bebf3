package exchange

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/standin-project/standin/builtins/directory"
)

// add takes a step up if it has something to do.
func (j *job) add(s step) {
	if s.batches.count() > 0 {
		j.steps = append(j.steps, s)
	}
}

// flags lets the stores that are about to be mounted be overwritten by a restore: without it Exchange refuses a
// database that was not its own.
func (j *job) flags() {
	for _, p := range j.pairs {
		_, taking := j.sides(p)
		if taking.overwritable || j.opt.has("onlypublicfolders") && !taking.public {
			continue
		}
		var b batches
		b.add(taking.dn, []directory.Edit{{Attr: "msExchPatchMDB", Old: taking.overwrite, New: []string{"TRUE"}}})
		j.add(step{what: fmt.Sprintf("store %q of %s: may be overwritten by a restore", taking.title(), j.taking.name),
			from: "no", to: "yes", batches: b})
	}
}

// mailboxFilter finds the mailboxes of people on the server or its paired stores: not those that belong to a store
// or to the system attendant.
func mailboxFilter(s *server, stores []*store) string {
	var homes strings.Builder
	for _, st := range stores {
		homes.WriteString("(homeMDB=" + directory.Escape(st.dn) + ")")
	}
	return "(&(homeMDB=*)(|(objectClass=user)(objectClass=inetOrgPerson))" +
		"(!(objectClass=msExchSystemMailbox))(!(objectClass=exchangeAdminService))(!(cn=SystemMailbox*))" +
		"(|(msExchHomeServerName=" + directory.Escape(s.legacy) + ")" + homes.String() + "))"
}

// mailboxes calls found for every mailbox that names the server or one of its stores.
func (j *job) mailboxes(ctx context.Context, s *server, found func(*directory.Entry)) error {
	q := directory.Query{Base: j.info.Default, Scope: directory.Subtree, Filter: mailboxFilter(s, privateStores(s)),
		Attrs: []string{"homeMDB", "homeMTA", "msExchHomeServerName"}}
	return j.dir.Search(ctx, q, func(e *directory.Entry) error {
		found(e)
		return nil
	})
}

func privateStores(s *server) []*store {
	return slices.DeleteFunc(slices.Clone(s.stores), func(st *store) bool { return st.public })
}

// pairedWith gives the taking store for the name of a giving one, nil if it has none.
func (j *job) pairedWith(dn string) (giving, taking *store) {
	for _, p := range j.pairs {
		if g, t := j.sides(p); directory.Same(g.dn, dn) {
			return g, t
		}
	}
	return nil, nil
}

// rehome gives the edits that take a mailbox to a store.
func rehome(e *directory.Entry, to *store) []directory.Edit {
	var edits []directory.Edit
	for _, a := range []struct{ attr, to string }{
		{"homeMDB", to.dn}, {"homeMTA", to.server.mta}, {"msExchHomeServerName", to.server.legacy},
	} {
		now := e.All(a.attr)
		if !directory.Holds(now, a.to) && a.to != "" {
			edits = append(edits, directory.Edit{Attr: a.attr, Old: now, New: []string{a.to}})
		}
	}
	return edits
}

// byStore collects the edits of mailboxes for each store that gives them away.
type byStore map[*store]*batches

func (m byStore) add(st *store, dn string, edits []directory.Edit) {
	if m[st] == nil {
		m[st] = &batches{}
	}
	m[st].add(dn, edits)
}

// users moves the mailboxes of the giving server's stores to their pairs.
func (j *job) users(ctx context.Context) error {
	moving := byStore{}
	err := j.mailboxes(ctx, j.giving, func(e *directory.Entry) {
		if giving, taking := j.pairedWith(e.Get("homeMDB")); taking != nil {
			moving.add(giving, e.DN, rehome(e, taking))
		} else if _, there := j.takenFrom(e.Get("homeMDB")); there != nil {
			moving.add(there, e.DN, rehome(e, there)) // a run that was cut off, or a hand, left it half moved
		} else {
			j.left = append(j.left, fmt.Sprintf("mailbox %q: its store %q has no pair", e.DN, e.Get("homeMDB")))
		}
	})
	j.addMoving(moving)
	return err
}

// takenFrom gives the pair for the name of a taking store.
func (j *job) takenFrom(dn string) (giving, taking *store) {
	for _, p := range j.pairs {
		if g, t := j.sides(p); directory.Same(t.dn, dn) {
			return g, t
		}
	}
	return nil, nil
}

func (j *job) addMoving(moving byStore) {
	for _, p := range j.pairs {
		giving, taking := j.sides(p)
		for _, st := range []*store{giving, taking} {
			if moving[st] != nil {
				j.add(step{kind: "users", what: fmt.Sprintf("mailboxes on %q: homeMDB, homeMTA, msExchHomeServerName", st.title()),
					from: j.giving.name, to: j.taking.name, batches: *moving[st]})
			}
		}
	}
}

// usersBack returns what the record lists, and mailboxes that were made on the paired stores since.
func (j *job) usersBack(ctx context.Context, kind string) error {
	recorded := j.record.Moved[kind].byEntry()
	owned := map[string]bool{}
	for _, dn := range j.record.Owned {
		owned[directory.Fold(dn)] = true
	}
	moving := byStore{}
	err := j.mailboxes(ctx, j.giving, func(e *directory.Entry) {
		key := directory.Fold(e.DN)
		giving, taking := j.pairedWith(e.Get("homeMDB"))
		switch edits, ok := recorded[key]; {
		case ok:
			back, left := takeBack(e, edits)
			if len(left) > 0 || taking == nil {
				j.left = append(j.left, fmt.Sprintf("mailbox %q: it was moved to %q by other hands", e.DN, e.Get("homeMDB")))
				return
			}
			moving.add(giving, e.DN, back)
		case taking != nil && !owned[key]:
			moving.add(giving, e.DN, rehome(e, taking))
		}
	})
	j.addMoving(moving)
	return err
}

// owned lists the mailboxes that live on the target's paired stores before the failover.
func (j *job) owned(ctx context.Context) error {
	return j.mailboxes(ctx, j.taking, func(e *directory.Entry) {
		if directory.Same(e.Get("msExchHomeServerName"), j.taking.legacy) {
			j.next.Owned = append(j.next.Owned, e.DN)
		}
	})
}

// takeBack undoes what the record keeps of a step, last things first.
func (j *job) takeBack(ctx context.Context, kind string) error {
	s := step{kind: kind, what: kind, from: j.giving.name, to: j.taking.name}
	for _, b := range slices.Backward(j.record.Moved[kind]) {
		for _, dn := range b.DNs {
			e, err := j.dir.Entry(ctx, dn, attributes(b.Edits)...)
			if gone(err) {
				j.left = append(j.left, fmt.Sprintf("%s of %q: it is no longer there", kind, dn))
				continue
			}
			if err != nil {
				return err
			}
			back, left := takeBack(e, b.Edits)
			s.batches = append(s.batches, one(dn, back)...)
			for _, attr := range left {
				j.left = append(j.left, fmt.Sprintf("%s of %q: it was changed to %q since", attr, dn, e.Get(attr)))
			}
		}
	}
	j.add(s)
	return nil
}

func one(dn string, edits []directory.Edit) batches {
	var b batches
	b.add(dn, edits)
	return b
}

// refer repoints an attribute of every entry below the configuration that matches; there gives the new value of an
// old one.
func (j *job) refer(ctx context.Context, kind, filter, attr string, there func(old string) string) error {
	q := directory.Query{Base: j.info.Configuration, Scope: directory.Subtree, Filter: filter, Attrs: []string{attr}}
	return j.dir.Search(ctx, q, func(e *directory.Entry) error {
		var edits []directory.Edit
		for _, old := range e.All(attr) {
			if to := there(old); to != "" {
				edits = append(edits, directory.Edit{Attr: attr, Old: []string{old}, New: []string{to}})
			}
		}
		j.add(step{kind: kind, what: fmt.Sprintf("%s: %s of %q", kind, attr, directory.Name(e.DN)), from: j.giving.name, to: j.taking.name, batches: one(e.DN, edits)})
		return nil
	})
}

// toTaking maps the giving server's own name and its paired stores.
func (j *job) toTaking(old string) string {
	if directory.Same(old, j.giving.dn) {
		return j.taking.dn
	}
	if _, taking := j.pairedWith(old); taking != nil {
		return taking.dn
	}
	return ""
}

func (j *job) publicFolders(ctx context.Context) error {
	for _, p := range j.pairs {
		giving, _ := j.sides(p)
		if !giving.public {
			continue
		}
		filter := "(&(objectClass=msExchPrivateMDB)(msExchHomePublicMDB=" + directory.Escape(giving.dn) + "))"
		if err := j.refer(ctx, "public folders", filter, "msExchHomePublicMDB", j.toTaking); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) offlineAddressBook(ctx context.Context) error {
	return j.refer(ctx, "offline address book", "(offLineABServer="+directory.Escape(j.giving.dn)+")", "offLineABServer", j.toTaking)
}

// siteFolderServer is in the directory the name of a public folder store, or in old organisations of a server.
func (j *job) siteFolderServer(ctx context.Context) error {
	return j.refer(ctx, "site folder server", "(siteFolderServer=*)", "siteFolderServer", j.toTaking)
}

func (j *job) recipientUpdate(ctx context.Context) error {
	return j.refer(ctx, "recipient update service", "(msExchAddressListServiceLink="+directory.Escape(j.giving.dn)+")", "msExchAddressListServiceLink", j.toTaking)
}

// routingMaster moves the role only within the routing group that the taking server is in.
func (j *job) routingMaster(ctx context.Context) error {
	err := j.refer(ctx, "routing master", "(msExchRoutingMasterDN="+directory.Escape(j.giving.dn)+")", "msExchRoutingMasterDN", j.toTaking)
	j.steps = slices.DeleteFunc(j.steps, func(s step) bool {
		if s.kind != "routing master" || directory.Same(s.batches[0].DNs[0], j.taking.routingGroup) {
			return false
		}
		j.byHand = append(j.byHand, fmt.Sprintf("routing master of %q: %s is not in that routing group", s.batches[0].DNs[0], j.taking.name))
		return true
	})
	return err
}

// principalNames moves the service principal names whose host is the failed server from its account to the account
// that stands in: taken from the one first, since a directory refuses a name that two accounts have. Names that a run
// took away and did not get to give are known from the record.
func (j *job) principalNames(ctx context.Context) error {
	from, err := j.account(ctx, j.giving.name)
	if err != nil {
		return err
	}
	to, err := j.account(ctx, j.taking.name)
	if err != nil {
		return err
	}
	if from == nil || to == nil {
		return nil
	}
	home := from // the account that the names belong to
	if j.opt.failback() {
		home = to
	}
	hosts := []string{j.source.name, j.source.fqdn, home.Get("dNSHostName")}
	names := slices.DeleteFunc(slices.Clone(from.All(spn)), func(v string) bool { return !isFor(v, hosts) })
	if j.record != nil && j.record.Open {
		for _, e := range j.record.Moved["service principal names"].byEntry()[directory.Fold(to.DN)] {
			names = append(names, e.New...)
		}
	}
	var take, give []directory.Edit
	slices.Sort(names)
	for _, v := range slices.Compact(names) {
		if directory.Holds(from.All(spn), v) {
			take = append(take, directory.Edit{Attr: spn, Old: []string{v}})
		}
		if !directory.Holds(to.All(spn), v) {
			give = append(give, directory.Edit{Attr: spn, New: []string{v}})
		}
	}
	j.add(step{kind: "service principal names", what: fmt.Sprintf("service principal names of %s", j.source.name),
		from: from.Get("sAMAccountName"), to: to.Get("sAMAccountName"), batches: append(one(from.DN, take), one(to.DN, give)...)})
	return nil
}

const spn = "servicePrincipalName"

// isFor says whether the host part of a service principal name is one of the hosts.
func isFor(name string, hosts []string) bool {
	parts := strings.Split(name, "/")
	if len(parts) < 2 {
		return false
	}
	host, _, _ := strings.Cut(parts[1], ":")
	return slices.ContainsFunc(hosts, func(h string) bool { return h != "" && strings.EqualFold(h, host) })
}

// account finds the computer account of a virtual server, wherever it is kept.
func (j *job) account(ctx context.Context, server string) (*directory.Entry, error) {
	var found []*directory.Entry
	err := j.dir.Search(ctx, directory.Query{Base: j.info.Default, Scope: directory.Subtree,
		Filter: "(sAMAccountName=" + directory.Escape(server) + "$)", Attrs: []string{"sAMAccountName", "dNSHostName", spn}}, collect(&found))
	if err != nil || len(found) == 1 {
		return append(found, nil)[0], err
	}
	j.byHand = append(j.byHand, fmt.Sprintf("service principal names: found %d accounts %s$, want 1", len(found), server))
	return nil, nil
}

// bindings lets the taking server answer for Outlook Web Access at the giving one's addresses too.
func (j *job) bindings(ctx context.Context) error {
	there := map[string]*directory.Entry{}
	if err := j.virtualServers(ctx, j.taking, func(e *directory.Entry) { there[strings.ToLower(directory.Name(e.DN))] = e }); err != nil {
		return err
	}
	return j.virtualServers(ctx, j.giving, func(e *directory.Entry) {
		other := there[strings.ToLower(directory.Name(e.DN))]
		if other == nil {
			return
		}
		var edits []directory.Edit
		for _, attr := range bindingAttrs() {
			for _, b := range e.All(attr) {
				switch have := other.All(attr); {
				case address(b) == "":
				case j.opt.failback() && directory.Holds(have, b): // unrecorded: the source's own address goes home
					edits = append(edits, directory.Edit{Attr: attr, Old: []string{b}})
				case !j.opt.failback() && !directory.Holds(have, b) && !answersAll(have, b):
					edits = append(edits, directory.Edit{Attr: attr, New: []string{b}})
				}
			}
		}
		dn, server := other.DN, j.taking
		if j.opt.failback() {
			dn, server = e.DN, j.giving
		}
		j.add(step{kind: "bindings", what: fmt.Sprintf("addresses of the HTTP virtual server %q of %s", directory.Name(dn), server.name),
			from: describeBindings(edits, false), to: describeBindings(edits, true), batches: one(dn, edits)})
	})
}

func bindingAttrs() []string { return []string{"msExchServerBindings", "msExchSecureBindings"} }

func describeBindings(edits []directory.Edit, after bool) string {
	var all []string
	for _, e := range edits {
		if after {
			all = append(all, e.New...)
		} else {
			all = append(all, e.Old...)
		}
	}
	return strings.Join(all, ", ")
}

// address is the address of a binding address:port:host, "" if it is bound to all.
func address(binding string) string {
	a, _, _ := strings.Cut(binding, ":")
	if net.ParseIP(a) == nil {
		return ""
	}
	return a
}

// answersAll says whether one of the bindings covers b by answering at every address.
func answersAll(have []string, b string) bool {
	return directory.Holds(have, strings.TrimPrefix(b, address(b)))
}

func (j *job) virtualServers(ctx context.Context, s *server, found func(*directory.Entry)) error {
	return j.dir.Search(ctx, directory.Query{Base: s.dn, Scope: directory.Subtree, Filter: "(objectClass=protocolCfgHTTPServer)", Attrs: bindingAttrs()},
		func(e *directory.Entry) error {
			found(e)
			return nil
		})
}

// connectorAttrs are the attributes by which a connector names a server, and that this command leaves to people.
func connectorAttrs() []string {
	return []string{"msExchSourceBridgeheadServersDN", "msExchTargetBridgeheadServersDN", "homeMTA"}
}

// leftovers lists what still names the giving server, and mail protocols that listen at one address only.
func (j *job) leftovers(ctx context.Context) error {
	filter := "(&(!(objectClass=msExchExchangeServer))(|"
	for _, a := range connectorAttrs() {
		filter += "(" + a + "=*)"
	}
	err := j.dir.Search(ctx, directory.Query{Base: j.info.Configuration, Scope: directory.Subtree, Filter: filter + "))", Attrs: connectorAttrs()},
		func(e *directory.Entry) error {
			for _, a := range e.Attrs {
				names := slices.ContainsFunc(a.Values, func(v string) bool { return directory.Under(v, j.giving.dn) })
				if names && !directory.Under(e.DN, j.giving.dn) {
					j.byHand = append(j.byHand, fmt.Sprintf("%s of %q still names %s", a.Name, e.DN, j.giving.name))
				}
			}
			return nil
		})
	if err != nil {
		return err
	}
	err = j.dir.Search(ctx, directory.Query{Base: j.info.Default, Scope: directory.Subtree, Attrs: []string{"cn"},
		Filter: "(msExchExpansionServerName=" + directory.Escape(j.giving.legacy) + ")"}, func(e *directory.Entry) error {
		j.byHand = append(j.byHand, fmt.Sprintf("the members of %q are expanded on %s", e.DN, j.giving.name))
		return nil
	})
	if err != nil {
		return err
	}
	return j.dir.Search(ctx, directory.Query{Base: j.taking.dn, Scope: directory.Subtree, Attrs: bindingAttrs(),
		Filter: "(|(objectClass=protocolCfgSMTPServer)(objectClass=protocolCfgPOP3Server)(objectClass=protocolCfgIMAPServer))",
	}, func(e *directory.Entry) error {
		for _, a := range e.Attrs {
			for _, b := range a.Values {
				if address(b) != "" {
					j.byHand = append(j.byHand, fmt.Sprintf("%q answers at %s only", e.DN, b))
				}
			}
		}
		return nil
	})
}
