// Package etcdtest starts real etcd clusters on loopback.
package etcdtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a running cluster; its members may be stopped and started again.
type Cluster struct {
	t       testing.TB
	members []*member
	scheme  string
	client  *http.Client
}

type member struct {
	name, url string
	args      []string
	cmd       *exec.Cmd
	log       *os.File
}

// Start starts a cluster of n members, each on an address of its own. Where etcd is not installed the test is skipped,
// but in CI it fails.
func Start(t testing.TB, n int) *Cluster {
	t.Helper()
	c := prepare(t, n)
	c.run(nil)
	return c
}

// Files are the paths of what a client needs to be let in.
type Files struct{ CA, Cert, Key string }

// StartTLS starts a cluster that takes only clients with a certificate of its CA.
func StartTLS(t testing.TB, n int) (*Cluster, Files) {
	t.Helper()
	c := prepare(t, n)
	c.scheme = "https"
	ca := newCA(t, t.TempDir())
	cert, key := ca.issue("server")
	files := Files{CA: ca.path}
	files.Cert, files.Key = ca.issue("client")
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	c.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	c.run([]string{"--cert-file", cert, "--key-file", key, "--trusted-ca-file", ca.path, "--client-cert-auth"})
	return c, files
}

func prepare(t testing.TB, n int) *Cluster {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no etcd here: install the package etcd-server")
		}
		t.Skip("no etcd here: install the package etcd-server")
	}
	c := &Cluster{t: t, scheme: "http", client: &http.Client{Timeout: 2 * time.Second}}
	for i := range n {
		c.members = append(c.members, &member{name: fmt.Sprint("e", i+1)})
	}
	return c
}

func (c *Cluster) run(extra []string) {
	c.t.Helper()
	dir := c.t.TempDir()
	var peers []string
	urls := make([]string, len(c.members))
	for i, m := range c.members {
		host := fmt.Sprintf("127.0.0.%d", i+1)
		m.url = c.scheme + "://" + free(c.t, host)
		urls[i] = "http://" + free(c.t, host)
		peers = append(peers, m.name+"="+urls[i])
	}
	for i, m := range c.members {
		m.args = append([]string{
			"--name", m.name, "--data-dir", filepath.Join(dir, m.name),
			"--listen-client-urls", m.url, "--advertise-client-urls", m.url,
			"--listen-peer-urls", urls[i], "--initial-advertise-peer-urls", urls[i],
			"--initial-cluster", strings.Join(peers, ","),
			"--heartbeat-interval", "50", "--election-timeout", "500", "--logger", "zap",
		}, extra...)
		var err error
		if m.log, err = os.Create(filepath.Join(dir, m.name+".log")); err != nil {
			c.t.Fatal(err)
		}
		c.Run(i)
	}
	for i := range c.members {
		c.await(i)
	}
}

// free gives an address of a host with a port that nobody uses.
func free(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Run starts a member that does not run; it does not wait until it answers.
func (c *Cluster) Run(n int) {
	c.t.Helper()
	m := c.members[n]
	m.cmd = exec.Command("etcd", m.args...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := m.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	cmd := m.cmd
	c.t.Cleanup(func() { end(cmd) })
}

func end(cmd *exec.Cmd) {
	cmd.Process.Signal(syscall.SIGCONT) //nolint:errcheck // it may be gone already
	cmd.Process.Kill()                  //nolint:errcheck // likewise
	cmd.Wait()                          //nolint:errcheck // it was killed
}

// await waits until a member answers with a leader.
func (c *Cluster) await(n int) {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		answer, err := c.client.Get(c.members[n].url + "/health")
		if err == nil {
			answer.Body.Close() //nolint:errcheck // only its status counts
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(c.members[n].log.Name())
			c.t.Fatalf("etcd does not answer (%v):\n%s", err, text)
		}
	}
}

// Endpoints are the URLs of the members.
func (c *Cluster) Endpoints() []string {
	var all []string
	for _, m := range c.members {
		all = append(all, m.url)
	}
	return all
}

// Kill kills a member at once.
func (c *Cluster) Kill(n int) { end(c.members[n].cmd) }

// Signal sends a member a signal, to stop it for a while.
func (c *Cluster) Signal(n int, sig os.Signal) {
	c.t.Helper()
	if err := c.members[n].cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}

// Leader asks the members which of them leads, until one is known.
func (c *Cluster) Leader() int {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for i, m := range c.members {
			var status struct {
				Leader string `json:"leader"`
				Header struct {
					Member string `json:"member_id"`
				} `json:"header"`
			}
			answer, err := c.client.Post(m.url+"/v3/maintenance/status", "application/json", bytes.NewReader([]byte("{}")))
			if err != nil {
				continue
			}
			err = json.NewDecoder(answer.Body).Decode(&status)
			answer.Body.Close() //nolint:errcheck // it is read
			if err == nil && status.Leader != "" && status.Leader == status.Header.Member {
				return i
			}
		}
	}
	c.t.Fatal("the cluster has no leader")
	return -1
}

// Delete removes a key, as an operator might.
func (c *Cluster) Delete(key string) {
	c.t.Helper()
	body, err := json.Marshal(map[string][]byte{"key": []byte(key)})
	if err != nil {
		c.t.Fatal(err)
	}
	answer, err := c.client.Post(c.members[0].url+"/v3/kv/deleterange", "application/json", bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	var deleted struct {
		Count string `json:"deleted"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&deleted); err != nil || deleted.Count != "1" {
		c.t.Fatalf("deleting %s: %s keys, %v", key, deleted.Count, err)
	}
}
