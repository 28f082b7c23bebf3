package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oldLines are the command lines of the old programs as batch files hold them, with names of a fresh site.
const oldLines = `
exchfailover -setup -failover -s EXCH1 -t EXCH2
exchfailover -failover -s EXCH1 -t EXCH2
exchfailover.exe -setup -failover -s EXCH1 -t EXCH2
cluster /cluster:"west" group "Exchange Group" /ONLINE
"c:\program files\OpenView\Storage Mirroring\dtcl.exe" wait 25
exchfailover.exe -failover -s EXCH1 -t EXCH2
cluster /cluster:"west" group "Exchange Group" /OFFLINE
exchfailover -setup -failback -s EXCH1 -t EXCH2
exchfailover -failback -nopublicfolders -s EXCH1 -t EXCH2
cluster /cluster:"west" res "Exchange IP Address" /online
cluster /cluster:"west" res "Disk E:" /online
cluster /cluster:"east" group "Exchange Group" /ONLINE
exchfailover -failback -onlypublicfolders -s EXCH1 -t EXCH2
dnscmd dns1 /RecordDelete mydomain.com @ MX 10 exch1.mydomain.com /f
dnscmd dns1 /RecordAdd mydomain.com @ MX 10 exch2.mydomain.com
dnscmd dns1 /RecordDelete mydomain.com WebMail CNAME exch1.mydomain.com /f
dnscmd dns1 /RecordAdd mydomain.com WebMail CNAME exch2.mydomain.com
dnscmd dns1 /RecordDelete mydomain.com Mail CNAME exch1.mydomain.com /f
dnscmd dns1 /RecordAdd mydomain.com Mail CNAME exch2.mydomain.com
dnsCMD dns1 /RecordDelete mydomain.com exch1 A 10.1.0.5 /f
dnsCMD dns1 /RecordDelete 1.10.in-addr.arpa 5.0 PTR exch1.mydomain.com /f
dnsCMD dns1 /RecordAdd mydomain.com exch1 CNAME exch2.mydomain.com
dnscmd dns1 /RecordDelete mydomain.com exch1 CNAME exch2.mydomain.com /f
dnscmd dns1 /RecordAdd mydomain.com exch1 A 10.1.0.5
dnscmd dns1 /RecordAdd 1.10.in-addr.arpa 5.0 PTR exch1.mydomain.com
exchfailover.exe -failover -s ExchSrvr -t ExchSrvr_Bkup -r
exchfailover.exe -failover -s ExchSrvr -t ExchSrvr_Bkup -r Indy:Indy_Bkup -r Boston:Boston_Bkup
exchfailover.exe -failover -s ExchSrvr -t ExchSrvr_Bkup -r Indy, Sales:Indy_Bkup, Sales -r Boston, Sales:Boston_Bkup, Sales
exchfailover.exe -failover -s ExchSrvr -t ExchSrvr_Bkup -r Indy,Sales:Indy_Bkup,Sales -r Boston,Sales:Boston_Bkup,Sales
exchfailover -failover -s Indy -t ExchSrvr_Bkup
exchfailover -failover -s Indy -t ExchSrvr_Bkup -r
exchfailover -failover -s Indy -t ExchSrvr_Bkup -r Sales:Indy_Sales
exchfailover -failover -s Indy -t ExchSrvr_Bkup -r Sales, Inside:Indy_Sales, Inside -r Sales, Outside:Indy_Sales, Outside
exchfailover -failover -s Indy -t ExchSrvr_Bkup -r Sales:Indy_Sales -norus -u administrator:password
exchfailover -failover -s Indy -t ExchSrvr_Bkup -o options_file.txt
exchfailover -?
exchfailover -??
`

// Old command lines are pasted into scripts as they stand, without a semicolon.
func TestOldLinesAreStatements(t *testing.T) {
	dir := freshSites(t)(t)
	script := filepath.Join(t.TempDir(), "old.dtcl")
	if err := os.WriteFile(script, []byte(oldLines), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := testApp(&out, dir).main([]string{"standin", "check", script}); code != exitDone || out.Len() > 0 {
		t.Errorf("exit %d\n%s", code, out.String())
	}
}

// And each is a command of the system's shell; one that names a server that this site has not fails, but is understood.
func TestOldLinesAreCommands(t *testing.T) {
	site := freshSites(t)
	dir := site(t)
	for _, line := range strings.Split(strings.TrimSpace(oldLines), "\n") {
		argv := append([]string{"standin", "do"}, shellWords(line)...)
		var out bytes.Buffer
		code := testApp(&out, dir).main(argv)
		want := exitDone
		if strings.Contains(line, "ExchSrvr") {
			want = exitFailed
		}
		if code != want {
			t.Errorf("%s: exit %d, want %d\n%s", line, code, want, out.String())
		}
		if strings.Contains(out.String(), "password\n") || strings.Contains(out.String(), ":password") {
			t.Errorf("%s: the password shows in\n%s", line, out.String())
		}
	}
}

// shellWords splits a line as a shell does: at blanks outside quotes, which go.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quoted, any := false, false
	for _, r := range line + " " {
		switch {
		case r == '"':
			quoted, any = !quoted, true
		case r == ' ' && !quoted:
			if any {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		default:
			any = true
			word.WriteRune(r)
		}
	}
	return words
}
