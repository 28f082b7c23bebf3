package ldap

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/plan"
	"github.com/standin-project/standin/runtime/value"
)

// Info reads the server's root entry.
func (c *Client) Info(ctx context.Context) (info directory.Info, err error) {
	err = c.do(ctx, func(conn *ldap.Conn) error {
		info, err = c.readInfo(conn)
		return err
	}, nil)
	return info, err
}

func (c *Client) readInfo(conn *ldap.Conn) (directory.Info, error) {
	attrs := []string{"defaultNamingContext", "configurationNamingContext", "namingContexts", "dnsHostName", "highestCommittedUSN"}
	res, err := conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attrs, nil))
	if err != nil {
		return directory.Info{}, err
	}
	info := directory.Info{Server: c.host, Default: c.cfg.Default, Configuration: c.cfg.Configuration}
	if len(res.Entries) == 0 {
		return info, nil
	}
	root := entry(res.Entries[0])
	if name := root.Get("dnsHostName"); name != "" {
		info.Server = name
	}
	info.USN = root.Get("highestCommittedUSN")
	for _, v := range []string{root.Get("defaultNamingContext"), root.Get("namingContexts")} {
		if info.Default == "" {
			info.Default = v
		}
	}
	for _, v := range []string{root.Get("configurationNamingContext"), "CN=Configuration," + info.Default} {
		if info.Configuration == "" {
			info.Configuration = v
		}
	}
	return info, nil
}

func entry(e *ldap.Entry) *directory.Entry {
	out := &directory.Entry{DN: e.DN, Attrs: make([]directory.Attr, 0, len(e.Attributes))}
	for _, a := range e.Attributes {
		if len(a.Values) > 0 {
			out.Attrs = append(out.Attrs, directory.Attr{Name: a.Name, Values: a.Values})
		}
	}
	return out
}

// Entry reads one entry.
func (c *Client) Entry(ctx context.Context, dn string, attrs ...string) (*directory.Entry, error) {
	var e *directory.Entry
	err := c.do(ctx, func(conn *ldap.Conn) error {
		res, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attrs, nil))
		if err != nil {
			return err
		}
		if len(res.Entries) == 0 {
			return value.Failf(value.CodeNotThere, "no entry %q in directory %q", dn, c.cfg.URL)
		}
		e = entry(res.Entries[0])
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Search reads page by page. All pages come over one connection, as servers keep their place there; so only the first
// page is tried again when the connection breaks.
func (c *Client) Search(ctx context.Context, q directory.Query, found func(*directory.Entry) error) error {
	first := true
	var stopped error
	err := c.do(ctx, func(conn *ldap.Conn) error {
		paging := ldap.NewControlPaging(c.cfg.PageSize)
		for {
			res, err := conn.Search(ldap.NewSearchRequest(q.Base, int(q.Scope), ldap.NeverDerefAliases, 0, 0, false, q.Filter, q.Attrs, []ldap.Control{paging}))
			if err != nil {
				return err
			}
			first = false
			for _, e := range res.Entries {
				if stopped = found(entry(e)); stopped != nil {
					conn.Close() // the server need not keep the rest
					return nil
				}
			}
			next, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
			if !ok || len(next.Cookie) == 0 {
				return nil
			}
			paging.SetCookie(next.Cookie)
		}
	}, func() bool { return first })
	if stopped != nil {
		return stopped
	}
	return err
}

// Writable reads allowedAttributesEffective.
func (c *Client) Writable(ctx context.Context, dn string, attrs ...string) (plan.Answer, []string, error) {
	e, err := c.Entry(ctx, dn, directory.Rights)
	if err != nil {
		return plan.Unknown, nil, err
	}
	allowed := e.All(directory.Rights)
	if allowed == nil {
		return plan.Unknown, nil, nil
	}
	var missing []string
	for _, a := range attrs {
		if !slices.ContainsFunc(allowed, func(x string) bool { return strings.EqualFold(x, a) }) {
			missing = append(missing, a)
		}
	}
	if missing != nil {
		return plan.No, missing, nil
	}
	return plan.Yes, nil, nil
}

// Modify changes one entry. When the answer was lost the entry is read, so that a change is neither made twice nor
// taken for somebody else's.
func (c *Client) Modify(ctx context.Context, m directory.Modification) error {
	req := ldap.NewModifyRequest(m.DN, nil)
	for _, e := range m.Edits {
		if len(e.Old) > 0 {
			req.Delete(e.Attr, e.Old)
		}
		if len(e.New) > 0 {
			req.Add(e.Attr, e.New)
		}
	}
	var done bool
	err := c.do(ctx, func(conn *ldap.Conn) error {
		if err := plan.StillHeld(ctx); err != nil {
			return err
		}
		res, err := conn.ModifyWithResult(req)
		if ldap.IsErrorWithCode(err, ldap.LDAPResultReferral) && res != nil {
			return c.refer(ctx, res.Referral, req)
		}
		return err
	}, func() bool {
		done = c.made(ctx, m)
		return !done
	})
	if done {
		return nil
	}
	return err
}

// made says whether an entry already is as a modification leaves it.
func (c *Client) made(ctx context.Context, m directory.Modification) bool {
	var e *directory.Entry
	err := c.once(ctx, func(conn *ldap.Conn) error {
		res, err := conn.Search(ldap.NewSearchRequest(m.DN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", nil, nil))
		if err == nil && len(res.Entries) == 1 {
			e = entry(res.Entries[0])
		}
		return err
	})
	if err != nil || e == nil {
		return false
	}
	for _, edit := range m.Edits {
		now := e.All(edit.Attr)
		for _, v := range edit.New {
			if !directory.Holds(now, v) {
				return false
			}
		}
		for _, v := range edit.Old {
			if directory.Holds(now, v) && !directory.Holds(edit.New, v) {
				return false
			}
		}
	}
	return true
}

// refer sends a modify to the server that holds the entry, under the same account and the same demands on the
// connection. One referral is followed, so that two servers cannot send us back and forth.
func (c *Client) refer(ctx context.Context, to string, req *ldap.ModifyRequest) error {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" {
		return value.Failf(value.CodeFailed, "directory %q refers to %q, which is no LDAP URL", c.cfg.URL, to)
	}
	cfg := c.cfg
	cfg.URL, cfg.ServerName = u.Scheme+"://"+u.Host, ""
	other, err := New(cfg)
	if err != nil {
		return err
	}
	conn, err := other.dial(ctx, cfg.URL)
	if err != nil {
		return other.failure(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.Modify(req); err != nil {
		return other.failure(ctx, err)
	}
	return nil
}

var errNoNotes = errors.New("no place for notes")

// Note reads a note from the place that the configuration names.
func (c *Client) Note(ctx context.Context, key string) ([]byte, error) {
	if c.cfg.Notes == nil {
		return nil, nil
	}
	return c.cfg.Notes.Note(ctx, key)
}

// SetNote writes a note to the place that the configuration names.
func (c *Client) SetNote(ctx context.Context, key string, note []byte) error {
	if c.cfg.Notes == nil {
		return value.Failf(value.CodeFailed, "cannot keep the record of this failover: directory %q: %w", c.cfg.URL, errNoNotes).
			Hint("give the directory a folder for its notes that both sites can reach")
	}
	if err := plan.StillHeld(ctx); err != nil {
		return err
	}
	return c.cfg.Notes.SetNote(ctx, key, note)
}
