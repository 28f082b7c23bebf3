package embedded

import (
	"bufio"
	"errors"
	"net"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// maxUnpaged is how many entries a search without paging may give, as in Active Directory's default policy.
const maxUnpaged = 1000

const whoAmI = "1.3.6.1.4.1.4203.1.11.3"

// session is one connection. Its requests are answered one after another.
type session struct {
	store   *store
	conn    net.Conn
	in      *bufio.Reader
	out     *bufio.Writer
	account string                        // folded name of the bound account; "" is anonymous
	pages   map[string][]*directory.Entry // cookie → what is left of a paged search
	cookies int
}

func newSession(st *store, c net.Conn) *session {
	return &session{store: st, conn: c, in: bufio.NewReader(c), out: bufio.NewWriter(c), pages: map[string][]*directory.Entry{}}
}

func (s *session) serve() {
	defer s.conn.Close()
	defer func() {
		_ = recover() // a message that breaks the decoder ends its connection, not the program
	}()
	for {
		p, err := ber.ReadPacket(s.in)
		if err != nil {
			return
		}
		id, ok := child(p, 0).Value.(int64)
		op := child(p, 1)
		if !ok || op.ClassType != ber.ClassApplication || op.Tag == ldap.ApplicationUnbindRequest {
			return
		}
		s.answer(id, op, child(p, 2))
		if s.out.Flush() != nil {
			return
		}
	}
}

// child gives a part of a packet; a packet that lacks it gives an empty one, so that no client can crash the server.
func child(p *ber.Packet, i int) *ber.Packet {
	if i < len(p.Children) {
		return p.Children[i]
	}
	return &ber.Packet{}
}

func text(p *ber.Packet) string {
	if p.Data == nil {
		return ""
	}
	return p.Data.String()
}

func (s *session) answer(id int64, op, controls *ber.Packet) {
	switch op.Tag {
	case ldap.ApplicationBindRequest:
		s.reply(id, ldap.ApplicationBindResponse, s.bind(op))
	case ldap.ApplicationSearchRequest:
		s.search(id, op, controls)
	case ldap.ApplicationModifyRequest:
		s.reply(id, ldap.ApplicationModifyResponse, s.modify(op))
	case ldap.ApplicationExtendedRequest:
		s.extended(id, op)
	case ldap.ApplicationAbandonRequest: // has no answer
	default:
		s.reply(id, op.Tag+1, result{code: ldap.LDAPResultUnwillingToPerform, text: "only bind, search, modify and who am i"})
	}
}

// result is an LDAPResult.
type result struct {
	code uint16
	text string
}

func (s *session) reply(id int64, op ber.Tag, r result, more ...*ber.Packet) {
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, op, nil, "")
	body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(r.code), ""))
	body.AppendChild(octets(""))
	body.AppendChild(octets(r.text))
	s.send(id, body, more...)
}

// send writes one message: its body and its controls.
func (s *session) send(id int64, body *ber.Packet, controls ...*ber.Packet) {
	message := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(body)
	if len(controls) > 0 {
		all := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			all.AppendChild(c)
		}
		message.AppendChild(all)
	}
	s.out.Write(message.Bytes()) // an error stays in the writer until Flush
}

func octets(v string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, v, "")
}

// bind accepts any password for an account that exists: who can reach the loopback port of this process can read and
// write its folder anyway.
func (s *session) bind(op *ber.Packet) result {
	name, auth := text(child(op, 1)), child(op, 2)
	s.account = ""
	switch {
	case auth.ClassType != ber.ClassContext || auth.Tag != 0:
		return result{ldap.LDAPResultAuthMethodNotSupported, "only simple bind"}
	case name == "":
		return result{}
	case text(auth) == "":
		return result{ldap.LDAPResultUnwillingToPerform, "a bind with a name needs a password"}
	}
	e := s.store.account(name)
	if e == nil {
		return result{ldap.LDAPResultInvalidCredentials, "no such account"}
	}
	s.account = e.DN
	return result{}
}

// account finds an account by its name in the directory, its logon name, user@domain or DOMAIN\user.
func (s *store) account(name string) *directory.Entry {
	if e := s.entry(name); e != nil {
		return e
	}
	if _, after, ok := strings.Cut(name, `\`); ok {
		name = after
	}
	sam, _, _ := strings.Cut(name, "@")
	filter, err := directory.ParseFilter("(|(userPrincipalName=" + directory.Escape(name) + ")(sAMAccountName=" + directory.Escape(sam) + "))")
	if err != nil {
		return nil
	}
	if found := s.search(directory.Query{Scope: directory.Subtree}, &filter); len(found) > 0 {
		return found[0]
	}
	return nil
}

func (s *session) extended(id int64, op *ber.Packet) {
	if text(child(op, 0)) != whoAmI {
		s.reply(id, ldap.ApplicationExtendedResponse, result{code: ldap.LDAPResultProtocolError, text: "unknown extended operation"})
		return
	}
	who := ""
	if s.account != "" {
		who = "dn:" + s.account
	}
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedResponse, nil, "")
	body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(0), ""))
	body.AppendChild(octets(""))
	body.AppendChild(octets(""))
	body.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 11, who, ""))
	s.send(id, body)
}

func (s *session) modify(op *ber.Packet) result {
	m := directory.Modification{DN: text(child(op, 0))}
	for _, change := range child(op, 1).Children {
		verb, _ := child(change, 0).Value.(int64)
		attr := text(child(child(change, 1), 0))
		var values []string
		for _, v := range child(child(change, 1), 1).Children {
			values = append(values, text(v))
		}
		switch {
		case verb == ldap.AddAttribute && len(values) > 0:
			m.Edits = append(m.Edits, directory.Edit{Attr: attr, New: values})
		case verb == ldap.DeleteAttribute && len(values) > 0:
			m.Edits = append(m.Edits, directory.Edit{Attr: attr, Old: values})
		default:
			return result{ldap.LDAPResultUnwillingToPerform, "only delete and add of named values"}
		}
	}
	if err := s.store.modify(m); err != nil {
		return failed(err)
	}
	return result{}
}

// failed gives the result code that Active Directory would give.
func failed(err error) result {
	r := result{ldap.LDAPResultOther, err.Error()}
	var f *value.Failure
	if errors.As(err, &f) {
		switch f.Code {
		case value.CodeNotThere:
			r.code = ldap.LDAPResultNoSuchObject
		case value.CodeRefused:
			r.code = ldap.LDAPResultInsufficientAccessRights
		case value.CodeConflict:
			r.code = ldap.LDAPResultConstraintViolation
		}
	}
	return r
}

func (s *session) search(id int64, op, controls *ber.Packet) {
	paging, bad := pagingControl(controls)
	if bad != "" {
		s.reply(id, ldap.ApplicationSearchResultDone, result{ldap.LDAPResultUnavailableCriticalExtension, "unknown critical control " + bad})
		return
	}
	var attrs []string
	for _, a := range child(op, 7).Children {
		attrs = append(attrs, text(a))
	}
	found, r := s.remaining(op, paging)
	rest := found[:0]
	if limit := pageLimit(op, paging); len(found) > limit {
		if paging == nil {
			r = result{code: ldap.LDAPResultSizeLimitExceeded}
		}
		found, rest = found[:limit], found[limit:]
	}
	for _, e := range found {
		s.sendEntry(id, e, attrs)
	}
	var answer []*ber.Packet
	if paging != nil {
		more := ldap.NewControlPaging(0)
		if len(rest) > 0 {
			s.cookies++
			more.SetCookie([]byte(strconv.Itoa(s.cookies)))
			s.pages[string(more.Cookie)] = rest
		}
		answer = append(answer, more.Encode())
	}
	s.reply(id, ldap.ApplicationSearchResultDone, r, answer...)
}

// pagingControl finds the control for paging, and a critical one that nobody here knows.
func pagingControl(controls *ber.Packet) (paging *ldap.ControlPaging, unknown string) {
	for _, raw := range controls.Children {
		c, err := ldap.DecodeControl(raw)
		if p, ok := c.(*ldap.ControlPaging); ok && err == nil {
			paging = p
			continue
		}
		if critical, _ := child(raw, 1).Value.(bool); critical {
			unknown = text(child(raw, 0))
		}
	}
	return paging, unknown
}

func pageLimit(op *ber.Packet, paging *ldap.ControlPaging) int {
	if paging != nil {
		return int(paging.PagingSize)
	}
	if size, _ := child(op, 3).Value.(int64); size > 0 && size < maxUnpaged {
		return int(size)
	}
	return maxUnpaged
}

// remaining gives what a search still has to answer.
func (s *session) remaining(op *ber.Packet, paging *ldap.ControlPaging) ([]*directory.Entry, result) {
	if paging != nil && len(paging.Cookie) > 0 {
		rest, ok := s.pages[string(paging.Cookie)]
		delete(s.pages, string(paging.Cookie))
		if !ok {
			return nil, result{ldap.LDAPResultUnwillingToPerform, "unknown paging cookie"}
		}
		return rest, result{}
	}
	scope, _ := child(op, 1).Value.(int64)
	q := directory.Query{Base: text(child(op, 0)), Scope: directory.Scope(scope)}
	raw, err := ldap.DecompileFilter(child(op, 6))
	if err != nil {
		return nil, result{ldap.LDAPResultProtocolError, err.Error()}
	}
	filter, err := directory.ParseFilter(raw)
	if err != nil {
		return nil, result{ldap.LDAPResultProtocolError, err.Error()}
	}
	if q.Base == "" && q.Scope == directory.Base {
		return []*directory.Entry{s.store.root()}, result{}
	}
	if q.Base != "" && s.store.entry(q.Base) == nil {
		return nil, result{ldap.LDAPResultNoSuchObject, "no entry " + strconv.Quote(q.Base)}
	}
	return s.store.search(q, &filter), result{}
}

func (s *session) sendEntry(id int64, e *directory.Entry, attrs []string) {
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	body.AppendChild(octets(e.DN))
	list := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	picked := e.Pick(attrs)
	for _, a := range picked.Attrs {
		list.AppendChild(attribute(a))
	}
	for _, name := range attrs {
		if strings.EqualFold(name, directory.Rights) {
			list.AppendChild(attribute(directory.Attr{Name: name, Values: s.store.writable(e)}))
		}
	}
	body.AppendChild(list)
	s.send(id, body)
}

func attribute(a directory.Attr) *ber.Packet {
	p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	p.AppendChild(octets(a.Name))
	values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	for _, v := range a.Values {
		values.AppendChild(octets(v))
	}
	p.AppendChild(values)
	return p
}

// root is the server's root entry.
func (s *store) root() *directory.Entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	domain := ""
	for _, it := range s.order {
		if strings.HasPrefix(it.key, "dc=") && (domain == "" || len(it.key) < len(domain)) {
			domain = it.entry.DN
		}
	}
	configuration := "CN=Configuration," + domain
	return &directory.Entry{Attrs: []directory.Attr{
		{Name: "namingContexts", Values: []string{domain, configuration}},
		{Name: "defaultNamingContext", Values: []string{domain}},
		{Name: "configurationNamingContext", Values: []string{configuration}},
		{Name: "dnsHostName", Values: []string{"localhost"}},
		{Name: "highestCommittedUSN", Values: []string{strconv.Itoa(s.applied)}},
		{Name: "supportedLDAPVersion", Values: []string{"3"}},
		{Name: "supportedControl", Values: []string{ldap.ControlTypePaging}},
		{Name: "supportedExtension", Values: []string{whoAmI}},
	}}
}

// writable is the entry's allowedAttributesEffective.
func (s *store) writable(e *directory.Entry) []string {
	var names []string
	for _, name := range directory.Written() {
		if s.refuse == nil || !s.refuse(e.DN, name) {
			names = append(names, name)
		}
	}
	return names
}
