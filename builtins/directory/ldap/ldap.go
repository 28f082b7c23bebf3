// Package ldap reaches a directory through go-ldap: over LDAPS, StartTLS, or in plain text on loopback only.
package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/standin-project/standin/builtins/directory"
	"github.com/standin-project/standin/runtime/value"
)

// Config says how to reach a directory.
type Config struct {
	URL        string // ldaps://host[:636] or ldap://host[:389]
	StartTLS   bool   // upgrade an ldap:// connection; required beyond loopback
	CA         []byte // PEM of the authorities that the server's certificate must come from; nil is the system's
	ServerName string // name in the certificate; "" is the URL's host
	Login      directory.Login

	Default       string // naming contexts, for a server whose root entry does not tell them
	Configuration string

	Timeout     time.Duration // of one request; 0 is 30 s
	Connections int           // in use at once; 0 is 32
	PageSize    uint32        // entries a page; 0 is 500
	Notes       directory.Notes
}

// Client is a directory. It connects when it is first asked and holds up to Config.Connections connections.
type Client struct {
	cfg   Config
	host  string
	tls   *tls.Config
	slots chan struct{} // one for each connection in use

	mu   sync.Mutex
	idle []*ldap.Conn
	addr string // of the server that answered first: a name may stand for several controllers, a run is served by one
}

var _ directory.System = (*Client)(nil)

// New makes a client; it does not connect yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" {
		return nil, value.Failf(value.CodeBadParameter, "got directory URL %q, want ldaps://host or ldap://host", cfg.URL)
	}
	if u.Scheme == "ldap" && !cfg.StartTLS && !loopback(u.Hostname()) {
		return nil, value.Failf(value.CodeRefused, "cannot talk to directory %q in plain text", cfg.URL).
			Hint("use ldaps:// or turn StartTLS on; plain text is for loopback only")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Connections == 0 {
		cfg.Connections = 32
	}
	if cfg.PageSize == 0 {
		cfg.PageSize = 500
	}
	c := &Client{cfg: cfg, host: u.Hostname(), slots: make(chan struct{}, cfg.Connections)}
	c.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if cfg.ServerName != "" {
		c.tls.ServerName = cfg.ServerName
	}
	if cfg.CA != nil {
		c.tls.RootCAs = x509.NewCertPool()
		if !c.tls.RootCAs.AppendCertsFromPEM(cfg.CA) {
			return nil, value.Failf(value.CodeBadParameter, "cannot read the CA of directory %q: no certificate in it", cfg.URL)
		}
	}
	return c, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close ends the idle connections.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle {
		conn.Close()
	}
	c.idle = nil
	return nil
}

// attempts is how often a request is tried in all when the connection breaks or the server is busy; pause doubles
// from one to the next.
const attempts = 3

const pause = 200 * time.Millisecond

// do runs one request on a connection of its own. It is the one retry policy: a request is tried again when it did
// not reach a server that was ready for it. again is asked before, nil means yes.
func (c *Client) do(ctx context.Context, request func(*ldap.Conn) error, again func() bool) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return c.failure(ctx, ctx.Err())
	}
	var err error
	for try, wait := 1, pause; ; try, wait = try+1, wait*2 {
		if err = c.once(ctx, request); err == nil {
			return nil
		}
		if try == attempts || !transient(err) || ctx.Err() != nil || again != nil && !again() {
			return c.failure(ctx, err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return c.failure(ctx, ctx.Err())
		}
	}
}

func transient(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.ErrorNetwork, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultServerDown)
}

// once runs a request on a connection, which ends with ctx: go-ldap itself only knows time-outs.
func (c *Client) once(ctx context.Context, request func(*ldap.Conn) error) error {
	conn, err := c.take(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = request(conn)
	var answered *ldap.Error
	if err != nil && conn.IsClosing() && !errors.As(err, &answered) {
		err = ldap.NewError(ldap.ErrorNetwork, err) // go-ldap gives what broke the connection as it came
	}
	if ldap.IsErrorWithCode(err, ldap.ErrorNetwork) {
		c.Close() // what cut this connection off has cut the idle ones off too
	}
	if !stop() || conn.IsClosing() || ldap.IsErrorWithCode(err, ldap.ErrorNetwork) {
		conn.Close()
		return err
	}
	c.mu.Lock()
	c.idle = append(c.idle, conn)
	c.mu.Unlock()
	return err
}

func (c *Client) take(ctx context.Context) (*ldap.Conn, error) {
	c.mu.Lock()
	for n := len(c.idle); n > 0; n = len(c.idle) {
		conn := c.idle[n-1]
		c.idle = c.idle[:n-1]
		if !conn.IsClosing() {
			c.mu.Unlock()
			return conn, nil
		}
	}
	c.mu.Unlock()
	return c.dial(ctx, c.cfg.URL)
}

// dial connects and binds; all of it ends with ctx.
func (c *Client) dial(ctx context.Context, addr string) (*ldap.Conn, error) {
	raw, secure, err := c.connect(ctx, addr)
	if err != nil {
		return nil, ldap.NewError(ldap.ErrorNetwork, err)
	}
	conn := ldap.NewConn(raw, secure)
	conn.Start()
	conn.SetTimeout(c.cfg.Timeout)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if c.cfg.StartTLS && !secure {
		err = conn.StartTLS(c.tls.Clone())
	}
	if err == nil && c.cfg.Login.User != "" {
		err = c.bind(conn)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (c *Client) connect(ctx context.Context, addr string) (conn net.Conn, secure bool, err error) {
	u, err := url.Parse(addr)
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	secure = u.Scheme == "ldaps"
	port := u.Port()
	switch {
	case port == "" && secure:
		port = ldap.DefaultLdapsPort
	case port == "":
		port = ldap.DefaultLdapPort
	}
	conn, err = new(net.Dialer).DialContext(ctx, "tcp", c.stick(addr, net.JoinHostPort(u.Hostname(), port)))
	if err != nil {
		return nil, secure, err
	}
	c.mu.Lock()
	if addr == c.cfg.URL && c.addr == "" {
		c.addr = conn.RemoteAddr().String()
	}
	c.mu.Unlock()
	if !secure {
		return conn, secure, nil
	}
	over := tls.Client(conn, c.tls.Clone())
	if err := over.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, secure, err
	}
	return over, secure, nil
}

// stick gives the address that answered first for the client's own URL, and the one of a referral as it is.
func (c *Client) stick(url, hostPort string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if url == c.cfg.URL && c.addr != "" {
		return c.addr
	}
	return hostPort
}

func (c *Client) bind(conn *ldap.Conn) error {
	if c.cfg.Login.Password == "" {
		return value.Failf(value.CodeRefused, "no password for account %q of directory %q", c.cfg.Login.User, c.cfg.URL).
			Hint("say -u user:password, or name its password file in the site file")
	}
	name, err := c.bindName(conn)
	if err != nil {
		return err
	}
	return conn.Bind(name, c.cfg.Login.Password)
}

// bindName completes a bare logon name to user@domain, the shortest form that Active Directory takes.
func (c *Client) bindName(conn *ldap.Conn) (string, error) {
	user := c.cfg.Login.User
	if strings.ContainsAny(user, `=@\`) {
		return user, nil
	}
	info, err := c.readInfo(conn)
	if err != nil {
		return "", err
	}
	var domain []string
	for _, part := range strings.Split(info.Default, ",") {
		if name, v, ok := strings.Cut(part, "="); ok && strings.EqualFold(strings.TrimSpace(name), "dc") {
			domain = append(domain, strings.TrimSpace(v))
		}
	}
	return user + "@" + strings.Join(domain, "."), nil
}

// failure says in the system's words why a request failed. It never holds what was sent.
func (c *Client) failure(ctx context.Context, err error) error {
	var f *value.Failure
	if errors.As(err, &f) {
		return f
	}
	where := c.cfg.URL
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) || ldap.IsErrorAnyOf(err, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultTimeout):
		return value.Failf(value.CodeTimeout, "directory %q did not answer in time", where)
	case ctx.Err() != nil:
		return value.Failf(value.CodeCancelled, "request to directory %q was cancelled: %w", where, context.Cause(ctx))
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return value.Failf(value.CodeNotThere, "no such entry in directory %q: %w", where, err)
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultConstraintViolation):
		return value.Failf(value.CodeConflict, "directory %q refused the change: %w", where, err).
			Hint("somebody else changed this entry: run the command again, it reads everything anew")
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials):
		return value.Failf(value.CodeRefused, "directory %q refused the login of %q", where, c.cfg.Login.User).
			Hint("check the name and the password (it is case-sensitive)")
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultUnwillingToPerform,
		ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired):
		return value.Failf(value.CodeRefused, "directory %q refused: %w", where, err).
			Hint("EXCHFAILOVER -rights lists the grants that are needed")
	case ldap.IsErrorWithCode(err, ldap.ErrorNetwork):
		return value.Failf(value.CodeUnreachable, "directory %q did not answer: %w", where, err)
	}
	return value.Failf(value.CodeFailed, "directory %q: %w", where, err)
}
