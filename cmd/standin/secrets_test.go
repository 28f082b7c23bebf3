package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/standin-project/standin/builtins/directory/directorytest"
	directoryembedded "github.com/standin-project/standin/builtins/directory/embedded"
	"github.com/standin-project/standin/builtins/dns/dnstest"
	"github.com/standin-project/standin/lang/diag"
	"github.com/standin-project/standin/runtime/value"
)

// The secrets of each origin. Those that a user himself hands over on a command line or in the environment of the program
// are known there, and nowhere else.
const (
	ofFile    = `F1le/"quo+ted"&<s>`
	ofCommand = `c0mmand${x}=secret`
	ofLiteral = `L1teral-Pw-77`
	ofLogin   = `L0gin-Pw-88`
	ofOptions = `0ptions-Pw-66`
	ofPrompt  = `Pr0mpt-Pw-99`
	ofMistake = `M1stake-Pw-44`
	wrongBind = `Wr0ng-Bind-Pw-33`

	ofEnv = `Env-S3cret-of-ours`
	ofArg = `Arg-Pw-55-given`
)

// secretive is a site with real servers in it, in a folder where every call is noted.
type secretive struct {
	t       *testing.T
	dir     string
	secrets map[string]string
	calls   int
}

// tell is a program of the user's that knows the secrets and says them in every spelling, and leaves what it was started
// with in the folder seen.
const tell = `#!/bin/sh
tr '\0' '\n' </proc/$$/environ >seen/environ.$$
tr '\0' '\n' </proc/$$/cmdline >seen/cmdline.$$
ulimit -c >seen/core.$$
for f in origin/[!o]*; do # all but the file of options, which is not read yet
	cat "$f"; base64 -w0 "$f"; echo; od -An -tx1 -v "$f" | tr -d ' \n'; echo
done
echo "bad key $(cat origin/file.txt)" >&2
exit ${1:-0}
`

const everything = `
PARAM $file SECRET FROM FILE "origin/file.txt" "from a file";
PARAM $env SECRET FROM ENV "ORIGIN_ENV" "from the environment";
PARAM $command SECRET FROM COMMAND "cat origin/command.txt" "from a program";
PARAM $arg SECRET "given on the command line";
ON ERROR CONTINUE;

WRITE "they are ", $file, $env, " ${$command} ", upper($arg);
$said = EXEC ./tell.sh EFFECT READS;
WRITE $said.output, $said.errors;
dnscmd bind /RecordAdd example.test secretive A 192.0.2.77
dnscmd refused /RecordAdd example.test secretive A 192.0.2.78
WRITE $error;
DIRECTORY real STATUS;
DIRECTORY refused STATUS;
WRITE $error;
LOGIN east admin L0gin-Pw-88;
EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2 -u nobody:L1teral-Pw-77;
WRITE $error;
EXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH2 -o origin/options.txt -l exchange.log;
WRITE $error;
CLUSTER east GROUP "Exchange Group" ONLINE;
RUN "inner.dtcl" (key = $file);
CONFIRM "Send ${$command}?";
EXEC ./tell.sh EFFECT CHANGES;
`

const inner = `
PARAM $key SECRET "handed on";
TRY
    STEP "tell ${$key}" RETRY 1 DO
        EXEC ./tell.sh 3 EFFECT CHANGES;
    END
ON ERROR $e DO
    WRITE $e.message, " ", $e.hint;
END
`

// fails ends badly, so that it can be resumed.
const fails = `
PARAM $file SECRET FROM FILE "origin/file.txt" "from a file";
DNS ADD mydomain.com secretive A 10.9.9.9;
STEP "fail with ${$file}" DO
    EXEC ./tell.sh 3 EFFECT CHANGES;
END
`

const mistaken = `
LOGIN east admin "M1stake-Pw-44;
EXCHFAILOVER -FAILOVR -s EXCH1 -t EXCH2 -u admin:M1stake-Pw-44;
LOGIN east admin ${M1stake-Pw-44};
LOGIN east admin "M1stake-Pw-44"
LOGIN east admin M1stake-Pw-44 extra;
`

func newSecretive(t *testing.T) *secretive {
	t.Helper()
	bind := dnstest.Bind(t)
	ldap := directorytest.OpenLDAP(t, directoryembedded.Entries(directoryembedded.Fresh{Users: 3}))
	s := &secretive{t: t, dir: t.TempDir(), secrets: map[string]string{
		"file": ofFile, "command": ofCommand, "literal": ofLiteral, "login": ofLogin, "options": ofOptions, "prompt": ofPrompt,
		"mistake": ofMistake, "wrong bind": wrongBind, "bind": ldap.Login.Password, "TSIG": bind.Secret,
		"wrong TSIG": base64.StdEncoding.EncodeToString([]byte("not the key of that server 12345")), "environment": ofEnv, "argument": ofArg,
	}}
	for name, text := range map[string]string{
		"origin/file.txt": ofFile + "\n", "origin/command.txt": ofCommand + "\n", "origin/env.txt": ofEnv, "origin/arg.txt": ofArg,
		"origin/literal.txt": ofLiteral, "origin/login.txt": ofLogin, "origin/options.txt": "-u nobody:" + ofOptions,
		"origin/tsig.key": s.secrets["TSIG"] + "\n", "origin/wrong.key": s.secrets["wrong TSIG"] + "\n",
		"origin/bind.pw": ldap.Login.Password + "\n", "origin/wrong.pw": wrongBind + "\n", "origin/ca.pem": string(ldap.CA),
		"tell.sh": tell, "everything.dtcl": everything, "inner.dtcl": inner, "fails.dtcl": fails, "mistaken.dtcl": mistaken, "seen/first": "", "out/first": "",
	} {
		s.write(name, text)
	}
	s.call("site", "init", "site", "--users", "3")
	s.write("site/standin.toml", s.read("site/standin.toml")+fmt.Sprintf(`
[dns.bind]
driver = 'rfc2136'
servers = [%[1]q]
zones = ['example.test']
tsig_name = %[2]q
tsig_secret_file = '../origin/tsig.key'

[dns.refused]
driver = 'rfc2136'
servers = [%[1]q]
zones = ['example.test']
tsig_name = %[2]q
tsig_secret_file = '../origin/wrong.key'

[directories.real]
driver = 'ldap'
url = %[3]q
user = %[4]q
password_file = '../origin/bind.pw'
ca_file = '../origin/ca.pem'

[directories.refused]
driver = 'ldap'
url = %[3]q
user = %[4]q
password_file = '../origin/wrong.pw'
ca_file = '../origin/ca.pem'
`, bind.Address, bind.Keys["hmac-sha256"], ldap.TLS, ldap.Login.User))
	return s
}

func (s *secretive) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

func (s *secretive) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(name)))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *secretive) command(args ...string) *exec.Cmd {
	cmd := exec.Command("standin", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "STANDIN_SITE=site", "ORIGIN_ENV="+ofEnv, "XDG_CONFIG_HOME="+s.dir, "TERM=xterm")
	if slices.Contains(args, "everything.dtcl") { // whose PARAM makes it a secret, wherever it stands
		cmd.Env = append(cmd.Env, "TMPDIR="+ofEnv)
	}
	return cmd
}

// call runs the program and keeps what it printed; how it ends is for its caller to judge.
func (s *secretive) call(args ...string) (out string, code int) {
	s.t.Helper()
	return s.fed("", args...)
}

func (s *secretive) fed(stdin string, args ...string) (out string, code int) {
	s.t.Helper()
	cmd := s.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	s.keep(strings.Join(args, " "), string(text))
	return string(text), cmd.ProcessState.ExitCode()
}

func (s *secretive) keep(what, text string) {
	s.calls++
	// The call's own words are the user's: NAME=VALUE is what he typed.
	what = strings.ReplaceAll(what, ofArg, "…")
	s.write(fmt.Sprintf("out/%03d.txt", s.calls), "$ standin "+what+"\n"+text)
}

// want says that a call ended so and printed this: else the test looks at nothing.
func (s *secretive) want(out string, code, wantCode int, parts ...string) {
	s.t.Helper()
	if code != wantCode {
		s.t.Errorf("exit %d, want %d:\n%s", code, wantCode, out)
	}
	for _, p := range parts {
		if !strings.Contains(out, p) {
			s.t.Errorf("%q is not in\n%s", p, out)
		}
	}
}

// at runs the program on a terminal of its own and talks to it.
func (s *secretive) at(talk func(*screen), args ...string) {
	s.t.Helper()
	cmd := s.command(args...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		s.t.Skip("no pseudo-terminals here:", err)
	}
	screen := &screen{t: s.t, tty: tty, more: make(chan struct{}, 1)}
	go io.Copy(screen, tty) //nolint:errcheck // ends with the program
	defer tty.Close()
	talk(screen)
	cmd.Wait() //nolint:errcheck // the talk has seen how it went
	s.keep(strings.Join(args, " ")+" (on a terminal)", screen.String())
}

// last is the id of the last run.
func (s *secretive) last() string {
	s.t.Helper()
	out, _ := s.call("runs", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	_, rest, _ := strings.Cut(lines[len(lines)-1], `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// spelled gives the ways in which a secret is looked for.
func spelled(secret string) []string {
	quoted := strconv.Quote(secret)
	return []string{
		secret, quoted[1 : len(quoted)-1], strings.ReplaceAll(secret, `"`, `""`), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret)),
		strings.TrimRight(base64.URLEncoding.EncodeToString([]byte(secret)), "="),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
}

// find gives the secret that a text holds, "" for none. except are those that may stand there.
func (s *secretive) find(text string, except ...string) string {
	for name, secret := range s.secrets {
		for _, form := range spelled(secret) {
			for _, e := range except {
				if name == e {
					form = "\x00 never"
				}
			}
			if strings.Contains(text, form) {
				return name + " as " + form
			}
		}
	}
	return ""
}

// A run of everything with known secrets from every origin: no file that is written, nothing that is printed, no argument
// and no environment of a program that is started shows one of them, in whatever spelling.
func TestNoSecretIsAnywhere(t *testing.T) {
	s := newSecretive(t)
	stop := s.watch()
	give := "arg=" + ofArg

	out, code := s.call("plan", "everything.dtcl", give)
	s.want(out, code, exitDone, "they are ••••••", "•••")
	out, code = s.call("plan", "-o", "approved.json", "everything.dtcl", give, "--json")
	s.want(out, code, exitDone, "•••")
	out, code = s.call("--yes", "--log", "calls.log", "run", "everything.dtcl", give)
	s.want(out, code, exitDone, "they are ••••••", "refused", "ended with exit status 3", "RUN online.dtcl", "•••")
	first := s.last()
	out, code = s.call("--yes", "--json", "run", "everything.dtcl", give)
	s.want(out, code, exitDone, `"event":"failed"`, "•••")

	out, code = s.call("run", "fails.dtcl")
	s.want(out, code, exitFailed, "STEP •••", "exit status 3: bad key •••")
	failed := s.last()
	out, code = s.call("resume", failed)
	s.want(out, code, exitFailed, "bad key •••")
	out, code = s.call("undo", failed)
	s.want(out, code, exitDone, "taken back")
	s.call("run", "everything.dtcl", give) // waits for the CONFIRM
	out, code = s.call("answer", s.last(), "yes")
	s.want(out, code, exitDone)

	s.at(func(tty *screen) {
		tty.expect("typed (by a person): ")
		tty.press(ofPrompt + "\r")
		tty.expect("•••")
		tty.expect("failed: ")
	}, "run", s.typed())
	s.at(func(tty *screen) {
		tty.say(`LOGIN east admin `+ofLogin+`;`, "")
		tty.say(`PARAM $k SECRET "the key"; WRITE $k;`, "k (the key): ")
		tty.press(ofPrompt + "\r")
		tty.expect("•••")
		tty.say(`PARAM $f SECRET FROM FILE "origin/file.txt" "f"; EXEC ./tell.sh 3 EFFECT READS;`, "bad key")
		tty.say(`LOGIN east admin "`+ofMistake+`;`, "never closed")
		tty.expect("standin> ")
		tty.press("\x04")
	}, "repl")
	// What a person types at a prompt stands on his screen: the terminal shows it, we do not. A secret's prompt does not.
	typedHere := []string{"login", "mistake"}

	out, code = s.fed("LOGIN east admin "+ofLogin+";\nPARAM $f SECRET FROM FILE \"origin/file.txt\" \"f\"; EXEC ./tell.sh 3 EFFECT READS;\nplan EXEC ./tell.sh EFFECT CHANGES;\n", "repl")
	s.want(out, code, exitFailed, "bad key •••")
	out, code = s.call("check", "mistaken.dtcl")
	s.want(out, code, exitWrong, "never closed", "-FAILOVR", "•••")
	out, code = s.call("check", "--json", "mistaken.dtcl")
	s.want(out, code, exitWrong, "never closed")
	out, code = s.call("run", "mistaken.dtcl")
	s.want(out, code, exitWrong, "never closed")
	out, code = s.call("fmt", "-d", "everything.dtcl")
	s.want(out, code, exitFailed)
	s.forget("fmt prints the script that it was given")

	s.call("site", "check")
	s.call("site", "show", "--json")
	s.call("status")
	s.call("status", "--json")
	s.call("ready", "fails.dtcl")
	s.call("ready", "--json", "everything.dtcl", give)
	out, _ = s.call("runs", "--all", "--json")
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		_, rest, _ := strings.Cut(line, `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		s.call("show", id)
		s.call("show", id, "--json")
		s.call("report", id, "--html", "report-"+id+".html")
		s.call("report", id, "--json")
	}
	out, code = s.call("show", first)
	s.want(out, code, exitDone, "they are •••")
	stop()
	s.everyFile(typedHere)
	s.everyProgram()
}

// typed is a script whose secret a person types.
func (s *secretive) typed() string {
	s.write("typed.dtcl", "PARAM $typed SECRET \"by a person\";\nWRITE $typed;\nEXCHFAILOVER -FAILOVER -s EXCH1 -t EXCH9 -u nobody:"+ofLiteral+";\n")
	return "typed.dtcl"
}

// forget drops the output of the last call, which shows what it was given.
func (s *secretive) forget(string) {
	s.write(fmt.Sprintf("out/%03d.txt", s.calls), "")
}

// everyFile looks into every file that the calls have written.
func (s *secretive) everyFile(typedHere []string) {
	s.t.Helper()
	looked := map[string]int{}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(s.dir, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && name == "origin":
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) == ".dtcl":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		looked[strings.Split(name, string(filepath.Separator))[0]]++
		var except []string
		if bytes.HasPrefix(text, []byte("$ standin repl (on a terminal)")) {
			except = typedHere
		}
		if found := s.find(string(text), except...); found != "" {
			s.t.Errorf("%s holds the secret of the %s", name, found)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, must := range []string{"site", "out", "seen", "approved.json", "calls.log", "standin"} {
		if looked[must] == 0 {
			s.t.Errorf("nothing was written to %s: the test looks at nothing (%v)", must, looked)
		}
	}
	if history := s.read("standin/history"); !strings.Contains(history, "LOGIN east admin •••") {
		s.t.Errorf("the history is %q", history)
	}
}

// everyProgram looks at what the programs said of what they were started with; that none of them shows a secret
// everyFile has seen.
func (s *secretive) everyProgram() {
	s.t.Helper()
	all, err := filepath.Glob(filepath.Join(s.dir, "seen", "environ.*"))
	if err != nil || len(all) < 5 {
		s.t.Fatalf("%d programs were seen (%v), want some", len(all), err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "PATH=") || strings.Contains(string(text), "ORIGIN_ENV") || strings.Contains(string(text), "TMPDIR="+ofEnv) {
			s.t.Errorf("a program had the environment %q, %v", text, err)
		}
		core, err := os.ReadFile(strings.Replace(path, "environ", "core", 1))
		if err != nil || strings.TrimSpace(string(core)) != "0" {
			s.t.Errorf("a program could leave a core of %q, %v", core, err)
		}
	}
}

// watch looks at the arguments and the environment of every program that runs below the test, until stop is called.
func (s *secretive) watch() (stop func()) {
	done := make(chan struct{})
	var over sync.WaitGroup
	seen := 0
	own, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	over.Go(func() {
		for {
			for _, p := range below(os.Getpid()) {
				exe := p.read("exe")
				args, env := p.read("cmdline"), p.read("environ")
				if exe == "" || exe != p.read("exe") || exe == own {
					continue // it has just begun, or is a copy of the test that is about to become another program
				}
				seen++
				var except []string
				if filepath.Base(exe) == "standin" || exe == own {
					except = []string{"environment", "argument"}
				}
				if found := s.find(args, except...); found != "" {
					s.t.Errorf("the arguments of %s hold the secret of the %s", exe, found)
				}
				if found := s.find(env, except...); found != "" {
					s.t.Errorf("the environment of %s holds the secret of the %s", exe, found)
				}
			}
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	return func() {
		close(done)
		over.Wait()
		if _, err := os.Stat("/proc/self/exe"); err == nil && seen == 0 {
			s.t.Error("no program was seen")
		}
	}
}

// process is a program that runs, as /proc has it; where there is no /proc nothing runs.
type process string

func (p process) read(what string) string {
	path := filepath.Join("/proc", string(p), what)
	if what == "exe" {
		to, _ := os.Readlink(path)
		return to
	}
	text, _ := os.ReadFile(path)
	return string(text)
}

// below gives the processes that a process has started, with all that they have.
func below(root int) []process {
	parents := map[string]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 {
			parents[filepath.Base(filepath.Dir(path))] = fields[1]
		}
	}
	var all []process
	for pid := range parents {
		for at := parents[pid]; at != "" && at != "0"; at = parents[at] {
			if at == strconv.Itoa(root) {
				all = append(all, process(pid))
				break
			}
		}
	}
	return all
}

// A panic says what went wrong, and no secret.
func TestAPanicShowsNoSecret(t *testing.T) {
	var out strings.Builder
	a := testApp(&out, "")
	a.learn(value.Secret(ofFile))
	func() {
		defer func() { fmt.Fprint(&out, a.crashed(recover())) }()
		panic(fmt.Errorf("cannot use %s or %q", ofFile, ofFile))
	}()
	if got := out.String(); !strings.Contains(got, "internal error: cannot use ••• or \"•••\"") || !strings.Contains(got, "secrets_test.go") {
		t.Errorf("got %s", got)
	}
}

// The hash of a script with a literal secret would let whoever has the journal try all likely secrets.
func TestTheHashOfASecretIsKeyed(t *testing.T) {
	dir := freshSites(t)(t)
	var out strings.Builder
	a := testApp(&out, dir)
	file, err := a.loadSite()
	if err != nil {
		t.Fatal(err)
	}
	site, err := a.siteOf(file)
	if err != nil {
		t.Fatal(err)
	}
	defer site.close()
	set, err := commands()
	if err != nil {
		t.Fatal(err)
	}
	of := func(text string) string {
		src := &diag.Source{Name: "x.dtcl", Text: text}
		if _, ds := a.checked(src, set, nil); len(ds) > 0 {
			t.Fatal(ds[0])
		}
		return site.fileHash(src)
	}
	plain, secret := "WRITE 1;", "LOGIN east admin pw1;"
	if got := of(plain); got != hash([]byte(plain)) {
		t.Errorf("got %s for a script without a secret", got)
	}
	if got := of(secret); got == hash([]byte(secret)) || got != of(secret) || got == of("LOGIN east admin pw2;") {
		t.Errorf("got %s, again %s, and %s for another secret", got, of(secret), of("LOGIN east admin pw2;"))
	}
}
