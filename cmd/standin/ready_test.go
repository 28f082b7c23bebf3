package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/standin-project/standin/runtime/journal/etcd/etcdtest"
	"github.com/standin-project/standin/runtime/watch"
	"github.com/standin-project/standin/runtime/watch/watchtest"
)

// called runs the program in this process and gives its exit code and output.
func called(site string, args ...string) (code int, out string) {
	var b bytes.Buffer
	code = testApp(&b, site).main(append([]string{"standin"}, args...))
	return code, b.String()
}

// serving makes a site whose source serves and is mirrored.
func serving(t *testing.T) string {
	t.Helper()
	site := freshSites(t)(t)
	if code, out := called(site, "do", "CLUSTER", "east", "GROUP", "Exchange Group", "ONLINE"); code != exitDone {
		t.Fatalf("exit %d\n%s", code, out)
	}
	return site
}

// A plan as if a site were gone is the plan that is made once it is gone; the look leaves no trace in any system.
func TestLostIsWhatFailMakes(t *testing.T) {
	for _, script := range []string{"failover.dtcl", "wan-failover.dtcl"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			site := serving(t)
			_, before := called(site, "site", "show", "--json")
			code, out := called(site, "ready", script, "--lost", "east")
			if code != exitDone {
				t.Fatalf("exit %d\n%s", code, out)
			}
			if _, after := called(site, "site", "show", "--json"); after != before {
				t.Errorf("the check changed the site:\n%s\nwas:\n%s", after, before)
			}
			supposed := kept(t, site)
			if code, out := called(site, "site", "fail", "east"); code != exitDone {
				t.Fatal(out)
			}
			if code, out := called(site, "ready", script); code != exitDone {
				t.Fatalf("exit %d\n%s", code, out)
			}
			for _, k := range readAll(t, site) {
				if len(k.Verdict.Lost) == 0 && !slices.Equal(k.Clean.Plan, supposed.Clean.Plan) {
					t.Errorf("with the site gone:\n%s\nas if it were gone:\n%s", strings.Join(k.Clean.Plan, "\n"), strings.Join(supposed.Clean.Plan, "\n"))
				}
			}
			if n := len(supposed.Clean.Plan); n < 5 {
				t.Errorf("the plan has %d changes only", n)
			}
		})
	}
}

func readAll(t *testing.T, site string) []checkedRunbook {
	t.Helper()
	all, err := allChecked(filepath.Join(site, "runs", "ready"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func kept(t *testing.T, site string) checkedRunbook {
	t.Helper()
	all := readAll(t, site)
	if len(all) != 1 || all[0].Clean == nil {
		t.Fatalf("got %d checks, want one that is clean", len(all))
	}
	return all[0]
}

// The program keeps checking until it is told to end: page, metrics, webhook and status file follow what happens to
// the site, and the end is a good one.
func TestReadyKeepsChecking(t *testing.T) {
	site := serving(t)
	told := make(chan *watch.Verdict, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var v watch.Verdict
		if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
			t.Errorf("the webhook got %v", err)
		}
		told <- &v
	}))
	defer hook.Close()
	status := filepath.Join(t.TempDir(), "status.json")
	cmd := exec.Command("standin", "--site", site, "ready", "failover.dtcl", "--lost", "east", "--every", "1s",
		"--listen", "127.0.0.1:0", "--webhook", hook.URL, "--status", status)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() }) //nolint:errcheck // it has ended unless the test failed
	lines := bufio.NewReader(stderr)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile(`http://[^/]+/`).FindString(first)
	if page == "" {
		t.Fatalf("got %q, want where the page is", first)
	}

	if v := <-told; v.State != watch.Ready || v.Script != "failover.dtcl" {
		t.Fatalf("first verdict: %+v", v)
	}
	if code, body := ask(t, page+"ready"); code != http.StatusOK || body != "ready\n" {
		t.Errorf("/ready: %d %q", code, body)
	}
	if got := metric(t, page, "standin_ready"); got != 1 {
		t.Errorf("standin_ready: got %v, want 1", got)
	}
	if code, out := called(site, "site", "fail", "west"); code != exitDone {
		t.Fatal(out)
	}
	v := <-told
	if v.State != watch.NotReady || v.Count(watch.Stops) == 0 {
		t.Fatalf("with the target gone: %+v", v)
	}
	if code, body := ask(t, page+"ready"); code != http.StatusServiceUnavailable || body != "not ready\n" {
		t.Errorf("/ready: %d %q", code, body)
	}
	if got := metric(t, page, "standin_ready"); got != 0 {
		t.Errorf("standin_ready: got %v, want 0", got)
	}
	if _, body := ask(t, page); !strings.Contains(body, "not ready") || !strings.Contains(body, "every node fenced") {
		t.Errorf("the page does not say what is wrong:\n%s", body)
	}
	var saved watch.Verdict
	text, err := os.ReadFile(status)
	if err != nil || json.Unmarshal(text, &saved) != nil || saved.State != watch.NotReady {
		t.Errorf("status file: %v\n%s", err, text)
	}
	if code, out := called(site, "site", "heal", "west"); code != exitDone {
		t.Fatal(out)
	}
	if v := <-told; v.State != watch.Ready {
		t.Fatalf("with the target back: %+v", v)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(lines)
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, rest)
	}
	for _, want := range []string{"ready: failover.dtcl, as if east were gone", "not ready: failover.dtcl", "(was ready)", "(was not ready)", "gone        cluster west: no longer every node fenced"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("it did not print %q:\n%s", want, stdout.String())
		}
	}
}

func ask(t *testing.T, url string) (code int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// metric gives the value of a metric with one series.
func metric(t *testing.T, page, name string) float64 {
	t.Helper()
	_, text := ask(t, page+"metrics")
	all, err := watchtest.ParseMetrics(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, s := range all {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("no metric %s:\n%s", name, text)
	return 0
}

// The metrics of the runs count what `standin runs` lists.
func TestMetricsOfRuns(t *testing.T) {
	site := freshSites(t)(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"well.dtcl": `WRITE "x";`, "fails.dtcl": `EXIT 3;`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"run", "well.dtcl"}, {"run", "fails.dtcl"}, {"run", "well.dtcl"}, {"do", "DNS", "QUERY", "exch1.mydomain.com", "A"}} {
		if args[0] == "run" {
			args[1] = filepath.Join(dir, args[1])
		}
		called(site, args...)
	}
	var text bytes.Buffer
	if err := watch.WriteMetrics(&text, testApp(io.Discard, site).runFamilies(t.Context())); err != nil {
		t.Fatal(err)
	}
	all, err := watchtest.ParseMetrics(text.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	got := map[string]float64{}
	for _, s := range all {
		got[fmt.Sprint(s.Name, s.Labels["script"], s.Labels["state"])] = s.Value
	}
	for name, want := range map[string]float64{
		"standin_store_up": 1, "standin_runsdone": 2, "standin_runsfailed": 1, "standin_runswaiting": 0,
		"standin_run_last_statewell.dtcldone": 1, "standin_run_last_statefails.dtclfailed": 1, "standin_run_last_statefails.dtcldone": 0,
	} {
		if g, ok := got[name]; !ok || g != want {
			t.Errorf("%s: got %v, want %v", name, g, want)
		}
	}
}

// A trace and a log go where they are told, and a receiver that is away fails no run.
func TestRunWithATraceAndALog(t *testing.T) {
	site := freshSites(t)(t)
	script := filepath.Join(t.TempDir(), "s.dtcl")
	const text = `PARAM $p SECRET "a password";
STEP "Write" DO DNS ADD mydomain.com x TXT "v=hunter22"; WAIT 1ms; END`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	bodies := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- string(b)
	}))
	log := filepath.Join(t.TempDir(), "log")
	if code, out := called(site, "run", script, "p=hunter22", "--otlp", receiver.URL, "--log", log); code != exitDone {
		t.Fatalf("exit %d\n%s", code, out)
	}
	receiver.Close()
	close(bodies)
	trace := ""
	for b := range bodies {
		trace += b + "\n"
	}
	for _, want := range []string{`"name":"STEP Write"`, `"name":"DNS ADD mydomain.com x TXT`, `"name":"WAIT 1ms"`, `"standin.state","value":{"stringValue":"done"}`, "•••"} {
		if !strings.Contains(trace, want) {
			t.Errorf("the trace has no %s:\n%s", want, trace)
		}
	}
	logged, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"msg":"begin"`, `"msg":"step-end"`, `"msg":"end"`, "•••"} {
		if !strings.Contains(string(logged), want) {
			t.Errorf("the log has no %s:\n%s", want, logged)
		}
	}
	if strings.Contains(trace+string(logged), "hunter22") {
		t.Error("the secret is in the trace or the log")
	}
	code, out := called(site, "run", script, "p=hunter22", "--otlp", receiver.URL)
	if code != exitDone || !strings.Contains(out, "spans of the trace were lost") {
		t.Errorf("with the receiver away: exit %d\n%s", code, out)
	}
}

// Whatever the place of a host is told by, the longest match decides.
func TestPlaces(t *testing.T) {
	table := placeTable{"east": {"10.1.0.0/16", "east.example.com"}, "west": {"10.1.1.0/24", "2001:db8::/32", "dr.east.example.com"}}
	if err := table.validate("standin.toml"); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"10.1.0.5": "east", "10.1.1.9:53": "west", "[2001:db8::1]:389": "west", "10.2.0.1": "", "ns1.east.example.com": "east",
		"ns.dr.east.example.com.": "west", "notdr.east.example.com:636": "east",
	} {
		if got := table.where(t.Context(), host); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
	if err := (placeTable{"east": {"10.1.0.0/99"}}).validate("standin.toml"); err == nil {
		t.Error("10.1.0.0/99 is taken for a network")
	}
}

// What stands in one place only, and a majority of several, is told.
func TestWhatOnePlaceTakesAlong(t *testing.T) {
	table := placeTable{"east": {"10.1.0.0/16"}, "west": {"10.2.0.0/16"}, "third": {"10.3.0.0/16"}}
	for _, c := range []struct {
		hosts    []string
		majority bool
		want     []string // what is found
		told     bool
	}{
		{[]string{"10.1.0.1"}, false, []string{"only in east"}, true},
		{[]string{"10.1.0.1", "10.1.0.2"}, false, []string{"only in east"}, true},
		{[]string{"10.1.0.1", "10.2.0.1"}, false, nil, true},
		{[]string{"10.1.0.1", "192.168.0.1"}, false, nil, false},
		{[]string{"10.1.0.1", "10.2.0.1", "10.3.0.1"}, true, nil, true},
		{[]string{"10.1.0.1", "10.1.0.2", "10.2.0.1"}, true, []string{"2 of 3 members in east"}, true},
		{[]string{"10.1.0.1", "10.2.0.1"}, true, []string{"1 of 2 members in east", "1 of 2 members in west"}, true},
	} {
		check := &checkup{verdict: &watch.Verdict{}, redact: func(s string) string { return s }}
		told := check.standing(t.Context(), table, standing{object: "x", hosts: c.hosts, majority: c.majority})
		var got []string
		for _, f := range check.verdict.Findings {
			got = append(got, f.Got)
		}
		if told != c.told || !slices.Equal(got, c.want) {
			t.Errorf("%v: got %q, %v; want %q, %v", c.hosts, got, told, c.want, c.told)
		}
	}
}

// A clock that is more than a minute off is told, in either direction; one that is not known is not guessed.
func TestClocks(t *testing.T) {
	now := time.Now()
	for at, want := range map[time.Time]bool{
		now: false, now.Add(59 * time.Second): false, now.Add(2 * time.Minute): true, now.Add(-2 * time.Minute): true, {}: false,
	} {
		check := &checkup{verdict: &watch.Verdict{}, redact: func(s string) string { return s }}
		check.clock("agent west", at, now)
		if got := len(check.verdict.Findings) == 1; got != want {
			t.Errorf("%v from here: told %v, want %v", at.Sub(now), got, want)
		}
	}
}

// Each member of the store is looked at by itself: its certificate, and whether it answers. Without most of them no run
// could begin.
func TestReadyLooksAtTheStore(t *testing.T) {
	cluster, files := etcdtest.StartTLS(t, 3)
	site := freshSites(t)(t)
	path := filepath.Join(site, siteName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Appendf(text, "\n[store]\ndriver = 'etcd'\nendpoints = ['%s']\nca_file = '%s'\ncert_file = '%s'\nkey_file = '%s'\n",
		strings.Join(cluster.Endpoints(), "', '"), files.CA, files.Cert, files.Key)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "s.dtcl")
	if err := os.WriteFile(script, []byte(`DNS ADD mydomain.com x A 10.1.0.7;`), 0o600); err != nil {
		t.Fatal(err)
	}
	look := func() (code int, v watch.Verdict) {
		code, out := called(site, "ready", script, "--json")
		if err := json.Unmarshal([]byte(out), &v); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return code, v
	}
	finds := func(v watch.Verdict, severity watch.Severity, check, object string) int {
		n := 0
		for _, f := range v.Findings {
			if f.Severity == severity && f.Check == check && strings.HasPrefix(f.Object, object) {
				n++
			}
		}
		return n
	}
	code, v := look()
	if code != exitDone || finds(v, watch.Warns, checkCertificate, "store's member") != 3 || finds(v, watch.Warns, checkCertificate, "cert_file of the store") != 1 {
		t.Errorf("certificates for a day: exit %d, %+v", code, v.Findings)
	}
	cluster.Kill(1)
	if code, v = look(); code != exitDone || finds(v, watch.Warns, checkUnreachable, "store's member "+cluster.Endpoints()[1]) != 1 {
		t.Errorf("one of three away: exit %d, %+v", code, v.Findings)
	}
	cluster.Kill(2)
	if code, v = look(); code != exitFailed || finds(v, watch.Stops, checkUnreachable, "store of the runs") != 1 {
		t.Errorf("two of three away: exit %d, %+v", code, v.Findings)
	}
}
